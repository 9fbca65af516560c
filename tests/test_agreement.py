"""One recording, one answer: the shipped model says the same by command line, service, ONNX graphs and MLflow."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from crescendai.analysis.analyzer import Analyzer
from crescendai.api.settings import ServiceSettings
from crescendai.deployment.programs import write_onnx
from crescendai.dimensions import NAMES
from crescendai.registry import ALIAS, register
from crescendai.shipped import ShippedModel, open_shipped, shipped_folder
from tests.api.served import serving
from tests.recordings import encoded, playing

pytestmark = pytest.mark.slow
TOLERANCE = 1e-4
SHIPPED = shipped_folder()


@pytest.fixture(scope="module")
def shipped() -> ShippedModel:
    return open_shipped(SHIPPED)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sections and a bit."""
    path = tmp_path_factory.mktemp("recordings") / "piece.flac"
    path.write_bytes(encoded(playing(27.0, seed=5, rate_hz=44_100), "FLAC", 44_100))
    return path


@pytest.fixture(scope="module")
def expected(shipped: ShippedModel, recording: Path) -> np.ndarray:
    return Analyzer(shipped).analyze_file(recording).ratings


def test_the_command_line(recording: Path, expected: np.ndarray) -> None:
    command = [Path(sys.executable).with_name("crescendai"), "analyze", str(recording), "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (result,) = json.loads(done.stdout)["results"]
    np.testing.assert_allclose([result["ratings"][name] for name in NAMES], expected, atol=TOLERANCE)


def test_the_service(recording: Path, expected: np.ndarray) -> None:
    with serving(SHIPPED, ServiceSettings()) as address, recording.open("rb") as file:
        answer = httpx.post(f"{address}/v1/analyze", files={"file": file}, timeout=300).json()
    np.testing.assert_allclose([answer["ratings"][name] for name in NAMES], expected, atol=TOLERANCE)


def test_the_onnx_graphs(shipped: ShippedModel, recording: Path, expected: np.ndarray, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    sessions = [onnxruntime.InferenceSession(str(path)) for path in write_onnx(shipped.model, tmp_path / "m.onnx")]
    graphs = {tuple(len(port.shape) for port in session.get_inputs()): session for session in sessions}
    assert set(graphs) == {(2, 2), (3, 1), (3,)}  # that which rates states, encodes windows, listens to windows

    def run(network: object, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        session = graphs[tuple(part.ndim for part in inputs)]
        names = [port.name for port in session.get_inputs()]
        rows = [session.run(None, dict(zip(names, [part[None] for part in row], strict=True)))
                for row in zip(*inputs, strict=True)]  # fmt: skip
        return tuple(np.concatenate(part) for part in zip(*rows, strict=True))

    rated = Analyzer(shipped, run).analyze_file(recording).ratings
    np.testing.assert_allclose(rated, expected, atol=TOLERANCE)


def test_mlflow(recording: Path, expected: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_registry_uri(uri)
    name, _ = register(SHIPPED, uri)
    model = mlflow.pyfunc.load_model(f"models:/{name}@{ALIAS}")
    rated = model.predict(pd.DataFrame({"audio": [recording.read_bytes()]}))
    np.testing.assert_allclose(rated[list(NAMES)].to_numpy()[0], expected, atol=TOLERANCE)
