"""Saved and loaded is the same model; anything else is refused with a reason."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.errors import DataError
from crescendai.models.checkpoint import TrainedModel, load_model, read_weights, save_model
from crescendai.models.prediction import make_predict, predict_clips
from crescendai.models.transcription import Transcriber
from crescendai.models.windows import InputScale
from tests.descriptor_scales import normal_scale
from tests.models.networks import clips, config, small, small_hybrid, weights


@pytest.fixture
def trained() -> TrainedModel:
    model = small()
    settings = {"sample_rate_hz": 22050, "hop_length": 512, "floor_db": -100.0}
    return TrainedModel(model, weights(model), InputScale(-61.5, 1 / 3), settings, tuple("abcde"))


def test_round_trip_is_identity(trained: TrainedModel, tmp_path: Path):
    save_model(trained, tmp_path / "deep" / "ast-fold0.1")
    loaded = load_model(tmp_path / "deep" / "ast-fold0.1")
    assert loaded.network == trained.network
    assert (loaded.input_scale, loaded.frontend, loaded.dimensions, loaded.revision) == (
        trained.input_scale, trained.frontend, trained.dimensions, trained.revision,
    )  # fmt: skip
    assert jax.tree.structure(loaded.params) == jax.tree.structure(trained.params)
    jax.tree.map(np.testing.assert_array_equal, loaded.params, trained.params)
    ratings = [
        predict_clips(make_predict(m.network), m.params, clips([50]), m.input_scale, None, 40, 2)
        for m in (trained, loaded)
    ]
    np.testing.assert_array_equal(*ratings)


def test_equal_models_are_equal_files_and_nothing_is_left_behind(trained: TrainedModel, tmp_path: Path):
    for name in ("one", "two"):
        save_model(trained, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.json", "one.safetensors", "two.json", "two.safetensors",
    ]  # fmt: skip
    for suffix in (".json", ".safetensors"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_weights_of_another_network_are_refused(trained: TrainedModel, tmp_path: Path):
    save_model(trained, tmp_path / "m")
    description = json.loads((tmp_path / "m.json").read_text())
    description["network"]["num_outputs"] = 4
    (tmp_path / "m.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match=r"head/ratings/bias with shape \(4,\), found \(5,\)"):
        load_model(tmp_path / "m")


def test_a_hybrid_keeps_its_statistics_and_knows_its_listener(tmp_path: Path):
    network, transcriber = small_hybrid(), Transcriber(config())
    listener = TrainedModel(transcriber, weights(transcriber), InputScale(-60.0, 20.0), {"kind": "logmel"})
    save_model(listener, tmp_path / "pretrained" / "network")
    scale = normal_scale(tuple("abcdef"), 1.0, 2.0, 0.0, 0.1, 0.2, 0.3)
    hybrid = TrainedModel(
        network, weights(network), InputScale(-60.0, 20.0), {"kind": "logmel"}, tuple("vwxyz"), scale, listener
    )
    save_model(hybrid, tmp_path / "finetuned" / "hybrid", tmp_path / "pretrained" / "network")
    loaded = load_model(tmp_path / "finetuned" / "hybrid")
    assert loaded.network == network and loaded.descriptors == scale and loaded.listener.network == transcriber
    jax.tree.map(np.testing.assert_array_equal, loaded.listener.params, listener.params)

    other = TrainedModel(transcriber, weights(transcriber, seed=1), listener.input_scale, listener.frontend)
    save_model(other, tmp_path / "pretrained" / "network")
    with pytest.raises(DataError, match="expected the transcriber with sha256"):
        load_model(tmp_path / "finetuned" / "hybrid")


@pytest.mark.parametrize(
    ("descriptors", "found"),
    [
        ({"names": ["a"], "mean": [0.5], "std": [1.0]}, "ValueError: descriptors in standard deviations"),
        ({"a": "1 2 3", "b": "1 2"}, "ValueError"),
        ({"a": "1 3 2"}, "ValueError: quantiles of descriptors that are not"),
        ({"a": "1 2 nan"}, "ValueError: quantiles of descriptors that are not"),
        ({"a": [1.0, 2.0]}, "AttributeError"),
    ],
)
def test_other_scales_of_descriptors_are_refused(tmp_path: Path, descriptors: dict, found: str):
    network = small_hybrid()
    scale = normal_scale(tuple("abcdef"), 1.0)
    save_model(
        TrainedModel(network, weights(network), InputScale(-60.0, 20.0), {"kind": "logmel"}, tuple("vwxyz"), scale),
        tmp_path / "m",
    )
    description = json.loads((tmp_path / "m.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps(description | {"descriptors": descriptors}))
    with pytest.raises(DataError, match=f"m.json: expected a model's description, found {found}"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00" * 40, b"\xff\xff\xff\xff\xff\xff\xff\x7f{"])
def test_missing_and_damaged_files_are_named(
    trained: TrainedModel, tmp_path: Path, suffix: str, content: bytes | None
):
    save_model(trained, tmp_path / "m")
    path = tmp_path / f"m{suffix}"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"m{suffix}: expected"):
        load_model(tmp_path / "m")


def test_a_backbone_shared_with_the_listener_is_kept_once(tmp_path: Path):
    network, transcriber = small_hybrid(), Transcriber(config())
    listener = TrainedModel(transcriber, weights(transcriber), InputScale(-60.0, 20.0), {"kind": "logmel"})
    save_model(listener, tmp_path / "listener")
    scale = normal_scale(tuple("abcdef"), 1.0)
    params = {**weights(network, seed=1), "backbone": listener.params["backbone"]}
    hybrid = TrainedModel(network, params, listener.input_scale, listener.frontend, tuple("vwxyz"), scale, listener)
    save_model(hybrid, tmp_path / "hybrid", tmp_path / "listener")
    assert not [name for name in read_weights(tmp_path / "hybrid.safetensors") if name.startswith("backbone")]
    jax.tree.map(np.testing.assert_array_equal, load_model(tmp_path / "hybrid").params, params)


def test_half_precision_halves_the_file_and_comes_back_as_float32(trained: TrainedModel, tmp_path: Path):
    save_model(trained, tmp_path / "whole")
    save_model(trained, tmp_path / "half", dtype=np.float16)
    whole, half = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half"))
    assert half < 0.75 * whole  # the names of the parameters are as long
    loaded = load_model(tmp_path / "half").params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), loaded, trained.params)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(loaded))
