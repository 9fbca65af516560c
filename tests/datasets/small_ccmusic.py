"""A miniature of CCMusic pianos in the schema of its Parquet files: synthesised pianos, one note a clip.

    python -m tests.datasets.small_ccmusic FOLDER
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image

from crescendai.audio.logmel import log_mel_spectrogram

SAMPLE_RATE_HZ = 44100
PIANOS = {  # bass, mid, treble, avg: two as published, the others made up
    "PearlRiver": (2.33, 2.53, 2.37, 2.41), "YoungChang": (2.53, 2.63, 2.97, 2.71),
    "Steinway-T": (3.6, 3.63, 3.67, 3.63), "Hsinghai": (3.4, 3.27, 3.2, 3.29), "Kawai": (3.17, 2.5, 2.93, 2.87),
    "Steinway": (4.23, 3.67, 4.0, 3.97), "Kawai-G": (3.37, 2.97, 3.07, 3.14),
}  # fmt: skip
PITCHES = ("A2", "A2#/B2b", "c1", "c2", "c3")
CLIPS = {"train": 5, "validation": 1, "test": 2}  # of every piano
SCORES = ("bass_score", "mid_score", "treble_score", "avg_score")


def write_ccmusic(folder: Path, sounds: bool = True) -> None:
    """Writes ``<split>-00000-of-00001.parquet``. sounds: else there are only pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (split, count) in enumerate(CLIPS.items()):
        rng = np.random.default_rng(number)
        rows = []
        for piano, scores in enumerate(PIANOS.values()):
            for _ in range(count):
                pitch = int(rng.integers(len(PITCHES)))
                samples = note(piano, pitch, rng)
                audio = {"bytes": wav(samples) if sounds else None, "path": "note.wav"}
                row = {"audio": audio, "mel": {"bytes": picture(samples), "path": "note.jpg"}, "label": piano}
                rows.append(row | {"pitch": pitch} | dict(zip(SCORES, scores, strict=True)))
        pq.write_table(pa.Table.from_pylist(rows, schema()), folder / f"{split}-00000-of-00001.parquet")


def schema() -> pa.Schema:
    """With the classes' names where the hub writes them."""
    media, number = pa.struct({"bytes": pa.binary(), "path": pa.string()}), pa.int64()
    classes = {"label": list(PIANOS), "pitch": list(PITCHES)}
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in classes.items()}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    scores = [(name, pa.float32()) for name in SCORES]
    return pa.schema([("audio", media), ("mel", media), ("label", number), ("pitch", number), *scores], about)


def note(piano: int, pitch: int, rng: np.random.Generator) -> np.ndarray:
    """Three quarters of a second; pianos differ in how bright they are, how they decay and how they are tuned."""
    time_s = np.arange(int(0.75 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = 110.0 * 2 ** (pitch / 2)
    bright, decay, stretch = 0.6 + 0.25 * piano, 2.0 + piano % 3, 1e-4 * (1 + piano % 4)
    partials = np.arange(1, 16)[:, None]
    frequency_hz = partials * pitch_hz * np.sqrt(1 + stretch * partials**2)
    waves = np.sin(2 * np.pi * frequency_hz * time_s) * np.exp(-decay * partials**0.5 * time_s)
    samples = (partials**-bright * waves).sum(axis=0)
    return (0.1 * samples / np.abs(samples).max() + 1e-4 * rng.standard_normal(len(samples))).astype(np.float32)


def wav(samples: np.ndarray) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return content.getvalue()


def picture(samples: np.ndarray) -> bytes:
    """A grey picture of the mel spectrogram, 80 dB from black to white, low bands at the bottom."""
    level = log_mel_spectrogram(samples[::2], 22050, 2048, 512, 128, 0.0, 11025.0, -120.0)
    shade = np.clip((level - level.max() + 80) / 80, 0, 1)
    content = io.BytesIO()
    Image.fromarray((255 * shade.T[::-1]).astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


if __name__ == "__main__":
    write_ccmusic(Path(sys.argv[1]))
