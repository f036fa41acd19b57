"""The projection of the instance view: every instance of the chosen classes as one mark (5.2, Figure 1 B)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, Legend, LegendItem
from bokeh.plotting import figure

from tlx.figures import labels, pointing, theme
from tlx.figures.chart import chart
from tlx.figures.density import draw_density
from tlx.figures.pictures import Pictures
from tlx.figures.sources import source_of
from tlx.results import Embedding

# A cross needs a face for its class and a border for its prediction; Bokeh's "x" is lines only, "plus" has both and
# is turned to stand like an x. Marker, angle, size in px, opacity of the face.
MARKS = {"source": ("plus", np.pi / 4, 8.5, 0.5), "target": ("circle", 0.0, 8.5, 0.9)}
SAID = {"target": "prediction", "source": "source_prediction"}  # columns of `pipeline.instances`, by model
DENSE = 3_000  # instances from which on marks would hide one another: contours stand for most of them
SMALLER = 0.65  # times as large marks are then
SAMPLE = 1_500  # marks then, about; never fewer than all errors and a third of this of the others
_LOOK = ("marker", "angle", "size", "fill", "border", "width")
FAINT = 0.12
NAMED = len(theme.CLASS_PALETTE)  # classes whose names are drawn: more would hide the marks, and colours repeat
_HALO = "#c9ccd2"  # a light rim around the dark border, so that it shows on a dark page too

_TOOLTIP = """<div style="display:flex;gap:10px;font-size:13px;line-height:1.45">{picture}<div>
<b>@label</b> &nbsp;<span>@domain domain, instance @instance</span><br>
target model: <b>@prediction</b> (@confidence{{0 %}}) @verdict<br>
source model: <b>@source_prediction</b> (@source_confidence{{0 %}}) @source_verdict</div></div>"""


def scatter(
    embedding: Embedding,
    instances: pd.DataFrame,
    colours: Mapping[str, str],
    *,
    pictures: Pictures | None = None,
    picked: tuple[str, int] | None = None,
    legend: bool = True,
    width: int = 760,
) -> figure:
    """One embedding: face = class, turned cross = source, circle = target, dark border = mispredicted by its model.

    Of more than DENSE instances contours show where those of either domain lie, under the marks of `sampled`.

    instances: `pipeline.instances`; colours: of each class drawn; pictures: shown in tooltips; picked: (domain,
    instance) that is ringed; width: px of the plot's frame, about, for the names' places. Sources: "points" in the
    order of `sampled`, "picked" and "names" (each class's name beside the median of its instances, target instances
    where there are any; dx and dy px away from it).
    """
    data = points(embedding, instances, colours)
    plot = chart(
        f"{embedding.model.capitalize()} model, {embedding.layer or 'before the classifier head'}",
        height=540,
        match_aspect=True,
        x="t-SNE, first dimension (no unit)",
        y="t-SNE, second dimension (no unit)",
        tools="pan,wheel_zoom,box_select,lasso_select,reset,save",
        active_drag="lasso_select",
        toolbar_location="right",
        name=f"scatter {embedding.model}",
    )
    plot.grid.visible = False
    plot.axis.major_tick_line_color = plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_font_size = "0px"  # t-SNE keeps who is near; its coordinates mean nothing
    if len(data) > DENSE:
        draw_density(plot, data[["x", "y"]].to_numpy(), data["domain"].to_numpy())
    _draw_points(plot, sampled(data), pictures)
    _draw_names(plot, data, colours, width)
    _draw_picked(plot, data, picked)
    if legend:
        _add_legend(plot, {name: colour for name, colour in colours.items() if name in set(data["label"])})
    return plot


def points(embedding: Embedding, instances: pd.DataFrame, colours: Mapping[str, str]) -> pd.DataFrame:
    """One row an instance: coordinates, what both models say, and how it is drawn, what is drawn on top last.

    Crosses first, which cover more; then circles; then what the plot's model mispredicts (column `wrong`).
    """
    data = instances.iloc[rows_of(instances, embedding.domain, embedding.instance)].reset_index(drop=True)
    data["x"], data["y"] = embedding.coordinates[:, 0], embedding.coordinates[:, 1]
    for at, column in enumerate(("marker", "angle", "size", "alpha")):
        data[column] = data["domain"].map({domain: look[at] for domain, look in MARKS.items()})
    right = {model: data["label"] == data[said] for model, said in SAID.items()}
    wrong = ~right[embedding.model]
    data["fill"] = data["label"].map(colours)
    data["border"] = np.where(wrong, theme.MISPREDICTED, data["fill"].map(theme.rim))
    scale = 1.0 if len(data) <= DENSE else SMALLER
    cross = data["domain"] == "source"  # its arms are thin: a wide border would hide the face
    data["size"] = scale * np.where(wrong & cross, data["size"] + 3, data["size"])
    data["width"] = scale * np.where(wrong, np.where(cross, 1.5, 2.0), 0.9)
    data["halo"] = np.where(wrong, data["size"] + 3.5 * scale, 0)
    data["verdict"], data["source_verdict"] = (np.where(right[model], "✓", "✗") for model in ("target", "source"))
    order = np.lexsort((data["domain"] == "target", wrong))
    return data.assign(wrong=wrong).iloc[order].reset_index(drop=True)


def sampled(marks: pd.DataFrame) -> pd.DataFrame:
    """The rows of `points` that are drawn as marks: all of up to DENSE, else all errors and some of the others."""
    if len(marks) <= DENSE:
        return marks
    wrong = np.flatnonzero(marks["wrong"])
    others = np.flatnonzero(~marks["wrong"])
    count = min(len(others), max(SAMPLE - len(wrong), SAMPLE // 3))
    kept = np.random.default_rng(0).choice(others, count, replace=False)
    return marks.iloc[np.sort(np.concatenate([wrong, kept]))].reset_index(drop=True)


def rows_of(instances: pd.DataFrame, domain: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """(N,) rows of `pipeline.instances` that are these instances of these domains. Raises KeyError for one it lacks."""
    there, numbers = instances["domain"].to_numpy(), instances["instance"].to_numpy()
    rows = np.full(len(instance), -1)
    for name in dict.fromkeys(domain.tolist()):
        own, wanted = np.flatnonzero(there == name), np.asarray(domain == name)
        place = pd.Index(numbers[own]).get_indexer(instance[wanted])
        if (place < 0).any():
            raise KeyError(f"{name}: {instance[wanted][place < 0][:3].tolist()}")
        rows[wanted] = own[place]
    return rows


def _draw_points(plot: figure, data: pd.DataFrame, pictures: Pictures | None) -> None:
    source = source_of(data.drop(columns=["mispredicted", "wrong"]), "points")
    if pictures:
        source.data.update(pictures.columns_of(data["domain"].to_numpy(), data["instance"].to_numpy()))
    plot.scatter(
        "x",
        "y",
        source=source,  # the same one, so that the rim of an unselected mark fades with it
        marker="marker",
        angle="angle",
        size="halo",
        color=_HALO,
        nonselection_fill_alpha=FAINT,
        nonselection_line_alpha=0,
        name="halo",
    )
    marks = plot.scatter(
        "x",
        "y",
        source=source,
        marker="marker",
        angle="angle",
        size="size",
        fill_color="fill",
        line_color="border",
        line_width="width",
        fill_alpha="alpha",
        nonselection_fill_alpha=FAINT,
        nonselection_line_alpha=FAINT,
        name="marks",
    )
    picture = pictures.tooltip() if pictures else ""
    formatters = pictures.formatters() if pictures else {}
    pointing.hover(plot, marks, _TOOLTIP.format(picture=picture), formatters=formatters)
    pointing.tap(plot, marks)


def _draw_names(plot: figure, data: pd.DataFrame, colours: Mapping[str, str], width: int) -> None:
    groups = dict(list(data.groupby("label", sort=False)))
    drawn = [name for name in colours if name in groups][:NAMED]
    rows = [(name, *_middle(groups[name])) for name in drawn]
    table = pd.DataFrame(rows, columns=["name", "x", "y"])
    table["fill"] = table["name"].map(colours)
    table["ink"] = table["fill"].map(theme.text_on)
    moved = labels.offsets(table[["x", "y"]].to_numpy(), table["name"].tolist(), data[["x", "y"]].to_numpy(), width)
    table["dx"], table["dy"] = moved[:, 0], -moved[:, 1]  # the screen's y grows downwards
    source = source_of(table, "names")
    plot.text(
        "x",
        "y",
        "name",
        source=source,
        x_offset="dx",
        y_offset="dy",
        text_color="ink",
        background_fill_color="fill",
        border_radius=4,
        padding=3,
        text_font_size="12px",
        text_font_style="bold",
        text_align="center",
        text_baseline="middle",
    )


def _middle(rows: pd.DataFrame) -> tuple[float, float]:
    """The instance nearest to the median of a class, so that the name stands on its own class even in a ring."""
    members = rows[rows["domain"] == "target"] if (rows["domain"] == "target").any() else rows
    places = members[["x", "y"]].to_numpy()
    at = np.argmin(((places - np.median(places, axis=0)) ** 2).sum(axis=1))
    return float(places[at, 0]), float(places[at, 1])


def ring(marks: pd.DataFrame, picked: tuple[str, int] | None) -> dict[str, dict[str, np.ndarray]]:
    """The source "picked", which draws and rings an instance (domain, number), by its name; marks: of `points`."""
    domain, instance = picked or ("", -1)
    rows = marks[(marks["domain"] == domain) & (marks["instance"] == instance)]
    return {"picked": {name: rows[name].to_numpy() for name in ("x", "y", "domain", "instance", *_LOOK)}}


def _draw_picked(plot: figure, data: pd.DataFrame, picked: tuple[str, int] | None) -> None:
    """The mark once more, which the sample may lack, in two rings, so that one of them shows on any ground."""
    source = ColumnDataSource(ring(data, picked)["picked"], name="picked")
    look = dict(zip(("marker", "angle", "size", "fill_color", "line_color", "line_width"), _LOOK, strict=True))
    plot.scatter("x", "y", source=source, **look)
    for size, width, colour in ((24, 5.5, "#ffffff"), (24, 2.5, theme.INK)):
        plot.scatter("x", "y", source=source, size=size, fill_alpha=0, line_color=colour, line_width=width)


def _add_legend(plot: figure, colours: Mapping[str, str]) -> None:
    def item(label: str, **look: Any) -> LegendItem:
        return LegendItem(label=label, renderers=[plot.scatter([np.nan], [np.nan], size=10, **look)])

    cross, angle, *_ = MARKS["source"]
    items = [
        item("source instance", marker=cross, angle=angle, color=theme.NEUTRAL),
        item("target instance", marker="circle", color=theme.NEUTRAL),
        item(
            "mispredicted by this model",
            marker="circle",
            fill_color=theme.PAPER,
            line_color=theme.MISPREDICTED,
            line_width=2.5,
        ),
        *(item(name, marker="square", color=colour) for name, colour in colours.items()),
    ]
    columns = 1 + len(items) // 24
    plot.add_layout(Legend(items=items, ncols=columns, border_line_alpha=0, background_fill_alpha=0, margin=4), "right")
