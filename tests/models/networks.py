"""Small networks, their weights and their input, for the tests."""

import jax
import jax.numpy as jnp
import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer


def small(**changes) -> AudioSpectrogramTransformer:
    """A network that compiles in a second, with ``changes`` to its fields."""
    fields = dict(
        n_mels=16, max_frames=40, patch_frames=4, patch_mels=8, width=24, depth=2, num_heads=3, dropout=0.1,
        num_outputs=5,
    )  # fmt: skip
    return AudioSpectrogramTransformer(**{**fields, **changes})


def weights(model: AudioSpectrogramTransformer, seed: int = 0) -> dict:
    """Random in every parameter: a fresh head is all zeros and would hide what goes into it."""
    shapes = jax.eval_shape(
        lambda key: model.init(key, jnp.zeros((1, model.max_frames, model.n_mels)), jnp.ones(1, int), True),
        jax.random.key(0),
    )["params"]
    leaves, structure = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    values = [0.2 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, values)


def clips(lengths: list[int], n_mels: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Standardised noise of the given lengths in frames."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_mels)).astype(np.float32) for length in lengths]
