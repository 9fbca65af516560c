"""A pretraining step of `mae`, whose encoder sees the visible patches only, against `mspm`, which sees all places.

The same encoder, the same clips, three patches of four hidden. The peer is our own implementation of SSAST's
objective (`crescendai.models.ssast`).

Run    python -m benchmarks.pretrain_step [--size base]
Takes  on two cores three minutes (small)
"""

import json
from argparse import Namespace

import numpy as np

from benchmarks.contest import arguments, contest, last_line, measure, table
from benchmarks.networks import MAX_FRAMES, N_MELS, spectrograms
from crescendai.models.presets import preset

CONTESTANTS = ("mae float32", "mspm float32")
HIDDEN, CLUSTER = 0.75, (3, 5)
DECODER = (128, 2, 4)  # width, depth and heads, as in params.yaml


def main() -> None:
    options = arguments(__doc__).parse_args()
    if options.contestant:
        print(json.dumps(run(options)))
        return
    found = contest("benchmarks.pretrain_step", CONTESTANTS, options)
    print(table({
        name: {"ms": f"{of['seconds'] * 1e3:.0f}", "clips/s": f"{options.batch / of['seconds']:.1f}",
               "peak GB": f"{of['peak_gb']:.2f}"}
        for name, of in found.items()
    }))  # fmt: skip
    print(last_line(
        f"pretrain_step {options.size}, 512 patches, 75 % hidden, batch {options.batch}",
        found["mae float32"]["seconds"], found["mspm float32"]["seconds"], "s",
        memory_ratio=round(found["mspm float32"]["peak_gb"] / found["mae float32"]["peak_gb"], 3),
    ))  # fmt: skip


def run(options: Namespace) -> dict[str, float]:
    import jax

    from crescendai.models.checkpoint import example_input
    from crescendai.training.optimizer import make_optimizer
    from crescendai.training.pretexts import Batch, Masking, make_loss, make_model
    from crescendai.training.state import new_state
    from crescendai.training.step import make_train_step

    objective, precision = options.contestant.split()
    config, masking = preset(options.size, N_MELS, MAX_FRAMES, precision=precision), Masking(HIDDEN, CLUSTER)
    model, optimizer = make_model(objective, config, *DECODER), make_optimizer(0.02)
    start = jax.jit(model.init, static_argnums=3)(jax.random.key(0), *example_input(model))["params"]
    step = make_train_step(make_loss(model, masking.num_visible(config), 1.0, 10.0), optimizer, 0.99)
    state = new_state(start, optimizer)
    order = masking.draw(config, options.batch, np.random.default_rng(0))
    batch = Batch(spectrograms(options.batch), order, None)

    def one() -> None:
        nonlocal state
        state, loss, _ = step(state, batch, 1e-4, jax.random.key(0))
        jax.block_until_ready((state, loss))

    return measure(one, options.steps)


if __name__ == "__main__":
    main()
