"""Records a finished run in MLflow.

DVC's files stay the source of truth: a failure here costs one line on stderr and nothing else.
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from filelock import FileLock

from crescendai.report.provenance import Provenance

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_TIMEOUT_S = 120  # other runs of a queue log at the same time, a few seconds each
METRICS_PER_BATCH = 1000  # MLflow's limit
REASON_LENGTH = 200
EXPERIMENTS_FOLDER = (".dvc", "tmp", "exps")
QUIET = {  # set unless the user has set them
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # an unreachable server is known in seconds, not minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def log_run(
    corpus: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    curves: pd.DataFrame,
    provenance: Provenance,
    report: Path,
) -> None:
    """Records a run of experiment ``crescendai-<corpus>``, with a nested run for every network and fold.

    Goes where `store_uri` says; for `dvc exp run --temp` and ``--queue`` the project's top folder is not the working
    directory. Never raises.

    params, metrics: flat, for example ``finetune.dropout`` and ``composition.hybrid.r2``.
    curves: data/<corpus>/curves.parquet, one row an epoch.
    report: the HTML page, kept as an artifact.
    """
    if find_spec("mlflow") is None:
        print(
            "note: the run is not tracked, MLflow is not installed; `pip install mlflow` to have it",
            file=sys.stderr,
        )
        return
    top = project_top(Path.cwd())
    uri = store_uri(top)
    try:
        with one_at_a_time(uri):
            _log(uri, corpus, params, metrics, curves, provenance, report)
    except Exception as error:  # whatever MLflow or its database raises: the results are already on disk
        print(
            f"warning: the run could not be recorded in MLflow at {without_password(uri)} "
            f"({type(error).__name__}: {reason_of(error)}); the results are complete. Check MLFLOW_TRACKING_URI, then "
            f"`python -m stages.report {corpus}` records it",
            file=sys.stderr,
        )


def project_top(folder: Path) -> Path:
    """The folder whose store a run in ``folder`` belongs to: itself, or the project that a temporary
    copy of `dvc exp run --temp` or ``--queue`` was made from."""
    parts = folder.resolve().parts
    for start in range(len(parts) - len(EXPERIMENTS_FOLDER)):
        if parts[start : start + len(EXPERIMENTS_FOLDER)] == EXPERIMENTS_FOLDER:
            return Path(*parts[:start])
    return folder.resolve()


def store_uri(top: Path) -> str:
    """Where runs and models go: ``MLFLOW_TRACKING_URI`` if that is set, else mlflow.db in the project's top folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{top / 'mlflow.db'}"


def without_password(text: str) -> str:
    """The text with the user and the password of every address left out, as it may be shown."""
    return re.sub(r"//[^/\s]+@", "//…@", text)  # up to the last @: a password may hold one


def reason_of(error: Exception) -> str:
    """What MLflow or its database raised, as it may be shown: in one line, no longer than a line should be."""
    # Passwords first: where the line is cut, one may have lost the @ by which it is known.
    return without_password(" ".join(str(error).split()))[:REASON_LENGTH]


@contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Waits until no other process writes to a SQLite store, and keeps others out.

    Raises:
        filelock.Timeout: the others took longer than `LOCK_TIMEOUT_S`.
    """
    # MLflow creates the tables of a new SQLite file without a lock: of processes that do it at once,
    # all but one crash. Later writes would wait for each other anyway.
    if not uri.startswith("sqlite:///"):
        yield
        return
    with FileLock(uri.removeprefix("sqlite:///") + ".lock", timeout=LOCK_TIMEOUT_S):
        yield


def _log(uri: str, corpus: str, params: Mapping[str, str], metrics: Mapping[str, float],
         curves: pd.DataFrame, provenance: Provenance, report: Path) -> None:  # fmt: skip
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # takes seconds: only where it is needed
    from mlflow.entities import Param

    client = MlflowClient(tracking_uri=uri)
    experiment = experiment_id(client, f"crescendai-{corpus}", uri)
    run = client.create_run(experiment, run_name=provenance.experiment or provenance.short_revision,
                            tags=_tags(provenance))  # fmt: skip
    status = "FAILED"
    try:
        client.log_batch(run.info.run_id, params=[Param(name, value) for name, value in params.items()])
        _log_metrics(client, run.info.run_id, [(name, value, 0) for name, value in metrics.items()])
        for (model, protocol, fold), curve in curves.groupby(["model", "protocol", "fold"], sort=True):
            _log_fold(client, experiment, run.info.run_id, f"{model} {protocol} fold {fold}", curve)
        client.log_artifact(run.info.run_id, str(report))
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status)


def experiment_id(client: "MlflowClient", name: str, uri: str) -> str:
    """Id of an experiment, made if it is new; of a SQLite store, its artifacts go to mlruns/ beside the file."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    # A server keeps artifacts where it wants; a local database would put them below the working directory.
    local = uri.startswith("sqlite:///")
    beside = (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlruns").as_uri() if local else None
    return client.create_experiment(name, beside)


def _tags(provenance: Provenance) -> dict[str, str]:
    tags = {
        "mlflow.source.git.commit": provenance.revision,
        "changed": ", ".join(provenance.changed)[:5000],
        "data_sha256": provenance.data_sha256,
        "dvc_lock_sha256": provenance.lock_sha256,
        "dvc_experiment": provenance.experiment,
    }
    return {name: value for name, value in tags.items() if value}


def _log_fold(client, experiment: str, parent: str, name: str, curve: pd.DataFrame) -> None:
    run = client.create_run(experiment, run_name=name, tags={"mlflow.parentRunId": parent})
    by_epoch = curve.drop(columns=["model", "protocol", "fold"]).set_index("epoch")
    rows = [(measure, value, epoch) for epoch, row in by_epoch.iterrows() for measure, value in row.items()]
    _log_metrics(client, run.info.run_id, rows)
    client.set_terminated(run.info.run_id)


def _log_metrics(client, run_id: str, rows: list[tuple[str, float | None, int]]) -> None:
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    logged = [
        Metric(name, float(value), now_ms, int(step)) for name, value, step in rows if value is not None
    ]
    for start in range(0, len(logged), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=logged[start : start + METRICS_PER_BATCH])
