"""What a pianist would say of a performance in numbers: touch, timing, dynamics, pedal, harmony."""

from collections.abc import Callable

import numpy as np

from crescendai.midi.notes import Performance
from crescendai.midi.sounding import (
    CHORD_WINDOW_S,
    chord_starts,
    depth_at,
    pedalled_offsets_s,
    sounding_count,
)

GRID_S = 0.02  # step at which pedal and polyphony are looked at; half a chord window
SHORTEST_S = 0.01  # keeps logarithms and ratios of times finite
PEDAL_DOWN = 64  # depth from which dampers are off, as synthesizers take it
PEDAL_PARTIAL = (20, 100)  # between resting foot and floor: half-pedalling
LOW_REGISTER, HIGH_REGISTER = 48, 72  # below C3, above C5
PULSE_LAGS_S = (0.15, 2.0)  # 400 to 30 beats a minute
# How well each pitch class fits a major and a minor key on C: C. Krumhansl, Cognitive Foundations
# of Musical Pitch, 1990, table 2.1.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def describe_performance(performance: Performance) -> dict[str, float]:
    """Named numbers of a performance, in a fixed order, finite for any performance of one note or more.

    Args:
        performance: notes in seconds, pedal movements; see ``crescendai.midi.notes``.

    Returns:
        About 80 floats. Times are seconds, rates are per second, shares lie in [0, 1], velocities
        and pedal depths are MIDI's 0-127. What a performance has none of (chords, pedal) reads 0.
    """
    chords = chord_starts(performance.onset_s)
    features: dict[str, float] = {}
    for describe in DESCRIBERS:
        features |= describe(performance, chords)
    return {name: float(value) for name, value in features.items()}


def _timing(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    onset = performance.onset_s[chords]
    duration = max(performance.last_offset_s - onset[0], SHORTEST_S)
    interval = np.maximum(np.diff(onset), SHORTEST_S)
    log_interval = np.log2(interval)
    step = np.abs(np.diff(log_interval))  # 1 = twice as long or as short as the one before
    fast, middle, slow = _percentiles(interval, 10, 50, 90)
    # Tempo as felt: how many intervals fit in the neighbourhood of eight.
    local_tempo = _moving_mean(log_interval, 8)
    closing = local_tempo[-1] - np.median(local_tempo) if len(local_tempo) else 0.0
    return {
        "duration_s": duration,
        "notes_per_s": performance.num_notes / duration,
        "chords_per_s": len(onset) / duration,
        "interval_p10_s": fast,
        "interval_median_s": middle,
        "interval_p90_s": slow,
        "interval_log_spread": _std(log_interval),
        "interval_step_mean": _mean(step),
        "interval_step_median": _median(step),
        "interval_near_equal_share": _mean(step < 0.2),
        "local_tempo_spread": _std(local_tempo),
        "closing_slowdown": closing,
        "longest_interval_s": interval.max(initial=0.0),
    }


def _pulse(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    """Autocorrelation of the onsets, each widened to ±20 ms: how strictly they return in time."""
    step_s = 0.01
    onset = performance.onset_s[chords] - performance.onset_s[0]
    grid = np.zeros(int(onset[-1] / step_s) + 2 + int(PULSE_LAGS_S[1] / step_s))
    np.add.at(grid, np.round(onset / step_s).astype(int), 1.0)
    bump = np.exp(-0.5 * (np.arange(-6, 7) * step_s / 0.02) ** 2)
    train = np.convolve(grid, bump, mode="same")
    train -= train.mean()
    spectrum = np.fft.rfft(train, 2 * len(train))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(train)]
    correlation /= max(correlation[0], 1e-9)
    first, last = (int(lag / step_s) for lag in PULSE_LAGS_S)
    lags = correlation[first:last]
    best = int(np.argmax(lags))
    return {
        "pulse_strength": lags[best],
        "pulse_period_s": (first + best) * step_s,
        "pulse_contrast": lags[best] - np.median(lags),
        "pulse_spread": _std(lags),
    }


def _articulation(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    held = np.maximum(performance.offset_s - performance.onset_s, SHORTEST_S)
    sounding = np.maximum(pedalled_offsets_s(performance, PEDAL_DOWN) - performance.onset_s, SHORTEST_S)
    to_next = _time_to_next_chord(performance.onset_s, chords)
    held_ratio, sounding_ratio = (
        np.log2(time[: len(to_next)] / to_next) for time in (held, sounding)
    )
    top = _top_of_chords(performance.pitch, chords)
    top_interval = np.maximum(np.diff(performance.onset_s[top]), SHORTEST_S)
    top_ratio = np.log2(held[top][:-1] / top_interval)
    low, middle, high = _percentiles(held_ratio, 10, 50, 90)
    return {
        "held_median_s": _median(held),
        "held_log_mean": _mean(np.log2(held)),
        "held_log_spread": _std(np.log2(held)),
        "held_p10_s": _percentiles(held, 10)[0],
        "legato_p10": low,
        "legato_median": middle,
        "legato_p90": high,
        "legato_share": _mean(held_ratio > 0),
        "staccato_share": _mean(held_ratio < -1),
        "melody_legato_median": _median(top_ratio),
        "melody_legato_spread": _std(top_ratio),
        "sounding_legato_median": _median(sounding_ratio),
        "sounding_log_mean": _mean(np.log2(sounding)),
        "pedal_lengthening": _mean(np.log2(sounding / held)),
    }


def _dynamics(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    velocity = performance.velocity.astype(float)
    onset = performance.onset_s
    loudest = np.maximum.reduceat(velocity, chords)
    p5, p25, p50, p75, p95 = _percentiles(velocity, 5, 25, 50, 75, 95)
    slow = _moving_mean(velocity, 16)  # phrase level, without single accents
    place = (onset - onset[0]) / max(onset[-1] - onset[0], SHORTEST_S) - 0.5
    return {
        "velocity_mean": velocity.mean(),
        "velocity_std": velocity.std(),
        "velocity_p5": p5,
        "velocity_p25": p25,
        "velocity_median": p50,
        "velocity_p75": p75,
        "velocity_p95": p95,
        "velocity_max": velocity.max(),
        "velocity_skew": _mean((velocity - velocity.mean()) ** 3) / (velocity.std() + 1.0) ** 3,
        "accent_height": loudest.max() - np.median(loudest),
        "loudest_step_mean": _mean(np.abs(np.diff(loudest))),
        "phrase_level_spread": _std(slow),
        "phrase_level_range": slow.max() - slow.min() if len(slow) else 0.0,
        "crescendo": _slope(place, velocity),
        "dynamic_arch": _slope(place**2 - _mean(place**2), velocity),
        "velocity_interval_correlation": _correlation(
            loudest[:-1], np.log2(np.maximum(np.diff(onset[chords]), SHORTEST_S))
        ),
    }


def _voicing(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    velocity, pitch = performance.velocity.astype(float), performance.pitch.astype(float)
    size = np.diff(np.append(chords, len(pitch)))
    wide = np.flatnonzero(size > 1)
    top, bottom = _top_of_chords(performance.pitch, chords), _top_of_chords(-performance.pitch, chords)
    members = [slice(chords[chord], chords[chord] + size[chord]) for chord in wide]
    spread_s = np.array([np.ptp(performance.onset_s[member]) for member in members])
    inside_std = np.array([velocity[member].std() for member in members])
    lead_s = performance.onset_s[bottom[wide]] - performance.onset_s[top[wide]]
    return {
        "chord_size_mean": size.mean(),
        "chord_share": len(wide) / len(size),
        "chord_spread_mean_s": _mean(spread_s),
        "chord_spread_p90_s": _percentiles(spread_s, 90)[0],
        "melody_lead_s": _mean(lead_s),
        "chord_velocity_std": _mean(inside_std),
        "melody_over_bass": _mean(velocity[top[wide]] - velocity[bottom[wide]]),
        "melody_velocity": _mean(velocity[top]),
        "melody_velocity_std": _std(velocity[top]),
        "bass_velocity": _mean(velocity[bottom]),
        "velocity_pitch_slope": _slope(pitch - pitch.mean(), velocity),
        "low_register_velocity": _mean(velocity[pitch < LOW_REGISTER]) or velocity.mean(),
        "high_register_velocity": _mean(velocity[pitch > HIGH_REGISTER]) or velocity.mean(),
    }


def _pedal(performance: Performance, chords: np.ndarray) -> dict[str, float]:
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
        "pedal_share": _mean(down),
        "pedal_depth_mean": _mean(depth),
        "pedal_depth_std": _std(depth),
        "pedal_depth_p90": _percentiles(depth, 90)[0],
        "pedal_presses_per_s": len(presses) / duration,
        "pedal_partial_share": _mean(partial),
        "pedal_movement_per_s": np.abs(np.diff(depth)).sum() / 127 / duration,
        "pedal_hold_s": down.sum() * GRID_S / max(len(presses), len(releases), 1),
        "pedal_lag_s": _median(lag_s),
        "pedal_at_onset_mean": _mean(depth_at(performance, 64, chord_s)),
        "notes_per_pedal": performance.num_notes * _mean(down) / max(len(presses), 1),
        "soft_pedal_share": _mean(soft >= PEDAL_DOWN),
    }


def _texture(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    onset, pitch = performance.onset_s, performance.pitch.astype(float)
    grid_s = np.arange(onset[0], performance.last_offset_s, GRID_S)
    held = sounding_count(onset, performance.offset_s, grid_s)
    ringing_end_s = pedalled_offsets_s(performance, PEDAL_DOWN)
    ringing = sounding_count(onset, ringing_end_s, grid_s)
    # Semitones ringing together are what a listener hears as blur.
    sounds = (onset[None, :] <= onset[chords][:, None]) & (ringing_end_s[None, :] > onset[chords][:, None] + 0.05)
    keys = np.zeros((len(chords), 128), bool)
    rows, notes = np.nonzero(sounds)
    keys[rows, performance.pitch[notes]] = True
    p5, p95 = _percentiles(pitch, 5, 95)
    return {
        "held_polyphony": _mean(held),
        "ringing_polyphony": _mean(ringing),
        "ringing_polyphony_p90": _percentiles(ringing, 90)[0],
        "silence_share": _mean(ringing == 0),
        "ringing_seconds": _mean((keys[:, 1:] & keys[:, :-1]).sum(1) + (keys[:, 2:] & keys[:, :-2]).sum(1)),
        "pitch_mean": pitch.mean(),
        "pitch_std": pitch.std(),
        "pitch_p5": p5,
        "pitch_p95": p95,
        "low_register_share": _mean(pitch < LOW_REGISTER),
        "high_register_share": _mean(pitch > HIGH_REGISTER),
        "melody_pitch_mean": _mean(pitch[_top_of_chords(performance.pitch, chords)]),
    }


def _harmony(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    weight = np.maximum(performance.offset_s - performance.onset_s, SHORTEST_S)
    pitch_class = np.bincount(performance.pitch % 12, weight, minlength=12)
    share = pitch_class / pitch_class.sum()
    major, minor = (
        np.array([_correlation(share, np.roll(profile, tonic)) for tonic in range(12)])
        for profile in (MAJOR_PROFILE, MINOR_PROFILE)
    )
    top = performance.pitch[_top_of_chords(performance.pitch, chords)].astype(int)
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
        "chord_minor_third_share": _mean(pairs == 3),
        "chord_major_third_share": _mean(pairs == 4),
        "chord_dissonance_share": _mean(np.isin(pairs, (1, 2, 6, 10, 11))),
        "chord_octave_share": _mean(pairs == 0),
        "melody_leap_mean": _mean(leap),
        "melody_step_share": _mean((leap > 0) & (leap < 3)),
        "melody_repeat_share": _mean(leap == 0),
    }


DESCRIBERS: tuple[Callable[[Performance, np.ndarray], dict[str, float]], ...] = (
    _timing, _pulse, _articulation, _dynamics, _voicing, _pedal, _texture, _harmony,
)  # fmt: skip


def _time_to_next_chord(onset_s: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """For every note but those of the last chord: from its onset to the next chord's, in seconds."""
    size = np.diff(np.append(chords, len(onset_s)))
    next_s = np.repeat(onset_s[chords[1:]], size[:-1])
    return np.maximum(next_s - onset_s[: len(next_s)], SHORTEST_S)


def _top_of_chords(pitch: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """Index of the highest note of every chord."""
    chord_of_note = np.repeat(np.arange(len(chords)), np.diff(np.append(chords, len(pitch))))
    order = np.lexsort((pitch, chord_of_note))
    return order[np.append(chords[1:], len(pitch)) - 1]


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _std(values: np.ndarray) -> float:
    return float(np.std(values)) if len(values) else 0.0


def _percentiles(values: np.ndarray, *percents: float) -> list[float]:
    return np.percentile(values, percents).tolist() if len(values) else [0.0] * len(percents)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of y on a centred or nearly centred x."""
    x = x - x.mean()
    return float(x @ (y - y.mean()) / max(x @ x, 1e-9))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) < 2:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-9))


def _moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    width = min(width, len(values))
    return np.convolve(values, np.full(width, 1 / width), mode="valid") if width else values
