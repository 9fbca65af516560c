"""Shards: the same bytes whoever makes them; what is finished is kept; what goes wrong has a name."""

import errno
import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.datasets.cluster import Backend
from crescendai.datasets.shards import FEWEST, clean_up, cut_shards, map_shards, work_folder
from crescendai.errors import DataError
from tests.datasets.shard_work import SHARDS, run

WHOLE = b"".join(bytes([item]) * 100 for shard in SHARDS for item in shard)


def made(work: Path) -> list[int]:
    log = work.parent / "made"
    return sorted(int(line) for line in log.read_text().splitlines()) if log.exists() else []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200), st.integers(10, 1000))
def test_shards_are_all_items_in_order_and_none_too_large(sizes: list[int], largest: int):
    cuts = cut_shards(sizes, largest)
    assert [position for cut in cuts for position in range(len(sizes))[cut]] == list(range(len(sizes)))
    limit = min(largest, sum(sizes) / FEWEST)
    assert all(sum(sizes[cut]) <= limit or cut.stop - cut.start == 1 for cut in cuts)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_with_one_worker_and_two(tmp_path: Path, workers: int):
    assert run(tmp_path / "work", Backend("loky", "", workers)) == WHOLE
    assert run(tmp_path / "work") == WHOLE  # again: nothing is made
    assert made(tmp_path / "work") == list(range(32))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dask", "ray"])
def test_the_same_bytes_on_a_cluster_of_two_processes(tmp_path: Path, name: str):
    if not importlib.util.find_spec({"dask": "distributed", "ray": "ray"}[name]):
        pytest.skip(f"{name} is not installed")
    assert run(tmp_path / "work", Backend(name, "", 2)) == WHOLE


def test_a_flipped_bit_is_found_and_its_shard_made_again(tmp_path: Path, capsys: pytest.CaptureFixture):
    run(tmp_path / "work")
    file = tmp_path / "work" / "00003" / "bytes.bin"
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)
    assert run(tmp_path / "work") == WHOLE
    assert "00003" in capsys.readouterr().err
    assert made(tmp_path / "work") == sorted([*range(32), *SHARDS[3]])


def test_a_worker_killed_once_costs_a_second_try(tmp_path: Path):
    (tmp_path / "kill-13").write_text("once")
    assert run(tmp_path / "work") == WHOLE


def test_an_item_that_kills_every_worker_is_named_and_the_rest_is_kept(tmp_path: Path):
    (tmp_path / "kill-13").write_text("always")
    with pytest.raises(DataError, match=r"^item 13: expected a worker to finish it.*run again"):
        run(tmp_path / "work")
    before = made(tmp_path / "work")
    (tmp_path / "kill-13").unlink()
    assert run(tmp_path / "work") == WHOLE
    finished = len(list((tmp_path / "work").glob("*.json")))
    assert finished == len(SHARDS) and len(made(tmp_path / "work")) - len(before) < 32


def _fill(items, folder: Path) -> None:
    for item in items:
        if item == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        (folder / f"{item}.bin").write_bytes(b"x")


def test_a_full_disk_is_one_sentence_and_leaves_no_shard_that_counts(tmp_path: Path):
    with pytest.raises(DataError, match=r"No space left on device at item 2; make room"):
        map_shards(_fill, [[0, 1], [2, 3]], tmp_path / "work", Backend("loky", "", 1), lambda i: f"item {i}", "test")
    assert not list((tmp_path / "work").glob("*.part")) and not (tmp_path / "work" / "00001.json").exists()


def test_a_file_that_may_not_grow_is_one_sentence(tmp_path: Path):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); from pathlib import Path; "
        "from tests.datasets.shard_work import run; run(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "work")], capture_output=True, text=True)
    assert done.returncode and "DataError" in done.stderr and "File too large" in done.stderr
    assert run(tmp_path / "work") == WHOLE


def test_other_params_are_other_work_and_finished_work_is_deleted(tmp_path: Path):
    one, other = (work_folder("render", "demo", {"rate": rate}, tmp_path) for rate in (1, 2))
    assert one != other and one == work_folder("render", "demo", {"rate": 1}, tmp_path)
    for folder in (one, other, tmp_path / "render-percepiano-0"):
        folder.mkdir()
    clean_up(one)
    assert [path.name for path in tmp_path.iterdir()] == ["render-percepiano-0"]


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path):
    rng, most = random.Random(0), 0
    for attempt in range(10):
        work = tmp_path / str(attempt) / "work"
        work.parent.mkdir()
        started = subprocess.Popen([sys.executable, "-m", "tests.datasets.shard_work", str(work)],
                                   env=os.environ | {"ITEM_S": "0.1"}, stderr=subprocess.DEVNULL)  # fmt: skip
        while not (work / "owner").exists() and started.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 3))
        started.kill()
        started.wait()
        assert run(work) == WHOLE
        repeated = np.bincount(made(work), minlength=32).reshape(8, 4).max(axis=1) > 1
        most = max(most, int(repeated.sum()))
    assert most <= 2  # shards begun again: at most one a worker
