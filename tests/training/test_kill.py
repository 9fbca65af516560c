"""A run killed at any moment ends with the weights of one that was left alone."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

INTERVAL = 10  # steps from checkpoint to checkpoint
TIMEOUT_S = 120.0


def begin(folder: Path, steps: int) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.training.resumable_run", str(folder), str(steps), str(INTERVAL)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def steps_begun(folder: Path) -> list[int]:
    log = folder / "log.txt"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def finish(run: subprocess.Popen) -> None:
    out, err = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 0 and "loss" in out, err
    assert err == ""  # a half-written checkpoint is nothing to note, and Orbax holds its tongue


def kill_after(folder: Path, steps: int, own_steps: int, delay_s: float) -> None:
    """Starts the run, and kills it a while after it has begun so many steps."""
    before = len(steps_begun(folder))
    run = begin(folder, steps)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while len(steps_begun(folder)) < before + own_steps:
            assert run.poll() is None, run.communicate()[1]
            assert time.monotonic() < deadline, f"{own_steps} steps were not reached"
            time.sleep(0.002)
        time.sleep(delay_s)
        assert run.poll() is None, "too late: the run is over"
    finally:
        run.kill()  # SIGKILL: nothing can be tidied up
        run.communicate()


def checkpoints(folder: Path) -> tuple[int, bool]:
    """The newest that counts, 0 without any, and whether there is a half-written one."""
    names = {path.name for path in (folder / "resume").glob("*/*")}
    counting = {int(name.removesuffix(".json")) for name in names if name.endswith(".json")}
    half_written = names - {f"{step}.json" for step in counting} - {str(step) for step in counting}
    return max(counting, default=0), bool(half_written)


def check_kills(tmp_path: Path, kills: int, steps: int, seed: int) -> list[tuple[int, bool]]:
    """Compares a run killed at random moments with one left alone.

    Returns:
        For each kill how many steps had to be done again, and whether it hit a half-written checkpoint.
    """
    rng, folder, cost = np.random.default_rng(seed), tmp_path / "killed", []
    for kill in range(kills + 1):
        done, (newest, half_written) = steps_begun(folder), checkpoints(folder)
        if kill < kills:
            # Every other one soon after a checkpoint has been begun, so that some hit it half written.
            own_steps = rng.choice([INTERVAL, 2 * INTERVAL]) if kill % 2 else rng.integers(1, 2 * INTERVAL)
            kill_after(folder, steps, int(own_steps), rng.uniform(0, 0.06))
        else:
            finish(begin(folder, steps))
        if done:
            assert steps_begun(folder)[len(done)] == newest  # what was finished is not lost
            cost.append((done[-1] + 1 - newest, half_written))
    finish(begin(tmp_path / "alone", steps))

    assert steps_begun(tmp_path / "alone") == list(range(steps)) and set(steps_begun(folder)) == set(range(steps))
    # At most an interval; and another where the kill cut the writing of a checkpoint short.
    assert all(steps_again <= (2 if half_written else 1) * INTERVAL for steps_again, half_written in cost), cost
    with np.load(tmp_path / "alone" / "weights.npz") as alone, np.load(folder / "weights.npz") as killed:
        assert set(alone) == set(killed)
        for name in alone:
            np.testing.assert_array_equal(alone[name], killed[name])
    assert not any((folder / "resume").iterdir())
    return cost


def test_two_kills(tmp_path):
    check_kills(tmp_path, kills=2, steps=50, seed=0)


@pytest.mark.slow
def test_ten_kills(tmp_path):
    cost = check_kills(tmp_path, kills=10, steps=220, seed=1)
    print("steps done again after each kill, and whether it cut a checkpoint short:", cost)
    assert any(half_written for _, half_written in cost)
