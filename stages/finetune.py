"""finetune: networks learn from the ratings and predict every clip out of fold.

Reads    data/<corpus>/clips.parquet, targets.json, ratings.parquet, folds.parquet, spectrograms/, descriptors.parquet,
         heard.parquet; models/<corpus>/pretrained/network.*
Writes   data/<corpus>/predictions/networks.parquet    ratings of each clip, out of fold
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
ratings: the mean rater's squared error is 1, and 1 - error is about R². Everything is written at the end.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.splits import NO_FOLD, protocol_name
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.targets import read_targets
from crescendai.datasets.texts import write_texts
from crescendai.errors import DataError
from crescendai.models.checkpoint import load_model, save_model
from crescendai.params import Params
from crescendai.training.clips import RatedClips
from crescendai.training.finetuning import validation_clips
from crescendai.training.pupil import learn, make_pupil, rate
from crescendai.training.resume import Resume, code_sha256
from crescendai.training.watch import Watch
from stages import run_stage

RESUME = Path("models/.resume")
CURVES_CSV = ["protocol", "model", "fold", "epoch", "train_loss", "validation_loss", "learning_rate"]


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
    clips = RatedClips.of(table, read_table(files[1]), SpectrogramStore(folder / "spectrograms"), described, targets)
    inputs = [sha256_of(file) for file in [*files, pretrained_path.with_name("network.safetensors")]]

    # ---- Training, model by model, protocol by protocol and fold by fold --------------------------
    curves, predictions, models, watches = [], [], {}, []
    encoded_by = {}  # what a frozen encoder heard: the pretrained one, and the one that never learned
    for name, row in params.finetune.models.items():
        scale, encoded = getattr(params.scale, corpus).finetune, encoded_by.get(row.pretrained)
        pupil = make_pupil(name, row, clips, targets, pretrained, scale, params, encoded if row.frozen else None)
        if row.frozen:
            encoded_by[row.pretrained] = pupil.encoded
        for protocol in map(protocol_name, params.split_of(corpus)):
            fold_of_clip, group_of_clip = folds_of(folds, protocol, table["clip_id"], files[2])
            for fold in np.unique(fold_of_clip[fold_of_clip >= 0]):
                where = f"{name}, {protocol}, fold {fold}"
                held_out = np.flatnonzero(fold_of_clip == fold)
                rest = np.flatnonzero((fold_of_clip != fold) & (fold_of_clip != NO_FOLD))
                validates = validation_clips(
                    group_of_clip[rest], table["movement"].to_numpy()[rest],
                    params.finetune.validation_fraction, params.seed, where,
                )  # fmt: skip
                key = {"where": where, "finetune": params.finetune.model_dump(), "lr": params.lr, "seed": params.seed,
                       "scale": getattr(params.scale, corpus).finetune.model_dump(), "inputs": inputs,
                       "code": code_sha256("crescendai/models", "crescendai/training")}  # fmt: skip
                watches.append(Watch(Path("models") / corpus, Resume(RESUME, key)))
                trained, curve = learn(pupil, rest[~validates], rest[validates], pretrained, params, where, watches[-1])
                rated = rate(pupil, trained, held_out)
                place = {"protocol": protocol, "model": name, "clip_id": table["clip_id"].to_numpy()[held_out]}
                predictions.append(
                    pd.DataFrame({**place, "fold": fold, **dict(zip(targets.names, rated.T, strict=True))})
                )
                curves.append(pd.DataFrame(curve).assign(protocol=protocol, model=name, fold=fold))
                models[f"{name}-{protocol}-fold{fold}"] = trained

    # ---- Outputs --------------------------------------------------------------------------------
    for name, trained in models.items():
        save_model(trained, Path("models") / corpus / "finetuned" / name, pretrained_path)
    curve_table = pd.concat(curves, ignore_index=True)
    write_table(curve_table, folder / "curves.parquet")
    csv = curve_table[CURVES_CSV].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    write_texts({Path("plots") / corpus / "curves.csv": csv})
    write_table(pd.concat(predictions, ignore_index=True), folder / "predictions" / "networks.parquet")
    for watch in watches:
        watch.done()


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
