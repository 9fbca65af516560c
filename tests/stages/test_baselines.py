"""The stage predicts every scored clip once, out of its fold, and refuses what does not fit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.splits import assign_folds
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import Targets, write_targets
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.evaluation.predictions import check_predictions
from crescendai.midi.notes import Performance, write_midi
from crescendai.params import Params, load_params
from stages import baselines

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
DATA = Path("data/demo")
PROTOCOLS = ["composition", "random"]


@pytest.fixture
def params() -> Params:
    full = load_params(PARAMS_FILE)
    demo = full.scale.demo.model_copy(update={"protocols": PROTOCOLS})
    scale = full.scale.model_copy(update={"demo": demo})
    few = full.baselines.model_copy(update={"trees": 20})
    return full.model_copy(update={"split": ["composition"], "baselines": few, "scale": scale})


def tune(level: float) -> bytes:
    onset = 0.3 * np.arange(12.0)
    velocity, pitch = np.full(12, int(40 + 60 * level), np.int16), (60 + np.arange(12)).astype(np.int16)
    nothing = np.zeros(0)
    played = Performance(pitch, velocity, onset, onset + 0.2, nothing, nothing.astype(np.int16), nothing, 4.0)
    return write_midi(played, 4.0)


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> pd.DataFrame:
    """12 passages × 5 players on two instruments; every rating is how loud the clip is."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [(f"s{s:02d}_p{p}", f"s{s:02d}", f"p{p}") for s in range(12) for p in range(5)]
    clips = pd.DataFrame(rows, columns=["clip_id", "passage", "player"])
    loudness = rng.uniform(0.2, 0.9, len(clips))
    clips = clips.assign(
        piece="a", movement="a", segment=clips["passage"], excerpt=clips["passage"],
        midi=[tune(level) for level in loudness], **dict.fromkeys(NAMES, loudness),
    )  # fmt: skip
    write_targets(Targets.of_dimensions(), DATA)
    write_table(clips, DATA / "clips.parquet")
    sounds = [
        pd.DataFrame({
            "clip_id": clips["clip_id"], "instrument": instrument,
            "level_db": 20 * loudness + gain, "noise": rng.standard_normal(len(clips)),
        })
        for instrument, gain in (("grand", 0.0), ("upright", 1.0))
    ]  # fmt: skip
    write_table(pd.concat(sounds), DATA / "descriptors.parquet")
    folds = pd.concat([assign_folds(clips, spec, 3, seed=0) for spec in PROTOCOLS], ignore_index=True)
    folds.loc[(folds["protocol"] == "random") & (folds["fold"] == 2), "fold"] = -1
    write_table(folds, DATA / "folds.parquet")
    return clips


@pytest.mark.slow  # starting workers takes seconds
def test_every_scored_clip_is_predicted_once_by_every_model(corpus, params):
    baselines.main("demo", params)
    predictions, folds = (
        read_table(DATA / "predictions/baselines.parquet"),
        read_table(DATA / "folds.parquet"),
    )
    check_predictions(predictions, folds, PROTOCOLS, NAMES, "baselines.parquet")
    assert list(predictions["model"].unique()) == [
        "mean_rater", "audio_ridge", "audio_trees", "audio_svr", "audio_blend",
        "midi_ridge", "midi_trees", "midi_svr", "midi_blend",
    ]  # fmt: skip
    assert list(predictions.columns) == ["protocol", "model", "clip_id", "fold", *NAMES]
    rated = corpus.set_index("clip_id")["music_pace"]
    for model, own in predictions[predictions["protocol"] == "composition"].groupby("model"):
        correlation = np.corrcoef(rated.loc[own["clip_id"]], own["music_pace"])[0, 1]
        assert correlation > 0.9 or model == "mean_rater"


def test_a_fold_of_no_part_teaches_nothing(corpus, params):
    """Ratings of excluded clips may be anything."""
    folds, ratings = read_table(DATA / "folds.parquet"), corpus.set_index("clip_id")[list(NAMES)]
    own = folds[(folds["protocol"] == "random") & (folds["fold"] != -1)]
    table = read_table(DATA / "descriptors.parquet").drop(columns="instrument").set_index("clip_id")
    other = ratings.copy()
    other.loc[~other.index.isin(own["clip_id"])] = 1e6
    other.loc[own.loc[own["fold"] == 0, "clip_id"]] = -1e6  # nor those of the test fold itself
    first, second = (
        baselines.predict_fold(table, some, own, 0, params.baselines, params.seed)
        for some in (ratings, other)
    )
    for model in first:
        pd.testing.assert_frame_equal(first[model], second[model])


@pytest.mark.slow
def test_equal_runs_give_equal_bytes(corpus, params):
    written = []
    for _ in range(2):
        baselines.main("demo", params)
        written.append((DATA / "predictions/baselines.parquet").read_bytes())
    assert written[0] == written[1]


def test_missing_clips_and_nan_are_refused(corpus, params):
    whole = read_table(DATA / "descriptors.parquet")
    write_table(whole[whole["clip_id"] != "s03_p1"], DATA / "descriptors.parquet")
    with pytest.raises(DataError, match="s03_p1"):
        baselines.main("demo", params)
    broken = whole.copy()
    broken.loc[7, "noise"] = np.nan
    write_table(broken, DATA / "descriptors.parquet")
    with pytest.raises(DataError, match="noise"):
        baselines.main("demo", params)
    assert not (DATA / "predictions").exists()


def test_folds_without_a_protocol_are_refused(corpus, params):
    folds = read_table(DATA / "folds.parquet")
    write_table(folds[folds["protocol"] == "composition"], DATA / "folds.parquet")
    with pytest.raises(DataError, match="random"):
        baselines.main("demo", params)
