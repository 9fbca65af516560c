"""Networks on disk: weights as safetensors, everything else as JSON beside them. No pickle.

::

    <name>.safetensors   parameters, flattened with '/' between names: backbone/encoder/block_0/mlp_in/kernel …
    <name>.json          kind of network, its fields, how its input is made, names of its outputs, version

Kinds: ``ast`` and ``hybrid`` rate; ``transcriber``, ``mspm`` and ``mae`` are what pretraining leaves. A hybrid that
knows descriptors of what a transcriber hears names that network's file and its checksum; a backbone that is the
transcriber's own, as it is where the encoder was frozen, is in that file only.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from crescendai.errors import DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.mae import MaskedAutoencoder
from crescendai.models.members import member_shape
from crescendai.models.presets import BackboneConfig
from crescendai.models.ssast import MaskedPatchModel
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import InputScale

# Parameters that are float32 in every file: the terms of a kernel's sum are large and nearly cancel.
EXACT = ("kernel/coefficients", "kernel/share")
LISTENED = ("backbone/",)  # parameters that a model may have in common with its listener
Network = AudioSpectrogramTransformer | HybridTransformer | Transcriber | MaskedPatchModel | MaskedAutoencoder
KINDS: dict[str, type[nn.Module]] = {
    "ast": AudioSpectrogramTransformer, "hybrid": HybridTransformer, "transcriber": Transcriber,
    "mspm": MaskedPatchModel, "mae": MaskedAutoencoder,
}  # fmt: skip


@dataclass(frozen=True)
class TrainedModel:
    """What it takes to hear a clip: network, weights, and how its input is made.

    params: plain nested dict; the ratings of a finetuned network are in rating units, 0 to 1.
    input_scale: dB to network input.
    frontend: settings of the spectrogram, sample rate included; ``kind`` is ``logmel`` or ``kaldi``.
    dimensions: ``[k]`` names of the outputs in order; empty where nothing is rated.
    descriptors: names and statistics of a hybrid's descriptors.
    listener: the transcriber whose hearing some of those describe.
    members: networks in one, whose mean rating counts, see `crescendai.models.members`.
    revision: version of CrescendAI that made it.
    """

    network: Network
    params: dict
    input_scale: InputScale
    frontend: dict[str, float | str]
    dimensions: tuple[str, ...] = ()
    descriptors: DescriptorScale | None = None
    listener: "TrainedModel | None" = None
    members: int = 1
    revision: str = version("crescendai")


def save_model(
    model: TrainedModel, path: Path, listener: Path | None = None, dtype: np.dtype | type = np.float32
) -> None:
    """Writes ``<path>.safetensors`` and ``<path>.json``; the same model gives the same bytes.

    path: without suffix; a suffix-like end such as ``.1`` is kept.
    listener: where the model's listener was saved, needed where it has one; the file names it relative to itself.
    dtype: of the weights in the file, but for `EXACT`; float16 halves it. In memory they are float32.

    Raises:
        DataError: the model has a listener, and where it lies is not said.
    """
    if model.listener is not None and listener is None:
        raise DataError(f"{path}: expected where the model's listener was saved, found nothing; give `listener`")
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = next(name for name, of in KINDS.items() if type(model.network) is of)
    description = {
        "kind": kind,
        "network": _network_fields(model.network),
        "input_scale": asdict(model.input_scale),
        "frontend": model.frontend,
        "dimensions": list(model.dimensions),
        "descriptors": None if model.descriptors is None else _descriptor_fields(model.descriptors),
        "members": model.members,
        "listener": None if model.listener is None else _listener_fields(model, listener, path.parent),
        "revision": model.revision,
    }
    left_out = LISTENED if description["listener"] and description["listener"]["backbone"] else ()
    weights = {
        name: np.ascontiguousarray(array)
        for name, array in flatten(_rounded(model.params, dtype)).items()
        if not name.startswith(left_out)
    }
    weights_path, config_path = _files(path)
    save_file(weights, _partial(weights_path))
    _partial(config_path).write_text(json.dumps(description, indent=2) + "\n")
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
            raise DataError(f"{file}: expected a trained model here, not found; run `dvc repro`, which makes it")
    try:
        description = json.loads(config_path.read_text())
        network = _network(description["kind"], description["network"])
        scaled = description["descriptors"]
        described = None if scaled is None else _descriptor_scale(scaled)
        rest = (
            InputScale(**description["input_scale"]), description["frontend"], tuple(description["dimensions"]),
            described,
        )  # fmt: skip
        named, members, revision = (description[name] for name in ("listener", "members", "revision"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{config_path}: expected a model's description, found {type(error).__name__}: {error}; "
            "delete the model and run `dvc repro`, or get it again from where it came"
        ) from error
    listener = None if named is None else _load_listener(named, path.parent)
    weights = {name: array.astype(np.float32) for name, array in read_weights(weights_path).items()}
    if named is not None and named["backbone"]:
        weights |= {name: array for name, array in flatten(listener.params).items() if name.startswith(LISTENED)}
    _check_shapes(network, members, weights, weights_path)
    return TrainedModel(network, unflatten(weights), *rest, listener, members, revision)


def in_precision(model: TrainedModel, dtype: np.dtype | type) -> TrainedModel:
    """The model as it is once it was kept in that precision; its listener likewise."""
    params = jax.tree.map(lambda x: x.astype(np.float32), _rounded(model.params, dtype))
    listener = None if model.listener is None else in_precision(model.listener, dtype)
    return replace(model, params=params, listener=listener)


def _rounded(params: dict, dtype: np.dtype | type) -> dict:
    """Parameters as a file of that precision keeps them."""
    flat = flatten(params).items()
    return unflatten({name: np.asarray(array, np.float32 if name in EXACT else dtype) for name, array in flat})


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by name.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path}: expected safetensors, found a damaged file ({error}); get or make it again"
        ) from error


def parameter_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter by its flat name; computes nothing."""
    shapes = jax.eval_shape(lambda key: network.init(key, *example_input(network))["params"], jax.random.key(0))
    return {name: leaf.shape for name, leaf in flatten(shapes).items()}


def example_input(network: Network) -> tuple[jax.Array, ...]:
    """Zeros in the shapes that a network takes, for its initialisation."""
    config = network.config
    inputs = jnp.zeros((1, config.max_frames, config.n_mels)), jnp.ones(1, jnp.int32)
    if isinstance(network, HybridTransformer):
        return *inputs, jnp.zeros((1, network.num_descriptors))
    if isinstance(network, Transcriber):
        return inputs[:1]
    if isinstance(network, MaskedPatchModel | MaskedAutoencoder):
        order = jnp.arange(config.max_time_patches * config.mel_patches)[None]
        return inputs[0], order, order.shape[1] // 2
    return inputs


def flatten(params: dict) -> dict[str, np.ndarray]:
    """Nested parameters by flat names, ``a/b/c``."""
    return traverse_util.flatten_dict(params, sep="/")


def unflatten(weights: dict[str, np.ndarray]) -> dict:
    """The inverse of `flatten`."""
    return traverse_util.unflatten_dict(weights, sep="/")


def _network_fields(network: Network) -> dict:
    names = [field.name for field in fields(network) if field.name not in ("config", "parent", "name")]
    return {"config": asdict(network.config), **{name: getattr(network, name) for name in names}}


def _network(kind: str, values: dict) -> Network:
    return KINDS[kind](BackboneConfig(**values["config"]), **{k: v for k, v in values.items() if k != "config"})


def _descriptor_fields(scale: DescriptorScale) -> dict[str, str]:
    # A line a descriptor, its quantiles with spaces between: a number a line would make a file nobody can read.
    return {name: " ".join(map(repr, own)) for name, own in zip(scale.names, scale.quantiles, strict=True)}


def _descriptor_scale(values: dict[str, str]) -> DescriptorScale:
    if set(values) == {"names", "mean", "std"}:
        raise ValueError("descriptors in standard deviations, of an earlier version, which this one cannot rate by")
    quantiles = np.array([own.split() for own in values.values()], float)
    if quantiles.ndim != 2 or not np.isfinite(quantiles).all() or (np.diff(quantiles, axis=1) < 0).any():
        raise ValueError("quantiles of descriptors that are not as many for each, finite and ascending")
    return DescriptorScale(tuple(values), tuple(map(tuple, quantiles.tolist())))


def _listener_fields(model: TrainedModel, listener: Path, folder: Path) -> dict:
    weights, _ = _files(listener)
    return {
        "path": os.path.relpath(listener, folder),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "backbone": _is_listeners_own(model),
    }


def _is_listeners_own(model: TrainedModel) -> bool:
    """Whether the model's backbone is its listener's, number for number."""
    own, listeners = (
        {name: array for name, array in flatten(params).items() if name.startswith(LISTENED)}
        for params in (model.params, model.listener.params)
    )
    return own.keys() == listeners.keys() and all(np.array_equal(own[name], listeners[name]) for name in own)


def _load_listener(named: dict, folder: Path) -> TrainedModel:
    path = folder / named["path"]
    listener = load_model(path)
    found = hashlib.sha256(_files(path)[0].read_bytes()).hexdigest()
    if found != named["sha256"]:
        raise DataError(
            f"{path}: expected the transcriber with sha256 {named['sha256']} that the model was trained with, "
            f"found {found}; run `dvc repro`"
        )
    return listener


def _check_shapes(network: Network, members: int, weights: dict[str, np.ndarray], path: Path) -> None:
    expected = {name: member_shape(name, shape, members) for name, shape in parameter_shapes(network).items()}
    found = {name: array.shape for name, array in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise DataError(
                f"{path}: expected {name} with shape {expected.get(name)}, found {found.get(name)}; "
                "the weights belong to another network than the .json beside them"
            )


def _files(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".safetensors"), path.with_name(path.name + ".json")


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".part")
