"""probe: what the main network hears. Clips are played otherwise in one respect, and rated again.

Reads    data/<corpus>/clips.parquet, targets.json, folds.parquet; models/<corpus>/finetuned/<main>-<protocol>-fold<k>.*
Writes   plots/<corpus>/probes.csv         a row a probe and dimension: mean change of the rating, its interval, and
                                           which sign was expected, if any
         metrics/<corpus>-probes.json      the changes that were expected, with their intervals
Run      python -m stages.probe <corpus>
Takes    on two cores: PercePiano two minutes to eight, the demo corpus half a minute
Expect   PercePiano: pedal, loudness and pace move their own dimensions in the right direction, clear of zero

Every clip is rated by the network of the fold that held it out, under the first protocol of `split`. Clips are as many
as `scale.<corpus>.probe_clips`, spread over passages. Intervals are over passages. Recordings, whose keys nobody knows,
are not probed.
"""

from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.audio.instruments import Instrument, instrument_named
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.render import render
from crescendai.datasets.pianos import sound_file
from crescendai.datasets.splits import protocol_name
from crescendai.datasets.tables import read_table
from crescendai.datasets.targets import read_targets
from crescendai.datasets.texts import write_texts
from crescendai.evaluation.effects import mean_effects
from crescendai.evaluation.results import csv_text, json_text
from crescendai.midi.notes import read_midi
from crescendai.midi.probes import PROBES
from crescendai.models.checkpoint import load_model
from crescendai.models.rating import make_rate
from crescendai.params import Params
from stages import run_stage

AS_PLAYED = "as_played"
HEADROOM = 4.0
COLUMNS = ["probe", "dimension", "effect", "low", "high", "expected"]


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    folder, scale = Path("data") / corpus, getattr(params.scale, corpus)
    names = [target.name for target in read_targets(folder).rated]
    clips = read_table(folder / "clips.parquet", ["clip_id", "passage", "midi"])
    protocol, network = protocol_name(params.split_of(corpus)[0]), next(iter(params.finetune.models))
    folds = read_table(folder / "folds.parquet").query("protocol == @protocol").set_index("clip_id")["fold"]
    clips = clips.assign(fold=clips["clip_id"].map(folds)).query("fold >= 0")
    chosen = spread(clips[clips["midi"].notna()], scale.probe_clips, params.seed)
    if chosen.empty:
        print("all clips are recordings: nothing can be played otherwise")
        write_results(corpus, pd.DataFrame(columns=COLUMNS))
        return

    # ---- Every clip, played in every way, on one piano ---------------------------------------------
    piano = instrument_named(scale.instruments[0])
    file = sound_file(piano.name).absolute()
    played = joblib.Parallel(n_jobs=-1, return_as="generator")(
        joblib.delayed(sounds_of)(row.clip_id, row.midi, piano, file, params) for row in chosen.itertuples()
    )
    sounds = list(tqdm(played, "play", len(chosen), unit="clip"))

    # ---- Rated by the network that had not heard the clip ------------------------------------------
    changes = {probe: np.empty((len(chosen), len(names))) for probe in PROBES}
    position = pd.Series(range(len(chosen)), index=chosen["clip_id"])
    with tqdm(total=len(chosen), desc="rate", unit="clip") as progress:
        for fold, own in chosen.groupby("fold"):
            model = load_model(Path("models") / corpus / "finetuned" / f"{network}-{protocol}-fold{int(fold)}")
            rate, kept = make_rate(model), [model.dimensions.index(name) for name in names]
            for row in position[own["clip_id"]]:
                before = rate(sounds[row][AS_PLAYED])
                for probe in PROBES:
                    changes[probe][row] = (rate(sounds[row][probe]) - before)[kept]
                progress.update()

    # ---- Outputs --------------------------------------------------------------------------------
    groups, evaluate = chosen["passage"].tolist(), params.evaluate
    rows = []
    for probe, change in changes.items():
        found = mean_effects(change, groups, evaluate.bootstrap_samples, evaluate.confidence, params.seed)
        expected = [PROBES[probe].expected.get(name, 0) for name in names]
        rows += [(probe, *row) for row in zip(names, *found, expected, strict=True)]
    write_results(corpus, pd.DataFrame(rows, columns=COLUMNS))


def spread(clips: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """At most ``limit`` clips, in a drawn order in which each passage has had its turn before any has another."""
    shuffled = clips.sample(frac=1.0, random_state=seed)
    turn = shuffled.groupby("passage").cumcount()
    return shuffled.assign(turn=turn).sort_values("turn", kind="stable").head(limit).sort_values("clip_id")


def sounds_of(
    clip_id: str, midi: bytes, piano: Instrument, file: Path, params: Params
) -> dict[str, np.ndarray]:
    """Log-mel spectrograms of the clip as it was played and of every probe."""
    performance, rate_hz = read_midi(midi, clip_id), params.render.sample_rate_hz
    ways = {AS_PLAYED: performance} | {name: probe.change(performance) for name, probe in PROBES.items()}
    # A loud clip played louder may pass full scale, which no file could hold, but no file is written.
    quiet = replace(piano, gain=piano.gain / HEADROOM)
    return {
        name: log_mel_spectrogram(
            HEADROOM * render(way, quiet, file, rate_hz, params.render.release_tail_s), rate_hz,
            **params.spectrograms.model_dump(),
        )
        for name, way in ways.items()
    }  # fmt: skip


def write_results(corpus: str, table: pd.DataFrame) -> None:
    """The table, and of the metrics what was expected; says which dimensions moved the wrong way."""
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for row in table[table["expected"] != 0].itertuples():
        own = {"effect": row.effect, "low": row.low, "high": row.high}
        metrics.setdefault(row.probe, {})[row.dimension] = own
        right = "right" if row.effect * row.expected > 0 else "WRONG"
        print(f"{row.probe:14} {row.dimension:20} {row.effect:+.3f} ({row.low:+.3f} to {row.high:+.3f})  {right}")
    texts = {Path("plots") / corpus / "probes.csv": csv_text(table)}
    write_texts({Path("metrics") / f"{corpus}-probes.json": json_text(metrics), **texts})


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
