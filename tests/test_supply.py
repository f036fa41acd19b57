"""The list of licences and vulnerabilities says what is so, and that it does not know where it does not."""

from __future__ import annotations

from email.message import Message

import pytest

from tools import supply


def metadata(**said: str) -> Message:
    found = Message()
    for name, value in said.items():
        found[name.replace("_", "-")] = value
    return found


@pytest.mark.parametrize(
    ("said", "licence", "flag"),
    [
        ({"License_Expression": "BSD-3-Clause"}, "BSD-3-Clause", ""),
        ({"Classifier": "License :: OSI Approved :: MIT License", "License": "x"}, "MIT License", ""),
        ({"License": "Apache-2.0"}, "Apache-2.0", ""),
        ({"License_Expression": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT", "weak copyleft"),
        ({"License": "LGPL-3.0"}, "LGPL-3.0", "weak copyleft"),
        ({"License_Expression": "GPL-3.0-only"}, "GPL-3.0-only", "copyleft"),
        ({"License_Expression": "AGPL-3.0-only"}, "AGPL-3.0-only", "copyleft"),
        ({"License_Expression": "GPL-2.0-only OR MIT"}, "GPL-2.0-only OR MIT", ""),
        ({"License": "GNU General Public License"}, "GNU General Public License", "copyleft"),
        ({}, "", "not said"),
    ],
)
def test_a_licence_is_named_and_judged(said, licence, flag):
    assert supply.licence(metadata(**said)) == licence
    assert supply.Package("a", "1", licence, runtime=True).flag == flag


def test_a_whole_licence_text_is_cut():
    assert len(supply.licence(metadata(License="Copyright " + "x" * 500))) == supply.SHORT


def test_the_list_follows_what_packages_need():
    """tornado comes with bokeh, pytest with the development file only; what the app does not need is not "app"."""
    found = {one.name.lower(): one for one in supply.packages()}
    assert found["bokeh"].runtime
    assert found["tornado"].runtime
    assert not found["pytest"].runtime
    assert not [one.name for one in found.values() if one.runtime and one.flag == "copyleft"]


def test_what_could_not_be_looked_up_is_not_called_sound():
    """pip-audit answers "skipped" for every package when it reaches nothing, and ends well."""
    said = supply.verdict([{"name": "a", "skip_reason": "not found"}, {"name": "b", "skip_reason": "not found"}])
    assert "NOT CHECKED" in said
    some = supply.verdict([{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}, {"name": "b", "skip_reason": ""}])
    assert "1 of 1 packages checked" in some
    assert "a 1: X-1" in some
    assert "Not checked: b." in some
