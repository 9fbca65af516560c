"""What a network is made of, as plain values, and the sizes that have names."""

from dataclasses import dataclass, replace
from typing import Literal

import jax.numpy as jnp

from crescendai.errors import ParamsError
from crescendai.models.encoder import LAYER_NORM_EPSILON
from crescendai.models.patches import PatchGrid

# Sizes of ViT and DeiT (arXiv 2012.12877, table 1), which AST and SSAST took over.
PRESETS = {
    "tiny": {"width": 192, "depth": 12, "num_heads": 3},
    "small": {"width": 384, "depth": 12, "num_heads": 6},
    "base": {"width": 768, "depth": 12, "num_heads": 12},
}


@dataclass(frozen=True)
class BackboneConfig:
    """Input, patches and encoder of an audio spectrogram transformer. Values only: JSON can hold it.

    n_mels: mel bands of the input.
    max_frames: frames up to which there are positions; longer clips are cut into windows.
    width, depth, num_heads, mlp_ratio: of the encoder.
    patch_frames, patch_mels: sides of a patch; stride_frames, stride_mels: from one patch to the
        next, 10 in AST, as long as the side in SSAST.
    pooling: what stands for a clip: ``mean`` of its patches, ``statistics`` (mean and standard deviation
        of its patches, twice the width), or ``tokens``, the mean of AST's class and distillation tokens.
    dropout, stochastic_depth: see `crescendai.models.encoder`; in training only.
    patchout: share of the patches left out of a clip, in training only (arXiv 2110.05069).
    precision: of the products, ``float32`` or ``bfloat16``; parameters and norms stay float32.
    """

    n_mels: int
    max_frames: int
    width: int
    depth: int
    num_heads: int
    patch_frames: int = 16
    patch_mels: int = 16
    stride_frames: int = 16
    stride_mels: int = 16
    mlp_ratio: int = 4
    pooling: Literal["mean", "statistics", "tokens"] = "mean"
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    patchout: float = 0.0
    layer_norm_epsilon: float = LAYER_NORM_EPSILON
    precision: Literal["float32", "bfloat16"] = "float32"

    @property
    def grid(self) -> PatchGrid:
        return PatchGrid(self.patch_frames, self.patch_mels, self.stride_frames, self.stride_mels)

    @property
    def max_time_patches(self) -> int:
        return self.grid.time_patches(self.max_frames)

    @property
    def mel_patches(self) -> int:
        return self.grid.mel_patches(self.n_mels)

    @property
    def pooled_width(self) -> int:
        return 2 * self.width if self.pooling == "statistics" else self.width

    @property
    def dtype(self) -> jnp.dtype:
        return jnp.dtype(self.precision)

    def replace(self, **changes: object) -> "BackboneConfig":
        return replace(self, **changes)


def preset(name: str, n_mels: int, max_frames: int, **changes: object) -> BackboneConfig:
    """The sizes of a preset for a given input, with ``changes`` to other fields.

    Raises:
        ParamsError: no such preset.
    """
    if name not in PRESETS:
        raise ParamsError(f"preset: expected one of {', '.join(PRESETS)}, found {name!r}; choose one")
    return BackboneConfig(**{"n_mels": n_mels, "max_frames": max_frames, **PRESETS[name], **changes})


def count_backbone_parameters(config: BackboneConfig) -> int:
    """Number of parameters of patches and encoder, from the formula, without making any.

    ``p d + d + T F d [+ 4 d with tokens]  +  depth ((4 + 2 r) d^2 + (9 + r) d)  +  2 d`` with ``p`` values
    a patch, ``T`` by ``F`` patches and ``r`` the mlp ratio.
    """
    d, r = config.width, config.mlp_ratio
    tokens = 4 * d if config.pooling == "tokens" else 0  # two tokens and their positions
    patches = (config.grid.values + 1 + config.max_time_patches * config.mel_patches) * d + tokens
    block = (4 + 2 * r) * d * d + (9 + r) * d  # 4 + r biases of projections, 1 of mlp_out, 4 of two norms
    return patches + config.depth * block + 2 * d
