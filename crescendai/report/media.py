"""Sound and pictures of clips as data URIs, small enough to stand in the page."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pyarrow.parquet as pq
import soundfile
from PIL import Image
from scipy.signal import resample_poly

from crescendai.errors import DataError

# Every browser plays MP3. Below 24 kHz it is MPEG-2 audio, of which 56 kbit/s is enough for a piano;
# six clips of 100 s are then 5.6 MB of base64.
MP3_SAMPLE_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000)
MP3_COMPRESSION = 0.7  # of libsndfile's scale from 0 (160 kbit/s) to 1
PICTURE_COLUMNS, PICTURE_ROWS = 1000, 128  # at most; more than a card has pixels
RANGE_DB = 75.0  # shown below the loudest frame of the clips on the page
HIDDEN = 255  # index of the colour of what is not there, after the shades of what is
HIDDEN_COLOUR = (138, 138, 138)  # grey, which the shades have nowhere


@dataclass(frozen=True)
class Sound:
    """A clip one can listen to."""

    instrument: str
    duration_s: float
    uri: str


def read_sounds(audio_file: Path, clip_ids: Sequence[str]) -> dict[str, Sound]:
    """The sound of some clips, each on the first of its instruments.

    Raises:
        DataError: a clip has no row.
    """
    # The filter keeps the sound of the other clips, hundreds of megabytes, out of memory.
    rows = pq.read_table(
        audio_file, columns=["clip_id", "instrument", "sample_rate_hz", "duration_s", "flac"],
        filters=[("clip_id", "in", list(clip_ids))],
    ).to_pandas()  # fmt: skip
    sounds = {
        row.clip_id: Sound(row.instrument, float(row.duration_s), to_mp3_uri(row.flac))
        for row in rows.drop_duplicates("clip_id").itertuples()
    }
    if missing := sorted(set(clip_ids) - set(sounds)):
        raise DataError(f"{audio_file}: expected the sound of {missing[0]}, not found; run `dvc repro`")
    return sounds


def to_mp3_uri(flac: bytes) -> str:
    """FLAC bytes as an MP3 data URI: mono, at the highest rate up to 24 kHz that the sound fills."""
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="float32", always_2d=True)  # [t, channel]
    mono = samples.mean(axis=1)
    played_rate = max(known for known in MP3_SAMPLE_RATES_HZ if known <= rate)
    if played_rate != rate:
        common = math.gcd(played_rate, rate)
        mono = resample_poly(mono, played_rate // common, rate // common)
    mp3 = io.BytesIO()
    soundfile.write(mp3, np.clip(mono, -1, 1), played_rate, format="MP3", subtype="MPEG_LAYER_III",
                    compression_level=MP3_COMPRESSION, bitrate_mode="CONSTANT")  # fmt: skip
    return _data_uri("audio/mpeg", mp3.getvalue())


def spectrogram_uri(log_mel_db: np.ndarray, top_db: float) -> str:
    """A log-mel spectrogram ``[t, f]`` in dB as a PNG data URI, low notes at the bottom, no axes; NaN is grey.

    top_db: the level shown brightest; the same for all clips of a page, so that loud looks loud.
    """
    return _png_uri((np.asarray(log_mel_db, dtype=np.float32) - (top_db - RANGE_DB)) / RANGE_DB)


def roll_uri(chances: np.ndarray) -> str:
    """A piano roll ``[t, key]`` of chances, 0 dark to 1 bright, as a PNG data URI, low keys at the bottom."""
    return _png_uri(np.asarray(chances, dtype=np.float32))


def _png_uri(frames: np.ndarray) -> str:
    """Brightness from 0 to 1, ``[t, f]``, time to the right and f upwards; outside values are clipped."""
    # Neighbouring frames, and bands, are joined by their maximum, which keeps onsets and partials visible.
    joined = frames
    for axis, most in enumerate((PICTURE_COLUMNS, PICTURE_ROWS)):
        size = joined.shape[axis]
        starts = np.linspace(0, size, min(size, most), endpoint=False).astype(int)
        joined = np.maximum.reduceat(joined, starts, axis=axis)
    shades = np.where(np.isnan(joined), HIDDEN, np.round((HIDDEN - 1) * np.clip(joined, 0, 1)))
    picture = Image.fromarray(shades.T[::-1].astype(np.uint8), mode="P")
    palette = matplotlib.colormaps["magma"](np.linspace(0, 1, HIDDEN), bytes=True)[:, :3]  # even in grey, too
    picture.putpalette(palette.tobytes() + bytes(HIDDEN_COLOUR))
    png = io.BytesIO()
    picture.save(png, format="PNG", optimize=True)
    return _data_uri("image/png", png.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
