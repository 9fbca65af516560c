"""The transformer encoder: pre-norm blocks of self-attention and a two-layer perceptron.

As in ViT (arXiv 2010.11929) and AST (arXiv 2104.01778), with keys of padded patches masked out.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError

MASKED_LOGIT = -1e9  # exp() of it is 0 in float32, and no row is all masked: a clip has a patch
LAYER_NORM_EPSILON = 1e-6


def attention_weights(q: jax.Array, k: jax.Array, mask: jax.Array | None) -> jax.Array:
    """``softmax(q k^T / sqrt(c))`` over the keys that ``mask`` lets through.

    q, k: ``[b, n, head, c]``. mask: bool ``[b, n]`` or None, where every key counts.

    Returns:
        ``[b, head, query, key]``, rows sum to 1.
    """
    logits = jnp.einsum("bqhc,bkhc->bhqk", q * q.shape[-1] ** -0.5, k).astype(jnp.float32)
    if mask is not None:
        logits = jnp.where(mask[:, None, None, :], logits, MASKED_LOGIT)
    return jax.nn.softmax(logits, axis=-1)


class SelfAttention(nn.Module):
    """Multi-head attention over the patches with sound.

    dtype: of the products; weights stay float32.
    """

    num_heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]`` and weights ``[b, head, query, key]``."""
        b, n, d = x.shape
        if d % self.num_heads:
            raise ParamsError(f"num_heads: expected a divisor of the width {d}, found {self.num_heads}")
        qkv = nn.Dense(3 * d, dtype=self.dtype, name="qkv")(x)
        q, k, v = jnp.split(qkv.reshape(b, n, 3 * self.num_heads, d // self.num_heads), 3, axis=2)
        weights = attention_weights(q, k, mask)
        heard = jnp.einsum("bhqk,bkhc->bqhc", weights.astype(self.dtype), v)
        return nn.Dense(d, dtype=self.dtype, name="out")(heard.reshape(b, n, d)), weights


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
        self, x: jax.Array, mask: jax.Array | None, deterministic: bool
    ) -> tuple[jax.Array, jax.Array]:
        """``[b, n, d]`` and bool ``[b, n]`` -> ``[b, n, d]`` and weights ``[b, head, query, key]``."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=deterministic)
        # One draw a clip: all its patches go through the branch or none.
        leave_out = nn.Dropout(self.drop_path, broadcast_dims=(1, 2), deterministic=deterministic)
        h = nn.LayerNorm(self.layer_norm_epsilon, name="attention_norm")(x)
        h, weights = SelfAttention(self.num_heads, self.dtype, name="attention")(h, mask)
        x = x + leave_out(drop(h))
        h = nn.LayerNorm(self.layer_norm_epsilon, name="mlp_norm")(x)
        h = nn.Dense(self.mlp_ratio * width, dtype=self.dtype, name="mlp_in")(h)
        h = nn.Dense(width, dtype=self.dtype, name="mlp_out")(nn.gelu(h, approximate=False))
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
            x, weights = block(x, mask, deterministic)
            attention.append(weights)
        x = nn.LayerNorm(self.layer_norm_epsilon, name="norm")(x)
        return x, jnp.stack(attention) if return_attention else None
