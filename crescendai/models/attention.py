"""Self-attention that never holds the weights of all clips and heads at once.

On a CPU one head of one clip is worked on at a time, so that its ``[query, key]`` scores stay in the cache instead
of going through memory. Going back, the scores are made again from queries and keys, as in FlashAttention (Dao et
al., arXiv 2205.14135), of which only the outer loops remain here: XLA has fast products for whole matrices.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from crescendai.errors import ParamsError
from crescendai.models.products import Linear, matmul, product_over_rows

MASKED_LOGIT = -1e9  # exp() of it is 0 in float32, and no row is all masked: a clip has a patch
SCORES_AT_ONCE = 2**18  # 1 MB of float32 scores, what a core's cache holds
TURNS_UNROLLED = 2  # while one head waits for its threads, the next can use them


def attention_weights(q: jax.Array, k: jax.Array, mask: jax.Array | None) -> jax.Array:
    """``softmax(q k^T / sqrt(c))`` over the keys that ``mask`` lets through.

    q, k: ``[b, n, head, c]``. mask: bool ``[b, n]`` or None, where every key counts.

    Returns:
        ``[b, head, query, key]``, rows sum to 1.
    """
    logits = jnp.einsum("bqhc,bkhc->bhqk", q * q.shape[-1] ** -0.5, k, preferred_element_type=jnp.float32)
    if mask is not None:
        logits = jnp.where(mask[:, None, None, :], logits, MASKED_LOGIT)
    return jax.nn.softmax(logits, axis=-1)


@jax.custom_vjp
def attend(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None) -> jax.Array:
    """`attention_weights` times ``v``, without the weights: ``[b, head, n, c]`` each -> float32 ``[b, head, n, c]``.

    mask: bool ``[b, n]`` or None.
    """
    return each_head(head_forward, (q, k, v, of_heads(mask, q)))[0]


def _attend_forward(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, tuple]:
    out, log_total = each_head(head_forward, (q, k, v, of_heads(mask, q)))
    return out, (q, k, v, mask, out.astype(q.dtype), log_total)


def _attend_backward(saved: tuple, d_out: jax.Array) -> tuple:
    q, k, v, mask, out, log_total = saved
    d_q, d_k, d_v = each_head(
        head_backward, (q, k, v, of_heads(mask, q), out, log_total, d_out.astype(q.dtype))
    )
    return jnp.swapaxes(d_q, -1, -2).astype(q.dtype), d_k.astype(q.dtype), d_v.astype(q.dtype), None


attend.defvjp(_attend_forward, _attend_backward)


def of_heads(mask: jax.Array | None, q: jax.Array) -> jax.Array | None:
    """A clip's mask for each of its heads: ``[b, n]`` -> ``[b, head, n]``."""
    return None if mask is None else jnp.broadcast_to(mask[:, None], q.shape[:3])


def each_head(function: Callable, arrays: tuple) -> tuple:
    """``function`` of every head of every clip: arrays ``[b, head, ...]`` or None -> arrays ``[b, head, ...]``.

    All at once where there are several devices, which share the clips, or one that is no CPU. Else in turn, as
    many heads at a time as the cache holds scores of.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return jax.vmap(jax.vmap(function))(*arrays)
    b, num_heads, n, _ = arrays[0].shape
    at_once = _heads_at_once(b * num_heads, n)
    turns = jax.tree.map(lambda x: x.reshape(-1, at_once, *x.shape[2:]), arrays)

    def turn(_: None, heads: tuple) -> tuple[None, tuple]:
        if at_once > 1:
            return None, jax.vmap(function)(*heads)
        # Products of matrices alone are faster than those of a batch of one.
        one = function(*jax.tree.map(lambda x: x[0], heads))
        return None, jax.tree.map(lambda x: x[None], one)

    num_turns = b * num_heads // at_once
    _, results = jax.lax.scan(turn, None, turns, unroll=min(TURNS_UNROLLED, num_turns))
    return jax.tree.map(lambda x: x.reshape(b, num_heads, *x.shape[2:]), results)


def _heads_at_once(num_heads: int, n: int) -> int:
    """The largest divisor of ``num_heads`` whose ``[n, n]`` scores fit `SCORES_AT_ONCE`, at least 1."""
    fitting = max(SCORES_AT_ONCE // (n * n), 1)
    return max(divisor for divisor in range(1, min(num_heads, fitting) + 1) if num_heads % divisor == 0)


def head_forward(
    q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """One head of one clip: ``softmax(q k^T / sqrt(c)) v``.

    q, k, v: ``[n, c]``. mask: bool ``[n]`` of the keys.

    Returns:
        ``[n, c]``, and ``[n]`` the logarithm of each query's sum of exponentials, both float32.
    """
    logits = matmul(q * q.shape[-1] ** -0.5, k.T)
    if mask is not None:
        logits = jnp.where(mask, logits, MASKED_LOGIT)
    highest = logits.max(axis=1)
    weights = jnp.exp(logits - highest[:, None]).astype(v.dtype)
    total = weights.sum(axis=1, dtype=jnp.float32)
    # Divided after the product, where there are c numbers a query instead of n.
    return matmul(weights, v) / total[:, None], highest + jnp.log(total)


def head_backward(
    q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None, out: jax.Array, log_total: jax.Array,
    d_out: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:  # fmt: skip
    """Gradients of `head_forward`, given its results and the gradient ``[n, c]`` of the first.

    ``dV = P^T dO``, ``dS = P * (dO V^T - rowsum(dO * O))``, ``dQ = dS K``, ``dK = dS^T Q`` (FlashAttention,
    appendix B.2), all with keys as rows: then no matrix of scores has to be turned.

    Returns:
        Of q as ``[c, n]``, of k and v as ``[n, c]``, all float32.
    """
    scale = q.shape[-1] ** -0.5
    logits = matmul(k, (q * scale).T)  # [key, query]
    if mask is not None:
        logits = jnp.where(mask[:, None], logits, MASKED_LOGIT)
    weights = jnp.exp(logits - log_total).astype(q.dtype)
    d_v = matmul(weights, d_out)
    by_query = (out.astype(jnp.float32) * d_out.astype(jnp.float32)).sum(axis=1)
    d_logits = (weights.astype(jnp.float32) * (matmul(v, d_out.T) - by_query)).astype(q.dtype)
    return product_over_rows(k, d_logits) * scale, matmul(d_logits, q) * scale, d_v


class SelfAttention(nn.Module):
    """Multi-head attention over the patches with sound.

    dtype: of the products; weights stay float32.
    """

    num_heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None, return_weights: bool = False
    ) -> tuple[jax.Array, jax.Array | None]:
        """``[b, n, d]`` and bool ``[b, n]`` or None -> float32 ``[b, n, d]``, and weights ``[b, head, query, key]``."""
        b, n, d = x.shape
        if d % self.num_heads:
            raise ParamsError(f"num_heads: expected a divisor of the width {d}, found {self.num_heads}")
        qkv = Linear(3 * d, self.dtype, name="qkv")(x).astype(self.dtype)
        qkv = qkv.reshape(b, n, 3, self.num_heads, d // self.num_heads)
        weights = attention_weights(qkv[:, :, 0], qkv[:, :, 1], mask) if return_weights else None
        heard = attend(*(qkv[:, :, part].swapaxes(1, 2) for part in range(3)), mask)
        return Linear(d, self.dtype, name="out")(heard.swapaxes(1, 2).reshape(b, n, d)), weights
