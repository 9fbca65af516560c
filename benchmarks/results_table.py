"""Prints a corpus's results as Markdown tables, from metrics/<corpus>.json.

Run    python -m benchmarks.results_table percepiano         the table of the README: what matters most
       python -m benchmarks.results_table percepiano --all   that of docs/results.md: every row and protocol
A test compares both with what they print.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

PROTOCOLS = ("passage", "composition", "dhiman2026", "performer", "movement", "passage_again", "dhiman2026_test",
             "random")  # fmt: skip
MAIN_PROTOCOLS = PROTOCOLS[:5]
ROWS = {
    "mean_rater": "the training clips' mean rating",
    "audio_ridge": "audio: ridge",
    "audio_trees": "audio: extra-trees",
    "audio_svr": "audio: SVR",
    "audio_blend": "audio: blend of the three",
    "hybrid": "audio: hybrid, pretrained",
    "hybrid_scratch": "audio: hybrid, from scratch",
    "hybrid_untrained": "audio: hybrid, encoder never trained",
    "ast": "audio: transformer, pretrained",
    "ast_scratch": "audio: transformer, from scratch",
    "midi_ridge": "MIDI: ridge",
    "midi_trees": "MIDI: extra-trees",
    "midi_svr": "MIDI: SVR",
    "midi_blend": "MIDI: blend of the three",
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
    parser.add_argument("--all", action="store_true", help="every row, every protocol, and other measures")
    options = parser.parse_args()
    metrics = json.loads(Path(f"metrics/{options.corpus}.json").read_text())
    if options.all:
        print(results_table(metrics, PROTOCOLS, list(ROWS)), other_measures(metrics), sep="\n\n")
    else:
        print(results_table(metrics))


if __name__ == "__main__":
    main()
