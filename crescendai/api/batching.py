"""Rows of several requests through a network together."""

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from crescendai.analysis.batches import SIZES, Network, run_rows


@dataclass(eq=False)  # two requests may bring the same rows
class _Job:
    network: Network
    inputs: tuple[np.ndarray, ...]
    done: Future = field(default_factory=Future)


class MicroBatcher:
    """Runs networks in one thread; what has come while a batch was computed makes up the next one.

    Nothing waits for company: a lone request is computed at once. `run` is a `crescendai.analysis.batches.RunRows`.
    """

    def __init__(self):
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
        self._thread.start()

    def run(self, network: Network, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `run_rows`; blocks until the rows are computed."""
        job = _Job(network, inputs)
        with self._changed:
            if self._closed:
                raise RuntimeError("closed")
            self._jobs.append(job)
            self._changed.notify()
        return job.done.result()

    def close(self) -> None:
        """Computes what has come, then ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while jobs := self._next():
            try:
                columns = zip(*(job.inputs for job in jobs), strict=True)
                results = run_rows(jobs[0].network, *(np.concatenate(column) for column in columns))
            except Exception as error:  # it belongs to the requests, not to this thread
                for job in jobs:
                    job.done.set_exception(error)
                continue
            first = 0
            for job in jobs:
                after = first + len(job.inputs[0])
                job.done.set_result(tuple(part[first:after] for part in results))
                first = after

    def _next(self) -> list[_Job]:
        """The oldest job and others for the same network, as many as one batch holds; empty when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if not self._jobs:
                return []
            chosen = [self._jobs.popleft()]
            rows = len(chosen[0].inputs[0])
            for job in list(self._jobs):
                if job.network is chosen[0].network and rows + len(job.inputs[0]) <= SIZES[-1]:
                    self._jobs.remove(job)
                    chosen.append(job)
                    rows += len(job.inputs[0])
            return chosen
