"""Networks written as files, each run again from its file and compared before it is kept."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from crescendai.deployment.networks import NetworkFunction, description, network_functions, probe
from crescendai.errors import DataError
from crescendai.models.checkpoint import TrainedModel

TOLERANCE = 1e-4  # largest difference of any output
PROBES = 3
Run = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


def write_onnx(model: TrainedModel, path: Path) -> dict[Path, float]:
    """Graphs for onnxruntime: file by file the largest difference from the network it was made of.

    path: of the network that rates; those that encode and listen are written beside it.

    Raises:
        DataError: a graph that differs by more than `TOLERANCE`.
    """
    import onnxruntime

    from crescendai.deployment.onnx_graph import onnx_graph

    def made(of: NetworkFunction) -> tuple[bytes, Run]:
        inputs = [(port.name, port.struct) for port in of.inputs]
        content = onnx_graph(of.function, inputs, [port.name for port in of.outputs], of.name).SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        names = [port.name for port in of.inputs]
        return content, lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))

    return _write(model, path, made)


def write_jax(model: TrainedModel, path: Path) -> dict[Path, float]:
    """Programs for `jax.export.deserialize`; otherwise as `write_onnx`."""
    from jax import export

    def made(of: NetworkFunction) -> tuple[bytes, Run]:
        content = bytes(export.export(jax.jit(of.function))(*(port.struct for port in of.inputs)).serialize())
        return content, lambda arrays: export.deserialize(bytearray(content)).call(*arrays)

    return _write(model, path, made)


def beside(path: Path, name: str) -> Path:
    """Where a network goes: ``path`` for the one that rates, else ``stem-name.suffix``."""
    return path if name == "rating" else path.with_name(f"{path.stem}-{name}{path.suffix}")


def _write(model: TrainedModel, path: Path, made: Callable[[NetworkFunction], tuple[bytes, Run]]) -> dict[Path, float]:
    found, contents = {}, {}
    for of in network_functions(model):
        content, run = made(of)
        file = beside(path, of.name)
        found[file] = difference = _difference(of, run)
        if not difference <= TOLERANCE:
            raise DataError(
                f"{file}: expected the network's own numbers within {TOLERANCE:g}, found a difference of "
                f"{difference:.2g}; nothing was written, please report it"
            )
        contents[file] = content
        contents[file.with_name(file.name + ".json")] = (json.dumps(description(of), indent=2) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, content in contents.items():
        partial = target.with_name(target.name + ".part")
        partial.write_bytes(content)
        os.replace(partial, target)
    return found


def _difference(of: NetworkFunction, run: Run) -> float:
    """The largest of any output: NaN where one is NaN, infinite where shapes differ."""
    largest = 0.0
    for seed in range(PROBES):
        arrays = probe(of, seed)
        ours, theirs = ([np.asarray(part) for part in parts] for parts in (jax.jit(of.function)(*arrays), run(arrays)))
        if [part.shape for part in ours] != [part.shape for part in theirs]:
            return np.inf
        # NumPy's maximum and not Python's, for which 0 is larger than NaN when it comes first.
        largest = np.max([largest, *(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))])
    return float(largest)
