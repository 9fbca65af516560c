"""The page of the command line: complete, in order, and read rightly without eyes."""

import re
from xml.etree import ElementTree

import pytest

from crescendai.api.contracts import Failure
from crescendai.cli.html_report import STYLE, WIDTH, html_report
from crescendai.dimensions import DIMENSIONS
from tests.cli.results import made_result


def parsed(*results, failures=()) -> ElementTree.Element:
    """Fails unless the page is well-formed."""
    return ElementTree.fromstring(html_report(list(results), list(failures)))


def test_names_and_messages_are_text():
    failure = Failure(source="x", code="empty", message="<x> & y: expected audio")
    page = parsed(made_result(source='<b>"&.wav'), failures=[failure])
    assert page.findtext(".//h2") == '<b>"&.wav' and page.findtext(".//li") == failure.message


def test_every_group_heads_its_rows_and_every_row_its_rating():
    page = parsed(made_result())
    bodies = page.findall(".//tbody")
    headings = [body.find(".//th[@scope='rowgroup']") for body in bodies]
    assert [heading.text for heading in headings] == list(dict.fromkeys(of.group for of in DIMENSIONS))
    assert [heading.get("rowspan") for heading in headings] == [str(len(body)) for body in bodies]
    assert [th.text for th in page.findall(".//th[@scope='row']")] == [of.low_pole for of in DIMENSIONS]
    assert all("".join(th.itertext()) for th in page.iter("th"))


@pytest.mark.parametrize(("num_sections", "has_course"), [(1, False), (2, True)])
def test_a_single_section_has_no_course(num_sections: int, has_course: bool):
    page = parsed(made_result(num_sections))
    text = "".join(page.itertext())
    assert ("over time" in text) is ("how each rating changes" in text) is has_course
    assert (page.find(".//polyline") is not None) is has_course
    assert {len(head) for head in page.findall(".//thead/tr")} == {len(body[0]) for body in page.findall(".//tbody")}


def test_the_stroke_on_every_scale_is_the_neutral_answer():
    page = parsed(made_result(num_sections=2, rating=4 / 7))
    strokes, points = (page.findall(f".//*[@class='{name}']") for name in ("neutral", "rating"))
    assert len(strokes) == len(DIMENSIONS)
    assert {line.get("x1") for line in strokes} == {point.get("cx") for point in points} == {f"{4 / 7 * WIDTH:.1f}"}
    course = page.find(".//polyline/..")
    (height,) = {point.split(",")[1] for point in course.find("polyline").get("points").split()}
    assert course.find("line").get("y1") == height
    assert "the neutral answer, the short stroke on every scale, 0.57." in "".join(page.itertext())


def test_the_model_is_named_with_its_checksum():
    assert "rated by small 1.2 (01234567)." in parsed(made_result()).findtext(".//caption")


def test_text_has_contrast_in_light_and_in_dark():
    light, dark = STYLE.split("prefers-color-scheme: dark")
    assert set(re.findall(r"[^-]color: (#?[\w-]+)", STYLE)) <= {"var"}  # all colours of text are variables
    for theme in (light, dark.split("body")[0]):
        colours = dict(re.findall(r"--(\w+): (#\w+)", theme))
        for name in ("ink", "soft", "failed"):
            lighter, darker = sorted((luminance(colours[name]), luminance(colours["page"])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name


def luminance(colour: str) -> float:
    """Relative, WCAG 2: of ``#rgb`` or ``#rrggbb``."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
