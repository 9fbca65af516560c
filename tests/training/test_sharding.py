"""Several devices make the same run as one, and each holds its part."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from crescendai.errors import ParamsError
from crescendai.training.sharding import (
    bytes_per_device,
    make_mesh,
    place_batch,
    place_state,
    process_rows,
    sharding_of,
)
from tests.training import tiny

TWO_BY_FOUR = AbstractMesh((2, 4), ("data", "fsdp"))
# Compiling eight devices' programs is most of the time: not to be done too well.
FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
EIGHT_DEVICES = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": FLAGS}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What `tests.training.sharded_runs` finds on eight devices."""
    command = [sys.executable, "-m", "tests.training.sharded_runs", "meshes", str(tmp_path_factory.mktemp("runs"))]
    run = subprocess.run(command, env=os.environ | EIGHT_DEVICES, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("mesh", ["8x1", "1x8", "2x4", "2x4, in parts"])
def test_losses_are_those_of_a_single_device(runs: dict, mesh: str):
    single = runs[mesh.replace("2x4", "1x1") if "parts" in mesh else "1x1"]["losses"]
    np.testing.assert_allclose(runs[mesh]["losses"], single, rtol=1e-5)
    assert len(single) >= 10 and single[-1] < 0.5 * single[0]


def test_a_device_holds_its_part_of_what_is_large(runs: dict):
    whole = runs["1x1"]
    for mesh, parts in (("8x1", 1), ("1x8", 8), ("2x4", 4)):
        found = runs[mesh]
        print(f"{mesh}: {found['bytes']} bytes a device, {found['large_bytes']} of them of large arrays")
        assert found["large_bytes"] == whole["large_bytes"] / parts
        assert found["bytes"] - found["large_bytes"] == whole["bytes"] - whole["large_bytes"]
    assert whole["large_bytes"] > 0.9 * whole["bytes"]


def test_the_same_devices_give_the_same_weights_to_the_last_bit(runs: dict):
    assert runs["same_again"]


def test_parts_are_put_together_again(runs: dict):
    assert runs["gathered"]


def test_sharded_checkpoints_come_back_on_any_mesh(runs: dict):
    assert runs["restored_as_it_was"] and runs["restored_on_another_mesh"]
    assert runs["bytes_as_it_was"] == runs["1x8"]["bytes"] and runs["bytes_on_another_mesh"] == runs["2x4"]["bytes"]


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((128, 512), PartitionSpec(None, "fsdp")),
        ((512, 128), PartitionSpec("fsdp")),
        ((99, 6, 128), PartitionSpec(None, None, "fsdp")),
        ((400, 100, 3), PartitionSpec("fsdp")),
        ((99, 101), PartitionSpec()),  # 4 divides neither
        ((512,), PartitionSpec()),  # small
        ((), PartitionSpec()),
    ],
)
def test_the_longest_dimension_that_divides_is_cut(shape: tuple[int, ...], spec: PartitionSpec):
    assert sharding_of(shape, TWO_BY_FOUR).spec == spec


def test_one_device_holds_everything():
    state = place_state({"w": np.ones((64, 64), np.float32), "b": np.ones(3, np.float32)}, make_mesh())
    assert bytes_per_device(state) == 4 * (64 * 64 + 3)
    batch = place_batch(tiny.rows(5), make_mesh())
    jax.tree.map(np.testing.assert_array_equal, batch, tiny.rows(5))
    assert process_rows(5, make_mesh()) == slice(0, 5)


def test_a_batch_that_devices_cannot_share_is_refused():
    with pytest.raises(
        ParamsError, match=r"batch_size: expected a multiple of the 8 devices .*data 2 \* fsdp 4.*, found 12"
    ):
        process_rows(12, TWO_BY_FOUR)


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(ParamsError, match=r"data \* fsdp of at most the \d+ devices here, found 16 \* 64"):
        make_mesh(16, 64)
