"""Two processes that train together make the run of one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from crescendai.training.sharding import make_mesh
from tests.training import sharded_runs

TIMEOUT_S = 180.0


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def run_processes(number: int, folder: Path) -> list[dict]:
    address = free_address()
    command = [sys.executable, "-m", "tests.training.sharded_runs", "process", address, str(number)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    started = []
    try:
        for own in range(number):
            process = subprocess.Popen(
                [*command, str(own), str(folder)],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(process)
        outputs = [process.communicate(timeout=TIMEOUT_S) for process in started]
    finally:
        for process in started:  # one that waits for a dead partner would wait for ever
            process.kill()
            process.wait()
    for process, (_, err) in zip(started, outputs, strict=True):
        assert process.returncode == 0, err
    return [json.loads(out.splitlines()[-1]) for out, _ in outputs]


def test_two_processes_train_as_one(tmp_path):
    first, second = run_processes(2, tmp_path)
    assert first["losses"] == second["losses"] and len(first["losses"]) >= 10
    assert first["digest"] == second["digest"]  # of all weights, which neither holds alone
    _, alone = sharded_runs.train(make_mesh())
    np.testing.assert_allclose(first["losses"], alone, rtol=1e-5)
    assert first["devices"] == 2 and first["own_devices"] == 1
    assert first["restored"] and second["restored"]
    assert not any(tmp_path.iterdir())
