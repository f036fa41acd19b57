import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness

from tlx import progress
from tlx.analysis import activations, embedding
from tlx.errors import EmptyError
from tlx.images.thumbnails import thumbnails
from tlx.results import DomainImages

CLASSES = ("a", "b", "c")


def domain(counts, side=8, channels=3):
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = np.zeros((len(labels), side, side, channels), dtype=np.uint8)
    pixels[:] = (np.arange(len(labels)) % 256)[:, None, None, None]
    names = np.array([f"image {at}" for at in range(len(labels))])
    return DomainImages(pixels, labels, CLASSES, np.full(len(labels), "training"), names)


def clouds(counts, seed=0):
    """Gaussian clouds, one for each class, far apart."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(30 * at, 1, (count, 12)) for at, count in enumerate(counts)]).astype(np.float32)


def embed(source, target, seed=0):
    images = {"source": domain(source), "target": domain(target)}
    chosen = {name: np.arange(len(of)) for name, of in images.items()}
    vectors = {"source": clouds(source), "target": clouds(target, 1)}
    return embedding.embedding(images, chosen, vectors, model="target", layer=None, seed=seed)


def test_all_instances_of_few_are_chosen():
    """Below the limit every instance of the chosen classes is drawn, and no other."""
    np.testing.assert_array_equal(embedding.choose(domain([2, 3, 2]), ["c", "a"], 0), [0, 1, 5, 6])


def test_large_classes_are_cut_down_and_small_ones_stay_whole():
    """Above the limit the large classes shrink to one size; the sample keeps to the limit and is seeded."""
    images = domain([2000, 2000, 100])
    chosen = embedding.choose(images, CLASSES, 0)
    assert np.bincount(images.labels[chosen]).tolist() == [700, 700, 100]
    assert len(set(chosen.tolist())) == len(chosen)
    np.testing.assert_array_equal(chosen, embedding.choose(images, CLASSES, 0))
    assert not np.array_equal(chosen, embedding.choose(images, CLASSES, 1))


def nearest_by_hand(places, count):
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return [set(row) for row in np.argsort(distance, axis=1)[:, :count]]


def test_the_share_of_neighbours_kept_is_that_of_a_literal_count():
    """Of each point's 15 nearest, those that are among its 15 nearest in the picture; of few points fewer."""
    rng = np.random.default_rng(0)
    values, places = rng.normal(size=(60, 9)), rng.normal(size=(60, 2))
    both = zip(nearest_by_hand(values, 15), nearest_by_hand(places, 15), strict=True)
    shared = sum(len(one & other) for one, other in both)
    assert embedding.neighbours_kept(values, places) == {"neighbours": 15, "kept": shared / 900}
    assert embedding.neighbours_kept(places, 3 * places)["kept"] == 1
    assert embedding.neighbours_kept(values[:7], places[:7])["neighbours"] == 2


def test_the_embedding_tells_how_many_neighbours_it_keeps():
    """Far clouds of 20 points keep most of their own; the number is the picture's."""
    found = embed([20, 20], [20, 20])
    vectors = np.concatenate([clouds([20, 20]), clouds([20, 20], 1)])
    assert found.method["kept"] == embedding.neighbours_kept(vectors, found.coordinates)["kept"] > 0.4


def test_a_class_the_domain_lacks_gives_nothing():
    """A class that only the other domain has adds no instance."""
    assert len(embedding.choose(domain([2, 2, 2]), ["elsewhere"], 0)) == 0


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=3))
def test_the_sample_never_passes_the_limit(counts):
    """Whatever the class sizes, the limit holds and no present class vanishes."""
    images = domain(counts, side=1, channels=1)
    found = np.bincount(images.labels[embedding.choose(images, CLASSES, 0)], minlength=len(counts))
    assert found.sum() <= embedding.LIMIT
    assert ((found > 0) == (np.array(counts) > 0)).all()


def test_coordinates_are_those_of_scikit_learn():
    """The embedding is scikit-learn's t-SNE of scikit-learn's principal components."""
    values = np.concatenate([clouds([20, 20]), clouds([10, 10], 1)])
    reduced = PCA(12, random_state=3).fit_transform(values.astype(np.float64))
    expected = TSNE(perplexity=59 / 3, init="pca", random_state=3).fit_transform(reduced)
    found = embed([20, 20], [10, 10], seed=3)
    np.testing.assert_allclose(found.coordinates, expected, atol=1e-3)
    assert found.method["perplexity"] == pytest.approx(59 / 3)
    assert found.method["components"] == 12


def test_rows_name_their_instance():
    """Each row carries its domain, its index in that domain and its class."""
    found = embed([2, 1], [1, 2])
    assert found.domain.tolist() == ["source"] * 3 + ["target"] * 3
    assert found.instance.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.label.tolist() == ["a", "a", "b", "a", "b", "b"]
    assert found.sampled == ""


def test_neighbours_stay_neighbours():
    """Well separated clouds stay together: the embedding's neighbours are the vectors' neighbours."""
    values = clouds([30, 30])
    coordinates, _ = embedding.project(values, 0)
    assert trustworthiness(values, coordinates, n_neighbors=5) > 0.9


def test_same_seed_same_picture():
    """The same seed gives the same coordinates."""
    values = clouds([15, 15])
    np.testing.assert_array_equal(embedding.project(values, 5)[0], embedding.project(values, 5)[0])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_points_are_drawn_without_complaint(count):
    """One to four instances have finite coordinates, and different instances different ones."""
    coordinates, _ = embedding.project(clouds([count]), 0)
    assert coordinates.shape == (count, 2)
    assert np.isfinite(coordinates).all()
    assert len(np.unique(coordinates.round(6), axis=0)) == count


@pytest.mark.parametrize("count", [2, 3])
def test_two_or_three_points_keep_their_distances(count):
    """Where there are no neighbourhoods to keep, the principal components keep the distances themselves."""
    values = clouds([count])
    coordinates, _ = embedding.project(values, 0)
    np.testing.assert_allclose(pdist(coordinates), pdist(values), rtol=1e-5)


@pytest.mark.parametrize("count", [2, 30])
def test_equal_vectors_coincide(count):
    """A layer that answers the same to every image puts all of them on one spot."""
    coordinates, _ = embedding.project(np.full((count, 5), 0.1, dtype=np.float32), 0)
    np.testing.assert_array_equal(coordinates, np.zeros((count, 2)))


def test_one_column_is_enough():
    """Vectors of length one, as of a layer with one neuron, are drawn too."""
    coordinates, _ = embedding.project(np.arange(12, dtype=np.float32)[:, None], 0)
    assert np.isfinite(coordinates).all()


def test_nothing_chosen_is_said_in_words():
    """Classes without any instance give one clear sentence."""
    with pytest.raises(EmptyError, match="no instance of the chosen classes"):
        embed([0, 0], [0, 0])


def test_one_domain_alone_is_enough():
    """Classes that only one domain has are drawn with that domain's instances alone."""
    found = embed([0, 0], [3, 2])
    assert found.domain.tolist() == ["target"] * 5
    assert found.coordinates.shape == (5, 2)


def test_what_is_left_out_is_said():
    """A sampled picture says how many instances it shows of how many."""
    images = {"source": domain([2000]), "target": domain([5])}
    chosen = {"source": np.arange(0, 2000, 200), "target": np.arange(5)}
    vectors = {"source": clouds([10]), "target": clouds([5])}
    found = embedding.embedding(images, chosen, vectors, model="target", layer="conv1", seed=0)
    assert found.sampled.startswith("15 of the 2,005 instances")
    assert found.layer == "conv1"


def test_progress_is_reported():
    """Whoever listens hears of both steps, to the end."""
    heard = []
    with progress.listening(lambda *report: heard.append(report)):
        embedding.project(clouds([10]), 0)
    assert heard[-1] == ("t-SNE of 10 instances", 2, 2)


def test_nearest_are_the_smallest_distances():
    """The nearest rows come first, with their Euclidean distances; ties keep their order."""
    others = np.array([[3.0, 4.0], [0.0, 1.0], [1.0, 0.0], [9.0, 9.0]])
    found = embedding.nearest(np.array([[0.0, 0.0], [9.0, 8.0]]), others, 3)
    assert found.instances.tolist() == [[1, 2, 0], [3, 0, 2]]
    np.testing.assert_allclose(found.distances, [[1, 1, 5], [1, 52**0.5, 128**0.5]], rtol=1e-6)


def test_nearest_of_many_are_those_of_a_slow_search():
    """Against every distance; where there are fewer others than asked for, all of them."""
    rng = np.random.default_rng(0)
    here, there = (rng.normal(size=(count, 300)).astype(np.float32) for count in (40, 60))
    exact = np.sqrt(((here[:, None].astype(float) - there[None]) ** 2).sum(axis=2))
    found = embedding.nearest(here, there)
    np.testing.assert_array_equal(found.instances, np.argsort(exact, axis=1)[:, :8])
    np.testing.assert_allclose(found.distances, np.sort(exact, axis=1)[:, :8], rtol=1e-5)
    assert embedding.nearest(here, there[:3]).instances.shape == (40, 3)


def test_short_vectors_are_kept_whole():
    """Vectors up to the limit are not projected."""
    values = np.ones((3, 10), dtype=np.float32)
    assert activations.shortened(values) is values


def test_long_vectors_keep_their_distances():
    """The projection of very long vectors changes distances by a few per cent, part by part alike."""
    values = np.random.default_rng(0).normal(size=(6, activations.WIDEST + 1)).astype(np.float32)
    narrow = np.concatenate([activations.shortened(values[:2]), activations.shortened(values[2:])])
    assert narrow.shape == (6, activations.NARROWED)

    def distances(rows):
        return np.linalg.norm(rows[:, None] - rows[None], axis=2)[np.triu_indices(6, 1)]

    np.testing.assert_allclose(distances(narrow), distances(values), rtol=0.15)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_instance_has_its_tile(channels):
    """Instance i lies on sheet i // columns², row by row, and looks like the image."""
    images = domain([1100], side=8, channels=channels)
    found = thumbnails(images)
    assert (found.tile, found.columns, len(found.sheets)) == (8, 32, 2)
    for instance in (0, 200, 1023, 1084):
        sheet, cell = divmod(instance, 1024)
        row, column = divmod(cell, 32)
        picture = np.asarray(Image.open(io.BytesIO(found.sheets[sheet])))
        tile = picture[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
        assert abs(tile.mean() - instance % 256) < 12


def test_large_images_are_made_smaller():
    """Photographs become tiles of at most 96 pixels on sheets a browser can hold."""
    found = thumbnails(domain([257], side=224))
    assert (found.tile, found.columns, len(found.sheets)) == (96, 16, 2)
    assert Image.open(io.BytesIO(found.sheets[0])).size == (1536, 1536)
