"""Excerpts that hold the same music are one passage."""

import numpy as np

from crescendai.datasets.passages import merged_passages, runs_of
from crescendai.midi.notes import Performance


def played(pitches: np.ndarray, velocities: np.ndarray) -> Performance:
    onset = np.arange(len(pitches)) * 0.25
    none = np.array([])
    return Performance(pitches, velocities, onset, onset + 0.2, none, none, none, float(onset[-1] + 0.2))


def take(seed: int, notes: slice = slice(None)) -> Performance:
    """One recording of 60 notes of the same music: same pitches, own velocities."""
    pitches = np.random.default_rng(0).integers(40, 90, 60)
    return played(pitches[notes], np.random.default_rng(seed).integers(30, 100, 60)[notes])


def test_a_longer_excerpt_of_the_same_recording_joins_its_parts() -> None:
    runs = {
        "long_1": runs_of(take(1)),
        "first_1": runs_of(take(1, slice(0, 30))),
        "second_1": runs_of(take(1, slice(30, 60))),
        "other_1": runs_of(played(np.arange(40, 80), np.full(40, 64))),
    }
    passages = merged_passages(runs, {clip: clip[:-2] for clip in runs})
    assert passages["long"] == passages["first"] == passages["second"]
    assert passages["other"] != passages["long"]


def test_other_takes_of_the_same_music_do_not_match_note_for_note() -> None:
    runs = {"a_1": runs_of(take(1)), "b_2": runs_of(take(2))}
    passages = merged_passages(runs, {"a_1": "a", "b_2": "b"})
    assert passages == {"a": "a", "b": "b"}


def test_one_matching_pair_joins_the_excerpts_for_all_players() -> None:
    runs = {"long_1": runs_of(take(1)), "part_1": runs_of(take(1, slice(0, 30))), "part_2": runs_of(take(2))}
    passages = merged_passages(runs, {"long_1": "long", "part_1": "part", "part_2": "part"})
    assert passages["part"] == passages["long"]


def test_a_clip_shorter_than_a_run_stands_alone() -> None:
    runs = {"a_1": runs_of(take(1)), "b_1": runs_of(take(1, slice(0, 5)))}
    assert runs["b_1"] == set()
    assert merged_passages(runs, {"a_1": "a", "b_1": "b"})["b"] == "b"
