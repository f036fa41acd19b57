"""The start page's findings on a real small case, each recomputed from the pipeline's plain numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import small_case
import torch
from sklearn.metrics import roc_auc_score

from tlx import findings, load_case, pipeline
from tlx.networks import models

MODELS = ("source", "target")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Four classes, sixteen images to validate each; untrained models, levelled so that they say all of them."""
    home = tmp_path_factory.mktemp("bars")
    path = small_case.write(home, per_class=20, classes=("lying", "upright", "low", "tall"))
    path.write_text(path.read_text().replace('path = "thin"', 'path = "thin"\ntraining_share = 0.2'))
    found = load_case(path)
    pixels = models.normalised(pipeline.images(found, "target").pixels, found)
    for model in MODELS:
        network = pipeline.load_model(found, model)
        with torch.no_grad():
            *_, bias = network.parameters()
            bias -= network(pixels).mean(0)
        torch.save(network.state_dict(), home / f"{model}.pt")
    return load_case(path)


@pytest.fixture(scope="module")
def answers(case):
    """Labels and both models' predictions on the target domain's validation images."""
    tables = {model: pipeline.predictions(case, model, "target") for model in MODELS}
    kept = (tables["target"]["split"] == "validation").to_numpy()
    said = {model: tables[model]["prediction"].to_numpy()[kept] for model in MODELS}
    return tables["target"]["label"].to_numpy()[kept], said


def numbers(text):
    return [float(found.replace("−", "-")) for found in re.findall(r"[+−]?\d+(?:\.\d+)?", text)]


def test_the_class_that_changes_most(case, answers):
    """The largest difference of the two models' shares of right answers, in the text as percentages and points."""
    labels, said = answers
    right = {name: [float((said[m][labels == name] == name).mean()) for m in MODELS] for name in set(labels)}
    found = findings.most_changed(pipeline.class_table(case))
    before, after = right[found.class_name]
    assert abs(after - before) == max(abs(late - early) for early, late in right.values()) > 0
    one = 100 / (n := (labels == found.class_name).sum())  # of few images
    shares = [100 * before, 100 * after, n, 100 * (after - before), one]
    assert numbers(found.text) == pytest.approx(shares, abs=0.051)


def test_the_most_confused_pair(case, answers):
    """The pair (true, said) that the target model produces most often."""
    labels, said = answers
    pairs = {}
    for true, answer in zip(labels, said["target"], strict=True):
        pairs[true, answer] = pairs.get((true, answer), 0) + (true != answer)
    found = findings.most_confused(pipeline.class_table(case))
    true, answer = re.fullmatch(r"Class (\w+) is most often taken for (\w+)", found.title).groups()
    assert pairs[true, answer] == max(pairs.values()) > 0
    assert found.class_name == true
    assert numbers(found.text)[:2] == [pairs[true, answer], (labels == true).sum()]


def test_where_rewiring_begins(case):
    """Shares of important edges between active neurons that are important between their counterparts, edge by edge."""
    name = pipeline.classes(case)[0]
    network, reuse = pipeline.network(case), pipeline.reuse(case, name)
    both = {model: pipeline.abstraction(case, model, name) for model in MODELS}
    layers = pipeline.correspondence(case).layers
    shares = {}
    for pair in network.pairs:
        source, target = ({tuple(edge) for edge in both[model].edges[pair].important.tolist()} for model in MODELS)
        active = [both["target"].active[layer] for layer in pair]
        here, there = (layers[layer].source for layer in pair)
        counted = [(here[i], there[j]) in source for i, j in target if active[0][i] and active[1][j]]
        shares[pair] = np.mean(counted)
    table = reuse.of("kept").set_index(["first", "second"])
    assert {pair: table.loc[pair, "value"] for pair in shares} == pytest.approx(shares)
    chance = [pair for pair, share in shares.items() if share <= table.loc[pair, "high"]]
    expected = chance[0] if chance else min(shares, key=shares.get)
    found = findings.rewiring(network, reuse)
    assert found.layers == expected
    assert f"{100 * shares[expected]:.0f}\N{NO-BREAK SPACE}% of its " in found.text


def test_the_most_domain_specific_neuron_of_the_worst_class(case, answers):
    """The worst class by the target model's answers; in it the neuron of the AUC farthest from 0.5."""
    labels, said = answers
    share = {name: (said["target"][labels == name] == name).mean() for name in set(labels)}
    worst = findings.worst_class(pipeline.class_table(case))
    assert share[worst] == min(share.values())
    told = pipeline.discriminability(case, worst)
    finding = findings.most_domain_specific(told, pipeline.network(case))
    if told.low <= 0.5:
        assert finding is None
        return
    areas = [roc_auc_score(told.domain == "target", column) for column in told.values.T]
    at = int(np.abs(np.array(areas) - 0.5).argmax())
    assert f"AUC {areas[at]:.2f}" in finding.text
    if told.stability[at] >= 0.8:
        assert finding.neuron == ("target", *told.neurons[at])
