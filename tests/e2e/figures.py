"""What tests do with a Bokeh figure in the browser: where its data are, and what it has selected."""

from __future__ import annotations

from typing import Any

# The columns of a named source in the figure of a component, what is selected there, and the screen's coordinates of
# its rows; with `at`, those of one place of the data.
_READ = """([key, name, at]) => {
  const box = document.querySelector(`.st-key-${key} .bkv`)
  const view = [...Bokeh.index.roots].find((view) => box?.contains(view.el))
  if (view === undefined) return null
  const { left, top } = view.canvas_view.events_el.getBoundingClientRect()
  const { x_scale, y_scale } = view.frame
  if (at) return [left + x_scale.compute(at[0]), top + y_scale.compute(at[1])]
  const models = [...view.model.document._all_models.values()]
  const source = models.find((model) => model.name === name && model.selected)
  const columns = Object.fromEntries(Object.entries(source.data).map(([column, values]) => [column, [...values]]))
  return { ...columns, selected: [...source.selected.indices],
           screen_x: columns.x?.map((x) => left + x_scale.compute(x)),
           screen_y: columns.y?.map((y) => top + y_scale.compute(y)) }
}"""
# Whether the figure of a component lies where it lay at the last look.
_STILL = """(key) => {
  const box = document.querySelector(`.st-key-${key} .bkv`)
  const view = [...Bokeh.index.roots].find((view) => box?.contains(view.el))
  if (!view?.frame) return false
  const rectangle = view.canvas_view.events_el.getBoundingClientRect(), { bbox } = view.frame
  const lies = [rectangle.left, rectangle.top, bbox.left, bbox.top, bbox.right, bbox.bottom].join()
  const before = window.lastSeen?.[key]
  window.lastSeen = { ...window.lastSeen, [key]: lies }
  return lies === before
}"""


def drawn(page: Any, key: str) -> Any:
    """Scrolls to the component of this key and waits until its figure is drawn and no longer moves; its locator."""
    page.locator(f".st-key-{_css(key)} .bkv").scroll_into_view_if_needed(timeout=300_000)
    box = page.locator(f".st-key-{_css(key)} .bkv[data-ready]")
    box.wait_for(timeout=300_000)
    page.evaluate("(key) => { delete window.lastSeen?.[key] }", _css(key))
    page.wait_for_function(_STILL, arg=_css(key), polling=150, timeout=30_000)
    return box


def marks(page: Any, key: str, name: str = "points") -> dict[str, list[Any]]:
    """The columns of the figure's source `name`, `selected` (row numbers), `screen_x` and `screen_y` (pixels)."""
    drawn(page, key)
    found: dict[str, list[Any]] = page.evaluate(_READ, [_css(key), name, None])
    return found


def place(page: Any, key: str, x: float, y: float) -> tuple[float, float]:
    """Where a place of the figure's data lies on the screen."""
    drawn(page, key)
    left, top = page.evaluate(_READ, [_css(key), "", [x, y]])
    return left, top


def wait_for_marks(page: Any, key: str, name: str, condition: str, value: object) -> None:
    """Waits until `condition`, a JavaScript function of what `marks` answers and of `value`, holds."""
    script = f"([of, value]) => {{ const found = ({_READ})(of); return found && ({condition})(found, value) }}"
    page.wait_for_function(script, arg=[[_css(key), name, None], value], timeout=30_000)


def _css(key: str) -> str:
    """The key as Streamlit writes it into a class."""
    return key.replace(" ", "-")
