"""Everybody can use the page, and it asks nobody else for anything."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.page.browsing import WAIT_MS, failure, problems, rate, until

pytestmark = pytest.mark.browser


def test_nothing_is_asked_of_another_host_and_nothing_complained_of(shared, address: str):
    assert shared.troubles == []
    asked = [of for of in shared.addresses if not of.startswith("blob:" + address)]
    assert {urlsplit(of).netloc for of in asked} == {urlsplit(address).netloc}


def test_the_policy_stops_what_someone_might_slip_in(open_page):
    page = open_page()
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/a.png'}))")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    page.wait_for_timeout(100)
    assert sum("Content Security Policy" in trouble for trouble in page.troubles) >= 2


def test_the_keyboard_is_enough(open_page, recording: Path):
    page = open_page()
    page.on("filechooser", lambda _: None)  # from here on the browser hands choosers over, not only once Enter is down

    def focused() -> str:
        return page.evaluate("document.activeElement.id || document.activeElement.className")

    page.keyboard.press("Tab")
    assert focused() == "skip" and page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Tab")
    assert focused() == "choose"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(recording)
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert focused() == "results-title"
    order = []
    while "timeline-axis" not in order:
        page.keyboard.press("Tab")
        order.append(focused())
        assert len(order) < 20
    assert order[:4] == ["download", "print", "play", "sound-axis"]
    width = page.locator(":focus").evaluate("of => getComputedStyle(of).outlineWidth")
    assert width == "3px"
    for key, seconds in (("End", 26), ("Home", 0), ("ArrowRight", 1), ("PageUp", 7), ("ArrowLeft", 6)):
        page.keyboard.press(key)
        assert page.evaluate("document.getElementById('audio').currentTime") == pytest.approx(seconds, abs=0.05)
    page.evaluate("document.getElementById('audio').muted = true")
    page.keyboard.press("Space")
    until(page, "!document.getElementById('audio').paused")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_problem_and_nothing_is_wider_than_the_window(open_page, recording: Path, scheme: str, width: int):
    page = open_page(width, color_scheme=scheme, reduced_motion="reduce")
    assert problems(page) == []
    page.set_input_files("#file", {"name": "bad.wav", "mimeType": "audio/wav", "buffer": b"x" * 999})
    failure(page)
    assert problems(page) == []
    rate(page, recording)
    page.evaluate("for (const of of document.querySelectorAll('details')) of.open = true")
    page.click("#choose-all")
    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.locator("#results button").evaluate_all("all => all.map(of => of.getBoundingClientRect().height)")
    assert min(heights) >= 24  # WCAG 2.5.8


def test_on_paper_there_is_the_result_and_nothing_to_press(shared):
    shared.emulate_media(media="print", color_scheme="dark")
    try:
        assert shared.locator("button:visible").count() == 0
        assert shared.locator("#groups li").last.is_visible() and shared.locator("#staves").is_visible()
        background = shared.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)"
    finally:
        shared.emulate_media(media="screen", color_scheme="light")
