"""A miniature folder of recordings with ratings, for tests: a few notes a file, and ratings that follow their sound."""

import csv
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE_HZ = 22050
PIECES, PLAYERS, RATERS = 6, 3, 2
DIMENSIONS = ("timbre_loudness", "Music_Making_Fast_paced_Slow_paced", "pedal_amount")


def write_folder(folder: Path) -> None:
    """18 recordings of 6 pieces by 3 players, each rated 1 to 7 by 2 raters; the third dimension only of some."""
    rng = np.random.default_rng(0)
    rows = []
    for piece in range(PIECES):
        for player in range(PLAYERS):
            level, pace = rng.random(2)
            file = f"piece{piece}/player{player}.{('wav', 'flac')[piece % 2]}"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / file, tune(rng, level, pace), SAMPLE_RATE_HZ, subtype="PCM_16")
            for rater in range(RATERS):
                answers = [str(round(1 + 6 * value)) for value in np.clip(rng.normal([level, pace], 0.1), 0, 1)]
                pedal = str(rng.integers(1, 8)) if (piece + player) % 3 and not rater else ""
                rows.append([file, f"rater{rater}", f"piece {piece}", f"player {player}", *answers, pedal])
    with (folder / "ratings.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", "rater", "piece", "player", *DIMENSIONS], *rows])


def tune(rng: np.random.Generator, level: float, pace: float) -> np.ndarray:
    """A second and a half of decaying notes: how loud, and how far apart."""
    time_s = np.arange(int(1.5 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    samples = np.zeros_like(time_s)
    for onset_s in np.arange(0.0, 1.4, 0.1 + 0.4 * pace):
        since_s = np.maximum(time_s - onset_s, 0)
        pitch_hz = 220 * 2 ** (rng.integers(0, 24) / 12)
        struck = (time_s >= onset_s) * np.exp(-5 * since_s)
        samples += struck * sum(np.sin(2 * np.pi * k * pitch_hz * since_s) / k**2 for k in range(1, 5))
    return (0.02 + 0.1 * level) * samples
