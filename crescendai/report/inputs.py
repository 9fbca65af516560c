"""What the report reads, in one place."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crescendai.datasets.splits import all_protocols, protocol_name
from crescendai.datasets.tables import read_table
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.params import Params

NETWORK = "ast"  # the row whose best and worst clips are shown


@dataclass(frozen=True)
class Inputs:
    """Tables of one corpus as the earlier stages wrote them (see their docstrings for columns)."""

    corpus: str
    params: Params
    folder: Path  # data/<corpus>
    metrics: dict[str, dict]  # protocol -> model -> measures
    agreement: dict[str, float]  # of the raters: r2 is the noise ceiling, see stage evaluate
    clips: pd.DataFrame
    durations: pd.DataFrame  # clip_id, instrument, duration_s
    folds: pd.DataFrame
    predictions: pd.DataFrame  # of the network, main protocol, indexed by clip_id
    curves: pd.DataFrame
    dimensions: pd.DataFrame
    comparisons: pd.DataFrame
    predicted: pd.DataFrame
    error_correlation: pd.DataFrame

    @property
    def ceiling(self) -> float:
        """Mean R² that no model can honestly pass."""
        return self.agreement["r2"]

    @property
    def main_spec(self) -> str:
        """The protocol the headline is about: the first of params.split."""
        return self.params.split[0]

    @property
    def specs(self) -> list[str]:
        """All protocols that have results, in the order of params.yaml."""
        listed = getattr(self.params.scale, self.corpus).protocols
        return [
            spec for spec in all_protocols(listed, self.params.split) if protocol_name(spec) in self.metrics
        ]

    def best(self, sees: tuple[str, ...]) -> str | None:
        """The best of some models under the main protocol."""
        rows = {
            name: row["r2"]
            for name, row in self.metrics[protocol_name(self.main_spec)].items()
            if name in sees
        }
        return max(rows, key=rows.get) if rows else None


def read_inputs(top: Path, corpus: str, params: Params) -> Inputs:
    """Reads what the stages before the report wrote below folder ``top``.

    Raises:
        DataError: a file is missing or damaged, or has no results of the main protocol.
    """
    data, plots, metrics_file = (
        top / "data" / corpus,
        top / "plots" / corpus,
        top / "metrics" / f"{corpus}.json",
    )
    metrics = _read_json(metrics_file)
    agreement = metrics.pop("ceiling")
    main = protocol_name(params.split[0])
    if NETWORK not in metrics.get(main, {}):
        raise DataError(
            f"{metrics_file}: expected results of {NETWORK} under protocol {main}, the first of "
            f"params.split, found protocols {', '.join(metrics)}; run `dvc repro`"
        )
    predictions = read_table(data / "predictions" / "ast.parquet")
    predictions = predictions[(predictions["protocol"] == main) & (predictions["model"] == NETWORK)]
    return Inputs(
        corpus=corpus,
        params=params,
        folder=data,
        metrics=metrics,
        agreement=agreement,
        clips=read_table(
            data / "clips.parquet", ["clip_id", "piece", "player", "passage", "n_raters", *NAMES]
        ),
        durations=read_table(data / "audio.parquet", ["clip_id", "instrument", "duration_s"]),
        folds=read_table(data / "folds.parquet"),
        predictions=predictions.set_index("clip_id")[list(NAMES)],
        curves=read_table(data / "curves.parquet"),
        dimensions=_read_csv(plots / "dimensions.csv"),
        comparisons=_read_csv(plots / "comparisons.csv"),
        predicted=_read_csv(plots / "predicted.csv").query("model == @NETWORK"),
        error_correlation=_read_csv(plots / "error_correlation.csv"),
    )


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected the results of stage evaluate, found none ({error}); "
                        "run `dvc repro`") from error  # fmt: skip


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a table of stage evaluate, found none ({error}); "
                        "run `dvc repro`") from error  # fmt: skip
