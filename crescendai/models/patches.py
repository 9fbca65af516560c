"""Patches: how a spectrogram becomes a sequence of tokens, and which tokens hold sound.

A patch covers ``patch_frames`` by ``patch_mels`` values; the next begins a stride further, as a
convolution without padding would have it. Patches are ordered by time first, then by frequency, so
that cutting a clip short cuts the end of the sequence.
"""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError


@dataclass(frozen=True)
class PatchGrid:
    """Sides and strides of patches, in frames and mel bands.

    patch_frames, patch_mels: sides of a patch.
    stride_frames, stride_mels: from one patch to the next; as long as the side, patches do not overlap.
    """

    patch_frames: int
    patch_mels: int
    stride_frames: int
    stride_mels: int

    @property
    def values(self) -> int:
        """Numbers in a patch."""
        return self.patch_frames * self.patch_mels

    @property
    def overlaps(self) -> bool:
        return (self.stride_frames, self.stride_mels) != (self.patch_frames, self.patch_mels)

    def time_patches(self, num_frames: int | jax.Array) -> int | jax.Array:
        """``1 + (t - side) // stride``, at least 1: frames after the last whole patch are not heard."""
        whole = 1 + (num_frames - self.patch_frames) // self.stride_frames
        return max(whole, 1) if isinstance(whole, int) else jnp.maximum(whole, 1)

    def covered_frames(self, num_frames: int) -> int:
        """Frames that whole patches cover."""
        return (self.time_patches(num_frames) - 1) * self.stride_frames + self.patch_frames

    def mel_patches(self, n_mels: int) -> int:
        """``1 + (f - side) // stride``.

        Raises:
            ParamsError: a patch is higher than the spectrogram.
        """
        if self.patch_mels > n_mels:
            raise ParamsError(
                f"patch_mels: expected at most the {n_mels} mel bands, found {self.patch_mels}; choose a lower patch"
            )
        return 1 + (n_mels - self.patch_mels) // self.stride_mels


def patchify(spectrogram: jax.Array, patch_frames: int, patch_mels: int) -> jax.Array:
    """Cuts spectrograms into non-overlapping patches: ``[b, t, f]`` -> ``[b, n, patch_frames * patch_mels]``.

    Patch ``i * (f / patch_mels) + j`` covers the ``i``-th stretch of frames and the ``j``-th of bands.

    Raises:
        ParamsError: the patch sides do not divide ``t`` and ``f``.
    """
    b, t, f = spectrogram.shape
    if t % patch_frames or f % patch_mels:
        raise ParamsError(
            f"patch_frames, patch_mels: expected sides that divide {t} frames and {f} mel "
            f"bands, found {patch_frames} and {patch_mels}; choose divisors or cut the frames"
        )
    grid = spectrogram.reshape(b, t // patch_frames, patch_frames, f // patch_mels, patch_mels)
    return grid.transpose(0, 1, 3, 2, 4).reshape(b, -1, patch_frames * patch_mels)


def unpatchify(patches: jax.Array, patch_frames: int, patch_mels: int, n_mels: int) -> jax.Array:
    """The inverse of `patchify`: ``[b, n, patch_frames * patch_mels]`` -> ``[b, t, n_mels]``."""
    b = patches.shape[0]
    grid = patches.reshape(b, -1, n_mels // patch_mels, patch_frames, patch_mels)
    return grid.transpose(0, 1, 3, 2, 4).reshape(b, -1, n_mels)


def fit_frames(spectrogram: jax.Array, grid: PatchGrid) -> jax.Array:
    """Frames that whole patches cover: cut at the end, or zero frames appended up to one patch."""
    covered = grid.covered_frames(spectrogram.shape[1])
    missing = max(covered - spectrogram.shape[1], 0)
    return jnp.pad(spectrogram, ((0, 0), (0, missing), (0, 0)))[:, :covered]


def silence_padding(spectrogram: jax.Array, num_frames: jax.Array) -> jax.Array:
    """Sets frames from ``num_frames`` ``[b]`` on to zero, so that what stood there cannot matter."""
    sounding = jnp.arange(spectrogram.shape[1]) < num_frames[:, None]  # [b, t]
    return jnp.where(sounding[:, :, None], spectrogram, 0.0)


def patch_mask(num_frames: jax.Array, time_patches: int, mel_patches: int, grid: PatchGrid) -> jax.Array:
    """True for patches that a clip of ``num_frames`` would have alone: ``[b]`` -> bool ``[b, n]``."""
    sounding = jnp.arange(time_patches) < grid.time_patches(num_frames)[:, None]  # [b, time patch]
    return jnp.repeat(sounding, mel_patches, axis=1)


class PatchEmbedding(nn.Module):
    """Patches through one linear map, plus a learned position for each place of the grid.

    ``x[i, j] = W patch[i, j] + b + position[i, j]`` (AST, arXiv 2104.01778, section 2.1).

    max_time_patches: places in time that have a position.
    """

    width: int
    grid: PatchGrid
    max_time_patches: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, spectrogram: jax.Array, masked: jax.Array | None = None, mask_token: jax.Array | None = None
    ) -> jax.Array:
        """``[b, t, f]``, frames as `fit_frames` leaves them -> ``[b, n, width]``.

        masked: bool ``[b, n]`` patches in whose place stands ``mask_token`` ``[width]``; their
            positions stay (SSAST, arXiv 2110.09784, section 2.2).

        Raises:
            ParamsError: more places in time than positions.
        """
        b, t, f = spectrogram.shape
        time_patches, mel_patches = self.grid.time_patches(t), self.grid.mel_patches(f)
        if time_patches > self.max_time_patches:
            raise ParamsError(
                f"max_frames: expected at most {self.max_time_patches} patches in time, found {time_patches}; "
                "cut the clip into windows, or make more positions with resize_positions"
            )
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (self.grid.values, self.width))
        bias = self.param("bias", nn.initializers.zeros, (self.width,))
        positions = self.param(
            "positions", nn.initializers.normal(0.02), (self.max_time_patches, mel_patches, self.width)
        )
        x, kernel = spectrogram.astype(self.dtype), kernel.astype(self.dtype)
        if self.grid.overlaps:
            sides = (self.grid.patch_frames, self.grid.patch_mels)
            x = jax.lax.conv_general_dilated(
                x[..., None], kernel.reshape(*sides, 1, self.width),
                (self.grid.stride_frames, self.grid.stride_mels), "VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            ).reshape(b, -1, self.width)  # fmt: skip
        else:
            used = mel_patches * self.grid.patch_mels
            x = patchify(x[:, :, :used], self.grid.patch_frames, self.grid.patch_mels) @ kernel
        x = x + bias
        if masked is not None:
            x = jnp.where(masked[:, :, None], mask_token, x)
        return x + positions[:time_patches].reshape(1, -1, self.width)


def resize_positions(positions: jax.Array, time_patches: int, mel_patches: int) -> jax.Array:
    """Positions for another grid: cut from the middle where it is smaller, else interpolated.

    AST's rule for taking over positions learned on other inputs (arXiv 2104.01778, section 2.2),
    along time and along frequency each by itself; interpolation is linear with half-pixel centres.

    positions: ``[time patch, mel patch, d]``.
    """
    for axis, size in ((0, time_patches), (1, mel_patches)):
        have = positions.shape[axis]
        if size <= have:
            first = (have - size) // 2
            positions = jax.lax.slice_in_dim(positions, first, first + size, axis=axis)
        else:
            shape = list(positions.shape)
            shape[axis] = size
            positions = jax.image.resize(positions, shape, "linear", antialias=False)
    return positions
