"""render: plays every performance on every piano of scale.<corpus>.instruments.

Reads    data/<corpus>/clips.parquet
Writes   data/<corpus>/audio.parquet/   a row a clip and piano: mono FLAC bytes, rate, lengths; in files of at
                                        most render.shard_mb
Run      python -m stages.render <corpus>
Takes    on two cores: PercePiano (6 h of music) on three pianos ten minutes or more, the demo corpus seconds. The log
         says how fast it was.

Level is kept: one fixed gain a piano, nothing normalised clip by clip. Sound ends a release tail
after the last key goes up, however much silence a MIDI file has after it. Clips that bring their
own audio are not rendered. Killed, it goes on with the shards that are missing (compute.backend
chooses who makes them).
"""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from crescendai.audio.instruments import Instrument, instrument_named
from crescendai.audio.load import load_audio_bytes
from crescendai.audio.render import render
from crescendai.datasets.cluster import Backend
from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.shards import Items, clean_up, cut_shards, map_shards, work_folder
from crescendai.datasets.sounds import Stretch, assemble_sounds, byte_lengths, read_stretch, stretches, write_sounds
from crescendai.datasets.tables import read_table
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi
from crescendai.params import Params
from crescendai.params import Render as RenderSettings
from stages import run_stage

RECORDED = "recorded"  # the instrument of a clip that brought its own audio


class Clip(NamedTuple):
    """One clip to be played: its name, and its row of the table."""

    clip_id: str
    row: Stretch


def main(corpus: str, params: Params) -> None:
    started = time.perf_counter()
    folder = Path("data") / corpus
    source = folder / "clips.parquet"
    clip_ids = read_table(source, ["clip_id"])["clip_id"]
    settings, names = params.render, getattr(params.scale, corpus).instruments
    # Missing or damaged sound files are an error before any work, and are read once.
    pianos = [(instrument_named(name), sound_file(name).absolute()) for name in names]

    # ---- every clip on every piano, in shards of clips, on all workers ----
    rows = [stretch for cut in stretches(source, [slice(i, i + 1) for i in range(len(clip_ids))]) for stretch in cut]
    clips = [Clip(*pair) for pair in zip(clip_ids, rows, strict=True)]
    sizes = byte_lengths(source, ["midi", "audio"]).max(axis=1)  # longer music, longer work
    shards = [clips[cut] for cut in cut_shards(sizes, np.inf)]
    key = {"params": settings.model_dump(), "instruments": names, "clips": sha256_of(source)}
    work = work_folder("render", corpus, key)

    def make(clips: Items[Clip], into: Path) -> None:
        write_sounds(into, (row for clip in clips for row in sounds_of(clip, pianos, settings)),
                     settings.shard_mb * 1_000_000)  # fmt: skip

    done = map_shards(make, shards, work, backend_of(params), lambda clip: f"clip {clip.clip_id}", "render")

    assemble_sounds(folder / "audio.parquet", done)
    clean_up(work)
    audio = read_table(folder / "audio.parquet", ["duration_s", "file_duration_s"])
    seconds, elapsed = audio["duration_s"].sum(), time.perf_counter() - started
    print(
        f"rendered {seconds / 3600:.2f} h (files as they came: {audio['file_duration_s'].sum() / 3600:.2f} h) in "
        f"{elapsed:.0f} s: {seconds / elapsed:.0f} x real time"
    )


def backend_of(params: Params) -> Backend:
    return Backend(params.compute.backend, params.compute.address, params.compute.workers)


def sounds_of(clip: Clip, pianos: list[tuple[Instrument, Path]], settings: RenderSettings) -> Iterator[dict]:
    """The clip's rows of the table: on every piano, or its own recording as it is."""
    (row,) = read_stretch(clip.row, ["midi", "audio"])
    rate_hz = settings.sample_rate_hz
    if row["audio"] is not None:
        samples = load_audio_bytes(row["audio"], clip.clip_id, rate_hz)
        yield sound(clip.clip_id, RECORDED, samples, rate_hz, len(samples) / rate_hz)
        return
    performance = read_midi(row["midi"], clip.clip_id)
    for instrument, file in pianos:
        try:
            samples = render(performance, instrument, file, rate_hz, settings.release_tail_s)
        except DataError as error:
            raise DataError(f"clip {clip.clip_id}: {error}") from error
        yield sound(clip.clip_id, instrument.name, samples, rate_hz, performance.file_end_s)


def sound(clip_id: str, instrument: str, samples: np.ndarray, rate_hz: int, file_duration_s: float) -> dict:
    """One row of the table."""
    flac = io.BytesIO()
    soundfile.write(flac, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return {
        "clip_id": clip_id,
        "instrument": instrument,
        "sample_rate_hz": rate_hz,
        "num_samples": len(samples),
        "duration_s": len(samples) / rate_hz,
        "file_duration_s": file_duration_s,
        "flac": flac.getvalue(),
    }


if __name__ == "__main__":
    run_stage(main, __doc__)
