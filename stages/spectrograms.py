"""spectrograms: log-mel spectrograms and audio descriptors of every sound, cached.

Reads    data/<corpus>/audio.parquet
Writes   data/<corpus>/spectrograms/         log-mel in dB: memory-mapped float16 frames and an index
         data/<corpus>/descriptors.parquet   a row a sound: what the audio baselines see
Run      python -m stages.spectrograms <corpus>
Takes    on all cores, several hundred x real time: PercePiano a minute, the demo corpus seconds.
         The log says how fast it was.
"""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import soundfile
from tqdm import tqdm

from crescendai.audio.descriptors import describe_audio
from crescendai.audio.logmel import log_mel_spectrogram, num_frames
from crescendai.datasets.store import write_store
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError
from crescendai.params import Params
from crescendai.params import Spectrograms as SpectrogramSettings
from stages import run_stage


def main(corpus: str, params: Params) -> None:
    started = time.perf_counter()
    folder = Path("data") / corpus
    settings = params.spectrograms
    sounds = read_table(
        folder / "audio.parquet", ["clip_id", "instrument", "sample_rate_hz", "num_samples", "duration_s"]
    )
    sounds["num_frames"] = num_frames(sounds["num_samples"], settings.hop_length)

    # ---- one pass over the sounds, on all cores; frames go to disk as they come ----
    descriptors: list[dict[str, float]] = []

    def spectrograms_in_order() -> Iterator[np.ndarray]:
        with joblib.Parallel(n_jobs=-1, return_as="generator", batch_size=4) as parallel:
            results = parallel(
                joblib.delayed(hear)(clip_id, flac, settings) for clip_id, flac in flac_rows(folder / "audio.parquet")
            )
            for spectrogram, described in tqdm(results, "spectrograms", total=len(sounds), unit="clip"):
                descriptors.append(described)
                yield spectrogram

    write_store(
        folder / "spectrograms", sounds, spectrograms_in_order(), settings.n_mels,
        {"sample_rate_hz": params.render.sample_rate_hz, **settings.model_dump()},
    )
    described = pd.concat([sounds[["clip_id", "instrument"]], pd.DataFrame(descriptors, dtype=np.float32)], axis=1)
    write_table(described, folder / "descriptors.parquet")
    seconds, elapsed = sounds["duration_s"].sum(), time.perf_counter() - started
    print(
        f"heard {seconds / 3600:.2f} h in {elapsed:.0f} s: {seconds / elapsed:.0f} x real time; "
        f"{len(described.columns) - 2} descriptors a sound"
    )


def flac_rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """The sounds of the table one after another; one row group is in memory at a time."""
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=32, columns=["clip_id", "flac"]):
            yield from zip(batch["clip_id"].to_pylist(), batch["flac"].to_pylist(), strict=True)


def hear(clip_id: str, flac: bytes, settings: SpectrogramSettings) -> tuple[np.ndarray, dict[str, float]]:
    """Log-mel spectrogram (float16 ``[t, f]``, dB) and descriptors of one sound."""
    audio, sample_rate_hz = soundfile.read(io.BytesIO(flac), dtype="float32")
    spectrogram = log_mel_spectrogram(audio, sample_rate_hz, **settings.model_dump())
    described = describe_audio(spectrogram, settings.hop_length / sample_rate_hz)
    if not np.isfinite(list(described.values())).all():
        raise DataError(f"clip {clip_id}: expected finite descriptors, found some that are not; look at its audio")
    return spectrogram.astype(np.float16), described


if __name__ == "__main__":
    run_stage(main, __doc__)
