"""A network that compiles in a second, something to learn, and its loss: what the engine's tests train."""

from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.presets import BackboneConfig

NUM_BLOCKS = 2


class Rows(NamedTuple):
    spectrogram: np.ndarray  # [b, t, f]
    num_frames: np.ndarray  # [b]
    ratings: np.ndarray  # [b, k]


def network(width: int = 16, **changes) -> AudioSpectrogramTransformer:
    fields = dict(depth=NUM_BLOCKS, num_heads=2, patch_frames=4, stride_frames=4, patch_mels=8, stride_mels=8)
    config = BackboneConfig(n_mels=16, max_frames=16, width=width, **{**fields, **changes})
    return AudioSpectrogramTransformer(config, num_outputs=3)


@cache
def start(model: AudioSpectrogramTransformer, seed: int = 0) -> dict:
    """Fresh weights; the head's are random too, else the first step's gradients would be all but nil."""
    spectrogram = jnp.zeros((1, model.config.max_frames, model.config.n_mels))
    params = jax.jit(model.init)(jax.random.key(seed), spectrogram)["params"]
    kernel = params["head"]["ratings"]["kernel"]
    drawn = 0.1 * jax.random.normal(jax.random.key(seed), kernel.shape)
    params["head"]["ratings"]["kernel"] = drawn
    return jax.device_get(params)


def rows(batch_size: int = 8, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    return Rows(
        rng.normal(size=(batch_size, 16, 16)).astype(np.float32),
        rng.integers(4, 17, batch_size).astype(np.int32),
        rng.normal(size=(batch_size, 3)).astype(np.float32),
    )


def squared_error(model: AudioSpectrogramTransformer, params: dict, batch: Rows, key: jax.Array):
    rated = model.apply(
        {"params": params}, batch.spectrogram, batch.num_frames, deterministic=False, rngs={"dropout": key}
    )
    error = jnp.mean((rated.ratings - batch.ratings) ** 2)
    return error, {"largest": jnp.abs(rated.ratings).max()}


def loss_of(model: AudioSpectrogramTransformer):
    return partial(squared_error, model)
