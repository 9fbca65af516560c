"""The card says what the metrics say, and of each corpus only what is true of it."""

import pytest

from crescendai.dimensions import NAMES
from crescendai.model_card import Facts, model_card

SCORES = {"r2": 0.512, "r2_low": 0.46, "r2_high": 0.561, "pearson": 0.734, "takes": {"pairs_in_order": 0.694}}
METRICS = {"ceiling": {"r2": 0.75, "single_rater_pairs_in_order": 0.596},
           "passage": {"hybrid": SCORES, "audio_ridge": {}}, "movement": {"other": SCORES}}  # fmt: skip


def card(corpus: str, **changes) -> str:
    facts = Facts(
        corpus, "1.2", corpus, 120, 18, 8, ("timgm", "upright"), "`transcribe` on other music", "hybrid", 0.6,
        "movement", "passage", 0.9, 0.8, dict.fromkeys(NAMES, 0.21), dict.fromkeys(NAMES, 0.82),
        dict.fromkeys(NAMES, 0.15), 0.234, 0.0012,
    )  # fmt: skip
    return model_card(facts._replace(**changes), METRICS)


def test_scores_and_intervals_are_those_that_were_measured():
    text = card("percepiano")
    assert "| passage | 0.512 (0.46 to 0.56) | 68% | 0.734 | 69% |" in text and "| movement |" not in text
    assert text.count("| ±0.21 | 82% | ±0.15 |") == len(NAMES)
    assert "90% intervals from resampled groups" in text and "of 80% of new clips" in text
    assert "under protocol `movement`" in text and "under `passage`" in text and "needs ±0.23" in text
    assert "one listener against the others 60%" in text
    assert "rendered on timgm, upright" in text and "more than 0.0012" in text


@pytest.mark.parametrize("weight", [0.6, 0.0])
def test_the_kernel_is_spoken_of_where_there_is_one(weight: float):
    assert ("60% of a rating comes from kernel ridge regression" in card("demo", kernel_weight=weight)) == bool(weight)


def test_a_corpus_is_told_by_its_own_facts():
    real, made_up = card("percepiano"), card("demo")
    for words in ("Schubert", "one sonata", "MAESTRO v3", "20 advanced pianists", "own rendering of each performance"):
        assert words in real and words not in made_up
    assert "simulated players" in made_up and "simulated" not in real
