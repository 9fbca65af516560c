"""Patches: how a spectrogram becomes a sequence of tokens, and which tokens hold sound.

Patches do not overlap. They are ordered by time first, then by frequency, so that cutting a clip
short cuts the end of the sequence.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError


def patchify(spectrogram: jax.Array, patch_frames: int, patch_mels: int) -> jax.Array:
    """Cuts spectrograms into non-overlapping patches: ``[b, t, f]`` -> ``[b, n, patch_frames * patch_mels]``.

    Patch ``i * (f / patch_mels) + j`` covers the ``i``-th stretch of frames and the ``j``-th of bands.

    Raises:
        ParamsError: the patch sides do not divide ``t`` and ``f``.
    """
    b, t, f = spectrogram.shape
    if t % patch_frames or f % patch_mels:
        raise ParamsError(
            f"finetune.patch_frames, finetune.patch_mels: expected sides that divide {t} frames and {f} mel "
            f"bands, found {patch_frames} and {patch_mels}; choose divisors or pad the frames"
        )
    grid = spectrogram.reshape(b, t // patch_frames, patch_frames, f // patch_mels, patch_mels)
    return grid.transpose(0, 1, 3, 2, 4).reshape(b, -1, patch_frames * patch_mels)


def unpatchify(patches: jax.Array, patch_frames: int, patch_mels: int, n_mels: int) -> jax.Array:
    """The inverse of `patchify`: ``[b, n, patch_frames * patch_mels]`` -> ``[b, t, n_mels]``."""
    b = patches.shape[0]
    grid = patches.reshape(b, -1, n_mels // patch_mels, patch_frames, patch_mels)
    return grid.transpose(0, 1, 3, 2, 4).reshape(b, -1, n_mels)


def pad_frames(spectrogram: jax.Array, patch_frames: int) -> jax.Array:
    """Appends zero frames up to a multiple of ``patch_frames``: ``[b, t, f]`` -> ``[b, t', f]``."""
    return jnp.pad(spectrogram, ((0, 0), (0, -spectrogram.shape[1] % patch_frames), (0, 0)))


def silence_padding(spectrogram: jax.Array, num_frames: jax.Array) -> jax.Array:
    """Sets frames from ``num_frames`` ``[b]`` on to zero, so that what stood there cannot matter."""
    sounding = jnp.arange(spectrogram.shape[1]) < num_frames[:, None]  # [b, t]
    return jnp.where(sounding[:, :, None], spectrogram, 0.0)


def patch_mask(num_frames: jax.Array, time_patches: int, mel_patches: int, patch_frames: int) -> jax.Array:
    """True for patches that hold at least one frame of the clip: ``[b]`` -> bool ``[b, n]``."""
    sounding = jnp.arange(time_patches) * patch_frames < num_frames[:, None]  # [b, time patch]
    return jnp.repeat(sounding, mel_patches, axis=1)


class PatchEmbedding(nn.Module):
    """Patches through one linear map, plus learned positions in time and in frequency.

    ``x[i, j] = W patch[i, j] + b + time[i] + frequency[j]``. The sum of two short tables instead of
    one entry a patch (AST, arXiv 2104.01778) has far fewer parameters and lets clips of any length
    up to ``max_frames`` share them.
    """

    width: int
    patch_frames: int
    patch_mels: int
    max_frames: int

    @nn.compact
    def __call__(self, spectrogram: jax.Array) -> jax.Array:
        """``[b, t, f]``, sides multiples of the patch -> ``[b, n, width]``."""
        _, t, f = spectrogram.shape
        time_patches, mel_patches = t // self.patch_frames, f // self.patch_mels
        max_time_patches = -(-self.max_frames // self.patch_frames)
        if time_patches > max_time_patches:
            raise ParamsError(
                f"max_frames: expected at most {self.max_frames} frames, found {t}; cut the clip into windows"
            )
        x = nn.Dense(self.width, name="projection")(patchify(spectrogram, self.patch_frames, self.patch_mels))
        position_init = nn.initializers.normal(0.02)
        time = self.param("time_position", position_init, (max_time_patches, self.width))
        frequency = self.param("frequency_position", position_init, (mel_patches, self.width))
        positions = time[:time_patches, None] + frequency[None]  # [time patch, mel patch, d]
        return x + positions.reshape(1, -1, self.width)
