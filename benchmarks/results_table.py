"""Prints a corpus's results as Markdown tables, from metrics/<corpus>.json and plots/<corpus>/.

Run    python -m benchmarks.results_table percepiano                the tables of the README: what matters most
       python -m benchmarks.results_table percepiano --all          those of docs/results.md: every row and protocol
       python -m benchmarks.results_table percepiano --dimensions   that of docs/dimensions.md: each one's scores
A test compares all of them with what they print.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crescendai.dimensions import DIMENSIONS

PROTOCOLS = ("passage", "composition", "dhiman2026", "performer", "movement", "passage_again", "dhiman2026_test",
             "random")  # fmt: skip
MAIN_PROTOCOLS = PROTOCOLS[:5]
ROWS = {
    "mean_rater": "the training clips' mean rating",
    "audio_ridge": "audio: ridge",
    "audio_trees": "audio: extra-trees",
    "audio_svr": "audio: SVR",
    "audio_blend": "audio: classical blend",
    "hybrid": "audio: hybrid, pretrained",
    "hybrid_scratch": "audio: hybrid, from scratch",
    "hybrid_untrained": "audio: hybrid, encoder never trained",
    "ast": "audio: transformer, pretrained",
    "ast_scratch": "audio: transformer, from scratch",
    "midi_ridge": "MIDI: ridge",
    "midi_trees": "MIDI: extra-trees",
    "midi_svr": "MIDI: SVR",
    "midi_blend": "MIDI: classical blend",
}
MAIN_ROWS = ("mean_rater", "audio_blend", "hybrid", "hybrid_untrained", "ast", "midi_blend")


def results_table(metrics: dict, protocols: Sequence[str] = MAIN_PROTOCOLS, rows: Sequence[str] = MAIN_ROWS) -> str:
    """A row a model that has results, a column a protocol: R² and its interval; then the first protocol's share
    and r."""
    protocols = [name for name in protocols if name in metrics]
    first = protocols[0]
    head = ["R²", *protocols, f"of ceiling ({first})", f"r ({first})"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for model in rows:
        scores = [metrics[protocol].get(model) for protocol in protocols]
        if not any(scores):
            continue
        cells = ["–" if s is None else f"{s['r2']:.3f} ({s['r2_low']:.2f} to {s['r2_high']:.2f})" for s in scores]
        shown = scores[0]
        last = ["–", "–"] if shown is None else [f"{shown['ceiling_fraction']:.0%}", f"{shown['pearson']:.3f}"]
        lines.append("| " + " | ".join([ROWS[model], *cells, *last]) + " |")
    ceiling = metrics["ceiling"]
    lines.append(
        f"| noise ceiling | {' | '.join([format(ceiling['r2'], '.3f')] * len(protocols))} | 100% | "
        f"{ceiling['pearson']:.3f} |"
    )
    return "\n".join(lines)


def takes_table(metrics: dict, protocols: Sequence[str] = ("passage", "movement")) -> str:
    """Takes of the same music: r between them, and the share of pairs in the listeners' order, by protocol."""
    head = [f"{what} ({protocol})" for protocol in protocols for what in ("r between takes", "pairs in order")]
    lines = ["| takes of the same music | " + " | ".join(head) + " |", "|---" * (1 + len(head)) + "|"]
    one = f"{metrics['ceiling']['single_rater_pairs_in_order']:.0%}"
    lines.append("| one listener, against the mean of the others | " + " | ".join(["–", one] * len(protocols)) + " |")
    for model in MAIN_ROWS:
        found = [metrics[protocol].get(model, {}).get("takes") for protocol in protocols]
        if any(found):
            cells = [cell for takes in found for cell in (_takes_cells(takes) if takes else ("–", "–"))]
            lines.append(f"| {ROWS[model]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _takes_cells(takes: dict) -> tuple[str, str]:
    r, low, high = (takes[f"pearson{end}"] for end in ("", "_low", "_high"))
    share, least, most = (takes[f"pairs_in_order{end}"] for end in ("", "_low", "_high"))
    return f"{r:.2f} ({low:.2f} to {high:.2f})", f"{share:.0%} ({least:.0%} to {most:.0%})"


def dimensions_table(metrics: dict, by_dimension: pd.DataFrame, intervals: pd.DataFrame, model: str = "hybrid") -> str:
    """How well each dimension is predicted: R² and r, of known works and of new ones, and how wide its interval is.

    by_dimension, intervals: ``dimensions.csv`` and ``intervals.csv`` of ``plots/<corpus>/``.
    """
    own = by_dimension[by_dimension["model"] == model].set_index(["protocol", "dimension"])
    width = intervals[intervals["model"] == model].set_index(["protocol", "dimension"])["half_width"]
    head = ["name", "group", "from 0 to 1", "ceiling, R²", "R² (composition)", "r", "R² (passage)", "r",
            "R² (movement)", "r", "interval ± (passage)", "± (movement)"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for d in DIMENSIONS:
        at = {protocol: own.loc[(protocol, d.name)] for protocol in ("composition", "passage", "movement")}
        scores = (format(row[what], ".2f") for row in at.values() for what in ("r2", "pearson"))
        widths = (format(width[protocol, d.name], ".2f") for protocol in ("passage", "movement"))
        cells = [f"`{d.name}`", d.group, f"{d.low_pole} – {d.high_pole}", format(at["passage"]["ceiling_r2"], ".2f")]
        lines.append("| " + " | ".join([*cells, *scores, *widths]) + " |")
    means = [metrics[protocol][model][what] for protocol in at for what in ("r2", "pearson")]
    means += [metrics[protocol][model]["intervals"]["half_width"] for protocol in ("passage", "movement")]
    mean = [format(value, ".2f") for value in (metrics["ceiling"]["r2"], *means)]
    return "\n".join([*lines, "| mean | | | " + " | ".join(mean) + " |"])


def other_measures(metrics: dict, model: str = "hybrid") -> str:
    """Of one model under every protocol: R² pooled and as a mean over folds, and what else metrics hold."""
    measures = {"r2": "R² pooled", "r2_folds": "R², mean of folds", "pearson": "r", "spearman": "Spearman's ρ",
                "ccc": "concordance", "mae": "mean absolute error"}  # fmt: skip
    lines = ["| protocol | " + " | ".join(measures.values()) + " |", "|---" * (1 + len(measures)) + "|"]
    for protocol in PROTOCOLS:
        if found := metrics.get(protocol, {}).get(model):
            values = (found.get(name) for name in measures)
            cells = ("–" if value is None else format(value, ".3f") for value in values)
            lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=("demo", "percepiano"))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="every row, every protocol, and other measures")
    which.add_argument("--dimensions", action="store_true", help="how well each dimension is predicted")
    options = parser.parse_args()
    metrics = json.loads(Path(f"metrics/{options.corpus}.json").read_text())
    plots = Path("plots") / options.corpus
    if options.all:
        print(results_table(metrics, PROTOCOLS, list(ROWS)), other_measures(metrics), sep="\n\n")
    elif options.dimensions:
        print(dimensions_table(metrics, pd.read_csv(plots / "dimensions.csv"), pd.read_csv(plots / "intervals.csv")))
    else:
        print(results_table(metrics), takes_table(metrics), sep="\n\n")


if __name__ == "__main__":
    main()
