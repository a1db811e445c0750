"""The test that tells two samples of times apart, or does not."""

import numpy as np
import pytest

from benchmarks.sign_in import SIGNIFICANT, compare, mann_whitney


def test_it_agrees_with_figures_worked_out_by_hand() -> None:
    # 10 of 12 pairs are won by the first; sd = sqrt(3 * 4 / 12 * 8), with the continuity correction z = 3.5 / sd
    p, auc = mann_whitney(np.array([5.0, 6.0, 3.5]), np.array([1.0, 2.0, 3.0, 5.5]))
    assert auc == pytest.approx(10 / 12)
    assert p == pytest.approx(0.2159, abs=0.001)
    assert mann_whitney(np.array([1.0, 2.0]), np.array([1.0, 2.0]))[1] == 0.5
    assert mann_whitney(np.array([1.0, 1.0]), np.array([1.0])) == (1.0, 0.5)


def test_samples_of_one_distribution_are_rarely_told_apart() -> None:
    random = np.random.default_rng(7)
    found = [mann_whitney(random.lognormal(size=300), random.lognormal(size=300))[0] < SIGNIFICANT for _ in range(400)]
    assert sum(found) <= 12  # 4 are expected


def test_a_shift_is_seen_and_so_is_how_large_it_had_to_be() -> None:
    random = np.random.default_rng(7)
    unknown, same = (0.03 + random.gamma(2.0, 0.002, size=2_000) for _ in range(2))
    found = compare(same, unknown)
    assert found.p > SIGNIFICANT
    assert 0 < found.seen_seconds < 0.0005
    assert compare(same + 1.2 * found.seen_seconds + float(np.median(unknown) - np.median(same)), unknown).p < SIGNIFICANT
