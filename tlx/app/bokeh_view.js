// Draws Bokeh figures and reports what the user does with them. Streamlit sends a component's code with every one of
// its elements, so that this comes once, in an element without looks, and those of the figures know where it is
// (`LOADER` in Python). They call `view` when one mounts and again whenever its data or the theme change; the function
// it returns runs once, at unmount.

// What figures of the same parts differ in; everything else that differs takes another drawing.
const SWAPPED = ["data", "text", "low", "high", "start", "end", "factors", "axis_label", "ticks", "major_label_overrides",
                 "label", "index", "visible", "location", "html", "tooltips", "tags"]
const REST = 120 // ms without a further change after which a selection counts as made
// A frame around a figure tells who uses the keyboard where it is; a click needs none.
const CANVAS = `.bk-events:focus:not(:focus-visible) { outline: none }
  .bk-events { touch-action: var(--bkv-touch, pan-x pan-y pinch-zoom) !important }`
const SWIPES = "pan-x pan-y pinch-zoom" // what a finger's moves mean until somebody chose a tool for them: the page's
const living = new Map() // host's parent -> what is drawn there
// layout -> the part that was looked at when the figure left the page; it comes back with the same layout
const looked = (window[Symbol.for("tlx looked at")] ??= new Map())
const REMEMBERED = 20
const NEAR = "50% 0px" // of the window's height, from which on a figure is drawn when there is time
const LATER = 600 // ms for which what is in the window has the browser to itself, and again while it is not drawn
const MOMENT = 50 // ms for which a page's theme is taken to be the same
let answered // that theme

export default function () {
  window[Symbol.for("tlx bokeh view")] ??= { view, files } // `files` stands in `figure_files.js`
}

function view(component) {
  const { parentElement } = component
  let state = living.get(parentElement)
  if (state === undefined) {
    state = { host: parentElement.querySelector(".bkv"), queue: Promise.resolve(), drawings: 0, timers: new Map() }
    living.set(parentElement, state)
    offered()
    state.host.addEventListener("pointerdown", (event) => state.touched?.(event), true)
  }
  Object.assign(state, { component, ...unpacked(component.data) }) // the newest data and the newest way to report
  state.queue = state.queue.then(() => update(state)).catch((error) => fail(state, error))
  return () => {
    state.gone = true
    state.near?.()
    state.leave?.()
    living.delete(parentElement)
    offered()
    state.timers.forEach(clearTimeout)
    remember(state)
    discard(state.drawing)
  }
}

// The settings' length, the settings as JSON, the figure as gzipped JSON: see `message` in Python.
function unpacked(bytes) {
  const begin = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  return { data: JSON.parse(new TextDecoder().decode(bytes.subarray(4, begin))), packed: bytes.subarray(begin) }
}

// undefined where another figure is wanted by now.
async function itemOf(state) {
  const { data: { digest } } = state
  let { packed } = state
  while (packed.length === 0) { // a large figure comes in an element of its own: see `large_figure.js`
    packed = window[Symbol.for("tlx figures")]?.get(digest) ?? packed
    if (packed.length === 0) await new Promise((resolve) => setTimeout(resolve, 15))
    if (state.gone || state.data.digest !== digest) return undefined
  }
  return unzipped(packed)
}

const unzipped = (packed) =>
  new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json()

async function update(state) {
  const { host } = state
  if (state.gone) return
  if (state.drawing === undefined) await comesNear(state)
  if (state.gone) return
  const { data } = state // by now another figure may be wanted
  const bokeh = await library(data.version)
  if (state.gone) return
  const theme = pageTheme(host)
  const sameTheme = theme.key === state.theme?.key
  const sameFigure = data.digest === state.digest
  if (!(sameTheme && sameFigure)) {
    const item = await itemOf(state)
    if (state.gone || item === undefined) return
    if (!(sameTheme && swap(state, item))) await draw(state, bokeh, theme, item, sameFigure)
    if (state.gone) return
    Object.assign(state, { theme, digest: data.digest, layout: data.layout })
    offerFullScreen(state)
  }
  quietly(state, () => {
    layOver(state.drawing.doc, state.data.overlay)
    applySelection(state)
  })
  host.setAttribute("aria-label", data.label)
  host.style.minHeight = ""
  // The page kept room for it, of its natural height; now it knows its own, and tooltips may reach beyond it.
  Object.assign(host.closest(".stElementContainer").style, { height: "auto", flex: "none", overflow: "visible" })
  host.dataset.ready = String(++state.drawings)
}

// A figure in the window is drawn at once, one just below once those are drawn and the browser has nothing else to do, one
// far below when somebody scrolls there, and all when the page is printed; until then a figure's room is kept.
function comesNear(state) {
  const { host, data } = state
  host.setAttribute("aria-label", data.label)
  host.style.minHeight = data.height ? `${data.height}px` : ""
  const root = host.closest("[data-testid=stMain]")
  return new Promise((resolve) => {
    const here = () => {
      state.seen = true
      near()
    }
    const later = () => setTimeout(() => state.gone || (awaited() ? later() : idle(near)), LATER)
    const watching = [["0px", here], [NEAR, later]].map(([rootMargin, then]) => {
      const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && then(), { root, rootMargin })
      observer.observe(host)
      return observer
    })
    const near = () => {
      watching.forEach((observer) => observer.disconnect())
      removeEventListener("beforeprint", near)
      resolve()
    }
    state.near = near // also when it leaves the page
    addEventListener("beforeprint", near)
  })
}

// Whether something in the window is still to be drawn.
const awaited = () => [...living.values()].some(({ seen, drawing, host }) => seen && !drawing && !("failed" in host.dataset))

// Safari has no idle time to offer.
const idle = (then) => (window.requestIdleCallback ?? setTimeout)(then)

// BokehJS as streamlit-bokeh ships it, from this very server: no other host is asked. One per page, loaded once.
function library(version) {
  if (window.Bokeh?.version === version) return Promise.resolve(window.Bokeh)
  const slot = Symbol.for(`tlx bokeh ${version}`)
  window[slot] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = `${serverRoot()}/_stcore/bidi-components/streamlit-bokeh.streamlit_bokeh/bokeh/bokeh-${version}.min.js`
    script.onload = () => resolve(window.Bokeh)
    script.onerror = () => { delete window[slot]; reject(new Error(`BokehJS ${version} could not be loaded`)) }
    document.head.append(script)
  })
  return window[slot]
}

// The page's own bundle tells where the server lives, below a base path too.
function serverRoot() {
  const bundle = [...document.scripts].map((script) => script.src).find((src) => src.includes("/static/js/"))
  return bundle === undefined ? "" : bundle.slice(0, bundle.indexOf("/static/js/"))
}

// Drawn out of sight and then put in the old one's place. Its colours and what is chosen in it are laid in before it is
// painted, once.
async function draw(state, bokeh, theme, item, keepZoom) {
  const { host, data } = state
  const place = document.createElement("div")
  place.className = "bkv-fresh"
  host.append(place)
  bokeh.require("core/properties").use_theme(theme)
  const doc = bokeh.require("document").Document.from_json(item.doc)
  if (theme.dark) darken(doc)
  layOver(doc, data.overlay)
  const views = await bokeh.embed.add_document_standalone(doc, place)
  const drawing = { views, doc, place, bokeh, item, natural: new Map(fixedRanges(doc)) }
  if (state.gone) return discard(drawing)
  if (keepZoom && state.drawing) copyZoom(state.drawing.doc, doc)
  else lookAgain(doc, looked.get(data.layout))
  discard(state.drawing)
  place.className = ""
  state.drawing = drawing
  listen(state)
  leaveSwipes(state)
  enterable(state) // in `figure_keys.js`
}

// A finger moves the page, not what lies under it, until its owner chooses a tool that moves or zooms. A mouse has
// another way to scroll, so that a lasso may be at hand from the start.
function leaveSwipes(state) {
  const { host, drawing: { doc } } = state
  const tools = [...doc._all_models.values()].filter((model) => model.event_types?.some((type) => /pan|scroll/.test(type)))
  let chosen = false, choosing = true
  const lay = () => host.style.setProperty("--bkv-touch", chosen ? "none" : SWIPES)
  for (const tool of tools) {
    tool.properties.active.change.connect(() => {
      if (!choosing) return
      chosen = tools.some(({ active }) => active)
      lay()
    })
  }
  const disarm = () => {
    if (chosen) return
    choosing = false
    for (const tool of tools) tool.active = false
    choosing = true
  }
  state.touched = ({ pointerType }) => pointerType === "touch" && disarm()
  if (matchMedia("(pointer: coarse)").matches) disarm() // the toolbar then shows what is armed
  lay()
}

function discard(drawing) {
  if (drawing === undefined) return
  const { views, doc, place, bokeh } = drawing
  views.clear()
  release(bokeh, doc)
  place.remove()
}

// Of the same parts, with other numbers: the living figure takes them, and keeps tools and tooltips, and where its
// layout is the same the zoom. False where the figure must be drawn anew.
function swap(state, item) {
  const { drawing, data } = state
  if (drawing === undefined) return false
  const sameLayout = data.layout !== null && data.layout === state.layout
  const events = changes(drawing.item.doc, item.doc)
  if (events === undefined || !(sameLayout || unmoved(drawing))) return false
  quietly(state, () => {
    drawing.doc.apply_json_patch({ events })
    for (const { model: { id }, attr, new: value } of events) {
      if (drawing.natural.has(id)) drawing.natural.get(id)[attr] = value
      if (attr === "data") drawing.doc.get_model_by_id(id).selected.indices = []
    }
    if (!sameLayout) lookAgain(drawing.doc, looked.get(data.layout))
  })
  drawing.item = item
  enterable(state) // in `figure_keys.js`
  return true
}

// What makes the first figure the second, as Bokeh's protocol has it; undefined where their parts differ. Equal parts
// have equal numbers: see `figure_json` in Python.
function changes(one, other) {
  const events = []
  const pair = (one, other, id) => {
    if (one === other) return true
    if (!(one && other && typeof one === "object" && typeof other === "object")) return false
    const names = Object.keys(one)
    return names.length === Object.keys(other).length && names.every((name) => {
      if (!(name in other)) return false
      const [was, is] = [one[name], other[name]]
      if (id === undefined || !SWAPPED.includes(name)) return pair(was, is, name === "attributes" ? one.id : undefined)
      if (JSON.stringify(was) !== JSON.stringify(is)) events.push({ kind: "ModelChanged", model: { id }, attr: name, new: is })
      return true
    })
  }
  return pair(one, other) ? events : undefined
}

function sourceNamed(doc, name) {
  const models = [...doc._all_models.values()].filter((model) => model.name === name)
  return models.find((model) => model.selected) ?? models.find((model) => model.data_source)?.data_source
}

// Fixed ranges by id, each with its ends: those of equal figures have equal ids.
function fixedRanges(doc) {
  const ranges = [...doc._all_models.values()].filter((model) => model.type === "Range1d")
  return ranges.map(({ id, start, end }) => [id, { start, end }])
}

// Those that show another part than at first.
function movedRanges({ doc, natural }) {
  return fixedRanges(doc).filter(([id, { start, end }]) => {
    const first = natural.get(id)
    return first && (first.start !== start || first.end !== end)
  })
}

function unmoved(drawing) {
  const following = [...drawing.doc._all_models.values()].filter((model) => model.type === "DataRange1d")
  return movedRanges(drawing).length === 0 && !following.some((range) => range.have_updated_interactively)
}

function remember({ drawing, layout }) {
  if (drawing === undefined || layout == null) return
  const moved = movedRanges(drawing)
  looked.delete(layout)
  if (moved.length) looked.set(layout, moved)
  if (looked.size > REMEMBERED) looked.delete(looked.keys().next().value)
}

function lookAgain(doc, ranges) {
  for (const [id, ends] of ranges ?? []) doc.get_model_by_id(id)?.setv(ends)
}

function copyZoom(from, to) {
  for (const range of from._all_models.values()) {
    const twin = to.get_model_by_id(range.id)
    if (!/^(Data)?Range1d$/.test(range.type) || twin === null) continue
    twin.have_updated_interactively = true // a range that follows its data must not follow it back
    twin.setv({ start: range.start, end: range.end })
  }
}

function listen(state) {
  const { drawing: { doc }, data } = state
  const report = (event, value) => state.gone || state.component.setTriggerValue(event, value)
  if (data.taps) {
    const tapped = ({ x, y }) => Number.isFinite(x) && Number.isFinite(y) && report("tap", { x, y })
    for (const plot of doc._all_models.values()) {
      if (!/^(Figure|Plot)$/.test(plot.type)) continue
      plot.on_event("tap", tapped)
      plot.on_event("doubletap", tapped) // a second tap within 300 ms is called a double tap and no tap
    }
  }
  for (const name of data.select) {
    const source = sourceNamed(doc, name)
    source?.selected.properties.indices.change.connect(() => {
      if (state.quiet) return
      clearTimeout(state.timers.get(name))
      const say = () => report("select", { name, indices: [...source.selected.indices] })
      state.timers.set(name, setTimeout(say, REST))
    })
  }
}

// Columns of what was chosen, in place of the figure's own.
function layOver(doc, overlay) {
  for (const [name, columns] of Object.entries(overlay)) {
    const source = sourceNamed(doc, name)
    const same = source && Object.entries(columns).every(([key, column]) => String(source.data[key]) === String(column))
    if (source && !same) source.data = { ...source.data, ...columns }
  }
}

function applySelection(state) {
  for (const [name, indices] of Object.entries(state.data.selected)) {
    const selected = sourceNamed(state.drawing.doc, name)?.selected
    if (selected && String(selected.indices) !== String(indices)) selected.indices = indices
  }
}

// What the app itself changes is not reported back to it.
function quietly(state, change) {
  state.quiet = true
  try { change() } finally { state.quiet = false }
}

// The page's colours and font, as plain colours. All figures of a page ask at once, and one answer does for all.
function pageTheme(host) {
  if (answered === undefined) {
    answered = themeAt(host)
    setTimeout(() => { answered = undefined }, MOMENT)
  }
  return answered
}

function themeAt(host) {
  const style = getComputedStyle(host)
  const [text, back, font] = ["--st-text-color", "--st-background-color", "--st-font"]
    .map((name) => style.getPropertyValue(name).trim())
  const mixed = (share) => resolve(host, `color-mix(in srgb, ${text} ${share}%, ${back})`)
  const colours = { text, back, font, faint: mixed(45), grid: mixed(14), raised: mixed(7), canvas: CANVAS }
  const dark = resolve(host, back).match(/\d+/g).reduce((sum, part) => sum + Number(part), 0) < 384
  return { get: theming(colours), colours, dark, key: [text, back, font].join("|") }
}

// A canvas takes plain colours only: the browser works the mixture out.
function resolve(host, colour) {
  const probe = document.createElement("span")
  probe.style.color = colour
  host.append(probe)
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [128, 128, 128]).map(Number)
  const scale = getComputedStyle(probe).color.startsWith("color(") ? 255 : 1
  probe.remove()
  return `rgb(${[r, g, b].map((part) => Math.round(part * scale)).join(", ")})`
}

function fail(state, error) {
  if (state.gone) return
  console.error(error)
  state.host.dataset.failed = error.message
  state.host.textContent = `This figure could not be drawn (${error.message}). Reload the page to try again.`
}
