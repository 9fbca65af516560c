import os
from pathlib import Path

import numpy as np
import pytest

from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.evaluation.metrics import pearson, r2
from crescendai.evaluation.reliability import mean_reliability, noise_ceiling, variance_components


def simulate(
    seed: int,
    num_clips: int = 3000,
    signal: float = 0.04,
    noise: float = 0.09,
    raters: tuple[int, int] = (4, 19),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip number, answer and true value of every answer, with known variances."""
    rng = np.random.default_rng(seed)
    count = rng.integers(raters[0], raters[1], num_clips, endpoint=True)
    truth = rng.normal(0.5, np.sqrt(signal), num_clips)
    clip = np.repeat(np.arange(num_clips), count)
    return clip, truth[clip] + rng.normal(0, np.sqrt(noise), len(clip)), truth


def test_ceiling_is_what_the_true_values_score():
    """The perfect model, which knows every clip's true value, reaches the ceiling and no more."""
    clip, answer, truth = simulate(0)
    means = np.bincount(clip, answer) / np.bincount(clip)
    raters = np.concatenate([np.arange(size) for size in np.bincount(clip)]).astype(str)
    ceiling = noise_ceiling(clip.astype(str), raters, answer[:, None])
    assert ceiling.r2[0] == pytest.approx(r2(means[:, None], truth[:, None])[0], abs=0.015)
    assert ceiling.r2_distinct_raters[0] == pytest.approx(ceiling.r2[0], abs=0.015)
    assert ceiling.pearson[0] == pytest.approx(pearson(means[:, None], truth[:, None])[0], abs=0.01)


def test_variance_components_recover_the_simulated_ones():
    found = np.mean([variance_components(*simulate(seed, 500)[:2]) for seed in range(20)], axis=0)
    np.testing.assert_allclose(found, (0.04, 0.09), rtol=0.03)


def test_reliability_is_the_correlation_of_two_panels():
    """Without any formula: ask a second, equally large panel and correlate the two mean ratings."""
    rng = np.random.default_rng(3)
    clip, answer, truth = simulate(2, raters=(8, 8))
    again = truth + rng.normal(0, np.sqrt(0.09 / 8), len(truth))
    first = np.bincount(clip, answer) / 8
    assert mean_reliability(clip, answer) == pytest.approx(np.corrcoef(first, again)[0, 1], abs=0.02)


def test_equal_panels_give_the_icc_of_shrout_and_fleiss():
    # Shrout & Fleiss (1979), table 2: six targets, four judges; they report ICC(1, k) = .44.
    judges = ([9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7])
    table = np.array(judges, dtype=float).T
    clip = np.repeat(np.arange(6), 4)
    assert mean_reliability(clip, table.ravel()) == pytest.approx(0.4428, abs=1e-4)


def test_more_raters_mean_higher_reliability():
    values = [mean_reliability(*simulate(4, raters=(number, number))[:2]) for number in (2, 4, 8, 16)]
    assert values == sorted(values)
    assert values[0] < 0.55 < 0.85 < values[-1]


def test_pure_noise_has_no_reliability_and_no_noise_has_full():
    clip, answer, _ = simulate(5, num_clips=2000, signal=0.0)
    assert mean_reliability(clip, answer) < 0.1
    clip, answer, _ = simulate(5, num_clips=50, noise=0.0)
    assert mean_reliability(clip, answer) == pytest.approx(1)


def test_order_names_and_units_change_nothing():
    clip, answer, _ = simulate(6, num_clips=60)
    raters = np.concatenate([np.arange(size) for size in np.bincount(clip)])
    one = noise_ceiling(clip.astype(str), raters.astype(str), answer[:, None])
    order = np.random.default_rng(0).permutation(len(clip))
    renamed = np.char.add("x", clip[order].astype(str))
    other = noise_ceiling(renamed, raters[order].astype(str), 7 * answer[order][:, None] + 1)
    for name in ("r2", "r2_distinct_raters", "single_rater_pearson"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)


def test_missing_answers_are_as_if_never_asked():
    clip, answer, _ = simulate(7, num_clips=80)
    raters = np.concatenate([np.arange(size) for size in np.bincount(clip)]).astype(str)
    given = np.random.default_rng(1).random(len(clip)) > 0.2
    holes = np.stack([answer, np.where(given, answer, np.nan)], axis=1)
    both = noise_ceiling(clip.astype(str), raters, holes)
    alone = noise_ceiling(clip[given].astype(str), raters[given], answer[given][:, None])
    assert both.r2[1] == pytest.approx(alone.r2[0])
    assert both.single_rater_pearson[1] == pytest.approx(alone.single_rater_pearson[0])


def test_answers_entered_twice_do_not_pass_for_more_raters():
    clip, answer, _ = simulate(8, num_clips=1500, raters=(6, 6))
    raters = np.tile(np.arange(6), 1500).astype(str)
    honest = noise_ceiling(clip.astype(str), raters, answer[:, None])
    twice = noise_ceiling(np.tile(clip, 2).astype(str), np.tile(raters, 2), np.tile(answer, 2)[:, None])
    assert twice.r2[0] > honest.r2[0] + 0.05
    assert twice.r2_distinct_raters[0] == pytest.approx(honest.r2_distinct_raters[0])
    assert twice.single_rater_pearson[0] == pytest.approx(honest.single_rater_pearson[0])


def test_distinct_rater_reliability_with_unequal_weights_is_what_the_truth_scores():
    """Half of the raters answer three times, the same each time: the mean rating weighs them so."""
    clip, answer, truth = simulate(9, raters=(6, 6))
    raters = np.tile(np.arange(6), len(truth))
    times = np.where(raters < 3, 3, 1)
    clip, answer, raters = (np.repeat(values, times) for values in (clip, answer, raters))
    means = np.bincount(clip, answer) / np.bincount(clip)
    found = noise_ceiling(clip.astype(str), raters.astype(str), answer[:, None])
    assert found.r2_distinct_raters[0] == pytest.approx(r2(means[:, None], truth[:, None])[0], abs=0.02)


def test_single_rater_correlation_is_what_the_variances_say():
    clip, answer, _ = simulate(10, raters=(10, 10))
    raters = np.tile(np.arange(10), 3000).astype(str)
    expected = 0.04 / np.sqrt((0.04 + 0.09) * (0.04 + 0.09 / 9))
    found = noise_ceiling(clip.astype(str), raters, answer[:, None]).single_rater_pearson[0]
    assert found == pytest.approx(expected, abs=0.02)


def test_too_few_answers_are_refused():
    with pytest.raises(DataError, match="several raters"):
        noise_ceiling(["a", "b", "c"], ["1", "1", "1"], np.array([[0.1], [0.2], [0.3]]))
    with pytest.raises(DataError, match="from one table"):
        noise_ceiling(["a", "b"], ["1"], np.zeros((2, 1)))


@pytest.mark.mirror
@pytest.mark.skipif("CRESCENDAI_MIRROR" not in os.environ, reason="needs CRESCENDAI_MIRROR")
def test_percepiano_ceiling():
    percepiano = pytest.importorskip("crescendai.datasets.percepiano")
    mirror = Path(os.environ["CRESCENDAI_MIRROR"]) / "percepiano"
    ratings = percepiano.read_single_ratings(mirror / percepiano.SINGLE_RATINGS)
    found = noise_ceiling(ratings["clip_id"], ratings["rater"], ratings[list(NAMES)].to_numpy())
    assert found.r2.mean() == pytest.approx(0.754, abs=0.001)
    assert NAMES[found.r2.argmin()] == "dynamic_range" and found.r2.min() == pytest.approx(0.658, abs=0.001)
    assert NAMES[found.r2.argmax()] == "pedal_amount" and found.r2.max() == pytest.approx(0.906, abs=0.001)
    assert found.r2_distinct_raters.mean() == pytest.approx(0.734, abs=0.001)
