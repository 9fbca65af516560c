"""The spectrogram store gives back what was written, and sees damage."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.store import SpectrogramStore, write_store
from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError

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
    content = bytearray((folder / "frames.npy").read_bytes())
    content[-1] ^= 1
    (folder / "frames.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"1 damaged clips, e\.g\. c"):
        SpectrogramStore(folder).verify()


@pytest.mark.parametrize("keep", [0, 100, 900])
def test_truncated_frames_are_refused(folder: Path, keep: int) -> None:
    content = (folder / "frames.npy").read_bytes()
    (folder / "frames.npy").write_bytes(content[:keep])
    with pytest.raises(DataError, match=r"frames\.npy"):
        SpectrogramStore(folder)


def test_fewer_spectrograms_than_clips_leave_no_store(tmp_path: Path) -> None:
    clips = pd.DataFrame({"clip_id": ["a"], "instrument": "p", "num_frames": [7], "duration_s": [0.1]})
    with pytest.raises(ValueError, match="shorter"):
        write_store(tmp_path / "store", clips, iter([]), 16, {})
    assert not (tmp_path / "store" / "frames.npy").exists()


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
