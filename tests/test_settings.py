"""What views are set to: kept in the session and the address, whatever is toggled and however often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit_help import script

from tlx.app import selection, settings
from tlx.app.selection import Choice, Selection


def view():
    import streamlit as st

    from tlx.app import selection, settings

    selection.mirror(selection.current())
    st.session_state.shown = (
        settings.switch(st.toggle, "marks", "toy.marks", default=True),
        settings.one_of(st.selectbox, "order", ["rank", "index"], "toy.order", default="rank"),
        settings.one_of(st.segmented_control, "size", [4, 8], "toy.size", default=8),
        settings.some_of(st.multiselect, "drawn", ["a, b", "50 %", "c=d"], "toy.drawn", default=["50 %"]),
    )
    selection.mirror(selection.chosen())
    st.button("class", on_click=selection.choose, kwargs={"class_name": "cow"})
    st.button("tick", on_click=settings.put, args=("features.ticks", "conv1:3"))


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(selection, "LAG", 0.0)
    page = script(view)
    page.query_params["class"] = "dog"  # an address of ours: what is chosen goes into it at once
    return page.run()


def test_nothing_is_kept_of_what_nobody_changed(page):
    """The defaults are shown, and the address is free of them."""
    assert page.session_state["shown"] == (True, "rank", 8, ["50 %"])
    assert "view" not in page.query_params


def test_every_change_counts_however_often(page):
    """A switch toggled four times in a row shows each of its four states, and so do the others beside it."""
    for at in range(4):
        page.toggle[0].set_value(at % 2 == 1).run()
        page.selectbox[0].set_value(["index", "rank"][at % 2]).run()
        page.button_group[0].set_value([4, 8][at % 2]).run()
        assert page.session_state["shown"][:3] == ((at % 2 == 1), ["index", "rank"][at % 2], [4, 8][at % 2])


def test_a_link_opens_what_its_sender_saw(page):
    """The address written in one session sets another, names with commas, per cents and equals signs included."""
    page.toggle[0].set_value(False).run()
    page.selectbox[0].set_value("index").run()
    page.multiselect[0].set_value(["a, b", "c=d"]).run()
    sent = page.session_state["shown"]
    there = script(view)
    for name, value in page.query_params.items():
        there.query_params[name] = value
    assert there.run().session_state["shown"] == sent == (False, "index", 8, ["a, b", "c=d"])


def test_what_no_view_offers_is_the_default():
    """A hostile or old link leaves a view as it begins."""
    page = script(view)
    page.query_params["view"] = "toy.marks=maybe,toy.order=%3Cb%3E,toy.size=,toy.drawn=nobody,,=,x"
    assert page.run().session_state["shown"] == (True, "rank", 8, [])


def test_nothing_drawn_is_a_choice(page):
    """A box that somebody emptied is empty, not what it was at first."""
    assert page.multiselect[0].set_value([]).run().session_state["shown"][3] == []


def test_another_class_drops_what_was_set_for_the_old_one(page):
    """Ticks belong to a class's ranking, an order of neurons does not."""
    page.selectbox[0].set_value("index").run()
    page.button[1].click().run()
    page.button[0].click().run()
    page.run()
    assert page.query_params["view"] == "toy.order=index"


def test_what_hangs_on_a_setting_goes_with_it():
    """Another model has other neurons to tick, another order other pages; the same class keeps its drawn classes."""
    kept = ("features.page", "2"), ("features.ticks", "a:1"), ("instances.classes", "b"), ("toy.order", "index")
    choice = Choice(class_name="dog", view=kept)
    assert settings.with_setting(choice, "features.order", "weight") == (("features.order", "weight"), *kept[1:])
    assert settings.with_setting(choice, "features.model", None) == kept[2:]
    case = SimpleNamespace(name="toy")
    here = Selection(case, "dog", (), view=kept)
    assert here.choice(class_name="dog").view == kept
    assert here.choice(class_name="cow").view == kept[3:]
    assert here.choice(class_name="cow", view=kept[:1]).view == kept[:1]
