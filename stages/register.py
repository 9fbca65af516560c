"""Registers the trained model in MLflow, with the alias `champion`.

    python -m stages.register <corpus>

Reads   models/<corpus>/shipped, the model as it is shipped (see crescendai/shipped.py)
Writes  nothing that DVC keeps; in MLFLOW_TRACKING_URI if that is set, else in mlflow.db and mlruns/ of the project,
        a version of the model crescendai-<its name>, unless that very model is there already

Where MLflow is missing or its store cannot be written, one line says so and the stage succeeds: the model is on disk.

Time    under a minute, most of it MLflow's start and a first rating
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from crescendai.errors import CrescendaiError
from crescendai.params import Params
from crescendai.registry import ALIAS, register
from crescendai.shipped import verify
from crescendai.tracking import project_top, store_uri
from stages import run_stage


def main(corpus: str, params: Params) -> None:
    """Registers the model of one corpus in the working directory."""
    folder = Path("models") / corpus / "shipped"
    verify(folder)  # a model that is not whole is an error, whatever MLflow says

    if find_spec("mlflow") is None:
        print("note: the model is not registered, MLflow is not installed; `pip install mlflow` to have it",
              file=sys.stderr)  # fmt: skip
        return
    try:
        name, number = register(folder, store_uri(project_top(Path.cwd())))
    except CrescendaiError as error:
        print(f"warning: {error}, then `python -m stages.register {corpus}` registers it", file=sys.stderr)
        return
    print(f"models:/{name}@{ALIAS} is version {number}")


if __name__ == "__main__":
    run_stage(main, __doc__)
