// What pages and files of figures share: how Bokeh's defaults follow a page's colours, and copies of figures that are
// drawn out of sight to be made pictures of.

const SCALE = 2 // pixels of a PNG to one of the page

// Text whose colour tells its model reads on a light page; a dark one takes the palette in its tags.
function darken(doc) {
  for (const model of doc._all_models.values()) {
    const tag = model.tags?.find((one) => one?.dark ?? one?.get?.("dark"))
    if (tag !== undefined) model.palette = tag.dark ?? tag.get("dark")
  }
}

// Bokeh asks what this answers for every attribute a figure leaves open. Saved files have its text, so that it knows
// nothing but its argument.
function theming({ text, back, font, faint, grid, raised, canvas }) {
  const tooltip = `:host { color: ${text}; background-color: ${raised}; border-color: ${faint}; border-radius: 6px;
    padding: 8px; opacity: 1; font-family: ${font}; --tooltip-arrow-color: ${faint}; --tooltip-arrow-inner-color: ${raised} }`
  return (model, attribute) => {
    if (attribute.endsWith("text_font")) return font || undefined
    if (/^(major_label|group|subgroup)_text_font_size$/.test(attribute)) return "12px"
    if (/^(axis|major|group|subgroup)_label_text_color$|^(group|subgroup|label|title|major_label)_text_color$/.test(attribute)) return text
    if (attribute === "text_color" && /^(Title|Label|LabelSet|Text)$/.test(model.type)) return text
    if (/^(axis|major_tick|minor_tick)_line_color$/.test(attribute)) return faint
    if (attribute === "grid_line_color") return grid
    if (attribute === "background_fill_color" && /^(Legend|ColorBar)$/.test(model.type)) return back
    if (attribute === "border_line_color" && model.type === "Legend") return grid
    if (/^(background|border)_fill_color$/.test(attribute) && /^(Figure|Plot)$/.test(model.type)) return back // seen in a saved PNG
    if (attribute === "outline_line_color" && /^(Figure|Plot)$/.test(model.type)) return grid
    if (attribute === "stylesheets" && model.type === "Tooltip") return [tooltip]
    if (attribute === "stylesheets" && model.type === "Canvas") return [canvas]
    return undefined
  }
}

// Bokeh keeps every document it made in a list of its own.
function release(bokeh, doc) {
  doc.clear()
  const at = bokeh.documents.indexOf(doc)
  if (at >= 0) bokeh.documents.splice(at, 1)
}

function eachModel(node, visit) {
  if (node === null || typeof node !== "object" || ArrayBuffer.isView(node)) return
  if (node.type === "object" && node.attributes) visit(node)
  Object.values(node).forEach((part) => eachModel(part, visit))
}

// A figure as wide as is asked for, without its toolbar, drawn in a place that nobody sees. On Bokeh's canvas, also for an
// SVG, which is painted from it all the same: made for SVG, legends take too much room.
async function copied(bokeh, item, theme, place, width) {
  const own = JSON.parse(JSON.stringify(item))
  eachModel(own.doc, (model) => {
    if (!/^(Figure|Plot|GridPlot)$/.test(model.name)) return
    model.attributes.toolbar_location = null
  })
  const box = document.createElement("div")
  box.style.width = `${width}px`
  place.append(box)
  bokeh.require("core/properties").use_theme(theme)
  const views = await bokeh.embed.embed_item(own, box)
  const [view] = views.roots, doc = view.model.document
  for (let tries = 0; tries < 200 && !(view.has_finished() && view.bbox.width > 0); tries++) await rest(25)
  await rest(100) // texts follow the scale once it is known
  return { views, view, doc, bokeh, box, width: view.bbox.width, height: view.bbox.height }
}

function dropped({ views, doc, bokeh, box }) {
  views.clear()
  release(bokeh, doc)
  box.remove()
}

const rest = (time) => new Promise((resolve) => setTimeout(resolve, time))

// A copy as a canvas of SCALE pixels to one of the page. Bokeh makes a picture in the screen's pixels; for the moment
// this takes, the screen is as fine as the file. The samples in a legend are canvases of their own, painted before.
function pictured({ view, views, doc }) {
  const own = Object.getOwnPropertyDescriptor(window, "devicePixelRatio")
  Object.defineProperty(window, "devicePixelRatio", { value: SCALE, configurable: true })
  try {
    const legends = [...doc._all_models.values()].filter(({ type }) => type === "Legend")
    for (const legend of legends) views.find_one(legend)?._paint_glyphs()
    return view.export("png", true).canvas
  } finally {
    if (own) Object.defineProperty(window, "devicePixelRatio", own)
    else delete window.devicePixelRatio
  }
}
