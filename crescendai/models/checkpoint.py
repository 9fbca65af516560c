"""Trained models on disk: weights as safetensors, everything else as JSON beside them. No pickle.

::

    <name>.safetensors   parameters, flattened with '/' between names: encoder/block_0/mlp_in/kernel …
    <name>.json          network, input scale, spectrogram settings and names of the outputs
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.windows import InputScale

NETWORK_FIELDS = (
    "n_mels", "max_frames", "patch_frames", "patch_mels", "width", "depth", "num_heads", "mlp_ratio",
    "dropout", "num_outputs",
)  # fmt: skip


@dataclass(frozen=True)
class TrainedModel:
    """What it takes to rate a clip: network, weights, and how its input is made.

    network: takes windows of ``network.max_frames`` frames.
    params: plain nested dict; outputs are in rating units, 0 to 1.
    input_scale: dB to network input.
    spectrogram: settings of the log-mel spectrogram, sample rate included.
    dimensions: ``[k]`` names of the outputs in order.
    """

    network: AudioSpectrogramTransformer
    params: dict
    input_scale: InputScale
    spectrogram: dict[str, float]
    dimensions: tuple[str, ...]


def save_model(model: TrainedModel, path: Path) -> None:
    """Writes ``<path>.safetensors`` and ``<path>.json``; the same model gives the same bytes.

    path: without suffix; a suffix-like end such as ``.1`` is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    config = {
        "network": {field: getattr(model.network, field) for field in NETWORK_FIELDS},
        "input_scale": asdict(model.input_scale),
        "spectrogram": model.spectrogram,
        "dimensions": list(model.dimensions),
    }
    weights = {name: np.ascontiguousarray(array) for name, array in _flatten(model.params).items()}
    weights_path, config_path = _files(path)
    save_file(weights, _partial(weights_path))
    _partial(config_path).write_text(json.dumps(config, indent=2) + "\n")
    os.replace(_partial(weights_path), weights_path)
    os.replace(_partial(config_path), config_path)


def load_model(path: Path) -> TrainedModel:
    """Reads what `save_model` wrote.

    path: without suffix.

    Raises:
        DataError: a file is missing or damaged, or weights and network do not fit each other.
    """
    weights_path, config_path = _files(path)
    for file in (weights_path, config_path):
        if not file.exists():
            raise DataError(f"{file}: expected a trained model here, not found; run `dvc repro finetune`")
    try:
        config = json.loads(config_path.read_text())
        network = AudioSpectrogramTransformer(**config["network"])
        scale, dimensions = InputScale(**config["input_scale"]), tuple(config["dimensions"])
        spectrogram = config["spectrogram"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{config_path}: expected a model's description, found {type(error).__name__}: {error}; "
            "delete the model and run `dvc repro finetune`"
        ) from error
    try:
        weights = load_file(weights_path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{weights_path}: expected safetensors, found a damaged file ({error}); "
            "delete the model and run `dvc repro finetune`"
        ) from error
    _check_shapes(network, weights, weights_path)
    return TrainedModel(
        network, traverse_util.unflatten_dict(weights, sep="/"), scale, spectrogram, dimensions
    )


def parameter_shapes(network: AudioSpectrogramTransformer) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter by its flat name; computes nothing."""
    spectrogram = jnp.zeros((1, network.max_frames, network.n_mels))
    shapes = jax.eval_shape(
        lambda key: network.init(key, spectrogram, jnp.ones(1, int), deterministic=True)["params"],
        jax.random.key(0),
    )
    return {name: leaf.shape for name, leaf in _flatten(shapes).items()}


def _check_shapes(network: AudioSpectrogramTransformer, weights: dict[str, np.ndarray], path: Path) -> None:
    expected = parameter_shapes(network)
    found = {name: array.shape for name, array in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise DataError(
                f"{path}: expected {name} with shape {expected.get(name)}, found {found.get(name)}; "
                "the weights belong to another network than the .json beside them"
            )


def _flatten(params: dict) -> dict[str, np.ndarray]:
    return traverse_util.flatten_dict(params, sep="/")


def _files(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".safetensors"), path.with_name(path.name + ".json")


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".part")
