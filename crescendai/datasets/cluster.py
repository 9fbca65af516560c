"""Who does the work of `crescendai.datasets.shards`: processes here (loky), or a Dask or Ray cluster."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import NamedTuple

import joblib
from joblib import Parallel
from joblib.externals.loky.process_executor import BrokenProcessPool

from crescendai.errors import CrescendaiError

WAIT_S = 30  # for the first worker of a cluster


class Backend(NamedTuple):
    """Where shards are made.

    name: loky, dask or ray. address: of the scheduler or head node; empty: processes on this machine.
    workers: how many, on this machine; 0 is one a core. A cluster at an address says itself how many it has.
    """

    name: str = "loky"
    address: str = ""
    workers: int = 0


class Workers(NamedTuple):
    """at_once: how many there are. parallel: joblib's `Parallel` on them, a new one every time, for so many at once."""

    at_once: int
    parallel: Callable[[int], Parallel]


def lost_worker_errors(backend: Backend) -> tuple[type[Exception], ...]:
    """What is raised when a worker, or the whole cluster, is gone."""
    if backend.name == "dask":
        from distributed.scheduler import KilledWorker

        return KilledWorker, *lost_cluster_errors(backend)
    if backend.name == "ray":
        from ray.exceptions import RayError

        return (RayError,)
    return (BrokenProcessPool,)


def lost_cluster_errors(backend: Backend) -> tuple[type[Exception], ...]:
    """Those of them that no item is guilty of."""
    if backend.name == "dask":
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        # OSError: no way to the scheduler. What goes wrong with a worker's files is a DataError.
        return FutureCancelledError, CommClosedError, CancelledError, OSError
    return ()


@contextmanager
def workers_of(backend: Backend) -> Iterator[Workers]:
    """Starts or finds the workers of a backend, and lets go of them at the end.

    Raises:
        CrescendaiError: its package is not installed, or nobody answers at the address.
    """
    here = backend.workers or len(os.sched_getaffinity(0))
    if backend.name == "loky":
        # One worker is a process too: a crash must not take the stage along.
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            yield Workers(here, lambda at_once: _parallel(max(at_once, 2), at_once))
        return
    connect = _dask if backend.name == "dask" else _ray
    try:
        cluster = connect(backend, here)
    except ImportError as error:
        raise CrescendaiError(
            f"compute.backend: expected {backend.name} to be installed, found it is not; "
            f"pip install 'crescendai[{backend.name}]' or choose loky"
        ) from error
    with cluster as workers:
        yield workers


def _parallel(n_jobs: int, at_once: int, **more: object) -> Parallel:
    # No task waits in a worker's queue: those begun and not finished are those a lost worker was at.
    return Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch=at_once, max_nbytes=None, **more)


@contextmanager
def _dask(backend: Backend, here: int) -> Iterator[Workers]:
    import dask
    from distributed import Client, LocalCluster

    # Dask would try a crashed task three times more, wherever; the shards have their own second try.
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.comm.timeouts.connect": "10s"}
    with dask.config.set(settings):
        try:
            cluster = None if backend.address else LocalCluster(here, threads_per_worker=1, dashboard_address=None)
            client = Client(backend.address or cluster)
        except OSError as error:
            raise CrescendaiError(
                f"compute.address: expected a Dask scheduler at {backend.address}, found no answer ({error}); "
                "start it, or leave the address empty"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=WAIT_S)
                prompt = _prompt_dask()
                # A new backend every time: one that was aborted loses tasks.
                yield Workers(
                    sum(client.nthreads().values()), lambda n: _parallel(-1, n, backend=prompt(client=client))
                )
            finally:
                if cluster is not None:
                    cluster.close()


def _prompt_dask() -> type:
    """joblib's Dask backend, which waits for ever for a task whose worker was lost, made to hear of it."""
    from joblib._dask import DaskDistributedBackend

    class PromptDask(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(super().effective_n_jobs(n_jobs), 2)  # for one alone, joblib would work in this process

        def submit(self, func: Callable, callback: Callable | None = None) -> Future:
            future = super().submit(func, callback)

            def tell(done: Future) -> None:
                error = CancelledError() if done.cancelled() else done.exception()
                if error is not None:
                    callback(error)

            future.add_done_callback(tell)
            return future

    return PromptDask


@contextmanager
def _ray(backend: Backend, here: int) -> Iterator[Workers]:
    import ray
    from ray.util.joblib import register_ray

    try:
        if backend.address:
            ray.init(address=backend.address, log_to_driver=False, configure_logging=False)
        else:
            ray.init(num_cpus=here, log_to_driver=False, include_dashboard=False, configure_logging=False)
    except ConnectionError as error:
        raise CrescendaiError(
            f"compute.address: expected a Ray cluster at {backend.address}, found no answer ({error}); start it, or "
            "leave the address empty"
        ) from error
    try:
        register_ray()
        cores = int(ray.cluster_resources().get("CPU", 1))
        yield Workers(cores, lambda n: _parallel(max(n, 2), n, backend="ray"))
    finally:
        ray.shutdown()
