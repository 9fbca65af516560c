"""The demo corpus: its tables, its determinism, and what is known to be true of it."""

import io
import os
import time

import numpy as np
import pandas as pd
import pretty_midi
import pytest
from scipy.stats import spearmanr

from crescendai.datasets.demo.corpus import demo_truth, make_demo
from crescendai.datasets.demo.playing import PARAMETER_NAMES
from crescendai.datasets.demo.raters import MISSING, known_reliability
from crescendai.datasets.tables import read_table, write_table
from crescendai.dimensions import NAMES
from crescendai.errors import ParamsError
from crescendai.midi.notes import read_midi

WHOLE = {"pieces": 6, "passages_per_piece": 3, "players": 8, "raters": 12, "seed": 20241102}
SMALL = {"pieces": 2, "passages_per_piece": 2, "players": 3, "raters": 5, "seed": 7}


@pytest.fixture(scope="module")
def whole():
    return *make_demo(**WHOLE), demo_truth(**WHOLE)


@pytest.fixture(scope="module")
def performances(whole):
    clips, _, _ = whole
    return [read_midi(midi, clip_id) for clip_id, midi in zip(clips["clip_id"], clips["midi"], strict=True)]


def reliability(ratings: pd.DataFrame, name: str) -> float:
    """ICC(1, k) of unequal groups, 1 - MS_within / MS_between (Shrout & Fleiss 1979)."""
    groups = ratings.dropna(subset=[name]).groupby("clip_id")[name]
    size, mean = groups.size(), groups.mean()
    between = (size * (mean - np.average(mean, weights=size)) ** 2).sum() / (len(size) - 1)
    within = (groups.var() * (size - 1)).sum() / (size.sum() - len(size))
    return 1 - within / between


def test_tables_follow_the_schema(whole, tmp_path):
    clips, ratings, truth = whole
    about = ["clip_id", "piece", "movement", "segment", "player", "excerpt", "passage", "midi", "audio", "n_raters"]
    assert list(clips) == [*about, *NAMES]
    assert list(ratings) == ["clip_id", "rater", *NAMES]
    assert len(clips) == 144 and clips["clip_id"].is_unique and clips["audio"].isna().all()
    assert (clips["movement"] == clips["piece"]).all() and clips["movement"].nunique() == 6
    assert (clips["passage"] == clips["piece"] + "_" + clips["segment"]).all()
    assert clips["passage"].nunique() == 18
    assert clips["clip_id"].iloc[0] == "Demo_chorale_2bars_1_1"
    assert truth["clip_id"].tolist() == clips["clip_id"].tolist()
    write_table(clips, tmp_path / "clips.parquet")
    back = read_table(tmp_path / "clips.parquet")
    assert back["midi"].tolist() == clips["midi"].tolist() and back["audio"].isna().all()


def test_mean_ratings_are_the_means_of_the_answers(whole):
    clips, ratings, _ = whole
    for clip_id, answers in ratings.groupby("clip_id"):
        row = clips.set_index("clip_id").loc[clip_id]
        assert row["n_raters"] == len(answers)
        np.testing.assert_allclose(row[list(NAMES)].astype(float), np.nanmean(answers[list(NAMES)], axis=0))


def test_equal_seeds_equal_bytes_other_seeds_other_clips():
    clips, ratings = make_demo(**SMALL)
    again, ratings_again = make_demo(**SMALL)
    pd.testing.assert_frame_equal(clips, again)
    pd.testing.assert_frame_equal(ratings, ratings_again)
    other, _ = make_demo(**SMALL | {"seed": 8})
    assert not set(clips["midi"]) & set(other["midi"])


def test_a_smaller_demo_is_a_part_of_a_larger(whole):
    clips, _, truth = whole
    part = SMALL | {"seed": WHOLE["seed"]}
    small, small_truth = make_demo(**part)[0].set_index("clip_id"), demo_truth(**part)
    assert clips.set_index("clip_id").loc[small.index, "midi"].equals(small["midi"])
    merged = truth.set_index("clip_id").loc[small_truth["clip_id"]].reset_index()
    pd.testing.assert_frame_equal(merged, small_truth)


def test_the_whole_demo_takes_seconds_to_make():
    start = time.perf_counter()
    make_demo(**WHOLE)
    assert time.perf_counter() - start < 5


def test_clips_last_four_to_eight_seconds_and_fifteen_minutes_in_all(performances):
    duration_s = np.array([performance.file_end_s for performance in performances])
    assert duration_s.min() > 4 and duration_s.max() < 8.5 and duration_s.sum() < 15 * 60


def test_passages_differ_in_notes_and_players_play_the_same_notes(whole, performances):
    clips, _, _ = whole
    notes = [tuple(np.sort(performance.pitch)) for performance in performances]
    by_passage = pd.Series(notes).groupby(clips["passage"]).agg(set)
    assert by_passage.map(len).eq(1).all() and len(set().union(*by_passage)) == clips["passage"].nunique()


def test_every_clip_is_heard_and_pedalled(performances):
    for performance in performances:
        assert performance.velocity.min() >= 25 and performance.velocity.max() <= 115
        assert len(np.unique(performance.sustain()[1])) > 4


def test_what_was_played_can_be_measured(whole, performances):
    clips, _, truth = whole

    def down(performance):
        time_s, depth = performance.sustain()
        return np.diff(time_s)[depth[:-1] >= 64].sum() / performance.file_end_s

    velocity = [performance.velocity.mean() for performance in performances]
    assert np.corrcoef(velocity, truth["velocity_level"])[0, 1] > 0.98
    pedal = [down(performance) for performance in performances]
    assert spearmanr(pedal, truth["pedal_fraction"]).statistic > 0.95
    pace = pd.DataFrame({
        "heard": [-np.log(np.ptp(performance.onset_s)) for performance in performances],
        "asked": np.log(truth["tempo_ratio"]),
    })
    within = pace - pace.groupby(clips["passage"]).transform("mean")  # passages are of unequal length
    assert within.corr().loc["heard", "asked"] > 0.95


def test_reliability_is_what_the_noise_makes_it(whole):
    clips, ratings, truth = whole
    found = {name: reliability(ratings, name) for name in NAMES}
    known = known_reliability(truth, (1 - MISSING) / (1 / clips["n_raters"]).mean())
    assert 0.85 <= np.mean(list(found.values())) <= 0.9
    # The ends of the scale cut some of the noise off, so the ratings are a little better than known.
    assert np.mean(list(found.values())) == pytest.approx(np.mean(list(known.values())), abs=0.02)
    assert all(found[name] == pytest.approx(known[name], abs=0.06) for name in NAMES)


def test_ratings_agree_with_the_truth_as_far_as_they_are_reliable(whole):
    clips, _, truth = whole
    known = known_reliability(truth, (1 - MISSING) / (1 / clips["n_raters"]).mean())
    for name in NAMES:
        correlation = np.corrcoef(clips[name], truth[name])[0, 1]
        assert correlation == pytest.approx(np.sqrt(known[name]), abs=0.04), name


def test_truth_names_its_columns_apart(whole):
    _, _, truth = whole
    assert list(truth) == ["clip_id", *PARAMETER_NAMES, "minor", "register", "density", *NAMES]
    assert truth[list(NAMES)].gt(1 / 7).all(axis=None) and truth[list(NAMES)].lt(1).all(axis=None)
    assert truth[list(NAMES)].std().min() > 0.1  # every dimension varies


@pytest.mark.parametrize(
    ("key", "value"),
    [("pieces", 7), ("pieces", 0), ("passages_per_piece", 4), ("players", 0), ("raters", 1)],
)
@pytest.mark.parametrize("make", [make_demo, demo_truth])
def test_impossible_sizes_are_named(make, key, value):
    with pytest.raises(ParamsError, match=rf"scale\.demo\.{key}: expected .*, found {value}; change it"):
        make(**SMALL | {key: value})


@pytest.mark.slow
def test_ratings_can_be_heard():
    """Plain statistics of rendered sound predict the ratings of unheard passages, below the ceiling."""
    import midirenderer
    import scipy.signal
    import soundfile
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with open(os.path.join(os.path.dirname(pretty_midi.__file__), "TimGM6mb.sf2"), "rb") as file:
        soundfont = file.read()
    clips, _ = make_demo(**WHOLE)
    heard = []
    for midi in clips["midi"]:
        wave = midirenderer.render_wave_from(soundfont, midi)
        audio, rate = soundfile.read(io.BytesIO(wave), always_2d=True)
        assert 0.01 < np.abs(audio).max() < 0.9
        frequency, _, power = scipy.signal.spectrogram(audio.mean(axis=1), rate, nperseg=4096, noverlap=2048)
        band = np.digitize(12 * np.log2(np.maximum(frequency, 20) / 55), np.arange(0, 84, 3))
        level = np.log10(np.stack([power[band == b].sum(axis=0) for b in np.unique(band)]) + 1e-12)
        change = np.abs(np.diff(level, axis=1)).mean(axis=1)
        spread = np.percentile(level, [10, 90], axis=1)
        heard.append(np.concatenate([level.mean(1), level.std(1), *spread, change]))
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(1, 4, 7)))
    rated = clips[list(NAMES)].to_numpy()
    folds = GroupKFold(6).split(heard, rated, clips["passage"])
    assert 0.3 < r2_score(rated, cross_val_predict(model, np.array(heard), rated, cv=list(folds))) < 0.8
