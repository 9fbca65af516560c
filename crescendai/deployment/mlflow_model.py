"""The model as MLflow serves it: MLflow runs this file and takes what `set_model` is given (models from code).

Needs CrescendAI where it is loaded. In: a table with a column ``audio``, a recording's bytes each; over HTTP, base64.
Out: a row of 19 ratings each, 0 to 1, named as in `crescendai.dimensions`.
"""

import io
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow.models import set_model

from crescendai.analysis.analyzer import Analyzer
from crescendai.dimensions import NAMES
from crescendai.shipped import open_shipped

MODEL = "model"  # name of the artifact: a folder as crescendai.shipped describes it


class RatingModel(mlflow.pyfunc.PythonModel):
    """An `Analyzer` of the artifact. It decodes in its own process: for recordings of people one trusts."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        self._analyzer = Analyzer(open_shipped(Path(context.artifacts[MODEL])))

    def predict(
        self, context: mlflow.pyfunc.PythonModelContext, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame:
        """Raises:
        RefusedAudio: a recording cannot be rated; none of them is then.
        """
        analyzed = [
            self._analyzer.analyze_audio(io.BytesIO(audio), f"audio in row {row}").ratings
            for row, audio in enumerate(model_input["audio"])
        ]
        return pd.DataFrame(analyzed, columns=list(NAMES))


set_model(RatingModel())
