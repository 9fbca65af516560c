"""Documents that a command writes: each whole or not at all, and none lost because of another."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from crescendai.cli.recordings import named_as_recording
from crescendai.errors import CrescendaiError, DataError

STDOUT = Path("-")


def check_places(places: Mapping[str, Path | None], inputs: Sequence[Path] = ()) -> None:
    """Says what cannot be written before anything is worked on, and leaves all as it was.

    places: by option, such as ``--json``; None where it was not given, ``-`` for stdout. inputs: files that are read,
        none of which may be written.

    Raises:
        DataError: two documents for one place, a recording's place, a folder, or a place where nothing can be written.
    """
    taken: dict[Path, str] = {}
    read = {_real(file) for file in inputs}
    for option, path in places.items():
        if path is None:
            continue
        place = path if path == STDOUT else _real(path)  # o and x/../o are one place
        if other := taken.get(place):
            where = "stdout" if path == STDOUT else str(path)
            raise DataError(f"{other} and {option}: expected a place for each, found {where} twice; change one")
        taken[place] = option
        if path == STDOUT:
            continue
        # `--json *.wav` names the first recording, as shells expand it.
        if place in read or named_as_recording(path) or named_as_recording(place):
            raise DataError(f"{option} {path}: expected a document's place, found a recording's; name another file")
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
    try:
        if path.is_dir():
            raise DataError(f"{option} {path}: expected a file to write, found a folder; name a file in it")
        _try_to_write(path)
    except OSError as error:
        raise DataError(
            f"{option} {path}: expected a place to write a file, found {error.strerror}; choose another"
        ) from error


def _try_to_write(path: Path) -> None:
    """Writes an empty file beside the place, and takes it and the folders it needed away again."""
    if _passes_on(path):
        return
    folder = _real(path).parent
    missing = [of for of in (folder, *folder.parents) if not of.exists()]  # the innermost first
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _partial(folder) as partial:
            partial.touch(exist_ok=False)
    finally:
        for made in missing:
            with suppress(OSError):  # never made, or another program has put something there
                made.rmdir()


def _write(path: Path, text: str) -> None:
    """The text, in place of what was there; what a link points to is replaced, not the link."""
    if _passes_on(path):
        path.write_text(text, encoding="utf-8")
        return
    place = _real(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _partial(place.parent) as partial:
        with partial.open("x", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, place)


def _passes_on(path: Path) -> bool:
    """Whether it is a device or a pipe: there is nothing to put in its place."""
    return path.exists() and not path.is_file()


def _real(path: Path) -> Path:
    """Where a path leads; unlike `Path.resolve` it takes a link to itself, which no place for a file comes of."""
    return Path(os.path.realpath(path))


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A file in the folder under a name that nobody has; gone afterwards, unless it was moved.

    `tempfile` would make one, too, but for its owner's eyes alone.
    """
    partial = folder / f".crescendai-{secrets.token_hex(8)}.part"
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)
