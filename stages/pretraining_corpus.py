"""pretraining_corpus: performances nobody rated, heard on a piano, for the network to learn from by itself.

Reads    MAESTRO v3 (percepiano), or the demo corpus's own players (demo, folder, ccmusic); params.yaml
Writes   data/<corpus>/pretraining/spectrograms/      log-mel in dB and what is played, in shards of at most
                                                      render.shard_mb
         data/<corpus>/pretraining/excerpts.parquet   a row an excerpt, in the same order: what it is, and
                                                      train or validation
Run      python -m stages.pretraining_corpus <corpus>
Takes    on two cores: 73 hours of MAESTRO on five pianos and rooms twenty minutes to an hour, the demo corpus seconds.
         Killed, it goes on with the shards that are missing

Music that the rated corpus holds is left out by name (scale.percepiano.pretraining.exclude_pieces), and the
list of what was left out is printed. Where recordings are wanted and there, they are heard instead of a piano. Of
some rendered excerpts of MAESTRO a share of the pedal's presses is left out (pedal_shares): its players hardly ever
play without, and a network could guess the pedal from the music.
The demo corpus has no other music: there, other players play it.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.audio.instruments import Instrument, instrument_named
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.recording import read_recording
from crescendai.audio.render import render
from crescendai.datasets.archive import Archive
from crescendai.datasets.cluster import Backend
from crescendai.datasets.demo.corpus import make_demo
from crescendai.datasets.maestro import draw_excerpts, excluded, find_recordings, open_maestro
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.shards import Items, clean_up, cut_shards, map_shards, work_folder
from crescendai.datasets.store import Heard, assemble_store, write_shard
from crescendai.datasets.tables import write_table
from crescendai.midi.excerpt import excerpt
from crescendai.midi.notes import read_midi
from crescendai.midi.pedalling import with_less_pedal
from crescendai.midi.rolls import FrameNotes
from crescendai.params import DemoPretraining, DemoSource, MaestroPretraining, Params
from stages import run_stage

SHORTEST_S = 20.0  # a performance shorter than this has no room for two windows
RECORDED = "recorded"


class Source(NamedTuple):
    """One excerpt to be heard: what it is, and where its MIDI, or its recording, lies."""

    clip_id: str
    piece: str
    split: str  # train or validation
    start_s: float
    end_s: float
    midi: bytes | tuple[Archive, str]
    recording: tuple[Archive, str] | None = None


class Task(NamedTuple):
    """An excerpt, the piano it is heard on (None: its recording), how many frames it has, and how much of its pedal."""

    source: Source
    piano: tuple[Instrument, Path] | None
    num_frames: int
    pedal_share: float = 1.0
    seed: int = 0


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    started = time.perf_counter()
    scale = getattr(params.scale, corpus)
    if isinstance(scale.pretraining, DemoPretraining):
        sources = demo_sources(params.scale.demo.source, scale.pretraining, params.seed)
    else:
        sources = maestro_sources(scale.pretraining, params.seed)
    pianos = [(instrument_named(name), sound_file(name).absolute()) for name in scale.pretraining.instruments]

    pedal_shares = getattr(scale.pretraining, "pedal_shares", [1.0])  # of MAESTRO; the demo's players differ anyway

    # ---- Every excerpt on one piano, in turn; in shards, on all workers ---------------------------
    frames_per_s = params.render.sample_rate_hz / params.spectrograms.hop_length
    tasks = [
        Task(
            source, None if source.recording else pianos[row % len(pianos)],
            int((source.end_s - source.start_s) * frames_per_s),
            1.0 if source.recording else pedal_shares[row % len(pedal_shares)], params.seed + row,
        )
        for row, source in enumerate(sources)
    ]  # fmt: skip
    row_bytes = params.spectrograms.n_mels * np.dtype(np.float16).itemsize
    sizes = [task.num_frames * row_bytes for task in tasks]
    shards = [tasks[cut] for cut in cut_shards(sizes, params.render.shard_mb * 1_000_000)]
    settings = {"sample_rate_hz": params.render.sample_rate_hz, **params.spectrograms.model_dump()}
    key = {"release_tail_s": params.render.release_tail_s, "shard_mb": params.render.shard_mb, "seed": params.seed,
           "spectrograms": settings,
           "scale": [scale.source.model_dump(), scale.pretraining.model_dump()]}  # fmt: skip
    work = work_folder("pretraining_corpus", corpus, key)

    def make(tasks: Items[Task], into: Path) -> None:
        index = [
            (
                source.clip_id, piano[0].name if piano else RECORDED, num_frames, num_frames / frames_per_s,
            )
            for source, piano, num_frames, *_ in tasks.all
        ]  # fmt: skip
        table = pd.DataFrame(index, columns=["clip_id", "instrument", "num_frames", "duration_s"])
        write_shard(into, table, heard(tasks, params), params.spectrograms.n_mels)

    compute = params.compute
    backend = Backend(compute.backend, compute.address, compute.workers)
    done = map_shards(make, shards, work, backend, lambda task: f"excerpt {task.source.clip_id}", "pretraining corpus")

    # ---- Outputs --------------------------------------------------------------------------------
    folder = Path("data") / corpus / "pretraining"
    assemble_store(folder / "spectrograms", done, settings)
    about = pd.DataFrame([source[:5] for source in sources], columns=Source._fields[:5])
    write_table(about, folder / "excerpts.parquet")
    clean_up(work)
    seconds = np.array([task.num_frames for task in tasks]) / frames_per_s
    hours = pd.Series(seconds).groupby(about["split"]).sum() / 3600
    elapsed = time.perf_counter() - started
    print(
        f"heard {hours['train']:.2f} h to learn from and {hours['validation']:.2f} h to validate in {elapsed:.0f} s: "
        f"{hours.sum() * 3600 / elapsed:.0f} x real time"
    )


def maestro_sources(settings: MaestroPretraining, seed: int) -> list[Source]:
    """Excerpts of MAESTRO's training and validation parts; its test part is left alone."""
    maestro = open_maestro(settings.recordings != "none")
    table = maestro.table
    out = excluded(table, settings.exclude_pieces)
    names = sorted(set(table.loc[out, "canonical_composer"] + ": " + table.loc[out, "canonical_title"]))
    print(f"left out {out.sum()} of {len(table)} performances of {len(names)} pieces:", *names, sep="\n  ")
    hours = {"train": settings.hours, "validation": settings.held_out_hours}
    drawn = pd.concat(
        draw_excerpts(table[~out & (table["split"] == split)], hours[split], SHORTEST_S, seed) for split in hours
    )
    recorded = find_recordings(maestro, drawn, settings.recordings)
    if settings.recordings != "none":
        print(f"{recorded.sum()} of {len(drawn)} excerpts are heard as they were recorded")
    return [
        Source(
            Path(row.midi_filename).stem + (f"-part{row.part + 1}" if row.part else ""),
            f"{row.canonical_composer}: {row.canonical_title}", row.split, row.start_s, row.end_s,
            (maestro.midi, row.midi_filename), (maestro.recordings, row.audio_filename) if has_recording else None,
        )
        for row, has_recording in zip(drawn.itertuples(), recorded, strict=True)
    ]  # fmt: skip


def demo_sources(source: DemoSource, pretraining: DemoPretraining, seed: int) -> list[Source]:
    """The demo corpus's passages, played by others: the last player is held out."""
    players = pretraining.players
    clips, _ = make_demo(source.pieces, source.passages_per_piece, players, source.raters, seed + 1)
    return [
        Source(
            row.clip_id, row.piece, "validation" if row.player == str(players) else "train", 0.0,
            read_midi(row.midi, row.clip_id).file_end_s, row.midi,
        )
        for row in clips.itertuples()
    ]  # fmt: skip


def heard(tasks: Items[Task], params: Params) -> Iterator[Heard]:
    """Every excerpt's log-mel spectrogram, float16 ``[num_frames, f]`` in dB, and what is played in it."""
    settings, sample_rate_hz = params.spectrograms, params.render.sample_rate_hz
    last, performance = None, None
    for source, piano, num_frames, pedal_share, seed in tasks:
        if source.midi != last:  # the next stretch of the same performance needs no reading
            midi = source.midi if isinstance(source.midi, bytes) else source.midi[0].read(source.midi[1])
            last, performance = source.midi, read_midi(midi, source.clip_id)
        played = excerpt(performance, source.start_s, source.end_s)
        if pedal_share < 1.0:
            played = with_less_pedal(played, pedal_share, np.random.default_rng(seed))
        frames = np.full((num_frames, settings.n_mels), settings.floor_db, dtype=np.float16)
        hop_s = settings.hop_length / sample_rate_hz
        notes = FrameNotes.of(played, num_frames, hop_s) if played.num_notes else FrameNotes.silent(num_frames)
        if source.recording or played.num_notes:  # else a rest as long as an excerpt: silence
            if source.recording:
                with source.recording[0].open(source.recording[1]) as stream:
                    audio = read_recording(stream, source.clip_id, source.start_s, source.end_s, sample_rate_hz)
            else:
                audio = render(played, *piano, sample_rate_hz, params.render.release_tail_s)
            spectrogram = log_mel_spectrogram(audio, sample_rate_hz, **settings.model_dump())[:num_frames]
            frames[: len(spectrogram)] = spectrogram
        yield Heard(frames, notes)


if __name__ == "__main__":
    run_stage(main, __doc__)
