"""One performance, played otherwise in one respect: more pedal, louder, faster, less steady, longer notes.

Everything else stays as it was played, so that a difference in the ratings is about that respect alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from crescendai.midi.notes import Performance

SUSTAIN = 64
HELD_S, LIFTED_S = 2.0, 0.06  # a pedal that is always down is changed this often, and is up that long
VELOCITY_STEP = 16  # of 127
PACE = 1.25  # faster, or slower, by this factor
JITTER_S = 0.04  # standard deviation
LENGTH = 2.0  # notes twice as long, or half as long
TOGETHER_S = 0.03  # keys struck within this time are a chord, and stay one
SHORTEST_S = 0.03


@dataclass(frozen=True)
class Probe:
    """A change, and the dimensions that must follow it: +1 towards the high pole, -1 towards the low one."""

    says: str
    change: Callable[[Performance], Performance]
    expected: dict[str, int]


def more_pedal(played: Performance) -> Performance:
    """The sustain pedal down from the first note to the last, changed every two seconds."""
    changes_s = np.arange(0.0, played.last_offset_s, HELD_S)
    time_s = np.concatenate([changes_s + LIFTED_S, changes_s[1:]])
    value = np.repeat([127, 0], [len(changes_s), len(changes_s) - 1])
    order = np.argsort(time_s, kind="stable")
    return _with_sustain(played, time_s[order], value[order])


def no_pedal(played: Performance) -> Performance:
    """The sustain pedal never down."""
    return _with_sustain(played, np.array([]), np.array([], int))


def louder(played: Performance) -> Performance:
    """Every key struck harder."""
    return _with_velocity(played, VELOCITY_STEP)


def softer(played: Performance) -> Performance:
    """Every key struck less hard."""
    return _with_velocity(played, -VELOCITY_STEP)


def faster(played: Performance) -> Performance:
    """All times shorter by the same factor."""
    return _paced(played, 1 / PACE)


def slower(played: Performance) -> Performance:
    """All times longer by the same factor."""
    return _paced(played, PACE)


def unsteady(played: Performance) -> Performance:
    """Every chord early or late by a random time; the same for the same performance."""
    chord = np.concatenate([[0], np.cumsum(np.diff(played.onset_s) > TOGETHER_S)])
    shift_s = np.random.default_rng(0).normal(0.0, JITTER_S, chord[-1] + 1)[chord]
    shift_s = np.maximum(shift_s, -played.onset_s)
    return _ordered(replace(played, onset_s=played.onset_s + shift_s, offset_s=played.offset_s + shift_s))


def shorter_notes(played: Performance) -> Performance:
    """Keys held half as long."""
    return _with_length(played, 1 / LENGTH)


def longer_notes(played: Performance) -> Performance:
    """Keys held twice as long, at most until the same key is struck again."""
    return _with_length(played, LENGTH)


PROBES: dict[str, Probe] = {
    "more_pedal": Probe("pedal held throughout", more_pedal, {"pedal_amount": 1, "pedal_clarity": 1}),
    "no_pedal": Probe("no pedal", no_pedal, {"pedal_amount": -1, "pedal_clarity": -1}),
    "louder": Probe("louder", louder, {"timbre_loudness": 1, "mood_energy": 1}),
    "softer": Probe("softer", softer, {"timbre_loudness": -1, "mood_energy": -1}),
    "faster": Probe("faster", faster, {"music_pace": -1}),
    "slower": Probe("slower", slower, {"music_pace": 1}),
    "unsteady": Probe("unsteady timing", unsteady, {"timing_stability": 1}),
    "shorter_notes": Probe("shorter notes", shorter_notes, {"articulation_length": -1}),
    "longer_notes": Probe("longer notes", longer_notes, {"articulation_length": 1}),
}


def _with_sustain(played: Performance, time_s: np.ndarray, value: np.ndarray) -> Performance:
    others = played.pedal_control != SUSTAIN
    times = np.concatenate([played.pedal_time_s[others], time_s])
    order = np.argsort(times, kind="stable")
    controls = np.concatenate([played.pedal_control[others], np.full(len(time_s), SUSTAIN)])
    values = np.concatenate([played.pedal_value[others], value])
    return replace(
        played, pedal_time_s=times[order], pedal_control=controls[order].astype(np.int16),
        pedal_value=values[order].astype(np.int16),
    )  # fmt: skip


def _with_velocity(played: Performance, step: int) -> Performance:
    return replace(played, velocity=np.clip(played.velocity + step, 1, 127).astype(np.int16))


def _paced(played: Performance, factor: float) -> Performance:
    return replace(
        played, onset_s=played.onset_s * factor, offset_s=played.offset_s * factor,
        pedal_time_s=played.pedal_time_s * factor, file_end_s=played.file_end_s * factor,
    )  # fmt: skip


def _with_length(played: Performance, factor: float) -> Performance:
    offset_s = played.onset_s + np.maximum((played.offset_s - played.onset_s) * factor, SHORTEST_S)
    for pitch in np.unique(played.pitch):
        own = np.flatnonzero(played.pitch == pitch)
        offset_s[own[:-1]] = np.minimum(offset_s[own[:-1]], played.onset_s[own[1:]])
    return replace(played, offset_s=offset_s, file_end_s=max(played.file_end_s, float(offset_s.max())))


def _ordered(played: Performance) -> Performance:
    order = np.lexsort((played.pitch, played.onset_s))
    notes = {name: getattr(played, name)[order] for name in ("pitch", "velocity", "onset_s", "offset_s")}
    return replace(played, **notes, file_end_s=max(played.file_end_s, float(played.offset_s.max())))
