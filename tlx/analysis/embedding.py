"""The instance view's embedding: activations of both domains' instances, drawn in two dimensions (5.2, method 6).

PCA to 50 dimensions, then t-SNE (van der Maaten and Hinton 2008). Distances to neighbours are taken before both, on
the activations themselves, since t-SNE keeps who is near and not how far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlx.cases import DOMAINS
from tlx.errors import EmptyError
from tlx.progress import report
from tlx.results import DomainImages, Embedding, Nearest

LIMIT = 1_500  # instances of one domain that are drawn at most; both together stay readable and quick
COMPONENTS = 50
PERPLEXITY = 30.0
NEIGHBOURS = 15  # of each point, of which is told how many the picture keeps
NEAREST = 8  # instances of the other domain that are shown beside one


def choose(images: DomainImages, class_names: Sequence[str], seed: int) -> np.ndarray:
    """The instances (indices, ascending) of these classes to draw, at most LIMIT.

    Above the limit the large classes are sampled down to one common size, so that small classes stay whole.
    """
    groups = [group for name in dict.fromkeys(class_names) if len(group := images.of_class(name))]
    if not groups:
        return np.empty(0, dtype=np.int64)
    cap = _common_size([len(group) for group in groups])
    rng = np.random.default_rng(seed)
    kept = [group if len(group) <= cap else rng.choice(group, cap, replace=False) for group in groups]
    return np.sort(np.concatenate(kept))


def _common_size(sizes: Sequence[int]) -> int:
    """The largest size to cut groups down to so that they hold LIMIT together; at least 1 each."""
    fits = [cap for cap in range(1, max(sizes) + 1) if np.minimum(sizes, cap).sum() <= LIMIT]
    return max(fits, default=1)


def embedding(
    images: Mapping[str, DomainImages],
    chosen: Mapping[str, np.ndarray],
    activations: Mapping[str, np.ndarray],
    *,
    model: str,
    layer: str | None,
    seed: int,
) -> Embedding:
    """2-D coordinates of the chosen instances of both domains together, source first.

    images, chosen (K,) and activations (K, D) by domain; layer: None for the activations before the
    classifier head. Raises EmptyError where nothing was chosen.
    """
    domain = np.repeat(DOMAINS, [len(chosen[name]) for name in DOMAINS])
    if len(domain) == 0:
        raise EmptyError("no instance of the chosen classes in either domain; choose at least one other class")
    joined = np.concatenate([activations[name] for name in DOMAINS if len(chosen[name])])
    coordinates, method = project(joined, seed)
    return Embedding(
        coordinates=coordinates.astype(np.float32),
        domain=domain,
        instance=np.concatenate([chosen[name] for name in DOMAINS]).astype(np.int64),
        label=np.concatenate([_labels(images[name], chosen[name]) for name in DOMAINS]),
        model=model,
        layer=layer or "",
        sampled=_sampled(images, chosen, seed),
        method=method | {"spread": spread(joined)},
    )


def spread(values: np.ndarray) -> float:
    """How far (N, D) vectors lie from their mean, as a share of their length (both root mean squares); 0 for zeros."""
    length = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    return float(np.sqrt(values.var(axis=0, dtype=np.float64).mean())) / length if length else 0.0


def project(values: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, float]]:
    """(N, 2) coordinates of (N, D) vectors by PCA, then t-SNE; and the numbers of both.

    perplexity is clipped to (N - 1) / 3. Up to three points, and points that all coincide, have no neighbourhoods to
    keep: they are drawn by their principal components alone.
    """
    from sklearn.decomposition import PCA

    n = len(values)
    report(f"principal components of {n:,} instances", 0, 2)
    size = min(COMPONENTS, n - 1, values.shape[1])
    if size < 1 or np.allclose(values, values[0]):
        return np.zeros((n, 2)), {"seed": seed}
    pca = PCA(size, random_state=seed).fit(values.astype(np.float64))
    reduced = pca.transform(values.astype(np.float64))
    method = {"seed": seed, "components": size, "variance": float(pca.explained_variance_ratio_.sum())}
    if reduced.shape[1] == 1:  # one direction is all there is; t-SNE starts from two
        reduced = np.hstack([reduced, np.zeros((n, 1))])
    if n <= 3:
        return reduced[:, :2], method
    report(f"t-SNE of {n:,} instances", 1, 2)
    coordinates, numbers = _tsne(reduced, seed)
    report(f"t-SNE of {n:,} instances", 2, 2)
    return coordinates, method | numbers | neighbours_kept(values, coordinates)


def _tsne(values: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, float]]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    coordinates = tsne.fit_transform(values)
    return coordinates, {"perplexity": perplexity, "kl_divergence": float(tsne.kl_divergence_)}


def neighbours_kept(values: np.ndarray, coordinates: np.ndarray) -> dict[str, float]:
    """neighbours: how many nearest rows (N, D) of each are looked at; kept: the share of them near it in (N, 2), too.

    With all other points as neighbours nothing could be lost, so that at most a third of them are taken.
    """
    from sklearn.neighbors import NearestNeighbors

    count = max(1, min(NEIGHBOURS, (len(values) - 1) // 3))
    there, here = (
        NearestNeighbors(n_neighbors=count).fit(places).kneighbors(return_distance=False)
        for places in (values, coordinates)
    )
    shared = sum(len(np.intersect1d(one, other)) for one, other in zip(there, here, strict=True))
    return {"neighbours": count, "kept": shared / there.size}


def _labels(images: DomainImages, chosen: np.ndarray) -> np.ndarray:
    named: np.ndarray = np.array(images.classes, dtype=object)[images.labels[chosen]]
    return named


def _sampled(images: Mapping[str, DomainImages], chosen: Mapping[str, np.ndarray], seed: int) -> str:
    """One sentence where some instances of the classes are left out; empty where all are drawn."""
    shown = sum(len(chosen[name]) for name in DOMAINS)
    all_of_them = sum(
        len(images[name].of_class(label)) for name in DOMAINS for label in set(_labels(images[name], chosen[name]))
    )
    if shown == all_of_them:
        return ""
    return (
        f"{shown:,} of the {all_of_them:,} instances of these classes are drawn: at most {LIMIT:,} of a domain, the "
        f"large classes sampled at random (seed {seed})."
    )


def nearest(vectors: np.ndarray, others: np.ndarray, count: int = NEAREST) -> Nearest:
    """For each row of `vectors` (N, D) the `count` rows of `others` (M, D) that are nearest by Euclidean distance.

    Nearest first; of equal ones the earlier row.
    """
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=min(count, len(others)), algorithm="brute").fit(others)
    distances, rows = finder.kneighbors(vectors)
    order = np.lexsort((rows, distances))
    rows, distances = (np.take_along_axis(one, order, axis=1) for one in (rows, distances))
    return Nearest(rows.astype(np.int32), distances.astype(np.float32))
