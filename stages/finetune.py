"""finetune: networks learn from the ratings and predict every clip out of fold.

Reads    data/<corpus>/clips.parquet, ratings.parquet, folds.parquet, spectrograms/, descriptors.parquet,
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
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.splits import NO_FOLD, protocol_name
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.texts import write_texts
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.backbone import Backbone
from crescendai.models.checkpoint import TrainedModel, example_input, flatten, load_model, save_model
from crescendai.models.heads import in_rating_units
from crescendai.models.hearing import HEARD
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.members import begin_members
from crescendai.models.presets import BackboneConfig
from crescendai.models.transfer import transfer
from crescendai.models.windows import InputScale
from crescendai.params import Finetune, FinetunedModel, FinetuneScale, Params
from crescendai.training.augment import Augmentation
from crescendai.training.batches import Scales
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.encoded import EncodedWindows
from crescendai.training.finetuning import Schedule, finetune, validation_clips
from crescendai.training.lessons import Lessons
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.resume import Resume, code_sha256
from crescendai.training.sharding import make_mesh
from crescendai.training.trainee import RatingNetwork, Trainee
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
    table = read_table(files[0], ["clip_id", "movement", *NAMES])
    folds = read_table(files[2])
    described = read_table(files[3]).merge(read_table(files[4]), on=["clip_id", "instrument"], how="left")
    clips = RatedClips.of(table, read_table(files[1]), SpectrogramStore(folder / "spectrograms"), described)
    inputs = [sha256_of(file) for file in [*files, pretrained_path.with_name("network.safetensors")]]

    # ---- Training, model by model, protocol by protocol and fold by fold --------------------------
    curves, predictions, models, watches = [], [], {}, []
    for name, row in params.finetune.models.items():
        pupil = make_pupil(name, row, clips, pretrained, getattr(params.scale, corpus).finetune, params)
        for protocol in map(protocol_name, params.split):
            fold_of_clip, group_of_clip = folds_of(folds, protocol, table["clip_id"], files[2])
            for fold in np.unique(fold_of_clip[fold_of_clip != NO_FOLD]):
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
                rated = predict_rated(
                    pupil.trainee.predict, trained.params, pupil.clips, held_out, trained.input_scale,
                    trained.descriptors, trained.network.config.max_frames, pupil.schedule.batch_size,
                )  # fmt: skip
                place = {"protocol": protocol, "model": name, "clip_id": table["clip_id"].to_numpy()[held_out]}
                predictions.append(
                    pd.DataFrame({**place, "fold": fold, **dict(zip(NAMES, rated.T, strict=True))})
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


class Pupil(NamedTuple):
    """A row of `finetune.models`, ready to learn; all folds begin with it.

    clips: with the descriptors that this row may know.
    start: parameters that learn; frozen: those that do not, and encoded: what they make of the clips, or None.
    input_scale: that of pretraining; None where each fold measures its own.
    """

    trainee: Trainee
    clips: RatedClips
    start: dict
    frozen: dict
    encoded: EncodedWindows | None
    input_scale: InputScale | None
    schedule: Schedule


def make_pupil(
    name: str, row: FinetunedModel, clips: RatedClips, pretrained: TrainedModel, scale: FinetuneScale, params: Params
) -> Pupil:
    """The network of a row, and what it starts with."""
    # Without pretraining, nothing that a pretrained network heard may be known either.
    clips = clips if row.pretrained else clips.as_sound_alone()
    model = make_network(pretrained.network.config, params.finetune, row.fusion, len(clips.descriptor_names))
    inputs = example_input(model)
    fresh = jax.jit(lambda: begin_members(lambda key: model.init(key, *inputs)["params"], params.seed, row.members))()
    if row.pretrained:
        fresh, account = transfer(fresh, pretrained.params)
        print(f"{name}: {account}")
    input_scale = pretrained.input_scale if row.pretrained or row.frozen else None
    frozen, encoded = {}, None
    if row.frozen:  # it says the same of a window every time: it listens once, and only the rest is trained
        frozen = {"backbone": fresh["backbone"]}
        encoded = EncodedWindows.of(Backbone(model.config), fresh["backbone"], clips, input_scale)
    start = {part: values for part, values in fresh.items() if part not in frozen}
    counts = [sum(array.size for array in flatten(parameters).values()) / 1e6 for parameters in (fresh, start)]
    print(f"{name}: {counts[0]:.2f} million parameters, {counts[1]:.2f} of them learn")
    epochs, patience = (scale.frozen_epochs, 0) if row.frozen else (scale.max_epochs, scale.patience)
    schedule = Schedule(params.lr, params.finetune.warmup_fraction, epochs, patience, scale.batch_size)
    return Pupil(make_trainee(model, start, row, params), clips, start, frozen, encoded, input_scale, schedule)


def learn(
    pupil: Pupil, training: np.ndarray, validation: np.ndarray, pretrained: TrainedModel, params: Params, where: str,
    watch: Watch,
) -> tuple[TrainedModel, list[dict[str, float]]]:  # fmt: skip
    """One fold: the network that has learned, giving ratings in their own units, and its curve."""
    settings = params.finetune
    augmentation = Augmentation(settings.time_mask, settings.mel_mask, settings.mixup, settings.gain_db)
    scales = Scales.of(pupil.clips, training, pupil.input_scale)
    lessons = Lessons(pupil.clips, scales, augmentation, pupil.encoded)
    weights, curve = finetune(
        pupil.trainee, pupil.start, lessons, training, validation, pupil.schedule, params.seed, where, watch
    )
    mean, std = scales.ratings.mean.astype(np.float32), scales.ratings.std.astype(np.float32)
    weights = in_rating_units(weights, mean, std)
    described = scales.descriptors if pupil.trainee.described else None
    knows_heard = described is not None and any(name.startswith(HEARD) for name in described.names)
    trained = TrainedModel(
        pupil.trainee.model, {**pupil.frozen, **weights}, scales.input, pretrained.frontend, NAMES,
        described, pretrained if knows_heard else None, pupil.trainee.members,
    )  # fmt: skip
    return trained, curve


def make_network(config: BackboneConfig, settings: Finetune, fusion: str, num_descriptors: int) -> RatingNetwork:
    """The network of a row of ``finetune.models``: the pretrained one's sizes, finetuning's dropout."""
    config = config.replace(
        dropout=settings.dropout, stochastic_depth=settings.stochastic_depth, patchout=settings.patchout
    )
    heads = {"head": settings.head, "head_dropout": settings.head_dropout, "variance": settings.variance}
    if fusion == "none":
        return AudioSpectrogramTransformer(config, NUM_DIMENSIONS, **heads)
    return HybridTransformer(
        config, NUM_DIMENSIONS, num_descriptors, fusion, settings.fusion_width, settings.pooled_dropout,
        settings.descriptor_dropout, **heads,
    )  # fmt: skip


def make_trainee(model: RatingNetwork, start: dict, row: FinetunedModel, params: Params) -> Trainee:
    """The network with its optimiser and compiled functions."""
    settings = params.finetune
    frozen_blocks, decay = (settings.frozen_blocks, settings.layer_rate_decay) if row.pretrained else (0, 1.0)
    factors = layer_factors(start, model.config.depth, decay, frozen_blocks)
    optimizer = make_optimizer(settings.weight_decay, settings.adam_betas)
    mesh = make_mesh(params.compute.data, params.compute.fsdp)
    return Trainee.of(
        model, settings.loss, optimizer, settings.average_decay, factors, settings.accumulation, mesh, row.members
    )


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
