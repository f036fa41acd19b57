"""Which images stand for a domain: some of a class, then one of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tlx.results import DomainImages

SHOWN, CHOSEN = 14, 3  # images of a domain, and of these at most of the chosen class


def chosen(listed: DomainImages, domain: str, class_name: str) -> pd.DataFrame:
    """Rows as `pictures.row_html` takes them: some of the class, spread over its images, then one of each other."""
    first = [at for at, name in enumerate(listed.classes) if name == class_name]
    others = [at for at in np.unique(listed.labels).tolist() if at not in first]
    own = np.flatnonzero(np.isin(listed.labels, first))
    own = own[spread(len(own), CHOSEN)]
    rest = [others[at] for at in spread(len(others), SHOWN - len(own))]
    rest = [int(np.flatnonzero(listed.labels == at)[len(own) % (listed.labels == at).sum()]) for at in rest]
    numbers = [*own.tolist(), *rest]
    labels = [listed.classes[listed.labels[at]] for at in numbers]
    return pd.DataFrame({"domain": domain, "instance": numbers, "name": listed.names[numbers], "label": labels})


def spread(count: int, most: int) -> list[int]:
    """At most so many of `count` places, evenly apart."""
    return [at * count // most for at in range(most)] if count > most else list(range(count))
