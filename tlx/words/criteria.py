"""What attribution criteria agree on, in sentences and as a table (method 9)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from tlx.figures import criteria as figures
from tlx.findings import FEW, counted, percent
from tlx.results import CRITERIA, MEASURES, Criteria, Measure, Network
from tlx.text import escape

OWN = figures.OWN
REUSE = ("kept", "inherited", "rank_agreement")


def about(result: Criteria) -> str:
    """What the charts of agreement show, and of how many images (Markdown)."""
    images = counted(result.n, "target image")
    about = f"Across: the analysed layers. Dotted: chance. Target model, {images} of class {escape(result.class_name)}"
    rows = result.agreement
    same = rows[(rows["first"] == "gradient_activation") & (rows["second"] == "lrp")]["rank"]
    if len(same) and same.min() > 0.999:
        return f"{about} of every split. LRP's ε rule is gradient × activation in such a network of rectifiers."
    return f"{about} of every split."


def words(result: Criteria, network: Network) -> str:
    """What was found, a point each on agreement, silencing and reuse, and why a criterion is left out (Markdown)."""
    points = [*_agree(result), *_silenced(result), *_reuse(result, network), *_left_out(result)]
    return "\n".join(f"- {point}" for point in points)


def _agree(result: Criteria) -> Iterator[str]:
    means = figures.with_own(result.agreement).groupby("criterion", sort=False)[["overlap", "chance"]].mean()
    overlap = means["overlap"].dropna()
    if len(overlap) > 1:
        most, least = str(overlap.idxmax()), str(overlap.idxmin())
        yield (
            f"**{_title(most, first=True)}** comes nearest to conductance (overlap of important neurons "
            f"{overlap[most]:.2f} in the mean of layers), **{_title(least)}** least ({overlap[least]:.2f}; chance "
            f"{means['chance'].mean():.2f})."
        )


def _silenced(result: Criteria) -> Iterator[str]:
    if not result.held_out:
        yield "No image of the class is held out, so that nothing can be said of silencing."
        return
    rows = result.deletion
    whole = float(rows.loc[rows["k"] == 0, "accuracy"].iloc[0])
    if whole == 0:
        yield "The model is right about no held-out image of the class, so that silencing costs nothing."
        return
    after = rows[rows["k"] > 0].groupby(["order", "criterion"])["accuracy"].mean()
    first = after["first"].sort_values(kind="stable")
    best = str(first.index[0])
    own = "" if best == OWN else f", under conductance to {percent(float(first[OWN]))}"
    few = f" These are only {counted(result.held_out, 'image')}." if result.held_out < FEW else ""
    yield (
        f"Silencing what a criterion ranks first costs most under **{_title(best)}**: accuracy goes from "
        f"{percent(whole)} to {percent(float(first.iloc[0]))} in the mean of the curves{own}, by random important "
        f"neurons to {percent(float(after['random'].iloc[0]))}, by the last ranked to "
        f"{percent(float(after['last'][best]))}.{few}"
    )


def _reuse(result: Criteria, network: Network) -> Iterator[str]:
    parts = []
    for measure in REUSE:
        places = _least(result, measure)
        if OWN in places:
            same = sum(places[name][:2] == places[OWN][:2] for name in places)
            agreed = "every criterion" if same == len(places) else f"{same} of {len(places)} criteria"
            parts.append(f"by {MEASURES[measure].short} {_where(places[OWN], network)} (under {agreed})")
    if parts:
        yield f"Reuse is least {'; '.join(parts)}."


def _left_out(result: Criteria) -> Iterator[str]:
    yield from (f"{escape(why)}." for why in result.left_out.values())


def _title(name: str, *, first: bool = False) -> str:
    title = CRITERIA[name].title
    return title[:1].upper() + title[1:] if first else title


def _least(result: Criteria, measure: str) -> dict[str, tuple[str, str, float]]:
    """By criterion the layer, or pair of layers, with the least value, and that; without those that have none."""
    rows = result.reading[result.reading["measure"] == measure].dropna(subset="value")
    least = rows.loc[rows.groupby("criterion", sort=False)["value"].idxmin()]
    columns = zip(least["first"], least["second"], least["value"].astype(float), strict=True)
    return dict(zip(least["criterion"], columns, strict=True))


def _where(place: tuple[str, str, float], network: Network) -> str:
    first, second, _ = place
    begin = network.layer(first).index
    return f"from layer {begin} to {network.layer(second).index}" if second else f"in layer {begin}"


def reading_table(result: Criteria, network: Network) -> str:
    """Where least is reused under each criterion, as a small table (Markdown)."""
    head, *rows = reading(result, network)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def reading(result: Criteria, network: Network) -> list[list[str]]:
    """The same as rows of cells, the first its head."""
    measures = [name for name in REUSE if _least(result, name)]
    least = {name: _least(result, name) for name in measures}
    rows = [["Layers of least reuse", *(MEASURES[name].title for name in measures)]]
    for criterion in result.names:
        cells = [
            _cell(least[name][criterion], network, MEASURES[name]) if criterion in least[name] else "–"
            for name in measures
        ]
        rows.append([_title(criterion), *cells])
    return rows


def _cell(place: tuple[str, str, float], network: Network, measure: Measure) -> str:
    first, second, value = place
    ends = "→".join(str(network.layer(name).index) for name in (first, second) if name)
    return f"{ends} ({measure.written(value)})"


def spoken(result: Criteria, measure: str) -> str:
    """What one of the charts of agreement says, for who does not see it."""
    means = figures.with_own(result.agreement).groupby("criterion", sort=False)[measure].mean()
    each = ", ".join(f"{CRITERIA[str(name)].title} {value:.2f}" for name, value in means.items())
    return f"{figures.MEASURES[measure]}, mean over layers: {each}"


def every_number(result: Criteria) -> pd.DataFrame:
    """All three tables, one below the other, with what each row is of."""
    parts = {"agreement": result.agreement, "deletion": result.deletion, "reuse": result.reading}
    return pd.concat([table.assign(of=name) for name, table in parts.items()], ignore_index=True)
