"""The spectrogram store gives back what was written, and sees damage."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.store import (
    SCHEMA_VERSION,
    Heard,
    SpectrogramStore,
    append_to_store,
    write_shard,
    write_store,
)
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError
from crescendai.midi.rolls import FrameNotes

LENGTHS = (7, 1, 30)


def spectrograms() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-100, 0, (length, 16)).astype(np.float16) for length in LENGTHS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = pd.DataFrame(
        {"clip_id": ["a", "b", "c"], "instrument": "p", "num_frames": LENGTHS, "duration_s": [0.1, 0.02, 0.5]}
    )
    write_store(tmp_path / "store", clips, iter(spectrograms()), 16, {"hop_length": 512})
    return tmp_path / "store"


def test_clips_come_back_bit_for_bit(folder: Path) -> None:
    store = SpectrogramStore(folder)
    assert len(store) == 3
    for position, expected in enumerate(spectrograms()):
        assert (store.clip(position) == expected).all()
    assert isinstance(store.clip(0).base, np.memmap)  # not a copy in memory
    assert store.settings == {"hop_length": 512}
    store.verify()


def test_a_flipped_bit_is_found_and_its_clip_named(folder: Path) -> None:
    content = bytearray((folder / "frames-00000.npy").read_bytes())
    content[-1] ^= 1
    (folder / "frames-00000.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"1 damaged clips, e\.g\. c"):
        SpectrogramStore(folder).verify()


@pytest.mark.parametrize("keep", [0, 100, 900])
def test_truncated_frames_are_refused(folder: Path, keep: int) -> None:
    content = (folder / "frames-00000.npy").read_bytes()
    (folder / "frames-00000.npy").write_bytes(content[:keep])
    with pytest.raises(DataError, match=r"frames-00000"):
        SpectrogramStore(folder)


def test_fewer_spectrograms_than_clips_leave_no_store(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["a"], "instrument": "p", "num_frames": [7], "duration_s": [0.1]})
    with pytest.raises(ValueError, match="shorter"):
        write_store(tmp_path / "store", clips, iter([]), 16, {})
    assert not (tmp_path / "store").exists()


def clips_of(names: str, lengths: tuple[int, ...]) -> pd.DataFrame:
    return pd.DataFrame({"clip_id": list(names), "instrument": "p", "num_frames": lengths, "duration_s": 0.5})


def test_shards_are_no_larger_than_told_unless_a_clip_is(tmp_path: Path) -> None:
    write_store(tmp_path / "s", clips_of("abc", LENGTHS), spectrograms(), 16, {}, shard_bytes=10 * 32)
    store = SpectrogramStore(tmp_path / "s")
    assert store.shards[0] != store.shards[2]
    for expected, found in zip(spectrograms(), store.stream(), strict=True):
        assert (found == expected).all()
    store.verify()


def test_an_appended_shard_comes_after_the_others_and_a_stopped_append_does_not_count(folder: Path) -> None:
    new = folder.parent / "new"
    new.mkdir()
    write_shard(new, clips_of("d", (5,)), [np.full((5, 16), -3.0)], 16)
    before = (folder / "index.parquet").read_bytes()
    append_to_store(folder, [new], {"hop_length": 512})
    assert SpectrogramStore(folder).clip(3).tolist() == np.full((5, 16), -3.0).tolist()
    (folder / "index.parquet").write_bytes(before)  # as if it had been stopped before its last step
    assert len(SpectrogramStore(folder)) == 3
    append_to_store(folder, [new], {"hop_length": 512})
    store = SpectrogramStore(folder)
    store.verify()
    assert list(store.index["clip_id"]) == ["a", "b", "c", "d"] and store.shards.tolist() == [0, 0, 0, 1]
    with pytest.raises(DataError, match="expected settings"):
        append_to_store(folder, [new], {"hop_length": 256})


def test_what_is_played_comes_back_memory_mapped(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    heard = []
    for length, count in zip(LENGTHS, (3, 0, 5), strict=True):
        first = np.sort(rng.integers(0, length, count))
        pedal, velocity = rng.integers(0, 128, length).astype(np.uint8), rng.random(count).astype(np.float32)
        notes = FrameNotes(
            rng.integers(0, 88, count), first + np.float32(0.25), first + 1, first + 2, velocity, pedal
        )
        heard.append(Heard(rng.normal(size=(length, 16)), notes))
    write_store(tmp_path / "s", clips_of("abc", LENGTHS), heard, 16, {})
    store = SpectrogramStore(tmp_path / "s")
    for position, (_, notes) in enumerate(heard):
        for own, expected in zip(store.notes(position).rolls(0, 9), notes.rolls(0, 9), strict=True):
            np.testing.assert_array_equal(own, expected)


def test_a_store_without_notes_says_so(folder: Path) -> None:
    with pytest.raises(DataError, match="expected notes"):
        SpectrogramStore(folder).notes(0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"hop_length": 512}', "found version 1; run `dvc repro`"),
        (f'{{"schema_version": {SCHEMA_VERSION - 1}}}', f"found version {SCHEMA_VERSION - 1}; run `dvc repro`"),
        (f'{{"schema_version": {SCHEMA_VERSION + 1}}}', f"found version {SCHEMA_VERSION + 1}; update CrescendAI"),
        ("{", "damaged"),
    ],
)
def test_another_version_is_one_sentence(folder: Path, text: str, says: str) -> None:
    (folder / "spectrogram.json").write_text(text)
    with pytest.raises(DataError, match=says):
        SpectrogramStore(folder)


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan], "blob": [b"1", None]})
    write_table(frame, tmp_path / "one.parquet")
    write_table(frame.copy(), tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    pd.testing.assert_frame_equal(read_table(tmp_path / "one.parquet"), frame)


def test_a_missing_or_damaged_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not found; run `dvc repro`"):
        read_table(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="damaged"):
        read_table(tmp_path / "broken.parquet")
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "narrow.parquet")
    with pytest.raises(DataError):
        read_table(tmp_path / "narrow.parquet", ["a", "b"])


def test_a_failed_write_leaves_the_old_table(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.parquet")
    with pytest.raises(Exception, match="object"):
        write_table(pd.DataFrame({"a": [object()]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["a"].tolist() == [1]
