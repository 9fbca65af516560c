"""Against a real MLflow with its SQLite store in a temporary folder, and its own server."""

import base64
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from crescendai.analysis.analyzer import Analyzer
from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError, DataError
from crescendai.registry import ALIAS, register
from crescendai.shipped import open_shipped, write_manifest
from crescendai.tracking import experiment_id
from tests.recordings import encoded, playing
from tests.shipped_models import small_shipped

pytestmark = pytest.mark.slow
RECORDINGS = [encoded(playing(2.0)), encoded(playing(14.0, seed=1), "FLAC")]  # one section, and several


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_shipped(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def name(folder: Path, uri: str) -> str:
    name, number = register(folder, uri)
    assert number == 1
    return name


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    analyzer, found = Analyzer(open_shipped(folder)), []
    for audio in RECORDINGS:
        file = tmp_path_factory.mktemp("sound") / "recording"
        file.write_bytes(audio)
        found.append(analyzer.analyze_file(file).ratings)
    return np.stack(found)


def test_loaded_by_its_alias_it_rates_as_the_analyzer_does(name, uri, expected, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_registry_uri(uri)
    model = mlflow.pyfunc.load_model(f"models:/{name}@{ALIAS}")
    rated = model.predict(pd.DataFrame({"audio": RECORDINGS}))
    assert tuple(rated.columns) == NAMES
    np.testing.assert_allclose(rated.to_numpy(), expected, atol=1e-4)
    assert model.metadata.signature.inputs.input_names() == ["audio"]
    assert model.metadata.load_input_example() is not None


def test_the_same_model_is_registered_once_and_a_changed_one_takes_the_alias(name, uri, folder, tmp_path):
    from mlflow import MlflowClient

    assert register(folder, uri) == (name, 1)
    other = small_shipped(tmp_path / "small")
    write_manifest(other, "small", "1.3")
    assert register(other, uri) == (name, 2)
    client = MlflowClient(uri, uri)
    assert int(client.get_model_version_by_alias(name, ALIAS).version) == 2
    assert register(folder, uri) == (name, 1)  # back again
    assert int(client.get_model_version_by_alias(name, ALIAS).version) == 1
    assert client.get_model_version(name, "1").description.startswith("# Small")


def test_mlflow_serves_it(name, uri, expected, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{name}@{ALIAS}",
               "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    bin_folder = str(Path(sys.executable).parent)
    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri, "HOME": str(tmp_path),
                   "PATH": f"{bin_folder}:/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1])}  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
        try:
            address, until = f"http://127.0.0.1:{port}", time.monotonic() + 300
            while not _answers(address):
                assert server.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(0.5)
            table = {"columns": ["audio"], "data": [[base64.b64encode(audio).decode()] for audio in RECORDINGS]}
            answer = httpx.post(f"{address}/invocations", json={"dataframe_split": table}, timeout=300)
            assert answer.status_code == 200, answer.text
            rated = pd.DataFrame(json.loads(answer.text)["predictions"])[list(NAMES)]
            np.testing.assert_allclose(rated.to_numpy(), expected, atol=1e-4)
        finally:
            server.terminate()
            server.wait(60)


def test_a_damaged_model_is_not_registered(uri, tmp_path):
    other = small_shipped(tmp_path / "damaged")
    (other / "card.md").write_text("changed")
    with pytest.raises(DataError, match=r"card\.md: expected sha256"):
        register(other, uri)


def test_a_store_that_cannot_be_reached_is_one_sentence(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(CrescendaiError, match="check MLFLOW_TRACKING_URI") as refused:
        register(folder, "http://me:secret@127.0.0.1:9")
    assert "127.0.0.1:9" in str(refused.value) and "secret" not in str(refused.value)


def test_a_store_beside_the_working_directory_has_its_files_there(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)
    client = mlflow.MlflowClient(tracking_uri="sqlite:///mlflow.db")
    made = experiment_id(client, "one", "sqlite:///mlflow.db")
    assert client.get_experiment(made).artifact_location == (tmp_path / "mlruns").as_uri()
    assert experiment_id(client, "one", "sqlite:///mlflow.db") == made


def _answers(address: str) -> bool:
    try:
        return httpx.get(address + "/ping", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
