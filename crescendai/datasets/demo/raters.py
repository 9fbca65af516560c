"""Simulated listeners of the demo: what each dimension means there, and how raters answer.

Every dimension has a known truth, a function of how a clip is played and of what is played. The
functions are the project's own guesses at what a pianist would say; nothing about real listeners
follows from them. They exist so that results on the demo can be checked against what is true.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crescendai.datasets.demo.notation import Score
from crescendai.datasets.demo.playing import PARAMETERS
from crescendai.dimensions import NAMES

SCALE = 7  # answers are 1 to 7; PercePiano divides them by 7
BIAS = 0.4  # standard deviation, in answers: a rater's habit of answering high or low in a dimension
MISSING = 0.03  # share of questions left without an answer


@dataclass(frozen=True)
class Judgement:
    """weights: of the standardised properties; ``a*b`` is a product, ``|a|`` how far from usual.
    noise: standard deviation of single answers, in answers."""

    weights: dict[str, float]
    noise: float


# Parameters of playing by their names in `playing`; of the music: minor (1, major -1),
# register (mean pitch) and density (onsets a second, as played).
JUDGEMENTS: dict[str, Judgement] = {
    "timing_stability": Judgement({"jitter_ms": 0.8, "rubato": 0.5, "melody_lead_ms": 0.2}, 1.3),
    "articulation_length": Judgement({"key_hold": 0.85, "pedal_fraction": 0.4}, 1.2),
    "articulation_touch": Judgement({"velocity_level": 0.7, "key_hold": -0.5, "density": 0.2}, 1.2),
    "pedal_amount": Judgement({"pedal_fraction": 1.0, "key_hold": 0.2}, 1.1),
    "pedal_clarity": Judgement(
        {"pedal_fraction": 0.7, "pedal_overlap_ms": 0.5, "pedal_fraction*pedal_overlap_ms": 0.25}, 1.2
    ),
    "timbre_variety": Judgement(
        {"velocity_range": 0.6, "voicing": 0.3, "pedal_fraction": 0.4, "velocity_level": 0.3}, 1.4
    ),
    "timbre_depth": Judgement({"pedal_fraction": 0.6, "velocity_level": 0.5, "register": -0.4}, 1.3),
    "timbre_brightness": Judgement(
        {"velocity_level": -0.7, "register": -0.4, "minor": 0.2, "pedal_fraction": 0.2}, 1.3
    ),
    "timbre_loudness": Judgement({"velocity_level": 1.0, "velocity_range": 0.15}, 1.1),
    "dynamic_sophistication": Judgement({"velocity_level": 0.7, "jitter_ms": 0.35, "voicing": -0.4}, 1.4),
    "dynamic_range": Judgement({"velocity_range": 0.9, "velocity_level": 0.35}, 1.3),
    "music_pace": Judgement({"tempo_ratio": -0.7, "density": -0.6}, 1.1),
    "music_space": Judgement({"pedal_fraction": 0.6, "rubato": 0.4, "density": -0.5}, 1.4),
    "music_balance": Judgement(
        {"voicing": 0.55, "jitter_ms": -0.45, "pedal_overlap_ms": -0.4, "velocity_level": -0.3}, 1.5
    ),
    "music_drama": Judgement(
        {"velocity_range": 0.6, "velocity_level": 0.5, "rubato": 0.4, "velocity_range*rubato": 0.2}, 1.3
    ),
    "mood_valence": Judgement(
        {"minor": 0.45, "tempo_ratio": -0.5, "velocity_level": -0.4, "register": -0.3}, 1.3
    ),
    "mood_energy": Judgement({"velocity_level": 0.7, "density": 0.5, "key_hold": -0.2}, 1.1),
    "mood_imagination": Judgement(
        {"rubato": 0.45, "velocity_range": 0.5, "pedal_fraction": 0.4, "melody_lead_ms": 0.2}, 1.4
    ),
    "interpretation": Judgement(
        {
            "velocity_range": 0.5, "voicing": 0.4, "key_hold": 0.35, "jitter_ms": -0.4,
            "pedal_overlap_ms": -0.3, "|tempo_ratio|": -0.3,
        },
        1.5,
    ),
}


def standard_properties(
    how: Mapping[str, float], score: Score, quarters_per_minute: float, mode: str
) -> dict[str, float]:
    """What a listener hears, each property with a mean near 0 and a standard deviation near 1.

    Centres and spreads are constants, never the corpus's own: a clip's truth does not depend on
    which other clips were made.

    how: a value for each parameter of playing, in its unit.
    quarters_per_minute: the written tempo.
    mode: ``major`` or ``minor``.
    """
    properties = {part.name: (how[part.name] - part.centre) / part.spread for part in PARAMETERS}
    duration_s = score.length * 60 / (quarters_per_minute * how["tempo_ratio"])
    properties["minor"] = 1.0 if mode == "minor" else -1.0
    properties["register"] = (float(score.pitch.mean()) - 62) / 3
    properties["density"] = (np.log2(len(np.unique(score.onset)) / duration_s) - 1.4) / 0.7
    return properties


def _value(term: str, properties: Mapping[str, float]) -> float:
    if "*" in term:
        one, other = term.split("*")
        return properties[one] * properties[other]
    if term.startswith("|"):
        return abs(properties[term.strip("|")]) - 0.8  # the mean of |x| of a standard normal x
    return properties[term]


def true_ratings(properties: Mapping[str, float]) -> dict[str, float]:
    """The ratings that endlessly many raters would agree on, in (1/7, 1).

    1/7 + 6/7 · logistic(Σ weight · property): linear for usual playing, saturated at the poles.

    properties: from `standard_properties`.
    """
    ratings = {}
    for name in NAMES:
        total = sum(weight * _value(term, properties) for term, weight in JUDGEMENTS[name].weights.items())
        ratings[name] = float((1 + (SCALE - 1) / (1 + np.exp(-total))) / SCALE)
    return ratings


def answer(truth: pd.DataFrame, raters: int, seed: int) -> pd.DataFrame:
    """Lets raters listen: each clip is heard by a random half to all of them.

    answer = round(7 · truth + bias of rater and dimension + noise), cut to 1..7, divided by 7.

    truth: a row a clip with ``clip_id`` and the 19 true ratings.
    raters: how many there are, at least 2.

    Returns:
        A row for each clip and rater: ``clip_id``, ``rater``, 19 columns, NaN = no answer. The first
        rater of a clip answers every question, so that no mean is empty.
    """
    rng = np.random.default_rng([seed, raters])
    noise = np.array([JUDGEMENTS[name].noise for name in NAMES])
    bias = rng.normal(0.0, BIAS, (raters, len(NAMES)))
    clips, listeners, answers = [], [], []
    for clip_id, true in zip(truth["clip_id"], truth[list(NAMES)].to_numpy(), strict=True):
        heard_by = np.sort(rng.permutation(raters)[: rng.integers(max(2, raters // 2), raters + 1)])
        given = SCALE * true + bias[heard_by] + rng.normal(0.0, noise, (len(heard_by), len(NAMES)))
        given = np.clip(np.rint(given), 1, SCALE) / SCALE
        given[1:][rng.random(given[1:].shape) < MISSING] = np.nan
        clips += [clip_id] * len(heard_by)
        listeners += [f"rater{rater + 1:02d}" for rater in heard_by]
        answers.append(given)
    who = pd.DataFrame({"clip_id": clips, "rater": listeners})
    return pd.concat([who, pd.DataFrame(np.vstack(answers), columns=list(NAMES))], axis=1)


def known_reliability(truth: pd.DataFrame, raters_per_clip: float) -> dict[str, float]:
    """Reliability of a clip's mean rating that follows from the noise put in, for each dimension.

    σ²_truth / (σ²_truth + (σ²_bias + σ²_noise + 1/12) / k), in answers; 1/12 is the variance of
    rounding to whole answers. What one-way random effects, ICC(1, k), should find in the ratings.

    truth: the 19 true ratings, a row a clip.
    raters_per_clip: k, the harmonic mean of the answers a clip.
    """
    variance = (SCALE * truth[list(NAMES)]).var(ddof=1)
    return {
        name: float(
            variance[name]
            / (variance[name] + (BIAS**2 + JUDGEMENTS[name].noise ** 2 + 1 / 12) / raters_per_clip)
        )
        for name in NAMES
    }
