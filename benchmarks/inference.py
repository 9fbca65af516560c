"""Rating clips with ours and with transformers' AST in torch: one at a time, and in batches.

Run    python -m benchmarks.inference [--size base]
Takes  on two cores two minutes (small), six (base)
"""

import json
from argparse import Namespace

from benchmarks.contest import arguments, contest, last_line, measure, precisions, table
from benchmarks.networks import forward_operations, ours, spectrograms, theirs


def main() -> None:
    options = arguments(__doc__).parse_args()
    if options.contestant:
        who, precision = options.contestant.split()
        print(json.dumps((run_ours if who == "ours" else run_theirs)(options, precision)))
        return
    measured = precisions(options)
    names = [f"{who} {precision}" for precision in measured for who in ("ours", "torch")]
    found = contest("benchmarks.inference", names, options)
    operations = forward_operations(ours(options.size).config, 1)
    print(table({
        name: {"ms a clip": f"{of['one_s'] * 1e3:.0f}", "GFLOP/s": f"{operations / of['one_s'] / 1e9:.0f}",
               f"ms a clip, batch {options.batch}": f"{of['batch_s'] / options.batch * 1e3:.0f}",
               "peak GB": f"{of['peak_gb']:.2f}"}
        for name, of in found.items()
    }))  # fmt: skip

    def best(who: str, what: str) -> float:
        return min(found[f"{who} {precision}"][what] for precision in measured)

    print(last_line(
        f"inference {options.size}, 512 patches, one clip, float32",
        found["ours float32"]["one_s"], found["torch float32"]["one_s"], "s",
        best_precision_ratio=round(best("torch", "one_s") / best("ours", "one_s"), 3),
        batch_ratio=round(found["torch float32"]["batch_s"] / found["ours float32"]["batch_s"], 3),
    ))  # fmt: skip


def run_ours(options: Namespace, precision: str) -> dict[str, float]:
    import jax

    network, x = ours(options.size, precision), spectrograms(options.batch)
    params = jax.jit(network.init)(jax.random.key(0), x[:1])["params"]
    rate = jax.jit(lambda params, x: network.apply({"params": params}, x).ratings)
    return _one_and_batch(lambda clips: rate(params, clips).block_until_ready(), x, options.steps)


def run_theirs(options: Namespace, precision: str) -> dict[str, float]:
    import torch

    torch.set_num_threads(options.threads)
    network, x = theirs(options.size).eval(), torch.from_numpy(spectrograms(options.batch))

    def rate(clips: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return network(clips).logits

    return _one_and_batch(rate, x, options.steps)


def _one_and_batch(rate, x, steps: int) -> dict[str, float]:
    one = measure(lambda: rate(x[:1]), 2 * steps)["seconds"]
    batch = measure(lambda: rate(x), steps)
    return {"one_s": one, "batch_s": batch["seconds"], "peak_gb": batch["peak_gb"]}


if __name__ == "__main__":
    main()
