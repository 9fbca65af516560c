"""render: plays every performance on every piano of render.instruments.

Reads    data/<corpus>/clips.parquet
Writes   data/<corpus>/audio.parquet   a row a clip and piano: mono FLAC bytes, rate, lengths
Run      python -m stages.render <corpus>
Takes    on all cores, about 100 x real time a core on the default piano: PercePiano (5.8 h of
         music) 2 minutes, the demo corpus seconds. The log says how fast it was.

Level is kept: one fixed gain a piano, nothing normalised clip by clip. Sound ends a release tail
after the last key goes up, however much silence a MIDI file has after it. Clips that bring their
own audio are not rendered.
"""

import io
import time
from pathlib import Path

import joblib
import pandas as pd
import soundfile
from tqdm import tqdm

from crescendai.audio.instruments import Instrument, instrument_named
from crescendai.audio.load import load_audio_bytes
from crescendai.audio.render import render
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi
from crescendai.params import Params
from crescendai.params import Render as RenderSettings
from stages import run_stage

RECORDED = "recorded"  # the instrument of a clip that brought its own audio
ROWS_PER_GROUP = 32  # some 10 MB of sound: what a reader holds at once


def main(corpus: str, params: Params) -> None:
    started = time.perf_counter()
    folder = Path("data") / corpus
    clips = read_table(folder / "clips.parquet", ["clip_id", "midi", "audio"])
    settings = params.render
    # Missing or damaged sound files are an error before any work, and are read once.
    pianos = {name: (instrument_named(name), sound_file(name)) for name in settings.instruments}

    # ---- every clip on every piano, on all cores, in order ----
    jobs = [
        (clip, piano)
        for clip in clips.itertuples()
        for piano in (pianos.values() if clip.audio is None else [None])
    ]
    with joblib.Parallel(n_jobs=-1, return_as="generator", batch_size=4) as parallel:
        rows = list(
            tqdm(
                parallel(
                    joblib.delayed(sound_of)(clip.clip_id, clip.midi, clip.audio, piano, settings)
                    for clip, piano in jobs
                ),
                desc="render", total=len(jobs), unit="clip",
            )
        )

    audio = pd.DataFrame(rows)
    write_table(audio, folder / "audio.parquet", rows_per_group=ROWS_PER_GROUP)
    seconds, elapsed = audio["duration_s"].sum(), time.perf_counter() - started
    print(
        f"rendered {seconds / 3600:.2f} h (files as they came: {audio['file_duration_s'].sum() / 3600:.2f} h) in "
        f"{elapsed:.0f} s: {seconds / elapsed:.0f} x real time"
    )


def sound_of(
    clip_id: str,
    midi: bytes | None,
    recording: bytes | None,
    piano: tuple[Instrument, Path] | None,
    settings: RenderSettings,
) -> dict:
    """One row of the table: a performance on a piano, or a recording (``piano`` is None) as it is."""
    sample_rate_hz = settings.sample_rate_hz
    if piano is None:
        samples = load_audio_bytes(recording, clip_id, sample_rate_hz)
        file_duration_s = len(samples) / sample_rate_hz
    else:
        performance = read_midi(midi, clip_id)
        file_duration_s = performance.file_end_s
        try:
            samples = render(performance, *piano, sample_rate_hz, settings.release_tail_s)
        except DataError as error:
            raise DataError(f"clip {clip_id}: {error}") from error
    flac = io.BytesIO()
    soundfile.write(flac, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return {
        "clip_id": clip_id,
        "instrument": RECORDED if piano is None else piano[0].name,
        "sample_rate_hz": sample_rate_hz,
        "num_samples": len(samples),
        "duration_s": len(samples) / sample_rate_hz,
        "file_duration_s": file_duration_s,
        "flac": flac.getvalue(),
    }


if __name__ == "__main__":
    run_stage(main, __doc__)
