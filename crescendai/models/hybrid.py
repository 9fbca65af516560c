"""The hybrid: what the transformer hears, fused with descriptors of the sound that have names.

Three fusions of the pooled clip, embedded as ``p``, and the embedded descriptors ``e``:

========= ==========================================================================================
concat    the heads see ``[p, e]``
gated     the heads see ``g * p + (1 - g) * e`` with ``g = sigmoid(G [p, e])``, a gate a channel
          (Arevalo et al., arXiv 1702.01992)
attention the descriptors ask, the patches answer: heads see ``[p, attention(e -> patches), e]``
========= ==========================================================================================

Once it has learned, a kernel ridge regression on the same two may rate beside the heads, see `KernelRidge`.
"""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError
from crescendai.models.ast import Rated, hear, rate
from crescendai.models.backbone import Features
from crescendai.models.encoder import MASKED_LOGIT
from crescendai.models.kernel import KernelRidge
from crescendai.models.presets import BackboneConfig

FUSIONS = ("concat", "gated", "attention")


class HybridTransformer(nn.Module):
    """Backbone, descriptors, fusion, heads.

    num_descriptors: descriptors of a clip, as normal scores.
    fusion: see this module. fusion_width: of what is embedded.
    pooled_dropout, descriptor_dropout: share of either that training leaves out, drawn for each clip.
    kernel_clips: that the kernel compares with; 0 while the network learns, and where there is no kernel.
    kernel_weight: of the kernel's rating, the head's has the rest. kernel_length_scale: as of `KernelRidge`.
    Other fields as of `crescendai.models.ast.AudioSpectrogramTransformer`.
    """

    config: BackboneConfig
    num_outputs: int
    num_descriptors: int
    fusion: Literal["concat", "gated", "attention"] = "concat"
    fusion_width: int = 64
    pooled_dropout: float = 0.0
    descriptor_dropout: float = 0.0
    head: Literal["linear", "grouped"] = "linear"
    head_dropout: float = 0.0
    variance: bool = False
    kernel_clips: int = 0
    kernel_weight: float = 0.0
    kernel_length_scale: float = 1.0

    @nn.compact
    def __call__(
        self,
        spectrogram: jax.Array | None,
        num_frames: jax.Array | None,
        descriptors: jax.Array,
        deterministic: bool = True,
        return_attention: bool = False,
        pooled: jax.Array | None = None,
    ) -> Rated:
        """Rates a batch that may mix lengths.

        descriptors: ``[b, m]`` normal scores, see `crescendai.models.descriptors`. Other arguments as of
            `AudioSpectrogramTransformer`; ``attention`` fusion needs the spectrogram.

        Raises:
            ParamsError: an unknown fusion, another number of descriptors, or no patches to attend to.
        """
        if descriptors.shape[-1] != self.num_descriptors:
            raise ParamsError(
                f"descriptors: expected {self.num_descriptors} a clip, found {descriptors.shape[-1]}; "
                "compute those the model was trained on"
            )
        features = hear(self, spectrogram, num_frames, deterministic, return_attention, pooled)
        drop = nn.Dropout(self.pooled_dropout, deterministic=deterministic)
        p = drop(nn.LayerNorm(self.config.layer_norm_epsilon, name="pooled_norm")(features.pooled))
        e = nn.Dropout(self.descriptor_dropout, deterministic=deterministic)(descriptors)
        p = nn.gelu(nn.Dense(self.fusion_width, name="pooled")(p))
        e = nn.gelu(nn.Dense(self.fusion_width, name="descriptors")(e))
        rated = rate(self, features.pooled, self._fuse(features, p, e), deterministic, features.attention)
        if not self.kernel_clips:
            return rated
        kernel = KernelRidge(self.kernel_clips, self.num_outputs, self.kernel_length_scale, name="kernel")
        alike = kernel(features.pooled, descriptors)
        return rated._replace(ratings=rated.ratings + self.kernel_weight * (alike - rated.ratings))

    def _fuse(self, features: Features, pooled: jax.Array, embedded: jax.Array) -> jax.Array:
        """Two of ``[b, fusion_width]`` -> what the heads see."""
        both = jnp.concatenate([pooled, embedded], axis=-1)
        if self.fusion == "concat":
            return both
        if self.fusion == "gated":
            gate = nn.sigmoid(nn.Dense(self.fusion_width, name="gate")(both))
            return gate * pooled + (1.0 - gate) * embedded
        if self.fusion != "attention":
            raise ParamsError(f"fusion: expected one of {', '.join(FUSIONS)}, found {self.fusion!r}; choose one")
        if features.patches is None:
            raise ParamsError("fusion: expected concat or gated for a frozen encoder, found attention; choose one")
        query = nn.Dense(self.fusion_width, name="query")(embedded)
        key = nn.Dense(self.fusion_width, name="key")(features.patches)
        logits = jnp.einsum("bc,bnc->bn", query, key) * self.fusion_width**-0.5
        if features.mask is not None:
            logits = jnp.where(features.mask, logits, MASKED_LOGIT)
        share = jax.nn.softmax(logits, axis=-1)
        value = nn.Dense(self.fusion_width, name="value")(features.patches)
        if features.mask is not None:  # 0 * inf would let a padded place through
            value = jnp.where(features.mask[:, :, None], value, 0.0)
        return jnp.concatenate([both, jnp.einsum("bn,bnc->bc", share, value)], axis=-1)
