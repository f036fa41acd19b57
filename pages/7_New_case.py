"""New case: a case file put together in the browser, checked, saved and offered at once; for local use."""

import streamlit as st

from tlx.app import frame
from tlx.app.layout import beside
from tlx.app.new_case import check_panel, entries, fields, form, removal, saving
from tlx.casefiles.writing import written

frame.page(
    "New case",
    "Say where the images of the two domains are and which network to use, and name the checkpoints of models that you "
    "have trained; without them the models are trained here. What is folded keeps its defaults until you open it. "
    "Check says beside each field what would keep the case from working, and shows what it understood. Save opens when "
    "nothing is wrong: it writes the case file and offers the case here at once.",
)
if why := saving.refused():
    st.info(why)
    st.stop()

left, right = beside([3, 2], name="new case", least=360)
with right:
    with frame.guard():
        text = written(entries.table())
    problems = check_panel.draw(text, entries.said(), {key: one.label for key, one in fields.shown().items()})
with left:
    form.draw(problems, check_panel.home())
    removal.draw()
