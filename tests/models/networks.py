"""Small networks, their weights and their input, for the tests."""

from functools import partial

import jax
import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.checkpoint import Network, example_input
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.prediction import make_predict
from crescendai.models.presets import BackboneConfig

NUM_DESCRIPTORS = 6
HEADS = ("num_outputs", "head", "head_dropout", "variance")


def config(**changes) -> BackboneConfig:
    """A backbone that compiles in a second, with ``changes`` to its fields."""
    fields = dict(
        n_mels=16, max_frames=40, patch_frames=4, patch_mels=8, stride_frames=4, stride_mels=8, width=24, depth=2,
        num_heads=3,
    )  # fmt: skip
    return BackboneConfig(**{**fields, **changes})


def small(**changes) -> AudioSpectrogramTransformer:
    """A network of that size; ``changes`` are to fields of the backbone or of the heads."""
    heads = {"num_outputs": 5, **{key: changes.pop(key) for key in HEADS if key in changes}}
    return AudioSpectrogramTransformer(config(**changes), **heads)


def small_hybrid(fusion: str = "concat", **changes) -> HybridTransformer:
    """A hybrid of that size."""
    heads = {"num_outputs": 5, **{key: changes.pop(key) for key in HEADS if key in changes}}
    dropouts = {key: changes.pop(key) for key in ("pooled_dropout", "descriptor_dropout") if key in changes}
    return HybridTransformer(
        config(**changes), num_descriptors=NUM_DESCRIPTORS, fusion=fusion, fusion_width=8, **heads, **dropouts
    )


def weights(model: Network, seed: int = 0) -> dict:
    """Random in every parameter: a fresh head is all zeros and would hide what goes into it."""
    shapes = jax.eval_shape(lambda key: model.init(key, *example_input(model)), jax.random.key(0))["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: 0.2 * rng.standard_normal(leaf.shape, np.float32), shapes)


def applied(model: Network, variables: dict, *inputs: object, rngs: dict | None = None, **how: object):
    """`model.apply`, compiled as a whole: its operations one by one would be compiled one by one.

    how: settings, which are not traced.
    """
    return _apply(model, tuple(how.items()), variables, inputs, rngs or {})


@partial(jax.jit, static_argnums=(0, 1))
def _apply(model: Network, how: tuple, variables: dict, inputs: tuple, rngs: dict):
    return model.apply(variables, *inputs, rngs=rngs, **dict(how))


def rated_windows(
    network: HybridTransformer, params: dict, spectrogram: np.ndarray, num_frames: np.ndarray,
    descriptors: np.ndarray | None, members: int = 1,
) -> np.ndarray:  # fmt: skip
    """Each window rated as a clip of its own."""
    predict = make_predict(network, members)
    return predict.judge(params, predict.listen(params, spectrogram, num_frames, descriptors), descriptors)


def clips(lengths: list[int], n_mels: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Standardised noise of the given lengths in frames."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_mels)).astype(np.float32) for length in lengths]
