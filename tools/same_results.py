"""Whether two bundles hold the same results: every value, by name, bit for bit.

    python tools/same_results.py before.tlx after.tlx

Prints what only one of them holds and what differs; ends with 1 where a result that both hold differs.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any


def main(before: str, after: str) -> int:
    first, second = (results(Path(path)) for path in (before, after))
    for name, path, only in (("before", before, first.keys() - second), ("after", after, second.keys() - first)):
        print(f"{len(only):6,} results only {name} ({path})")
        for key in sorted(only)[:5]:
            print(f"         {key}")
    both = first.keys() & second.keys()
    differing = sorted(key for key in both if first[key] != second[key])
    print(f"{len(both):6,} results in both, {len(differing):,} of them differ")
    for key in differing[:20]:
        print(f"         {key}")
    return int(bool(differing))


def results(path: Path) -> dict[str, Any]:
    """Each result as its JSON, arrays by the digest of their content (their names in the file)."""
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        return {
            key: json.loads(archive.read(content)) if kind == "json" else content
            for key, (kind, content) in manifest["results"].items()
        }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
