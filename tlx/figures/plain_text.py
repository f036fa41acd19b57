"""Names in a figure's texts are words: Bokeh would typeset what stands between `$$`, `\\[ \\]` or `\\( \\)` as TeX."""

from __future__ import annotations

import re

from bokeh.models import Axis, LayoutDOM, TextAnnotation

_TEX = re.compile(r"\$(?=\$)|\\(?=[\[(])")  # the first character of each opening mark
_JOINER = "\u2060"  # has no width and no looks; between two characters it makes them no mark of TeX any more


def plain(figure: LayoutDOM) -> LayoutDOM:
    """The same figure with every text that Bokeh would read as TeX (titles, labels of axes and ticks) made plain."""
    for model in figure.references():
        if isinstance(model, TextAnnotation) and isinstance(model.text, str):
            model.text = _words(model.text)
        elif isinstance(model, Axis):
            if isinstance(model.axis_label, str):
                model.axis_label = _words(model.axis_label)
            overrides = model.major_label_overrides
            if any(isinstance(label, str) and _TEX.search(label) for label in overrides.values()):
                model.major_label_overrides = {
                    tick: _words(label) if isinstance(label, str) else label for tick, label in overrides.items()
                }
    return figure


def _words(text: str) -> str:
    return _TEX.sub(lambda mark: mark[0] + _JOINER, text)
