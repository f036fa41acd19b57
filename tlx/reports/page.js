// Draws the report's figures in the colours that the reader's system asks for, and beside each a light picture as wide
// as paper has room, which stands in its place in print: a canvas keeps the size and the colours of the screen.

const PAPER = 680, GAP = 20 // px of a page's width between its margins, and between figures beside each other
const BESIDE = 6 // pictures that are made at once: most of their time is waiting
const dark = matchMedia("(prefers-color-scheme: dark)")

const themed = (name) => ({ get: theming(COLOURS[name]) })

const all = [...document.querySelectorAll("figure.drawing")].map((host) => {
  const place = host.querySelector(".drawn"), script = host.querySelector("script")
  const item = JSON.parse(script.textContent)
  script.remove()
  return { host, place, item, drawing: undefined }
})

async function draw(one) {
  const place = document.createElement("div"), name = dark.matches ? "dark" : "light"
  Bokeh.require("core/properties").use_theme(themed(name))
  const old = one.drawing
  if (old) old.box.remove()
  one.place.append(place)
  const views = await Bokeh.embed.embed_item({ ...one.item, target_id: null }, place)
  const doc = views.roots[0].model.document
  if (dark.matches) darken(doc)
  one.drawing = { views, doc, bokeh: Bokeh, box: place }
  if (old) dropped(old)
}

// How wide its column is on paper: the style sheet fills the width with as many as have their least.
function paperWidth({ host }) {
  const row = host.parentElement, least = Number(row.dataset.least)
  const columns = Math.max(1, Math.min(row.children.length, Math.floor((PAPER + GAP) / (least + GAP))))
  return Math.floor((PAPER - GAP * (columns - 1)) / columns)
}

async function onPaper(one, aside) {
  const copy = await copied(Bokeh, one.item, themed("light"), aside, paperWidth(one))
  const canvas = pictured(copy)
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"))
  const image = Object.assign(new Image(), { src: URL.createObjectURL(blob), className: "paper" })
  image.alt = one.place.getAttribute("aria-label")
  image.width = Math.round(copy.width)
  dropped(copy)
  await image.decode()
  one.place.after(image)
  one.host.classList.add("on-paper")
}

async function each(figures, action) {
  for (const one of figures) {
    try {
      await action(one)
    } catch (error) {
      console.error(error)
      one.host.dataset.failed = error.message
    }
  }
}

let queue = each(all, draw).then(async () => {
  document.body.dataset.drawn = "all"
  const aside = document.createElement("div")
  aside.style.cssText = "position: fixed; left: -20000px; top: 0; visibility: hidden"
  document.body.append(aside)
  const part = (at) => each(all.filter((_, number) => number % BESIDE === at), (one) => onPaper(one, aside))
  await Promise.all(Array.from({ length: BESIDE }, (_, at) => part(at)))
  aside.remove()
  document.body.dataset.ready = "all"
})
dark.addEventListener("change", () => { queue = queue.then(() => each(all, draw)) })
