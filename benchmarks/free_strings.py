"""How loud strings that nobody struck sound along, against what is played: what `LEVEL` of resonance.py comes to.

Every performance is heard on a piano with its keys held for as long as its pedal lets strings ring; then what sounds
along is added as rendering adds it, and compared.

Run    python -m benchmarks.free_strings [--every 10] [--instrument timgm]
Takes  on two cores, with every tenth clip, half a minute; wants `dvc repro fetch@percepiano`
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from crescendai.audio.instruments import instrument_named
from crescendai.audio.render import render
from crescendai.audio.resonance import with_free_strings
from crescendai.datasets.pianos import MADE_SHA256, sound_file
from crescendai.datasets.tables import read_table
from crescendai.midi.damping import held_by_fingers
from crescendai.midi.notes import read_midi, sounding_end_s
from crescendai.params import load_params

PIANOS = ("timgm", *MADE_SHA256)
PERCENTS = (10, 50, 90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=10, help="of so many clips one is heard")
    parser.add_argument("--instrument", choices=PIANOS, default=PIANOS[0], help="a piano played from a SoundFont")
    chosen = parser.parse_args()
    if chosen.every < 1:
        parser.error(f"--every: expected 1 or more, found {chosen.every}")
    clips = read_table(Path("data/percepiano/clips.parquet"), ["clip_id", "midi"]).iloc[:: chosen.every]
    margins = joblib.Parallel(n_jobs=-1)(
        joblib.delayed(margin_db)(row.midi, row.clip_id, chosen.instrument)
        for row in tqdm(clips.itertuples(), "clips", len(clips), unit="clip")
    )
    pedalled = np.array([margin for margin in margins if np.isfinite(margin)])
    print(f"{chosen.instrument}: {len(pedalled)} of {len(clips)} clips have strings that sound along")
    if not len(pedalled):
        return
    for percent, margin in zip(PERCENTS, np.percentile(pedalled, PERCENTS), strict=True):
        print(f"{percent} % of them are less than {margin:.1f} dB louder than these")


def margin_db(midi: bytes, clip_id: str, instrument: str) -> float:
    """By how many dB a clip is louder than what sounds along with it; infinite where nothing does."""
    params = load_params().render
    piano = instrument_named(instrument), sound_file(instrument)
    played = read_midi(midi, clip_id)
    held = held_by_fingers(played, sounding_end_s(played, params.release_tail_s))
    alone = render(held, *piano, params.sample_rate_hz, params.release_tail_s)
    along = with_free_strings(alone, played, params.sample_rate_hz) - alone
    if not along.any():
        return float("inf")
    return float(10 * np.log10(np.square(alone, dtype=float).sum() / np.square(along, dtype=float).sum()))


if __name__ == "__main__":
    main()
