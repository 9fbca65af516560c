"""Where the sound files of the pianos are: shipped by a package, installed, mirrored or downloaded.

Every file is verified: another version of a SoundFont or a sample would change every result. SoundFonts of sampled
pianos are made here from the verified samples, once, and kept beside what was downloaded.
"""

import importlib.util
import os
from pathlib import Path

from crescendai.audio.instruments import IN
from crescendai.audio.soundfont import soundfont_of
from crescendai.datasets.download import DOWNLOADS, locate
from crescendai.datasets.manifest import load_manifest, sha256_of
from crescendai.errors import DataError

TIMGM_SHA256 = "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1"
FLUIDR3 = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # of Debian's package fluid-soundfont-gm
FLUIDR3_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
SFZ_FILES = {"splendid-grand": "Splendid Grand Piano.sfz", "upright-kw": "UprightPianoKW-20220221.sfz"}
MADE = "-sf2"  # after the name of an SFZ piano: the SoundFont made of its samples
MADE_SHA256 = {
    "splendid-grand-sf2": "af4f81ea7db0b37d557904fc88a1acac7b9133d1dd6a274743f8ac091b37dfca",
    "upright-kw-sf2": "ff44b8f9645940469aa8228166548dca1beb275f0b076792bc9202d06d954aa8",
}


def sound_file(name: str) -> Path:
    """The verified SoundFont or SFZ file of an instrument of `crescendai.audio.instruments`, whatever its room.

    Reads all of the piano's files: call it once, not for every clip.

    Raises:
        DataError: a file is not there, cannot be had, or is another one.
    """
    name = name.partition(IN)[0]
    if name in SFZ_FILES:
        return locate(load_manifest(name))(SFZ_FILES[name])
    if name in MADE_SHA256:
        return _made(name)
    if name == "fluidr3":
        return _verified(FLUIDR3, FLUIDR3_SHA256, "install Debian's fluid-soundfont-gm, or choose another piano")
    # The only SoundFont that a package index carries: pretty_midi ships it.
    package = importlib.util.find_spec("pretty_midi")
    soundfont = Path(package.origin).with_name("TimGM6mb.sf2")
    return _verified(soundfont, TIMGM_SHA256, "install the pretty_midi of constraints.txt")


def _made(name: str) -> Path:
    """The SoundFont of a sampled piano, made if it is not here yet."""
    soundfont = DOWNLOADS / "soundfonts" / f"{name}.sf2"
    if not soundfont.exists():
        content = soundfont_of(sound_file(name.removesuffix(MADE)))
        soundfont.parent.mkdir(parents=True, exist_ok=True)
        partial = soundfont.with_suffix(f".part{os.getpid()}")
        partial.write_bytes(content)
        os.replace(partial, soundfont)
    return _verified(soundfont, MADE_SHA256[name], "delete it, it is made again")


def _verified(path: Path, sha256: str, advice: str) -> Path:
    if not path.exists():
        raise DataError(f"{path}: expected a SoundFont, found none; {advice}")
    found = sha256_of(path)
    if found != sha256:
        raise DataError(f"{path}: expected sha256 {sha256}, found {found}; {advice}")
    return path
