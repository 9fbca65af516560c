"""pretraining_corpus: performances nobody rated, heard on a piano, for the network to learn from by itself.

Reads    MAESTRO v3 (percepiano), or the demo corpus's own players (demo, folder, ccmusic); params.yaml
Writes   data/<corpus>/pretraining/spectrograms/      log-mel in dB, as of stage spectrograms
         data/<corpus>/pretraining/excerpts.parquet   a row an excerpt, in the same order: what it is,
                                                      train or validation, and its MIDI
Run      python -m stages.pretraining_corpus <corpus>
Takes    on two cores: 13 hours of MAESTRO a quarter of an hour, the demo corpus seconds

Music that the rated corpus holds is left out by name (scale.percepiano.pretraining.exclude_pieces), and the
list of what was left out is printed. The demo corpus has no other music: there, other players play it.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.audio.instruments import Instrument, instrument_named
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.render import render
from crescendai.datasets.demo.corpus import make_demo
from crescendai.datasets.maestro import draw_excerpts, excluded, open_maestro
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.store import write_store
from crescendai.datasets.tables import write_table
from crescendai.midi.excerpt import excerpt
from crescendai.midi.notes import read_midi, write_midi
from crescendai.params import DemoPretraining, DemoSource, MaestroPretraining, Params
from stages import run_stage

SHORTEST_S = 20.0  # a performance shorter than this has no room for two windows


class Source(NamedTuple):
    """One excerpt to be heard."""

    clip_id: str
    piece: str
    split: str  # train or validation
    read: Callable[[str], bytes]
    file: str
    start_s: float
    end_s: float


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    started = time.perf_counter()
    scale = getattr(params.scale, corpus)
    if isinstance(scale.pretraining, DemoPretraining):
        sources = demo_sources(params.scale.demo.source, scale.pretraining, params.seed)
    else:
        sources = maestro_sources(scale.pretraining, params.seed)
    pianos = [(instrument_named(name), sound_file(name)) for name in params.render.instruments]

    # ---- Every excerpt on one piano, in turn; frames go to disk as they come ---------------------
    midi: list[bytes] = []
    frames_per_s = params.render.sample_rate_hz / params.spectrograms.hop_length
    num_frames = np.array([int((source.end_s - source.start_s) * frames_per_s) for source in sources])

    def spectrograms_in_order() -> Iterator[np.ndarray]:
        with joblib.Parallel(n_jobs=-1, return_as="generator") as parallel:
            heard = parallel(
                joblib.delayed(hear)(source, pianos[row % len(pianos)], frames, params)
                for row, (source, frames) in enumerate(zip(sources, num_frames, strict=True))
            )
            for spectrogram, played in tqdm(heard, "pretraining corpus", len(sources), unit="excerpt"):
                midi.append(played)
                yield spectrogram

    # ---- Outputs --------------------------------------------------------------------------------
    folder = Path("data") / corpus / "pretraining"
    index = pd.DataFrame({
        "clip_id": [source.clip_id for source in sources],
        "instrument": [pianos[row % len(pianos)][0].name for row in range(len(sources))],
        "num_frames": num_frames,
        "duration_s": num_frames / frames_per_s,
    })  # fmt: skip
    settings = {"sample_rate_hz": params.render.sample_rate_hz, **params.spectrograms.model_dump()}
    write_store(folder / "spectrograms", index, spectrograms_in_order(), params.spectrograms.n_mels, settings)
    about = pd.DataFrame(
        [(source.clip_id, source.piece, source.split, source.start_s, source.end_s) for source in sources],
        columns=["clip_id", "piece", "split", "start_s", "end_s"],
    )
    write_table(about.assign(midi=midi), folder / "excerpts.parquet")
    hours = index.groupby(about["split"])["duration_s"].sum() / 3600
    elapsed = time.perf_counter() - started
    print(
        f"heard {hours['train']:.2f} h to learn from and {hours['validation']:.2f} h to validate in {elapsed:.0f} s: "
        f"{hours.sum() * 3600 / elapsed:.0f} x real time"
    )


def maestro_sources(settings: MaestroPretraining, seed: int) -> list[Source]:
    """Excerpts of MAESTRO's training and validation parts; its test part is left alone."""
    table, read = open_maestro()
    out = excluded(table, settings.exclude_pieces)
    names = sorted(set(table.loc[out, "canonical_composer"] + ": " + table.loc[out, "canonical_title"]))
    print(f"left out {out.sum()} of {len(table)} performances of {len(names)} pieces:", *names, sep="\n  ")
    hours = {"train": settings.hours, "validation": settings.held_out_hours}
    drawn = [
        draw_excerpts(table[~out & (table["split"] == split)], hours[split], SHORTEST_S, seed) for split in hours
    ]
    return [
        Source(
            Path(row.midi_filename).stem, f"{row.canonical_composer}: {row.canonical_title}", row.split, read,
            row.midi_filename, row.start_s, row.end_s,
        )
        for row in pd.concat(drawn).itertuples()
    ]  # fmt: skip


def demo_sources(source: DemoSource, pretraining: DemoPretraining, seed: int) -> list[Source]:
    """The demo corpus's passages, played by others: the last player is held out."""
    players = pretraining.players
    clips, _ = make_demo(source.pieces, source.passages_per_piece, players, source.raters, seed + 1)
    midi = dict(zip(clips["clip_id"], clips["midi"], strict=True))
    return [
        Source(
            row.clip_id, row.piece, "validation" if row.player == str(players) else "train", midi.get,
            row.clip_id, 0.0, read_midi(row.midi, row.clip_id).file_end_s,
        )
        for row in clips.itertuples()
    ]  # fmt: skip


def hear(
    source: Source, piano: tuple[Instrument, Path], num_frames: int, params: Params
) -> tuple[np.ndarray, bytes]:
    """An excerpt's log-mel spectrogram, float16 ``[num_frames, f]`` in dB, and its MIDI."""
    settings, sample_rate_hz = params.spectrograms, params.render.sample_rate_hz
    played = excerpt(read_midi(source.read(source.file), source.clip_id), source.start_s, source.end_s)
    spectrogram = np.full((num_frames, settings.n_mels), settings.floor_db, dtype=np.float16)
    if not played.num_notes:  # a rest as long as an excerpt: silence is what there is to hear
        return spectrogram, b""
    audio = render(played, *piano, sample_rate_hz, params.render.release_tail_s)
    heard = log_mel_spectrogram(audio, sample_rate_hz, **settings.model_dump())[:num_frames]
    spectrogram[: len(heard)] = heard
    return spectrogram, write_midi(played, source.end_s - source.start_s)


if __name__ == "__main__":
    run_stage(main, __doc__)
