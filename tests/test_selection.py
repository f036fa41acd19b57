"""The shared selection: what an address says, what is dropped, and what survives page changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit_help import script

from tlx.app import selection
from tlx.app.selection import Choice, Facts, parse, settle, write
from tlx.results import InstanceRef, Layer, Network, NeuronRef

LAYERS = tuple(Layer(f"conv{i}", i, "conv", 10 * i, (4, 4)) for i in range(1, 6))
NETWORK = Network("toy", LAYERS, {}, {}, 8, 100)
FACTS = Facts(("cat", "dog", "<b>"), NETWORK, {"source": 5, "target": 3}, first_class="dog")

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
neurons = st.builds(NeuronRef, st.sampled_from(["source", "target"]), names, st.integers(0, 999_999_999))
instances = st.builds(InstanceRef, st.sampled_from(["source", "target"]), st.integers(0, 999_999_999))
layers = st.lists(names, max_size=4, unique=True).map(tuple)
settings = st.dictionaries(st.from_regex(r"[a-z]{1,9}\.[a-z]{1,9}", fullmatch=True), names, max_size=4)
views = settings.map(lambda kept: tuple(sorted(kept.items())))
choices = st.builds(
    Choice, st.none() | names, st.none() | names, layers, st.none() | neurons, st.none() | instances, views
)


@given(choices)
def test_an_address_says_what_was_chosen(choice):
    """Whatever was chosen, commas, colons and percent signs in names included, is read back from its address."""
    assert parse(write(choice)) == (choice, [])


def test_the_address_is_readable():
    """The parameters read as the design has them."""
    choice = Choice("digits", "8", ("conv1", "conv2"), NeuronRef("target", "conv3", 17), InstanceRef("target", 120))
    assert write(choice) == {
        "case": "digits",
        "class": "8",
        "layers": "conv1,conv2",
        "neuron": "target:conv3:17",
        "instance": "target:120",
    }


@given(st.dictionaries(st.sampled_from(selection.PARAMETERS), st.text(max_size=60)))
def test_a_hostile_address_gives_a_selection_that_exists(parameters):
    """Any address gives a class, layers, a neuron and an instance that exist, or none, and never an error."""
    choice, _ = parse(parameters)
    settled, _ = settle(choice, FACTS)
    assert settled.class_name in FACTS.classes
    assert settled.layers
    assert set(settled.layers) <= set(NETWORK.names)
    assert settled.neuron is None or settled.neuron.index < NETWORK.layer(settled.neuron.layer).units
    assert settled.instance is None or settled.instance.index < FACTS.instances[settled.instance.domain]
    assert settle(settled, FACTS) == (settled, [])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"neuron": "conv3:17"}, "neuron"),
        ({"neuron": "target:conv3:-1"}, "neuron"),
        ({"neuron": "target:conv3:9999999999"}, "neuron"),
        ({"instance": "target:1e3"}, "instance"),
        ({"instance": "target:٣"}, "instance"),
        ({"class": "x" * 5_000}, "class is too long"),
    ],
)
def test_what_cannot_be_read_is_named(parameters, said):
    """A parameter that is no neuron, no instance or far too long is left out with one sentence that names it."""
    choice, notices = parse(parameters)
    assert choice == Choice()
    assert len(notices) == 1
    assert said in notices[0]


def test_what_does_not_exist_is_dropped_with_a_sentence_each():
    """Unknown class, layer, neuron and instance are each named, and defaults stand in for class and layers."""
    wanted = Choice(None, "cow", ("conv9",), NeuronRef("target", "conv1", 10), InstanceRef("target", 3))
    settled, notices = settle(wanted, FACTS)
    assert settled == Choice(None, "dog", ("conv1", "conv2", "conv3"), None, None)
    assert [next(word for word in ("class", "layer", "neuron", "instance") if word in said) for said in notices] == [
        "class",
        "layer",
        "neuron",
        "instance",
    ]
    assert "cow" in notices[0]


def test_the_last_neuron_and_instance_exist():
    """Indices run up to one less than the count."""
    wanted = Choice(None, "cat", ("conv1",), NeuronRef("target", "conv1", 9), InstanceRef("target", 2))
    assert settle(wanted, FACTS) == (wanted, [])


def test_layers_come_in_network_order():
    """However a link orders layers, they are shown shallow to deep, each once."""
    choice, _ = parse({"layers": "conv4,conv2,conv4"})
    assert settle(choice, FACTS)[0].layers == ("conv2", "conv4")


def test_a_class_that_is_html_or_markdown_is_shown_as_text():
    """A sentence about a hostile name holds no live markup."""
    _, notices = settle(Choice(class_name="<img src=x>[a](http://b)"), FACTS)
    assert r"\<img src" in notices[0]
    assert r"\[a\]\(http" in notices[0]


def test_nobody_chose_a_class():
    """Without a choice the suggested class is taken, and the first one where there is no suggestion."""
    assert settle(Choice(), FACTS)[0].class_name == "dog"
    assert settle(Choice(), Facts(("cat", "dog"), NETWORK, {}))[0].class_name == "cat"


def small_page():
    import streamlit as st

    from tlx.app import selection

    choice = selection.current()
    st.session_state.wanted = selection.mirror(choice)
    st.session_state.shown = choice
    st.session_state.notices = selection.take_notices()
    st.button("cow", on_click=selection.choose, kwargs={"class_name": "cow"})
    st.button("case", on_click=selection.choose, kwargs={"case": "other"})
    st.button("nothing")


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(selection, "LAG", 0.0)
    return script(small_page)


def click(page, label):
    next(button for button in page.button if button.label == label).click()
    return page.run()


def test_a_link_opens_its_view(page):
    """The first run reads the address."""
    page.query_params["class"] = "dog"
    page.query_params["instance"] = "target:7"
    shown = page.run().session_state["shown"]
    assert (shown.class_name, shown.instance) == ("dog", InstanceRef("target", 7))


def test_a_choice_goes_to_the_address(page):
    """After a choice the address says it, and parameters of others stay."""
    page.query_params["class"] = "dog"
    page.query_params["embed_like"] = "1"
    click(page.run(), "cow")
    assert page.query_params["class"] == "cow"
    assert page.query_params["embed_like"] == "1"


def test_back_wins_over_the_session(page):
    """An address that the app did not write last (Back, or edited by hand) is what is shown."""
    page.query_params["class"] = "dog"
    click(page.run(), "cow")
    page.query_params["class"] = "dog"
    assert page.run().session_state["shown"].class_name == "dog"


def test_a_late_address_does_not_undo_a_choice(page, monkeypatch):
    """Right after a choice the browser may still report the address before it; that is no Back."""
    monkeypatch.setattr(selection, "LAG", 60.0)
    page.query_params["class"] = "dog"
    click(page.run(), "cow")
    page.query_params["class"] = "dog"
    assert page.run().session_state["shown"].class_name == "cow"


def test_a_choice_wins_over_an_address_of_the_same_run(page):
    """A callback's choice is not undone by an address the browser sends along."""
    page.query_params["class"] = "dog"
    page.run()
    page.query_params["class"] = "cat"
    assert click(page, "cow").session_state["shown"].class_name == "cow"


def test_a_bare_address_keeps_the_choice(page):
    """A page opened without parameters takes the session's choice, which the browser is to put into its address."""
    page.query_params["class"] = "dog"
    page.run()
    del page.query_params["class"]
    page.run()
    assert page.session_state["shown"].class_name == "dog"
    assert page.session_state["wanted"] == ({}, {"class": "dog"})
    assert "class" not in page.query_params


def test_another_case_drops_what_belonged_to_the_old_one(page):
    """Class, layers, neuron and instance of one case mean nothing in another."""
    page.query_params["case"] = "digits"
    page.query_params["class"] = "dog"
    page.query_params["neuron"] = "target:conv1:3"
    page.run()
    assert click(page, "case").session_state["shown"] == Choice("other")


def test_notices_are_said_once(page):
    """A sentence about a link is shown in one run only."""
    page.query_params["neuron"] = "x"
    assert len(page.run().session_state["notices"]) == 1
    assert page.run().session_state["notices"] == []


def linked_page():
    import streamlit as st

    from tlx.app import selection

    st.session_state.page = st.session_state.get("page", "one")
    selection._page = lambda: st.session_state.page
    choice = selection.current()
    st.session_state.wanted = selection.mirror(choice, links=True)
    st.session_state.shown = choice


@pytest.fixture
def chosen_in_a_fragment(monkeypatch):
    """A page whose links were drawn without the neuron that a fragment's run has left chosen since."""
    monkeypatch.setattr(selection, "LAG", 0.0)
    monkeypatch.setattr(selection, "_page", selection._page)
    page = script(linked_page)
    page.query_params["class"] = "dog"
    page.run()
    choice = Choice(class_name="dog", neuron=NeuronRef("target", "conv2", 3))
    page.session_state["tlx choice"] = choice
    page.session_state["tlx mirrored"] = selection._Mirrored(write(choice), {}, 0.0)
    return page


def test_a_link_drawn_before_a_choice_keeps_the_choice(chosen_in_a_fragment):
    """Whoever follows one to another page has the neuron chosen all the same, and the address completed."""
    page = chosen_in_a_fragment
    page.session_state["page"] = "two"
    page.run()
    assert page.session_state["shown"].neuron == NeuronRef("target", "conv2", 3)
    assert page.session_state["wanted"] == ({"class": "dog"}, {"class": "dog", "neuron": "target:conv2:3"})


def test_back_to_before_a_choice_drops_it(chosen_in_a_fragment):
    """The same address on the same page is Back, and Back steps through choices."""
    assert chosen_in_a_fragment.run().session_state["shown"].neuron is None


def page_with_a_fragment():
    import streamlit as st

    from tlx.app import selection

    choice = selection.current()
    selection.mirror(choice, links=True)
    st.session_state.shown = choice
    if st.session_state.pop("in the fragment", False):  # what a callback and its run do
        selection.choose(class_name="cow")
        selection.mirror(selection.chosen())


def test_a_link_followed_after_a_choice_in_a_fragment_wins(monkeypatch):
    """A link that the fragment itself drew may lead to another case, which the choice before it must not hold up."""
    monkeypatch.setattr(selection, "LAG", 0.0)
    page = script(page_with_a_fragment)
    page.query_params["class"] = "dog"
    page.session_state["in the fragment"] = True
    page.run()
    page.query_params["class"] = "pig"
    assert page.run().session_state["shown"].class_name == "pig"
