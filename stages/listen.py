"""listen: the pretrained network writes the rated clips down, and what it heard is described.

Reads    models/<corpus>/pretrained/network.*, data/<corpus>/spectrograms/, clips.parquet (its MIDI: only to say
         how well was heard)
Writes   data/<corpus>/heard.parquet          a row a sound: descriptors of the performance as it was heard
         metrics/<corpus>-listen.json         strokes heard against strokes played
Run      python -m stages.listen <corpus>
Takes    on two cores: PercePiano on three pianos two minutes to seven, the demo corpus seconds
Expect   PercePiano: nearly nine strokes of ten, F1 0.89

The network has never seen these clips nor any rating. After a pretext other than transcribing there is nothing to
write down: the table then has no descriptors.
"""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.texts import write_texts
from crescendai.evaluation.results import json_text
from crescendai.midi.heard import heard_performance, onset_f1
from crescendai.midi.notes import Performance, read_midi
from crescendai.models.checkpoint import load_model
from crescendai.models.hearing import describe_heard, hear_clip, make_hear
from crescendai.models.transcription import Transcriber
from crescendai.params import Params
from stages import run_stage


def main(corpus: str, params: Params) -> None:
    # ---- Inputs ---------------------------------------------------------------------------------
    folder = Path("data") / corpus
    store = SpectrogramStore(folder / "spectrograms")
    midi = read_table(folder / "clips.parquet", ["clip_id", "midi"]).set_index("clip_id")["midi"]
    model = load_model(Path("models") / corpus / "pretrained" / "network")
    keys = store.index[["clip_id", "instrument"]]
    if not isinstance(model.network, Transcriber):
        print(f"{params.pretrain.objective} teaches no writing down: no descriptors of what is heard")
        write_table(keys, folder / "heard.parquet")
        write_texts({Path("metrics") / f"{corpus}-listen.json": json_text({})})
        return

    # ---- Hear every clip, then describe it on all cores -------------------------------------------
    hear, hop_s = make_hear(model.network), params.spectrograms.hop_length / params.render.sample_rate_hz
    heard = [
        heard_performance(hear_clip(hear, store.clip(row), model), hop_s)
        for row in tqdm(range(len(store)), "listen", unit="clip")
    ]
    rows = joblib.Parallel(n_jobs=-1)(
        joblib.delayed(describe)(clip_id, performance, midi[clip_id])
        for clip_id, performance in zip(tqdm(keys["clip_id"], "describe", unit="clip"), heard, strict=True)
    )

    # ---- Outputs --------------------------------------------------------------------------------
    described, counts = zip(*rows, strict=True)
    right, told, played = np.sum([count for count in counts if count is not None], axis=0, initial=0) + np.zeros(3)
    precision, recall = right / max(told, 1.0), right / max(played, 1.0)
    scores = {
        "stroke_precision": float(precision),
        "stroke_recall": float(recall),
        "stroke_f1": float(2 * precision * recall / max(precision + recall, 1e-9)),
        "clips_without_a_stroke_heard": len(
            {clip_id for clip_id, performance in zip(keys["clip_id"], heard, strict=True) if performance is None}
        ),
    }
    write_table(pd.concat([keys, pd.DataFrame(described)], axis=1), folder / "heard.parquet")
    write_texts({Path("metrics") / f"{corpus}-listen.json": json_text(scores)})
    print("strokes within 50 ms:", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))


def describe(
    clip_id: str, heard: Performance | None, midi: bytes | None
) -> tuple[dict[str, float], tuple[int, int, int] | None]:
    """Descriptors of what was heard; and strokes heard rightly, heard, and played, where the MIDI is known."""
    counts = None if midi is None else onset_f1(heard, read_midi(midi, clip_id))
    return describe_heard(heard), counts


if __name__ == "__main__":
    run_stage(main, __doc__, compiles=True)
