"""Exported networks give the network's own numbers, from their files alone."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.deployment import programs
from crescendai.deployment.networks import NetworkFunction, network_functions, probe
from crescendai.errors import DataError
from crescendai.models.prediction import make_predict, predict_clips
from crescendai.models.windows import cut_window, window_starts
from tests.shipped_models import small_trained

onnxruntime = pytest.importorskip("onnxruntime")


def test_onnx_and_jax_agree_with_the_network(tmp_path: Path):
    from jax import export

    model = small_trained()
    written = programs.write_onnx(model, tmp_path / "m.onnx") | programs.write_jax(model, tmp_path / "m.jax")
    names = ("m", "m-encoding", "m-listening")
    assert {path.name for path in written} == {f"{name}.{suffix}" for name in names for suffix in ("onnx", "jax")}
    assert max(written.values()) <= 1e-4
    for of, name in zip(network_functions(model), names, strict=True):
        said = json.loads((tmp_path / f"{name}.onnx.json").read_text())
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        assert [port["name"] for port in said["inputs"]] == [port.name for port in session.get_inputs()]
        assert [tuple(port["shape"]) for port in said["inputs"]] == [tuple(p.shape) for p in session.get_inputs()]
        arrays = probe(of, 9)
        ours = of.function(*arrays)
        theirs = session.run(None, {port.name: array for port, array in zip(of.inputs, arrays, strict=True)})
        exported = export.deserialize(bytearray((tmp_path / f"{name}.jax").read_bytes())).call(*arrays)
        for a, b, c in zip(ours, theirs, exported, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)
            np.testing.assert_allclose(a, c, atol=1e-4)


def test_what_is_written_says_how_descriptors_are_scored(tmp_path: Path):
    model = small_trained()
    programs.write_onnx(model, tmp_path / "m.onnx")
    said = json.loads((tmp_path / "m.onnx.json").read_text())["descriptors"]
    values = np.random.default_rng(0).normal(scale=80.0, size=(20, len(said["names"])))
    each = zip(values.T, said["quantiles"], strict=True)
    scores = [np.interp(own, quantiles, said["scores"]) for own, quantiles in each]
    assert tuple(said["names"]) == model.descriptors.names
    np.testing.assert_allclose(np.stack(scores, axis=1), model.descriptors.apply(values), atol=1e-6)


def one_nan(output: np.ndarray) -> np.ndarray:
    spoiled = output.copy()
    spoiled.flat[0] = np.nan
    return spoiled


SPOILED = {
    "off": lambda output: output + np.float32(2e-4), "all NaN": lambda output: np.full_like(output, np.nan),
    "one NaN": one_nan, "another shape": lambda output: output[:1, :1],
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED)
def test_where_one_network_answers_otherwise_from_its_file_none_is_written(spoiled: str, tmp_path: Path):
    model = small_trained()
    functions = network_functions(model)
    for wrong in (functions[0].name, functions[-1].name):

        def made(of: NetworkFunction, wrong: str = wrong) -> tuple[bytes, programs.Run]:
            def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
                outputs = [np.asarray(output) for output in jax.jit(of.function)(*arrays)]
                return [SPOILED[spoiled](output) for output in outputs] if of.name == wrong else outputs

            return b"", run

        with pytest.raises(DataError, match="nothing was written"):
            programs._write(model, tmp_path / "m", made)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_a_section_can_be_rated_from_the_networks_alone(fusion: str):
    model = small_trained(fusion=fusion)
    rating, *others = network_functions(model)
    assert [of.name for of in others] == (["listening"] if fusion == "attention" else ["encoding", "listening"])
    config, rng = model.network.config, np.random.default_rng(0)
    section = rng.normal(-60, 15, (3 * config.max_frames, config.n_mels)).astype(np.float32)
    described = rng.normal(size=(1, len(model.descriptors.names))).astype(np.float32)
    windows = [
        (window[None], np.array([heard], np.int32))
        for window, heard in (cut_window(section, start, config.max_frames, model.input_scale)
                              for start in window_starts(len(section), config.max_frames))
    ]  # fmt: skip
    if fusion == "attention":  # it asks the patches of every window
        ours = np.mean([rating.function(*window, described)[0] for window in windows], axis=0)
    else:
        ours = rating.function(np.mean([others[0].function(*window)[0] for window in windows], axis=0), described)[0]
    predict = make_predict(model.network, model.members)
    expected = predict_clips(predict, model.params, [section], model.input_scale, described, config.max_frames, 4)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
