"""Learning rate, weight decay and moving average."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from crescendai.training.schedule import decay_mask, learning_rate, make_optimizer
from crescendai.training.state import moving_average, new_state
from tests.models.networks import small


def test_learning_rate_climbs_to_the_peak_and_falls_to_zero():
    rates = [learning_rate(step, 3e-3, 10, 100) for step in range(101)]
    assert rates[0] > 0 and max(rates) == rates[10] == 3e-3 and rates[100] == 0.0
    assert np.all(np.diff(rates[:11]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[55] == 1.5e-3


def test_learning_rate_without_warm_up_starts_at_the_peak():
    assert learning_rate(0, 1.0, 0, 10) == 1.0


def test_only_kernels_decay():
    params = new_state(small(), make_optimizer(0.0), jax.random.key(0)).params
    mask = decay_mask(params)
    flat = {
        "/".join(str(key.key) for key in path): value
        for path, value in jax.tree_util.tree_leaves_with_path(mask)
    }
    assert flat["encoder/block_0/attention/qkv/kernel"] and flat["patches/projection/kernel"]
    assert not any(value for name, value in flat.items() if not name.endswith("/kernel"))


def test_optimizer_is_adamw_for_a_rate_of_one():
    # Gradients below the clipping norm: optax's own AdamW is the reference.
    params = {"a": {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5])}}
    gradients = jax.tree.map(lambda p: 0.1 * p, params)
    reference = optax.adamw(1e-2, 0.9, 0.98, weight_decay=0.1, mask=decay_mask)
    own = make_optimizer(0.1)
    expected, _ = reference.update(gradients, reference.init(params), params)
    found, _ = own.update(gradients, own.init(params), params)
    jax.tree.map(lambda e, f: np.testing.assert_allclose(-1e-2 * f, e, rtol=1e-5), expected, found)


def test_moving_average_forgets_the_start_and_then_is_slow():
    average = moving_average({"w": jnp.array(0.0)}, {"w": jnp.array(1.0)}, jnp.array(0), 0.99)
    np.testing.assert_allclose(average["w"], 0.9, rtol=1e-6)
    average = moving_average({"w": jnp.array(0.0)}, {"w": jnp.array(1.0)}, jnp.array(10_000), 0.99)
    np.testing.assert_allclose(average["w"], 0.01, rtol=1e-4)
