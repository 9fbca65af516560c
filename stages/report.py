"""Writes the report: one HTML page about a finished run, and a run in MLflow.

    python -m stages.report <corpus>

Reads   metrics/<corpus>.json, <corpus>-pretrain.json, -listen.json, -instruments.json, -limits.json
        plots/<corpus>/dimensions.csv, comparisons.csv, predicted.csv, error_correlation.csv, intervals.csv, probes.csv,
        pretrain.csv
        data/<corpus>/clips.parquet, audio.parquet, spectrograms/, folds.parquet, predictions/networks.parquet,
        curves.parquet, pretext.npz
        params.yaml
Writes  reports/<corpus>.html, which holds all it needs, sound included; and, outside of DVC, a run
        of experiment crescendai-<corpus> in mlflow.db and mlruns/ (see crescendai/tracking.py)

The page holds sound and pictures of the main network's best and worst clips, and pictures of what pretraining
made of music it had not heard; it loads nothing and runs no scripts. The main network is the first of
`finetune.models`.
Where MLflow is missing or its store cannot be written, one line says so and the stage succeeds.

Time    under half a minute, most of it MLflow's start
"""

from datetime import UTC, datetime
from pathlib import Path

from crescendai.datasets.texts import write_texts
from crescendai.params import Params
from crescendai.report.inputs import read_inputs
from crescendai.report.page import build_page, flat_params, flatten
from crescendai.report.provenance import collect_provenance
from crescendai.tracking import log_run
from stages import run_stage

LARGEST_PAGE_MB = 8  # what still opens at once on a phone


def main(corpus: str, params: Params) -> None:
    """Makes the report of one corpus in the working directory."""
    top = Path()

    # ------------------------------------------------------------------ inputs
    inputs = read_inputs(top, corpus, params)
    provenance = collect_provenance(top, corpus, date=datetime.now(UTC).date().isoformat())

    # -------------------------------------------------------------------- page
    page = build_page(inputs, provenance)
    megabytes = len(page.encode()) / 1e6
    print(
        f"page of {megabytes:.1f} MB" + (", larger than it should be" if megabytes > LARGEST_PAGE_MB else "")
    )

    # ------------------------------------------------------------------- write
    report = top / "reports" / f"{corpus}.html"
    write_texts({report: page})

    # -------------------------------------------------------------- tracking
    before = {"pretrain": inputs.pretrained, "listen": inputs.listened}
    metrics = flatten({"ceiling": inputs.agreement, **inputs.metrics, **before})
    log_run(corpus, dict(flat_params(inputs)), metrics, inputs.curves, provenance, report)


if __name__ == "__main__":
    run_stage(main, __doc__)
