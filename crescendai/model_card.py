"""The card that goes with a shipped model: what it is for, how it was made, how good it is, and where it ends."""

from collections.abc import Mapping
from typing import NamedTuple

from crescendai.datasets.splits import LEAKY
from crescendai.dimensions import DIMENSIONS


class Facts(NamedTuple):
    """What a card says that differs from model to model.

    corpus: that it was trained on. num_clips, num_passages, num_players: of it. instruments: heard in training.
    pretraining: what the encoder learned from before. network: its name among the rows of results.
    kernel_weight: of the kernel's rating, see `crescendai.models.kernel`; 0 where there is none.
    confidence: of the intervals around scores.
    half_width, coverage: of the intervals by dimension, measured out of fold under the protocol ``intervals_from``.
    known_half_width: under the protocol ``known``, which asks about works that the network knows.
    guess: the mean half width of whoever says the mean rating of everything.
    rounding: largest difference that half precision makes to a rating.
    """

    name: str
    version: str
    corpus: str
    num_clips: int
    num_passages: int
    num_players: int
    instruments: tuple[str, ...]
    pretraining: str
    network: str
    kernel_weight: float
    intervals_from: str
    known: str
    confidence: float
    nominal_coverage: float
    half_width: Mapping[str, float]
    coverage: Mapping[str, float]
    known_half_width: Mapping[str, float]
    guess: float
    rounding: float


MADE_UP = """
**This model learned from the demo corpus: simulated players, simulated listeners. Its ratings say nothing about real
playing; it is here to try the tools with.**
"""

KERNEL = """\
{weight:.0%} of a rating comes from kernel ridge regression, by likeness to the training clips: the file holds, for
each of them, the numbers that the network made of it.
"""

PROTOCOLS = {
    "passage": "no music in both parts, whoever plays it",
    "composition": "no segment of a piece in both parts; excerpts of different length may share music",
    "performer": "no player in both parts; the music may be",
    "movement": "whole movements held out: music that the network does not know",
    "passage_again": "as passage, dealt by another seed",
    "dhiman2026": "the four published folds of arXiv 2601.19029",
    "dhiman2026_test": "the part those folds leave out, taught by all of them",
}
NOT_FOR = """## What it must not be used for

Marks, admissions, competitions, or any verdict on a person. A rating says how {raters} may have described
a short clip, not how good the playing is; most dimensions have no good end.
"""
LIMITS = {
    "percepiano": """## Limits

- Listeners rated clips of three works (Schubert, D 960 and D 935; Beethoven, WoO 80), played by 20 advanced pianists
  and 2 renderings of the score. Other styles, beginners and other instruments were never heard with a rating.
- The listeners heard the corpus's own rendering of each performance; the model heard the same MIDI on other sampled
  pianos, named above, without room or noise. A recording in a room is further from what it knows than any number
  on this card.
- Music that it does not know is the hardest case. Protocol `movement` asks about it with four movements, two of them of
  one sonata: too few to say how it is with other works.
- How loud a recording is, is part of what is rated: normalised or automatically levelled recordings mislead it.
- Intervals were measured on the corpus's own sound and players, and on four movements; for another instrument, room or
  style they are too narrow, by an unknown amount.

## Data and licences

PercePiano (MIT): ratings and performances. MAESTRO v3 (CC BY-NC-SA 4.0): what the encoder was pretrained on, whose
terms bind these weights: not for commercial use, share alike. Pianos: see the README of the project.
""",
    "demo": """## Limits

- Music, players and listeners come from a program: none of it was composed, played or heard by anybody.
- Intervals hold for clips like those of the corpus; for anything else they mean nothing.

## Data and licences

The demo corpus is part of the project and has its licence. Pianos: see the README of the project.
""",
}
RATERS = {"percepiano": "some nine listeners", "demo": "simulated listeners"}


def model_card(facts: Facts, metrics: Mapping[str, Mapping]) -> str:
    """Markdown. metrics: of stage evaluate, as in ``metrics/<corpus>.json``."""
    ceiling = metrics["ceiling"].get("r2")
    head = f"""# CrescendAI: {facts.name} {facts.version}

Rates how a piano performance is played, from its sound: 19 perceptual dimensions between two poles, on the scale of
PercePiano, whose answers 1 to 7 are divided by 7: the lowest possible rating is 0.14, the neutral answer 0.57.
{MADE_UP if facts.corpus == "demo" else ""}
## How it was made

`dvc repro` with `corpus: {facts.corpus}`, then `dvc repro -s shipping/dvc.yaml:ship@{facts.corpus}`: the network
`{facts.network}` of `params.yaml`, trained on all {facts.num_clips} rated clips ({facts.num_passages} passages,
{facts.num_players} players), rendered on {", ".join(facts.instruments)}. Its encoder was pretrained before:
{facts.pretraining}.
{KERNEL.format(weight=facts.kernel_weight) if facts.kernel_weight else ""}\
Weights are kept in half precision, except the kernel's coefficients and the numbers it compares; that changed no rating
of a sample of clips by more than {facts.rounding:.4f}.

## How good it is

Scores are of networks with the same settings, each trained without the clips that it was scored on, with
{facts.confidence:.0%} intervals from resampled groups. These weights have seen all clips and have no score of their
own.

| protocol | R² | of the noise ceiling | r | pairs of takes in order |
|---|---|---|---|---|
"""
    rows = [
        f"| {protocol} | {own[facts.network]['r2']:.3f} ({own[facts.network]['r2_low']:.2f} to "
        f"{own[facts.network]['r2_high']:.2f}) | {_share(own[facts.network]['r2'], ceiling)} | "
        f"{own[facts.network]['pearson']:.3f} | {_in_order(own[facts.network])} |"
        for protocol, own in metrics.items()
        if facts.network in own and protocol not in LEAKY
    ]
    widths = [
        f"| {d.group} | {d.low_pole} – {d.high_pole} | ±{facts.half_width[d.name]:.2f} | "
        f"{facts.coverage[d.name]:.0%} | ±{facts.known_half_width[d.name]:.2f} |"
        for d in DIMENSIONS
    ]
    intervals = f"""
## Intervals

A rating ± its half width is to hold the listeners' mean of {facts.nominal_coverage:.0%} of new clips. It was measured
out of fold under protocol `{facts.intervals_from}`, by conformal prediction over groups of clips that share music.
*Held* is the share of a passage's clips that such intervals held, as a mean over passages. The last column is for
comparison. Whoever always says the mean rating needs ±{facts.guess:.2f}.

| aspect | from 0 to 1 | half width | held | under `{facts.known}` |
|---|---|---|---|---|
"""
    legend = [f"- {protocol}: {asks}" for protocol, asks in PROTOCOLS.items() if protocol in metrics]
    if (listener := metrics["ceiling"].get("single_rater_pairs_in_order")) is not None:
        legend.append(
            "- pairs of takes in order: of two performances of the same music, the one that listeners rated higher is "
            f"rated higher; a coin has 50%, one listener against the others {listener:.0%}"
        )
    scores = "\n".join([*rows, "", *legend, ""])
    limits = NOT_FOR.format(raters=RATERS[facts.corpus]) + "\n" + LIMITS[facts.corpus]
    return head + scores + intervals + "\n".join([*widths, "", limits])


def _in_order(scores: Mapping) -> str:
    return f"{scores['takes']['pairs_in_order']:.0%}" if "takes" in scores else "–"


def _share(r2: float, ceiling: float | None) -> str:
    return "–" if ceiling is None else f"{r2 / ceiling:.0%}"
