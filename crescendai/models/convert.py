"""Weights of the Audio Spectrogram Transformer between ours and those of Hugging Face's transformers.

Three things differ, no number does: their patches run over frequency first, a linear map is ``[out, in]``, and
query, key and value are apart. Files are the business of `crescendai.models.hugging_face`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from crescendai.errors import DataError, ParamsError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.models.checkpoint import TrainedModel, flatten, parameter_shapes, unflatten
from crescendai.models.patches import resize_positions

POSITIONS = "backbone/patches/positions"


class Counterpart(NamedTuple):
    """Parameters of ours and of theirs that hold the same numbers.

    theirs: names and shapes. read: from their arrays to ours; write: its inverse.
    """

    ours: tuple[str, ...]
    theirs: dict[str, tuple[int, ...]]
    read: Callable[..., tuple[np.ndarray, ...]]
    write: Callable[..., tuple[np.ndarray, ...]]


def counterparts(network: AudioSpectrogramTransformer) -> Iterator[Counterpart]:
    """Every parameter once, under the names of published files, which transformers 4 and 5 read and write."""
    c, body = network.config, "audio_spectrogram_transformer."
    d, frames, mels = c.width, c.patch_frames, c.patch_mels
    places = (c.mel_patches, c.max_time_patches)
    inputs = body + "embeddings."
    yield Counterpart(
        ("backbone/tokens",), {inputs + "cls_token": (1, 1, d), inputs + "distillation_token": (1, 1, d)},
        lambda *tokens: (np.concatenate(tokens)[:, 0],),
        lambda tokens: (tokens[None, :1], tokens[None, 1:]),
    )  # fmt: skip
    yield Counterpart(
        ("backbone/token_positions", POSITIONS),
        {inputs + "position_embeddings": (1, 2 + places[0] * places[1], d)},
        lambda every: (every[0, :2], every[0, 2:].reshape(*places, d).swapaxes(0, 1)),
        lambda tokens, grid: (np.concatenate([tokens, grid.swapaxes(0, 1).reshape(-1, d)])[None],),
    )
    yield Counterpart(
        ("backbone/patches/kernel",), {inputs + "patch_embeddings.projection.weight": (d, 1, mels, frames)},
        lambda kernel: (kernel.transpose(3, 2, 1, 0).reshape(-1, d),),
        lambda kernel: (kernel.reshape(frames, mels, 1, d).transpose(3, 2, 1, 0),),
    )  # fmt: skip
    yield _vector("backbone/patches/bias", inputs + "patch_embeddings.projection.bias", d)
    for i in range(c.depth):
        block, layer = f"backbone/encoder/block_{i}/", f"{body}encoder.layer.{i}."
        qkv = [f"{layer}attention.attention.{name}" for name in ("query", "key", "value")]
        yield from _norm(block + "attention_norm", layer + "layernorm_before", d)
        yield from _linear(block + "attention/qkv", qkv, d, d)
        yield from _linear(block + "attention/out", [layer + "attention.output.dense"], d, d)
        yield from _norm(block + "mlp_norm", layer + "layernorm_after", d)
        yield from _linear(block + "mlp_in", [layer + "intermediate.dense"], d, c.mlp_ratio * d)
        yield from _linear(block + "mlp_out", [layer + "output.dense"], c.mlp_ratio * d, d)
    yield from _norm("backbone/encoder/norm", body + "layernorm", d)
    yield from _norm("head/norm", "classifier.layernorm", d)
    yield from _linear("head/ratings", ["classifier.dense"], d, network.num_outputs)


def from_hugging_face(state: Mapping[str, np.ndarray], network: AudioSpectrogramTransformer, source: object) -> dict:
    """Parameters of ours, float32, from a state dict of ``ASTForAudioClassification``.

    state: names as in published files, or as transformers 5 has them in memory.
    source: where it comes from, for the message.

    Raises:
        DataError: a tensor is unknown, missing, of another shape or not finite.
    """
    twice = {name for name in state if published_name(name) != name and published_name(name) in state}
    if twice:
        raise DataError(f"{source}: expected {min(twice)} under one name, found it under two; get the file again")
    state = {published_name(name): np.asarray(array, np.float32) for name, array in state.items()}
    _check(state, (tensor for pair in counterparts(network) for tensor in pair.theirs.items()), source)
    weights = {}
    for pair in counterparts(network):
        weights |= zip(pair.ours, pair.read(*(state[name] for name in pair.theirs)), strict=True)
    return unflatten({name: np.ascontiguousarray(array) for name, array in weights.items()})


def to_hugging_face(params: dict, network: AudioSpectrogramTransformer, source: object) -> dict[str, np.ndarray]:
    """The inverse of `from_hugging_face`, under the names of published files.

    network: pooled by tokens, with a linear head and no variance; others have no counterpart.

    Raises:
        DataError: a parameter is unknown, missing, of another shape or not finite.
    """
    weights = {name: np.asarray(array, np.float32) for name, array in flatten(params).items()}
    _check(weights, parameter_shapes(network).items(), source)
    state = {}
    for pair in counterparts(network):
        state |= zip(pair.theirs, pair.write(*(weights[name] for name in pair.ours)), strict=True)
    return {name: np.ascontiguousarray(array) for name, array in state.items()}


def with_geometry(
    model: TrainedModel, n_mels: int | None = None, max_frames: int | None = None, stride: int | None = None
) -> TrainedModel:
    """A model for another input or other strides, by AST's rule, see `resize_positions`.

    n_mels, max_frames, stride: None leaves what the model has; stride counts for frames and mel bands alike.

    Raises:
        ParamsError: less frames or bands than a patch has.
    """
    given = {"n_mels": n_mels, "max_frames": max_frames, "stride_frames": stride, "stride_mels": stride}
    config = model.network.config.replace(**{name: value for name, value in given.items() if value is not None})
    if config.max_frames < config.patch_frames:
        raise ParamsError(
            f"max_frames: expected at least the {config.patch_frames} of a patch, found {config.max_frames}; take more"
        )
    weights = flatten(model.params)
    positions = np.asarray(resize_positions(weights[POSITIONS], config.max_time_patches, config.mel_patches))
    return replace(
        model,
        network=model.network.clone(config=config),
        params=unflatten({**weights, POSITIONS: positions}),
        frontend={**model.frontend, "n_mels": config.n_mels},
    )


def published_name(name: str) -> str:
    """The name in published files of a tensor that transformers 5 has under another name in memory."""
    layer = re.fullmatch(r"audio_spectrogram_transformer\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if not layer:
        return name
    number, module, kind = layer.groups()
    return f"audio_spectrogram_transformer.encoder.layer.{number}.{_PUBLISHED.get(module, module)}.{kind}"


_PUBLISHED = {
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def _vector(ours: str, theirs: str, size: int) -> Counterpart:
    return Counterpart((ours,), {theirs: (size,)}, lambda x: (x,), lambda x: (x,))


def _norm(ours: str, theirs: str, size: int) -> Iterator[Counterpart]:
    yield _vector(ours + "/scale", theirs + ".weight", size)
    yield _vector(ours + "/bias", theirs + ".bias", size)


def _linear(ours: str, theirs: list[str], inputs: int, outputs: int) -> Iterator[Counterpart]:
    """One map of ours, whose outputs are those of several of theirs, one after the other."""
    parts = len(theirs)
    yield Counterpart(
        (ours + "/kernel",), {name + ".weight": (outputs, inputs) for name in theirs},
        lambda *kernels: (np.concatenate(kernels).T,), lambda kernel: np.split(kernel.T, parts),
    )  # fmt: skip
    yield Counterpart(
        (ours + "/bias",), {name + ".bias": (outputs,) for name in theirs},
        lambda *biases: (np.concatenate(biases),), lambda bias: np.split(bias, parts),
    )  # fmt: skip


def _check(found: Mapping[str, np.ndarray], expected: Iterable[tuple[str, tuple[int, ...]]], source: object) -> None:
    advice = "the weights belong to another network than the configuration beside them, or are damaged"
    unknown = set(found)
    for name, shape in expected:  # lazily: a configuration may claim any number of layers
        if name not in found:
            raise DataError(f"{source}: expected {name} with shape {shape}, not found; {advice}")
        if found[name].shape != shape:
            raise DataError(f"{source}: expected {name} with shape {shape}, found {found[name].shape}; {advice}")
        if not np.isfinite(found[name]).all():
            raise DataError(f"{source}: expected finite numbers in {name}, found NaN or infinity; {advice}")
        unknown.discard(name)
    if unknown:
        raise DataError(
            f"{source}: expected {len(found) - len(unknown)} tensors, found {len(unknown)} unknown, "
            f"e.g. {min(unknown)}; {advice}"
        )
