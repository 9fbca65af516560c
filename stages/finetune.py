"""finetune: networks learn from the ratings and predict every clip out of fold.

Reads    data/<corpus>/clips.parquet, ratings.parquet, folds.parquet, spectrograms/, descriptors.parquet,
         heard.parquet; models/<corpus>/pretrained/network.*
Writes   data/<corpus>/predictions/networks.parquet    ratings of each clip, out of fold
         data/<corpus>/curves.parquet                  a row an epoch: losses, learning rate, speed
         plots/<corpus>/curves.csv                     the same without the speed, for git
         models/<corpus>/finetuned/<model>-<protocol>-fold<k>.*   weights (safetensors), description (JSON)
Run      python -m stages.finetune <corpus>
Takes    on two cores, for two protocols: the demo corpus two minutes, PercePiano half an hour; killed, it goes on
         where it was
Expect   PercePiano, composition, R² of hybrid: see metrics/<corpus>.json

`finetune.models` lists the networks: with or without pretraining, with or without named descriptors. For each of
them, each protocol of `split` and each fold, whole groups of the training part are kept apart for early stopping;
the network learns from random windows of the others; the weights of the best validation loss predict the fold,
whose ratings nothing here has looked at. Losses are on standardised ratings: the mean rater's squared error is 1,
and 1 - error is about R². Everything is written at the end.
"""

from pathlib import Path

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
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.presets import BackboneConfig
from crescendai.models.transcription import Transcriber
from crescendai.models.transfer import transfer
from crescendai.params import Finetune, FinetunedModel, Params
from crescendai.training.augment import Augmentation
from crescendai.training.batches import Scales
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.encoded import EncodedWindows
from crescendai.training.finetuning import (
    Lessons,
    RatingNetwork,
    Schedule,
    Trainee,
    finetune,
    validation_clips,
)
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.resume import Resume
from crescendai.training.sharding import make_mesh
from crescendai.training.watch import Watch
from stages import run_stage

RESUME = Path("models/.resume")
CURVES_CSV = ["protocol", "model", "fold", "epoch", "train_loss", "validation_loss", "learning_rate"]


def main(corpus: str, params: Params) -> None:
    # ---- Parameters -----------------------------------------------------------------------------
    settings, scale = params.finetune, getattr(params.scale, corpus).finetune
    augmentation = Augmentation(settings.time_mask, settings.mel_mask, settings.mixup, settings.gain_db)

    # ---- Inputs ---------------------------------------------------------------------------------
    folder = Path("data") / corpus
    files = [folder / name for name in ("clips.parquet", "ratings.parquet", "folds.parquet", "descriptors.parquet",
                                        "heard.parquet", "spectrograms/index.parquet")]  # fmt: skip
    pretrained_path = Path("models") / corpus / "pretrained" / "network"
    pretrained = load_model(pretrained_path)
    table = read_table(files[0], ["clip_id", "movement", *NAMES])
    folds = read_table(files[2])
    store = SpectrogramStore(folder / "spectrograms")
    described = read_table(files[3]).merge(read_table(files[4]), on=["clip_id", "instrument"], how="left")
    clips = RatedClips.of(table, read_table(files[1]), store, described)
    inputs = [sha256_of(file) for file in [*files, pretrained_path.with_name("network.safetensors")]]

    # ---- Training, model by model, protocol by protocol and fold by fold --------------------------
    curves, predictions, models, watches = [], [], {}, []
    for name, row in settings.models.items():
        model = make_network(pretrained.network.config, settings, row.fusion, len(clips.descriptor_names))
        fresh = jax.jit(model.init)(jax.random.key(params.seed), *example_input(model))["params"]
        if row.pretrained:
            fresh, account = transfer(fresh, pretrained.params)
            print(f"{name}: {account}")
        # A frozen backbone says the same of a window every time: it listens once, and only the rest is trained.
        frozen = {"backbone": fresh["backbone"]} if row.frozen else {}
        encoded = None
        if row.frozen:
            backbone = Backbone(model.config)
            encoded = EncodedWindows.of(backbone, fresh["backbone"], clips, pretrained.input_scale)
        start = {part: values for part, values in fresh.items() if part not in frozen}
        counts = [sum(array.size for array in flatten(params).values()) / 1e6 for params in (fresh, start)]
        print(f"{name}: {counts[0]:.2f} million parameters, {counts[1]:.2f} of them learn")
        trainee = make_trainee(model, start, row, params)
        epochs = scale.frozen_epochs if row.frozen else scale.max_epochs
        patience = 0 if row.frozen else scale.patience
        schedule = Schedule(params.lr, settings.warmup_fraction, epochs, patience, scale.batch_size)
        for protocol in map(protocol_name, params.split):
            fold_of_clip, group_of_clip = folds_of(folds, protocol, table["clip_id"], files[2])
            for fold in np.unique(fold_of_clip[fold_of_clip != NO_FOLD]):
                where = f"{name}, {protocol}, fold {fold}"
                held_out = np.flatnonzero(fold_of_clip == fold)
                rest = np.flatnonzero((fold_of_clip != fold) & (fold_of_clip != NO_FOLD))
                validates = validation_clips(
                    group_of_clip[rest], table["movement"].to_numpy()[rest],
                    settings.validation_fraction, params.seed, where,
                )  # fmt: skip
                training, validation = rest[~validates], rest[validates]
                scales = Scales.of(clips, training, pretrained.input_scale if row.pretrained else None)
                key = {"where": where, "finetune": settings.model_dump(), "scale": scale.model_dump(),
                       "lr": params.lr, "seed": params.seed, "inputs": inputs}  # fmt: skip
                watches.append(Watch(Path("models") / corpus, Resume(RESUME, key)))
                lessons = Lessons(clips, scales, augmentation, encoded)
                weights, curve = finetune(
                    trainee, start, lessons, training, validation, schedule, params.seed, where, watches[-1]
                )
                head = in_rating_units(weights["head"], scales.ratings.mean, scales.ratings.std)
                weights = {**frozen, **weights, "head": head}

                hybrid = trainee.described
                trained = TrainedModel(
                    model, weights, scales.input, {"kind": "logmel", **store.settings}, NAMES,
                    scales.descriptors if hybrid else None,
                    pretrained if hybrid and isinstance(pretrained.network, Transcriber) else None,
                )  # fmt: skip
                rated = predict_rated(
                    trainee.predict, weights, clips, held_out, scales.input, trained.descriptors,
                    model.config.max_frames, scale.batch_size,
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
        model, settings.loss, optimizer, settings.average_decay, factors, settings.accumulation, mesh
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
    run_stage(main, __doc__)
