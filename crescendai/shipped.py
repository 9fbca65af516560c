"""The model that comes with the package: where it is, what it is called, and that it is whole.

A folder, ``crescendai/shipped_model/`` among the package's data, or one that ``--model`` names::

    model.safetensors, model.json         the network that rates, see crescendai.models.checkpoint
    listener.safetensors, listener.json   the transcriber it hears with, where it has one
    intervals.json                        {"coverage": 0.9, "half_width": {dimension: half the width, 0 to 1}}
    card.md                               what it is for, how it was made, what it scores
    manifest.json                         {"name", "version", "files": {file: sha256}}
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from crescendai.dimensions import NAMES
from crescendai.errors import DataError

if TYPE_CHECKING:  # JAX takes seconds to load, and a card is read without it
    from crescendai.models.checkpoint import TrainedModel

FOLDER = "shipped_model"
MANIFEST = "manifest.json"
WHOLE = ("model.safetensors", "model.json", "intervals.json", "card.md")  # what every model has
ADVICE = "install the package again, or give another model with --model"


@dataclass(frozen=True)
class Intervals:
    """Half the width of each dimension's interval, by name, and the share of cases in which it holds the truth."""

    coverage: float
    half_width: dict[str, float]


@dataclass(frozen=True)
class ModelIdentity:
    """name, version: of the manifest. sha256: of the weights that rate."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class ShippedModel:
    """A trained model and what is known of it; intervals and card are None where only the network was given."""

    model: "TrainedModel"
    identity: ModelIdentity
    intervals: Intervals | None
    card: str | None


def shipped_folder() -> Path:
    """Where the package's own model lies, whether or not it is there."""
    return Path(str(files("crescendai"))) / FOLDER


def open_shipped(path: Path | None = None) -> ShippedModel:
    """Loads a model, every file compared with its checksum before it is read.

    path: a folder as above, or a single model's path without suffix, which has neither intervals nor card; by
        default the package's own.

    Raises:
        DataError: there is none, a file is missing, damaged or another one, or the intervals are not of the 19
            dimensions.
    """
    from crescendai.models.checkpoint import load_model

    folder = shipped_folder() if path is None else path
    if path is not None and not path.is_dir():
        weights = path.with_name(path.name + ".safetensors")
        model = load_model(path)
        return ShippedModel(model, ModelIdentity(path.name, model.revision, _sha256(weights)), None, None)
    identity = verify(folder)
    intervals = read_intervals(folder / "intervals.json")
    return ShippedModel(load_model(folder / "model"), identity, intervals, read_card(folder))


def verify(folder: Path) -> ModelIdentity:
    """Compares every file of a model's folder with the manifest.

    Raises:
        DataError: no manifest, or a file that is missing, differs or is not listed; hidden ones need not be.
    """
    manifest = _read_manifest(folder)
    if unlisted := sorted({*WHOLE, *_files(folder)} - manifest["files"].keys()):
        raise DataError(
            f"{folder}: expected a checksum for every file, found none of {', '.join(unlisted)}; take away what is not "
            f"the model's, {ADVICE}"
        )
    for name, expected in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            raise DataError(f"{file}: expected a file of the model, found none; {ADVICE}")
        if (found := _sha256(file)) != expected:
            raise DataError(f"{file}: expected sha256 {expected}, found {found}; {ADVICE}")
    return ModelIdentity(manifest["name"], manifest["version"], manifest["files"]["model.safetensors"])


def read_card(folder: Path) -> str:
    """The model card, Markdown.

    Raises:
        DataError: there is none.
    """
    file = folder / "card.md"
    if not file.is_file():
        raise DataError(f"{file}: expected a model card, found none; {ADVICE}")
    return file.read_text(encoding="utf-8")


def read_intervals(file: Path) -> Intervals:
    """Raises:
    DataError: not a coverage and a half width, 0 to 1, for each of the 19 dimensions.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        intervals = Intervals(float(found["coverage"]), {name: float(found["half_width"][name]) for name in NAMES})
        if not all(0 < value <= 1 for value in (intervals.coverage, *intervals.half_width.values())):
            raise ValueError("a number outside 0 to 1")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file}: expected coverage and half_width of {len(NAMES)} dimensions, found {type(error).__name__}: "
            f"{error}; {ADVICE}"
        ) from error
    return intervals


def pack_model(
    model: "TrainedModel", intervals: Intervals, card: str, name: str, version: str, folder: Path,
    dtype: str = "float32",
) -> ModelIdentity:  # fmt: skip
    """Writes a folder as above from a trained model; whole or not at all.

    folder: new or empty. dtype: that weights are kept in.

    Raises:
        DataError: there is something in the folder.
    """
    from crescendai.models.checkpoint import save_model

    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: expected a new or empty folder, found files; choose another")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    if model.listener is not None:
        save_model(model.listener, part / "listener", dtype=dtype)
    save_model(model, part / "model", None if model.listener is None else part / "listener", dtype)
    (part / "intervals.json").write_text(
        json.dumps({"coverage": intervals.coverage, "half_width": intervals.half_width}, indent=2) + "\n",
        encoding="utf-8",
    )
    (part / "card.md").write_text(card, encoding="utf-8")
    write_manifest(part, name, version)
    if folder.exists():
        folder.rmdir()
    os.replace(part, folder)
    return verify(folder)


def write_manifest(folder: Path, name: str, version: str) -> None:
    """Lists the files of a folder with their checksums."""
    manifest = {"name": name, "version": version, "files": {of: _sha256(folder / of) for of in _files(folder)}}
    partial = folder / ".manifest.json.part"
    partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, folder / MANIFEST)


def _files(folder: Path) -> list[str]:
    """What a manifest lists: all files of a folder but itself, and those that are hidden, which no model has."""
    found = (file.name for file in folder.iterdir() if file.is_file())
    return sorted(name for name in found if name != MANIFEST and not name.startswith("."))


def _read_manifest(folder: Path) -> dict:
    file = folder / MANIFEST
    if not file.is_file():
        raise DataError(f"{file}: expected a model's manifest, found none; {ADVICE}")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        names = [*manifest["files"], manifest["name"], manifest["version"]]
        # Names alone: a manifest must not point out of its folder.
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ValueError("names that are not plain")
        manifest["files"]["model.safetensors"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file}: expected name, version and files, found {type(error).__name__}: {error}; {ADVICE}"
        ) from error
    return manifest


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
