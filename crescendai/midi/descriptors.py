"""What a pianist would say of a performance in numbers: touch, timing, dynamics, pedal, harmony."""

from collections.abc import Callable

import numpy as np

from crescendai.midi.harmony import describe_harmony
from crescendai.midi.notes import Performance
from crescendai.midi.sounding import PEDAL_DOWN, SHORTEST_S, chord_starts, pedalled_offsets_s, top_of_chords
from crescendai.midi.statistics import correlation, mean, median, moving_mean, percentiles, slope, std
from crescendai.midi.texture import describe_pedal, describe_texture, describe_voicing

PULSE_LAGS_S = (0.15, 2.0)  # 400 to 30 beats a minute


def describe_performance(performance: Performance) -> dict[str, float]:
    """Named numbers of a performance, in a fixed order, finite for any performance of one note or more.

    Args:
        performance: notes in seconds, pedal movements; see ``crescendai.midi.notes``.

    Returns:
        137 floats. Times are seconds, rates are per second, shares lie in [0, 1], velocities
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
    fast, middle, slow = percentiles(interval, 10, 50, 90)
    # Tempo as felt: how many intervals fit in the neighbourhood of eight.
    local_tempo = moving_mean(log_interval, 8)
    closing = local_tempo[-1] - np.median(local_tempo) if len(local_tempo) else 0.0
    return {
        "duration_s": duration,
        "notes_per_s": performance.num_notes / duration,
        "chords_per_s": len(onset) / duration,
        "interval_p10_s": fast,
        "interval_median_s": middle,
        "interval_p90_s": slow,
        "interval_log_spread": std(log_interval),
        "interval_step_mean": mean(step),
        "interval_step_median": median(step),
        "interval_near_equal_share": mean(step < 0.2),
        "local_tempo_spread": std(local_tempo),
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
        "pulse_spread": std(lags),
    }


def _articulation(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    held = np.maximum(performance.offset_s - performance.onset_s, SHORTEST_S)
    sounding = np.maximum(pedalled_offsets_s(performance, PEDAL_DOWN) - performance.onset_s, SHORTEST_S)
    to_next = _time_to_next_chord(performance.onset_s, chords)
    held_ratio, sounding_ratio = (np.log2(time[: len(to_next)] / to_next) for time in (held, sounding))
    top = top_of_chords(performance.pitch, chords)
    top_interval = np.maximum(np.diff(performance.onset_s[top]), SHORTEST_S)
    top_ratio = np.log2(held[top][:-1] / top_interval)
    low, middle, high = percentiles(held_ratio, 10, 50, 90)
    return {
        "held_median_s": median(held),
        "held_log_mean": mean(np.log2(held)),
        "held_log_spread": std(np.log2(held)),
        "held_p10_s": percentiles(held, 10)[0],
        "legato_p10": low,
        "legato_median": middle,
        "legato_p90": high,
        "legato_share": mean(held_ratio > 0),
        "staccato_share": mean(held_ratio < -1),
        "melody_legato_median": median(top_ratio),
        "melody_legato_spread": std(top_ratio),
        "sounding_legato_median": median(sounding_ratio),
        "sounding_log_mean": mean(np.log2(sounding)),
        "pedal_lengthening": mean(np.log2(sounding / held)),
    }


def _dynamics(performance: Performance, chords: np.ndarray) -> dict[str, float]:
    velocity = performance.velocity.astype(float)
    onset = performance.onset_s
    loudest = np.maximum.reduceat(velocity, chords)
    p5, p25, p50, p75, p95 = percentiles(velocity, 5, 25, 50, 75, 95)
    slow = moving_mean(velocity, 16)  # phrase level, without single accents
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
        "velocity_skew": mean((velocity - velocity.mean()) ** 3) / (velocity.std() + 1.0) ** 3,
        "accent_height": loudest.max() - np.median(loudest),
        "loudest_step_mean": mean(np.abs(np.diff(loudest))),
        "phrase_level_spread": std(slow),
        "phrase_level_range": slow.max() - slow.min() if len(slow) else 0.0,
        "crescendo": slope(place, velocity),
        "dynamic_arch": slope(place**2 - mean(place**2), velocity),
        "velocity_interval_correlation": correlation(
            loudest[:-1], np.log2(np.maximum(np.diff(onset[chords]), SHORTEST_S))
        ),
    }


DESCRIBERS: tuple[Callable[[Performance, np.ndarray], dict[str, float]], ...] = (
    _timing, _pulse, _articulation, _dynamics,
    describe_voicing, describe_pedal, describe_texture, describe_harmony,
)  # fmt: skip


def _time_to_next_chord(onset_s: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """For every note but those of the last chord: from its onset to the next chord's, in seconds."""
    size = np.diff(np.append(chords, len(onset_s)))
    next_s = np.repeat(onset_s[chords[1:]], size[:-1])
    return np.maximum(next_s - onset_s[: len(next_s)], SHORTEST_S)
