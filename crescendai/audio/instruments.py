"""The pianos a performance can sound on, and the rooms they can stand in.

Gains are fixed, one a piano, chosen so that the loudest PercePiano clip stays below full scale.
Nothing is ever normalised clip by clip: how loud a performance is, is part of how it is played.
`crescendai.datasets.pianos` says where the sound files are.
"""

from dataclasses import dataclass, replace
from typing import Literal

from crescendai.audio.rooms import Room, room_named
from crescendai.errors import ParamsError

IN = "+"  # between the names of a piano and of the room it stands in


@dataclass(frozen=True)
class Instrument:
    """A piano.

    engine: midirenderer or fluidsynth play a SoundFont, sfizz an SFZ instrument.
    gain: factor from the engine's output to samples in [-1, 1].
    source: who made its sounds, and their licence.
    room: where it is recorded; None: the piano's own samples and nothing else.
    """

    name: str
    engine: Literal["midirenderer", "fluidsynth", "sfizz"]
    gain: float
    source: str
    room: Room | None = None


INSTRUMENTS: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        Instrument("timgm", "midirenderer", 2.7, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("timgm-fluidsynth", "fluidsynth", 2.7, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("fluidr3", "fluidsynth", 1.35, "FluidR3 GM by Frank Wen, MIT"),
        Instrument("splendid-grand-sf2", "midirenderer", 1.8, "the samples of splendid-grand, public domain"),
        Instrument("upright-kw-sf2", "midirenderer", 1.45, "the samples of upright-kw, CC0-1.0"),
        Instrument("splendid-grand", "sfizz", 1.0, "Splendid Grand Piano (Steinway), public domain"),
        Instrument("upright-kw", "sfizz", 1.0, "Upright Piano KW (Kawai), CC0-1.0"),
    )
}


def instrument_named(name: str) -> Instrument:
    """The piano of that name, such as ``timgm``; or in a room, such as ``timgm+hall``.

    Raises:
        ParamsError: there is no such piano, or no such room.
    """
    piano, in_a_room, room = name.partition(IN)
    if piano not in INSTRUMENTS:
        raise ParamsError(
            f"instruments: expected some of {', '.join(INSTRUMENTS)}, found {piano!r}; see params.yaml"
        )
    return replace(INSTRUMENTS[piano], name=name, room=room_named(room)) if in_a_room else INSTRUMENTS[piano]
