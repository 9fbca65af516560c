import re

import pytest

from crescendai.report import charts
from crescendai.report.scale import middle


def test_axis_runs_from_0_to_100_percent_and_stops_there():
    axis = charts.Axis(-0.2, 1.0)
    assert [axis.percent(value) for value in (-0.2, 0.4, 1.0, 7.0)] == [
        "0.00%",
        "50.00%",
        "100.00%",
        "100.00%",
    ]


def test_text_in_a_chart_is_escaped():
    assert charts.tag("text", "<b>", class_='"') == '<text class="&#34;">&lt;b&gt;</text>'


def test_kinds_differ_in_shape_not_only_in_colour():
    shapes = {re.sub(r'class="[^"]*"', "", charts.mark(kind, "10%", 5)) for kind in ("audio", "midi", "none")}
    assert len(shapes) == 3


def test_band_of_a_score_row_ends_at_the_ceiling():
    row = charts.score_row(charts.Axis(0, 1), [0, 1], 0.75, [("audio", False, 0.5)], (0.4, 0.6))
    assert 'width="75.00%"' in row
    assert 'x1="40.00%" x2="60.00%"' in row


def test_score_below_the_axis_is_an_arrow():
    inside = charts.score_row(charts.Axis(-0.3, 1), [0], 0.75, [("midi", False, -0.3)])
    outside = charts.score_row(charts.Axis(-0.3, 1), [0], 0.75, [("midi", False, -0.9)])
    assert "L1 0L9 5Z" in outside
    assert "L1 0L9 5Z" not in inside


def test_the_middle_of_a_rating_row_is_where_it_is_told_to_be():
    row = charts.rating_row(0.2, 0.9, 0.6)
    assert re.findall(r'<line x1="([^"]*)" x2="([^"]*)" [^>]*class="grid"', row) == [("60.00%", "60.00%")]


def test_the_middle_answer_is_four_of_seven_where_answers_were_divided_by_seven():
    assert [middle(corpus) for corpus in ("percepiano", "demo", "folder", "ccmusic")] == [4 / 7, 4 / 7, 0.5, 0.5]


def test_scatter_puts_low_left_and_high_right():
    chart = charts.scatter([0.25], [1.0], "label", 2)
    assert 'cx="25.0%" cy="0.0%"' in chart
    assert 'role="img" aria-label="label"' in chart


@pytest.mark.parametrize("losses", [[1.0, 0.5, 0.7], [0.5]])
def test_learning_curve_marks_what_is_kept(losses):
    epochs = list(range(1, len(losses) + 1))
    kept = losses.index(min(losses))
    loss_range = (min(losses), max(losses))
    chart = charts.learning_curve(epochs, losses, losses, kept, len(epochs), loss_range, "label", "round")
    assert f'cx="{100 * kept / max(len(epochs) - 1, 1):g}%"' in chart
    assert f">round {len(epochs)}</text>" in chart
