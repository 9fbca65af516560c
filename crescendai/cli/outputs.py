"""Documents that a command writes: each whole or not at all, and none lost because of another."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from crescendai.errors import CrescendaiError, DataError

STDOUT = Path("-")


def check_places(places: Mapping[str, Path | None]) -> None:
    """Says what cannot be written before anything is worked on.

    places: by option, such as ``--json``; None where it was not given, ``-`` for stdout.

    Raises:
        DataError: two documents for one place, a folder, or a place where nothing can be written.
    """
    taken: dict[Path, str] = {}
    for option, path in places.items():
        if path is None:
            continue
        if other := taken.get(path):
            where = "stdout" if path == STDOUT else str(path)
            raise DataError(f"{other} and {option}: expected a place for each, found {where} twice; change one")
        taken[path] = option
        if path != STDOUT:
            _check_file(option, path)


def write_documents(documents: Mapping[Path, str]) -> None:
    """Writes every document that can be written, those for stdout last.

    Raises:
        CrescendaiError: some could not be; the others are there.
    """
    failed = []
    for path, text in sorted(documents.items(), key=lambda item: item[0] == STDOUT):
        if path == STDOUT:
            sys.stdout.buffer.write(text.encode())  # UTF-8, whatever a terminal would have
            sys.stdout.buffer.flush()
            continue
        try:
            _write(path, text)
        except OSError as error:
            failed.append(f"{path}: expected to write it, found {error.strerror}; choose another place")
    if failed:
        raise CrescendaiError("\n".join(failed))


def _check_file(option: str, path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{option} {path}: expected a file to write, found a folder; name a file in it")
    try:
        _write(path, None)
    except OSError as error:
        raise DataError(
            f"{option} {path}: expected a place to write a file, found {error.strerror}; choose another"
        ) from error


def _write(path: Path, text: str | None) -> None:
    """The text, in place of what was there; None tries whether it could be written, and leaves all as it was."""
    if path.exists() and not path.is_file():  # a device or a pipe: there is nothing to put in its place
        if text is not None:
            path.write_text(text, encoding="utf-8")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(text or "", encoding="utf-8")
        if text is not None:
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
