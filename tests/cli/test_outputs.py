"""Documents go where they were meant to, and nothing else is touched."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crescendai.cli.outputs import check_places, write_documents
from crescendai.errors import CrescendaiError, DataError


def everything(folder: Path) -> dict[Path, bytes | None]:
    """All that is in a folder, links and hidden files too."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_check_leaves_all_as_it_was(tmp_path: Path):
    for name in ("o.json", "o.json.part"):
        (tmp_path / name).write_text("mine")
    before = everything(tmp_path)
    check_places({"--json": tmp_path / "o.json", "--csv": tmp_path / "new" / "deep" / "o.csv", "--html": None})
    assert everything(tmp_path) == before


def test_a_check_that_fails_leaves_all_as_it_was(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    before = everything(tmp_path)
    for path in (tmp_path / "file" / "o.json", tmp_path / "new" / ("o" * 300) / "o.json", tmp_path / ("o" * 300)):
        with pytest.raises(DataError, match=r"--json .*: expected a place to write a file"):
            check_places({"--json": path})
    assert everything(tmp_path) == before


def test_a_document_replaces_what_was_there_and_nothing_beside_it(tmp_path: Path):
    for name in ("o.json", "o.json.part"):
        (tmp_path / name).write_text("mine")
    other = tmp_path / "other"
    other.write_text("")
    write_documents({tmp_path / "o.json": "new"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "o.json": "new", "o.json.part": "mine", "other": "",
    }  # fmt: skip
    # Readable for whom files of this user usually are.
    assert stat.S_IMODE((tmp_path / "o.json").stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_a_link_stays_one(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "o.json")
    write_documents({tmp_path / "link": "text"})
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "o.json").read_text() == "text"


@pytest.mark.parametrize("other", ["o", "x/../o", "link"])
def test_one_place_is_not_given_twice(tmp_path: Path, other: str):
    (tmp_path / "link").symlink_to("o")
    with pytest.raises(DataError, match="--json and --csv: expected a place for each"):
        check_places({"--json": tmp_path / "o", "--csv": tmp_path / other})


@pytest.mark.parametrize("name", ["a.wav", "new.wav", "a.MP3", "a.m4a", "x/../take", "link", "to_mp3"])
def test_a_recording_is_no_place_for_a_document(tmp_path: Path, name: str):
    for recording in ("a.wav", "a.MP3", "a.m4a", "take"):
        (tmp_path / recording).write_bytes(b"music")
    (tmp_path / "link").symlink_to("take")
    (tmp_path / "to_mp3").symlink_to("a.MP3")
    with pytest.raises(DataError, match=r"--json .*: expected a document's place, found a recording's"):
        check_places({"--json": tmp_path / name}, [tmp_path / "take"])


def test_one_document_that_fails_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    places = [tmp_path / name for name in ("a.json", "b.csv", "c.html")]
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: replace(old, new if new != places[1] else tmp_path))
    with pytest.raises(CrescendaiError, match=r"b\.csv: expected to write it"):
        write_documents(dict.fromkeys(places, "text"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "c.html"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as aside:
        read = aside.submit(pipe.read_text)
        check_places({"--json": pipe})
        write_documents({pipe: "text"})
        assert read.result(10) == "text" and pipe.is_fifo()
