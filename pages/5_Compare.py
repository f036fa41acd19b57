"""Compare: every known case side by side, from what is stored of each."""

from functools import partial

import streamlit as st

from tlx import glossary, places
from tlx.app import frame
from tlx.app.bokeh_view import bokeh_view
from tlx.app.compare import case_table, source_target, summaries
from tlx.app.compare.what_to_freeze import what_to_freeze
from tlx.app.compare.which_source import which_source
from tlx.app.known_cases import known_cases
from tlx.app.layout import beside
from tlx.app.numbers import of_cases
from tlx.app.once import once
from tlx.app.selection import Choice
from tlx.figures import side_by_side
from tlx.text import escape

selection = frame.page(
    "Compare",
    "Each case is one transfer: a source, a target, a network and a strategy. A dot is a case's transferability score, "
    "its whisker the 95 % interval; the charts below show by relative depth how much of the source model is found "
    "again, the dotted line being chance. Choose a row or tap a dot to make that case the one of every page.",
    terms=glossary.OF_PAGE["Compare"],
)
name = selection.case.name

known, _ = known_cases(name)
all_cases = summaries.summaries(known, name)
table = once(summaries.table, all_cases)
if len(all_cases) == 1:
    more = " Case files named in `TLX_CASES`, or put together on the page New case, stand beside it here."
    st.info("There is one case, so there is nothing to compare it with yet." + more * (not places.is_public()))

scored = table.loc[table["score"].notna(), "name"].tolist()
if scored:
    chart = partial(side_by_side.scores, table, name)
    bokeh_view(
        chart,
        key="scores",
        label="Transferability score of each case with its 95 % interval",
        select=("scores",),
        on_select=case_table.take_point(scored),
    )
    frame.downloads("scores", partial(of_cases, table), name="cases")
case_table.case_table(table, name)

source_target.section(all_cases, table, name)

depth, names = once(summaries.depth_table, all_cases), table["name"].tolist()
if len(depth):
    told = glossary.help_for("kept", "correspondence", "inherited", "A-distance")
    st.subheader("Over depth", anchor=False, help=told)
    st.caption("Colours and marks are those of the scores above; values are means over the classes stored.")
    charts = {f"depth {measures[0]}": measures for measures in side_by_side.GROUPS}
    columns = beside(len(charts), name="depth", least=340, gap="small")
    for (key, measures), column in zip(charts.items(), columns, strict=True):
        with column:
            titles = " and ".join(side_by_side.PANELS[measure][0] for measure in measures)
            drawn = partial(side_by_side.over_depth, depth, measures, names, name)
            bokeh_view(drawn, key=key, label=f"{titles} by relative depth")
    frame.downloads([*charts], partial(of_cases, depth), name="cases-over-depth", key=once(side_by_side.key, table))

which_source(known, selection.case)
of_chosen = next(one for one in all_cases if one.case.name == name)
what_to_freeze(selection.case, of_chosen.stored.get("reuse", (0, 0))[0])

st.subheader("The chosen case", anchor=False)
st.markdown(f"**{escape(selection.case.title)}**")
case_table.views(Choice(name, view=selection.view))
case_table.offers(of_chosen)
