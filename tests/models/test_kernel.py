"""Kernel ridge regression: parity with scikit-learn's, missing ratings, and its part in a network's rating."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from crescendai.errors import DataError
from crescendai.models.checkpoint import TrainedModel, in_precision, load_model, save_model
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hearing import HEARD_HARMONY, HEARD_NAMES
from crescendai.models.kernel import features_of, matern
from crescendai.models.prediction import make_predict
from crescendai.models.windows import InputScale
from crescendai.training.clips import RatedClips
from crescendai.training.encoded import EncodedWindows
from crescendai.training.kernel_fit import SAME, descriptor_shares, fit_kernel, solve_kernel
from tests.models.networks import NUM_DESCRIPTORS, rated_windows, small_hybrid, weights
from tests.training.rated import described_clips

rng = np.random.default_rng(0)  # of the constants below; a test has its own, whichever ran before
TAUGHT, ASKED = rng.normal(size=(40, 7)), rng.normal(size=(9, 7))
RATINGS = np.sin(TAUGHT[:, :3]) + 0.1 * rng.normal(size=(40, 3)) + 5
LENGTH_SCALE, PENALTY = 1.7, 0.2
HALF = np.full(NUM_DESCRIPTORS, 0.5 / NUM_DESCRIPTORS)  # of the distance, for all descriptors together


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(matern(a.astype(np.float32), b.astype(np.float32), LENGTH_SCALE))


def expected_of(taught: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """scikit-learn's Gaussian process with an intercept that nothing is known of."""
    unknown_mean = ConstantKernel(1e6, "fixed")
    process = GaussianProcessRegressor(unknown_mean + Matern(LENGTH_SCALE, nu=1.5), alpha=PENALTY, optimizer=None)
    return process.fit(taught, ratings).predict(ASKED)


def test_it_is_a_gaussian_process_with_an_unknown_mean():
    alike = kernel(TAUGHT, TAUGHT)  # every clip is asked about as it is compared with
    coefficients, bias = solve_kernel(alike, alike, RATINGS, PENALTY)
    np.testing.assert_allclose(kernel(ASKED, TAUGHT) @ coefficients + bias, expected_of(TAUGHT, RATINGS), atol=1e-3)


def test_a_missing_rating_is_as_if_its_clip_were_not_there():
    missing = RATINGS.copy()
    missing[3:9, 1], missing[20, 2] = np.nan, np.nan
    alike = kernel(TAUGHT, TAUGHT)
    coefficients, bias = solve_kernel(alike, alike, missing, PENALTY)
    for target, known in enumerate(np.isfinite(missing).T):
        found = kernel(ASKED, TAUGHT) @ coefficients[:, target] + bias[target]
        np.testing.assert_allclose(found, expected_of(TAUGHT[known], missing[known, target]), atol=1e-3)


def test_the_same_clip_twice_counts_twice():
    twice, alike = np.append(np.arange(40), [7, 7]), kernel(TAUGHT, TAUGHT)
    found = solve_kernel(alike[np.ix_(twice, twice)], alike[np.ix_(twice, twice)], RATINGS[twice], PENALTY)
    expected = solve_kernel(alike[twice], alike, RATINGS[twice], PENALTY)
    ratings = [kernel(ASKED, by) @ a + b for by, (a, b) in ((TAUGHT[twice], found), (TAUGHT, expected))]
    np.testing.assert_allclose(*ratings, atol=1e-3)
    weighted = solve_kernel(alike, alike, RATINGS, PENALTY, np.bincount(twice))  # and so does its weight of three
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), weighted, expected)


def test_what_is_found_is_the_least_of_error_and_penalty():
    rng = np.random.default_rng(5)
    alike, ratings = rng.normal(size=(30, 40)), rng.normal(size=(30, 2))  # 30 clips are asked about, 40 compared with
    ratings[:4, 1] = np.nan
    inner = kernel(TAUGHT, TAUGHT)
    coefficients, bias = solve_kernel(alike, inner, ratings, PENALTY)
    norm = inner.astype(np.float64) + SAME * np.eye(40)
    for a, b, y in zip(coefficients.T, bias, ratings.T, strict=True):
        known = np.isfinite(y)
        missed = y[known] - alike[known] @ a - b
        np.testing.assert_allclose(alike[known].T @ missed, PENALTY * norm @ a, atol=1e-8)  # no slope is left
        assert missed.sum() == pytest.approx(0, abs=1e-8)


def test_families_share_the_distance_and_those_that_are_not_there_leave_theirs():
    shares = {"pooled": 0.5, "sound": 0.1, "played": 0.3, "harmony": 0.1}
    names = ("level_db", "flux", "heard_notes_per_s", "heard_minor_fit", "heard_bass_pitch_mean")
    np.testing.assert_allclose(descriptor_shares(names, shares), [0.05, 0.05, 0.3, 0.05, 0.05])
    np.testing.assert_allclose(descriptor_shares(names[:2], shares), [1 / 12, 1 / 12])
    assert {"heard_minor_fit", "heard_degree_7_share"} <= HEARD_HARMONY < set(HEARD_NAMES)


def test_distance_is_a_weighted_mean_of_what_is_heard_and_what_is_described():
    rng = np.random.default_rng(1)
    pooled, described = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    mean, std = np.full(5, 2.0), np.full(5, 4.0)
    share = np.array([0.4, 0.1, 0.2])
    a, b = np.asarray(features_of(4 * pooled + 2, described, mean, std, share))
    expected = 0.3 * ((pooled[0] - pooled[1]) ** 2).mean() + share @ (described[0] - described[1]) ** 2
    np.testing.assert_allclose(((a - b) ** 2).sum(), expected, rtol=1e-5)


def pianos_and_windows() -> tuple[RatedClips, EncodedWindows, DescriptorScale]:
    """Six clips on two pianos each, and three windows of every recording."""
    rng = np.random.default_rng(4)
    clips = described_clips(12)
    recordings = [np.array([2 * clip, 2 * clip + 1]) for clip in range(6)]
    pianos = replace(clips, ratings=clips.ratings[:6], recordings=recordings)
    heard = rng.normal(size=(36, 5)).astype(np.float32)  # three windows a recording
    heard[:, 4] = 7.0  # says nothing
    encoded = EncodedWindows(heard, [np.arange(3) + 3 * row for row in range(12)])
    return pianos, encoded, DescriptorScale.of(clips.descriptor_names, clips.descriptors)


def test_a_clip_is_the_mean_of_its_pianos_and_a_piano_the_mean_of_its_windows():
    (clips, encoded, scale), taught = pianos_and_windows(), np.array([0, 2, 3, 5])
    found, heard = fit_kernel(clips, encoded, taught, scale, LENGTH_SCALE, PENALTY, HALF), encoded.pooled
    by_recording = heard.reshape(12, 3, 5).mean(axis=1)
    rows = np.array([0, 1, 4, 5, 6, 7, 10, 11])
    deviation = (by_recording - by_recording[rows].mean(axis=0))[:, :4] / by_recording[rows].std(axis=0)[:4]
    features = np.hstack([deviation.clip(-3, 3), np.zeros((12, 1))]) / 10**0.5
    features = np.hstack([features, scale.apply(clips.descriptors) / (2 * NUM_DESCRIPTORS) ** 0.5])
    np.testing.assert_allclose(found["clips"], features.reshape(6, 2, -1).mean(axis=1)[taught], atol=1e-5)
    assert np.isinf(found["std"][4]) and found["coefficients"].shape == (4, clips.ratings.shape[1])


def test_every_recording_is_to_be_rated_as_its_clip_was_and_every_clip_counts_once():
    clips, encoded, scale = pianos_and_windows()
    clips = replace(clips, recordings=[clips.recordings[0][:1], *clips.recordings[1:]])  # one clip on one piano alone
    found = fit_kernel(clips, encoded, np.arange(6), scale, LENGTH_SCALE, PENALTY, HALF)
    owner = np.repeat(np.arange(6), [len(own) for own in clips.recordings])
    rows = np.concatenate(clips.recordings)
    states = encoded.pooled.reshape(12, 3, -1).mean(axis=1)[rows]
    asked = features_of(states, scale.apply(clips.descriptors[rows]), found["mean"], found["std"], found["share"])
    alike = np.asarray(matern(asked, found["clips"], LENGTH_SCALE), np.float64)
    norm = np.asarray(matern(found["clips"], found["clips"], LENGTH_SCALE), np.float64) + SAME * np.eye(6)
    a, b = found["coefficients"].astype(np.float64), found["bias"].astype(np.float64)
    missed = (clips.ratings[owner] - alike @ a - b) / np.bincount(owner)[owner][:, None]
    np.testing.assert_allclose(alike.T @ missed, PENALTY * norm @ a, atol=1e-5)  # no slope is left
    np.testing.assert_allclose(missed.sum(axis=0), 0, atol=1e-5)


def test_every_piano_counts_the_same_however_many_windows_it_has():
    (clips, encoded, scale), taught = pianos_and_windows(), np.arange(6)
    two = fit_kernel(clips, encoded, taught, scale, LENGTH_SCALE, PENALTY, HALF)
    # One piano of each clip is heard twice as often, in the same windows.
    twice = [np.tile(own, 1 + row % 2) for row, own in enumerate(encoded.of_recording)]
    again = fit_kernel(clips, replace(encoded, of_recording=twice), taught, scale, LENGTH_SCALE, PENALTY, HALF)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), two, again)
    # A piano that is heard twice counts as one that is heard once.
    same = replace(clips, recordings=[np.repeat(own, 2) for own in clips.recordings])
    again = fit_kernel(same, encoded, taught, scale, LENGTH_SCALE, PENALTY, HALF)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), two, again)


@pytest.fixture(scope="module")
def fitted() -> tuple:
    """A small hybrid, untaught, with a kernel that has learned from all but the last five clips."""
    rng = np.random.default_rng(2)
    model, clips = small_hybrid(num_outputs=19), described_clips(40)
    params, input_scale = weights(model), InputScale(-60.0, 10.0)
    params["head"]["ratings"] = jax.tree.map(lambda x: 0.1 + 0 * x, params["head"]["ratings"])
    heard = np.outer(clips.descriptors[:, 0], rng.normal(size=model.config.pooled_width))  # says what was rated
    heard = (heard + rng.normal(size=heard.shape)).astype(np.float32)
    encoded = EncodedWindows(heard, [np.array([row]) for row in range(40)])
    scale = DescriptorScale.of(clips.descriptor_names, clips.descriptors)
    own = fit_kernel(clips, encoded, np.arange(35), scale, LENGTH_SCALE, PENALTY, HALF)
    network = model.clone(kernel_clips=35, kernel_weight=1.0, kernel_length_scale=LENGTH_SCALE)
    trained = TrainedModel(
        network, {**params, "kernel": own}, input_scale, {"kind": "logmel"}, tuple(map(str, range(19))), scale
    )
    return trained, clips, heard


def rated(trained: TrainedModel, pooled: np.ndarray, described: np.ndarray, weight: float = 1.0) -> np.ndarray:
    judge = make_predict(trained.network.clone(kernel_weight=weight)).judge
    return np.asarray(judge(trained.params, pooled, described))


def test_new_clips_are_rated_like_those_that_are_alike(fitted: tuple):
    trained, clips, heard = fitted
    described = trained.descriptors.apply(clips.descriptors)
    new = rated(trained, heard[35:], described[35:])[:, 0]
    assert np.corrcoef(new, clips.ratings[35:, 0])[0, 1] > 0.9
    head = rated(trained, heard, described, weight=0.0)
    half = rated(trained, heard, described, weight=0.5)
    np.testing.assert_allclose(half, (head + rated(trained, heard, described)) / 2, atol=1e-6)


def test_a_clip_that_taught_has_a_finite_gradient(fitted: tuple):
    trained, clips, heard = fitted
    described = trained.descriptors.apply(clips.descriptors)[:1]
    judge = make_predict(trained.network).judge
    gradient = jax.jit(jax.grad(lambda pooled: judge(trained.params, pooled, described).sum()))(heard[:1])
    assert np.isfinite(gradient).all()


def test_it_is_kept_with_its_network_and_shared_by_members(fitted: tuple, tmp_path: Path):
    trained = fitted[0]
    apart = {name: part for name, part in trained.params.items() if name not in ("backbone", "kernel")}
    stacked = jax.tree.map(lambda x: np.stack([x, x]), apart)
    both = replace(trained, params={**trained.params, **stacked}, members=2)
    save_model(both, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.network == trained.network
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(2, 40, 16)).astype(np.float32), np.array([40, 12]), rng.normal(size=(2, NUM_DESCRIPTORS))
    expected = rated_windows(trained.network, trained.params, *inputs)
    np.testing.assert_allclose(rated_windows(loaded.network, loaded.params, *inputs, members=2), expected, atol=1e-5)
    save_model(both, tmp_path / "half", dtype=np.float16)
    half = load_model(tmp_path / "half").params["kernel"]
    np.testing.assert_array_equal(half["coefficients"], trained.params["kernel"]["coefficients"])
    jax.tree.map(np.testing.assert_array_equal, half, in_precision(both, np.float16).params["kernel"])
    save_model(replace(both, network=trained.network.clone(kernel_clips=34)), tmp_path / "m")
    with pytest.raises(DataError, match="kernel/clips with shape"):
        load_model(tmp_path / "m")
