// The keyboard in a figure whose model has stops in its tags (grids of places that can be chosen: x, y, across, down,
// title): Tab enters it, arrows move a cursor, Enter chooses what a tap there would, Escape leaves. Part of the code of
// `bokeh_view.js`.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
const ASIDE = 3 // times as far what lies to the side counts as what lies ahead
const HELP = "Arrow keys move over what can be chosen, Enter chooses, Escape leaves."

function enterable(state) {
  const { host, drawing: { doc, views } } = state
  const [plot] = doc.roots(), [view] = views.roots
  const grids = plot.tags?.map((tag) => tag?.stops ?? tag?.get?.("stops")).find((one) => one !== undefined)
  if (grids === undefined) return
  const of = (grid, name) => grid[name] ?? grid.get(name)
  state.stops = grids.flatMap((grid) => {
    const [x, y, across, down, title] = ["x", "y", "across", "down", "title"].map((name) => of(grid, name))
    return [...x].flatMap((left, column) => [...y].map((top, row) => {
      const words = [down[row], across[column]].filter(Boolean)
      return words.length ? { x: left, y: top, words: `${title}: ${words.join(", ")}` } : undefined
    }).filter(Boolean))
  })
  view.canvas_view.events_el.tabIndex = -1 // one way in
  if (state.cursor === undefined) prepare(state)
  state.followed ??= () => point(state) // Bokeh connects the same one once
  for (const range of [plot.x_range, plot.y_range]) range.change.connect(state.followed)
  const { words } = state.at ?? {}
  state.at = state.stops.find((stop) => stop.words === words)
  if (state.at === undefined) state.cursor.hidden = true
  point(state)
}

function prepare(state) {
  const { host } = state
  const add = (kind, attributes) => {
    const made = Object.assign(document.createElement("div"), { className: `bkv-${kind}` })
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
    return host.appendChild(made)
  }
  state.cursor = add("cursor", { "aria-hidden": "true", hidden: "" })
  state.cursor.append(document.createElement("span"))
  state.said = add("said", { "aria-live": "assertive" })
  const help = add("said", { id: `help ${state.data.key}`.replace(/[^\w-]+/g, "-") })
  help.textContent = HELP
  host.tabIndex = 0
  host.setAttribute("role", "application")
  host.setAttribute("aria-roledescription", "figure")
  host.setAttribute("aria-describedby", help.id)
  host.addEventListener("keydown", (event) => event.target === host && pressed(state, event))
  host.addEventListener("focus", () => host.matches(":focus-visible") && go(state, state.at ?? state.stops[0]))
  host.addEventListener("blur", () => { state.cursor.hidden = true })
  new ResizeObserver(() => point(state)).observe(host)
}

function pressed(state, event) {
  if (event.altKey || event.ctrlKey || event.metaKey || !state.drawing) return
  const arrow = ARROWS[event.key]
  if (arrow !== undefined) go(state, ahead(state, ...arrow) ?? state.at)
  else if (event.key === "Escape") state.host.blur()
  else if (/^(Enter| )$/.test(event.key) && state.at && !state.cursor.hidden) {
    const { at: { x, y, words } } = state
    state.component.setTriggerValue("tap", { x, y })
    state.said.textContent = `Chosen: ${words}`
  } else return
  event.preventDefault()
}

// Where a place of the figure lies in its host, px.
function spot({ host, drawing: { views: { roots: [view] } } }, { x, y }) {
  const own = host.getBoundingClientRect(), { left, top } = view.canvas_view.events_el.getBoundingClientRect()
  return [view.frame.x_scale.compute(x) + left - own.left, view.frame.y_scale.compute(y) + top - own.top]
}

// The nearest stop in a direction; one that lies straight ahead before those aside.
function ahead(state, right, down) {
  const from = state.at ?? state.stops[0], [x, y] = spot(state, from)
  let best, least = Infinity
  for (const stop of state.stops) {
    const [across, along] = spot(state, stop).map((place, axis) => place - [x, y][axis])
    const forward = across * right + along * down, aside = Math.abs(across * down) + Math.abs(along * right)
    const far = forward + ASIDE * aside
    if (forward > 0.5 && far < least) [best, least] = [stop, far]
  }
  return best
}

function go(state, stop) {
  state.at = stop
  state.cursor.hidden = stop === undefined
  if (stop === undefined) return
  state.cursor.firstChild.textContent = stop.words
  state.said.textContent = stop.words
  point(state)
  state.cursor.scrollIntoView({ block: "nearest", inline: "nearest" })
}

function point(state) {
  if (!state.at || !state.drawing || state.cursor.hidden) return
  const [x, y] = spot(state, state.at)
  Object.assign(state.cursor.style, { left: `${x}px`, top: `${y}px` })
  state.cursor.classList.toggle("leftwards", x > state.host.clientWidth / 2)
}
