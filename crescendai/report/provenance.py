"""Where a result comes from: code revision, data, pipeline lock and packages."""

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ruamel.yaml import YAML

# What decides a result. dvc.lock, metrics/ and plots/ are results and differ whenever a run is new.
SOURCES = ("crescendai", "stages", "dvc.yaml", "params.yaml", "pyproject.toml", "constraints.txt")
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "librosa", "soundfile", "midirenderer", "jax", "flax",
            "optax", "dvc", "mlflow")  # fmt: skip


@dataclass(frozen=True)
class Provenance:
    """All that is needed to find the run again."""

    date: str  # given by the caller
    revision: str | None  # None outside a git repository
    changed: tuple[str, ...]  # sources that differ from the revision
    data_sha256: str  # of data/<corpus>/clips.parquet
    lock_sha256: str | None  # of the corpus's entries in dvc.lock; None without one
    experiment: str | None  # name given by `dvc exp run`
    versions: dict[str, str]

    @property
    def short_revision(self) -> str:
        """Ten digits of the revision, with a plus if the sources differ from it."""
        return (self.revision[:10] if self.revision else "unversioned") + ("+" if self.changed else "")


def collect_provenance(top: Path, corpus: str, date: str) -> Provenance:
    """Reads the state of the project in folder ``top``."""
    clips = top / "data" / corpus / "clips.parquet"
    return Provenance(
        date=date,
        revision=_git(top, "rev-parse", "--verify", "--quiet", "HEAD"),
        changed=_changed_sources(top),
        data_sha256=hashlib.sha256(clips.read_bytes()).hexdigest(),
        lock_sha256=lock_sha256(top / "dvc.lock", corpus),
        experiment=os.environ.get("DVC_EXP_NAME"),  # DVC sets it for the stages of an experiment
        versions={"python": platform.python_version()}
        | {name: found for name in PACKAGES if (found := _version(name))},
    )


def lock_sha256(lock: Path, corpus: str) -> str | None:
    """Checksum of what dvc.lock says of the corpus's stages before the report.

    It covers every command, parameter, input and output of them, and stays when the other corpus or
    the report is made again.
    """
    if not lock.exists():
        return None
    stages = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))["stages"]
    entries = {name: entry for name, entry in stages.items() if name.endswith(f"@{corpus}")}
    entries.pop(f"report@{corpus}", None)
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest() if entries else None


def _changed_sources(top: Path) -> tuple[str, ...]:
    """Sources that differ from HEAD or are not in it."""
    # An index of its own: the repository's is not touched while DVC or an editor uses it, and having
    # no file times in it, git compares contents. In the copies that `dvc queue` works in, it otherwise
    # misses a parameter that was replaced by one of equal length.
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(top, "read-tree", "HEAD", **index)
        status = _git(top, "status", "--porcelain", "--", *SOURCES, **index) or ""
    return tuple(line[2:].strip() for line in status.splitlines())


def _git(top: Path, *arguments: str, **environment: str) -> str | None:
    """Output of a git command, None where git or the repository is missing."""
    command = ["git", "-C", str(top), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | environment
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n") or None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
