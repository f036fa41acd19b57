// A button that shows a figure, with what stands in the same container, on the whole screen. Part of the code of
// `bokeh_view.js`.

const EDGE = 24, BAR = 40 // px around what is shown, and for a figure's toolbar

function offerFullScreen(state) {
  const { host } = state
  if (!state.data.full_screen || !document.fullscreenEnabled) return
  if (state.whole) return fill(state) // drawn anew meanwhile
  const button = Object.assign(document.createElement("button"), { type: "button", className: "bkv-full" })
  button.innerHTML = `<svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true"><path fill="none"
    stroke="currentColor" stroke-width="1.6" d="M1 6V1H6M10 1H15V6M15 10V15H10M6 15H1V10"/></svg><span></span>`
  host.append(button)
  const around = host.closest(".stElementContainer")?.parentElement.closest("[class*=st-key-]") ?? host
  const isWhole = () => document.fullscreenElement === around
  const name = () => { button.lastChild.textContent = isWhole() ? "Leave full screen" : "Full screen" }
  button.onclick = () => (isWhole() ? document.exitFullscreen() : around.requestFullscreen())
  state.whole = { around, isWhole, natural: new Map() }
  const changed = () => {
    name()
    fill(state)
  }
  const resized = () => isWhole() && fill(state) // the window grows after it was told that it is whole
  document.addEventListener("fullscreenchange", changed)
  addEventListener("resize", resized)
  state.leave = () => {
    document.removeEventListener("fullscreenchange", changed)
    removeEventListener("resize", resized)
  }
  name()
}

// As large as the screen lets it, and as before when it is left.
function fill(state) {
  const { host, drawing, whole: { around, isWhole, natural } } = state
  if (!drawing) return
  const [root] = drawing.doc.roots(), shown = isWhole()
  around.style.background = shown ? state.theme.colours.back : ""
  around.style.color = shown ? state.theme.colours.text : ""
  const tall = innerHeight - 2 * EDGE - BAR
  if (!natural.has(root)) natural.set(root, { max_width: root.max_width, height: root.height })
  const own = natural.get(root)
  const { aspect_ratio: ratio } = root
  if (typeof ratio === "number") {
    root.max_width = shown ? null : own.max_width
    const key = [...around.children].filter((one) => getComputedStyle(one).position === "absolute")
    const wide = innerWidth - 2 * EDGE - Math.max(0, ...key.map((one) => one.offsetWidth))
    Object.assign(host.style, shown ? { width: `${Math.min(wide, tall * ratio)}px`, maxWidth: "none" } : { width: "", maxWidth: "" })
  } else root.height = shown ? tall : own.height
}
