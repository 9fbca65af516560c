"""Intervals hold what they promise for new groups, and are wider where errors are."""

import numpy as np
import pytest

from crescendai.errors import DataError
from crescendai.evaluation.intervals import enough_groups, half_widths, out_of_fold_coverage

COVERAGE = 0.9


def drawn(rng: np.random.Generator, num_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors with a part that a group has in common, as clips of a passage have; the second dimension's are double."""
    sizes = rng.integers(1, 12, num_groups)
    groups = np.repeat(np.arange(num_groups), sizes).astype(str)
    shared = np.repeat(rng.normal(size=num_groups), sizes)
    error = shared + 0.7 * rng.normal(size=len(groups))
    return np.stack([error, 2 * error], axis=1), groups


def test_a_new_group_is_held_as_often_as_promised():
    rng, held = np.random.default_rng(0), []
    for _ in range(1000):
        error, groups = drawn(rng, 40)
        new, _ = drawn(rng, 1)
        held.append((np.abs(new) <= half_widths(error, groups, COVERAGE)).mean())
    assert np.mean(held) == pytest.approx(COVERAGE, abs=0.02)


def test_widths_follow_the_errors_and_a_missing_rating_does_not_count():
    error, groups = drawn(np.random.default_rng(1), 60)
    first, second = half_widths(error, groups, COVERAGE)
    assert second == pytest.approx(2 * first)
    more = np.vstack([error, np.full((5, 2), np.nan)])
    np.testing.assert_array_equal(half_widths(more, np.append(groups, ["0"] * 5), COVERAGE), [first, second])
    assert (half_widths(error, groups, 0.5) < half_widths(error, groups, COVERAGE)).all()


def test_measured_coverage_is_of_clips_that_the_widths_were_not_measured_on():
    error, groups = drawn(np.random.default_rng(2), 80)
    fold = groups.astype(int) % 4
    for covered in out_of_fold_coverage(error, groups, fold, COVERAGE):
        assert (np.abs(covered - COVERAGE) < 0.07).all()
    error[fold == 0] *= 100.0  # a fold that is nothing like the others is not held
    assert max(covered.max() for covered in out_of_fold_coverage(error, groups, fold, COVERAGE)) < 0.8


def test_coverage_is_of_groups_and_of_clips():
    # Twenty groups of one clip are held, one of twenty clips is not.
    groups = np.array([*map(str, range(20)), *["many"] * 20])
    error = np.where(groups == "many", 5.0, 1.0)[:, None]
    fold = (np.arange(40) % 2) * (groups != "many")
    of_groups, of_clips = out_of_fold_coverage(error, groups, fold, 0.8)
    assert of_groups == pytest.approx(20 / 21) and of_clips == pytest.approx(0.5)


def test_too_few_groups_have_no_interval():
    error, groups = drawn(np.random.default_rng(3), 8)
    with pytest.raises(DataError, match="expected at least 9 groups"):
        half_widths(error, groups, COVERAGE)
    fold = groups.astype(int) % 2
    assert not enough_groups(groups, fold, COVERAGE) and enough_groups(groups, fold, 0.75)
