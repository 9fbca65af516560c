"""MAESTRO's MIDI to cached spectrograms: ours, and a plain loop over the same engine and librosa on as many cores.

Ours reads, cuts, renders, hears and stores with checksums, in shards. The peer is what one would write in an
afternoon: `pretty_midi` reads and cuts, the same engine renders, librosa hears, NumPy saves. Both get the same
excerpts.

Run    python -m benchmarks.features --hours 1 [--workers 2]           ours against the peer
       python -m benchmarks.features --hours 10 --alone                ours alone, and what 198 hours would take
Takes  on two quiet cores: an hour two minutes, ten hours alone eight. Wants CRESCENDAI_MIRROR or the MIDI zip.

The last line is one JSON object: ours and peer in x real time; beside it the share of ours that neither the engine,
the resampling, the free strings nor the spectrogram itself takes, and the largest memory of all processes together.
"""

import argparse
import io
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from crescendai.audio.instruments import instrument_named
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.render import ENGINE_RATE_HZ
from crescendai.audio.resonance import with_free_strings
from crescendai.datasets.cluster import Backend
from crescendai.datasets.maestro import draw_excerpts, open_maestro
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.shards import Items, cut_shards, map_shards
from crescendai.datasets.store import SpectrogramStore, assemble_store, write_shard
from crescendai.midi.damping import held_by_fingers
from crescendai.midi.excerpt import excerpt
from crescendai.midi.notes import read_midi, write_midi
from crescendai.params import Params, load_params
from stages.memory import PeakMemory
from stages.pretraining_corpus import SHORTEST_S, Source, Task, heard

ALL_HOURS = 198.65
PROBED = 12  # excerpts whose engine, resampling, free strings and spectrogram are timed by themselves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--alone", action="store_true", help="without the peer")
    parser.add_argument("--whole", action="store_true", help="whole performances, as all of MAESTRO would be heard")
    options = parser.parse_args()
    params, maestro = load_params(), open_maestro()
    table = maestro.table
    if options.whole or options.alone:  # all of some performances, as when everything is heard
        order = np.random.default_rng(0).permutation(len(table))
        table = table.iloc[order[: np.searchsorted(table["duration"].iloc[order].cumsum(), options.hours * 3600) + 1]]
        options.hours = min(options.hours, table["duration"].sum() / 3600)
    drawn = draw_excerpts(table, options.hours, SHORTEST_S, seed=0)
    frames_per_s = params.render.sample_rate_hz / params.spectrograms.hop_length
    piano = (instrument_named("timgm"), sound_file("timgm").absolute())
    tasks = [
        Task(
            Source(f"{row.midi_filename} {row.part}", "", "", row.start_s, row.end_s,
                   (maestro.midi, row.midi_filename)),
            piano, int((row.end_s - row.start_s) * frames_per_s),
        )
        for row in drawn.itertuples()
    ]  # fmt: skip

    with tempfile.TemporaryDirectory(dir=".") as folder:
        with PeakMemory() as memory:
            ours_s = ours(tasks, params, Path(folder), options.workers)
        peer_s = float("nan") if options.alone else peer(tasks, params, Path(folder), options.workers)
    seconds = options.hours * 3600
    share = 1 - own_time(tasks, params)
    whole_h = ALL_HOURS / (seconds / ours_s)
    print(f"{options.hours:.2f} h in {ours_s:.0f} s with {options.workers} workers: {seconds / ours_s:.1f} x real time")
    print(f"{ALL_HOURS} h / {seconds / ours_s:.1f} = {whole_h:.2f} h for all of MAESTRO")
    print(f"neither engine, resampling, free strings nor spectrogram: {share:.1%}")
    print(f"peak memory of all {memory.peak_gb:.2f} GB")
    print(json.dumps({
        "name": f"MAESTRO MIDI to spectrograms, {options.hours:.2f} h, {options.workers} workers",
        "ours": round(seconds / ours_s, 1), "peer": None if options.alone else round(seconds / peer_s, 1),
        "ratio": None if options.alone else round(peer_s / ours_s, 3), "unit": "x real time",
        "overhead_share": round(share, 3), "peak_gb": round(memory.peak_gb, 2), "all_of_maestro_h": round(whole_h, 2),
    }))  # fmt: skip


def ours(tasks: list[Task], params: Params, folder: Path, workers: int) -> float:
    """Seconds from MIDI to a store that can be read."""
    started = time.perf_counter()
    mels, rate_hz = params.spectrograms.n_mels, params.render.sample_rate_hz
    shards = [tasks[cut] for cut in cut_shards([task.num_frames * mels * 2 for task in tasks], 64e6)]

    def make(own: Items[Task], into: Path) -> None:
        rows = [(task.source.clip_id, "timgm", task.num_frames, 0.0) for task in own.all]
        index = pd.DataFrame(rows, columns=["clip_id", "instrument", "num_frames", "duration_s"])
        write_shard(into, index, heard(own, params), mels)

    work = folder.absolute() / "work"
    done = map_shards(make, shards, work, Backend("loky", "", workers), lambda task: task.source.clip_id, "features")
    assemble_store(folder / "store", done, {"sample_rate_hz": rate_hz, **params.spectrograms.model_dump()})
    shutil.rmtree(work)
    assert len(SpectrogramStore(folder / "store")) == len(tasks)
    return time.perf_counter() - started


def peer(tasks: list[Task], params: Params, folder: Path, workers: int) -> float:
    """Seconds of the plain loop."""
    (folder / "peer").mkdir()
    started = time.perf_counter()
    joblib.Parallel(n_jobs=workers)(
        joblib.delayed(_plain)(task, params, folder / "peer" / f"{number}.npy") for number, task in enumerate(tasks)
    )
    return time.perf_counter() - started


def _plain(task: Task, params: Params, path: Path) -> None:
    import librosa
    import midirenderer
    import pretty_midi
    import soundfile

    source, s, rate_hz = task.source, params.spectrograms, params.render.sample_rate_hz
    song = pretty_midi.PrettyMIDI(io.BytesIO(source.midi[0].read(source.midi[1])))
    song.adjust_times([source.start_s, source.end_s], [0.0, source.end_s - source.start_s])
    content = io.BytesIO()
    song.write(content)
    wave = midirenderer.render_wave_from(task.piano[1].read_bytes(), content.getvalue())
    audio, engine_hz = soundfile.read(io.BytesIO(wave), dtype="float32")
    audio = librosa.resample(audio.mean(axis=1), orig_sr=engine_hz, target_sr=rate_hz)
    power = librosa.feature.melspectrogram(
        y=audio, sr=rate_hz, n_fft=s.n_fft, hop_length=s.hop_length, n_mels=s.n_mels, fmin=s.f_min_hz, fmax=s.f_max_hz,
        norm=None,
    )  # fmt: skip
    np.save(path, librosa.power_to_db(power, top_db=None).T.astype(np.float16))


def own_time(tasks: list[Task], params: Params) -> float:
    """The share of engine, soxr, free strings and spectrogram in what an excerpt takes.

    Timed one by one in this process. Whole and own take turns, after an excerpt that loads and compiles what both
    need.
    """
    probed = [tasks[place] for place in np.linspace(0, len(tasks) - 1, PROBED).astype(int)]
    times = [(_whole_s(task, params), _own_s(task, params)) for task in [probed[0], *probed]][1:]
    whole, own = np.sum([pair for pair in times if pair[1] > 0], axis=0)
    return own / whole


def _whole_s(task: Task, params: Params) -> float:
    row = {"clip_id": "x", "instrument": "p", "num_frames": task.num_frames, "duration_s": 0.0}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder), pd.DataFrame([row]), heard([task], params), params.spectrograms.n_mels)
    return time.perf_counter() - started


def _own_s(task: Task, params: Params) -> float:
    """Seconds of engine, resampling, free strings and spectrogram alone; 0 of an excerpt without notes."""
    import midirenderer
    import soxr

    source, rate_hz = task.source, params.render.sample_rate_hz
    played = excerpt(read_midi(source.midi[0].read(source.midi[1]), "x"), source.start_s, source.end_s)
    if not played.num_notes:
        return 0.0
    end_s = played.last_offset_s + params.render.release_tail_s
    content, font = write_midi(held_by_fingers(played, end_s), end_s), task.piano[1].read_bytes()
    audio = np.random.default_rng(0).normal(0.0, 0.1, round(end_s * ENGINE_RATE_HZ)).astype(np.float32)
    started = time.perf_counter()
    midirenderer.render_wave_from(font, content)
    resampled = soxr.resample(audio, ENGINE_RATE_HZ, rate_hz, quality="HQ")
    resampled = with_free_strings(resampled, played, rate_hz)
    log_mel_spectrogram(resampled, rate_hz, **params.spectrograms.model_dump())
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
