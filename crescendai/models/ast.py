"""The Audio Spectrogram Transformer: from a log-mel spectrogram to ratings.

After Gong, Chung, Glass, *AST: Audio Spectrogram Transformer* (arXiv 2104.01778). With ``pooling="tokens"``
and strides of 10 it is that network (`crescendai.models.convert` compares the two); by default patches do
not overlap, as in SSAST, and the mean of the patches stands for the clip.
"""

from typing import Literal, NamedTuple

import flax.linen as nn
import jax

from crescendai.errors import ParamsError
from crescendai.models.backbone import Backbone, Features
from crescendai.models.heads import GroupedHead, LinearHead
from crescendai.models.presets import BackboneConfig, count_backbone_parameters, preset

HEADS = {"linear": LinearHead, "grouped": GroupedHead}


class Rated(NamedTuple):
    """What a network says of a batch."""

    ratings: jax.Array  # [b, k]
    log_variance: jax.Array | None  # [b, k] of the ratings' error, natural logarithm
    pooled: jax.Array  # [b, d] what stands for the clip, before the head
    attention: jax.Array | None  # [layer, b, head, query, key]


class AudioSpectrogramTransformer(nn.Module):
    """Backbone and head.

    num_outputs: ratings a clip.
    head: ``linear``, or ``grouped`` with a hidden layer for each group of dimensions.
    head_dropout: before every layer of the head, in training only.
    variance: also predict how far off each rating may be.
    """

    config: BackboneConfig
    num_outputs: int
    head: Literal["linear", "grouped"] = "linear"
    head_dropout: float = 0.0
    variance: bool = False

    @classmethod
    def from_preset(
        cls, name: str, n_mels: int = 128, max_frames: int = 1024, num_outputs: int = 19, *,
        head: Literal["linear", "grouped"] = "linear", head_dropout: float = 0.0, variance: bool = False,
        **changes: object,
    ) -> "AudioSpectrogramTransformer":  # fmt: skip
        """A network of a named size.

        name: ``tiny``, ``small`` or ``base``; changes: other fields of `BackboneConfig`.

        Raises:
            ParamsError: no such preset.
        """
        return cls(preset(name, n_mels, max_frames, **changes), num_outputs, head, head_dropout, variance)

    @nn.compact
    def __call__(
        self,
        spectrogram: jax.Array | None,
        num_frames: jax.Array | None = None,
        deterministic: bool = True,
        return_attention: bool = False,
        pooled: jax.Array | None = None,
    ) -> Rated:
        """Rates a batch that may mix lengths; arguments as of `Backbone`.

        pooled: ``[b, d]`` what the backbone made of the clips before, in place of the spectrogram.
        """
        features = hear(self, spectrogram, num_frames, deterministic, return_attention, pooled)
        return rate(self, features.pooled, features.pooled, deterministic, features.attention)


def hear(
    model: nn.Module, spectrogram: jax.Array | None, num_frames: jax.Array | None, deterministic: bool,
    return_attention: bool, pooled: jax.Array | None,
) -> Features:  # fmt: skip
    """What the backbone of a network makes of a batch, or made of it before."""
    if pooled is not None:
        return Features(None, None, pooled, None)
    backbone = Backbone(model.config, parent=model, name="backbone")
    return backbone(spectrogram, num_frames, deterministic, return_attention=return_attention)


def rate(
    model: nn.Module, pooled: jax.Array, heard: jax.Array, deterministic: bool, attention: jax.Array | None
) -> Rated:
    """The heads of a network with fields ``num_outputs``, ``head``, ``head_dropout`` and ``variance``.

    pooled: ``[b, d]`` what stands for the clip; heard: ``[b, e]`` what the heads see.

    Raises:
        ParamsError: a head that is not in `HEADS`.
    """
    if model.head not in HEADS:
        raise ParamsError(f"head: expected one of {', '.join(HEADS)}, found {model.head!r}; choose one")
    epsilon = model.config.layer_norm_epsilon
    head = HEADS[model.head](
        model.num_outputs, model.head_dropout, layer_norm_epsilon=epsilon, parent=model, name="head"
    )
    log_variance = None
    if model.variance:
        spread = LinearHead(
            model.num_outputs, model.head_dropout, layer_norm_epsilon=epsilon, parent=model, name="spread"
        )
        log_variance = spread(heard, deterministic)
    return Rated(head(heard, deterministic), log_variance, pooled, attention)


def count_parameters(model: AudioSpectrogramTransformer) -> int:
    """Number of parameters with the linear head, from the formula: the backbone's, a norm and ``(e + 1) k``."""
    e, k = model.config.pooled_width, model.num_outputs
    heads = 2 if model.variance else 1
    return count_backbone_parameters(model.config) + heads * (2 * e + (e + 1) * k)
