"""Exact nearest neighbours in blocks, against all distances at once."""

import numpy as np
import pytest

from voxpress.quality.distances import nearest, squared_distances

RANDOM = np.random.default_rng(5)
REFERENCES = RANDOM.normal(3, 1, (57, 11)).astype(np.float32)
QUERIES = RANDOM.normal(3, 1, (23, 11)).astype(np.float32)


def _all_distances(queries, references):
    return np.sqrt(((queries[:, None].astype(np.float64) - references[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("block", [1, 7, 23, 100])
def test_blocks_hold_every_distance(block):
    found = np.full((23, 57), np.nan)
    for rows, squared in squared_distances(QUERIES, REFERENCES, block=block):
        found[rows] = np.sqrt(squared)
    np.testing.assert_allclose(found, _all_distances(QUERIES, REFERENCES), rtol=1e-4)


@pytest.mark.parametrize("k", [1, 5, 57])
@pytest.mark.parametrize("block", [4, 100])
@pytest.mark.parametrize("tile", [1, 6, 25, 100])
def test_the_nearest_are_those_of_all_distances(k, block, tile):
    expected = np.sort(_all_distances(QUERIES, REFERENCES), axis=1)[:, :k]
    found = nearest(QUERIES, REFERENCES, k, block=block, tile=tile)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-5)
    at_rows = np.take_along_axis(_all_distances(QUERIES, REFERENCES), found.rows, axis=1)
    np.testing.assert_allclose(at_rows, found.distances, rtol=1e-5)


@pytest.mark.parametrize("block", [4, 100])
@pytest.mark.parametrize("tile", [1, 25, 100])
def test_no_sample_is_its_own_neighbour(block, tile):
    found = nearest(REFERENCES, REFERENCES, 3, same=True, block=block, tile=tile)
    expected = np.sort(_all_distances(REFERENCES, REFERENCES), axis=1)[:, 1:4]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-5)
    assert not (found.rows == np.arange(57)[:, None]).any()
    assert (found.distances > 0).all()


def test_an_exact_copy_has_distance_zero_far_from_the_origin():
    far = REFERENCES + np.float32(1000)
    found = nearest(far[4:5], far, 1)
    assert found.rows.item() == 4
    assert found.distances.item() == 0


@pytest.mark.parametrize("tile", [10, 25, 100])
def test_of_equal_references_the_first_is_taken(tile):
    twice = np.concatenate([REFERENCES, REFERENCES])
    found = nearest(REFERENCES, twice, 1, tile=tile)
    np.testing.assert_array_equal(found.rows[:, 0], np.arange(57))


def test_references_that_come_nearer_and_nearer_are_all_looked_at():
    references = np.linspace(100, 0, 500, dtype=np.float32)[:, None]
    found = nearest(np.zeros((3, 1), np.float32), references, 4, tile=50)
    np.testing.assert_array_equal(found.rows, [[499, 498, 497, 496]] * 3)


@pytest.mark.parametrize(("k", "same"), [(0, False), (58, False), (57, True)])
def test_more_neighbours_than_references_are_refused(k, same):
    with pytest.raises(ValueError, match="references"):
        nearest(REFERENCES, REFERENCES, k, same=same)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(23, 11\) and \(57, 10\)"):
        list(squared_distances(QUERIES, REFERENCES[:, :10]))
