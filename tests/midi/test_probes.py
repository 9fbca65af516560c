"""A probe changes what it names and nothing else, and leaves the original alone."""

from dataclasses import fields

import numpy as np
import pytest

from crescendai.dimensions import NAMES
from crescendai.midi.notes import Performance
from crescendai.midi.probes import PROBES, TOGETHER_S, VELOCITY_STEP

NOTES = ("pitch", "velocity", "onset_s", "offset_s")
PEDAL = ("pedal_time_s", "pedal_control", "pedal_value")
CHANGES = {  # all other fields stay; the file may end later
    "more_pedal": PEDAL, "no_pedal": PEDAL, "louder": ("velocity",), "softer": ("velocity",),
    "faster": ("onset_s", "offset_s", "pedal_time_s"), "slower": ("onset_s", "offset_s", "pedal_time_s"),
    "unsteady": NOTES, "shorter_notes": ("offset_s",), "longer_notes": ("offset_s",),
}  # fmt: skip


@pytest.fixture
def played() -> Performance:
    """Chords with repeated keys, a pedal that comes and goes, and a soft pedal."""
    rng = np.random.default_rng(0)
    onset_s = np.sort(np.repeat(0.4 * np.arange(1, 21), 3) + rng.uniform(0, 0.005, 60))
    pitch = np.tile([48, 55, 64], 20).astype(np.int16)
    return Performance(
        pitch, rng.integers(5, 125, 60).astype(np.int16), onset_s, onset_s + rng.uniform(0.1, 0.39, 60),
        np.array([0.0, 1.0, 2.0, 3.0]), np.array([67, 64, 64, 64], np.int16), np.array([90, 127, 0, 60], np.int16), 9.0,
    )  # fmt: skip


@pytest.mark.parametrize("name", PROBES)
def test_only_what_is_named_changes(name: str, played: Performance) -> None:
    before = {field.name: np.copy(getattr(played, field.name)) for field in fields(played)}
    changed = PROBES[name].change(played)
    for field in before:
        np.testing.assert_array_equal(getattr(played, field), before[field])
        same = np.array_equal(getattr(changed, field), before[field])
        assert same == (field not in CHANGES[name]) or field in ("file_end_s", "pitch", "velocity"), field
    assert (changed.offset_s > changed.onset_s).all() and (np.diff(changed.onset_s) >= 0).all()
    assert changed.file_end_s >= changed.last_offset_s and changed.num_notes == played.num_notes
    assert (changed.onset_s >= 0).all() and changed.velocity.min() >= 1 and changed.velocity.max() <= 127


@pytest.mark.parametrize("name", PROBES)
def test_what_is_expected_is_of_known_dimensions(name: str) -> None:
    assert PROBES[name].expected and set(PROBES[name].expected) <= set(NAMES)
    assert set(PROBES[name].expected.values()) <= {1, -1}


def test_the_pedal_is_down_throughout_or_never(played: Performance) -> None:
    time_s, value = PROBES["more_pedal"].change(played).sustain()
    until = np.append(time_s[1:], played.last_offset_s)
    assert ((until - time_s)[value == 127].sum() / played.last_offset_s) > 0.95
    assert len(PROBES["no_pedal"].change(played).sustain()[0]) == 0
    for name in ("more_pedal", "no_pedal"):
        changed = PROBES[name].change(played)
        assert 90 in changed.pedal_value[changed.pedal_control == 67]  # another pedal stays


def test_unsteady_chords_stay_chords_and_the_same_performance_gives_the_same(played: Performance) -> None:
    changed, again = (PROBES["unsteady"].change(played) for _ in range(2))
    np.testing.assert_array_equal(changed.onset_s, again.onset_s)
    chords = changed.onset_s.reshape(20, 3)
    assert np.ptp(chords, axis=1).max() < TOGETHER_S
    assert np.std(np.diff(chords[:, 0])) > 0.03 > np.std(np.diff(played.onset_s.reshape(20, 3)[:, 0]))


def test_longer_notes_do_not_run_into_the_same_key(played: Performance) -> None:
    changed = PROBES["longer_notes"].change(played)
    for pitch in np.unique(changed.pitch):
        own = changed.pitch == pitch
        assert (changed.offset_s[own][:-1] <= changed.onset_s[own][1:]).all()
    assert (changed.offset_s >= played.offset_s - 1e-9).all()


def test_loudness_is_limited_to_what_midi_knows(played: Performance) -> None:
    louder = PROBES["louder"].change(played).velocity
    np.testing.assert_array_equal(louder, np.minimum(played.velocity + VELOCITY_STEP, 127))
