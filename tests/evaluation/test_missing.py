"""Scores with missing ratings are those of each dimension without the clips that lack it."""

import numpy as np
import pytest

from crescendai.datasets.targets import same_rows
from crescendai.evaluation.baselines import TrainingPart, predict_baselines, predict_mean_rater
from crescendai.evaluation.bootstrap import group_bootstrap_r2
from crescendai.evaluation.metrics import METRIC_NAMES, evaluate_dimensions, r2_folds
from crescendai.evaluation.missing import evaluate_known, r2_within_folds
from crescendai.evaluation.reliability import ceiling_where_known, noise_ceiling

RNG = np.random.default_rng(0)
RATED = RNG.random((40, 3))
PREDICTED = 0.5 * RATED + 0.3 * RNG.random((40, 3))
HOLEY = np.where(RNG.random((40, 3)) < 0.3, np.nan, RATED)
FOLD, GROUPS = np.arange(40) % 4, [f"g{i // 4}" for i in range(40)]


def test_scores_are_those_of_the_clips_that_are_rated() -> None:
    scores = evaluate_known(HOLEY, PREDICTED)
    for k in range(3):
        rows = ~np.isnan(HOLEY[:, k])
        alone = evaluate_dimensions(HOLEY[rows, k][:, None], PREDICTED[rows, k][:, None])
        for name in METRIC_NAMES:
            assert scores[name][k] == pytest.approx(alone[name][0], rel=1e-12)


def test_without_holes_nothing_changes_to_the_last_bit() -> None:
    for name, values in evaluate_known(RATED, PREDICTED).items():
        np.testing.assert_array_equal(values, evaluate_dimensions(RATED, PREDICTED)[name])
    assert r2_within_folds(RATED, PREDICTED, FOLD) == r2_folds(RATED, PREDICTED, FOLD)


def test_a_fold_without_differences_has_no_r2_of_its_own() -> None:
    constant = np.repeat(FOLD[:, None] / 4.0, 3, axis=1)
    assert r2_within_folds(constant, PREDICTED, FOLD) is None
    half = np.where(FOLD[:, None] < 2, RATED, 0.5)
    expected = r2_folds(RATED[FOLD < 2], PREDICTED[FOLD < 2], FOLD[FOLD < 2])
    assert r2_within_folds(half, PREDICTED, FOLD) == pytest.approx(expected)


def test_resamples_leave_missing_ratings_out() -> None:
    samples = group_bootstrap_r2(HOLEY, PREDICTED[None], GROUPS, 50, seed=0)
    whole = group_bootstrap_r2(RATED, PREDICTED[None], GROUPS, 50, seed=0)
    assert samples.shape == whole.shape and np.isfinite(samples).all() and (samples != whole).any()
    # What is predicted where nothing is rated changes nothing.
    other = np.where(np.isnan(HOLEY), 1e3, PREDICTED)
    np.testing.assert_array_equal(samples, group_bootstrap_r2(HOLEY, other[None], GROUPS, 50, seed=0))
    rare = RATED.copy()
    rare[4:, 0] = np.nan  # one group of ten: some resamples have nothing to say of it
    scores = group_bootstrap_r2(rare, PREDICTED[None], GROUPS, 50, seed=0)
    assert np.isnan(scores[0, :, 0]).any() and np.isfinite(scores[0, :, 1:]).all()


def test_columns_of_the_same_rows_are_together_and_cover_everything() -> None:
    seen = np.zeros_like(HOLEY, dtype=int)
    for rows, columns in same_rows(HOLEY):
        seen[np.ix_(rows, columns)] += 1
    np.testing.assert_array_equal(seen, ~np.isnan(HOLEY))
    assert same_rows(RATED) == [(slice(None), slice(None))]


def test_baselines_learn_each_dimension_from_the_clips_rated_in_it() -> None:
    features, test = RNG.normal(size=(40, 5)), RNG.normal(size=(6, 5))
    groups, settings = np.array(GROUPS), ([1.0, 10.0], [1.0], 5, 0)
    found = predict_baselines(TrainingPart(features, HOLEY, groups), test, *settings)
    for k in range(3):
        rows = ~np.isnan(HOLEY[:, k])
        alone = predict_baselines(TrainingPart(features[rows], HOLEY[rows, k][:, None], groups[rows]), test, *settings)
        for model, values in alone.items():
            np.testing.assert_allclose(found[model][:, k], values[:, 0])
    np.testing.assert_allclose(predict_mean_rater(HOLEY, 2), np.tile(np.nanmean(HOLEY, axis=0), (2, 1)))


def test_a_ceiling_is_known_where_several_rated() -> None:
    clip, rater = np.repeat(np.arange(20).astype(str), 3), np.tile(["a", "b", "c"], 20)
    answers = np.repeat(RNG.random((20, 3)), 3, axis=0) + 0.1 * RNG.random((60, 3))
    whole = noise_ceiling(clip, rater, answers)
    answers[rater != "a", 1] = np.nan
    ceiling = ceiling_where_known(clip, rater, answers)
    np.testing.assert_array_equal(ceiling.r2[[0, 2]], whole.r2[[0, 2]])
    assert np.isnan(ceiling.r2[1]) and np.isnan(ceiling.single_rater_pearson[1])
    assert np.isnan(ceiling_where_known(clip[::3], rater[::3], answers[::3]).r2).all()
