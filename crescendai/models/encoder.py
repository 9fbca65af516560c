"""The transformer encoder: pre-norm blocks of self-attention and a two-layer perceptron.

As in ViT (arXiv 2010.11929) and AST (arXiv 2104.01778), with keys of padded patches masked out.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.models.attention import MASKED_LOGIT as MASKED_LOGIT
from crescendai.models.attention import SelfAttention
from crescendai.models.products import Linear, gelu

LAYER_NORM_EPSILON = 1e-6


class EncoderBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``.

    dropout: on both branches. drop_path: chance to leave a clip's branch out (stochastic depth,
        arXiv 1603.09382); what is kept is scaled up, so that its expectation stays.
    """

    num_heads: int
    mlp_ratio: int
    dropout: float
    drop_path: float = 0.0
    layer_norm_epsilon: float = LAYER_NORM_EPSILON
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None, deterministic: bool, return_attention: bool = False
    ) -> tuple[jax.Array, jax.Array | None]:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]`` and weights ``[b, head, query, key]`` or None."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=deterministic)
        # One draw a clip: all its patches go through the branch or none.
        leave_out = nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=deterministic)
        h = nn.LayerNorm(self.layer_norm_epsilon, name="attention_norm")(x)
        h, weights = SelfAttention(self.num_heads, self.dtype, name="attention")(h, mask, return_attention)
        x = x + leave_out(drop(h))
        h = nn.LayerNorm(self.layer_norm_epsilon, name="mlp_norm")(x)
        h = Linear(self.mlp_ratio * width, self.dtype, name="mlp_in")(h)
        h = Linear(width, self.dtype, name="mlp_out")(gelu(h))
        return x + leave_out(drop(h)), weights


class Encoder(nn.Module):
    """``depth`` blocks and a closing layer norm.

    stochastic_depth: `EncoderBlock`'s ``drop_path`` of the last block; it rises linearly from 0 at the first.
    """

    depth: int
    num_heads: int
    mlp_ratio: int = 4
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    layer_norm_epsilon: float = LAYER_NORM_EPSILON
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None, deterministic: bool, return_attention: bool = False
    ) -> tuple[jax.Array, jax.Array | None]:
        """Encodes a batch.

        x: ``[b, n, d]``. mask: bool ``[b, n]``, true where there is sound; None where there is everywhere.

        Returns:
            ``[b, n, d]``, where padded positions hold numbers of no meaning; and every layer's
            attention ``[layer, b, head, query, key]``, or None without ``return_attention``.
        """
        attention = []
        for layer in range(self.depth):
            block = EncoderBlock(
                self.num_heads, self.mlp_ratio, self.dropout,
                self.stochastic_depth * layer / max(self.depth - 1, 1),
                self.layer_norm_epsilon, self.dtype, name=f"block_{layer}",
            )  # fmt: skip
            x, weights = block(x, mask, deterministic, return_attention)
            attention.append(weights)
        x = nn.LayerNorm(self.layer_norm_epsilon, name="norm")(x)
        return x, jnp.stack(attention) if return_attention else None
