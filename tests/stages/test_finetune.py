"""The stage on a tiny corpus of real tables: what it writes, and what it must not look at."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.splits import NO_FOLD
from crescendai.datasets.store import SpectrogramStore, write_store
from crescendai.datasets.tables import read_table, write_table
from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError, DataError
from crescendai.models.checkpoint import load_model
from crescendai.models.prediction import make_predict, predict_clips
from crescendai.params import FinetuneScale, Params, load_params
from stages import finetune

PROTOCOL = "composition"
NUM_CLIPS, N_MELS = 24, 8


@pytest.fixture
def params() -> Params:
    full = load_params(Path(__file__).parents[2] / "params.yaml")
    demo = full.scale.demo.model_copy(
        update={"finetune": FinetuneScale(window_s=0.5, batch_size=4, max_epochs=3, patience=2)}
    )
    small = {"width": 16, "depth": 1, "num_heads": 2, "patch_frames": 4, "patch_mels": N_MELS}
    return full.model_copy(update={
        "split": [PROTOCOL],
        "spectrograms": full.spectrograms.model_copy(update={"n_mels": N_MELS}),
        "finetune": full.finetune.model_copy(update=small),
        "scale": full.scale.model_copy(update={"demo": demo}),
    })  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clips on two instruments; louder ones are rated higher; clip 23 is in no fold."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "demo"
    ids = [f"clip {i:02}" for i in range(NUM_CLIPS)]
    level = rng.uniform(0.2, 0.8, NUM_CLIPS)
    write_table(
        pd.DataFrame({"clip_id": ids, "movement": "one", **{name: level for name in NAMES}}),
        folder / "clips.parquet",
    )
    fold = np.arange(NUM_CLIPS) // 2 % 3
    fold[-1] = NO_FOLD
    groups = [f"passage {i // 2}" for i in range(NUM_CLIPS)]
    folds = pd.DataFrame({"protocol": PROTOCOL, "clip_id": ids, "fold": fold, "group": groups})
    write_table(folds[::-1], folder / "folds.parquet")  # the order of the clips is not to be relied on
    length = rng.integers(10, 50, 2 * NUM_CLIPS)  # windows have 22 frames
    spectrograms = [
        (-60 + 40 * level[row // 2] + rng.normal(size=(frames, N_MELS))).astype(np.float16)
        for row, frames in enumerate(length)
    ]
    index = pd.DataFrame({"clip_id": np.repeat(ids, 2), "instrument": ["x", "y"] * NUM_CLIPS})
    index = index.assign(num_frames=length, duration_s=length * 0.023)
    write_store(folder / "spectrograms", index, spectrograms, N_MELS, {"n_mels": N_MELS})
    return folder


def predictions(folder: Path) -> pd.DataFrame:
    return read_table(folder / "predictions" / "ast.parquet")


def test_writes_all_tables_and_models_that_give_the_predictions(corpus: Path, params: Params):
    finetune.main("demo", params)

    own, folds = predictions(corpus), read_table(corpus / "folds.parquet").set_index("clip_id")["fold"]
    assert list(own.columns) == ["protocol", "model", "clip_id", "fold", *NAMES]
    assert sorted(own["clip_id"]) == sorted(folds.index[folds != NO_FOLD])
    assert (own["fold"].to_numpy() == folds.loc[own["clip_id"]].to_numpy()).all()

    curves = read_table(corpus / "curves.parquet")
    assert curves.groupby("fold").size().between(1, 3).all() and len(curves["fold"].unique()) == 3
    assert np.isfinite(curves.drop(columns="protocol")).all(axis=None)
    csv = pd.read_csv("plots/demo/curves.csv")
    assert list(csv.columns) == [
        "protocol",
        "fold",
        "epoch",
        "train_loss",
        "validation_loss",
        "learning_rate",
    ]
    assert len(csv) == len(curves)

    store = SpectrogramStore(corpus / "spectrograms")
    for fold in range(3):
        model = load_model(Path(f"models/demo/ast-{PROTOCOL}-fold{fold}"))
        assert model.dimensions == NAMES and model.spectrogram == store.settings
        rows = own[own["fold"] == fold]
        heard = [np.flatnonzero(store.index["clip_id"] == clip_id) for clip_id in rows["clip_id"]]
        rated = predict_clips(
            make_predict(model.network), model.params, [store.clip(row) for pair in heard for row in pair],
            model.input_scale, model.network.max_frames, batch_size=3,
        )  # fmt: skip
        np.testing.assert_allclose(rated.reshape(len(rows), 2, -1).mean(axis=1), rows[list(NAMES)], atol=1e-5)
    assert not list(Path().rglob("*.part"))


def test_the_ratings_of_a_fold_change_nothing_in_its_own_predictions(corpus: Path, params: Params):
    finetune.main("demo", params)
    before = predictions(corpus)
    clips, folds = (
        read_table(corpus / "clips.parquet"),
        read_table(corpus / "folds.parquet").set_index("clip_id")["fold"],
    )
    spoilt = folds.loc[clips["clip_id"]].isin([0, NO_FOLD]).to_numpy()
    clips.loc[spoilt, list(NAMES)] = 1 - clips.loc[spoilt, list(NAMES)]
    write_table(clips, corpus / "clips.parquet")
    finetune.main("demo", params)
    after = predictions(corpus)
    pd.testing.assert_frame_equal(before[before["fold"] == 0], after[after["fold"] == 0], check_exact=True)
    # … and those of fold 0 do teach the other two.
    elsewhere = before["fold"] != 0
    assert (before.loc[elsewhere, list(NAMES)] != after.loc[elsewhere, list(NAMES)]).any(axis=None)


def test_a_diverging_run_writes_nothing(corpus: Path, params: Params):
    with pytest.raises(CrescendaiError, match=r"composition, fold 0, epoch .*lower `lr`"):
        finetune.main("demo", params.model_copy(update={"lr": 1e30}))
    assert (
        not Path("models").exists() and not Path("plots").exists() and not (corpus / "predictions").exists()
    )


def test_a_protocol_without_folds_is_named(corpus: Path, params: Params):
    with pytest.raises(
        DataError, match=r"folds.parquet: expected a fold of performer for each of 24 clips, found 0"
    ):
        finetune.main("demo", params.model_copy(update={"split": ["performer"]}))
