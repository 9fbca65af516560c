"""Where a training step's time goes, and its floor: what XLA's products take with nothing else done.

In fresh processes and in turns, the products of a step that takes the batch whole, each in the fastest of several
forms, against torch's whole step: where the first take longer, such a step cannot be as fast as torch. It is no floor
of a step in parts, whose products are smaller and stay in the cache. Likewise for rating one clip. And the parts of a
block: linear products at their shapes, attention, and what lies between.

Run    python -m benchmarks.parts
Takes  on two cores five to eight minutes
"""

import json
from argparse import Namespace

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contest import arguments, contest, last_line, measure, table
from benchmarks.networks import TOKENS, ours
from crescendai.models.attention import attend
from crescendai.models.encoder import EncoderBlock
from crescendai.models.presets import BackboneConfig
from crescendai.models.products import gelu, matmul, product_over_rows

PATCHES = 512
STEP, ONE = "products of a step", "products of one clip"
TORCH_STEP, TORCH_ONE = "torch float32 whole", "torch float32"


def main() -> None:
    options = arguments(__doc__).parse_args()
    if options.contestant:
        seconds = step_floor_s(options) if options.contestant == STEP else clip_floor_s(options)
        print(json.dumps({"seconds": seconds, "peak_gb": 0.0}))
        return
    peers = {TORCH_STEP: "benchmarks.train_step", TORCH_ONE: "benchmarks.inference"}
    found = contest("benchmarks.parts", [STEP, ONE], options, peers)
    floor_s, clip_s = found[ONE]["seconds"], found[TORCH_ONE]["one_s"]
    show_block(options)
    print(f"products of one clip {floor_s:.3f} s, torch's whole rating of it {clip_s:.3f} s: {clip_s / floor_s:.3f}")
    print(last_line(
        f"products of a training step alone, {options.size}, batch {options.batch}, against torch's whole step",
        found[STEP]["seconds"], found[TORCH_STEP]["seconds"], "s", one_clip_ratio=round(clip_s / floor_s, 3),
    ))  # fmt: skip


def step_floor_s(options: Namespace) -> float:
    """Seconds for all products of a step, each shape timed alone in its fastest form, times the blocks."""
    c = ours(options.size).config
    rows, seconds = options.batch * (PATCHES + TOKENS), 0.0
    for i, j in linear_shapes(c):
        x, w, d_y = drawn(rows, i), drawn(i, j), drawn(rows, j)
        seconds += timed(matmul, options, x, w)
        seconds += timed(lambda d, w: matmul(d, w.T), options, d_y, w)
        seconds += min(timed(form, options, x, d_y) for form in (product_over_rows, lambda x, d: x.T @ d))
    to_scores, from_scores = attention_s(options, options.batch * c.num_heads)
    # Forward one of each, backward one and three more; less cannot be computed.
    return c.depth * (seconds + 2 * to_scores + 4 * from_scores)


def clip_floor_s(options: Namespace) -> float:
    """Seconds for all products of rating one clip, likewise."""
    c = ours(options.size).config
    rows = PATCHES + TOKENS
    seconds = sum(timed(matmul, options, drawn(rows, i), drawn(i, j)) for i, j in linear_shapes(c))
    return c.depth * (seconds + sum(attention_s(options, c.num_heads)))


def linear_shapes(c: BackboneConfig) -> list[tuple[int, int]]:
    """Inputs and outputs of a block's linear maps."""
    width, hidden = c.width, c.mlp_ratio * c.width
    return [(width, 3 * width), (width, width), (width, hidden), (hidden, width)]


def attention_s(options: Namespace, heads: int) -> tuple[float, float]:
    """Seconds for the products of some heads that give the scores, and for those that use them."""
    n, c = PATCHES + TOKENS, ours(options.size).config
    q, scores = drawn(heads, n, c.width // c.num_heads), drawn(heads, n, n)
    to_scores = fastest(lambda q, k: q @ k.swapaxes(-1, -2), options, q, q)
    return to_scores, fastest(lambda s, v: s @ v, options, scores, q)


def fastest(product, options: Namespace, *arrays: jax.Array) -> float:
    """Of all heads at once, and of one after another."""
    in_turn = timed(lambda *all_heads: jax.lax.map(lambda head: product(*head), all_heads), options, *arrays)
    return min(timed(product, options, *arrays), in_turn)


def show_block(options: Namespace) -> None:
    """The parts of one block, forward and backward."""
    c = ours(options.size).config
    clips, n, width, heads = options.batch, PATCHES + TOKENS, c.width, c.num_heads
    rows = {}
    for name, i, j in (("qkv", width, 3 * width), ("out", width, width), ("mlp in", width, c.mlp_ratio * width),
                       ("mlp out", c.mlp_ratio * width, width)):  # fmt: skip
        x, w, d_y = drawn(clips, n, i), drawn(i, j), drawn(clips, n, j)
        seconds = (
            timed(matmul, options, x, w) + timed(lambda d, w: matmul(d, w.T), options, d_y, w)
            + timed(product_over_rows, options, x, d_y)
        )  # fmt: skip
        rows[f"products of {name}, three ways"] = line(seconds, 3 * 2.0 * clips * n * i * j)
    q, k, v, d_out = (drawn(clips, heads, n, width // heads) for _ in range(4))
    gradients = jax.grad(lambda q, k, v: (attend(q, k, v, None) * d_out).sum(), (0, 1, 2))
    rows["attention"] = line(timed(gradients, options, q, k, v), 3 * 2.0 * 2 * clips * n**2 * width)
    hidden = drawn(clips, n, c.mlp_ratio * width)
    rows["gelu"] = line(timed(jax.value_and_grad(lambda x: gelu(x).sum()), options, hidden), 0.0)
    block, x, d_y = EncoderBlock(heads, c.mlp_ratio, 0.0), drawn(clips, n, width), drawn(clips, n, width)
    params = block.init(jax.random.key(0), x, None, True)
    whole = jax.grad(lambda p, x: (block.apply(p, x, None, True)[0] * d_y).sum(), (0, 1))
    rows["a block, all of it"] = line(timed(whole, options, params, x), 0.0)
    print(table(rows))


def drawn(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def timed(function, options: Namespace, *arrays) -> float:
    compiled = jax.jit(function)
    return measure(lambda: jax.block_until_ready(compiled(*arrays)), options.steps)["seconds"]


def line(seconds: float, operations: float) -> dict[str, str]:
    return {"ms": f"{seconds * 1e3:.0f}", "GFLOP/s": f"{operations / seconds / 1e9:.0f}" if operations else "–"}


if __name__ == "__main__":
    main()
