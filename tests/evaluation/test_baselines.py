"""Baselines learn what can be learned, from the training part alone, on any number of cores."""

import numpy as np
import pytest

from crescendai.errors import DataError
from crescendai.evaluation.baselines import MODELS, TrainingPart, predict_baselines, predict_mean_rater

CHOICES = {"ridge_alphas": [1.0, 100.0], "svr_c": [0.3, 1.0], "num_trees": 50, "seed": 1}


def made_part(rows: int, seed: int, noise: float = 0.05) -> TrainingPart:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, 6)) * [1, 10, 0.1, 1, 1, 1]
    ratings = 0.5 + 0.1 * np.stack(
        [features[:, 0], np.tanh(features[:, 1] / 10), np.abs(features[:, 3])], axis=1
    )
    return TrainingPart(
        features, ratings + noise * rng.standard_normal((rows, 3)), np.arange(rows).astype(str)
    )


def r2(rated: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return 1 - np.sum((rated - predicted) ** 2, axis=0) / np.sum((rated - rated.mean(axis=0)) ** 2, axis=0)


def test_every_model_learns_and_only_the_curved_ones_learn_a_curve():
    train, test = made_part(300, 0), made_part(200, 1)
    predicted = predict_baselines(train, test.features, **CHOICES)
    assert tuple(predicted) == MODELS
    for values in predicted.values():
        assert values.shape == (200, 3) and (r2(test.ratings, values)[:2] > 0.25).all()
    assert r2(test.ratings, predicted["ridge"])[2] < 0.1 < r2(test.ratings, predicted["svr"])[2]
    np.testing.assert_allclose(
        predicted["blend"], (predicted["ridge"] + predicted["trees"] + predicted["svr"]) / 3
    )


def test_equal_input_gives_equal_bits():
    train, test = made_part(80, 0), made_part(20, 1)
    first, second = (predict_baselines(train, test.features, **CHOICES) for _ in range(2))
    assert all(np.array_equal(first[model], second[model]) for model in MODELS)


def test_a_prediction_depends_on_its_own_row_alone():
    train, test = made_part(80, 0), made_part(20, 1)
    together = predict_baselines(train, test.features, **CHOICES)
    alone = predict_baselines(train, test.features[:1], **CHOICES)
    for model in MODELS:
        np.testing.assert_allclose(together[model][:1], alone[model], atol=1e-9)


def test_units_constant_columns_and_one_odd_row_do_not_matter():
    train, test = made_part(200, 0), made_part(100, 1)
    wide = np.column_stack([train.features * 1000, np.full(200, 7.0)])
    wide[0, 0] = 1e9
    other = np.column_stack([test.features * 1000, np.full(100, 7.0)])
    predicted = predict_baselines(TrainingPart(wide, train.ratings, train.groups), other, **CHOICES)
    for model in MODELS:
        assert np.isfinite(predicted[model]).all()
        assert np.abs(predicted[model]).max() < 2


def test_noise_is_answered_with_a_strong_penalty():
    rng = np.random.default_rng(0)
    train = TrainingPart(
        rng.standard_normal((60, 50)), rng.uniform(0, 1, (60, 3)), np.repeat(np.arange(12), 5).astype(str)
    )
    predicted = predict_baselines(
        train,
        rng.standard_normal((40, 50)),
        ridge_alphas=[0.01, 1e6],
        svr_c=[1e-3, 10.0],
        num_trees=20,
        seed=0,
    )
    assert np.abs(predicted["ridge"] - train.ratings.mean(axis=0)).max() < 0.01


def test_mean_rater_answers_the_mean():
    ratings = np.array([[0.2, 0.4], [0.4, 0.8]])
    np.testing.assert_allclose(predict_mean_rater(ratings, 3), [[0.3, 0.6]] * 3)


def test_bad_input_is_refused():
    train, test = made_part(40, 0), made_part(10, 1)
    with pytest.raises(DataError, match="two groups"):
        predict_baselines(
            TrainingPart(train.features, train.ratings, np.full(40, "a")), test.features, **CHOICES
        )
    broken = train.features.copy()
    broken[3, 2] = np.nan
    with pytest.raises(DataError, match="NaN"):
        predict_baselines(TrainingPart(broken, train.ratings, train.groups), test.features, **CHOICES)
