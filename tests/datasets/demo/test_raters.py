"""The demo's raters: truths follow their functions, answers keep to the scale, noise is as declared."""

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.demo.raters import BIAS, JUDGEMENTS, SCALE, answer, known_reliability, true_ratings
from crescendai.dimensions import NAMES

TERMS = {term for judgement in JUDGEMENTS.values() for term in judgement.weights}
PROPERTIES = sorted({part.strip("|") for term in TERMS for part in term.split("*")})
USUAL = dict.fromkeys(PROPERTIES, 0.0)


def flat_truth(clips: int, value: float) -> pd.DataFrame:
    return pd.DataFrame({"clip_id": [f"clip{n}" for n in range(clips)], **dict.fromkeys(NAMES, value)})


def test_every_dimension_has_a_judgement():
    assert tuple(JUDGEMENTS) == NAMES


@pytest.mark.parametrize(
    ("heard", "dimension", "sign"),
    [
        ("jitter_ms", "timing_stability", 1),
        ("key_hold", "articulation_length", 1),
        ("velocity_level", "articulation_touch", 1),
        ("pedal_fraction", "pedal_amount", 1),
        ("pedal_overlap_ms", "pedal_clarity", 1),
        ("velocity_level", "timbre_brightness", -1),  # high is dark
        ("velocity_level", "timbre_loudness", 1),
        ("velocity_range", "dynamic_range", 1),
        ("tempo_ratio", "music_pace", -1),  # high is slow
        ("minor", "mood_valence", 1),  # high is dark
        ("density", "mood_energy", 1),
        ("jitter_ms", "interpretation", -1),
    ],
)
def test_poles_point_the_way_they_are_named(heard, dimension, sign):
    low, high = (true_ratings(USUAL | {heard: value})[dimension] for value in (-1.0, 1.0))
    assert sign * (high - low) > 0.05


def test_truth_stays_on_the_scale():
    for value in (-50.0, 50.0):
        for rating in true_ratings(dict.fromkeys(PROPERTIES, value)).values():
            assert 1 / SCALE <= rating <= 1


def test_answers_are_whole_numbers_on_the_scale():
    ratings = answer(flat_truth(60, 0.5), raters=9, seed=3)
    given = (ratings[list(NAMES)] * SCALE).to_numpy()
    given = given[~np.isnan(given)]
    np.testing.assert_allclose(given, np.rint(given), atol=1e-12)
    assert given.min() >= 1 and given.max() <= SCALE


def test_some_answers_are_missing_but_every_mean_exists():
    ratings = answer(flat_truth(300, 0.5), raters=2, seed=3)
    assert 0.005 < ratings[list(NAMES)].isna().to_numpy().mean() < 0.03  # one rater of two never skips
    assert ratings.groupby("clip_id")[list(NAMES)].mean().notna().all(axis=None)


def test_raters_differ_in_number_and_none_hears_a_clip_twice():
    ratings = answer(flat_truth(100, 0.5), raters=10, seed=3)
    counts = ratings.groupby("clip_id").size()
    assert counts.min() == 5 and counts.max() == 10
    assert not ratings.duplicated(["clip_id", "rater"]).any()


def test_noise_and_habits_are_as_large_as_declared():
    ratings = answer(flat_truth(1500, 4 / SCALE), raters=40, seed=3)
    answers = ratings[list(NAMES)] * SCALE
    habits = answers.groupby(ratings["rater"]).mean().std()
    assert habits.mean() == pytest.approx(BIAS, abs=0.06)
    own = answers.groupby(ratings["rater"]).std().mean()
    for name in NAMES:  # rounding adds 1/12, the ends of the scale take a little
        assert own[name] == pytest.approx(np.sqrt(JUDGEMENTS[name].noise ** 2 + 1 / 12), abs=0.1)


def test_known_reliability_rises_with_raters():
    truth = pd.DataFrame({name: np.linspace(0.2, 0.9, 50) for name in NAMES})
    one, nine, many = (known_reliability(truth, k) for k in (1, 9, 1e9))
    assert all(one[name] < nine[name] < many[name] for name in NAMES)
    assert min(many.values()) == pytest.approx(1.0)
    for name in NAMES:  # Spearman-Brown
        assert nine[name] == pytest.approx(9 * one[name] / (1 + 8 * one[name]))
