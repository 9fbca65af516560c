"""The shipped model is what its manifest says, or it is refused by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crescendai.errors import DataError
from crescendai.shipped import open_shipped, verify, write_manifest
from tests.shipped_models import small_shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_shipped(tmp_path / "small")


def test_a_whole_model_opens(folder: Path):
    shipped = open_shipped(folder)
    assert (shipped.identity.name, shipped.identity.version) == ("small", "1.2")
    assert shipped.intervals.coverage == 0.9 and shipped.card.startswith("# Small")
    assert shipped.model.listener is not None
    assert not list(folder.parent.glob("*.part"))


@pytest.mark.parametrize("name", ["model.safetensors", "listener.json", "intervals.json", "card.md"])
def test_a_changed_or_missing_file_is_named(folder: Path, name: str):
    file = folder / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(DataError, match=f"{name}: expected sha256"):
        open_shipped(folder)
    file.unlink()
    with pytest.raises(DataError, match=f"{name}: expected a file of the model, found none"):
        open_shipped(folder)


@pytest.mark.parametrize("name", ["model.json", "listener.safetensors", "listener.json", "intervals.json", "card.md"])
def test_a_file_without_a_checksum_is_named(folder: Path, name: str):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=f"expected a checksum for every file, found none of {name}"):
        open_shipped(folder)


@pytest.mark.parametrize("name", ["model.json", "intervals.json", "card.md"])
def test_what_every_model_has_is_missed_with_its_checksum(folder: Path, name: str):
    (folder / name).unlink()
    write_manifest(folder, "small", "1.2")
    with pytest.raises(DataError, match=f"expected a checksum for every file, found none of {name}"):
        verify(folder)


def test_what_is_hidden_and_folders_are_not_the_models(folder: Path):
    before = (folder / "manifest.json").read_bytes()
    (folder / ".gitattributes").write_text("*.safetensors binary")
    (folder / "lost+found").mkdir()
    verify(folder)
    write_manifest(folder, "small", "1.2")
    assert (folder / "manifest.json").read_bytes() == before


def test_texts_are_utf8_wherever_they_are_read(folder: Path):
    (folder / "card.md").write_bytes("# Größe, –".encode())
    write_manifest(folder, "Größe", "1.2")
    program = "import sys; from pathlib import Path; from crescendai.shipped import *; f = Path(sys.argv[1]); "
    program += "print(ascii([read_card(f), verify(f).name])); read_intervals(f / 'intervals.json')"
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    options = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:crescendai.shipped"]
    done = subprocess.run([sys.executable, *options, "-c", program, str(folder)], env=os.environ | settings,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.strip() == ascii(["# Größe, –", "Größe"]), done.stderr


def test_intervals_must_be_of_all_dimensions(folder: Path):
    (folder / "intervals.json").write_text('{"coverage": 0.9, "half_width": {"pedal_amount": 0.1}}')
    write_manifest(folder, "small", "1.3")
    with pytest.raises(DataError, match="coverage and half_width of 19 dimensions"):
        open_shipped(folder)


@pytest.mark.parametrize("content", [None, "", "{}", '{"name": "a", "version": "1", "files": {"../x": "0"}}'])
def test_a_bad_manifest_is_refused(folder: Path, content: str | None):
    (folder / "manifest.json").unlink()
    if content is not None:
        (folder / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest.json: expected"):
        verify(folder)


def test_a_single_model_has_neither_intervals_nor_card(folder: Path):
    shipped = open_shipped(folder / "model")
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert shipped.intervals is None and shipped.card is None
    assert shipped.identity.sha256 == listed["model.safetensors"]
