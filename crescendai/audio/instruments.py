"""The pianos a performance can sound on.

Gains are fixed, one a piano, chosen so that the loudest PercePiano clip stays below full scale.
Nothing is ever normalised clip by clip: how loud a performance is, is part of how it is played.
`crescendai.datasets.pianos` says where the sound files are.
"""

from dataclasses import dataclass
from typing import Literal

from crescendai.errors import ParamsError


@dataclass(frozen=True)
class Instrument:
    """A piano.

    engine: midirenderer or fluidsynth play a SoundFont, sfizz an SFZ instrument.
    gain: factor from the engine's output to samples in [-1, 1].
    source: who made its sounds, and their licence.
    """

    name: str
    engine: Literal["midirenderer", "fluidsynth", "sfizz"]
    gain: float
    source: str


INSTRUMENTS: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        Instrument("timgm", "midirenderer", 3.0, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("timgm-fluidsynth", "fluidsynth", 3.0, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("fluidr3", "fluidsynth", 1.5, "FluidR3 GM by Frank Wen, MIT"),
        Instrument("splendid-grand-sf2", "midirenderer", 2.0, "the samples of splendid-grand, public domain"),
        Instrument("upright-kw-sf2", "midirenderer", 1.6, "the samples of upright-kw, CC0-1.0"),
        Instrument("splendid-grand", "sfizz", 1.0, "Splendid Grand Piano (Steinway), public domain"),
        Instrument("upright-kw", "sfizz", 1.0, "Upright Piano KW (Kawai), CC0-1.0"),
    )
}


def instrument_named(name: str) -> Instrument:
    """The piano of that name.

    Raises:
        ParamsError: there is none.
    """
    if name not in INSTRUMENTS:
        raise ParamsError(
            f"render.instruments: expected some of {', '.join(INSTRUMENTS)}, found {name!r}; see params.yaml"
        )
    return INSTRUMENTS[name]
