"""Runs against a real MLflow with its SQLite store in a temporary folder."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crescendai import tracking
from crescendai.report.provenance import Provenance
from crescendai.tracking import log_run, project_top

PROJECT = Path(__file__).parents[1]
PROVENANCE = Provenance("2024-11-02", "f" * 40, ("params.yaml",), "da7a", "10cc", None, {"python": "3.11"})
CURVES = pd.DataFrame(
    {"protocol": "composition", "model": "hybrid", "fold": [0, 0, 1], "epoch": [1, 2, 1], "train_loss": [1.0, 0.5, 0.9],
     "validation_loss": [1.1, 0.7, 1.0], "learning_rate": 1e-3, "clips_per_s": 30.0}
)  # fmt: skip
ONE_RUN = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from tests.test_tracking import log_example
log_example(Path.cwd())
"""


def log_example(folder: Path, provenance: Provenance = PROVENANCE) -> None:
    report = folder / "demo.html"
    report.write_text("<p>report</p>")
    log_run(
        "demo",
        {"lr": "0.001", "split": "composition"},
        {"composition.hybrid.r2": 0.4},
        CURVES,
        provenance,
        report,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a run, with no server set."""
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in tracking.QUIET:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def runs_of(folder: Path) -> list:
    """Recorded runs, the outermost first."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("crescendai-demo")
    runs = client.search_runs([experiment.experiment_id])
    return sorted(runs, key=lambda run: (run.data.tags.get("mlflow.parentRunId", ""), run.info.run_name))


@pytest.mark.slow
def test_run_holds_parameters_scores_origin_report_and_folds(folder, capfd):
    from mlflow import MlflowClient

    log_example(folder)
    assert "warning" not in capfd.readouterr().err
    run, first, second = runs_of(folder)
    assert run.data.params == {"lr": "0.001", "split": "composition"}
    assert run.data.metrics == {"composition.hybrid.r2": 0.4}
    assert run.data.tags.items() >= {"mlflow.source.git.commit": "f" * 40, "changed": "params.yaml",
                                     "data_sha256": "da7a", "dvc_lock_sha256": "10cc"}.items()  # fmt: skip
    assert (run.info.run_name, run.info.status) == ("f" * 10 + "+", "FINISHED")
    assert [one.info.run_name for one in (first, second)] == [
        "hybrid composition fold 0",
        "hybrid composition fold 1",
    ]
    assert {one.data.tags["mlflow.parentRunId"] for one in (first, second)} == {run.info.run_id}
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    curve = client.get_metric_history(first.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (2, 0.5)]
    kept = client.download_artifacts(run.info.run_id, "demo.html", str(folder / "mlruns"))
    assert Path(kept).read_text() == "<p>report</p>"
    assert run.info.artifact_uri.startswith((folder / "mlruns").as_uri())


@pytest.mark.slow
def test_three_runs_that_create_the_store_at_once_are_all_recorded(folder):
    started = []
    for index in range(3):
        (folder / f".dvc/tmp/exps/run{index}").mkdir(parents=True)
        started.append(
            subprocess.Popen([sys.executable, "-c", ONE_RUN], cwd=folder / f".dvc/tmp/exps/run{index}",
                             stderr=subprocess.PIPE, text=True)
        )  # fmt: skip
    assert [process.communicate()[1] for process in started] == ["", "", ""]
    runs = runs_of(folder)
    assert len(runs) == 9
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.slow
def test_a_store_that_cannot_be_written_costs_one_line(folder, capfd):
    (folder / "mlflow.db").write_bytes(b"no database" * 1000)
    log_example(folder)
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "mlflow.db" in error
    assert "python -m stages.report demo" in error


@pytest.mark.slow
def test_a_password_in_the_address_is_not_printed(folder, capfd, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    log_example(folder)
    error = capfd.readouterr().err
    assert "127.0.0.1:9" in error
    assert "secret" not in error


@pytest.mark.parametrize("length", range(150, 190, 10))  # the line is cut within the address
def test_a_password_where_the_line_is_cut_is_not_printed(folder, capfd, monkeypatch, length):
    def fail(*_: object) -> None:
        raise OSError("x" * length + " http://me:se@cretsecret@127.0.0.1:9/ cannot be reached")

    monkeypatch.setattr(tracking, "_log", fail)
    log_example(folder)
    error = capfd.readouterr().err
    assert "xxx" in error and "me:" not in error and "cret" not in error


def test_without_mlflow_one_line_says_so(folder, capfd, monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    log_example(folder)
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    assert "MLflow is not installed" in error
    assert not (folder / "mlflow.db").exists()


@pytest.mark.parametrize("inside", [".dvc/tmp/exps/standalone/tmpabc", ".dvc/tmp/exps/tmpabc", "."])
def test_temporary_copies_belong_to_the_project_they_were_made_from(tmp_path, inside):
    assert project_top(tmp_path / inside) == tmp_path.resolve()
