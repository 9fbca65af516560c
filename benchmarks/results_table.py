"""Prints a corpus's results as the Markdown table of the README, from metrics/<corpus>.json.

Run    python -m benchmarks.results_table percepiano
A test compares what it prints with the README.
"""

import json
import sys
from pathlib import Path

PROTOCOLS = ("passage", "passage_again", "composition", "dhiman2026", "dhiman2026_test", "performer", "movement",
             "random")  # fmt: skip
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


def results_table(metrics: dict) -> str:
    """A row a model that has results, a column a protocol: R² and its interval; then the first protocol's share
    and r."""
    protocols = [name for name in PROTOCOLS if name in metrics]
    first = protocols[0]
    head = ["R²", *protocols, f"of ceiling ({first})", f"r ({first})"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for model, label in ROWS.items():
        scores = [metrics[protocol].get(model) for protocol in protocols]
        if not any(scores):
            continue
        cells = ["–" if s is None else f"{s['r2']:.3f} ({s['r2_low']:.2f} to {s['r2_high']:.2f})" for s in scores]
        shown = scores[0]
        last = ["–", "–"] if shown is None else [f"{shown['ceiling_fraction']:.0%}", f"{shown['pearson']:.3f}"]
        lines.append("| " + " | ".join([label, *cells, *last]) + " |")
    ceiling = metrics["ceiling"]
    lines.append(
        f"| noise ceiling | {' | '.join([format(ceiling['r2'], '.3f')] * len(protocols))} | 100% | "
        f"{ceiling['pearson']:.3f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(results_table(json.loads(Path(f"metrics/{sys.argv[1]}.json").read_text())))
