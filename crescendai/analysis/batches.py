"""Rows of any number through a compiled network, in batches of few sizes: each size compiles once."""

from collections.abc import Callable

import numpy as np

SIZES = (1, 2, 4, 8)

# Arrays with rows in front -> arrays with as many rows
Network = Callable[..., tuple[np.ndarray, ...]]
# Runs a network over rows; the service has one that puts rows of several requests together
RunRows = Callable[..., tuple[np.ndarray, ...]]


def batch_size(rows: int) -> int:
    """Of the first batch that ``rows`` rows go into."""
    return next(size for size in SIZES if size >= min(rows, SIZES[-1]))


def run_rows(network: Network, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
    """``network(*inputs)``, computed in batches of the largest size and one that just holds the rest.

    inputs: ``[row, …]`` each, at least one row; what is missing in a batch repeats its first row.
    """
    count, largest, parts = len(inputs[0]), SIZES[-1], []
    for first in range(0, count, largest):
        rows = [array[first : first + largest] for array in inputs]
        real = len(rows[0])
        filled = [np.concatenate([row, np.repeat(row[:1], batch_size(real) - real, axis=0)]) for row in rows]
        parts.append([np.asarray(part)[:real] for part in network(*filled)])
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
