// Holds a large figure, gzipped JSON behind its digest, for the view that shows it: what a view is told changes with
// every click, and the figure is not sent again with it.

const figures = (window[Symbol.for("tlx figures")] ??= new Map()) // digest -> figure
const DIGEST = 64 // hexadecimal digits
const held = new WeakMap() // host's parent -> digest

export default function ({ data, parentElement }) {
  const digest = new TextDecoder().decode(data.subarray(0, DIGEST))
  if (held.get(parentElement) !== digest) figures.delete(held.get(parentElement))
  figures.set(digest, data.subarray(DIGEST))
  held.set(parentElement, digest)
  return () => figures.delete(held.get(parentElement))
}
