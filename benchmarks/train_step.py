"""A training step of ours against transformers' AST in torch: same sizes, same clips, same processors.

Forward, backward, gradient clip, AdamW and a moving average of the weights. Each library takes the batch whole, in
halves and in quarters (gradient accumulation: the same step, and more of what is held stays in the cache); the fastest
way counts. bfloat16 is of the products, weights stay float32 in both (torch: autocast). The rate is that of the matrix
products alone, 3 x those of a forward pass, against the best plain float32 product that either library makes of this
machine.

Run    python -m benchmarks.train_step [--size base]
Takes  on two cores ten to twenty minutes (small), most of an hour (base)
"""

import json
from argparse import Namespace

import numpy as np

from benchmarks.contest import Measured, arguments, contest, last_line, measure, precisions, table
from benchmarks.networks import forward_operations, ours, ratings, spectrograms, theirs

WAYS = {"whole": 1, "halves": 2, "quarters": 4}
PRODUCTS = ("jax product", "torch product")
PRODUCT = 2048  # side of the matrices of the plain product


def main() -> None:
    options = arguments(__doc__).parse_args()
    if options.contestant:
        print(json.dumps(run(options)))
        return
    measured = precisions(options)
    names = [f"{who} {precision} {way}" for precision in measured for who in ("ours", "torch") for way in WAYS]
    found = contest("benchmarks.train_step", [*names, *PRODUCTS], options)
    operations = {name: 3 * forward_operations(ours(options.size).config, options.batch) for name in names}
    operations |= dict.fromkeys(PRODUCTS, 2 * PRODUCT**3)
    rates = {name: operations[name] / of["seconds"] for name, of in found.items()}
    best_product = max(rates[name] for name in PRODUCTS)
    print(table({
        name: {"ms": f"{of['seconds'] * 1e3:.0f}", "GFLOP/s": f"{rates[name] / 1e9:.0f}",
               "of best product": f"{rates[name] / best_product:.0%}", "peak GB": f"{of['peak_gb']:.2f}"}
        for name, of in found.items()
    }))  # fmt: skip

    def best(of: str) -> Measured:
        return min((row for name, row in found.items() if name.startswith(of)), key=lambda row: row["seconds"])

    us, them = best("ours float32"), best("torch float32")
    share = operations[names[0]] / us["seconds"] / best_product
    print(last_line(
        f"train_step {options.size}, 512 patches, batch {options.batch}, float32", us["seconds"], them["seconds"], "s",
        best_precision_ratio=round(min(best(f"torch {p}")["seconds"] for p in measured)
                                   / min(best(f"ours {p}")["seconds"] for p in measured), 3),
        share_of_product=round(share, 3), memory_ratio=round(them["peak_gb"] / us["peak_gb"], 3),
    ))  # fmt: skip


def run(options: Namespace) -> Measured:
    who, *how = options.contestant.split()
    if how == ["product"]:
        return product(who, options)
    precision, way = how
    return (train_ours if who == "ours" else train_theirs)(options, precision, WAYS[way])


def train_ours(options: Namespace, precision: str, parts: int) -> Measured:
    import jax
    import jax.numpy as jnp

    from crescendai.training.optimizer import make_optimizer
    from crescendai.training.state import new_state
    from crescendai.training.step import make_train_step

    network, optimizer = ours(options.size, precision), make_optimizer(0.01)
    x, y = spectrograms(options.batch), ratings(options.batch)

    def loss_of(params, batch, key):
        rated = network.apply({"params": params}, batch[0], deterministic=False, rngs={"dropout": key}).ratings
        return jnp.mean((rated - batch[1]) ** 2), {}

    step = make_train_step(loss_of, optimizer, average_decay=0.99, accumulation=parts)
    state = new_state(jax.jit(network.init)(jax.random.key(0), x[:1])["params"], optimizer)

    def one() -> None:
        nonlocal state
        state, loss, _ = step(state, (x, y), 1e-4, jax.random.key(0))
        jax.block_until_ready((state, loss))

    return measure(one, options.steps)


def train_theirs(options: Namespace, precision: str, parts: int) -> Measured:
    import torch

    torch.set_num_threads(options.threads)
    network = theirs(options.size).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    averaged = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=decay)
    clips = torch.from_numpy(spectrograms(options.batch)).chunk(parts)
    rated = torch.from_numpy(ratings(options.batch)).chunk(parts)

    def one() -> None:
        optimizer.zero_grad()
        for x, y in zip(clips, rated, strict=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                loss = ((network(x).logits - y) ** 2).mean() / parts
            loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        averaged.update_parameters(network)

    return measure(one, options.steps)


def product(library: str, options: Namespace) -> Measured:
    """A plain product: what the machine can do."""
    a = np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT)).astype(np.float32)
    if library == "jax":
        import jax

        b, multiply = jax.numpy.asarray(a), jax.jit(lambda x, y: x @ y)
        return measure(lambda: multiply(b, b).block_until_ready(), 4 * options.steps)
    import torch

    torch.set_num_threads(options.threads)
    b = torch.from_numpy(a)
    return measure(lambda: b @ b, 4 * options.steps)


if __name__ == "__main__":
    main()
