"""What sounds together: voicing of chords, pedal and texture."""

import numpy as np

from crescendai.midi.damping import DAMPED, FREE
from crescendai.midi.notes import Performance
from crescendai.midi.sounding import (
    PEDAL_DOWN,
    SHORTEST_S,
    depth_at,
    pedalled_offsets_s,
    sounding_count,
    top_of_chords,
)
from crescendai.midi.statistics import mean, median, percentiles, slope, std

GRID_S = 0.02  # step at which pedal and polyphony are looked at; half a chord window
LOW_REGISTER, HIGH_REGISTER = 48, 72  # below C3, above C5


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
    partial = (depth > DAMPED) & (depth < FREE)
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
