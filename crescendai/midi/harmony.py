"""What is played more than how: key and chords, registers, the lines of bass and treble.

Of notes for as long as their keys are held. With these, descriptors explain more of how bright and how dark
PercePiano's clips are rated (docs/experiments.md).
"""

import numpy as np

from crescendai.midi.notes import Performance
from crescendai.midi.sounding import CHORD_WINDOW_S, SHORTEST_S, top_of_chords
from crescendai.midi.statistics import correlation, mean, std

# How well each pitch class fits a major and a minor key on C: C. Krumhansl, Cognitive Foundations
# of Musical Pitch, 1990, table 2.1.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
KEY_SHARPNESS = 8.0  # of the chances of keys: a fit better by 0.1 makes a key twice as likely
MAJOR_TRIAD, MINOR_TRIAD, DIMINISHED_TRIAD = (0, 4, 7), (0, 3, 7), (0, 3, 6)
MOMENT_S, MOMENT_STEP_S = 1.5, 0.75  # in which chords are looked for
FEWEST_NOTES = 3  # that make a chord
TRIAD_LEAD = 0.05  # share of a moment's sound by which one triad is ahead of another
GRID_S = 0.1  # step at which lines are looked at
HARMONY_LAG = 10  # steps with sound: harmonies a second of sound apart are compared
WIDEST_LEAP = 12  # semitones; a larger one is as good as a new line
LOWEST_OCTAVE, NUM_OCTAVES = 24, 8  # C1 and up, with the three keys below


def describe_harmony(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    """Key, intervals and melody; then scale degrees, moments, registers and lines.

    chords: index of the first note of every chord, see `crescendai.midi.sounding.chord_starts`.
    """
    weight = np.maximum(performance.offset_s - performance.onset_s, SHORTEST_S)
    share = np.bincount(performance.pitch % 12, weight, minlength=12)
    share = share / share.sum()
    fits = _fits(share)
    return (
        _key(share, fits) | _intervals(performance, chords) | _degrees(share, fits)
        | _moments(performance) | _registers(performance, weight) | _lines(performance)
    )  # fmt: skip


def _fits(share: np.ndarray) -> np.ndarray:
    """Correlation with the profile of each key: ``[mode, tonic]``, major first."""
    return np.array([
        [correlation(share, np.roll(profile, tonic)) for tonic in range(12)]
        for profile in (MAJOR_PROFILE, MINOR_PROFILE)
    ])  # fmt: skip


def _key(share: np.ndarray, fits: np.ndarray) -> dict[str, float]:
    major, minor = fits.max(axis=1)
    return {
        "major_fit": major,
        "minor_fit": minor,
        "minor_over_major": minor - major,
        "pitch_class_entropy": -np.sum(share * np.log2(np.maximum(share, 1e-9))),
    }


def _intervals(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    top = performance.pitch[top_of_chords(performance.pitch, chords)].astype(int)
    leap = np.abs(np.diff(top))
    # Neighbouring notes in time, whichever voice: the intervals the ear compares.
    together = np.abs(np.subtract.outer(performance.pitch.astype(int), performance.pitch.astype(int)))
    near = np.abs(np.subtract.outer(performance.onset_s, performance.onset_s)) < CHORD_WINDOW_S
    pairs = together[np.triu(near, 1)] % 12
    return {
        "chord_minor_third_share": mean(pairs == 3),
        "chord_major_third_share": mean(pairs == 4),
        "chord_dissonance_share": mean(np.isin(pairs, (1, 2, 6, 10, 11))),
        "chord_octave_share": mean(pairs == 0),
        "melody_leap_mean": mean(leap),
        "melody_step_share": mean((leap > 0) & (leap < 3)),
        "melody_repeat_share": mean(leap == 0),
    }


def _degrees(share: np.ndarray, fits: np.ndarray) -> dict[str, float]:
    """How much of the sound lies how many semitones above the tonic, over all keys by their chances."""
    chance = np.exp(KEY_SHARPNESS * fits)
    chance /= chance.sum()
    degrees = sum(chance[:, tonic].sum() * np.roll(share, -tonic) for tonic in range(12))
    return {"minor_chance": chance[1].sum()} | {f"degree_{above}_share": degrees[above] for above in range(12)}


def _moments(performance: Performance) -> dict[str, float]:
    """Triads, moment by moment: how much of a moment's sound belongs to its best one of each kind."""
    start_s = np.arange(0.0, performance.last_offset_s, MOMENT_STEP_S)[:, None]
    end_s = np.minimum(performance.offset_s, start_s + MOMENT_S)
    sounds_s = np.maximum(end_s - np.maximum(performance.onset_s, start_s), 0.0)  # [moment, note]
    sounds_s = sounds_s[(sounds_s > 0).sum(axis=1) >= FEWEST_NOTES]
    share = sounds_s @ np.eye(12)[performance.pitch % 12]
    share /= np.maximum(share.sum(axis=1, keepdims=True), SHORTEST_S)

    def best(triad: tuple[int, ...]) -> np.ndarray:
        return sum(np.roll(share, -above, axis=1) for above in triad).max(axis=1)

    major, minor, diminished = best(MAJOR_TRIAD), best(MINOR_TRIAD), best(DIMINISHED_TRIAD)
    values = {
        "major_triad": major, "minor_triad": minor, "major_over_minor": major - minor,
        "diminished_triad_lead": diminished - np.maximum(major, minor),
    }  # fmt: skip
    return (
        {f"{name}_mean": mean(value) for name, value in values.items()}
        | {f"{name}_std": std(value) for name, value in values.items()}
        | {"minor_moment_share": mean(minor - major > TRIAD_LEAD)}
        | {"major_moment_share": mean(major - minor > TRIAD_LEAD)}
    )


def _registers(performance: Performance, weight: np.ndarray) -> dict[str, float]:
    octave = np.clip((performance.pitch - LOWEST_OCTAVE) // 12, 0, NUM_OCTAVES - 1)
    share = np.bincount(octave, weight, minlength=NUM_OCTAVES) / weight.sum()
    return {f"octave_{number + 1}_share": share[number] for number in range(NUM_OCTAVES)}


def _lines(performance: Performance) -> dict[str, float]:
    """Bass and treble, and how full and how changing the harmony between them is."""
    time_s = np.arange(performance.onset_s[0], performance.last_offset_s, GRID_S)[:, None]
    sounds = (performance.onset_s <= time_s) & (performance.offset_s > time_s)  # [step, note]
    sounds = sounds[sounds.any(axis=1)]
    pitch = performance.pitch.astype(float)
    bass = np.where(sounds, pitch, np.inf).min(axis=1)
    top = np.where(sounds, pitch, -np.inf).max(axis=1)
    classes = (sounds @ np.eye(12)[performance.pitch % 12]) > 0  # [step, pitch class]
    early, late = classes[:-HARMONY_LAG], classes[HARMONY_LAG:]
    changed = (early ^ late).sum(axis=1) / np.maximum((early | late).sum(axis=1), 1)
    motion = np.diff(top)
    motion = np.clip(motion[motion != 0], -WIDEST_LEAP, WIDEST_LEAP)
    return {
        "harmony_change": mean(changed),
        "bass_pitch_mean": mean(bass),
        "bass_pitch_std": std(bass),
        "top_pitch_std": std(top),
        "top_pitch_range": np.ptp(top) if len(top) else 0.0,
        "compass_mean": mean(top - bass),
        "pitch_classes_mean": mean(classes.sum(axis=1)),
        "pitch_classes_std": std(classes.sum(axis=1)),
        "top_rise_share": mean(motion > 0),
        "top_motion_mean": mean(np.abs(motion)),
        "top_drift": mean(motion),
    }
