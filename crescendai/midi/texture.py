"""What sounds together: voicing of chords, pedal, texture and harmony."""

import numpy as np

from crescendai.midi.notes import Performance
from crescendai.midi.sounding import (
    CHORD_WINDOW_S,
    PEDAL_DOWN,
    SHORTEST_S,
    depth_at,
    pedalled_offsets_s,
    sounding_count,
    top_of_chords,
)
from crescendai.midi.statistics import correlation, mean, median, percentiles, slope, std

GRID_S = 0.02  # step at which pedal and polyphony are looked at; half a chord window
PEDAL_PARTIAL = (20, 100)  # between resting foot and floor: half-pedalling
LOW_REGISTER, HIGH_REGISTER = 48, 72  # below C3, above C5
# How well each pitch class fits a major and a minor key on C: C. Krumhansl, Cognitive Foundations
# of Musical Pitch, 1990, table 2.1.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def describe_voicing(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    velocity, pitch = performance.velocity.astype(float), performance.pitch.astype(float)
    size = np.diff(np.append(chords, len(pitch)))
    wide = np.flatnonzero(size > 1)
    top, bottom = top_of_chords(performance.pitch, chords), top_of_chords(-performance.pitch, chords)
    members = [slice(chords[chord], chords[chord] + size[chord]) for chord in wide]
    spread_s = np.array([np.ptp(performance.onset_s[member]) for member in members])
    inside_std = np.array([velocity[member].std() for member in members])
    lead_s = performance.onset_s[bottom[wide]] - performance.onset_s[top[wide]]
    return {
        "chord_size_mean": size.mean(),
        "chord_share": len(wide) / len(size),
        "chord_spread_mean_s": mean(spread_s),
        "chord_spread_p90_s": percentiles(spread_s, 90)[0],
        "melody_lead_s": mean(lead_s),
        "chord_velocity_std": mean(inside_std),
        "melody_over_bass": mean(velocity[top[wide]] - velocity[bottom[wide]]),
        "melody_velocity": mean(velocity[top]),
        "melody_velocity_std": std(velocity[top]),
        "bass_velocity": mean(velocity[bottom]),
        "velocity_pitch_slope": slope(pitch - pitch.mean(), velocity),
        "low_register_velocity": mean(velocity[pitch < LOW_REGISTER]) or velocity.mean(),
        "high_register_velocity": mean(velocity[pitch > HIGH_REGISTER]) or velocity.mean(),
    }


def describe_pedal(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    onset, end_s = performance.onset_s, performance.last_offset_s
    grid_s = np.arange(onset[0], end_s, GRID_S)
    depth = depth_at(performance, 64, grid_s)
    soft = depth_at(performance, 67, grid_s)
    down = depth >= PEDAL_DOWN
    presses = np.flatnonzero(~down[:-1] & down[1:])
    releases = np.flatnonzero(down[:-1] & ~down[1:])
    partial = (depth > PEDAL_PARTIAL[0]) & (depth < PEDAL_PARTIAL[1])
    chord_s = onset[chords]
    before = np.searchsorted(chord_s, grid_s[presses], side="right") - 1
    lag_s = grid_s[presses] - chord_s[np.maximum(before, 0)]
    duration = max(end_s - onset[0], SHORTEST_S)
    return {
        "pedal_share": mean(down),
        "pedal_depth_mean": mean(depth),
        "pedal_depth_std": std(depth),
        "pedal_depth_p90": percentiles(depth, 90)[0],
        "pedal_presses_per_s": len(presses) / duration,
        "pedal_partial_share": mean(partial),
        "pedal_movement_per_s": np.abs(np.diff(depth)).sum() / 127 / duration,
        "pedal_hold_s": down.sum() * GRID_S / max(len(presses), len(releases), 1),
        "pedal_lag_s": median(lag_s),
        "pedal_at_onset_mean": mean(depth_at(performance, 64, chord_s)),
        "notes_per_pedal": performance.num_notes * mean(down) / max(len(presses), 1),
        "soft_pedal_share": mean(soft >= PEDAL_DOWN),
    }


def describe_texture(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    onset, pitch = performance.onset_s, performance.pitch.astype(float)
    grid_s = np.arange(onset[0], performance.last_offset_s, GRID_S)
    held = sounding_count(onset, performance.offset_s, grid_s)
    ringing_end_s = pedalled_offsets_s(performance, PEDAL_DOWN)
    ringing = sounding_count(onset, ringing_end_s, grid_s)
    # Semitones ringing together are what a listener hears as blur.
    sounds = (onset[None, :] <= onset[chords][:, None]) & (
        ringing_end_s[None, :] > onset[chords][:, None] + 0.05
    )
    keys = np.zeros((len(chords), 128), bool)
    rows, notes = np.nonzero(sounds)
    keys[rows, performance.pitch[notes]] = True
    p5, p95 = percentiles(pitch, 5, 95)
    return {
        "held_polyphony": mean(held),
        "ringing_polyphony": mean(ringing),
        "ringing_polyphony_p90": percentiles(ringing, 90)[0],
        "silence_share": mean(ringing == 0),
        "ringing_seconds": mean((keys[:, 1:] & keys[:, :-1]).sum(1) + (keys[:, 2:] & keys[:, :-2]).sum(1)),
        "pitch_mean": pitch.mean(),
        "pitch_std": pitch.std(),
        "pitch_p5": p5,
        "pitch_p95": p95,
        "low_register_share": mean(pitch < LOW_REGISTER),
        "high_register_share": mean(pitch > HIGH_REGISTER),
        "melody_pitch_mean": mean(pitch[top_of_chords(performance.pitch, chords)]),
    }


def describe_harmony(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    weight = np.maximum(performance.offset_s - performance.onset_s, SHORTEST_S)
    pitch_class = np.bincount(performance.pitch % 12, weight, minlength=12)
    share = pitch_class / pitch_class.sum()
    major, minor = (
        np.array([correlation(share, np.roll(profile, tonic)) for tonic in range(12)])
        for profile in (MAJOR_PROFILE, MINOR_PROFILE)
    )
    top = performance.pitch[top_of_chords(performance.pitch, chords)].astype(int)
    leap = np.abs(np.diff(top))
    # Neighbouring notes in time, whichever voice: the intervals the ear compares.
    together = np.abs(np.subtract.outer(performance.pitch.astype(int), performance.pitch.astype(int)))
    near = np.abs(np.subtract.outer(performance.onset_s, performance.onset_s)) < CHORD_WINDOW_S
    pairs = together[np.triu(near, 1)] % 12
    return {
        "major_fit": major.max(),
        "minor_fit": minor.max(),
        "minor_over_major": minor.max() - major.max(),
        "pitch_class_entropy": -np.sum(share * np.log2(np.maximum(share, 1e-9))),
        "chord_minor_third_share": mean(pairs == 3),
        "chord_major_third_share": mean(pairs == 4),
        "chord_dissonance_share": mean(np.isin(pairs, (1, 2, 6, 10, 11))),
        "chord_octave_share": mean(pairs == 0),
        "melody_leap_mean": mean(leap),
        "melody_step_share": mean((leap > 0) & (leap < 3)),
        "melody_repeat_share": mean(leap == 0),
    }
