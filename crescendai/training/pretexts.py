"""Pretexts: what a network can learn from sounds nobody rated.

========== ====================================================================================
mspm       hidden patches are told apart and drawn again (`crescendai.models.ssast`)
mae        hidden patches are drawn again from the visible ones (`crescendai.models.mae`)
transcribe what is played is written down (`crescendai.models.transcription`)
========== ====================================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from crescendai.errors import DataError
from crescendai.midi.rolls import FrameNotes, Rolls
from crescendai.models.mae import MaskedAutoencoder
from crescendai.models.masking import cluster_mask, mask_order
from crescendai.models.presets import BackboneConfig
from crescendai.models.ssast import MaskedPatchModel, contrast, hidden_patches, reconstruction_error
from crescendai.models.transcription import Transcribed, Transcriber
from crescendai.models.windows import InputScale, random_start

MASKED_OBJECTIVES = ("mspm", "mae")
OBJECTIVES = (*MASKED_OBJECTIVES, "transcribe")

Metrics = dict[str, jax.Array]
LossOf = Callable[[dict, "Batch", jax.Array], tuple[jax.Array, Metrics]]


class Batch(NamedTuple):
    """Windows, and what the pretext asks of them."""

    spectrogram: np.ndarray  # float32 [b, t, f], standardised
    order: np.ndarray | None  # int32 [b, n] patches, visible ones first; of masked objectives
    rolls: Rolls | None  # [b, t, …] of transcribing


@dataclass(frozen=True)
class Masking:
    """What is hidden: a share of the patches, in clusters whose side is between two numbers."""

    share: float
    cluster: tuple[int, int]

    def num_visible(self, config: BackboneConfig) -> int:
        num_patches = config.max_time_patches * config.mel_patches
        return num_patches - round(self.share * num_patches)

    def draw(self, config: BackboneConfig, batch_size: int, rng: np.random.Generator) -> np.ndarray:
        """Orders of patches, visible ones first: int32 ``[b, n]``."""
        shape = config.max_time_patches, config.mel_patches
        num_masked = shape[0] * shape[1] - self.num_visible(config)
        return mask_order(
            np.stack([cluster_mask(*shape, num_masked, self.cluster, rng) for _ in range(batch_size)])
        )


@dataclass(frozen=True)
class Excerpts:
    """The sounds to learn from.

    read: log-mel spectrogram of the excerpt at a position, ``[t, f]`` in dB.
    num_frames: ``[excerpt]``.
    notes: what is played in the excerpt at a position, for transcribing. Like ``read`` it may read from disk: then
        memory does not grow with the excerpts.
    shards: ``[excerpt]`` the file each lies in, for several processes.
    """

    read: Callable[[int], np.ndarray]
    num_frames: np.ndarray
    notes: Callable[[int], FrameNotes] | None
    shards: np.ndarray | None = None

    def part(self, index: int, count: int) -> "Excerpts":
        """What process ``index`` of ``count`` reads: whole shards that no other process does, about equally long.

        Raises:
            DataError: fewer shards than processes, or it is not known which there are.
        """
        if count == 1:
            return self
        known = np.zeros(0, int) if self.shards is None else np.unique(self.shards)
        if len(known) < count:
            raise DataError(
                f"pretraining: expected a shard for each of {count} processes, found {len(known)}; lower "
                "render.shard_mb or train with fewer processes"
            )
        frames = np.array([self.num_frames[self.shards == shard].sum() for shard in known])
        load, mine = np.zeros(count), []
        for place in np.argsort(-frames, kind="stable"):  # the longest first, to whoever has least
            taker = int(np.argmin(load))
            load[taker] += frames[place]
            if taker == index:
                mine.append(known[place])
        own = np.flatnonzero(np.isin(self.shards, mine))
        return Excerpts(
            lambda position: self.read(int(own[position])),
            self.num_frames[own],
            None if self.notes is None else lambda position: self.notes(int(own[position])),
            self.shards[own],
        )

    def batch(
        self, config: BackboneConfig, scale: InputScale, masking: Masking | None, batch_size: int,
        rng: np.random.Generator,
    ) -> Batch:  # fmt: skip
        """Random windows as long as the network's input, every frame of the excerpts as likely as any other."""
        frames = config.grid.covered_frames(config.max_frames)
        room = np.maximum(self.num_frames - frames + 1, 0)
        if not room.any():
            raise DataError(
                f"pretraining: expected an excerpt of {frames} frames, the network's window, or longer, found "
                f"{self.num_frames.max()} at most; lower window_s"
            )
        chosen = rng.choice(len(room), batch_size, p=room / room.sum())
        starts = [random_start(int(self.num_frames[row]), frames, rng) for row in chosen]
        spectrogram = np.stack(
            [scale.apply(self.read(int(row))[at : at + frames]) for row, at in zip(chosen, starts, strict=True)]
        )
        if masking is not None:
            return Batch(spectrogram, masking.draw(config, batch_size, rng), None)
        rolls = [self.notes(int(row)).rolls(at, frames) for row, at in zip(chosen, starts, strict=True)]
        return Batch(spectrogram, None, Rolls(*(np.stack(part) for part in zip(*rolls, strict=True))))


def make_model(
    objective: str, config: BackboneConfig, decoder_width: int, decoder_depth: int, decoder_heads: int
) -> nn.Module:
    """The network of an objective; decoder sizes are those of ``mae``."""
    if objective == "mspm":
        return MaskedPatchModel(config)
    if objective == "mae":
        return MaskedAutoencoder(config, decoder_width, decoder_depth, decoder_heads)
    return Transcriber(config)


def make_loss(
    model: nn.Module, num_visible: int, discriminative_weight: float, generative_weight: float
) -> LossOf:
    """The loss of a pretext and what it says beside it.

    mspm: ``w_d InfoNCE + w_g MSE`` (SSAST, equation 3, weights 1 and 10). mae: the squared error.
    transcribe: see `transcription_loss`.
    """

    def loss_of(params: dict, batch: Batch, key: jax.Array) -> tuple[jax.Array, Metrics]:
        if isinstance(model, Transcriber):
            heard = model.apply({"params": params}, batch.spectrogram)
            return transcription_loss(heard, batch.rolls)
        seen = model.apply({"params": params}, batch.spectrogram, batch.order, num_visible)
        error = reconstruction_error(seen.drawn, seen.patches)
        if seen.guess is None:
            return error, {"reconstruction_error": error}
        contrastive, accuracy = contrast(seen.guess, seen.patches)
        loss = discriminative_weight * contrastive + generative_weight * error
        return loss, {"reconstruction_error": error, "contrastive_loss": contrastive, "accuracy": accuracy}

    return loss_of


def transcription_loss(heard: Transcribed, played: Rolls) -> tuple[jax.Array, Metrics]:
    """Mean of five losses, each in parts of what the best constant guess would lose on the batch.

    Cross-entropy of strokes, of keys that are down, of ringing strings and of the pedal, squared error of the velocity
    where a key is struck. Strokes are a thousand times rarer than silence: only relative to the constant guess do
    the five weigh the same. 1 is a constant guess, 0 is perfect; of strokes between two frames, which are a share of
    either, not even who knew them all would lose nothing.
    """
    struck = played.onset
    terms = {
        "onset": _relative_cross_entropy(heard.onset, struck),
        "held": _relative_cross_entropy(heard.held, played.held.astype(jnp.float32)),
        "sounding": _relative_cross_entropy(heard.sounding, played.sounding.astype(jnp.float32)),
        "pedal": _relative_cross_entropy(heard.pedal, played.pedal),
    }
    num_struck = jnp.maximum(struck.sum(), 1.0)
    mean = (struck * played.velocity).sum() / num_struck
    variance = (struck * (played.velocity - mean) ** 2).sum() / num_struck
    error = (struck * (heard.velocity - played.velocity) ** 2).sum() / num_struck
    terms["velocity"] = error / jnp.maximum(variance, 1e-3)
    return sum(terms.values()) / len(terms), {f"{name}_loss": value for name, value in terms.items()}


def _relative_cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
    share = jnp.clip(target.mean(), 1e-4, 1 - 1e-4)
    constant = -(share * jnp.log(share) + (1 - share) * jnp.log(1 - share))
    return optax.sigmoid_binary_cross_entropy(logits, target).mean() / constant


def mean_patch_error(
    batches: Sequence[Batch], mean_patch: np.ndarray, config: BackboneConfig, num_visible: int
) -> float:
    """What drawing the same patch everywhere would lose: the error a masked objective has to beat.

    mean_patch: ``[mel patch, p]`` the mean patch of the training part at each height.
    """
    errors = []
    for batch in batches:
        hidden = batch.order[:, num_visible:]
        patches = np.asarray(hidden_patches(batch.spectrogram, hidden, config))
        errors.append(float(np.mean((patches - mean_patch[hidden % config.mel_patches]) ** 2)))
    return float(np.mean(errors))
