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

from crescendai.audio.instruments import instrument_named
from crescendai.audio.load import load_audio_bytes
from crescendai.audio.render import render
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi
from crescendai.params import Params
from stages import run_stage

ROWS_PER_GROUP = 32  # some 10 MB of sound: what a reader holds at once


def main(corpus: str, params: Params) -> None:
    started = time.perf_counter()
    folder = Path("data") / corpus
    clips = read_table(folder / "clips.parquet", ["clip_id", "midi", "audio"])
    settings = params.render
    for name in settings.instruments:
        instrument_named(name).find()  # missing or damaged sound files are an error before any work

    # ---- every clip on every piano, on all cores, in order ----
    jobs = [
        (clip, name)
        for clip in clips.itertuples()
        for name in (settings.instruments if clip.audio is None else ["recorded"])
    ]
    with joblib.Parallel(n_jobs=-1, return_as="generator", batch_size=4) as parallel:
        rows = list(
            tqdm(
                parallel(
                    joblib.delayed(sound_of)(
                        clip.clip_id, clip.midi, clip.audio, name, settings.sample_rate_hz, settings.release_tail_s
                    )
                    for clip, name in jobs
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
    clip_id: str, midi: bytes | None, recording: bytes | None, instrument: str, sample_rate_hz: int, tail_s: float
) -> dict:
    """One row of the table: a performance on a piano, or a recording as it is."""
    if recording is not None:
        samples = load_audio_bytes(recording, clip_id, sample_rate_hz)
        file_duration_s = len(samples) / sample_rate_hz
    else:
        performance = read_midi(midi, clip_id)
        file_duration_s = performance.file_end_s
        try:
            samples = render(performance, instrument_named(instrument), sample_rate_hz, tail_s)
        except DataError as error:
            raise DataError(f"clip {clip_id}: {error}") from error
    flac = io.BytesIO()
    soundfile.write(flac, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return {
        "clip_id": clip_id,
        "instrument": instrument,
        "sample_rate_hz": sample_rate_hz,
        "num_samples": len(samples),
        "duration_s": len(samples) / sample_rate_hz,
        "file_duration_s": file_duration_s,
        "flac": flac.getvalue(),
    }


if __name__ == "__main__":
    run_stage(main, __doc__)
