"""The pianos a performance can sound on, and where their sounds come from.

Gains are fixed, one a piano, chosen so that the loudest PercePiano clip stays below full scale.
Nothing is ever normalised clip by clip: how loud a performance is, is part of how it is played.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crescendai.datasets.download import locate
from crescendai.datasets.manifest import load_manifest, sha256_of
from crescendai.errors import DataError, ParamsError


@dataclass(frozen=True)
class Instrument:
    """A piano: what plays it, its sound files and a fixed gain.

    engine: midirenderer or fluidsynth (SoundFont) or sfizz (SFZ).
    find: gives the path of the SoundFont or SFZ file on this machine, verified.
    gain: factor from the engine's output to samples in [-1, 1].
    """

    name: str
    engine: str
    find: Callable[[], Path]
    gain: float
    source: str  # who made it, and its licence


def _timgm() -> Path:
    # The only SoundFont that a package index carries: pretty_midi ships it.
    package = importlib.util.find_spec("pretty_midi")
    path = Path(package.origin).with_name("TimGM6mb.sf2")
    return _verified(path, "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1")


def _fluidr3() -> Path:
    path = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
    if not path.exists():
        raise DataError(
            f"{path}: expected the SoundFont of Debian's package fluid-soundfont-gm, found none; "
            "install it, or choose another piano in render.instruments"
        )
    return _verified(path, "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0")


def _splendid() -> Path:
    return locate(load_manifest("splendid-grand"))("Splendid Grand Piano.sfz")


def _upright() -> Path:
    return locate(load_manifest("upright-kw"))("UprightPianoKW-20220221.sfz")


def _verified(path: Path, sha256: str) -> Path:
    found = sha256_of(path)
    if found != sha256:
        raise DataError(
            f"{path}: expected sha256 {sha256}, found {found}; a changed SoundFont changes every result, "
            "so install the version named in constraints.txt or README.md"
        )
    return path


INSTRUMENTS: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        Instrument("timgm", "midirenderer", _timgm, 3.0, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("timgm-fluidsynth", "fluidsynth", _timgm, 3.0, "TimGM6mb by Tim Brechbill, GPL-2.0"),
        Instrument("fluidr3", "fluidsynth", _fluidr3, 1.5, "FluidR3 GM by Frank Wen, MIT"),
        Instrument("splendid-grand", "sfizz", _splendid, 1.0, "Splendid Grand Piano (Steinway), public domain"),
        Instrument("upright-kw", "sfizz", _upright, 1.0, "Upright Piano KW (Kawai), CC0-1.0"),
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
