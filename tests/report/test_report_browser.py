"""The report in a real browser: complete in itself, quiet, playable, readable on a phone, accessible.

Needs playwright (extra ``dev``) and a Chromium that is already installed; skips without.
"""

import shutil
from pathlib import Path

import pytest

from crescendai.report.inputs import read_inputs
from crescendai.report.page import build_page
from crescendai.report.provenance import collect_provenance

pytestmark = pytest.mark.browser
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]

DURATIONS = """() => Promise.all([...document.querySelectorAll("audio")].map(audio => new Promise(resolve => {
    if (audio.readyState) resolve(audio.duration);
    audio.onloadedmetadata = () => resolve(audio.duration);
    audio.onerror = () => resolve(0);
})))"""
PLAY = """async () => {
    const audio = document.querySelector("audio");
    audio.muted = true;
    await audio.play();
    await new Promise(resolve => audio.ontimeupdate = () => audio.currentTime > 0.1 && resolve());
    return audio.currentTime;
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser found; looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(run_folder: Path, params, tmp_path_factory) -> str:
    """Address of a report on disk."""
    path = tmp_path_factory.mktemp("report") / "demo.html"
    provenance = collect_provenance(run_folder, "demo", "2024-11-02")
    path.write_text(build_page(read_inputs(run_folder, "demo", params), provenance), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_page(browser, report):
    """Opens the report in a window of some width."""
    opened = []

    def open_(width: int = 1280, **settings):
        page = browser.new_page(viewport={"width": width, "height": 800}, **settings)
        page.troubles, page.addresses = [], []
        page.on("console", lambda message: page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda request: page.addresses.append(request.url))
        page.goto(report)
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()


def test_loads_nothing_and_complains_of_nothing(open_page, report):
    page = open_page()
    assert page.troubles == []
    assert [address for address in page.addresses if not address.startswith("data:")] == [report]


def test_the_policy_stops_what_someone_might_slip_in(open_page):
    page = open_page()
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/a.png'}))")
    page.wait_for_timeout(100)
    assert any("Content Security Policy" in trouble for trouble in page.troubles)


def test_every_clip_can_be_seen_and_heard(open_page):
    page = open_page()
    widths = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    durations_s = page.evaluate(DURATIONS)
    assert len(durations_s) == page.locator("article.clip img").count() == 6
    assert len(widths) == 6 + 3 * page.locator(".windows li").count() == 15
    assert min(widths) > 10
    assert min(durations_s) > 1
    assert page.evaluate(PLAY) > 0.1


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_of_charts_keeps_its_size_on_a_phone(open_page):
    page = open_page(390)
    heights = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
    )
    assert min(heights) >= 10


def test_the_first_tab_stop_leads_to_the_results(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#results"
    assert page.locator(":focus").bounding_box()["x"] >= 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_no_accessibility_problem(open_page, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    page = open_page(width, color_scheme=scheme)
    found = axe.Axe().run(page)
    problems = [
        f"{violation['id']}: {node['html'][:120]} ({node.get('failureSummary', '')[:200]})"
        for violation in found.response["violations"]
        for node in violation["nodes"][:3]
    ]
    assert problems == []
