"""Digests of every file a case depends on: its images, checkpoints, histories, and code of the user's own networks."""

from __future__ import annotations

from pathlib import Path

from tlx import files, listings
from tlx.cases import DOMAINS, Case, Domain
from tlx.errors import DataError


def of_case(case: Case) -> tuple[tuple[str, str], ...]:
    """(role, digest) of each file or folder that exists."""
    found = []
    for side in DOMAINS:
        if case.domain(side).path:
            found.append((side, _domain(case.domain(side))))
        plan = case.plan(side)
        code = _module_file(case.architecture_of(side), case.home)
        if code is not None:
            found.append((f"{side}_model.architecture", files.digest(code)))
        # What a checkpoint's training began with changes nothing any more, and need not be here.
        for role in ("checkpoint", "history") if plan.checkpoint else ("initial",):
            path = Path(getattr(plan, role))
            if getattr(plan, role) and path.is_file():
                found.append((f"{side}_model.{role}", files.digest(path)))
    return tuple(found)


def _domain(domain: Domain) -> str:
    """Of its folder; a torchvision dataset's own folder, where it has one, as others may lie beside it."""
    path = Path(domain.path)
    if domain.kind == "csv":
        return _table(path)
    own = path / domain.dataset
    return files.folder_digest(own if own.is_dir() else path)


def _table(path: Path) -> str:
    """Of a CSV and the images it lists; where it cannot be read, reading the domain says why."""
    try:
        return files.paths_digest([path, *(entry.path for entry in listings.table(path).entries)], path.parent)
    except DataError:
        return files.paths_digest([path], path.parent)


def _module_file(architecture: str, home: str) -> Path | None:
    """Where the module of `package.module:function` lies, if it lies beside the case file."""
    module, _, function = architecture.partition(":")
    if not (home and function and all(part.isidentifier() for part in module.split("."))):
        return None
    at = Path(home, *module.split("."))
    return next((path for path in (at.with_suffix(".py"), at / "__init__.py") if path.is_file()), None)
