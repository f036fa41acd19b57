"""The glossary: every term has a definition for a newcomer, its section in docs/method.md, and a page that shows it."""

from __future__ import annotations

import ast
import re

import pytest
from streamlit_help import ROOT

from tlx import glossary

METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", METHOD, flags=re.MULTILINE | re.DOTALL))
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").glob("[1-5]_*.py"))]
CODE = [*PAGES, *sorted((ROOT / "tlx" / "app").rglob("*.py"))]


def called(path, name):
    """All calls of a function of this name in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name == getattr(node.func, "attr", getattr(node.func, "id", "")):
            yield node


@pytest.mark.parametrize("name", glossary.TERMS)
def test_a_term_is_defined_in_the_method(name):
    """Its section is there, and has every word of the term."""
    section = SECTIONS[glossary.TERMS[name].section].lower()
    for word in re.findall(r"[\w-]+", name.lower()):
        assert word in section


@pytest.mark.parametrize("name", glossary.TERMS)
def test_a_definition_is_short_and_plain(name):
    """One or two sentences, without symbols, that end in a full stop."""
    means = glossary.TERMS[name].means
    assert means.endswith(".")
    assert 1 <= len(re.findall(r"[a-z0-9)]\.(?: [A-Z]|$)", means)) <= 2
    assert len(means) <= 240
    assert not re.search(r"[*_`<>$|~]", means)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_lists_its_terms(path):
    """Its own, behind the button that says how to read it, each once."""
    title = path.stem.partition("_")[2] if path.parent.name == "pages" else "Start"
    (frame,) = called(path, "page")
    (terms,) = [ast.unparse(word.value) for word in frame.keywords if word.arg == "terms"]
    assert terms == f"glossary.OF_PAGE['{title}']"
    listed = glossary.OF_PAGE[title]
    assert len(set(listed)) == len(listed) > 0


def test_every_term_belongs_to_a_page():
    assert set(glossary.TERMS) == {name for terms in glossary.OF_PAGE.values() for name in terms}


def test_help_is_asked_for_by_terms_there_are():
    """Where a term stands, its definition is shown by its name in the glossary."""
    asked = {
        argument.value
        for path in CODE
        for call in called(path, "help_for")
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    assert len(asked) > 20
    assert asked <= set(glossary.TERMS)
    with pytest.raises(KeyError):
        glossary.help_for("conductanse")


def test_findings_are_explained_by_terms_there_are():
    told = {
        element.value
        for node in ast.walk(ast.parse((ROOT / "tlx" / "findings.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "terms"
        for element in node.value.elts
    }
    assert {"kept", "AUC"} <= told <= set(glossary.TERMS)


def test_one_term_needs_no_name_and_several_do():
    assert glossary.help_for("kept") == glossary.TERMS["kept"].means
    assert glossary.help_for("kept", "AUC").startswith("**Kept**: An important edge")
    assert "\n\n**AUC**: How well" in glossary.help_for("kept", "AUC")


def test_the_method_is_linked_where_the_project_has_a_repository(monkeypatch):
    """Else its name stands there alone."""
    for repository, said in (
        (None, "All of it is defined in `docs/method.md`."),
        ("https://example.org/tlx/", "[docs/method.md](https://example.org/tlx/blob/main/docs/method.md)"),
    ):
        monkeypatch.setattr(glossary, "_of_package", lambda: None)
        monkeypatch.setattr(glossary, "_of_checkout", lambda repository=repository: repository)
        glossary.address.cache_clear()
        assert said in glossary.entries(["kept"])
    glossary.address.cache_clear()


def test_the_repository_is_that_of_the_project_file(monkeypatch, tmp_path):
    monkeypatch.setattr(glossary, "PACKAGE", tmp_path / "tlx")
    assert glossary._of_checkout() is None
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://example.org/tlx"\n')
    assert glossary._of_checkout() == "https://example.org/tlx"
