"""Matrix products in the forms that XLA's CPU library is fast at, and a linear map made of them.

A product with bfloat16 operands is fast only if it gives float32 and the last axis of its first operand is the
contracted one; anything else is converted to float32 first. One of float32 is fast in any form of two matrices. On
other backends the forms make no difference.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp


def matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """``a b`` over the last axis of ``a`` and the first of ``b``, summed in float32."""
    return jnp.tensordot(a, b, axes=1, preferred_element_type=jnp.float32)


def product_over_rows(a: jax.Array, b: jax.Array) -> jax.Array:
    """``a^T b``, summed in float32: ``[..., i]`` and ``[..., j]`` -> ``[i, j]``.

    Of float32 over one axis of rows: the library takes ``a`` as it lies, and the product of the same rows with the
    weights in the same go. Over two axes XLA would write ``a`` out first with rows last, 6 to 7 % of a training step;
    of bfloat16 that is what it takes for a fast product.
    """
    if a.dtype != jnp.bfloat16:
        a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    elif a.ndim == 2 and len(a) % 2 == 0:
        a, b = a.reshape(2, -1, a.shape[-1]), b.reshape(2, -1, b.shape[-1])
    rows = list(range(a.ndim - 1))
    return jnp.tensordot(a, b, axes=(rows, rows), preferred_element_type=jnp.float32)


@jax.custom_vjp
def linear(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """``x W + b`` with the product in ``x``'s precision: ``[..., i]``, ``[i, j]``, ``[j]`` -> float32 ``[..., j]``."""
    return matmul(x, kernel.astype(x.dtype)) + bias


def _linear_forward(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> tuple[jax.Array, tuple]:
    return linear(x, kernel, bias), (x, kernel)


def _linear_backward(saved: tuple, d_y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, kernel = saved
    d_bias = d_y.sum(axis=tuple(range(d_y.ndim - 1)))
    d_y = d_y.astype(x.dtype)
    d_x = matmul(d_y, kernel.astype(x.dtype).T)
    return d_x.astype(x.dtype), product_over_rows(x, d_y), d_bias


linear.defvjp(_linear_forward, _linear_backward)


class Linear(nn.Module):
    """`linear` with parameters named and started as `flax.linen.Dense`'s.

    dtype: of the product's operands; parameters, sums and results are float32.
    """

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[..., i]`` -> float32 ``[..., features]``."""
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return linear(x.astype(self.dtype), kernel, bias)


@jax.custom_vjp
def gelu(x: jax.Array) -> jax.Array:
    """``x Phi(x)``, exact (arXiv 1606.08415). Only ``x`` is kept for the gradient, not what it took to get there."""
    return x * _normal_cdf(x)


def _normal_cdf(x: jax.Array) -> jax.Array:
    return 0.5 * (1.0 + jax.lax.erf(x * 0.5**0.5))


def _gelu_backward(x: jax.Array, d_y: jax.Array) -> tuple[jax.Array]:
    density = jnp.exp(-0.5 * x * x) * (2 * jnp.pi) ** -0.5
    return (d_y * (_normal_cdf(x) + x * density),)


gelu.defvjp(lambda x: (gelu(x), x), _gelu_backward)
