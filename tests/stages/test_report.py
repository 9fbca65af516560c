"""The stage as it is started, on a made-up run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crescendai.errors import DataError
from crescendai.params import load_params
from stages import report
from tests.report.made_run import NETWORKS, PROJECT, PROTOCOLS, SKILL, make_run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    params = load_params(PROJECT / "params.yaml")
    return make_run(
        tmp_path_factory.mktemp("run"), params, pieces=3, players=4, protocols=PROTOCOLS, skill=SKILL
    )


def run_stage(folder: Path, corpus: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "stages.report", corpus]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)} | environment
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_stage_writes_the_page_and_records_the_run(run_folder):
    from mlflow import MlflowClient

    done = run_stage(run_folder, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "</html>" in (run_folder / "reports" / "demo.html").read_text()
    client = MlflowClient(tracking_uri=f"sqlite:///{run_folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("crescendai-demo")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    assert runs[0].data.metrics["pretrain.transcribe.loss"] == 0.4512
    assert runs[0].data.metrics["listen.stroke_precision"] == 0.9321
    assert [run.info.run_name for run in runs[1:]] == [
        f"{model} passage fold {fold}" for model in NETWORKS for fold in range(3)
    ]


@pytest.mark.slow
def test_an_unreachable_server_does_not_fail_the_stage(run_folder):
    done = run_stage(run_folder, "demo", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1


def test_without_results_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"metrics/demo\.json"):
        report.main("demo", load_params(PROJECT / "params.yaml"))
    assert list(tmp_path.iterdir()) == []
