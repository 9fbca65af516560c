import pytest

from crescendai.errors import DataError
from crescendai.report.words import (
    OBJECTIVES,
    fraction_of_ceiling,
    headline,
    model_words,
    number,
    objective_words,
    p_value,
)
from crescendai.training.pretexts import OBJECTIVES as TRAINED


def test_numbers_have_a_real_minus_and_no_minus_zero():
    assert [number(value) for value in (-0.5, -0.001, None, float("nan"))] == ["−0.50", "0.00", "–", "–"]


def test_headline_claims_the_share_of_the_ceiling():
    score = {"r2": 0.45, "r2_low": 0.4, "r2_high": 0.5}
    sentence = headline("demo", "passage", "audio_svr", score, 0.75, 0.95)
    for part in ("audio SVR explains 45", "passages it had never heard", "0.40 to 0.50", "60", "75"):
        assert part in sentence


@pytest.mark.parametrize("low", [-0.1, 0.0])
def test_headline_claims_nothing_when_the_interval_reaches_guessing(low):
    sentence = headline("demo", "composition", "hybrid", {"r2": 0.05, "r2_low": low, "r2_high": 0.1}, 0.75, 0.95)
    assert "No model" in sentence
    assert "explains" not in sentence


def test_fraction_of_ceiling_of_a_model_worse_than_guessing_is_none():
    assert fraction_of_ceiling(-0.2, 0.75) == "–"


def test_small_p_is_not_printed_as_zero():
    assert [p_value(0.0004), p_value(0.0412)] == ["< 0.001", "0.041"]


def test_a_row_nobody_described_is_refused():
    with pytest.raises(DataError, match=r"oracle.*words\.py"):
        model_words("oracle")


def test_every_pretext_has_words_and_no_other():
    assert set(OBJECTIVES) == set(TRAINED)
    with pytest.raises(DataError, match=r"jigsaw.*words\.py"):
        objective_words("jigsaw")
