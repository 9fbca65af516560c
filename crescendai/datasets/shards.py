"""Work on many items in shards: on all cores or a cluster, and without loss when it is killed.

A shard is some consecutive items and the files made of them. Which items those are follows from the items alone,
and a shard is made by one worker from first to last: its bytes depend neither on how many workers there are, nor
on what kind they are, nor on who is done first. Shards in work lie outside of DVC's outs, which DVC deletes before
a stage runs::

    data/.shards/<stage>-<corpus>-<hash of params, inputs and code>/
        00012/         the files of shard 12
        00012.json     their sizes and checksums; written last: without it the shard does not count
        00012.at       the item its worker is at, so that a crash has a name

A run that is started again checks the shards it finds, and makes what is missing or damaged.
"""

import hashlib
import json
import os
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from joblib import delayed
from tqdm import tqdm

from crescendai.datasets.cluster import Backend, lost_cluster_errors, lost_worker_errors, workers_of
from crescendai.datasets.manifest import sha256_of
from crescendai.errors import CrescendaiError, DataError

Item = TypeVar("Item")
Make = Callable[["Items", Path], None]

FEWEST = 32  # shards of a small corpus: enough for the last of them not to keep many cores waiting
LOOK_S = 0.5  # between two looks at how many shards are done
OWNER = "owner"
WATCHER = "ends with its parent"
WORK = Path("data/.shards")


def cut_shards(sizes: Sequence[float], largest: float) -> list[slice]:
    """Consecutive stretches of items, none larger than ``largest`` unless one item alone is.

    sizes: ``[item]`` bytes, or whatever else work and space grow with. A corpus too small for `FEWEST` shards of that
        size is cut into about as many smaller ones.
    """
    sizes = np.asarray(sizes, float)
    limit = min(largest, sizes.sum() / FEWEST)
    starts, filled = [], np.inf
    for position, size in enumerate(sizes):
        if filled + size > limit and (filled > 0 or not starts):
            starts.append(position)
            filled = 0.0
        filled += size
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(sizes)], strict=True)]


def work_folder(stage: str, corpus: str, key: dict[str, Any], root: Path = WORK) -> Path:
    """Where the shards of a run are made: another folder for other params, inputs or code.

    key: what the shards follow from, beside the code of this package and of the stage, as JSON can hold it.
    """
    package = Path(__file__).parents[1]
    code = sorted(file for part in ("audio", "datasets", "midi") for file in (package / part).rglob("*.py"))
    code.append(package.parent / "stages" / f"{stage}.py")
    text = json.dumps([key, [sha256_of(file) for file in code if file.exists()]], sort_keys=True)
    return root.absolute() / f"{stage}-{corpus}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def clean_up(work: Path) -> None:
    """The outs are written: deletes the shards they were made of, and those of earlier runs of the stage."""
    for folder in work.parent.glob(f"{work.name.rpartition('-')[0]}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def map_shards(
    make: Make, shards: Sequence[Sequence[Item]], work: Path, backend: Backend, name_of: Callable[[Item], str],
    label: str,
) -> list[Path]:  # fmt: skip
    """Makes every shard that is not there yet, several at a time.

    make: ``make(items, folder)`` writes the files of one shard into an empty folder; takes its items one by one.
        It runs in another process, perhaps on another machine: it must be importable or picklable.
    shards: the items of each.
    work: of `work_folder`; on a cluster of several machines, on a disk that all see under this path.
    name_of: what an error calls an item.
    label: of the progress bar.

    Returns:
        The shards' folders, in order.

    Raises:
        DataError: an item's worker was lost twice, or a file could not be written; whatever else `make` raises.
        CrescendaiError: the cluster is gone. In every case what is finished is kept for the next run.
    """
    work.mkdir(parents=True, exist_ok=True)
    owner = uuid.uuid4().hex
    (work / OWNER).write_text(owner)  # workers of a run that was killed see it, and leave off
    _sweep(work)
    missing = [number for number in range(len(shards)) if not _is_whole(work, number)]
    if len(missing) < len(shards):
        print(f"{label}: {len(shards) - len(missing)} of {len(shards)} shards are there from a run that was stopped")
    names = [[name_of(item) for item in shard] for shard in shards]

    with _progress(work, label, len(shards), missing), workers_of(backend) as workers:

        def run(numbers: Sequence[int], at_once: int) -> None:
            workers.parallel(at_once)(
                delayed(_make_shard)(make, Items(shards[n], names[n], work, n, owner), n, work) for n in numbers
            )

        while missing:
            try:
                run(missing, workers.at_once)
            except lost_worker_errors(backend) as error:
                suspects = [n for n in missing if (work / f"{n:05d}.at").exists() and not _record(work, n).exists()]
                if not suspects:
                    raise _gone(backend, error) from error
                for number in suspects:
                    _once_more(lambda n=number: run([n], 1), work, number, backend)
            missing = [n for n in missing if not _record(work, n).exists()]
    return [_folder(work, number) for number in range(len(shards))]


def _once_more(run_alone: Callable[[], None], work: Path, number: int, backend: Backend) -> None:
    """A shard whose worker was lost, alone: if it is lost again, it is the item's fault."""
    print(f"shard {number}: its worker was lost, tried once more", file=sys.stderr)
    try:
        run_alone()
    except lost_worker_errors(backend) as error:
        if isinstance(error, lost_cluster_errors(backend)):
            raise _gone(backend, error) from error
        item = (work / f"{number:05d}.at").read_text()
        raise DataError(
            f"{item}: expected a worker to finish it, found two of them killed or crashed at it "
            f"({type(error).__name__}); look at this item and at the machine's memory, then run again: finished "
            "shards are kept"
        ) from error


def _gone(backend: Backend, error: Exception) -> CrescendaiError:
    return CrescendaiError(
        f"compute.backend: expected workers of {backend.name}, found them gone ({type(error).__name__}); look at the "
        "cluster and run again, finished shards are kept"
    )


class Items(Generic[Item]):
    """The items of a shard. Taken one by one, each is announced, so that a crash has a name; ``all`` lists them."""

    def __init__(self, items: Sequence[Item], names: Sequence[str], work: Path, number: int, owner: str):
        self.all = list(items)
        self._names, self._work, self._owner = names, work, owner
        self.at = work / f"{number:05d}.at"
        self.parent = os.getpid()

    def __iter__(self) -> Iterator[Item]:
        for item, name in zip(self.all, self._names, strict=True):
            if (self._work / OWNER).read_text() != self._owner:
                raise CrescendaiError(f"{self._work}: expected to own it, found another run there; this one leaves off")
            self.at.write_text(name)
            yield item


def _make_shard(make: Make, items: Items, number: int, work: Path) -> None:
    """In a worker: makes one shard under another name, then lets it count."""
    partial = work / f"{number:05d}.{uuid.uuid4().hex[:8]}.part"
    _end_with(items.parent)
    try:
        partial.mkdir()
        make(items, partial)
        files = {path.name: [path.stat().st_size, sha256_of(path)] for path in sorted(partial.iterdir())}
        record = partial.with_suffix(".json.part")
        record.write_text(json.dumps(files))
        shutil.rmtree(_folder(work, number), ignore_errors=True)  # a damaged one
        os.rename(partial, _folder(work, number))
        os.replace(record, _record(work, number))
        items.at.unlink(missing_ok=True)
    except OSError as error:
        item = items.at.read_text() if items.at.exists() else "its first item"
        raise DataError(
            f"shard {number} in {work}: expected to write it, found {error.strerror or error} at {item}; make room or "
            "mend the disk, then run again: finished shards are kept"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _end_with(parent: int) -> None:
    """Ends this worker soon after the process that started it is killed: loky's would wait for work for ever."""
    if os.getppid() != parent or any(thread.name == WATCHER for thread in threading.enumerate()):
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, name=WATCHER, daemon=True).start()


def _is_whole(work: Path, number: int) -> bool:
    """Whether a shard is there and as it was written."""
    try:
        files = json.loads(_record(work, number).read_text())
    except (OSError, ValueError):
        return False
    folder = _folder(work, number)
    for name, (size, sha256) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
            print(f"{path}: damaged, its shard is made again", file=sys.stderr)
            _record(work, number).unlink()
            return False
    return True


def _sweep(work: Path) -> None:
    """Deletes what a killed run left half made."""
    for path in [*work.glob("*.part"), *work.glob("*.at")]:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def _progress(work: Path, label: str, total: int, missing: Iterable[int]) -> Iterator[None]:
    """A bar of finished shards, wherever they are made: rate and time left."""
    waiting, stopped = set(missing), threading.Event()

    def watch(bar: tqdm) -> None:
        while not stopped.wait(LOOK_S):
            done = {number for number in waiting if _record(work, number).exists()}
            waiting.difference_update(done)
            bar.update(len(done))

    with tqdm(desc=label, total=total, initial=total - len(waiting), unit="shard", smoothing=0.1) as bar:
        watcher = threading.Thread(target=watch, args=(bar,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()
            bar.update(sum(_record(work, number).exists() for number in waiting))


def _folder(work: Path, number: int) -> Path:
    return work / f"{number:05d}"


def _record(work: Path, number: int) -> Path:
    return work / f"{number:05d}.json"
