"""MMD in blocks against all pairs at once, and where its value is known."""

import numpy as np
import pytest

from voxpress.quality.sets.kernel import gaussian_kernel, gaussian_test, kid, median_distance, mmd2, polynomial_kernel

RANDOM = np.random.default_rng(1)
X, Y = RANDOM.normal(0, 1, (23, 6)), RANDOM.normal(0.5, 1, (31, 6))


def _once(x):
    return np.ones((1, len(x)))


def _naive(x, y, kernel):
    within = []
    for z in (x, y):
        pairs = [kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]
        within.append(np.mean(pairs))
    return sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def _cubic(a, b):
    return (a @ b / len(a) + 1) ** 3


def _gauss(a, b):
    return np.exp(-((a - b) ** 2).sum() / (2 * 1.7**2))


@pytest.mark.parametrize(("kernel", "plain"), [(polynomial_kernel, _cubic), (gaussian_kernel(1.7), _gauss)])
@pytest.mark.parametrize("block", [1, 5, 23, 100])
def test_blocks_give_the_mean_over_all_pairs(kernel, plain, block):
    found = mmd2(X, Y, _once(X), _once(Y), kernel=kernel, block=block)
    np.testing.assert_allclose(found, [_naive(X, Y, plain)], rtol=1e-10)


def test_a_weighting_is_the_set_with_rows_left_out():
    counts = np.ones((2, 23))
    counts[1, :9] = 0
    found = mmd2(X, Y, counts, np.ones((2, 31)), kernel=polynomial_kernel)
    np.testing.assert_allclose(found, [_naive(X, Y, _cubic), _naive(X[9:], Y, _cubic)], rtol=1e-10)


def test_a_row_drawn_twice_is_no_pair_with_itself():
    counts = np.ones((1, 23))
    counts[0, 4] = 2
    pairs, total = 0.0, 0.0
    for i in range(23):
        for j in range(23):
            if i != j:
                pairs += counts[0, i] * counts[0, j] * _cubic(X[i], X[j])
                total += counts[0, i] * counts[0, j]
    between = np.mean([_cubic(a, b) for i, a in enumerate(X) for b in Y for _ in range(int(counts[0, i]))])
    within_y = np.mean([_cubic(Y[i], Y[j]) for i in range(31) for j in range(31) if i != j])
    expected = pairs / total + within_y - 2 * between
    np.testing.assert_allclose(mmd2(X, Y, counts, _once(Y), kernel=polynomial_kernel), [expected], rtol=1e-10)


def test_kid_is_zero_on_average_between_sets_of_one_population():
    found = []
    for seed in range(60):
        x, y = np.random.default_rng(seed).normal(size=(2, 40, 5))
        found.append(kid(x, y, _once(x), _once(y)).item())
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_kid_of_a_known_shift():
    # one dimension, all x = 0 and all y = 1: 1 + 8 − 2·1
    assert kid(np.zeros((3, 1)), np.ones((3, 1)), np.ones((1, 3)), np.ones((1, 3))).item() == pytest.approx(7)


def test_the_permutation_test_sees_a_shift_and_nothing_where_there_is_none():
    x, y = np.random.default_rng(3).normal(size=(2, 60, 4))
    value, p = gaussian_test(x, y + 1, seed=0)
    assert value > 0.05
    assert p == 1 / 201
    ps = [gaussian_test(*np.random.default_rng(i).normal(size=(2, 30, 4)), permutations=99)[1] for i in range(40)]
    assert np.mean(np.array(ps) <= 0.5) == pytest.approx(0.5, abs=0.25)


def test_the_median_distance_is_that_of_all_pairs():
    both = np.concatenate([X, Y])
    pairs = [np.linalg.norm(both[i] - both[j]) for i in range(54) for j in range(i)]
    assert median_distance(X, Y) == pytest.approx(np.median(pairs))


def test_samples_that_are_all_the_same_have_no_kernel_width():
    with pytest.raises(ValueError, match="most are the same"):
        gaussian_test(np.ones((5, 2)), np.ones((5, 2)))
