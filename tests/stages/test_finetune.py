"""The stage on a tiny corpus of real tables: what it writes, and what it must not look at."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from crescendai.audio.descriptors import describe_audio
from crescendai.datasets.splits import NO_FOLD
from crescendai.datasets.store import SpectrogramStore, write_store
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import Targets, write_targets
from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError, DataError
from crescendai.models.checkpoint import TrainedModel, example_input, load_model, save_model
from crescendai.models.presets import BackboneConfig
from crescendai.models.rating import make_rate
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import InputScale
from crescendai.params import Checks, FinetunedModel, FinetuneScale, Params, load_params
from crescendai.training.parts import Part, parts_of
from stages import finetune

PROTOCOL = "composition"
NUM_CLIPS, N_MELS = 24, 32
FRONTEND = {"sample_rate_hz": 22050, "n_fft": 2048, "hop_length": 512, "n_mels": N_MELS, "f_min_hz": 27.5,
            "f_max_hz": 11025.0, "floor_db": -100.0}  # fmt: skip
ROWS = {
    "hybrid": FinetunedModel(pretrained=True, fusion="concat", frozen=True, members=2),
    "ast": FinetunedModel(pretrained=False, fusion="none", frozen=False, members=1),
}


@pytest.fixture(scope="module")
def params() -> Params:
    full = load_params(Path(__file__).parents[2] / "params.yaml")
    demo = full.scale.demo.model_copy(
        update={"finetune": FinetuneScale(batch_size=4, frozen_epochs=3, max_epochs=3, patience=2)}
    )
    return full.model_copy(update={
        "split": [PROTOCOL],
        "finetune": full.finetune.model_copy(update={
            "models": ROWS, "validation_fraction": 0.15,
            "checks": Checks(every_protocol=False, shares=[0.5], shuffled_ratings=True),
        }),
        "scale": full.scale.model_copy(update={"demo": demo}),
    })  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_corpus(tmp_path)


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    top = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(top)
        make_corpus(top)
        finetune.main("demo", params)
    return top


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The corpus after a run of the stage; a copy that a test may change."""
    shutil.copytree(finished_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "demo"


def make_corpus(top: Path) -> Path:
    """Clips on two pianos, one of them in a room, too; louder ones are rated higher; clip 23 is in no fold."""
    rng = np.random.default_rng(0)
    folder = top / "data" / "demo"
    ids = [f"clip {i:02}" for i in range(NUM_CLIPS)]
    level = rng.uniform(0.2, 0.8, NUM_CLIPS)
    about = {"clip_id": ids, "passage": ids, "movement": "one", "player": "one"}
    rated = pd.DataFrame({**about, **{name: level for name in NAMES}})
    write_targets(Targets.of_dimensions(), folder)
    write_table(rated, folder / "clips.parquet")
    single = pd.concat([rated.assign(**{name: level + d for name in NAMES}) for d in (-0.1, 0.1)])
    write_table(single[["clip_id", *NAMES]], folder / "ratings.parquet")
    fold = np.arange(NUM_CLIPS) // 2 % 3
    fold[-1] = NO_FOLD
    groups = [f"passage {i // 2}" for i in range(NUM_CLIPS)]
    folds = pd.DataFrame({"protocol": PROTOCOL, "clip_id": ids, "fold": fold, "group": groups})
    write_table(folds[::-1], folder / "folds.parquet")  # the order of the clips is not to be relied on
    length = rng.integers(30, 70, 3 * NUM_CLIPS)  # windows have 22 frames
    spectrograms = [
        (-60 + 40 * level[row // 3] + rng.normal(size=(frames, N_MELS))).astype(np.float16)
        for row, frames in enumerate(length)
    ]
    keys = pd.DataFrame({"clip_id": np.repeat(ids, 3), "instrument": ["x", "x+hall", "y"] * NUM_CLIPS})
    index = keys.assign(num_frames=length, duration_s=length * 0.023)
    write_store(folder / "spectrograms", index, spectrograms, N_MELS, FRONTEND)
    described = pd.DataFrame([describe_audio(x, 512 / 22050) for x in spectrograms])
    write_table(pd.concat([keys, described], axis=1), folder / "descriptors.parquet")
    write_table(keys, folder / "heard.parquet")
    config = BackboneConfig(
        n_mels=N_MELS, max_frames=22, width=16, depth=1, num_heads=2, patch_frames=4, stride_frames=4,
        patch_mels=N_MELS, stride_mels=N_MELS, pooling="statistics",
    )  # fmt: skip
    network = Transcriber(config)
    weights = jax.device_get(network.init(jax.random.key(0), *example_input(network))["params"])
    pretrained = TrainedModel(network, weights, InputScale(-40.0, 12.0), {"kind": "logmel", **FRONTEND})
    save_model(pretrained, top / "models/demo/pretrained/network")
    return folder


def test_every_piano_is_rated_by_networks_that_were_and_were_not_taught_on_it(finished: Path, params: Params):
    own = read_table(finished / "predictions/instruments.parquet")
    folds = read_table(finished / "folds.parquet").set_index("clip_id")["fold"]
    scored = sorted(folds.index[folds != NO_FOLD])
    for (_, _, _), rows in own.groupby(["model", "instrument", "taught_on"]):
        assert sorted(rows["clip_id"]) == scored
        assert (rows["fold"].to_numpy() == folds.loc[rows["clip_id"]].to_numpy()).all()
    assert set(own["model"]) == {"hybrid"} and len(own) == 3 * 2 * len(scored)


def test_a_network_that_rates_a_new_piano_has_learned_nothing_from_its_sound(finished: Path, params: Params):
    before = read_table(finished / "predictions/instruments.parquet")
    folds = read_table(finished / "folds.parquet").set_index("clip_id")["fold"]
    table = read_table(finished / "descriptors.parquet")
    numbers = [column for column in table if column not in ("clip_id", "instrument")]
    teaches = (table["instrument"] != "y") & (table["clip_id"].map(folds) != 0)
    table.loc[teaches, numbers] += np.random.default_rng(0).normal(size=(teaches.sum(), len(numbers)))
    write_table(table, finished / "descriptors.parquet")
    finetune.main("demo", params)
    after = read_table(finished / "predictions/instruments.parquet")
    of_fold = (after["model"] == "hybrid") & (after["instrument"] == "x+hall") & (after["fold"] == 0)
    for taught_on, equal in (("others", True), ("all", False)):
        rows = of_fold & (after["taught_on"] == taught_on)
        assert np.allclose(before.loc[rows, list(NAMES)], after.loc[rows, list(NAMES)], atol=1e-6) == equal


def checked(folder: Path) -> dict[str, pd.DataFrame]:
    table = read_table(folder / "predictions/checks.parquet")
    return {check: rows.set_index("clip_id").sort_index() for check, rows in table.groupby("check")}


def test_shares_of_the_clips_teach_less_and_all_of_them_the_same(finished: Path):
    by_check, folds = checked(finished), read_table(finished / "folds.parquet")
    scored = sorted(folds.loc[folds["fold"] != NO_FOLD, "clip_id"])
    assert sorted(by_check) == ["100%", "50%", "shuffled"]
    assert all(list(rows.index) == scored for rows in by_check.values())
    ratio = by_check["50%"]["num_clips"] / by_check["100%"]["num_clips"]
    assert ratio.between(0.5, 0.7).all()  # whole passages, of two clips
    main = predictions(finished).query("model == 'hybrid'").set_index("clip_id").sort_index()
    pd.testing.assert_frame_equal(by_check["100%"][list(NAMES)], main[list(NAMES)], check_exact=True)
    assert (by_check["50%"][list(NAMES)] != main[list(NAMES)]).any(axis=None)


def test_shuffled_ratings_teach_nothing_of_clips_kept_out(finished: Path):
    by_check, rated = checked(finished), read_table(finished / "clips.parquet").set_index("clip_id")[list(NAMES)]
    error = {check: ((rows[list(NAMES)] - rated.loc[rows.index]) ** 2).to_numpy().mean()
             for check, rows in by_check.items()}  # fmt: skip
    assert error["100%"] < 0.7 * error["shuffled"]


def test_shuffled_ratings_tell_when_clips_were_not_kept_out(corpus: Path, params: Params, monkeypatch):
    def leaking(*arguments) -> list[Part]:
        return [part._replace(training=np.concatenate([part.training, part.held_out])) for part in parts_of(*arguments)]

    longer = params.scale.demo.finetune.model_copy(update={"frozen_epochs": 60})
    scale = params.scale.model_copy(update={"demo": params.scale.demo.model_copy(update={"finetune": longer})})
    no_dropout = {name: 0.0 for name in ("pooled_dropout", "descriptor_dropout", "head_dropout", "weight_decay")}
    checks = Checks(every_protocol=False, shares=[], shuffled_ratings=True)
    settings = params.finetune.model_copy(update={"checks": checks, "models": {"hybrid": ROWS["hybrid"]}} | no_dropout)
    error = {}
    for way in (parts_of, leaking):
        monkeypatch.setattr(finetune, "parts_of", way)
        finetune.main("demo", params.model_copy(update={"scale": scale, "finetune": settings}))
        rated = read_table(corpus / "clips.parquet").set_index("clip_id")[list(NAMES)]
        rows = checked(corpus)["shuffled"][list(NAMES)]
        error[way] = ((rows - rated.loc[rows.index]) ** 2).to_numpy().mean()
    assert error[leaking] < 0.5 * error[parts_of]


def test_the_first_row_alone_learns_under_every_protocol(corpus: Path, params: Params):
    folds = read_table(corpus / "folds.parquet")
    write_table(pd.concat([folds, folds.assign(protocol="passage")]), corpus / "folds.parquet")
    demo = params.scale.demo.model_copy(update={"protocols": [PROTOCOL, "passage"]})
    checks = Checks(every_protocol=True, shares=[], shuffled_ratings=False)
    finetune.main("demo", params.model_copy(update={
        "scale": params.scale.model_copy(update={"demo": demo}),
        "finetune": params.finetune.model_copy(update={"checks": checks}),
    }))  # fmt: skip
    found = predictions(corpus).groupby("model")["protocol"].unique().map(list).to_dict()
    assert found == {"hybrid": [PROTOCOL, "passage"], "ast": [PROTOCOL]}
    assert read_table(corpus / "predictions/checks.parquet").empty
    assert not list(Path("models/demo/finetuned").glob("*passage*"))  # nothing goes on from those


def predictions(folder: Path) -> pd.DataFrame:
    return read_table(folder / "predictions" / "networks.parquet")


def test_writes_all_tables_and_models_that_give_the_predictions(finished: Path, params: Params):

    own, folds = predictions(finished), read_table(finished / "folds.parquet").set_index("clip_id")["fold"]
    assert list(own.columns) == ["protocol", "model", "clip_id", "fold", *NAMES]
    assert list(own["model"].unique()) == list(ROWS)
    for model in ROWS:
        of_model = own[own["model"] == model]
        assert sorted(of_model["clip_id"]) == sorted(folds.index[folds != NO_FOLD])
        assert (of_model["fold"].to_numpy() == folds.loc[of_model["clip_id"]].to_numpy()).all()

    curves = read_table(finished / "curves.parquet")
    assert curves.groupby(["model", "fold"]).size().between(1, 3).all() and len(curves["fold"].unique()) == 3
    assert np.isfinite(curves.drop(columns=["protocol", "model"])).all(axis=None)
    csv = pd.read_csv("plots/demo/curves.csv")
    assert list(csv.columns) == finetune.CURVES_CSV and len(csv) == len(curves)

    store = SpectrogramStore(finished / "spectrograms")
    for name in ROWS:
        for fold in range(3):
            model = load_model(Path(f"models/demo/finetuned/{name}-{PROTOCOL}-fold{fold}"))
            assert model.dimensions == NAMES and model.frontend == {"kind": "logmel", **store.settings}
            rate = make_rate(model)  # from the sound alone
            rows = own[(own["fold"] == fold) & (own["model"] == name)]
            for _, row in rows.head(2).iterrows():
                heard = [rate(store.clip(at)) for at in np.flatnonzero(store.index["clip_id"] == row["clip_id"])]
                np.testing.assert_allclose(np.mean(heard, axis=0), row[list(NAMES)].to_numpy(float), atol=1e-5)
    assert not list(Path().rglob("*.part")) and not list(Path("models/.resume").iterdir())


def test_the_ratings_of_a_fold_change_nothing_in_its_own_predictions(finished: Path, params: Params):
    before = predictions(finished)
    folds = read_table(finished / "folds.parquet").set_index("clip_id")["fold"]
    for file in ("clips.parquet", "ratings.parquet"):
        table = read_table(finished / file)
        spoilt = folds.loc[table["clip_id"]].isin([0, NO_FOLD]).to_numpy()
        table.loc[spoilt, list(NAMES)] = 1 - table.loc[spoilt, list(NAMES)]
        write_table(table, finished / file)
    finetune.main("demo", params)
    after = predictions(finished)
    pd.testing.assert_frame_equal(before[before["fold"] == 0], after[after["fold"] == 0], check_exact=True)
    # … and those of fold 0 do teach the other two.
    elsewhere = before["fold"] != 0
    assert (before.loc[elsewhere, list(NAMES)] != after.loc[elsewhere, list(NAMES)]).any(axis=None)


def test_a_diverging_run_writes_no_result(corpus: Path, params: Params):
    with pytest.raises(CrescendaiError, match=r"hybrid, composition, fold 0, epoch .*lower `lr`"):
        finetune.main("demo", params.model_copy(update={"lr": 1e30}))
    assert Path("models/demo/diverged.npz").exists()
    assert not Path("models/demo/finetuned").exists() and not Path("plots").exists()
    assert not (corpus / "predictions").exists()


def test_a_protocol_without_folds_is_named(corpus: Path, params: Params):
    with pytest.raises(
        DataError, match=r"folds.parquet: expected a fold of performer for each of 24 clips, found 0"
    ):
        finetune.main("demo", params.model_copy(update={"split": ["performer"]}))
