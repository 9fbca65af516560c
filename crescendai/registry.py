"""Registers a trained model in MLflow, for `mlflow models serve` and for who looks it up by its alias.

As with runs, DVC's files stay the source of truth.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import soundfile

from crescendai.dimensions import NAMES
from crescendai.errors import CrescendaiError
from crescendai.shipped import ModelIdentity, read_card, verify
from crescendai.tracking import QUIET, experiment_id, one_at_a_time, reason_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
EXPERIMENT = "crescendai-models"
CODE = Path(__file__).parent / "deployment" / "mlflow_model.py"
EXAMPLE_S, EXAMPLE_RATE_HZ = 2.0, 22050


def register(folder: Path, tracking_uri: str) -> tuple[str, int]:
    """Makes a shipped model the newest version of ``crescendai-<its name>``, with the alias ``champion``.

    One that is registered already, by its version and the checksum of its weights, gets the alias and no second entry.

    folder: as `crescendai.shipped` describes it. tracking_uri: of MLflow.

    Returns:
        Name and version in the registry.

    Raises:
        DataError: the folder is not whole.
        CrescendaiError: MLflow cannot be reached, or refuses.
    """
    identity = verify(folder)
    name = f"crescendai-{identity.name}"
    for variable, value in {**QUIET, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}.items():
        os.environ.setdefault(variable, value)
    from mlflow import MlflowClient  # takes seconds: only where it is needed

    try:
        with one_at_a_time(tracking_uri), _talking_to(tracking_uri):
            client = MlflowClient()
            number = _registered(client, name, identity)
            if number is None:
                number = _log(client, folder, name, identity, tracking_uri)
            client.set_registered_model_alias(name, ALIAS, str(number))
    except Exception as error:  # whatever MLflow or its database raises
        raise CrescendaiError(
            f"MLflow: expected it to register {name}, found {type(error).__name__}: {reason_of(error)}; "
            "check MLFLOW_TRACKING_URI"
        ) from error
    return name, number


@contextmanager
def _talking_to(tracking_uri: str) -> Iterator[None]:
    """Models are logged where MLflow's own settings say; they are what they were afterwards."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    variables = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
        for name, value in variables.items():  # MLflow sets them, too, and programs that are started inherit them
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _registered(client: "MlflowClient", name: str, identity: ModelIdentity) -> int | None:
    found = client.search_model_versions(f"name = '{name}'")
    wanted = {"sha256": identity.sha256, "version": identity.version}
    return max((int(of.version) for of in found if wanted.items() <= of.tags.items()), default=None)


def _log(client: "MlflowClient", folder: Path, name: str, identity: ModelIdentity, uri: str) -> int:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        Schema([ColSpec(DataType.binary, "audio")]), Schema([ColSpec(DataType.double, of) for of in NAMES])
    )
    with mlflow.start_run(experiment_id=experiment_id(client, EXPERIMENT, uri), run_name=f"{name} {identity.version}"):
        logged = mlflow.pyfunc.log_model(
            name="model", python_model=str(CODE), artifacts={"model": str(folder)}, signature=signature,
            input_example=_example(), pip_requirements=[f"crescendai=={version('crescendai')}"],
            registered_model_name=name,
        )  # fmt: skip
    number = int(logged.registered_model_version)
    client.set_model_version_tag(name, str(number), "version", identity.version)
    client.update_model_version(name, str(number), read_card(folder))
    # Last: with it the entry counts as whole.
    client.set_model_version_tag(name, str(number), "sha256", identity.sha256)
    return number


def _example() -> pd.DataFrame:
    """One recording: an A that dies away."""
    t = np.arange(round(EXAMPLE_S * EXAMPLE_RATE_HZ)) / EXAMPLE_RATE_HZ
    file = io.BytesIO()
    soundfile.write(file, 0.2 * np.exp(-2 * t) * np.sin(2 * np.pi * 440 * t), EXAMPLE_RATE_HZ, format="FLAC")
    return pd.DataFrame({"audio": [file.getvalue()]})
