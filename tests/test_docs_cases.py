"""docs/cases.md: its examples are case files, and no key is missing there or has another default."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from tlx.casefiles import builtin, reading
from tlx.cases import Case, Domain, ModelPlan, Training

PAGE = (Path(__file__).parent.parent / "docs" / "cases.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
KINDS = {"The case": Case, "`[source]`": Domain, "`[source_model]`": ModelPlan, "`[source_model.training]`": Training}


def keys(kind: type) -> dict[str, Field[Any]]:
    """What a case file can say of a dataclass; digests and the file's folder are found out."""
    return {part.name: part for part in fields(kind) if part.name not in reading.FOUND_OUT}


def documented(heading: str) -> dict[str, str]:
    """Key -> default as the table below the heading has them."""
    after = PAGE.split("## Every key")[1].split(f"\n{heading}")[1]
    rows = [line.split(" | ") for line in after.split("\n\n")[1].splitlines()[2:]]
    found = {}
    for names, _, default, _ in rows:
        defaults = re.split(r"`, `", default) if "`, `" in default else [default] * len(names.split(", "))
        for name, value in zip(names.strip("| ").split(", "), defaults, strict=True):
            found[name.strip("`")] = value.strip("`")
    return found


@pytest.mark.parametrize("heading", KINDS)
def test_every_key_is_documented_with_its_default(heading: str) -> None:
    told, real = documented(heading), keys(KINDS[heading])
    assert told.keys() == real.keys()
    for name, part in real.items():
        if told[name] in ("required", "the file's name"):
            assert part.default is part.default_factory is MISSING
        else:
            value = tomllib.loads(f"x = {told[name]}")["x"]
            default = part.default if part.default_factory is MISSING else {}
            assert value == default or (not value and not default) or tuple(value) == default


def test_the_examples_are_sound(tmp_path: Path) -> None:
    """Nothing is wrong with them but that their files are not here."""
    assert len(EXAMPLES) == 3
    for at, text in enumerate(EXAMPLES):
        (tmp_path / f"{at}.toml").write_text(text, encoding="utf-8")
        assert reading.examined(tmp_path / f"{at}.toml")[1] == []
    assert len([line for line in EXAMPLES[0].splitlines() if line]) <= 10


def test_the_long_example_has_every_key() -> None:
    table = tomllib.loads(EXAMPLES[1])
    sides = [table[f"{side}_model"] for side in ("source", "target")]
    said = {
        Case: table.keys(),
        Domain: table["source"].keys() | table["target"].keys(),
        ModelPlan: sides[0].keys() | sides[1].keys(),
        Training: sides[0]["training"].keys() | sides[1]["training"].keys(),
    }
    for kind, given in said.items():
        assert given == keys(kind).keys()


def test_every_built_in_case_is_listed() -> None:
    assert re.findall(r"^\| `([a-z0-9-]+)` \| [^|]* → ", PAGE, flags=re.MULTILINE) == list(builtin.cases())
