"""A small training run that can be killed at any moment: the program behind the kill tests.

Run      python -m tests.training.resumable_run <folder> <steps> <interval>
Writes   <folder>/log.txt        a line for each step begun
         <folder>/weights.npz    at the end
"""

import json
import sys
import time
from pathlib import Path

import jax
import numpy as np

from crescendai.training.optimizer import make_optimizer
from crescendai.training.resume import Resume
from crescendai.training.schedule import learning_rate
from crescendai.training.state import new_state
from crescendai.training.step import make_train_step

STEP_S = 0.02  # so that a save takes some steps, as in a real run


def loss_of(params: dict, batch: dict, key: jax.Array) -> tuple[jax.Array, dict]:
    hidden = jax.numpy.tanh(batch["x"] @ params["first"]["kernel"])
    heard = hidden * jax.random.bernoulli(key, 0.5, hidden.shape)
    return ((heard @ params["second"]["kernel"] - batch["y"]) ** 2).mean(), {}


def main(folder: Path, steps: int, interval: int) -> None:
    rng = np.random.default_rng(0)
    start = {name: {"kernel": rng.normal(size=(64, 64)).astype(np.float32) / 8} for name in ("first", "second")}
    optimizer = make_optimizer(0.01)
    train_step = make_train_step(loss_of, optimizer, average_decay=0.99)
    state, curve, first = new_state(start, optimizer), [], 0
    with Resume(folder / "resume", {"steps": steps}) as resume, (folder / "log.txt").open("a", buffering=1) as log:
        if found := resume.latest(state):
            first, state, extra = found
            curve = extra["curve"]
        for step in range(first, steps):
            log.write(f"{step}\n")
            rng = np.random.default_rng([1, step])
            batch = {name: rng.normal(size=(8, 64)).astype(np.float32) for name in "xy"}
            state, loss, _ = train_step(state, batch, learning_rate(step, 0.01, 5, steps), jax.random.key(2))
            curve.append(float(loss))
            if (step + 1) % interval == 0:
                resume.save(step + 1, state, {"curve": curve})
            time.sleep(STEP_S)
        arrays = {str(number): np.asarray(leaf) for number, leaf in enumerate(jax.tree.leaves(state))}
        np.savez(folder / "part.npz", curve=curve, **arrays)
        (folder / "part.npz").replace(folder / "weights.npz")
        resume.finished()
    print(json.dumps({"loss": curve[-1]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
