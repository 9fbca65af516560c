"""The files of a folder of recordings: all there, all rated, all to be decoded."""

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from tqdm import tqdm

from crescendai.audio.load import load_audio_bytes
from crescendai.errors import DataError
from crescendai.midi.notes import read_midi

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
MIDI_SUFFIXES = (".mid", ".midi")
CHECKED_AT_HZ = 22050
SHORTEST_S = 0.5


def is_midi(file: str) -> bool:
    return PurePosixPath(file).suffix.lower() in MIDI_SUFFIXES


def check_files(folder: Path, rows: pd.DataFrame) -> list[str]:
    """What is wrong with the files of a table, each named with its first line, and with those it leaves out.

    rows: columns line and file, a path below the folder.
    """
    problems = []
    named = rows[rows["file"] != ""].drop_duplicates("file")
    for line, file in tqdm(named.itertuples(index=False), "check files", len(named), unit="file", leave=False):
        problem = _problem(folder, file)
        if problem:
            problems.append(f"line {line}: {problem}")
    suffixes = AUDIO_SUFFIXES + MIDI_SUFFIXES
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in suffixes}
    left_out = sorted(there - set(named["file"]))
    return problems + [f"{file}: expected ratings of every file, found none; add a row or take it away"
                       for file in left_out]  # fmt: skip


def _problem(folder: Path, file: str) -> str | None:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        return f"expected a path inside the folder, found {file}"
    if path.suffix.lower() not in AUDIO_SUFFIXES + MIDI_SUFFIXES:
        return f"expected {', '.join(AUDIO_SUFFIXES + MIDI_SUFFIXES)}, found {file}"
    if path.as_posix() != file:
        return f"expected {path.as_posix()}, found {file}; write it so"
    if not (folder / file).is_file():
        return f"expected {file} in {folder}, found no such file"
    content = (folder / file).read_bytes()
    try:
        if is_midi(file):
            return None if read_midi(content, file).num_notes else f"{file}: expected notes, found none"
        audio = load_audio_bytes(content, file, CHECKED_AT_HZ)
    except DataError as error:
        return str(error)
    if len(audio) < SHORTEST_S * CHECKED_AT_HZ:
        return f"{file}: expected at least {SHORTEST_S} s, found {len(audio) / CHECKED_AT_HZ:.2f} s"
    return None if np.any(audio) else f"{file}: expected sound, found silence"
