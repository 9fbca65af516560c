"""The stage that registers a model: MLflow may fail, the model must be whole."""

import os
import shutil
from pathlib import Path

import pytest

from crescendai.errors import DataError
from crescendai.params import load_params
from stages.register import main
from tests.shipped_models import small_shipped

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a shipped model of the demo corpus."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    (tmp_path / "models/demo").mkdir(parents=True)
    small_shipped(tmp_path / "models/demo/shipped")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.slow
def test_it_registers_in_the_project_s_own_store(folder, capsys):
    mlflow = pytest.importorskip("mlflow")
    main("demo", load_params())
    assert "models:/crescendai-small@champion is version 1" in capsys.readouterr().out
    client = mlflow.MlflowClient(*[f"sqlite:///{folder / 'mlflow.db'}"] * 2)
    assert client.get_model_version_by_alias("crescendai-small", "champion").tags["version"] == "1.2"
    assert any((folder / "mlruns").rglob("model.safetensors"))
    assert "MLFLOW_TRACKING_URI" not in os.environ  # a report that is made next goes where it would have gone


@pytest.mark.slow
def test_a_store_that_is_away_costs_a_line(folder, capsys, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    main("demo", load_params())
    said = capsys.readouterr().err
    assert said.startswith("warning: MLflow: expected it to register crescendai-small")
    assert said.endswith("`python -m stages.register demo` registers it\n") and said.count("\n") == 1


def test_a_model_that_is_not_whole_is_an_error(folder):
    (folder / "models/demo/shipped/card.md").write_text("changed")
    with pytest.raises(DataError, match=r"card\.md: expected sha256"):
        main("demo", load_params())
