"""Three small cases with different strategies and names, one of them hostile, for tests that compare cases."""

from __future__ import annotations

from pathlib import Path

import small_case

TITLES = {"bars": "Bars", "head": "<b>Head</b> only", "frozen": "Frozen"}
STRATEGIES = {"bars": "given checkpoint", "head": "last layer only", "frozen": "frozen up to conv1"}
_TRAINING = {"head": 'strategy = "head"', "frozen": 'freeze_until = "conv1"'}


def write(home: Path) -> dict[str, Path]:
    """Name -> case file. All share one architecture; classes and images differ in number."""
    found = {}
    for at, (name, title) in enumerate(TITLES.items()):
        folder = home / name
        folder.mkdir()
        path = small_case.write(folder, per_class=5 + at)
        text = path.read_text().replace('title = "Bars"', f'title = "{title}"', 1)
        if name in _TRAINING:
            text += f"[target_model.training]\n{_TRAINING[name]}\n"
        found[name] = path.rename(folder / f"{name}.toml")
        found[name].write_text(text)
    return found
