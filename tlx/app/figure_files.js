// Figures as files, made of the living ones; part of the code of `bokeh_view.js`. A PNG or an SVG is of a copy that is
// drawn out of sight, as wide as a file wants it and without its toolbar; an HTML file has its models and BokehJS in it.

const NARROWEST = 640, BESIDE = 340, WIDEST = 1280 // px of a figure alone, of one among several, and of a row of them
const ROOM = 16, LINE = 22, SAMPLE = [44, 20] // px: between figures, and of the key
const PICTURE = /(?:\.?\/)?media\/[0-9a-f]{16,}\.(?:webp|png|jpe?g|gif)/g
const HEAVIEST = 12 * 2 ** 20 // characters of the pictures that a file takes along
const rows = new Map() // element of a row of buttons -> a promise of what it saves

function files({ data: packed, parentElement }) {
  const row = parentElement.querySelector(".figure-files"), status = row.querySelector("[role=status]")
  const told = unzipped(packed)
  rows.set(row, told)
  offered()
  for (const button of row.querySelectorAll("button")) {
    button.onclick = async () => {
      if (row.querySelector("[aria-busy=true]")) return
      button.setAttribute("aria-busy", "true")
      status.textContent = ""
      try {
        const data = await told, states = statesOf(data), { form } = button.dataset
        await Promise.all(states.map(drawnNow))
        const blob = form === "html" ? await page(states, data) : await image(states, data, form)
        offer(blob, `${data.name}.${form}`)
      } catch (error) {
        console.error(error)
        status.textContent = `The file could not be made (${error.message}).`
      } finally {
        button.removeAttribute("aria-busy")
      }
    }
  }
  return () => rows.delete(row)
}

// Rows show where there is a figure to save. A rule with `:has` would be worked out for all of a page's elements each time
// that one comes or goes.
function offered() {
  const display = living.size ? "" : "none"
  for (const row of rows.keys()) row.closest(".stElementContainer")?.style.setProperty("display", display)
}

// In the order in which they stand on the page.
function statesOf({ figures }) {
  const after = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING)
  const all = [...living.values()].sort((one, other) => (after(one.host, other.host) ? -1 : 1))
  return figures === null ? all : all.filter(({ data: { key } }) => figures.includes(key))
}

async function drawnNow(state) {
  while (!state.drawing && state.host.dataset.failed === undefined && !state.gone) {
    state.near?.()
    await rest(30)
  }
  if (!state.drawing) throw new Error("a figure could not be drawn")
}

function offer(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

function itemFrom({ drawing: { doc } }) {
  return { doc: doc.to_json(false), root_id: doc.roots()[0].id, target_id: null }
}

// --- PNG and SVG

async function image(states, { key }, form) {
  const { colours } = states[0].theme
  const place = document.createElement("div")
  place.style.cssText = "position: fixed; left: -20000px; top: 0; visibility: hidden"
  document.body.append(place)
  const drawn = []
  try {
    for (const state of states) drawn.push(await copyOf(state, place, states.length > 1))
    const [width, height, entries] = arranged(drawn, key, colours)
    return await (form === "png" ? png : svg)(drawn, entries, width, height, colours)
  } finally {
    drawn.forEach(dropped)
    place.remove()
  }
}

function copyOf(state, place, several) {
  const { host, drawing: { bokeh } } = state
  const [least, most] = several ? [BESIDE, WIDEST / 2] : [NARROWEST, WIDEST]
  return copied(bokeh, itemFrom(state), state.theme, place, Math.min(Math.max(host.clientWidth, least), most))
}

// Gives every figure its place, in rows; answers with the whole's width and height and the key's entries with theirs.
function arranged(drawn, key, { font }) {
  let x = ROOM, y = ROOM, tall = 0, width = 0
  for (const one of drawn) {
    if (x > ROOM && x + one.width + ROOM > WIDEST + 2 * ROOM) [x, y, tall] = [ROOM, y + tall + ROOM, 0]
    Object.assign(one, { x, y })
    x += one.width + ROOM
    tall = Math.max(tall, one.height)
    width = Math.max(width, x)
  }
  y += tall + ROOM
  const pen = document.createElement("canvas").getContext("2d")
  pen.font = `12px ${font}`
  const longest = Math.max(0, ...key.map(({ text }) => pen.measureText(text).width))
  const column = SAMPLE[0] + 10 + longest + 24
  const columns = Math.max(1, Math.floor((width - ROOM) / column))
  const lines = Math.ceil(key.length / columns)
  const entries = key.map((one, at) => ({ ...one, x: ROOM + Math.floor(at / lines) * column, y: y + (at % lines) * LINE }))
  return [Math.ceil(Math.max(width, column)), Math.ceil(y + (lines ? lines * LINE + ROOM : 0)), entries]
}

async function png(drawn, entries, width, height, { text, back, font }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE })
  const pen = canvas.getContext("2d")
  pen.fillStyle = back
  pen.fillRect(0, 0, canvas.width, canvas.height)
  for (const one of drawn) pen.drawImage(pictured(one), one.x * SCALE, one.y * SCALE)
  pen.scale(SCALE, SCALE)
  Object.assign(pen, { fillStyle: text, font: `12px ${font}`, textBaseline: "middle" })
  for (const { sample, text, x, y } of entries) {
    const picture = new Image()
    picture.src = `data:image/svg+xml,${encodeURIComponent(sample)}`
    await picture.decode()
    pen.drawImage(picture, x, y, ...SAMPLE)
    pen.fillText(text, x + SAMPLE[0] + 10, y + SAMPLE[1] / 2)
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"))
}

async function svg(drawn, entries, width, height, { text, back, font }) {
  const reader = new DOMParser(), name = "http://www.w3.org/2000/svg"
  const whole = reader.parseFromString(`<svg xmlns="${name}" version="1.1"/>`, "image/svg+xml")
  const root = whole.documentElement
  const add = (tag, attributes, parent = root) => {
    const made = whole.createElementNS(name, tag)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
    return parent.appendChild(made)
  }
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) root.setAttribute(key, value)
  add("rect", { width, height, fill: back })
  for (const [at, { view, x, y }] of drawn.entries()) {
    const said = await view.export("svg", false).to_blob().then((blob) => blob.text())
    const part = reader.parseFromString(apart(said, at), "image/svg+xml").documentElement
    part.setAttribute("x", x)
    part.setAttribute("y", y)
    root.append(whole.importNode(part, true))
  }
  for (const [at, { sample, text: words, x, y }] of entries.entries()) {
    const part = reader.parseFromString(apart(sample, `key${at}`), "image/svg+xml").documentElement
    part.setAttribute("x", x)
    part.setAttribute("y", y)
    root.append(whole.importNode(part, true))
    const look = { x: x + SAMPLE[0] + 10, y: y + SAMPLE[1] / 2 + 4, fill: text, "font-family": font, "font-size": "12px" }
    add("text", look).textContent = words
  }
  return new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml" })
}

// Names inside of one drawing, told apart from those of the drawings beside it.
function apart(said, at) {
  return said.replace(/\bid="([^"]+)"/g, `id="$1-${at}"`).replace(/url\((["']?)#([^"')]+)\1\)/g, `url(#$2-${at})`)
    .replace(/href="#([^"]+)"/g, `href="#$1-${at}"`)
}

// --- HTML

async function page(states, data) {
  const [{ theme: { colours }, drawing: { bokeh } }] = states
  const items = states.map((state) => itemFrom(state))
  const said = JSON.stringify(items)
  const [code, pictures] = await Promise.all([codeOf(bokeh.version), taken(said)])
  const saved = await Promise.all(rows.values())
  const keys = new Map(saved.filter(({ figures }) => figures).map((row) => [row.figures.at(-1), row.key]))
  const keyOf = ({ data: { key } }) => (data.figures ? [] : keys.get(key) ?? [])
  const parts = states.map((state, at) => part(state, at, states[at - 1], keyOf(state)))
  const title = document.querySelector("[data-testid=stMain] h1")?.textContent ?? data.name
  const whole = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(`${title}: ${data.name}`)}</title>
<style>
body { margin: 24px auto; padding: 0 24px; max-width: 1200px; font: 15px/1.5 ${colours.font}; color: ${colours.text};
  background: ${colours.back} }
h1 { font-size: 26px } h2 { font-size: 20px; margin: 32px 0 8px } figure { margin: 0; min-width: 0 }
.figures { display: flex; flex-wrap: wrap; gap: 24px; margin-bottom: 16px }
figcaption, .about { font-size: 13px } .about { overflow-wrap: anywhere }
ul { list-style: none; margin: 8px 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)) }
li { display: flex; gap: 10px; align-items: center; font-size: 13px; min-height: 22px } li svg { flex: none }
</style></head><body>
<h1>${escaped(title)}</h1><p class="about">${escaped(about())}</p>
<div class="figures">${parts.join("\n")}</div>${data.figures ? keyed(data.key) : ""}
<script>${scripted(code)}</script>
<script type="application/json" id="figures">${JSON.stringify({ items: said, pictures, colours }).replace(/</g, "\\u003c")}</script>
<script>
${theming.toString()}
const { items, pictures, colours } = JSON.parse(document.getElementById("figures").textContent)
const known = items.replace(${PICTURE}, (address) => pictures[address] ?? "")
Bokeh.require("core/properties").use_theme({ get: theming(colours) })
JSON.parse(known).forEach((item, at) => Bokeh.embed.embed_item(item, document.getElementById("figure" + at)))
</script></body></html>
`
  return new Blob([whole], { type: "text/html" })
}

function part({ host, data: { label } }, at, before, key) {
  const heading = headingOf(host), same = before !== undefined && headingOf(before.host) === heading
  const apart = (words) => `</div>${words}<div class="figures">`
  const head = heading && !same ? apart(`<h2>${escaped(heading.textContent)}</h2>`) : ""
  const drawn = `<figcaption>${escaped(label)}</figcaption><div id="figure${at}"></div>`
  return `${head}<figure style="flex: 1 1 ${host.clientWidth}px">${drawn}</figure>${key.length ? apart(keyed(key)) : ""}`
}

// The last heading before a figure, below the page's own.
function headingOf(host) {
  const all = [...document.querySelectorAll("[data-testid=stMain] :is(h2, h3)")]
  return all.findLast((one) => one.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING)
}

function keyed(key) {
  return key.length ? `<ul>${key.map(({ sample, text }) => `<li>${sample}<span>${escaped(text)}</span></li>`).join("")}</ul>` : ""
}

// What was selected, as the address tells it, and when the file was made.
function about() {
  const chosen = [...new URLSearchParams(location.search)].map(([name, value]) => `${name} ${value}`)
  return [...chosen, new Date().toISOString().slice(0, 10)].join(" · ")
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

// As text of a script element: what would end it, or begin a comment in it, is written otherwise.
function scripted(code) {
  return code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--")
}

const codes = new Map()

function codeOf(version) {
  const script = [...document.scripts].find(({ src }) => src.endsWith(`bokeh-${version}.min.js`))
  if (!codes.has(version)) codes.set(version, fetch(script.src).then((answer) => answer.text()))
  return codes.get(version)
}

// The pictures that the figures ask the server for, by their addresses, as many as there is room for.
async function taken(said) {
  const found = {}
  let room = HEAVIEST
  for (const address of new Set(said.match(PICTURE) ?? [])) {
    const answer = await fetch(new URL(address, document.baseURI))
    if (!answer.ok) continue
    const picture = await read(await answer.blob())
    if (picture.length > room) continue
    room -= picture.length
    found[address] = picture
  }
  return found
}

function read(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result)
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}
