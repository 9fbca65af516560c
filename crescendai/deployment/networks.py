"""The networks of a trained model as functions of fixed shapes, and what they take and give in words.

A model is not one graph: what is pooled of the windows of a section is averaged before it is rated, and between the
network that listens and the one that rates NumPy turns what was heard into notes and describes them. So each network is
a graph, and its description says what stands between.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import jax
import jax.numpy as jnp
import numpy as np

from crescendai.midi.rolls import PEDAL_DEPTHS
from crescendai.models.backbone import Backbone
from crescendai.models.checkpoint import TrainedModel
from crescendai.models.descriptors import scores_of
from crescendai.models.hearing import hear_windows
from crescendai.models.members import each_member
from crescendai.models.prediction import needs_patches


@dataclass(frozen=True)
class Port:
    """An input or an output. meaning: for people; axes and units."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str

    @property
    def struct(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.shape, jnp.dtype(self.dtype))


@dataclass(frozen=True)
class NetworkFunction:
    """function: of arrays as ``inputs`` say, to a tuple as ``outputs`` say. One window or section at a time."""

    name: str
    function: Callable
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notes: dict


def network_functions(model: TrainedModel) -> list[NetworkFunction]:
    """The network that rates; the one that encodes windows for it, unless it takes them itself; and the one that
    listens, where there is one.
    """
    first = [_rating_windows(model)] if needs_patches(model.network) else [_rating(model), _encoding(model)]
    return first + ([] if model.listener is None else [_listening(model.listener)])


def probe(of: NetworkFunction, seed: int) -> list[np.ndarray]:
    """Inputs to compare with: noise of the kind that is standardised, and a padded window."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(1, of.inputs[0].shape[1] + 1, port.shape).astype(port.dtype)
        if port.dtype == "int32"
        else rng.normal(size=port.shape).astype(port.dtype)
        for port in of.inputs
    ]


def _rating(model: TrainedModel) -> NetworkFunction:
    meaning = "[section, channel]: mean over its windows of what the network `encoding` makes of them"
    inputs = (Port("state", (1, model.network.config.pooled_width), "float32", meaning), *_descriptors(model))
    outputs = (Port("ratings", (1, len(model.dimensions)), "float32", "[section, dimension]: 0 to 1, not clipped"),)

    def rate(state: jax.Array, *described: jax.Array) -> tuple[jax.Array]:
        return (_mean_of_members(model, None, None, *described, pooled=state),)

    return NetworkFunction("rating", rate, inputs, outputs, _notes(model, "a section is rated once, from its state"))


def _encoding(model: TrainedModel) -> NetworkFunction:
    backbone, params = Backbone(model.network.config), model.params["backbone"]

    def encode(*window: jax.Array) -> tuple[jax.Array]:
        return (backbone.apply({"params": params}, *window).pooled,)

    outputs = (Port("state", (1, model.network.config.pooled_width), "float32", "[window, channel]: what is pooled"),)
    notes = {
        "frontend": model.frontend,
        "aggregation": "a section's state is the mean over its windows, evenly spaced from its start to its end",
    }
    return NetworkFunction("encoding", encode, _window(model), outputs, notes)


def _rating_windows(model: TrainedModel) -> NetworkFunction:
    """Of a network that needs the patches of every window."""

    def rate(*inputs: jax.Array) -> tuple[jax.Array]:
        return (_mean_of_members(model, *inputs),)

    how = "a section's ratings are the mean over its windows, evenly spaced from its start to its end"
    outputs = (Port("ratings", (1, len(model.dimensions)), "float32", "[window, dimension]: 0 to 1, not clipped"),)
    return NetworkFunction("rating", rate, (*_window(model), *_descriptors(model)), outputs, _notes(model, how))


def _mean_of_members(model: TrainedModel, *inputs: jax.Array | None, **more: jax.Array) -> jax.Array:
    def of_one(params: dict) -> jax.Array:
        return model.network.apply({"params": params}, *inputs, **more).ratings

    return each_member(of_one, model.params, model.members).mean(axis=0)


def _window(model: TrainedModel) -> tuple[Port, Port]:
    c, scale = model.network.config, model.input_scale
    return (
        Port("spectrogram", (1, c.max_frames, c.n_mels), "float32",
             f"[window, frame, mel band]: (log-mel in dB - {scale.mean_db}) / {scale.std_db}; zeros after the end"),
        Port("num_frames", (1,), "int32", "[window]: frames of sound in it, from 1"),
    )  # fmt: skip


def _descriptors(model: TrainedModel) -> list[Port]:
    if model.descriptors is None:
        return []
    meaning = (
        "[section, descriptor]: interpolated from `quantiles` to `scores`, where equal ones have the mean of their "
        "scores; beyond the outermost quantiles, theirs; 0 if unknown"
    )
    return [Port("descriptors", (1, len(model.descriptors.names)), "float32", meaning)]


def _notes(model: TrainedModel, aggregation: str) -> dict:
    return {
        "frontend": model.frontend, "dimensions": list(model.dimensions), "aggregation": aggregation,
        "descriptors": None if model.descriptors is None else {
            **asdict(model.descriptors), "scores": scores_of(len(model.descriptors.quantiles[0])).tolist(),
            "made_by": "crescendai.audio.descriptors.describe_audio and crescendai.models.hearing.describe_heard",
            "scored_by": "crescendai.models.descriptors.DescriptorScale.apply",
        },
    }  # fmt: skip


def _listening(listener: TrainedModel) -> NetworkFunction:
    c, scale = listener.network.config, listener.input_scale
    frames = c.grid.covered_frames(c.max_frames)
    meaning = f"[window, frame, mel band]: (log-mel in dB - {scale.mean_db}) / {scale.std_db}; silence after the end"

    def hear(spectrogram: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(hear_windows(listener.network, listener.params, spectrogram))

    keys = (1, frames, 88)
    outputs = (
        Port("onset", keys, "float32", "[window, frame, key from A0]: chance that it is struck"),
        Port("held", keys, "float32", "[window, frame, key]: chance that it is down"),
        Port("sounding", keys, "float32", "[window, frame, key]: chance that its string rings"),
        Port("velocity", keys, "float32", "[window, frame, key]: 0 to 1, where it is struck"),
        Port("pedal", (1, frames, len(PEDAL_DEPTHS)), "float32",
             f"[window, frame, depth]: chance that the sustain pedal is at {PEDAL_DEPTHS} of 127 or deeper"),
    )
    inputs = (Port("spectrogram", (1, frames, c.n_mels), "float32", meaning),)
    notes = {"frontend": listener.frontend, "read_by": "crescendai.midi.heard.heard_performance"}
    return NetworkFunction("listening", hear, inputs, outputs, notes)


def description(of: NetworkFunction) -> dict:
    """What a network takes and gives, for the JSON file beside its graph."""
    ports = {"inputs": [asdict(port) for port in of.inputs], "outputs": [asdict(port) for port in of.outputs]}
    return {"network": of.name, **ports, **of.notes}
