"""What tlx is built on: the licences of everything installed for it, and what is known against those versions.

    python tools/supply.py [--only licences]

Lists the packages that requirements.txt and requirements-dev.txt lead to, as this environment has them, as a Markdown
table. Then asks pip-audit, if it is installed, for known vulnerabilities; where its database cannot be reached it says
so instead of "none". Ends with status 1 where the app would be built on copyleft, or a vulnerability is known.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
STRONG = re.compile(r"\bA?GPL|GNU (Affero )?General Public")
WEAK = re.compile(r"\bLGPL|\bMPL|\bEPL|\bCDDL|Lesser General|Mozilla|Eclipse")
SHORT = 60  # characters of a licence's name; longer ones are its text


@dataclass(frozen=True)
class Package:
    """One installed package: what it says its licence is, and whether the app itself needs it."""

    name: str
    version: str
    licence: str
    runtime: bool

    @property
    def flag(self) -> str:
        """What the licence asks of who passes the package on: "copyleft", "weak copyleft", "not said" or nothing."""
        if not self.licence:
            return "not said"
        if " OR " not in self.licence and STRONG.search(self.licence):
            return "copyleft"
        return "weak copyleft" if WEAK.search(self.licence) else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["licences", "vulnerabilities"])
    only = parser.parse_args().only
    found = packages()
    bad = []
    if only != "vulnerabilities":
        print(table(found))
        bad += [package.name for package in found if package.runtime and package.flag == "copyleft"]
    if only != "licences":
        bad += vulnerabilities(found)
    return 1 if bad else 0


def packages() -> list[Package]:
    """Everything installed that the two requirement files lead to, by name."""
    runtime = closure(requirements(ROOT / "requirements.txt"))
    everything = runtime | closure(requirements(ROOT / "requirements-dev.txt"))
    found = [(distribution(name), name in runtime) for name in sorted(everything)]
    return [Package(name_of(one), one.version, licence(one.metadata), needed) for one, needed in found]


def requirements(path: Path) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(wanted: Iterable[Requirement]) -> set[str]:
    """Normalised names of the installed packages these lead to; what a marker excludes here is left out."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        one = waiting.pop()
        name = normal(one.name)
        if name in found or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [Requirement(line) for line in installed.requires or []]
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(one: Distribution) -> str:
    return str(one.metadata["Name"])


def licence(said: Message) -> str:
    """A package's licence in a few words: the SPDX expression, else the classifiers, else the licence field's title."""
    classifiers = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if line.startswith("License")]
    field = str(said.get("License") or "").strip()
    title = field.splitlines()[0] if field else ""
    words = said.get("License-Expression") or ", ".join(classifiers) or title
    return str(words) if len(str(words)) <= SHORT else f"{str(words)[: SHORT - 1]}…"


def table(found: list[Package]) -> str:
    rows = [f"| {one.name} | {one.version} | {'app' if one.runtime else 'development'} | {one.licence} | {one.flag} |"
            for one in found]  # fmt: skip
    return "\n".join(["| package | version | needed by | licence | |", "|---|---|---|---|---|", *rows])


def vulnerabilities(found: list[Package]) -> list[str]:
    """Prints what pip-audit knows about these packages and answers with the names of those it knows something of."""
    if importlib.util.find_spec("pip_audit") is None:
        print("\nKnown vulnerabilities: NOT CHECKED, pip-audit is not installed (pip install pip-audit).")
        return []
    asked = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--local"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    ours = {normal(one.name) for one in found}
    try:
        answers = [one for one in json.loads(done.stdout)["dependencies"] if normal(one["name"]) in ours]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        print(f"\nKnown vulnerabilities: NOT CHECKED, pip-audit failed: {last[0][:300]}")
        return []
    print(verdict(answers))
    return [one["name"] for one in answers if one.get("vulns")]


def verdict(answers: list[dict[str, object]]) -> str:
    """What pip-audit's answers come to, in words; a package it skipped is not called sound."""
    skipped = [str(one["name"]) for one in answers if "skip_reason" in one]
    known = [one for one in answers if one.get("vulns")]
    checked = len(answers) - len(skipped)
    if not checked:
        return (
            f"\nKnown vulnerabilities: NOT CHECKED, pip-audit could look up none of {len(skipped)} packages: its "
            "database cannot be reached from here. Run `make supply` where it can."
        )
    lines = [f"\nKnown vulnerabilities: {len(known)} of {checked} packages checked have any."]
    for one in known:
        ids = ", ".join(str(vuln["id"]) for vuln in one["vulns"])  # type: ignore[attr-defined]
        lines.append(f"- {one['name']} {one['version']}: {ids}")
    if skipped:
        lines.append(f"Not checked: {', '.join(skipped)}.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
