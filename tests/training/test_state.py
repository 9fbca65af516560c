"""The state before the first step, and the moving average of the weights."""

import jax
import jax.numpy as jnp
import numpy as np

from crescendai.training.optimizer import make_optimizer
from crescendai.training.state import moving_average, new_state
from tests.training import tiny


def test_a_new_state_has_its_own_copy_of_the_weights():
    params = tiny.start(tiny.network())
    state = new_state(params, make_optimizer(0.0))
    give_away = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf + 1, state), donate_argnums=0)
    after = give_away(state)  # params and their average must not be one array, or this fails
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b + 1), after.averaged_params, params)
    assert after.step == 1 and after.step.dtype == jnp.int32


def test_moving_average_forgets_the_start_and_then_is_slow():
    average = moving_average({"w": jnp.array(0.0)}, {"w": jnp.array(1.0)}, jnp.array(0), 0.99)
    np.testing.assert_allclose(average["w"], 0.9, rtol=1e-6)
    average = moving_average({"w": jnp.array(0.0)}, {"w": jnp.array(1.0)}, jnp.array(10_000), 0.99)
    np.testing.assert_allclose(average["w"], 0.01, rtol=1e-4)


def test_weights_that_stay_are_their_own_average():
    weights = {"w": jnp.asarray(np.random.default_rng(0).normal(size=1000), jnp.float32)}
    for step in (0, 7, 5000):
        average = moving_average(weights, weights, jnp.array(step), 0.99)
        np.testing.assert_array_equal(average["w"], weights["w"])
