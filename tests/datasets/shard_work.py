"""Work that can go wrong, as the shard tests hand it to workers; and run from the command line, to be killed."""

import os
import signal
import sys
import time
from pathlib import Path

from crescendai.datasets.cluster import Backend
from crescendai.datasets.shards import Items, map_shards

TWO = Backend("loky", "", 2)
SHARDS = [[4 * shard + item for item in range(4)] for shard in range(8)]


def make(items: Items, folder: Path) -> None:
    """A file of a hundred bytes an item. ``<work>/kill-<item>`` kills the worker at it, and each file once."""
    with (folder / "bytes.bin").open("wb") as file:
        for item in items:
            trap = folder.parents[1] / f"kill-{item}"
            if trap.exists():
                if trap.read_text() == "once":
                    trap.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(float(os.environ.get("ITEM_S", "0")))
            with (folder.parents[1] / "made").open("a") as log:
                log.write(f"{item}\n")
            file.write(bytes([item]) * 100)


def run(work: Path, backend: Backend = TWO) -> bytes:
    """All bytes of all shards, in order."""
    folders = map_shards(make, SHARDS, work, backend, lambda item: f"item {item}", "test")
    return b"".join((folder / "bytes.bin").read_bytes() for folder in folders)


if __name__ == "__main__":  # a folder, and the address of a Dask scheduler if there is one
    run(Path(sys.argv[1]), Backend("dask", sys.argv[2]) if len(sys.argv) > 2 else TWO)
