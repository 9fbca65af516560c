"""finetune: networks learn from the ratings and predict every clip out of fold.

Reads    data/<corpus>/clips.parquet, targets.json, ratings.parquet, folds.parquet, spectrograms/, descriptors.parquet,
         heard.parquet; models/<corpus>/pretrained/network.*
Writes   data/<corpus>/predictions/networks.parquet    ratings of each clip, out of fold
         data/<corpus>/predictions/instruments.parquet likewise, by networks that were not taught on the piano they rate
         data/<corpus>/curves.parquet                  a row an epoch: losses, learning rate, speed
         plots/<corpus>/curves.csv                     the same without the speed, for git
         models/<corpus>/finetuned/<model>-<protocol>-fold<k>.*   weights (safetensors), description (JSON)
Run      python -m stages.finetune <corpus>
Takes    on two cores, for two protocols: the demo corpus a minute, PercePiano ten (an encoder that learns takes most
         of a minute an epoch and fold); killed, it goes on where it was
Expect   PercePiano, composition, R² of hybrid: see metrics/<corpus>.json

`finetune.models` lists the networks: with or without pretraining, with or without named descriptors. For each of
them, each protocol of `split` and each fold, whole groups of the training part are kept apart; the network learns
from random windows of the others, and predicts the fold, whose ratings nothing here has looked at. With a frozen
encoder the last weights are kept, else those of the best loss on what was kept apart. Losses are on standardised
ratings: the mean rater's squared error is 1, and 1 - error is about R². Where every clip was heard on several pianos,
one more network a row learns, under the first protocol, on all pianos but one, and rates that one. Everything is
written at the end.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.splits import NO_FOLD, protocol_name
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import read_targets
from crescendai.datasets.texts import write_texts
from crescendai.errors import DataError
from crescendai.models.checkpoint import TrainedModel, load_model, save_model
from crescendai.params import Params
from crescendai.training.clips import RatedClips
from crescendai.training.finetuning import validation_clips
from crescendai.training.instruments import COLUMNS, as_table, every_clip_on_each, rate_each_instrument
from crescendai.training.pupil import Pupil, learn, make_pupil, rate
from crescendai.training.resume import Resume, code_sha256
from crescendai.training.watch import Watch
from stages import run_stage

RESUME = Path("models/.resume")
CURVES_CSV = ["protocol", "model", "fold", "epoch", "train_loss", "validation_loss", "learning_rate"]


class Part(NamedTuple):
    """A fold of a protocol: positions of the clips that teach, that are kept apart, and that are held out."""

    protocol: str
    fold: int
    training: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    folder = Path("data") / corpus
    files = [folder / name for name in ("clips.parquet", "ratings.parquet", "folds.parquet", "descriptors.parquet",
                                        "heard.parquet", "spectrograms/index.parquet")]  # fmt: skip
    pretrained_path = Path("models") / corpus / "pretrained" / "network"
    pretrained = load_model(pretrained_path)
    targets = read_targets(folder)
    table = read_table(files[0], ["clip_id", "movement", *targets.names])
    folds = read_table(files[2])
    described = read_table(files[3]).merge(read_table(files[4]), on=["clip_id", "instrument"], how="left")
    store = SpectrogramStore(folder / "spectrograms")
    clips = RatedClips.of(table, read_table(files[1]), store, described, targets)
    instrument = store.index["instrument"].to_numpy(str)
    instruments = every_clip_on_each(clips, instrument)
    inputs = [sha256_of(file) for file in [*files, pretrained_path.with_name("network.safetensors")]]

    # ---- Training, model by model, protocol by protocol and fold by fold --------------------------
    curves, predictions, across, models, watches = [], [], [], {}, []
    encoded_by = {}  # what a frozen encoder heard: the pretrained one, and the one that never learned
    scale = getattr(params.scale, corpus).finetune
    key = {"finetune": params.finetune.model_dump(), "lr": params.lr, "seed": params.seed, "scale": scale.model_dump(),
           "inputs": inputs, "code": code_sha256("crescendai/models", "crescendai/training")}  # fmt: skip

    parts = [
        part for protocol in map(protocol_name, params.split_of(corpus))
        for part in parts_of(protocol, table, *folds_of(folds, protocol, table["clip_id"], files[2]), params)
    ]  # fmt: skip

    def teach(pupil: Pupil, part: Part, where: str) -> tuple[TrainedModel, list[dict]]:
        watches.append(Watch(Path("models") / corpus, Resume(RESUME, key | {"where": where})))
        return learn(pupil, part.training, part.validation, pretrained, params, where, watches[-1])

    for name, row in params.finetune.models.items():
        encoded = encoded_by.get(row.pretrained) if row.frozen else None
        pupil = make_pupil(name, row, clips, targets, pretrained, scale, params, encoded)
        if row.frozen:
            encoded_by[row.pretrained] = pupil.encoded
        alone = pupil if row.members == 1 else make_pupil(
            name, row.model_copy(update={"members": 1}), clips, targets, pretrained, scale, params, pupil.encoded
        )  # fmt: skip
        for part in parts:
            where = f"{name}, {part.protocol}, fold {part.fold}"
            clip_ids = table["clip_id"].to_numpy()[part.held_out]
            trained, curve = teach(pupil, part, where)
            rated = dict(zip(targets.names, rate(pupil, trained, part.held_out).T, strict=True))
            place = {"protocol": part.protocol, "model": name, "clip_id": clip_ids, "fold": part.fold}
            predictions.append(pd.DataFrame(place | rated))
            curves.append(pd.DataFrame(curve).assign(protocol=part.protocol, model=name, fold=part.fold))
            models[f"{name}-{part.protocol}-fold{part.fold}"] = trained
            if instruments and part.protocol == parts[0].protocol:
                def learn_from(own: Pupil, on: str, part: Part = part, where: str = where) -> TrainedModel:
                    return teach(own, part, f"{where}, {on}")[0]

                on_each = rate_each_instrument(alone, instrument, instruments, learn_from, part.held_out)
                across.append(as_table(on_each, name, part.fold, clip_ids, targets.names))

    # ---- Outputs --------------------------------------------------------------------------------
    for name, trained in models.items():
        save_model(trained, Path("models") / corpus / "finetuned" / name, pretrained_path)
    curve_table = pd.concat(curves, ignore_index=True)
    write_table(curve_table, folder / "curves.parquet")
    csv = curve_table[CURVES_CSV].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    write_texts({Path("plots") / corpus / "curves.csv": csv})
    write_table(pd.concat(predictions, ignore_index=True), folder / "predictions" / "networks.parquet")
    nothing = pd.DataFrame(columns=[*COLUMNS, *targets.names])
    write_table(pd.concat(across, ignore_index=True) if across else nothing, folder / "predictions/instruments.parquet")
    for watch in watches:
        watch.done()


def parts_of(
    protocol: str, clips: pd.DataFrame, fold_of_clip: np.ndarray, group_of_clip: np.ndarray, params: Params
) -> list[Part]:
    """Every fold of a protocol, with whole groups of its training part kept apart."""
    parts = []
    for fold in np.unique(fold_of_clip[fold_of_clip >= 0]):
        rest = np.flatnonzero((fold_of_clip != fold) & (fold_of_clip != NO_FOLD))
        validates = validation_clips(
            group_of_clip[rest], clips["movement"].to_numpy()[rest], params.finetune.validation_fraction, params.seed,
            f"{protocol}, fold {fold}",
        )  # fmt: skip
        held_out = np.flatnonzero(fold_of_clip == fold)
        parts.append(Part(protocol, int(fold), rest[~validates], rest[validates], held_out))
    return parts


def folds_of(
    folds: pd.DataFrame, protocol: str, clip_ids: pd.Series, source: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Fold and group of every clip under a protocol.

    Raises:
        DataError: a clip has none.
    """
    own = folds[folds["protocol"] == protocol].set_index("clip_id").reindex(clip_ids)
    if own["fold"].isna().any():
        raise DataError(
            f"{source}: expected a fold of {protocol} for each of {len(own)} clips, "
            f"found {own['fold'].notna().sum()}; run `dvc repro split`"
        )
    return own["fold"].to_numpy(int), own["group"].to_numpy(dtype=str)


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
