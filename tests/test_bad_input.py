"""Links, names and choices that nobody planned for: a page says what it left out, and no error reaches the visitor."""

from __future__ import annotations

import re

import pytest
import small_case
import statistics_case as toy
from bokeh.models import Title
from streamlit_help import app, figure_of, run_to_end

SCRIPT = "<script>alert(1)</script>"
VALUES = [
    "x" * 5_000,
    "\x00\x07\x1b[2J",
    "safe\u202egnp.exe",
    SCRIPT,
    "[l](javascript:alert(1)) **b** $$x^2$$ `c` :red[d] :material/home:",
    "../../../etc/passwd",
    "-1",
    "9" * 400,
    "٣",
    "%s%n{0}{{",
    "NaN",
    "' OR 1=1 --",
    ",,;::",
]
FORMS = {"neuron": "target:conv1:{}", "instance": "target:{}"}


@pytest.fixture
def digits(monkeypatch):
    return toy.install(monkeypatch)


@pytest.mark.parametrize("parameter", ["case", "class", "layers", "neuron", "instance"])
def test_a_hostile_link_shows_the_page_and_says_what_it_left_out(digits, parameter):
    """Nothing is raised, nothing is obeyed, and the selection is whole."""
    page = app("pages/1_Statistics.py")
    for value in VALUES:
        page.query_params.clear()
        page.query_params[parameter] = FORMS.get(parameter, "{}").format(value)
        page.session_state["tlx mirrored"] = None
        page.run()
        assert not page.exception, value
        said = " ".join(warning.value for warning in page.warning)
        assert "left out" in said, value
        assert len(said) < 600
        assert not re.search(r"(?<!\\)[<*$`\[]|[\x00-\x09\x0b-\x1f\u202e]", said), said
        assert page.sidebar.selectbox(key="tlx widget class_name").value in toy.CLASSES
        assert page.sidebar.multiselect(key="tlx widget layers").value


def test_repeated_and_unknown_parameters_are_no_obstacle(digits):
    """The last of several counts, as in most programs; what is not ours stays untouched."""
    page = app("pages/1_Statistics.py")
    page.query_params["class"] = ["cup", "nothing", "book"]
    page.query_params["utm"] = ["a", "b"]
    run_to_end(page)
    assert not page.exception
    assert page.sidebar.selectbox(key="tlx widget class_name").value == "book"
    assert page.query_params["utm"] == ["a", "b"]


def test_thousands_of_layers_are_a_few_sentences(digits):
    page = run_to_end(app("pages/1_Statistics.py", layers=",".join(f"l{at}" for at in range(800))))
    assert not page.exception
    assert page.warning[0].value.count("left out") == 3


NAMES = ("$$\\frac{1}{2}$$ \\[x\\]", '<img src=x onerror=alert(1)> **b** "q" [l](x) :red[r]')


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A whole case whose classes are called like that."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("hostile")
        patch.setenv("TLX_CACHE", str(home / "store"))
        patch.setenv("TLX_CASES", str(small_case.write(home, classes=NAMES)))
        patch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
        yield home


@pytest.mark.parametrize(
    "path",
    ["streamlit_app.py", "pages/1_Statistics.py", "pages/2_Instances.py", "pages/3_Network.py", "pages/4_Features.py"],
)
def test_classes_may_be_called_like_formulas_and_markup(hostile, path):
    """Every page, computed in full: each name stands in escaped words only, and in no figure as a formula."""
    page = run_to_end(app(path, case="bars", **{"class": NAMES[0]}), runs=400)
    assert not page.exception
    assert not page.error
    for kind in ("markdown", "caption", "warning", "info", "subheader", "button"):
        for element in page.get(kind):
            words = getattr(element, "value", None) or getattr(element, "label", "")
            if words.startswith('<ul class="tlx-key"'):  # the zig-zag's key: HTML of ours, in which no name stands
                assert not [name for name in NAMES if name in words]
                continue
            assert not re.search(r"(?<!\\)(\$\$|<img|\*\*b|\[l|:red\[)", words), words
    for element in page.get("html"):
        assert "<img src=x" not in element.proto.body
    for element in page.get("bidi_component"):
        if element.proto.bytes and not element.key.startswith("files ") and not element.key.startswith("tlx unseen "):
            texts = [title.text for title in figure_of(page, element.key).select({"type": Title})]
            assert not [text for text in texts if "$$" in text]
