"""Where the sound files of the pianos are: shipped by a package, installed, mirrored or downloaded.

Every file is verified: another version of a SoundFont or a sample would change every result.
"""

import importlib.util
from pathlib import Path

from crescendai.datasets.download import locate
from crescendai.datasets.manifest import load_manifest, sha256_of
from crescendai.errors import DataError

TIMGM_SHA256 = "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1"
FLUIDR3 = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # of Debian's package fluid-soundfont-gm
FLUIDR3_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
SFZ_FILES = {"splendid-grand": "Splendid Grand Piano.sfz", "upright-kw": "UprightPianoKW-20220221.sfz"}


def sound_file(name: str) -> Path:
    """The verified SoundFont or SFZ file of a piano of `crescendai.audio.instruments`.

    Reads all of the piano's files: call it once, not for every clip.

    Raises:
        DataError: a file is not there, cannot be had, or is another one.
    """
    if name in SFZ_FILES:
        return locate(load_manifest(name))(SFZ_FILES[name])
    if name == "fluidr3":
        return _verified(FLUIDR3, FLUIDR3_SHA256, "install Debian's fluid-soundfont-gm, or choose another piano")
    # The only SoundFont that a package index carries: pretty_midi ships it.
    package = importlib.util.find_spec("pretty_midi")
    soundfont = Path(package.origin).with_name("TimGM6mb.sf2")
    return _verified(soundfont, TIMGM_SHA256, "install the pretty_midi of constraints.txt")


def _verified(path: Path, sha256: str, advice: str) -> Path:
    if not path.exists():
        raise DataError(f"{path}: expected a SoundFont, found none; {advice}")
    found = sha256_of(path)
    if found != sha256:
        raise DataError(f"{path}: expected sha256 {sha256}, found {found}; {advice}")
    return path
