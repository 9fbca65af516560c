"""Going on where a killed run stopped.

::

    <folder>/<hash of the run's key>/
        120/        the arrays of step 120, as Orbax writes them
        120.json    what else is kept, and a fingerprint of every file; written last: without it nothing counts

The folder lies outside DVC's outs, which DVC deletes before it runs a stage. Checkpoints are of use to the run
that made them; what is kept for good are safetensors (`crescendai.models.checkpoint`).
"""

import hashlib
import json
import logging
import os
import shutil
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from crescendai.datasets.manifest import sha256_of
from crescendai.errors import CrescendaiError

Tree = TypeVar("Tree")

KEPT = 2  # the newest may turn out damaged


class Resume:
    """Checkpoints of one run, one object a run at a time.

    ``with Resume(folder, key) as resume:`` finishes writing when an error leaves the block; at the
    interpreter's exit it is too late.

    folder: of the checkpoints of all runs.
    key: everything the run follows from, params and hashes of its inputs, as JSON can hold it. A run with
        another key finds nothing and starts anew.
    """

    def __init__(self, folder: Path, key: dict[str, Any]):
        self.key = key
        self.folder = folder.absolute() / _json_sha256(key)[:16]
        self._writing: Future | None = None
        self._background = ThreadPoolExecutor(1, "checkpoint")
        logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax speaks through it, of what users cannot change
        self._checkpointer = ocp.StandardCheckpointer()
        if jax.process_index() == 0:
            self._sweep()

    def __enter__(self) -> "Resume":
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()

    def save(self, step: int, tree: Tree, extra: dict[str, Any]) -> None:
        """Begins to write a checkpoint and returns; training may go on, and give the arrays' memory away.

        One is written at a time: a save that comes too early waits for the one before. A kill costs the steps
        since the last save, and if that was still being written, those since the save before it.

        tree: arrays and numbers, none of size 0, on whatever devices. extra: what else there is to remember, as
            JSON can hold it.

        Raises:
            TypeError: JSON cannot hold ``extra``.
        """
        self.wait()
        arrays = _by_name(tree)
        shapes = {name: [str(leaf.dtype), list(leaf.shape)] for name, leaf in arrays.items()}
        record = {"step": step, "key": self.key, "extra": extra, "arrays": shapes}
        record = json.loads(_canonical(record))  # a copy: the run goes on to change what it gave
        if jax.process_index() == 0:
            self._drop(step)
        self._checkpointer.save(self.folder / str(step), arrays)
        self._writing = self._background.submit(self._commit, record)

    def wait(self) -> None:
        """Returns when everything is on disk; raises what went wrong there."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def latest(self, like: Tree) -> tuple[int, Tree, dict[str, Any]] | None:
        """The newest sound checkpoint: step, arrays to the last bit, and extra; None if there is none.

        A damaged one is deleted with a note on stderr, and the one before is taken.

        like: arrays, or `jax.ShapeDtypeStruct`, in the structure, shapes and places wanted. NumPy arrays come
            back as such, and so do numbers.

        Raises:
            CrescendaiError: the checkpoint has other arrays.
        """
        self.wait()
        found = self._newest_sound() if jax.process_index() == 0 else None
        step = int(multihost_utils.broadcast_one_to_all(np.int32(-1 if found is None else found)))
        if step < 0:
            return None
        record = json.loads(self._record_file(step).read_text())
        wanted = _by_name(like)
        for name in sorted(wanted.keys() | record["arrays"].keys()):
            expected = [str(wanted[name].dtype), list(wanted[name].shape)] if name in wanted else None
            if record["arrays"].get(name) != expected:
                raise CrescendaiError(
                    f"{self.folder / str(step)}: expected {name} as {expected}, found {record['arrays'].get(name)}; "
                    f"the checkpoint is of another network: delete {self.folder} to start anew"
                )
        arrays = self._checkpointer.restore(self.folder / str(step), wanted)
        return step, jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in wanted]), record["extra"]

    def finished(self) -> None:
        """The run is over and what it made is safe: deletes its checkpoints."""
        self.wait()
        self._checkpointer.close()
        if jax.process_index() == 0:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _commit(self, record: dict[str, Any]) -> None:
        """In the background: waits for the arrays, makes the checkpoint count, and drops old ones."""
        self._checkpointer.wait_until_finished()
        if jax.process_index() != 0:
            return
        step = record["step"]
        record["files"] = _fingerprints(self.folder / str(step))
        record["sha256"] = _json_sha256(record)
        part = self.folder / f"{step}.part"
        part.write_text(_canonical(record))
        os.replace(part, self._record_file(step))
        for old in self._steps()[:-KEPT]:
            self._drop(old)

    def _newest_sound(self) -> int | None:
        for step in reversed(self._steps()):
            if self._is_sound(step):
                return step
            print(f"{self.folder / str(step)}: damaged checkpoint, taking the one before", file=sys.stderr)
            self._drop(step)
        return None

    def _is_sound(self, step: int) -> bool:
        try:
            record = json.loads(self._record_file(step).read_text())
            return record.pop("sha256") == _json_sha256(record) and (
                record["files"] == _fingerprints(self.folder / str(step))
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def _steps(self) -> list[int]:
        return sorted(int(file.stem) for file in self.folder.glob("*.json"))

    def _record_file(self, step: int) -> Path:
        return self.folder / f"{step}.json"

    def _drop(self, step: int) -> None:
        self._record_file(step).unlink(missing_ok=True)  # first, so that a kill in between leaves nothing that counts
        shutil.rmtree(self.folder / str(step), ignore_errors=True)

    def _sweep(self) -> None:
        """Deletes what a kill left half written or half deleted."""
        counting = {name for step in self._steps() for name in (str(step), f"{step}.json")}
        for path in self.folder.glob("*"):
            if path.name not in counting:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def code_sha256(*folders: str) -> str:
    """Of all Python files in folders of the project: a run of other code is another run."""
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    return _json_sha256({str(file): sha256_of(file) for file in files})


def _by_name(tree: Tree) -> dict[str, jax.Array]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf if hasattr(leaf, "sharding") else np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _json_sha256(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
