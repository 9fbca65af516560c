"""The transformer encoder: pre-norm blocks of self-attention and a two-layer perceptron.

As in ViT (arXiv 2010.11929) and AST (arXiv 2104.01778), with keys of padded patches masked out.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError

MASKED_LOGIT = -1e9  # exp() of it is 0 in float32, and no row is all masked: a clip has a frame
LAYER_NORM_EPSILON = 1e-6


class SelfAttention(nn.Module):
    """Multi-head attention: ``softmax(q k^T / sqrt(d / num_heads)) v`` over the patches with sound."""

    num_heads: int

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]``."""
        b, n, d = x.shape
        if d % self.num_heads:
            raise ParamsError(
                f"finetune.num_heads: expected a divisor of the width {d}, found {self.num_heads}"
            )
        qkv = nn.Dense(3 * d, name="qkv")(x).reshape(b, n, 3, self.num_heads, d // self.num_heads)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # each [b, head, n, d / num_heads]
        logits = (q * (d // self.num_heads) ** -0.5) @ k.swapaxes(-1, -2)  # [b, head, n, n]
        logits = jnp.where(mask[:, None, None, :], logits, MASKED_LOGIT)
        heard = jax.nn.softmax(logits, axis=-1) @ v
        return nn.Dense(d, name="out")(heard.transpose(0, 2, 1, 3).reshape(b, n, d))


class EncoderBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``; dropout on both branches."""

    num_heads: int
    mlp_ratio: int
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array, deterministic: bool) -> jax.Array:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]``."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=deterministic)
        h = nn.LayerNorm(LAYER_NORM_EPSILON, name="attention_norm")(x)
        x = x + drop(SelfAttention(self.num_heads, name="attention")(h, mask))
        h = nn.LayerNorm(LAYER_NORM_EPSILON, name="mlp_norm")(x)
        h = nn.gelu(nn.Dense(self.mlp_ratio * width, name="mlp_in")(h))
        return x + drop(nn.Dense(width, name="mlp_out")(h))


class Encoder(nn.Module):
    """``depth`` blocks and a closing layer norm."""

    depth: int
    num_heads: int
    mlp_ratio: int
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array, deterministic: bool) -> jax.Array:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]``; padded positions hold numbers of no meaning."""
        for layer in range(self.depth):
            block = EncoderBlock(self.num_heads, self.mlp_ratio, self.dropout, name=f"block_{layer}")
            x = block(x, mask, deterministic)
        return nn.LayerNorm(LAYER_NORM_EPSILON, name="norm")(x)
