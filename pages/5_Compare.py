"""Compare: every known case side by side, from what is stored of each."""

import streamlit as st

from tlx.app import compare_panel, compared, frame
from tlx.app.bokeh_view import bokeh_view
from tlx.app.known_cases import known_cases
from tlx.app.layout import beside
from tlx.app.selection import Choice
from tlx.app.text import escape
from tlx.figures import compare

selection = frame.page(
    "Compare",
    "Each case is one transfer: a source, a target, a network and a strategy. A dot is a case's transferability score, "
    "its whisker the 95 % interval; the charts below show by relative depth how much of the source model is found "
    "again, the dotted line being chance. Choose a row or tap a dot to make that case the one of every page.",
)
name = selection.case.name

known, _ = known_cases(name)
found = compared.standings(known, name)
table = compared.table(found).sort_values("score", ascending=False, kind="stable", ignore_index=True)
if len(found) == 1:
    st.info(
        "There is one case, so there is nothing to compare it with yet. Case files named in `TLX_CASES`, or put "
        "together on the page New case, stand beside it here."
    )

scored = table.loc[table["score"].notna(), "name"].tolist()
if scored:
    chart = compare.scores(table, name)
    bokeh_view(
        chart,
        key="scores",
        label="Transferability score of each case with its 95 % interval",
        select=("scores",),
        on_select=compare_panel.take_point(scored),
    )
    frame.downloads(chart, table, name="cases")
compare_panel.case_table(table, name)

depth, names = compared.depth_table(found), table["name"].tolist()
if len(depth):
    st.subheader("Over depth", anchor=False)
    st.caption("Colours and marks are those of the scores above; values are means over the classes stored.")
    for measure, column in zip(compare.PANELS, beside(len(compare.PANELS), name="depth", least=300), strict=True):
        with column:
            drawn = compare.over_depth(depth, measure, names, name)
            bokeh_view(drawn, key=f"depth {measure}", label=f"{compare.PANELS[measure][0]} by relative depth")
    frame.downloads(drawn, depth, name="cases-over-depth")

st.subheader("The chosen case", anchor=False)
st.markdown(f"**{escape(selection.case.title)}**")
compare_panel.views(Choice(name))
compare_panel.offers(next(one for one in found if one.case.name == name))
