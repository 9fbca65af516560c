"""Pretraining learns its pretext, goes on where it was stopped, and is scored beside guesses."""

from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.midi.rolls import FrameNotes
from crescendai.models.checkpoint import example_input
from crescendai.models.windows import InputScale
from crescendai.training.optimizer import make_optimizer
from crescendai.training.pretext_report import held_out_scores, pretext_pictures
from crescendai.training.pretexts import OBJECTIVES, Excerpts, Masking, make_loss, make_model
from crescendai.training.pretraining import Course, Material, pretrain
from crescendai.training.resume import Resume
from crescendai.training.sharding import make_mesh
from crescendai.training.watch import Watch
from tests.midi.test_notes import performance
from tests.models.networks import config

CONFIG = config(max_frames=40)
MASKING, HOP_S, SEED = Masking(0.75, (2, 3)), 0.02, 0


def material(objective: str) -> Material:
    """Tones that begin at random moments: a band that lights up, and the note that does it."""
    rng = np.random.default_rng(0)
    sounds, notes = [], []
    for _ in range(12):
        log_mel, played = np.full((120, 16), -80.0, np.float16), []
        for onset in range(2, 110, 12):
            band = int(rng.integers(16))
            log_mel[onset : onset + 10, band] = -20.0
            played.append((40 + band, 60 + 4 * band, onset * HOP_S, (onset + 10) * HOP_S))
        sounds.append(log_mel)
        notes.append(FrameNotes.of(performance(played), 120, HOP_S))
    parts = [
        Excerpts(sounds[part].__getitem__, np.full(len(sounds[part]), 120), notes[part].__getitem__)
        for part in (slice(0, 9), slice(9, 12))
    ]
    masking = None if objective == "transcribe" else MASKING
    return Material(CONFIG, HOP_S, InputScale(-70.0, 20.0), masking, *parts)


def run(objective: str, folder: Path, steps: int = 60):
    own, model = material(objective), make_model(objective, CONFIG, 16, 1, 2)
    start = jax.jit(model.init, static_argnums=3)(jax.random.key(0), *example_input(model))["params"]
    loss_of = make_loss(model, MASKING.num_visible(CONFIG), 1.0, 10.0)
    course = Course(3e-3, 0.1, steps, batch_size=8, check_every=20)
    with Resume(folder / "resume", {"objective": objective}) as resume:
        weights, curve = pretrain(
            loss_of, make_optimizer(0.0), start, own, course, 0.9, SEED, make_mesh(), Watch(folder, resume)
        )
    return own, model, loss_of, weights, curve


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_learns_and_is_scored_beside_guesses(objective: str, tmp_path: Path):
    own, model, loss_of, weights, curve = run(objective, tmp_path, steps=200)
    assert [row["step"] for row in curve] == list(range(20, 201, 20))
    assert curve[-1]["held_out_loss"] < 0.96 * curve[0]["held_out_loss"]
    scores = held_out_scores(loss_of, model, weights, own, 8, SEED)
    assert scores["loss"] == pytest.approx(curve[-1]["held_out_loss"], rel=1e-4)
    if objective == "transcribe":
        assert scores["loss"] < 0.8 and scores["stroke_f1"] >= 0
    else:
        assert scores["reconstruction_error"] < scores["mean_patch_error"]
    if objective == "mspm":
        assert scores["chance_accuracy"] == pytest.approx(1 / 15)

    pictures = pretext_pictures(model, weights, own, SEED)
    assert pictures["sound"].shape == (3, 40, 16)
    if objective != "transcribe":
        hidden = np.isnan(pictures["shown"])
        assert hidden.mean() == pytest.approx(0.75)
        np.testing.assert_array_equal(pictures["drawn"][~hidden], pictures["sound"][~hidden])
        assert not np.isnan(pictures["drawn"]).any()


def test_stopped_it_goes_on_to_the_same_weights(tmp_path: Path):
    *_, whole, curve = run("mae", tmp_path / "whole")
    kept = Watch.keep

    class Stopped(Exception):
        pass

    def stop(self, state, best, rows, also):
        kept(self, state, best, rows, also)
        if len(rows) == 2:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "keep", stop)
        with pytest.raises(Stopped):
            run("mae", tmp_path / "cut")
    *_, cut, cut_curve = run("mae", tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, whole, cut)
    assert [row["held_out_loss"] for row in curve] == [row["held_out_loss"] for row in cut_curve]
