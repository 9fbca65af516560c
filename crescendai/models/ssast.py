"""Masked spectrogram patch modelling: hidden patches are to be told apart and to be drawn again.

Gong, Lai, Chung, Glass, *SSAST: Self-Supervised Audio Spectrogram Transformer* (arXiv 2110.09784). Deviations:
input has a standard deviation of 1 instead of 0.5, and patches as high as the spectrogram (the frame variant)
are hidden in stretches rather than one by one.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.models.backbone import Backbone
from crescendai.models.patches import fit_frames, patchify
from crescendai.models.presets import BackboneConfig


class MaskedPatches(NamedTuple):
    """What a network says of the hidden patches, and what they are; ``m`` of them a clip."""

    guess: jax.Array | None  # [b, m, p] to be nearest to the own patch among the clip's hidden ones
    drawn: jax.Array  # [b, m, p]
    patches: jax.Array  # [b, m, p]


class PatchHead(nn.Module):
    """Two layers from an encoded patch to the values of a patch."""

    width: int
    values: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[b, m, d]`` -> ``[b, m, p]``."""
        return nn.Dense(self.values, name="out")(nn.relu(nn.Dense(self.width, name="hidden")(x)))


class MaskedPatchModel(nn.Module):
    """SSAST: the encoder sees all places, a learned token stands in the hidden ones."""

    config: BackboneConfig

    @nn.compact
    def __call__(self, spectrogram: jax.Array, order: jax.Array, num_visible: int) -> MaskedPatches:
        """Guesses the hidden patches.

        spectrogram: standardised log-mel ``[b, t, f]``, nothing padded.
        order: int ``[b, n]`` patches, the visible ones first.
        num_visible: how many those are.
        """
        c = self.config
        hidden = order[:, num_visible:]
        rows = jnp.arange(len(order))[:, None]
        masked = jnp.zeros(order.shape, bool).at[rows, hidden].set(True)
        features = Backbone(c, name="backbone")(spectrogram, masked=masked)
        encoded = jnp.take_along_axis(features.patches, hidden[:, :, None], axis=1)
        guess = PatchHead(c.width, c.grid.values, name="discriminative")(encoded)
        drawn = PatchHead(c.width, c.grid.values, name="generative")(encoded)
        return MaskedPatches(guess, drawn, hidden_patches(spectrogram, hidden, c))


def hidden_patches(spectrogram: jax.Array, hidden: jax.Array, config: BackboneConfig) -> jax.Array:
    """The values of patches: ``[b, t, f]`` and int ``[b, m]`` -> ``[b, m, p]``."""
    fitted = fit_frames(spectrogram, config.grid)[:, :, : config.mel_patches * config.patch_mels]
    patches = patchify(fitted, config.patch_frames, config.patch_mels)
    return jnp.take_along_axis(patches, hidden[:, :, None], axis=1)


def contrast(guess: jax.Array, patches: jax.Array) -> tuple[jax.Array, jax.Array]:
    """InfoNCE over the hidden patches of a clip, and how often the right one was found.

    ``-1/m Σ_i log( exp(c_i·x_i) / Σ_j exp(c_i·x_j) )`` (SSAST, equation 1): the others are the clip's other
    hidden patches, and chance is ``1 / m``. Both are taken over ``j``.
    """
    logits = jnp.einsum("bip,bjp->bij", guess, patches)
    log_share = jax.nn.log_softmax(logits, axis=-1)
    loss = -jnp.diagonal(log_share, axis1=1, axis2=2).mean()
    accuracy = (logits.argmax(axis=-1) == jnp.arange(logits.shape[1])).mean()
    return loss, accuracy


def reconstruction_error(drawn: jax.Array, patches: jax.Array) -> jax.Array:
    """Mean squared error over the hidden patches (SSAST, equation 2)."""
    return jnp.mean((drawn - patches) ** 2)
