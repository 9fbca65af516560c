"""SFZ pianos through sfizz, with pedal events."""

import tempfile
from pathlib import Path

import numpy as np

from crescendai.errors import DataError
from crescendai.midi.notes import Performance, timeline

BLOCK_SAMPLES = 1024


def play_sfz(performance: Performance, end_s: float, sfz: Path, sample_rate_hz: int) -> np.ndarray:
    """Plays a performance on an SFZ piano: float32 ``[samples]``, mono.

    Raises:
        DataError: sfizz cannot read the SFZ file.
    """
    from pysfizz._sfizz import Synth  # the public wrapper has no pedal events

    with tempfile.TemporaryDirectory() as folder:
        # A new synthesizer for every clip: one that has played before sounds up to 0.1 different.
        synth = Synth(sample_rate_hz, BLOCK_SAMPLES)
        if not synth.load_sfz_file(str(_prepared(sfz, Path(folder)))):
            raise DataError(f"{sfz}: expected an SFZ instrument, found a file that sfizz refuses; fetch it again")
        synth.enable_freewheeling()
        return _play(synth, timeline(performance, sample_rate_hz), round(end_s * sample_rate_hz))


def _play(synth, events: list, num_samples: int) -> np.ndarray:
    blocks, position = [], 0
    for start in range(0, num_samples, BLOCK_SAMPLES):
        while position < len(events) and events[position][0] < start + BLOCK_SAMPLES:
            sample, (kind, number, value) = events[position]
            delay = sample - start
            if kind == "on":
                synth.note_on(delay, number, value)
            elif kind == "off":
                synth.note_off(delay, number, 0)
            else:
                synth.cc(delay, number, value)
            position += 1
        left, right = synth.render_block()
        blocks.append((np.asarray(left) + np.asarray(right)) / 2)
    return np.concatenate(blocks)[:num_samples].astype(np.float32)


def _prepared(sfz: Path, folder: Path) -> Path:
    """A copy of the SFZ file beside links to its samples, with two settings that sfizz needs."""
    for sibling in sfz.parent.iterdir():
        if sibling.name != sfz.name:
            (folder / sibling.name).symlink_to(sibling.resolve())
    text = sfz.read_text()
    # Samples streamed from disk arrive late when rendering faster than real time: notes are cut.
    if "<control>" in text:
        text = text.replace("<control>", "<control>\nhint_ram_based=1", 1)
    else:
        text = "<control>\nhint_ram_based=1\n" + text
    # sfizz's own pedal is down from 32, General MIDI's from 64. An instrument
    # with its own half-pedalling names another controller and is left as it is.
    if "sustain_cc" not in text:
        text = text.replace("<global>", "<global>\nsustain_lo=64", 1)
    prepared = folder / sfz.name
    prepared.write_text(text)
    return prepared
