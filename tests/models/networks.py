"""Small networks, their weights and their input, for the tests."""

import jax
import numpy as np

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.checkpoint import Network, example_input
from crescendai.models.hybrid import HybridTransformer
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
    leaves, structure = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    values = [0.2 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, values)


def clips(lengths: list[int], n_mels: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Standardised noise of the given lengths in frames."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_mels)).astype(np.float32) for length in lengths]
