"""Pretraining learns its pretext, goes on where it was stopped, and is scored beside guesses."""

from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.errors import DataError
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


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_whole_shards_and_nothing_twice(count: int):
    shards = np.repeat([0, 1, 2, 3, 4], [3, 1, 4, 2, 2])
    whole = Excerpts(lambda row: np.full((50, 16), float(row)), np.full(12, 50), None, shards)
    parts = [whole.part(index, count) for index in range(count)]
    read = [[int(part.read(row)[0, 0]) for row in range(len(part.num_frames))] for part in parts]
    assert sorted(row for rows in read for row in rows) == list(range(12))
    assert all(not set(a.shards) & set(b.shards) for a in parts for b in parts if a is not b)
    with pytest.raises(DataError, match="expected a shard for each of 6 processes, found 5"):
        whole.part(0, 6)
    drawn = [Material(CONFIG, HOP_S, InputScale(0.0, 1.0), MASKING, whole, whole, index, count).training_batch(0, 6, 1)
             for index in range(count)]  # fmt: skip
    assert all(len(batch.spectrogram) == 6 // count for batch in drawn)
    assert not {float(x[0, 0]) for x in drawn[0].spectrogram} & {float(x[0, 0]) for x in drawn[1].spectrogram}
