"""How a benchmark measures: every contestant in fresh processes, in turns, on the same processors.

Machines are noisy: one round after another, so that a slow minute hits everybody. A process that is told
``--contestant NAME`` measures that one and prints a JSON object; without, it starts the others and compares.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

Measured = dict[str, float]  # by name: seconds a step, peak memory, whatever else
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")  # NPROC: of XLA


def arguments(doc: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "small", "base"), default="small")
    parser.add_argument("--batch", type=int, default=8, help="clips at once")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes of each contestant")
    parser.add_argument("--steps", type=int, default=5, help="timed steps in a process")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="processors for each")
    parser.add_argument("--bfloat16", action="store_true", help="measure it on a processor without it too: it is slow")
    parser.add_argument("--contestant", help="measure this one only, in this process")
    return parser


def precisions(options: argparse.Namespace) -> list[str]:
    """Those worth measuring here: a processor without bfloat16 products takes many times as long for them."""
    if options.bfloat16 or has_bfloat16():
        return ["float32", "bfloat16"]
    print("bfloat16: left out, this processor has no products of it; --bfloat16 measures it all the same")
    return ["float32"]


def has_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(flag in flags.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def contest(
    module: str, names: Sequence[str], options: argparse.Namespace, elsewhere: dict[str, str] | None = None
) -> dict[str, Measured]:
    """Starts each contestant ``rounds`` times, in turns; medians of its numbers over the rounds.

    module: the benchmark that knows the contestants. elsewhere: contestants of other benchmarks, and which.
    """
    module_of = dict.fromkeys(names, module) | (elsewhere or {})
    found: dict[str, list[Measured]] = {name: [] for name in module_of}
    turns = list(module_of) * options.rounds
    for name in tqdm(turns, module.split(".")[-1], unit="run", file=sys.stderr):
        command = [sys.executable, "-m", module_of[name], "--contestant", name, "--steps", str(options.steps),
                   "--threads", str(options.threads), "--size", options.size,
                   "--batch", str(options.batch)]  # fmt: skip
        environment = os.environ | {variable: str(options.threads) for variable in THREAD_VARIABLES}
        processors = sorted(os.sched_getaffinity(0))[: options.threads]
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True,
            preexec_fn=lambda own=processors: os.sched_setaffinity(0, own),
        )  # fmt: skip
        if run.returncode:
            sys.exit(f"{name} failed:\n{run.stderr}")
        found[name].append(json.loads(run.stdout.splitlines()[-1]))
    return {
        name: {key: statistics.median(one[key] for one in rows) for key in rows[0]} for name, rows in found.items()
    }


def measure(step: Callable[[], object], steps: int, warm_up: int = 2) -> Measured:
    """Seconds of the median step and the peak memory of this process, after steps that compile and warm up.

    step: returns when its result is there.
    """
    for _ in range(warm_up):
        step()
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return {"seconds": statistics.median(seconds), "peak_gb": peak_gb()}


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def table(rows: dict[str, dict[str, str]]) -> str:
    """Aligned text: a line a row, its name first."""
    columns = ["", *next(iter(rows.values()))]
    lines = [columns, *([name, *cells.values()] for name, cells in rows.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def last_line(name: str, ours: float, peer: float, unit: str, **more: object) -> str:
    """The result as one JSON object; ``ratio`` is above 1 where ours needs less."""
    return json.dumps({
        "name": name, "ours": round(ours, 4), "peer": round(peer, 4), "ratio": round(peer / ours, 3), "unit": unit,
        "device": f"{platform.machine()} CPU", **more,
    })  # fmt: skip
