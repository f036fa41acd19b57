"""How results and cases look in a notebook: `_repr_html_` of all of them, by their fields.

Numbers and names stand in one table, tables and what TABLES makes of arrays below it; other arrays are told by kind and
shape. Every text is escaped: names of classes and files are somebody's. Pictures are `tlx.figures`' work.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from tlx import cases, results
from tlx.cases import Case
from tlx.results import (
    Abstraction,
    Activations,
    Comparison,
    Conductance,
    Correspondence,
    Discriminability,
    DomainImages,
    Network,
    TrainedModel,
)

ROWS = 20  # of a table
NAMES = 12  # of a list within a row


def html(result: Any) -> str:
    """A result or case as a small HTML table or two."""
    kind, said = type(result), inspect.getdoc(type(result)) or ""
    parts = {field.name: getattr(result, field.name) for field in fields(result)}
    frames = [one for one in parts.values() if isinstance(one, pd.DataFrame)]
    if kind in TABLES:
        frames.append(TABLES[kind](result))
    rows = {name: _told(one) for name, one in parts.items() if not isinstance(one, pd.DataFrame)}
    if isinstance(result, Case):
        rows = _of_case(result)
    listed = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items() if text)
    heading = f"<b>{escape(kind.__name__)}</b>: {escape(said.partition(chr(10))[0])}"
    return f"<div><p>{heading}</p><table>{listed}</table>{''.join(map(_table, frames))}</div>"


def _table(frame: pd.DataFrame) -> str:
    more = f"<p>{ROWS} of {len(frame):,} rows</p>" if len(frame) > ROWS else ""
    shown = frame.head(ROWS).map(_told)
    return str(shown.to_html(index=False, border=0, escape=True)) + more


def _told(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, bool | np.bool_ | str):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, Mapping):
        return _few(f"{_told(key)}: {_told(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return _few(map(_told, value))
    if is_dataclass(value) and "__str__" not in vars(type(value)):
        return _few(f"{one.name}={_told(getattr(value, one.name))}" for one in fields(value))
    return "" if value is None else str(value)


def _few(parts: Iterable[str]) -> str:
    texts = list(parts)
    return ", ".join(texts[:NAMES]) + (f", … ({len(texts):,} in all)" if len(texts) > NAMES else "")


def _of_case(case: Case) -> dict[str, str]:
    """What a case is to a reader; all of it is in its file."""
    rows = {"name": case.name, "title": case.title, "about": case.about}
    rows |= {side: f"{case.domain(side).title} ({case.domain(side).kind})" for side in cases.DOMAINS}
    rows |= {f"{model} model": case.architecture_of(model) for model in cases.MODELS}
    rows |= {
        name: _told(getattr(case, name)) for name in ("image_size", "channels", "mean", "std", "layers", "n_steps")
    }
    return rows | {"fingerprint": case.fingerprint()}


def _of_images(images: DomainImages) -> pd.DataFrame:
    labels = np.array(images.classes, dtype=object)[images.labels]
    return pd.crosstab(labels, images.split).rename_axis("class").reset_index()


def _of_layers(measured: Conductance | Activations) -> pd.DataFrame:
    table = pd.DataFrame({"layer": measured.layers, "neurons": measured.units})
    if isinstance(measured, Conductance):
        errors = pd.DataFrame(measured.completeness_error).median()
        table["largest"] = [float(np.abs(measured.layer(name)).max()) for name in measured.layers]
        table["median completeness error"] = errors.to_numpy()
    return table


def _of_abstraction(found: Abstraction) -> pd.DataFrame:
    rows = [(name, len(one), _told(one[:NAMES].tolist())) for name, one in found.important.items()]
    return pd.DataFrame(rows, columns=["layer", "important", "the first"])


def _of_comparison(compared: Comparison) -> pd.DataFrame:
    marks = ("kept", "kept_by_function", "inherited")
    rows = [(*pair, *(compared.share(mark, pair) for mark in marks)) for pair in compared.kept]
    return pd.DataFrame(rows, columns=["first", "second", *marks])


def _of_correspondence(found: Correspondence) -> pd.DataFrame:
    rows = [
        (name, one.descent, float((one.function == np.arange(len(one.function))).mean()))
        for name, one in found.layers.items()
    ]
    return pd.DataFrame(rows, columns=["layer", "by descent", "same function, same index"])


def _of_discriminability(found: Discriminability) -> pd.DataFrame:
    """Its neurons, the most telling first."""
    order = found.ranking
    layers, indices = zip(*(found.neurons[at] for at in order), strict=True) if len(order) else ((), ())
    numbers = {"weight": found.weights, "AUC": found.auc, "stability": found.stability}
    return pd.DataFrame({"layer": layers, "neuron": indices} | {name: one[order] for name, one in numbers.items()})


def _of_network(network: Network) -> pd.DataFrame:
    rows = [(layer.name, layer.title, layer.complete) for layer in network.layers]
    return pd.DataFrame(rows, columns=["layer", "title", "complete"])


def _of_model(model: TrainedModel) -> pd.DataFrame:
    return pd.DataFrame([(name, _told(one)) for name, one in model.tensors.items()], columns=["tensor", "what"])


TABLES: dict[type, Callable[[Any], pd.DataFrame]] = {
    Abstraction: _of_abstraction,
    Activations: _of_layers,
    Comparison: _of_comparison,
    Conductance: _of_layers,
    Correspondence: _of_correspondence,
    Discriminability: _of_discriminability,
    DomainImages: _of_images,
    Network: _of_network,
    TrainedModel: _of_model,
}
SHOWN = (Case, *(one for one in vars(results).values() if isinstance(one, type) and is_dataclass(one)))
for _kind in SHOWN:
    setattr(_kind, "_repr_html_", html)  # noqa: B010  # one for all
