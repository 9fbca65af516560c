"""The sampled pianos: their samples as a SoundFont through midirenderer, against the SFZ through sfizz.

Both play the same excerpts of MAESTRO, one after the other. Beside the speed stands how alike the two sound: the
correlation of their log-mel spectrograms, frame by frame and band by band, and the median difference of level.

Run    python -m benchmarks.pianos [--seconds 20]
Takes  a minute or two; wants the pianos and MAESTRO's MIDI, from the mirror or downloaded, and the extra ``pianos``
"""

import argparse
import time

import numpy as np

from benchmarks.contest import last_line
from crescendai.audio.instruments import instrument_named
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.render import render
from crescendai.datasets.maestro import open_maestro
from crescendai.datasets.pianos import MADE, MADE_SHA256, sound_file
from crescendai.midi.excerpt import excerpt
from crescendai.midi.notes import Performance, read_midi
from crescendai.params import load_params

ROWS = (5, 300, 700)  # of MAESTRO's table
START_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of three performances")
    seconds = parser.parse_args().seconds
    maestro = open_maestro()
    played = [
        excerpt(read_midi(maestro.midi.read(name), name), START_S, START_S + seconds)
        for name in maestro.table["midi_filename"].iloc[list(ROWS)]
    ]
    speeds = {}
    for made in MADE_SHA256:
        ours, theirs, alike, level_db = compare(made, made.removesuffix(MADE), played)
        speeds[made] = (ours, theirs)
        print(f"{made}: {ours:.1f} against {theirs:.1f} x real time; log-mel r {alike:.3f}, level {level_db:+.1f} dB")
    slower = min(speeds, key=lambda name: speeds[name][0] / speeds[name][1])
    ours, theirs = speeds[slower]
    print(last_line(f"{slower} against sfizz, a second of sound", 1 / ours, 1 / theirs, "s"))


def compare(made: str, sfz: str, played: list[Performance]) -> tuple[float, float, float, float]:
    """Speeds of both in x real time, correlation and median level difference of their spectrograms."""
    params = load_params()
    pianos = [(instrument_named(name), sound_file(name)) for name in (made, sfz)]
    rate_hz, tail_s = params.render.sample_rate_hz, params.render.release_tail_s
    took, sounds = [0.0, 0.0], [[], []]
    for performance in played:
        for which, piano in enumerate(pianos):
            started = time.perf_counter()
            audio = render(performance, *piano, rate_hz, tail_s) / piano[0].gain
            took[which] += time.perf_counter() - started
            sounds[which].append(log_mel_spectrogram(audio, rate_hz, **params.spectrograms.model_dump()))
    ours, theirs = (np.concatenate(own) for own in sounds)
    seconds = len(ours) * params.spectrograms.hop_length / rate_hz
    alike = float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])
    return seconds / took[0], seconds / took[1], alike, float(np.median(ours - theirs))


if __name__ == "__main__":
    main()
