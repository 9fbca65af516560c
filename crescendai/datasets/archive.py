"""Files of a folder or of a zip, without unpacking it; small to hand to another process."""

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from crescendai.errors import DataError


class Archive(NamedTuple):
    """A folder, or a zip in whose names ``prefix`` comes first."""

    path: Path
    prefix: str = ""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        if self.path.is_dir():
            return (self.path / name).is_file()
        return self.prefix + name in _zip(self.path).NameToInfo

    def open(self, name: str) -> BinaryIO:
        """Opens a file to be read.

        Raises:
            DataError: it is not there.
        """
        if not self.has(name):
            raise DataError(f"{self.path}: expected {name} in it, found no such file; fetch the whole of it")
        return (self.path / name).open("rb") if self.path.is_dir() else _zip(self.path).open(self.prefix + name)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self.open(name) as stream:
            return stream.read()


@lru_cache(maxsize=2)
def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected a zip, found {error}; fetch it again") from error
