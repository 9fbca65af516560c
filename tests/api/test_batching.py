"""Rows of several requests share a batch, and nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crescendai.api.batching import MicroBatcher

ROWS = np.arange(6.0).reshape(3, 2)


def doubled(rows: np.ndarray) -> tuple[np.ndarray]:
    return (2 * rows,)


class Held:
    """A network that has begun, and goes on when it is told to."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray]:
        self.begun.set()
        self.go_on.wait(60)
        return (rows,)


def test_a_network_that_raises_fails_its_requests_and_no_other():
    held = Held()
    def broken(rows: np.ndarray) -> tuple[np.ndarray]:
        raise FloatingPointError("no such number")

    batcher = MicroBatcher()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.run, held, ROWS)
        assert held.begun.wait(60)
        together = [pool.submit(batcher.run, broken, ROWS) for _ in range(2)]
        other = pool.submit(batcher.run, doubled, ROWS)
        held.go_on.set()
        for failed in together:
            with pytest.raises(FloatingPointError, match="no such number"):
                failed.result(60)
        np.testing.assert_array_equal(first.result(60)[0], ROWS)
        np.testing.assert_array_equal(other.result(60)[0], 2 * ROWS)
    batcher.close()


def test_closed_it_has_computed_what_came_and_takes_no_more():
    held = Held()
    batcher = MicroBatcher()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.run, held, ROWS)
        assert held.begun.wait(60)
        waiting = pool.submit(batcher.run, doubled, ROWS)
        while not batcher._jobs:
            pass
        closing = pool.submit(batcher.close)
        held.go_on.set()
        closing.result(60)
        np.testing.assert_array_equal(first.result(60)[0], ROWS)
        np.testing.assert_array_equal(waiting.result(60)[0], 2 * ROWS)
    assert not batcher._thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        batcher.run(doubled, ROWS)
