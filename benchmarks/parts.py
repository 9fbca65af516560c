"""Where a training step's time goes: the products of a block at their shapes, attention, and what lies between.

The time XLA takes to multiply these shapes is the floor of a step, with nothing else done; times twelve blocks it can
be set beside torch's whole step (see `benchmarks.train_step`).

Run    python -m benchmarks.parts
Takes  on two cores one minute
"""

import json

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contest import measure, table
from benchmarks.networks import TOKENS
from crescendai.models.attention import attend
from crescendai.models.encoder import EncoderBlock
from crescendai.models.presets import PRESETS
from crescendai.models.products import gelu, matmul, product_over_rows

CLIPS, TOKENS_A_CLIP, STEPS = 8, 512 + TOKENS, 3


def main() -> None:
    width, heads = PRESETS["small"]["width"], PRESETS["small"]["num_heads"]
    channels = width // heads
    rows, linear_s, linear_operations = {}, 0.0, 0.0
    for name, i, j in (("qkv", width, 3 * width), ("out", width, width), ("mlp in", width, 4 * width),
                       ("mlp out", 4 * width, width)):  # fmt: skip
        x, w, d_y = drawn(CLIPS, TOKENS_A_CLIP, i), drawn(i, j), drawn(CLIPS, TOKENS_A_CLIP, j)
        seconds = [
            timed(matmul, x, w), timed(lambda d, w: matmul(d, w.T), d_y, w), timed(product_over_rows, x, d_y)
        ]  # fmt: skip
        operations = 3 * 2.0 * CLIPS * TOKENS_A_CLIP * i * j
        linear_s, linear_operations = linear_s + sum(seconds), linear_operations + operations
        rows[f"products of {name}, three ways"] = line(sum(seconds), operations)
    q, k, v, d_out = (drawn(CLIPS, heads, TOKENS_A_CLIP, channels) for _ in range(4))
    seconds = timed(jax.grad(lambda q, k, v: (attend(q, k, v, None) * d_out).sum(), (0, 1, 2)), q, k, v)
    rows["attention"] = line(seconds, 3 * 2.0 * 2 * CLIPS * heads * TOKENS_A_CLIP**2 * channels)
    hidden = drawn(CLIPS, TOKENS_A_CLIP, 4 * width)
    rows["gelu"] = line(timed(jax.value_and_grad(lambda x: gelu(x).sum()), hidden), 0.0)
    block, x, d_y = EncoderBlock(heads, 4, 0.0), drawn(CLIPS, TOKENS_A_CLIP, width), drawn(CLIPS, TOKENS_A_CLIP, width)
    params = block.init(jax.random.key(0), x, None, True)
    whole = timed(jax.grad(lambda p, x: (block.apply(p, x, None, True)[0] * d_y).sum(), (0, 1)), params, x)
    rows["a block, all of it"] = line(whole, 0.0)
    print(table(rows))
    print(json.dumps({"name": "linear products of a block, small, batch 8", "ours": round(linear_s, 4),
                      "share_of_block": round(linear_s / whole, 3),
                      "gflops": round(linear_operations / linear_s / 1e9, 1), "unit": "s"}))  # fmt: skip


def drawn(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def timed(function, *arrays) -> float:
    compiled = jax.jit(function)
    return measure(lambda: jax.block_until_ready(compiled(*arrays)), STEPS)["seconds"]


def line(seconds: float, operations: float) -> dict[str, str]:
    return {"ms": f"{seconds * 1e3:.0f}", "GFLOP/s": f"{operations / seconds / 1e9:.0f}" if operations else "–"}


if __name__ == "__main__":
    main()
