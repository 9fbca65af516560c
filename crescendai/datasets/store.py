"""The spectrogram store: log-mel frames in memory-mapped shards, and an index.

::

    <folder>/frames-00000.npy …  float16 [frame, mel band], dB
    <folder>/notes-00000.npy …   if what is played is known: `NOTE` [note], frames counted within the clip
    <folder>/pedal-00000.npy …   likewise: uint8 [frame], depth of the sustain pedal, 0 to 127
    <folder>/spectrogram.json    version of this layout, settings, and rows and checksum of every file
    <folder>/index.parquet       a row a clip: clip_id, instrument, shard, start_frame, num_frames, start_note,
                                 num_notes, duration_s, sha256 (of its frames); written last, it makes the rest count

float16 resolves 0.06 dB at -100 dB, a tenth of the smallest level difference that ears notice. A clip lies in one
shard. Memory does not grow with the store: a few shards are mapped at once.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.datasets.manifest import sha256_of
from crescendai.datasets.shard_files import RowWriter, ShardedArray, ShardFile, array_rows, link_or_copy
from crescendai.datasets.tables import read_table, write_table
from crescendai.datasets.texts import write_texts
from crescendai.errors import DataError
from crescendai.midi.rolls import FrameNotes

SCHEMA_VERSION = 4
DESCRIPTION, INDEX = "spectrogram.json", "index.parquet"
INDEX_COLUMNS = ["clip_id", "instrument", "shard", "start_frame", "num_frames", "start_note", "num_notes",
                 "duration_s", "sha256"]  # fmt: skip
NOTE = np.dtype([("onset", "<f4"), ("released", "<i4"), ("still", "<i4"), ("velocity", "<f4"), ("key", "u1")])
SHARD_BYTES = 64_000_000


class Heard(NamedTuple):
    """A clip's log-mel spectrogram ``[t, f]`` in dB, and what is played in it."""

    frames: np.ndarray
    notes: FrameNotes


class SpectrogramStore:
    """Read access to a store; frames stay on disk until they are touched.

    Raises:
        DataError: no store, one of another version, or a file of it is missing or cut short.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        description = _description(folder)
        self.index = read_table(folder / INDEX, INDEX_COLUMNS)
        self.settings: dict = description["settings"]
        used = int(self.index["shard"].max()) + 1 if len(self.index) else 0
        arrays = description["arrays"]
        frames_in_shard = np.bincount(self.index["shard"], self.index["num_frames"], used).astype(int).tolist()
        listed = [rows for _, rows, _ in arrays["frames"][:used]]
        if listed != frames_in_shard:
            raise DataError(
                f"{folder}: expected shards of {frames_in_shard} frames as in its index, found {listed} in "
                f"{DESCRIPTION}; delete the folder and run `dvc repro`"
            )
        self.arrays = {
            name: ShardedArray(folder, (ShardFile(*file) for file in files[:used])) for name, files in arrays.items()
        }
        self._shard, self._start, self._num_frames, self._start_note, self._num_notes = (
            self.index[name].to_numpy() for name in ("shard", "start_frame", "num_frames", "start_note", "num_notes")
        )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shards(self) -> np.ndarray:
        """The shard each clip lies in: ``[clip]``."""
        return self._shard

    def clip(self, position: int) -> np.ndarray:
        """Log-mel spectrogram in dB of row ``position`` of the index: float16 ``[t, f]``, a view."""
        return self.arrays["frames"].rows(
            int(self._shard[position]), int(self._start[position]), int(self._num_frames[position])
        )

    def notes(self, position: int) -> FrameNotes:
        """What is played in a clip, as views.

        Raises:
            DataError: the store does not know.
        """
        if "notes" not in self.arrays:
            raise DataError(f"{self.folder}: expected notes beside the frames, found none; run `dvc repro`")
        shard = int(self._shard[position])
        played = self.arrays["notes"].rows(shard, int(self._start_note[position]), int(self._num_notes[position]))
        pedal = self.arrays["pedal"].rows(shard, int(self._start[position]), int(self._num_frames[position]))
        return FrameNotes(**{name: played[name] for name in NOTE.names}, pedal=pedal)

    def stream(self) -> Iterator[np.ndarray]:
        """All clips from first to last, in the order of the index."""
        return (self.clip(position) for position in range(len(self)))

    def verify(self) -> None:
        """Compares every file with its checksum.

        Raises:
            DataError: names the files that differ, and the clips in them that do.
        """
        damaged = [name for array in self.arrays.values() for name in array.damaged()]
        if damaged:
            clips = [
                row.clip_id
                for position, row in enumerate(self.index.itertuples())
                if frames_sha256(self.clip(position)) != row.sha256
            ]
            raise DataError(
                f"{self.folder}: expected files with their checksums, found {len(damaged)} damaged, e.g. "
                f"{damaged[0]} ({len(clips)} damaged clips, e.g. {clips[0] if clips else 'none'}); delete the folder "
                "and run `dvc repro`"
            )


def frames_sha256(frames: np.ndarray) -> str:
    """Checksum of one clip's float16 frames."""
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()


def write_shard(folder: Path, clips: pd.DataFrame, spectrograms: Iterable[np.ndarray | Heard], n_mels: int) -> None:
    """Writes the files of one shard, clip by clip, in flat memory: ``frames.npy``, its part of the index and, where
    what is played is known, ``notes.npy`` and ``pedal.npy``.

    clips: clip_id, instrument, num_frames, duration_s, one row a spectrogram, in order.
    spectrograms: log-mel in dB, ``[num_frames, n_mels]`` each.
    """
    checksums, notes, pedals = [], [], []
    with RowWriter(folder / "frames.npy", int(clips["num_frames"].sum()), (n_mels,), np.float16) as frames:
        for num_frames, spectrogram in zip(clips["num_frames"], spectrograms, strict=True):
            heard = spectrogram.frames if isinstance(spectrogram, Heard) else spectrogram
            if len(heard) != num_frames:
                raise DataError(f"{folder}: expected {num_frames} frames of a clip, found {len(heard)}; report it")
            checksums.append(hashlib.sha256(frames.write(heard)).hexdigest())
            if isinstance(spectrogram, Heard):
                notes.append(_as_rows(spectrogram.notes))
                pedals.append(spectrogram.notes.pedal)
    if notes:
        np.save(folder / "notes.npy", np.concatenate(notes))
        np.save(folder / "pedal.npy", np.concatenate(pedals))
    num_notes = np.array([len(played) for played in notes] or [0] * len(clips), int)
    index = clips.assign(
        shard=0, start_frame=clips["num_frames"].cumsum() - clips["num_frames"],
        start_note=num_notes.cumsum() - num_notes, num_notes=num_notes, sha256=checksums,
    )  # fmt: skip
    write_table(index[INDEX_COLUMNS], folder / INDEX)


def assemble_store(folder: Path, shards: Sequence[Path], settings: dict) -> None:
    """Makes a store of shards that `write_shard` wrote, which stay where they are."""
    if folder.exists():
        shutil.rmtree(folder)
    _add(folder, shards, {"schema_version": SCHEMA_VERSION, "settings": settings, "arrays": {}}, None)


def append_to_store(folder: Path, shards: Sequence[Path], settings: dict) -> None:
    """Adds shards to a finished store, which stays readable meanwhile; stopped, it is as it was before.

    Raises:
        DataError: the store was made with other settings, or one knows what is played and the other does not.
    """
    store, description = SpectrogramStore(folder), _description(folder)
    if settings != store.settings:
        raise DataError(
            f"{folder}: expected settings {store.settings} as in the store, found {settings}; make both with the same"
        )
    # What an append that was stopped left beyond the index does not count.
    description["arrays"] = {name: [list(file) for file in array.files] for name, array in store.arrays.items()}
    _add(folder, shards, description, store.index)


def write_store(
    folder: Path, clips: pd.DataFrame, spectrograms: Iterable[np.ndarray | Heard], n_mels: int, settings: dict,
    shard_bytes: int = SHARD_BYTES,
) -> None:  # fmt: skip
    """Writes a store clip by clip in this process, in flat memory.

    clips, spectrograms: as of `write_shard`.
    """
    ends = np.maximum(clips["num_frames"].cumsum().to_numpy() * n_mels * 2 - 1, 0) // shard_bytes
    waiting, shards = iter(spectrograms), []
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for number in np.unique(ends):
            shards.append(partial / str(number))
            shards[-1].mkdir(parents=True)
            own = clips[ends == number].reset_index(drop=True)
            write_shard(shards[-1], own, (x for _, x in zip(range(len(own)), waiting, strict=False)), n_mels)
        assemble_store(folder, shards, settings)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _add(folder: Path, shards: Sequence[Path], description: dict, before: pd.DataFrame | None) -> None:
    arrays: dict[str, list] = description["arrays"]
    first, indices = len(arrays.get("frames", [])), [] if before is None else [before]
    folder.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards, start=first):
        found = sorted(path.stem for path in shard.glob("*.npy"))
        if arrays and set(found) != set(arrays):
            raise DataError(f"{shard}: expected {sorted(arrays)} as in the store, found {found}; make both alike")
        for name in found:
            target = folder / f"{name}-{number:05d}.npy"
            link_or_copy(shard / f"{name}.npy", target)
            arrays.setdefault(name, []).append([target.name, array_rows(target), sha256_of(target)])
        indices.append(read_table(shard / INDEX).assign(shard=number))
    write_texts({folder / DESCRIPTION: json.dumps(description, indent=1, sort_keys=True) + "\n"})
    write_table(pd.concat(indices, ignore_index=True), folder / INDEX)


def _as_rows(notes: FrameNotes) -> np.ndarray:
    rows = np.empty(len(notes.key), NOTE)
    for name in NOTE.names:
        rows[name] = getattr(notes, name)
    return rows


def _description(folder: Path) -> dict:
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text())
        version = description.get("schema_version", 1)
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected here, not found; run `dvc repro`, which makes it") from error
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: expected the description of a store, found a damaged file ({error}); delete the folder and run "
            "`dvc repro`"
        ) from error
    if version != SCHEMA_VERSION:
        older = version < SCHEMA_VERSION if isinstance(version, int) else False
        advice = "run `dvc repro`, which makes it anew" if older else "update CrescendAI, or make it anew"
        raise DataError(f"{path}: expected a store of version {SCHEMA_VERSION}, found version {version}; {advice}")
    return description
