"""spectrograms: log-mel spectrograms and audio descriptors of every sound, cached.

Reads    data/<corpus>/audio.parquet/
Writes   data/<corpus>/spectrograms/         log-mel in dB: memory-mapped float16 frames in shards, and an index
         data/<corpus>/descriptors.parquet   a row a sound: what the audio baselines see
Run      python -m stages.spectrograms <corpus>
Takes    on all cores, several hundred x real time: PercePiano on three pianos two minutes, the demo corpus seconds.
         The log says how fast it was. Killed, it goes on with the shards that are missing.
"""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile

from crescendai.audio.descriptors import describe_audio
from crescendai.audio.logmel import log_mel_spectrogram, num_frames
from crescendai.datasets.cluster import Backend
from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.shards import Items, clean_up, cut_shards, map_shards, work_folder
from crescendai.datasets.sounds import Stretch, read_stretch, stretches, table_files
from crescendai.datasets.store import assemble_store, write_shard
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError
from crescendai.params import Params
from crescendai.params import Spectrograms as SpectrogramSettings
from stages import run_stage

KEYS = ["clip_id", "instrument", "num_frames", "duration_s"]


class Sound(NamedTuple):
    """One sound to be heard: its row of the index, and of the table."""

    clip_id: str
    instrument: str
    num_frames: int
    duration_s: float
    row: Stretch


def main(corpus: str, params: Params) -> None:
    started = time.perf_counter()
    folder = Path("data") / corpus
    settings, source = params.spectrograms, folder / "audio.parquet"
    table = read_table(source, ["clip_id", "instrument", "num_samples", "duration_s"])
    table["num_frames"] = num_frames(table["num_samples"], settings.hop_length)

    # ---- every sound, in shards, on all workers ----
    rows = [stretch for cut in stretches(source, [slice(i, i + 1) for i in range(len(table))]) for stretch in cut]
    sounds = [Sound(*key, row) for key, row in zip(table[KEYS].itertuples(index=False), rows, strict=True)]
    sizes = table["num_frames"] * settings.n_mels * np.dtype(np.float16).itemsize
    shards = [sounds[cut] for cut in cut_shards(sizes, params.render.shard_mb * 1_000_000)]
    key = {"params": settings.model_dump(), "shard_mb": params.render.shard_mb,
           "sounds": [sha256_of(file) for file in table_files(source)]}  # fmt: skip
    work = work_folder("spectrograms", corpus, key)

    def make(sounds: Items[Sound], into: Path) -> None:
        descriptors: list[dict[str, float]] = []

        def spectrograms() -> Iterator[np.ndarray]:
            for sound in sounds:
                spectrogram, described = hear(sound, settings)
                descriptors.append(described)
                yield spectrogram

        index = pd.DataFrame([sound[:4] for sound in sounds.all], columns=KEYS)
        write_shard(into, index, spectrograms(), settings.n_mels)
        described = pd.DataFrame(descriptors, dtype=np.float32)
        write_table(pd.concat([index[KEYS[:2]], described], axis=1), into / "descriptors.parquet")

    compute = params.compute
    backend = Backend(compute.backend, compute.address, compute.workers)
    done = map_shards(make, shards, work, backend, lambda sound: f"clip {sound.clip_id}", "spectrograms")

    assemble_store(
        folder / "spectrograms", done, {"sample_rate_hz": params.render.sample_rate_hz, **settings.model_dump()}
    )
    described = pd.concat([read_table(shard / "descriptors.parquet") for shard in done], ignore_index=True)
    write_table(described, folder / "descriptors.parquet")
    clean_up(work)
    seconds, elapsed = table["duration_s"].sum(), time.perf_counter() - started
    print(
        f"heard {seconds / 3600:.2f} h in {elapsed:.0f} s: {seconds / elapsed:.0f} x real time; "
        f"{len(described.columns) - 2} descriptors a sound"
    )


def hear(sound: Sound, settings: SpectrogramSettings) -> tuple[np.ndarray, dict[str, float]]:
    """Log-mel spectrogram (float16 ``[t, f]``, dB) and descriptors of one sound."""
    (row,) = read_stretch(sound.row, ["flac"])
    audio, sample_rate_hz = soundfile.read(io.BytesIO(row["flac"]), dtype="float32")
    spectrogram = log_mel_spectrogram(audio, sample_rate_hz, **settings.model_dump())
    described = describe_audio(spectrogram, settings.hop_length / sample_rate_hz)
    if not np.isfinite(list(described.values())).all():
        raise DataError(
            f"clip {sound.clip_id}: expected finite descriptors, found some that are not; look at its audio"
        )
    return spectrogram.astype(np.float16), described


if __name__ == "__main__":
    run_stage(main, __doc__)
