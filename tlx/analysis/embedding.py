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

LIMIT = 1_500  # instances of one domain that t-SNE places at most: it takes minutes for many
MOST = 10_000  # and with those that are placed beside them
BESIDE = 5  # nearest placed ones, in whose middle each of the others is put
BLOCK = 2_048  # of these at a time
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


def others(images: DomainImages, class_names: Sequence[str], chosen: np.ndarray, seed: int) -> np.ndarray:
    """The classes' further instances (indices, ascending), with those chosen at most MOST, of more some at random."""
    groups = [images.of_class(name) for name in dict.fromkeys(class_names)]
    rest = np.setdiff1d(np.concatenate([*groups, chosen]), chosen)
    room = max(MOST - len(chosen), 0)
    return rest if len(rest) <= room else np.sort(np.random.default_rng(seed).choice(rest, room, replace=False))


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
    rest: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Embedding:
    """2-D coordinates of the chosen instances of both domains together, source first, by their numbers.

    images, chosen (K,) and activations (K, D) by domain; layer: None for the activations before the classifier head;
    rest: further instances (M,) by domain, with the activations (N, D) of all, each of which is put in the middle of
    the chosen ones that are nearest to it. Raises EmptyError where nothing was chosen.
    """
    domain = np.repeat(DOMAINS, [len(chosen[name]) for name in DOMAINS])
    if len(domain) == 0:
        raise EmptyError("no instance of the chosen classes in either domain; choose at least one other class")
    joined = np.concatenate([activations[name] for name in DOMAINS if len(chosen[name])])
    coordinates, method = project(joined, seed)
    instance = np.concatenate([chosen[name] for name in DOMAINS]).astype(np.int64)
    more = {name: of for name, of in (rest or {}).items() if len(of[0])}
    if more:
        put = [beside_nearest(vectors, rows, joined, coordinates, seed=seed) for rows, vectors in more.values()]
        coordinates = np.concatenate([coordinates, *put])
        domain = np.concatenate([domain, np.repeat([*more], [len(rows) for rows, _ in more.values()])])
        instance = np.concatenate([instance, *(rows for rows, _ in more.values())])
        order = np.lexsort((instance, domain != DOMAINS[0]))
        coordinates, domain, instance = coordinates[order], domain[order], instance[order]
    drawn = {name: instance[domain == name] for name in DOMAINS}
    return Embedding(
        coordinates=coordinates.astype(np.float32),
        domain=domain,
        instance=instance,
        label=np.concatenate([_labels(images[name], drawn[name]) for name in DOMAINS]),
        model=model,
        layer=layer or "",
        sampled=_sampled(images, drawn, {name: len(chosen[name]) for name in DOMAINS}, seed),
        method=method | {"spread": spread(joined)},
    )


def beside_nearest(
    vectors: np.ndarray, rows: np.ndarray, placed: np.ndarray, coordinates: np.ndarray, *, seed: int
) -> np.ndarray:
    """(M, 2) places of some rows of `vectors` (N, D): the median of those of the BESIDE nearest that are placed.

    placed: (K, D) with their coordinates (K, 2). Nearest by principal components, as t-SNE took them; a median, since
    neighbours that were placed in two groups would have their mean in neither.
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    report(f"{len(rows):,} further instances", 0, 1)
    size = min(COMPONENTS, len(placed) - 1, placed.shape[1])
    if size < 1:
        return np.repeat(coordinates[:1], len(rows), axis=0)
    pca = PCA(size, random_state=seed).fit(placed.astype(np.float64))
    finder = NearestNeighbors(n_neighbors=min(BESIDE, len(placed))).fit(pca.transform(placed.astype(np.float64)))
    found = [
        finder.kneighbors(pca.transform(vectors[rows[at : at + BLOCK]].astype(np.float64)), return_distance=False)
        for at in range(0, len(rows), BLOCK)
    ]
    middles: np.ndarray = np.median(coordinates[np.concatenate(found)], axis=1)
    return middles


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


def _sampled(
    images: Mapping[str, DomainImages], drawn: Mapping[str, np.ndarray], placed: Mapping[str, int], seed: int
) -> str:
    """How some instances of the classes are placed otherwise or left out; empty where all are as usual.

    drawn: (M,) by domain; placed: how many of them t-SNE placed.
    """
    shown, usual = (sum(len(drawn[name]) for name in DOMAINS), sum(placed.values()))
    all_of_them = sum(
        len(images[name].of_class(label)) for name in DOMAINS for label in set(_labels(images[name], drawn[name]))
    )
    said = ""
    if shown < all_of_them:
        said = (
            f"{shown:,} of the {all_of_them:,} instances of these classes are drawn: at most {MOST:,} of a domain, at "
            f"random (seed {seed}). "
        )
    if usual < shown:
        said += (
            f"t-SNE placed {usual:,} of the {shown:,} drawn, large classes sampled at random (seed {seed}); each of "
            f"the others lies amid the {BESIDE} of these whose activations are nearest."
        )
    return said.strip()


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
