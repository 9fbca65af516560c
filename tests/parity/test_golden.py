"""The reference's numbers where no reference is installed; ``make_golden.py`` made the files."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from crescendai.audio.kaldi import ast_input
from crescendai.models.convert import to_hugging_face
from crescendai.models.encoder import EncoderBlock
from crescendai.models.hugging_face import export_model, import_model

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load_file(GOLDEN / "ast.safetensors")


def test_network_says_what_the_reference_says(golden: dict[str, np.ndarray]):
    model = import_model(GOLDEN / "ast")
    c = model.network.config
    patches = 2 + np.arange(c.mel_patches * c.max_time_patches).reshape(c.mel_patches, -1).T.ravel()
    order = np.concatenate([[0, 1], patches])  # theirs run over frequency first

    say_all = partial(
        model.network.apply, return_attention=True, mutable=["intermediates"],
        capture_intermediates=lambda module, _: isinstance(module, EncoderBlock),
    )  # fmt: skip
    rated, caught = jax.jit(say_all)({"params": model.params}, golden["input"])
    encoder = caught["intermediates"]["backbone"]["encoder"]
    for i in range(c.depth):
        hidden = encoder[f"block_{i}"]["__call__"][0][0]
        np.testing.assert_allclose(hidden, golden[f"hidden/{i + 1}"][:, order], atol=1e-5)
    attention = golden["attention"][:, :, order][:, :, :, order]
    np.testing.assert_allclose(rated.attention[-1, :1], attention, atol=1e-6)
    np.testing.assert_allclose(rated.pooled, golden["pooled"], atol=1e-5)
    np.testing.assert_allclose(rated.ratings, golden["logits"], atol=1e-5)


def test_gradients_are_the_references(golden: dict[str, np.ndarray]):
    model = import_model(GOLDEN / "ast")
    gradient = jax.jit(
        jax.grad(lambda params: model.network.apply({"params": params}, golden["input"]).ratings.mean())
    )(model.params)
    ours = to_hugging_face(gradient, model.network, "gradients")
    theirs = {name.removeprefix("gradient/"): g for name, g in golden.items() if name.startswith("gradient/")}
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours[name], expected, atol=1e-5, err_msg=name)


def test_weights_of_the_reference_come_back_bit_for_bit(tmp_path: Path):
    export_model(import_model(GOLDEN / "ast"), tmp_path / "again")
    ours = load_file(tmp_path / "again" / "model.safetensors")
    theirs = load_file(GOLDEN / "ast" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], strict=True)


@pytest.mark.parametrize("sound", ["noise", "chord", "click"])
def test_filterbank_is_the_references(sound: str):
    golden = load_file(GOLDEN / "fbank.safetensors")
    audio = golden[f"audio/{sound}"] / np.float32(32768)
    np.testing.assert_allclose(ast_input(audio, max_frames=40), golden[f"input/{sound}"], atol=1e-3)


def test_golden_files_are_small():
    assert sum(file.stat().st_size for file in GOLDEN.rglob("*")) < 400_000
