"""Masks have the exact count; the pretexts ask what they say they ask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.midi.rolls import Rolls
from crescendai.models.mae import MaskedAutoencoder
from crescendai.models.masking import cluster_mask, mask_order
from crescendai.models.patches import patchify
from crescendai.models.ssast import MaskedPatchModel, contrast, reconstruction_error
from crescendai.models.transcription import Transcribed, Transcriber
from crescendai.training.pretexts import transcription_loss
from tests.models.networks import applied, clips, config, weights

CONFIG = config()  # 10 times 2 patches
NUM_VISIBLE = 5


def order(seed: int = 0, rows: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mask_order(np.stack([cluster_mask(10, 2, 15, (2, 3), rng) for _ in range(rows)]))


@given(
    time=st.integers(1, 30), mel=st.integers(1, 8), share=st.floats(0, 1), low=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_exactly_as_many_are_hidden_as_asked(time: int, mel: int, share: float, low: int, seed: int):
    wanted = round(share * time * mel)
    assert cluster_mask(time, mel, wanted, (low, low + 2), np.random.default_rng(seed)).sum() == wanted


def test_what_is_hidden_lies_together_and_every_patch_can_be():
    rng = np.random.default_rng(0)
    hidden = np.stack([cluster_mask(20, 8, 80, (4, 4), rng).reshape(20, 8) for _ in range(300)])
    alike = (hidden[:, 1:] == hidden[:, :-1]).mean()
    assert alike > 0.75  # drawn one by one, half of all neighbours would be alike
    often = hidden.mean(axis=0)
    assert often.min() > 0.3 and often.max() < 0.7  # borders and the first patch too


def test_order_puts_the_visible_first():
    masks = np.array([[True, False, True, False], [False, True, True, False]])
    np.testing.assert_array_equal(mask_order(masks), [[1, 3, 0, 2], [0, 3, 1, 2]])


@pytest.mark.parametrize("model", [MaskedPatchModel(CONFIG), MaskedAutoencoder(CONFIG, 16, 1, 2)], ids=["mspm", "mae"])
def test_hidden_patches_are_asked_for_and_not_seen(model):
    x, params = np.stack(clips([40] * 3)), weights(model)
    seen = applied(model, {"params": params}, x, order(), num_visible=NUM_VISIBLE)
    assert seen.drawn.shape == seen.patches.shape == (3, 15, 32)
    patches = np.asarray(patchify(jnp.array(x), 4, 8))
    np.testing.assert_array_equal(seen.patches[1], patches[1, order()[1, NUM_VISIBLE:]])
    # Another hidden patch changes nothing that is drawn, a visible one does.
    for place, matters in ((order()[0, -1], False), (order()[0, 0], True)):
        other = x.copy()
        time, mel = divmod(int(place), 2)
        other[0, 4 * time : 4 * time + 4, 8 * mel : 8 * mel + 8] += 1.0
        drawn = applied(model, {"params": params}, other, order(), num_visible=NUM_VISIBLE).drawn
        assert (np.abs(drawn - seen.drawn)[0].max() > 1e-4) == matters


def test_contrast_is_chance_for_equal_guesses_and_zero_for_right_ones():
    patches = 10 * jax.nn.one_hot(jnp.arange(8), 8)[None]
    loss, accuracy = contrast(jnp.zeros((1, 8, 8)), patches)
    assert loss == pytest.approx(np.log(8), abs=1e-5) and accuracy == pytest.approx(1 / 8)
    loss, accuracy = contrast(patches, patches)
    assert loss < 1e-5 and accuracy == 1.0
    # It is the guess that looks among the patches: a patch that many guesses like is wrong for all but one.
    guess = jnp.zeros((1, 8, 8)).at[:, :, 0].set(1.0)
    assert contrast(guess, patches)[1] == pytest.approx(1 / 8)


def test_reconstruction_error_is_the_mean_square():
    assert reconstruction_error(jnp.zeros((2, 3, 4)), 2 * jnp.ones((2, 3, 4))) == 4.0


def test_a_transcriber_speaks_of_every_frame_of_whole_patches():
    model = Transcriber(CONFIG)
    heard = applied(model, {"params": weights(model)}, np.stack(clips([40, 40])))
    assert heard.onset.shape == heard.held.shape == heard.sounding.shape == heard.velocity.shape == (2, 40, 88)
    assert heard.pedal.shape == (2, 40, 3) and 0 <= heard.velocity.min() <= heard.velocity.max() <= 1
    fresh = jax.jit(model.init)(jax.random.key(0), np.stack(clips([40])))
    silent = jax.nn.sigmoid(applied(model, fresh, np.zeros((1, 40, 16), np.float32)).onset)
    assert silent.mean() < 0.02  # it begins by hearing hardly anything


def test_every_roll_has_a_loss_of_its_own():
    rng = np.random.default_rng(0)
    played = Rolls(*(jnp.array(rng.random((2, 30, 88)) < share, float) for share in (0.02, 0.1, 0.2, 0.5)),
                   jnp.array(rng.random((2, 30, 3)) < 0.5, float))  # fmt: skip
    right = Transcribed(*(20.0 * roll - 10.0 for roll in played[:3]), played.velocity, 20.0 * played.pedal - 10.0)
    loss, terms = transcription_loss(right, played)
    assert loss < 0.01 and set(terms) == {f"{name}_loss" for name in Transcribed._fields}
    for name in Transcribed._fields:
        wrong = right._replace(**{name: 1.0 - right.velocity if name == "velocity" else -getattr(right, name)})
        of_wrong, terms_of_wrong = transcription_loss(wrong, played)
        assert of_wrong > loss + 0.1
        assert [own for own in terms if terms_of_wrong[own] > terms[own] + 0.1] == [f"{name}_loss"]
