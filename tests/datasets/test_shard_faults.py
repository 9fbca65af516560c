"""What machines do to shards: a disk that is really full, a scheduler that is killed, a mirror that lacks a file."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crescendai.datasets.maestro import open_maestro
from crescendai.errors import DataError
from tests.datasets.shard_work import SHARDS, run

WHOLE = b"".join(bytes([item]) * 100 for shard in SHARDS for item in shard)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 kB, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("mount") or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", disk], capture_output=True
    ).returncode:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_one_sentence_and_with_more_room_the_rest_is_made(small_disk: Path) -> None:
    with pytest.raises(DataError, match=r"No space left on device at .*; make room"):
        run(small_disk / "work")
    kept = [path.name for path in (small_disk / "work").glob("*.json")]
    assert 0 < len(kept) < len(SHARDS)
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert run(small_disk / "work") == WHOLE


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.slow
def test_a_killed_scheduler_is_one_sentence_and_the_rest_is_made_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    work, address = tmp_path / "work", free_address()
    environment = os.environ | {"ITEM_S": "0.5", "PYTHONPATH": os.pathsep.join(sys.path)}
    host, port = address.split(":")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment, "cwd": Path.cwd()}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"]
    scheduler = subprocess.Popen(dask, **quiet)
    dask = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--death-timeout", "60"]  # fmt: skip
    workers = [subprocess.Popen(dask, **quiet) for _ in range(2)]
    try:
        command = [sys.executable, "-m", "tests.datasets.shard_work", str(work), f"tcp://{address}"]
        client = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        until = time.monotonic() + 120
        while not list(work.glob("0*.json")):
            assert time.monotonic() < until and client.poll() is None, client.stderr.read()
            time.sleep(0.1)
        scheduler.send_signal(signal.SIGKILL)
        _, said = client.communicate(timeout=120)
    finally:
        for process in (scheduler, *workers):
            process.kill()
            process.wait()
    assert client.returncode and "look at the cluster" in said, said[-2000:]
    assert 0 < len(list(work.glob("0*.json"))) < len(SHARDS)
    assert run(work) == WHOLE


@pytest.mark.mirror
def test_a_mirror_that_lacks_a_performance_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(os.environ["CRESCENDAI_MIRROR"]) / "maestro-v3.0.0", tmp_path / "maestro-v3.0.0")
    lacking = next((tmp_path / "maestro-v3.0.0").rglob("*.mid*"))
    lacking.unlink()
    monkeypatch.setenv("CRESCENDAI_MIRROR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=re.escape(lacking.name)):
        open_maestro()
