"""Pretraining to finetuning: every parameter is accounted for."""

import jax
import numpy as np
import pytest

from crescendai.errors import DataError
from crescendai.models.checkpoint import flatten
from crescendai.models.mae import MaskedAutoencoder
from crescendai.models.ssast import MaskedPatchModel
from crescendai.models.transcription import Transcriber
from crescendai.models.transfer import transfer
from tests.models.networks import config, small, small_hybrid, weights

PRETEXTS = {
    "mspm": (MaskedPatchModel, (), {"backbone/mask_token", "discriminative", "generative"}),
    "mae": (MaskedAutoencoder, (16, 1, 2), {"decoder", "to_decoder", "mask_token", "positions", "out"}),
    "transcribe": (Transcriber, (), {"transcription"}),
}


@pytest.mark.parametrize("pretext", PRETEXTS)
@pytest.mark.parametrize(
    ("network", "new"),
    [(small, {"head"}), (small_hybrid, {"head", "pooled_norm", "pooled", "descriptors"})],
)
def test_what_is_taken_what_is_new_and_what_is_left(pretext: str, network, new: set):
    of, sizes, left = PRETEXTS[pretext]
    params, pretrained = weights(network(), 1), weights(of(config(), *sizes), 2)
    moved, account = transfer(params, pretrained)
    own, given, found = flatten(params), flatten(pretrained), flatten(moved)
    assert set(found) == set(own) == set(account.taken) | set(account.new)
    assert set(account.taken) == {name for name in own if name.startswith("backbone/")}
    assert {name.split("/")[0] for name in account.new} == new
    top = {name if name.startswith("backbone") else name.split("/")[0] for name in account.left}
    assert top == left and set(account.left) | set(account.taken) == set(given)
    for name, values in found.items():
        np.testing.assert_array_equal(values, given[name] if name in account.taken else own[name])
    assert f"{len(account.taken)} parameters taken" in str(account)


def test_positions_of_a_longer_window_are_cut():
    pretrained = weights(Transcriber(config(max_frames=80)))
    moved, _ = transfer(weights(small()), pretrained)
    positions = pretrained["backbone"]["patches"]["positions"]
    np.testing.assert_array_equal(moved["backbone"]["patches"]["positions"], positions[5:15])


@pytest.mark.parametrize(("changes", "says"), [({"depth": 3}, "not in the network"), ({"depth": 1}, "not pretrained"),
                                               ({"width": 48}, r"\(48,\) for \(24,\)")])  # fmt: skip
def test_another_backbone_is_refused(changes: dict, says: str):
    with pytest.raises(DataError, match=says):
        transfer(weights(small()), weights(Transcriber(config(**changes))))


def test_the_source_is_not_changed():
    params = weights(small())
    before = jax.tree.map(np.array, params)
    transfer(params, weights(Transcriber(config())))
    jax.tree.map(np.testing.assert_array_equal, before, params)
