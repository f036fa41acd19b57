"""Digests of every file a case depends on: its images, checkpoints, histories, and code of the user's own networks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tlx.cases import DOMAINS, Case, Domain
from tlx.errors import CaseError, DataError
from tlx.images import files, kinds, listings


def of_case(case: Case) -> tuple[tuple[str, str], ...]:
    """(role, digest) of each file or folder that exists."""
    digests = []
    for side in DOMAINS:
        if case.domain(side).path:
            digests.append((side, _domain(case.domain(side))))
        plan = case.plan(side)
        code = _module_file(case.architecture_of(side), case.home)
        if code is not None:
            digests.append((f"{side}_model.architecture", files.digest(code)))
        # What a checkpoint's training began with changes nothing any more, and need not be here.
        for role in ("checkpoint", "history") if plan.checkpoint else ("initial",):
            path = Path(getattr(plan, role))
            if getattr(plan, role) and path.is_file():
                digests.append((f"{side}_model.{role}", files.digest(path)))
    return tuple(digests)


def _domain(domain: Domain) -> str:
    """Of its folder or file; a torchvision dataset's own folder, where it has one, as others may lie beside it."""
    path = Path(domain.path)
    if domain.kind == "tensors":
        return files.digest(path) if path.is_file() else ""
    if domain.kind == "csv":
        return _table(domain, path)
    own = path / domain.dataset
    digest = files.folder_digest(
        own if own.is_dir() else path, kinds.mark if domain.kind == "folder" else files.unmarked
    )
    if domain.kind != "folder" or not _limits_given_splits(domain):
        return digest
    with suppress(DataError):
        return digest + _WITHIN * listings.gives_splits(path)
    return digest


# Results of before `per_class` kept the proportions of given splits lie under digests without this.
_WITHIN = " within splits"


def _limits_given_splits(domain: Domain) -> bool:
    return bool(domain.per_class) and domain.split == "given"


def _table(domain: Domain, path: Path) -> str:
    """Of a CSV and the images it lists; where it cannot be read, reading the domain says why."""
    own = (path.name, path)
    try:
        listed = listings.table(path)
    except DataError:
        return files.paths_digest([own])
    digest = files.paths_digest([own, *((entry.name, entry.path) for entry in listed.entries)])
    return digest + _WITHIN * (listed.splits and _limits_given_splits(domain))


def _module_file(architecture: str, home: str) -> Path | None:
    """Where the module of `package.module:function` lies, if it lies beside the case file."""
    module, _, function = architecture.partition(":")
    if not (home and function and all(part.isidentifier() for part in module.split("."))):
        return None
    at = Path(home, *module.split("."))
    return next((path for path in (at.with_suffix(".py"), at / "__init__.py") if path.is_file()), None)


def check_unchanged(case: Case, role: str) -> None:
    """Raises CaseError if files of a role ("source", "target_model.checkpoint", …) are others than the case knew.

    For whoever has just read them: what was read may then be neither the old nor the new, and must not be kept as what
    the fingerprint says.
    """
    if case.files and dict(case.files).get(role) != dict(of_case(case)).get(role):
        what = role.replace("_model.", " model's ") if "." in role else f"{role} images"
        raise CaseError(
            f"the {what} of case {case.name!r} changed while tlx was at work; start again to use it as it is"
        )
