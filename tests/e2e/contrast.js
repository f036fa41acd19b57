// Answers with every text on the page that stands out from its ground by less than 4.5 : 1 (WCAG 2), canvases aside.
() => {
  const canvas = document.createElement("canvas"), paint = canvas.getContext("2d", { willReadFrequently: true })
  const parsed = (colour) => {
    paint.clearRect(0, 0, 1, 1)
    paint.fillStyle = colour
    paint.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = ([r, g, b, a], ground) => [r, g, b].map((part, i) => part * a + ground[i] * (1 - a)).concat(1)
  const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  const lineage = (element) => element ? [element, ...lineage(element.parentElement)] : []
  const ground = (element) => {
    const grounds = lineage(element).map((one) => parsed(getComputedStyle(one).backgroundColor))
    return grounds.reverse().reduce((below, one) => over(one, below), [255, 255, 255, 1])
  }
  const found = new Set()
  const texts = document.createTreeWalker(document.querySelector("[data-testid=stApp]"), NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const words = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement
    const { width, height } = element.getBoundingClientRect(), style = getComputedStyle(element)
    const aside = element.closest("style, script, [data-testid=stHeader], [data-testid=stIconMaterial], [disabled]")
      ?? element.closest("[data-testid=stSliderThumbValue]") // a child of the thumb that stands above it, on the page
    if (!words || width < 2 || height < 2 || style.visibility === "hidden" || aside) continue
    const opacity = lineage(element).reduce((so_far, one) => so_far * Number(getComputedStyle(one).opacity), 1)
    if (opacity < 0.05) continue
    const below = ground(element), colour = parsed(style.color)
    colour[3] *= opacity
    const [low, high] = [light(over(colour, below)), light(below)].sort((a, b) => a - b)
    const ratio = (high + 0.05) / (low + 0.05)
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)} : 1, ${words.slice(0, 60)}`)
  }
  return [...found]
}
