"""The reference network of transformers, with the weights of ours or its own; needs the ``bench`` extra."""

import numpy as np
import pytest

from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.checkpoint import parameter_shapes, unflatten
from crescendai.models.presets import BackboneConfig, preset

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SINGLE = 1e-5  # largest difference of a module on its own
WHOLE = 1e-4  # and of a chain of modules


def tiny(patch: int, stride: tuple[int, int]) -> AudioSpectrogramTransformer:
    """A small network whose sizes all differ, so that nothing fits by chance; stride over frames and mel bands.

    The input is no whole number of patches: a rest of it is heard by neither network.
    """
    config = BackboneConfig(
        n_mels=4 * patch + 2, max_frames=7 * patch + 3, width=24, depth=2, num_heads=3,
        patch_frames=patch, patch_mels=patch, stride_frames=stride[0], stride_mels=stride[1],
        mlp_ratio=2, pooling="tokens", layer_norm_epsilon=1e-12,
    )  # fmt: skip
    return AudioSpectrogramTransformer(config, 5)


def base(stride: int) -> AudioSpectrogramTransformer:
    """The published size: 1024 frames of 128 mel bands, 527 classes."""
    config = preset(
        "base", 128, 1024, stride_frames=stride, stride_mels=stride, pooling="tokens", layer_norm_epsilon=1e-12
    )
    return AudioSpectrogramTransformer(config, 527)


def random_weights(network: AudioSpectrogramTransformer, seed: int = 0) -> dict:
    """Random in every parameter, at a scale that keeps activations of order 1."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in parameter_shapes(network).items():
        values = rng.standard_normal(shape)
        if name.endswith("kernel"):
            values /= np.sqrt(shape[0])
        elif name.endswith("scale"):
            values = 1.0 + 0.2 * values
        else:
            values *= 0.2
        weights[name] = values.astype(np.float32)
    return unflatten(weights)


def random_input(network: AudioSpectrogramTransformer, clips: int, seed: int = 1) -> np.ndarray:
    shape = (clips, network.config.max_frames, network.config.n_mels)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def reference_network(network: AudioSpectrogramTransformer, attention: str = "eager") -> "torch.nn.Module":
    """Their network of the same sizes, with weights of its own."""
    c = network.config
    config = transformers.ASTConfig(
        hidden_size=c.width, num_hidden_layers=c.depth, num_attention_heads=c.num_heads,
        intermediate_size=c.mlp_ratio * c.width, patch_size=c.patch_mels, time_stride=c.stride_frames,
        frequency_stride=c.stride_mels, max_length=c.max_frames, num_mel_bins=c.n_mels,
        layer_norm_eps=c.layer_norm_epsilon, num_labels=network.num_outputs, attn_implementation=attention,
    )  # fmt: skip
    return transformers.ASTForAudioClassification(config).eval()


def randomise(reference: "torch.nn.Module", seed: int = 0) -> "torch.nn.Module":
    """Random in every parameter: theirs start with tokens, positions and biases of zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            values = torch.randn(parameter.shape, generator=generator)
            fan_in = parameter[0].numel()
            if "norm" in name:
                values = values * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                values *= fan_in**-0.5 if name.endswith("weight") else 0.2
            parameter.copy_(values)
    return reference


def time_first(network: AudioSpectrogramTransformer) -> np.ndarray:
    """Where each of our tokens stands in their sequence: two tokens, then patches, frequency first."""
    t, f = network.config.max_time_patches, network.config.mel_patches
    return np.concatenate([[0, 1], 2 + np.arange(f * t).reshape(f, t).T.ravel()])


def largest(ours: object, theirs: object) -> float:
    """Largest absolute difference."""
    ours = np.asarray(ours)
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())
