"""Ratings in a terminal: they fit, their marks are where they should be, and nothing in a name is obeyed."""

import pytest

from crescendai.cli.csv_table import csv_text
from crescendai.cli.table import ASCII, UNICODE, _bar, print_results
from crescendai.dimensions import DIMENSIONS
from tests.cli.results import made_result


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_the_table_fits_a_terminal_of_80_columns(capsys: pytest.CaptureFixture[str]):
    print_results([made_result()])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("0.25 – 0.75" in line for line in lines) == len(DIMENSIONS)


def test_a_neutral_rating_stands_below_the_mark_of_the_neutral_answer(capsys: pytest.CaptureFixture[str]):
    print_results([made_result(rating=4 / 7)])
    _, head, *rows, caption, _ = capsys.readouterr().out.splitlines()
    bars = [row for row in rows if UNICODE.rating in row]
    assert len(bars) == len(DIMENSIONS) and {row.index(UNICODE.rating) for row in bars} == {head.index(UNICODE.neutral)}
    assert f"{UNICODE.neutral} 0.57 is neutral" in caption


def test_the_model_is_named_with_its_checksum(capsys: pytest.CaptureFixture[str]):
    print_results([made_result()])
    assert "small 1.2 (01234567)" in capsys.readouterr().out
    assert ",small 1.2 (01234567)," in csv_text([made_result()])


def test_bars_are_drawn_with_what_the_terminal_has():
    at_zero = made_result().dimensions[0].model_copy(update={"lower": 0.0, "rating": 0.5, "upper": 0.99})
    assert _bar(at_zero, UNICODE).plain == "━" * 7 + "●" + "━" * 6
    assert _bar(at_zero, ASCII).plain == "=" * 7 + "o" + "=" * 6
