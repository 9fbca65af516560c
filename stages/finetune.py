"""finetune: trains the transformer on the ratings and predicts every clip out of fold.

Reads    data/<corpus>/clips.parquet, folds.parquet, spectrograms/
Writes   data/<corpus>/predictions/ast.parquet       ratings of each clip, out of fold
         data/<corpus>/curves.parquet                a row an epoch: losses, learning rate, speed
         plots/<corpus>/curves.csv                   the same without the speed, for git
         models/<corpus>/ast-<protocol>-fold<k>.*    weights (safetensors) and their description (JSON)
Run      python -m stages.finetune <corpus>
Takes    on two cores, for two protocols: the demo corpus a minute, PercePiano six
Expect   trained from scratch, less than the audio baselines: see metrics/<corpus>.json, row ast

For each protocol of `split` and each fold, whole groups of the training part are kept apart for early
stopping; the network learns from random windows of the others; the weights of the best validation
loss predict the fold, whose ratings nothing here has looked at. Losses are on standardised ratings:
the mean rater's is 1, and 1 - loss is about R². Everything is written at the end.
"""

import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import optax
import pandas as pd
from tqdm import tqdm

from crescendai.datasets.splits import NO_FOLD, protocol_name
from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.texts import write_texts
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer, count_parameters
from crescendai.models.checkpoint import TrainedModel, save_model
from crescendai.models.heads import in_rating_units
from crescendai.models.prediction import PredictWindows, make_predict
from crescendai.models.windows import InputScale
from crescendai.params import FinetuneScale, Params
from crescendai.training.batches import Augmentation, training_batches
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.finetuning import (
    EarlyStopping,
    TrainStep,
    check_finite,
    make_train_step,
    validation_clips,
)
from crescendai.training.losses import RatingScale
from crescendai.training.schedule import learning_rate, make_optimizer
from crescendai.training.state import new_state
from stages import run_stage

CURVES_CSV = ["protocol", "fold", "epoch", "train_loss", "validation_loss", "learning_rate"]


class Network(NamedTuple):
    """The network and its compiled functions, which all folds share: compiling takes as long as an epoch."""

    model: AudioSpectrogramTransformer
    optimizer: optax.GradientTransformation
    train_step: TrainStep
    predict: PredictWindows


def main(corpus: str, params: Params) -> None:
    # ---- Parameters -----------------------------------------------------------------------------
    settings, scale = params.finetune, getattr(params.scale, corpus).finetune
    frames_per_s = params.render.sample_rate_hz / params.spectrograms.hop_length
    model = AudioSpectrogramTransformer(
        n_mels=params.spectrograms.n_mels, max_frames=round(scale.window_s * frames_per_s),
        patch_frames=settings.patch_frames, patch_mels=settings.patch_mels,
        width=settings.width, depth=settings.depth, num_heads=settings.num_heads,
        dropout=settings.dropout, num_outputs=NUM_DIMENSIONS,
    )  # fmt: skip
    optimizer = make_optimizer(settings.weight_decay)
    train_step = make_train_step(model, optimizer, settings.average_decay)
    network = Network(model, optimizer, train_step, make_predict(model))
    print(f"{count_parameters(model) / 1e6:.2f} million parameters, windows of {scale.window_s:g} s")

    # ---- Inputs ---------------------------------------------------------------------------------
    folder = Path("data") / corpus
    table = read_table(folder / "clips.parquet", ["clip_id", "movement", *NAMES])
    folds = read_table(folder / "folds.parquet")
    store = SpectrogramStore(folder / "spectrograms")
    clips = RatedClips.of(table, store)

    # ---- Training, protocol by protocol and fold by fold ----------------------------------------
    curves, predictions, models = [], [], {}
    for protocol in map(protocol_name, params.split):
        own = folds[folds["protocol"] == protocol].set_index("clip_id").reindex(table["clip_id"])
        if own["fold"].isna().any():
            raise DataError(
                f"{folder / 'folds.parquet'}: expected a fold of {protocol} for each of {len(own)} clips, "
                f"found {own['fold'].notna().sum()}; run `dvc repro split`"
            )
        fold_of_clip, group_of_clip = own["fold"].to_numpy(int), own["group"].to_numpy(dtype=str)
        for fold in np.unique(fold_of_clip[fold_of_clip != NO_FOLD]):
            where = f"{protocol}, fold {fold}"
            held_out = np.flatnonzero(fold_of_clip == fold)
            rest = np.flatnonzero((fold_of_clip != fold) & (fold_of_clip != NO_FOLD))
            validates = validation_clips(
                group_of_clip[rest], table["movement"].to_numpy()[rest],
                settings.validation_fraction, params.seed, where,
            )  # fmt: skip
            weights, input_scale, curve = train(
                network, clips, rest[~validates], rest[validates], params, scale, where
            )

            rated = predict_rated(
                network.predict, weights, clips, held_out, input_scale, model.max_frames, scale.batch_size
            )
            place = {"protocol": protocol, "model": "ast", "clip_id": table["clip_id"].to_numpy()[held_out]}
            predictions.append(
                pd.DataFrame({**place, "fold": fold, **dict(zip(NAMES, rated.T, strict=True))})
            )
            curves.append(pd.DataFrame({"protocol": protocol, "fold": fold, **pd.DataFrame(curve)}))
            trained = TrainedModel(model, weights, input_scale, store.settings, NAMES)
            models[f"ast-{protocol}-fold{fold}"] = trained

    # ---- Outputs --------------------------------------------------------------------------------
    for name, trained in models.items():
        save_model(trained, Path("models") / corpus / name)
    curve_table = pd.concat(curves, ignore_index=True)
    write_table(curve_table, folder / "curves.parquet")
    csv = curve_table[CURVES_CSV].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    write_texts({Path("plots") / corpus / "curves.csv": csv})
    write_table(pd.concat(predictions, ignore_index=True), folder / "predictions" / "ast.parquet")


def train(
    network: Network, clips: RatedClips, training: np.ndarray, validation: np.ndarray,
    params: Params, scale: FinetuneScale, where: str,
) -> tuple[dict, InputScale, list[dict[str, float]]]:  # fmt: skip
    """Trains one model.

    training, validation: positions of the clips that teach and of those that say when to stop.

    Returns:
        The weights of the best validation loss, which give ratings; the scale of their input; and a
        row an epoch.
    """
    window_frames = network.model.max_frames
    augmentation = Augmentation(params.finetune.time_mask, params.finetune.mel_mask)
    input_scale = InputScale.of(clips.spectrograms(training))
    rating_scale = RatingScale.of(clips.ratings[training])
    targets = rating_scale.standardise(clips.ratings)
    steps_per_epoch = -(-len(training) // scale.batch_size)
    total_steps = steps_per_epoch * scale.max_epochs
    warmup_steps = round(params.finetune.warmup_fraction * total_steps)

    rng = np.random.default_rng(params.seed)
    weights_key, dropout_key = jax.random.split(jax.random.key(params.seed))
    state = new_state(network.model, network.optimizer, weights_key)
    stopping, curve, step = EarlyStopping(scale.patience), [], 0
    with tqdm(total=scale.max_epochs, desc=where, unit="epoch") as progress:
        for epoch in range(scale.max_epochs):
            losses, started = [], time.perf_counter()
            for batch in training_batches(
                clips, training, targets, input_scale, window_frames, scale.batch_size, augmentation, rng
            ):
                rate = learning_rate(step, params.lr, warmup_steps, total_steps)
                state, loss = network.train_step(state, batch, rate, dropout_key)
                losses.append(loss)
                step += 1
            train_loss = float(np.mean(jax.device_get(losses)))
            check_finite(train_loss, f"{where}, epoch {epoch}")
            clips_per_s = len(losses) * scale.batch_size / (time.perf_counter() - started)

            rated = predict_rated(
                network.predict, state.averaged_params, clips, validation, input_scale,
                window_frames, scale.batch_size,
            )  # fmt: skip
            validation_loss = float(np.mean((rated - targets[validation]) ** 2))
            error = float(np.sqrt(np.mean(((rated - targets[validation]) * rating_scale.std) ** 2)))
            curve.append({
                "epoch": epoch, "train_loss": train_loss, "validation_loss": validation_loss,
                "validation_rmse": error, "learning_rate": rate, "clips_per_s": clips_per_s,
            })  # fmt: skip
            progress.set_postfix_str(
                f"loss {train_loss:.3f}, validation {validation_loss:.3f} (rating off by {error:.3f}), "
                f"{clips_per_s:.0f} clips/s"
            )
            progress.update()
            if stopping.update(epoch, validation_loss, state.averaged_params):
                break
    best = stopping.best_params
    best = best | {"head": in_rating_units(best["head"], rating_scale.mean, rating_scale.std)}
    return best, input_scale, curve


if __name__ == "__main__":
    run_stage(main, __doc__)
