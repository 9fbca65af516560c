"""Small training runs on several devices or in several processes: the program behind the sharding tests.

Run      python -m tests.training.sharded_runs meshes <folder>
         python -m tests.training.sharded_runs process <address> <number of processes> <own number> <folder>
Prints   a JSON object of what was found, the last line of stdout
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh

from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.resume import Resume
from crescendai.training.sharding import (
    MIN_SHARDED_VALUES,
    bytes_per_device,
    gather,
    make_mesh,
    place_batch,
    process_rows,
    start_distributed,
)
from crescendai.training.state import TrainState, new_state
from crescendai.training.step import TrainStep, make_train_step
from tests.training import tiny

STEPS = 12
BATCH_SIZE = 16
MODEL = tiny.network(width=64, depth=1, dropout=0.1)
OPTIMIZER = make_optimizer(0.05, kind="muon")  # beside whose steps Adam takes some, too


@cache  # compiling takes seconds
def step_of(mesh: Mesh, accumulation: int) -> TrainStep:
    factors = layer_factors(tiny.start(MODEL), MODEL.config.depth, decay=0.75)
    # Parts of a batch drop other units than the whole does.
    model = MODEL if accumulation == 1 else tiny.network(width=64, depth=1)
    return make_train_step(tiny.loss_of(model), OPTIMIZER, 0.9, factors, accumulation, mesh)


def train(mesh: Mesh, accumulation: int = 1) -> tuple[TrainState, list[float]]:
    step, start = step_of(mesh, accumulation), tiny.start(MODEL)
    state, losses, own = new_state(start, OPTIMIZER, mesh), [], process_rows(BATCH_SIZE, mesh)
    before = jax.tree.map(lambda leaf: leaf.sharding, state)
    for number in range(STEPS):
        batch = jax.tree.map(lambda values: values[own], tiny.rows(BATCH_SIZE, seed=number % 3))
        state, loss, _ = step(state, place_batch(batch, mesh), 8e-3, jax.random.key(0))
        losses.append(float(loss))
    same = jax.tree.map(lambda leaf, at: leaf.sharding.is_equivalent_to(at, leaf.ndim), state, before)
    assert all(jax.tree.leaves(same)), "the step moved the state"
    assert step._cache_size() == 1
    return state, losses


def meshes(folder: Path) -> dict:
    found = {}
    for data, fsdp, accumulation in ((1, 1, 1), (8, 1, 1), (1, 8, 1), (2, 4, 1), (1, 1, 2), (2, 4, 2)):
        mesh = make_mesh(data, fsdp)
        state, losses = train(mesh, accumulation)
        large = [leaf for leaf in jax.tree.leaves(state) if leaf.size >= MIN_SHARDED_VALUES]
        found[f"{data}x{fsdp}" + ", in parts" * (accumulation > 1)] = {
            "losses": losses, "bytes": bytes_per_device(state), "large_bytes": bytes_per_device(large),
        }  # fmt: skip
        if (data, fsdp) == (1, 8):
            found["gathered"] = digest(gather(state, mesh)) == digest(jax.device_get(state))
            again, _ = train(mesh)
            found["same_again"] = same(state, again)
            with Resume(folder, {}) as resume:
                resume.save(STEPS, state, {})
                for name, like in (("as_it_was", mesh), ("on_another_mesh", make_mesh(2, 4))):
                    _, restored, _ = resume.latest(new_state(tiny.start(MODEL), OPTIMIZER, like))
                    found[f"restored_{name}"] = same(state, restored)
                    found[f"bytes_{name}"] = bytes_per_device(restored)
    return found


def process(address: str, num_processes: int, process_id: int, folder: Path) -> dict:
    start_distributed(address, num_processes, process_id)
    mesh = make_mesh(1, num_processes)
    state, losses = train(mesh)
    with Resume(folder, {}) as resume:
        resume.save(STEPS, state, {"losses": losses})
        step, restored, extra = resume.latest(state)
        kept = all(
            np.array_equal(a.addressable_data(0), b.addressable_data(0))
            for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(restored), strict=True)
        )
        resume.finished()
    return {
        "losses": losses, "devices": len(jax.devices()), "own_devices": jax.local_device_count(),
        "digest": digest(gather(state, mesh)), "restored": kept and step == STEPS and extra == {"losses": losses},
    }  # fmt: skip


def digest(tree: TrainState) -> str:
    return hashlib.sha256(b"".join(leaf.tobytes() for leaf in jax.tree.leaves(tree))).hexdigest()


def same(one: TrainState, other: TrainState) -> bool:
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), one, other)))


if __name__ == "__main__":
    if sys.argv[1] == "meshes":
        print(json.dumps(meshes(Path(sys.argv[2]))))
    else:
        print(json.dumps(process(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))))
