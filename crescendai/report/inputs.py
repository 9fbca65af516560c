"""What the report reads, in one place."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.splits import all_protocols, protocol_name
from crescendai.datasets.tables import read_table
from crescendai.datasets.targets import Targets, read_targets
from crescendai.errors import DataError
from crescendai.params import Params


@dataclass(frozen=True)
class Inputs:
    """Tables of one corpus as the earlier stages wrote them (see their docstrings for columns)."""

    corpus: str
    params: Params
    folder: Path  # data/<corpus>
    targets: Targets
    metrics: dict[str, dict]  # protocol -> model -> measures
    instruments: dict[str, dict]  # model -> piano -> R² with and without having been taught on it; empty for one piano
    limits: dict[str, dict]  # checks, disagreement: of the main network, see stage evaluate
    probes: pd.DataFrame  # what playing a clip otherwise does to its ratings, see stage probe; empty for recordings
    agreement: dict[str, float]  # of the raters: r2 is the noise ceiling, see stage evaluate; empty where unknown
    clips: pd.DataFrame
    durations: pd.DataFrame  # clip_id, instrument, duration_s
    folds: pd.DataFrame
    predictions: pd.DataFrame  # of the main network, main protocol, indexed by clip_id
    curves: pd.DataFrame  # of all networks
    dimensions: pd.DataFrame
    intervals: pd.DataFrame  # of the main network: half widths and the share held, by protocol and dimension
    comparisons: pd.DataFrame
    predicted: pd.DataFrame  # of the main network
    error_correlation: pd.DataFrame
    pretrained: dict[str, dict[str, float]]  # objective -> scores on held-out music
    listened: dict[str, float]  # strokes heard on the rated clips; empty unless the objective is transcribe
    pretrain_curve: pd.DataFrame
    pretext: dict[str, np.ndarray]  # pictures, see `crescendai.training.pretext_report.pretext_pictures`

    @property
    def ceiling(self) -> float | None:
        """Mean R² that no model can honestly pass; None where there are no raters to tell it from."""
        return self.agreement.get("r2")

    @property
    def network(self) -> str:
        """The main network, whose clips, dimensions and points are shown: the first of params.finetune.models."""
        return next(iter(self.params.finetune.models))

    @property
    def main_spec(self) -> str:
        """The protocol the headline is about: the first that networks are trained on."""
        return self.params.split_of(self.corpus)[0]

    @property
    def specs(self) -> list[str]:
        """All protocols that have results, in the order of params.yaml."""
        listed = getattr(self.params.scale, self.corpus).protocols
        listed = all_protocols(listed, self.params.split_of(self.corpus))
        return [spec for spec in listed if protocol_name(spec) in self.metrics]

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
    metrics = _read_json(metrics_file, "evaluate")
    agreement = metrics.pop("ceiling")
    targets = read_targets(data)
    main, network = protocol_name(params.split_of(corpus)[0]), next(iter(params.finetune.models))
    if network not in metrics.get(main, {}):
        raise DataError(
            f"{metrics_file}: expected results of {network} under protocol {main}, the first of "
            f"params.finetune.models and of params.split, found protocols {', '.join(metrics)}; run `dvc repro`"
        )
    predictions = read_table(data / "predictions" / "networks.parquet")
    predictions = predictions[(predictions["protocol"] == main) & (predictions["model"] == network)]
    return Inputs(
        corpus=corpus,
        params=params,
        folder=data,
        targets=targets,
        metrics=metrics,
        instruments=_read_json(top / "metrics" / f"{corpus}-instruments.json", "evaluate"),
        limits=_read_json(top / "metrics" / f"{corpus}-limits.json", "evaluate"),
        probes=_read_csv(plots / "probes.csv", "probe"),
        agreement=agreement,
        clips=read_table(
            data / "clips.parquet", ["clip_id", "piece", "player", "passage", "n_raters", *targets.names]
        ),
        durations=read_table(data / "audio.parquet", ["clip_id", "instrument", "duration_s"]),
        folds=read_table(data / "folds.parquet"),
        predictions=predictions.set_index("clip_id")[list(targets.rated_names)],
        curves=read_table(data / "curves.parquet"),
        dimensions=_read_csv(plots / "dimensions.csv", "evaluate"),
        intervals=_read_csv(plots / "intervals.csv", "evaluate"),
        comparisons=_read_csv(plots / "comparisons.csv", "evaluate"),
        predicted=_read_csv(plots / "predicted.csv", "evaluate").query("model == @network"),
        error_correlation=_read_csv(plots / "error_correlation.csv", "evaluate"),
        pretrained=_read_json(top / "metrics" / f"{corpus}-pretrain.json", "pretrain"),
        listened=_read_json(top / "metrics" / f"{corpus}-listen.json", "listen"),
        pretrain_curve=_read_csv(plots / "pretrain.csv", "pretrain"),
        pretext=_read_arrays(data / "pretext.npz", "pretrain"),
    )


def _read_json(path: Path, stage: str) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, "the results", stage, error) from error


def _read_csv(path: Path, stage: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, "a table", stage, error) from error


def _read_arrays(path: Path, stage: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as arrays:
            return {name: arrays[name].astype(np.float32) for name in arrays}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path, "the pictures", stage, error) from error


def _unreadable(path: Path, what: str, stage: str, error: Exception) -> DataError:
    return DataError(f"{path}: expected {what} of stage {stage}, found none ({error}); run `dvc repro`")
