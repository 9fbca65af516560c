"""Which files are recordings, by their names."""

from collections.abc import Sequence
from pathlib import Path

from crescendai.errors import DataError

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".oga")  # what a folder is searched for
# Music that is not read, and is no place for a document either.
OTHER_SUFFIXES = (".aac", ".aif", ".aiff", ".m4a", ".mid", ".midi", ".opus", ".wma")


def recordings(inputs: Sequence[Path]) -> list[Path]:
    """Files as they were given; of a folder all recordings in it and below, by name.

    Raises:
        DataError: a folder that holds none.
    """
    found = []
    for given in inputs:
        if not given.is_dir():
            found.append(given)
            continue
        inside = sorted(path for path in given.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not inside:
            raise DataError(f"{given}: expected recordings ({', '.join(SUFFIXES)}), found none; name another folder")
        found += inside
    return found


def named_as_recording(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES + OTHER_SUFFIXES
