"""Named numbers of a log-mel spectrogram that hear level, colour, touch, pedal and timing."""

from itertools import pairwise

import numpy as np

NUM_BANDS = 16  # of the average spectrum; finer ones say which notes were played, not how
STROKE_RISE_DB = 8.0  # a band that climbs so far in two frames has been struck
STROKE_LEVEL_DB = -75.0  # and to at least this
DECAY_LAGS_S = (0.1, 0.2, 0.4, 0.8)
SILENCE_DB = -70.0  # a frame's level below which nothing is heard; a soft pianissimo lies near -50
LONGEST_LAG_S = 2.0  # 30 beats a minute
MODULATION_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # edges: phrase, bar, beat, notes, fast notes
MIN_FRAMES = 8  # shorter clips are repeated to this length, so that every difference exists


def describe_audio(log_mel: np.ndarray, hop_s: float) -> dict[str, float]:
    """Describes a clip by statistics over its frames, finite for any clip, silence included.

    Nothing is relative to the clip's own peak: level in dB full scale is what listeners rate.
    Positions in the spectrum are shares of the mel axis, 0 the lowest band and 1 the highest.

    Args:
        log_mel: ``[t, f]`` dB, at least one frame, see `crescendai.audio.logmel`.
        hop_s: time between frames in seconds.

    Returns:
        Named floats in an order that depends on the number of bands alone.
    """
    frames = np.asarray(log_mel, np.float32)
    if len(frames) < MIN_FRAMES:
        frames = np.resize(frames, (MIN_FRAMES, frames.shape[1]))
    power = np.exp(frames * np.float32(np.log(10.0) / 10.0))
    level_db = 10.0 * np.log10(power.sum(1))
    features = {"duration_s": len(log_mel) * hop_s}
    features |= _level(level_db, hop_s)
    features |= _colour(frames, power, level_db)
    features |= _onsets(frames, level_db, hop_s)
    features |= _sustain(frames, level_db, hop_s)
    features |= _strokes(frames, hop_s)
    features |= _modulation(frames, hop_s)
    features |= _bands(frames)
    return {name: float(value) for name, value in features.items()}


def _level(level_db: np.ndarray, hop_s: float) -> dict[str, float]:
    p5, p25, p50, p75, p95 = np.percentile(level_db, (5, 25, 50, 75, 95))
    slow = _moving_mean(level_db, round(1.0 / hop_s))  # phrase level, without single notes
    place = np.linspace(-0.5, 0.5, len(level_db))
    sounding = level_db[level_db > SILENCE_DB]
    sounding = sounding if len(sounding) else level_db
    return {
        "level_mean_db": level_db.mean(),
        "level_std_db": level_db.std(),
        "level_p5_db": p5,
        "level_p25_db": p25,
        "level_median_db": p50,
        "level_p75_db": p75,
        "level_p95_db": p95,
        "level_max_db": level_db.max(),
        "level_range_db": p95 - p5,
        "level_power_mean_db": 10 * np.log10(np.mean(10 ** (level_db / 10))),
        "sounding_level_std_db": sounding.std(),
        "phrase_level_std_db": slow.std(),
        "phrase_level_range_db": np.ptp(slow),
        "crescendo_db": _slope(place, level_db),
        "dynamic_arch_db": _slope(place**2, level_db),
        "silence_share": np.mean(level_db < SILENCE_DB),
    }


def _colour(frames: np.ndarray, power: np.ndarray, level_db: np.ndarray) -> dict[str, float]:
    position = np.linspace(0.0, 1.0, frames.shape[1], dtype=np.float32)
    share = power / power.sum(1, keepdims=True)
    centroid = share @ position
    spread = np.sqrt(np.maximum(share @ position**2 - centroid**2, 0.0))
    cumulative = np.cumsum(share, axis=1)
    features = {
        "centroid": centroid,
        "spectral_spread": spread,
        "rolloff": (cumulative < 0.85).mean(1),
        "rolloff_high": (cumulative < 0.99).mean(1),
        "flatness_db": frames.mean(1) - 10 * np.log10(power.mean(1)),
        "tilt_db": (frames - frames.mean(1, keepdims=True))
        @ (position - 0.5)
        / np.sum((position - 0.5) ** 2),
    }
    low, middle, high = np.array_split(frames, 3, axis=1)
    features["low_minus_middle_db"] = low.mean(1) - middle.mean(1)
    features["high_minus_middle_db"] = high.mean(1) - middle.mean(1)
    # Ripple across neighbouring bands: partials that stand clear of each other, or blur.
    features["ripple_db"] = np.abs(np.diff(frames, 2, axis=1)).mean(1)
    features["low_ripple_db"] = np.abs(np.diff(low, 2, axis=1)).mean(1)
    named = {}
    for name, curve in features.items():
        p10, p50, p90 = np.percentile(curve, (10, 50, 90))
        named |= {
            f"{name}_mean": curve.mean(), f"{name}_std": curve.std(),
            f"{name}_p10": p10, f"{name}_median": p50, f"{name}_p90": p90,
        }  # fmt: skip
    # Does loud playing turn bright? Zero on an instrument, or under a hand, without colours.
    named["brightness_by_level"] = _slope(level_db, centroid)
    named["brightness_level_correlation"] = _correlation(level_db, centroid)
    return named


def _onsets(frames: np.ndarray, level_db: np.ndarray, hop_s: float) -> dict[str, float]:
    rise = np.maximum(np.diff(frames, axis=0), 0.0)
    strength = rise.mean(1)
    threshold = strength.mean() + 0.5 * strength.std()
    inner = strength[1:-1]
    peaks = 1 + np.flatnonzero((inner > strength[:-2]) & (inner >= strength[2:]) & (inner > threshold))
    interval = np.diff(peaks) * hop_s if len(peaks) > 2 else np.full(2, len(frames) * hop_s)
    height = strength[peaks] if len(peaks) else strength[:1]
    # How far the level climbs at an onset: from the quietest of three frames to the loudest of three after.
    first = np.clip(peaks[:, None] + np.arange(-2, 1), 0, len(level_db) - 1)
    climb_db = level_db[np.minimum(first + 3, len(level_db) - 1)].max(1) - level_db[first].min(1)
    climb_db = climb_db if len(climb_db) else np.zeros(1)
    centred = strength - strength.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(centred)]
    correlation = correlation / max(correlation[0], 1e-9)
    lags = correlation[round(0.14 / hop_s) : round(LONGEST_LAG_S / hop_s)]
    lags = lags if len(lags) else np.zeros(1)
    fast, middle, slow = np.percentile(interval, (10, 50, 90))
    log_interval = np.log2(interval)
    local_tempo = _moving_mean(log_interval, 8)  # tempo as felt over eight onsets
    p50, p90, p99 = np.percentile(strength, (50, 90, 99))
    return {
        "onset_strength_mean_db": strength.mean(),
        "onset_strength_std_db": strength.std(),
        "onset_strength_median_db": p50,
        "onset_strength_p90_db": p90,
        "onset_strength_p99_db": p99,
        "onset_skew": np.mean(centred**3) / (strength.std() + 0.1) ** 3,
        "onset_height_std_db": height.std(),
        "onsets_per_s": len(peaks) / (len(frames) * hop_s),
        "onset_interval_p10_s": fast,
        "onset_interval_median_s": middle,
        "onset_interval_p90_s": slow,
        "onset_interval_variation": interval.std() / interval.mean(),
        "onset_interval_log_spread": log_interval.std(),
        "onset_interval_step_mean": np.abs(np.diff(log_interval)).mean(),
        "local_tempo_spread": local_tempo.std(),
        "closing_slowdown": local_tempo[-1] - np.median(local_tempo),
        "onset_height_mean_db": height.mean(),
        "onset_climb_mean_db": climb_db.mean(),
        "onset_climb_std_db": climb_db.std(),
        "pulse_strength": lags.max(),
        "pulse_lag_s": (round(0.14 / hop_s) + int(lags.argmax())) * hop_s,
        "pulse_spread": lags.std(),
    }


def _sustain(frames: np.ndarray, level_db: np.ndarray, hop_s: float) -> dict[str, float]:
    """How sound dies away: quickly between dry, detached notes; hardly under the pedal."""
    fall = np.maximum(-np.diff(level_db), 0.0) / hop_s
    falling = fall[fall > 0]
    falling = falling if len(falling) else np.zeros(1)
    named = dict(zip(
        (f"fall_{percentile}_db_per_s" for percentile in ("p25", "median", "p75", "p90", "p98")),
        np.percentile(falling, (25, 50, 75, 90, 98)), strict=True,
    ))  # fmt: skip
    thirds = np.array_split(np.diff(frames, axis=0), 3, axis=1)
    for register, change in zip(("low", "middle", "high"), thirds, strict=True):
        named[f"{register}_fall_mean_db"] = np.minimum(change, 0.0).mean()
        # A damper ends a note within a frame or two; a ringing string never falls so fast.
        named[f"{register}_damped_share"] = np.mean(change < -6.0)
        named[f"{register}_ringing_share"] = np.mean(np.abs(change) < 0.5)
    shape = frames - frames.mean(1, keepdims=True)
    norm = np.sqrt(np.sum(shape**2, axis=1)) + 1e-6
    for lag_s in (0.1, 0.3, 1.0):
        lag = max(min(round(lag_s / hop_s), len(frames) - 2), 1)
        likeness = np.sum(shape[lag:] * shape[:-lag], axis=1) / (norm[lag:] * norm[:-lag])
        p10, p50 = np.percentile(likeness, (10, 50))
        named[f"likeness_{lag_s:g}_s_p10"], named[f"likeness_{lag_s:g}_s_median"] = p10, p50
    return named


def _modulation(frames: np.ndarray, hop_s: float) -> dict[str, float]:
    """Standard deviation in dB of each quarter of the spectrum, split by how fast it changes."""
    quarters = np.stack([part.mean(1) for part in np.array_split(frames, 4, axis=1)], axis=1)
    quarters = (quarters - quarters.mean(0)) * np.hanning(len(quarters) + 2)[1:-1, None]
    power = np.abs(np.fft.rfft(quarters, axis=0)) ** 2 / len(quarters) ** 2
    rate_hz = np.fft.rfftfreq(len(quarters), hop_s)
    named = {}
    for low, high in pairwise(MODULATION_HZ):
        inside = power[(rate_hz >= low) & (rate_hz < high)].sum(0)
        for quarter, value in enumerate(inside):
            named[f"modulation_{low:g}_hz_quarter_{quarter}_db"] = np.sqrt(value)
    return named


def _strokes(frames: np.ndarray, hop_s: float) -> dict[str, float]:
    """Every band that is struck: how loud, how evenly, and what is left of it a little later.

    A partial still ringing after 0.8 s is held by finger or pedal; one 20 dB down after 0.2 s was
    damped. Bands of the same stroke and bands of other notes stay together, as in a listener's ear.
    """
    rise = frames[2:] - frames[:-2]  # row r: from frame r to frame r + 2
    struck = (rise > STROKE_RISE_DB) & (frames[2:] > STROKE_LEVEL_DB)
    struck[1:-1] &= (rise[1:-1] >= rise[:-2]) & (rise[1:-1] > rise[2:])
    row, band = np.nonzero(struck)
    peak_db = np.maximum(frames[row + 2, band], frames[np.minimum(row + 3, len(frames) - 1), band])
    register = band * 3 // frames.shape[1]
    named = {"strokes_per_s": len(row) / (len(frames) * hop_s)}
    registers = {
        "all": np.ones(len(row), bool),
        **{n: register == i for i, n in enumerate(("low", "middle", "high"))},
    }
    left_db = {}
    for lag_s in DECAY_LAGS_S:
        later = np.minimum(row + 2 + round(lag_s / hop_s), len(frames) - 1)
        left_db[lag_s] = frames[later, band] - peak_db
    for name, chosen in registers.items():
        level, climb = peak_db[chosen], rise[row[chosen], band[chosen]]
        p10, p50, p90 = _percentiles(level, 10, 50, 90)
        named |= {
            f"stroke_{name}_level_p10_db": p10, f"stroke_{name}_level_median_db": p50,
            f"stroke_{name}_level_p90_db": p90, f"stroke_{name}_share": chosen.mean() if len(row) else 0.0,
            f"stroke_{name}_rise_median_db": _percentiles(climb, 50)[0],
        }  # fmt: skip
        for lag_s in DECAY_LAGS_S:
            low, middle, high = _percentiles(left_db[lag_s][chosen], 15, 50, 85)
            named[f"stroke_{name}_left_{lag_s:g}_s_p15_db"] = low
            named[f"stroke_{name}_left_{lag_s:g}_s_median_db"] = middle
            named[f"stroke_{name}_left_{lag_s:g}_s_p85_db"] = high
    return named


def _bands(frames: np.ndarray) -> dict[str, float]:
    """The average spectrum."""
    parts = np.array_split(frames.mean(0), min(NUM_BANDS, frames.shape[1]))
    return {f"band_{band:02d}_mean_db": part.mean() for band, part in enumerate(parts)}


def _percentiles(values: np.ndarray, *percents: float) -> np.ndarray:
    return np.percentile(values, percents) if len(values) else np.zeros(len(percents))


def _moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    width = max(min(width, len(values)), 1)
    return np.convolve(values, np.full(width, 1 / width), mode="valid")


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of y on x; 0 where x does not vary."""
    x = x - x.mean()
    return float(x @ (y - y.mean()) / max(float(x @ x), 1e-9))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / max(float(np.sqrt((x @ x) * (y @ y))), 1e-9))
