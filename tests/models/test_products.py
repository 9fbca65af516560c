"""Products in the forms that are fast are the products."""

import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.models.products import matmul, product_over_rows


@pytest.mark.parametrize("shape", [(6,), (7,), (2, 3), (3, 5), (2, 2, 4)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_product_over_rows_is_that_of_all_rows(shape: tuple[int, ...], dtype: jnp.dtype):
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.integers(-4, 5, (*shape, width)), dtype) for width in (5, 4))  # exact in either
    expected = np.asarray(a, np.float32).reshape(-1, 5).T @ np.asarray(b, np.float32).reshape(-1, 4)
    found = product_over_rows(a, b)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, expected)
    w = jnp.asarray(rng.integers(-4, 5, (5, 3)), dtype)
    np.testing.assert_array_equal(matmul(a, w), np.asarray(a, np.float32) @ np.asarray(w, np.float32))
