"""New case: a case file put together in the browser, checked, saved and offered at once; for local use."""

import streamlit as st

from tlx.app import frame, jobs
from tlx.app.layout import beside
from tlx.app.navigation import link
from tlx.app.new_case import form, saving
from tlx.app.selection import Choice
from tlx.app.text import escape, sentence
from tlx.casefiles.writing import written

frame.page(
    "New case",
    "Say where the images of the two domains are, which network to use, and whether its models are trained here or "
    "read from checkpoints; what you leave as it is keeps its default. The case file grows on the right, and Check "
    "says what would keep it from working. Save writes it where you say and offers the case here at once.",
)
if why := saving.refused():
    st.info(why)
    st.stop()

left, right = beside([3, 2], name="new case", least=360)
with left:
    table = form.form()
with right:
    st.subheader("Case file", anchor=False)
    with frame.guard():
        text = written(table)
    st.code(text, language="toml", wrap_lines=True)
    named = st.text_input(
        "Save as",
        saving.suggestion(),
        key="new case file",
        persist_state="session",
        help="Full path of the case file; its name without .toml is the case's name in links.",
    )
    with frame.guard():
        path = saving.place(named)
    exists = path.exists()
    replace = exists and st.checkbox("Replace the file that is there", key=f"new case replace {path}")
    row = st.container(horizontal=True)
    if row.button("Check", icon=":material/rule:"):
        st.session_state["new case checks"] = st.session_state.get("new case checks", 0) + 1
        st.session_state["new case checked"] = (text, str(path))
    if row.button("Save", type="primary", icon=":material/save:", disabled=exists and not replace):
        with frame.guard():
            saving.save(text, path, replace=replace)
        st.session_state["new case saved"] = str(path)
    if exists and not replace:
        st.caption(escape(f"{path} exists already: tick the box to replace it, or give another name."))

    if st.session_state.get("new case saved") == str(path):
        st.success(escape(f"Saved to {path}. To offer it after a restart too, name it in TLX_CASES."))
        link("Start", Choice(path.stem), label="Open the case")
    if st.session_state.get("new case checked") == (text, str(path)):
        attempt = st.session_state["new case checks"]
        checked = jobs.require(saving.check, text, str(path), attempt)
        for problem in checked.fatal:
            st.error(sentence(ValueError(problem)))
        for warning in checked.warnings:
            st.warning(sentence(ValueError(warning)))
        for fact in checked.facts:
            st.caption(sentence(ValueError(fact)))
        if not checked.fatal:
            st.success("The case will work.")
