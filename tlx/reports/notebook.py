"""The report of a case as a notebook: short cells that read what is stored through the public face and show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tlx.cases import Case
from tlx.reports.page import MARK
from tlx.text import escape

Cell = tuple[str, str]  # kind ("markdown" or "code") and text


def written(case: Case, class_names: tuple[str, ...], name: str, version: str) -> Iterator[str]:
    """The file: nbformat 4.5, without outputs, its mark first. name: what `tlx.load_case` is given."""
    cells = [_cell(at, *cell) for at, cell in enumerate(_cells(case, class_names, name))]
    metadata = {
        "generator": f"{MARK} {version}",
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = {"metadata": metadata, "nbformat": 4, "nbformat_minor": 5, "cells": cells}
    yield json.dumps(notebook, indent=1, ensure_ascii=False)
    yield "\n"


def _cell(at: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{at}", "metadata": {}}
    cell["source"] = text.splitlines(keepends=True)
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _cells(case: Case, class_names: tuple[str, ...], name: str) -> Iterator[Cell]:
    yield "markdown", f"# {escape(case.title)}\n\n{escape(case.about, 600)}"
    yield (
        "markdown",
        "The cells read what is stored of the case and compute nothing that is there already; `tlx run` computes the "
        "rest. Every result is a frozen value with arrays or tables in it, every figure one of Bokeh's.",
    )
    yield (
        "code",
        "import tlx\nfrom bokeh.io import output_notebook, show\nfrom tlx import pipeline as p\n\noutput_notebook()",
    )
    yield "code", f"case = tlx.load_case({name!r})\ncase"
    yield "markdown", "## What the transfer was worth\n\nThe score is in [−1, 1], with its 95 % interval."
    yield "code", "score = p.transferability(case)\nscore"
    yield "code", "history = p.history(case)\nhistory.groupby(['model', 'domain', 'split'])['accuracy'].max()"
    yield "code", "from tlx.figures.accuracy import accuracy\n\nif len(history):\n    show(accuracy(history))"
    yield "markdown", "## Class by class"
    yield "code", "classes = p.class_table(case)\nclasses.sort_values('difference')"
    yield (
        "code",
        "from tlx.figures.confusion import confusion\n\nconfused = p.confusion(case, 'target')\n"
        "show(confusion(confused, model='target', split=classes['split'].iloc[0]))",
    )
    for class_name in class_names:
        yield from _of_class(class_name)


def _of_class(name: str) -> Iterator[Cell]:
    yield (
        "markdown",
        f"## Class {escape(name)}\n\nHow much of the source model is reused, layer by layer, and by chance.",
    )
    yield (
        "code",
        f"name = {name!r}\nnetwork = p.network(case)\nreused = p.reuse(case, name)\n"
        "reused.table.query(\"measure == 'kept'\")",
    )
    yield "code", "from tlx.figures.reuse import reuse\n\nshow(reuse(network, {name: reused}, name))"
    yield "markdown", "Which important neurons alone tell the two domains apart: an AUC of 0.5 says nothing."
    yield (
        "code",
        "import pandas as pd\n\ntold = p.discriminability(case, name)\n"
        "ranking = pd.DataFrame(told.neurons, columns=['layer', 'neuron'])\n"
        "ranking = ranking.assign(auc=told.auc, low=told.auc_low, high=told.auc_high, stability=told.stability)\n"
        "ranking.iloc[told.by_auc].head(8)",
    )
    yield "markdown", "Where the images of the class and of the one it is most confused with lie for the target model."
    yield (
        "code",
        "from tlx import defaults\nfrom tlx.figures import theme\nfrom tlx.figures.scatter import scatter\n\n"
        "drawn = defaults.in_table_order(classes, defaults.classes_drawn(classes, name))\n"
        "embedding = p.embedding(case, drawn, 'target', None, case.seed)\n"
        "show(scatter(embedding, p.instances(case), theme.class_colours(drawn)))",
    )
