"""The page in a real browser, against a real server: from a recording to its ratings, and what may go wrong on the way.

Needs playwright (extra ``dev``) and a Chromium that is already installed; skips without.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from crescendai.api.contracts import AnalysisResult
from crescendai.dimensions import DIMENSIONS, NUM_DIMENSIONS
from tests.recordings import encoded, playing

pytestmark = pytest.mark.browser
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
PLAYING_S = 26.0
WAIT_MS = 90_000
FORGED = {"status": 429, "headers": {"Retry-After": "1"}, "content_type": "application/json"}

DRAWN = """id => {
    const {width, height} = document.getElementById(id);
    const copy = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
    copy.drawImage(document.getElementById(id), 0, 0);
    const pixels = copy.getImageData(0, 0, width, height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""
CURSOR_X = "document.querySelector('#sound-axis .cursor').getBoundingClientRect().x"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    """A browser whose microphone hears a piano."""
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    heard.write_bytes(encoded(playing(10.0), subtype="PCM_16"))
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser found; looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=program, args=[*FLAGS, f"--use-file-for-fake-audio-capture={heard}"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Music, silence, music."""
    sound = playing(PLAYING_S, seed=3)
    sound[len(sound) // 4 : 3 * len(sound) // 4] = 0.0
    path = tmp_path_factory.mktemp("recordings") / "my piece.flac"
    path.write_bytes(encoded(sound, "FLAC"))
    return path


@pytest.fixture
def open_page(browser, address: str) -> Iterator:
    """Opens the page in a window of some width, and notes what it complains of and asks for."""
    opened = []

    def open_(width: int = 1280, **settings):
        page = browser.new_page(viewport={"width": width, "height": 800}, permissions=["microphone"], **settings)
        page.troubles, page.addresses = [], []
        page.on("console", lambda message: page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda request: page.addresses.append(request.url))
        page.goto(address)
        until(page, "document.getElementById('limits').textContent.includes('MB')")
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.close()


def until(page, expression: str, argument=None) -> None:
    """Waits for something to be true; playwright's own waiting is stopped by the page's policy."""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def rate(page, file) -> None:
    page.set_input_files("#file", file)
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)


@pytest.fixture(scope="module")
def shared(browser, address: str, recording: Path):
    """One page with results, for tests that only look and leave it as it was."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page.troubles, page.addresses = [], []
    page.on("console", lambda message: page.troubles.append(message.text))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", lambda request: page.addresses.append(request.url))
    page.goto(address)
    rate(page, recording)
    yield page
    page.close()


def failure(page) -> str:
    page.wait_for_selector("#failure h3", timeout=WAIT_MS)
    return page.inner_text("#failure")


def problems(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page)
    return [
        f"{violation['id']}: {node['html'][:120]} ({node.get('failureSummary', '')[:200]})"
        for violation in found.response["violations"]
        for node in violation["nodes"][:3]
    ]


def test_a_recording_is_rated_and_drawn(shared):
    assert shared.inner_text("#results-title") == "my piece.flac"
    assert shared.locator("#groups li").count() == NUM_DIMENSIONS
    assert shared.locator("#groups .interval").count() == NUM_DIMENSIONS
    assert shared.locator("#groups h4").all_inner_texts() == list(
        dict.fromkeys(of.group[0].upper() + of.group[1:] for of in DIMENSIONS)
    )
    assert shared.evaluate(DRAWN, "waveform") >= 3
    until(shared, f"({DRAWN})('spectrogram') > 50")
    assert "interval" in shared.inner_text("#key") and "90 %" in shared.inner_text("#key")
    assert "silence" in shared.locator(".warning").evaluate_all("all => all.map(of => of.dataset.code)")


def test_marks_stand_where_the_ratings_say(shared):
    with shared.expect_download() as download:
        shared.click("#download")
    assert download.value.suggested_filename == "my-piece.crescendai.json"
    result = AnalysisResult.model_validate_json(download.value.path().read_bytes())
    for of in result.dimensions:
        row = shared.locator(f"#groups li[data-name={of.name}]")
        assert float(row.locator(".mark").get_attribute("cx").rstrip("%")) == pytest.approx(100 * of.rating)
        assert float(row.locator(".interval").get_attribute("x1").rstrip("%")) == pytest.approx(100 * of.lower)
        said = row.locator(".hidden").inner_text()
        assert f"From {of.low_pole} (0) to {of.high_pole} (1): {of.rating:.2f}, interval {of.lower:.2f}" in said


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


def test_playing_moves_the_cursor_and_the_marks(open_page, recording: Path):
    page = open_page()
    rate(page, recording)
    page.evaluate("document.getElementById('audio').muted = true")
    before = page.evaluate(CURSOR_X)
    assert page.locator("#groups .now[hidden]").count() == NUM_DIMENSIONS
    page.click("#play")
    until(page, f"{CURSOR_X} > {before} + 3")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    assert page.locator("#groups .now:not([hidden])").count() == NUM_DIMENSIONS
    page.click("#play")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


@pytest.mark.parametrize("axis", ["#sound-axis", "#timeline-axis"])
def test_a_click_seeks(shared, axis: str):
    shared.locator(axis).scroll_into_view_if_needed()
    box = shared.locator(f"{axis} .plot").bounding_box()
    shared.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
    assert shared.evaluate("document.getElementById('audio').currentTime") == pytest.approx(0.75 * PLAYING_S, abs=0.2)
    assert shared.locator(axis).get_attribute("aria-valuetext") == "19 seconds of 26 seconds"
    assert shared.inner_text("#clock") == "0:19"


def test_the_timeline_follows_what_is_chosen(shared):
    assert shared.locator("#staves .stave").count() == 4
    assert shared.locator("#staves rect").count() >= 4  # the silence, in each stave
    shared.click(".chooser summary")
    shared.click("#choose-none")
    assert shared.locator("#staves .stave").count() == 0
    shared.get_by_label("stable – unstable").check()
    assert shared.locator("#staves .stave").evaluate_all("all => all.map(of => of.dataset.name)") == [
        "timing_stability"
    ]
    points = shared.locator("#staves polyline").evaluate_all(
        "all => all.map(of => [...of.points].map(point => [point.x, point.y]))"
    )
    assert len(points) == 2  # the line breaks at the silence
    x = np.concatenate(points)[:, 0]
    assert np.all(np.diff(x) >= 0) and x[0] == 0 and x[-1] == 1000
    cells = shared.locator("#sections tbody tr > *").all_text_contents()
    assert cells[::2] == ["0:00 – 0:12", "0:06 – 0:18", "0:12 – 0:26"]
    assert cells[3] == "hardly a sound" and 0 <= float(cells[1]) <= 1
    shared.click("#choose-changing")
    shared.click(".chooser summary")


def test_the_keyboard_is_enough(open_page, recording: Path):
    page = open_page()

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


def test_the_example_is_made_in_the_page(open_page):
    page = open_page()
    page.click("#example")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert "synthesised" in page.inner_text("#results-title")
    assert page.locator("#staves .stave").count() == 4
    assert page.evaluate(DRAWN, "waveform") >= 3
    assert page.troubles == []


def test_a_take_from_the_microphone_is_rated(open_page):
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if "analyze" in request.url else None)
    page.click("#record")
    until(page, "document.getElementById('elapsed').textContent >= '0:02'")
    assert page.evaluate("document.activeElement.id") == "finish"
    page.click("#finish")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#results-title").startswith("Recorded at")
    assert "44.1 kHz, mono" in page.inner_text("#facts")
    assert "one section" in page.inner_text("#timeline-note") and page.locator("#timeline").is_hidden()
    page.click("#record")
    page.wait_for_selector("#discard")
    page.click("#discard")
    assert page.locator("#offer").is_visible()
    assert page.troubles == []


def test_files_that_cannot_be_rated(open_page, tmp_path: Path):
    page = open_page()
    for name, content, title, sentence in (
        ("a.wav", b"no sound at all" * 100, "no format that can be read", "expected"),
        ("a.flac", encoded(playing(20.0), "FLAC")[:20_000], "damaged", "expected"),
        ("b.wav", encoded(np.zeros(50_000, np.float32)), "Nothing is heard", "found silence"),
        ("c.wav", encoded(playing(0.4)), "Too short", "at least"),
        ("d.wav", encoded(playing(110.0)), "Too long", "at most 100 s"),
        ("e.wav", bytes(3_100_000), "too large", "3.1 mb"),
        ("f.wav", b"", "nothing in it", "no bytes"),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        page.set_input_files("#file", file)
        until(page, "title => document.querySelector('#failure h3')?.textContent.includes(title)", title)
        assert sentence in page.inner_text("#failure").lower(), name
        assert page.locator("#offer").is_visible() and page.locator("#results").is_hidden()
    assert page.locator("#failure").get_attribute("role") == "alert"
    rate(page, {"name": "good.wav", "mimeType": "audio/wav", "buffer": encoded(playing(5.0))})
    assert page.inner_text("#failure") == ""


def forged(code: str, **changes) -> dict:
    body = {"error": {"code": code, "message": f"service: {code} happened.", "request_id": "abc123"}}
    return FORGED | {"body": json.dumps(body)} | changes


def test_a_busy_service_is_asked_again(open_page, recording: Path):
    page = open_page()
    asked = []

    def answer(route):
        asked.append(route.request.url)
        route.fulfill(**forged("overloaded")) if len(asked) == 1 else route.continue_()

    page.route("**/v1/analyze", answer)
    page.set_input_files("#file", recording)
    assert "busy" in failure(page) and "Trying again in" in page.inner_text("#failure")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert len(asked) == 2 and page.inner_text("#failure") == ""


def test_waiting_can_be_stopped(open_page, recording: Path):
    page = open_page()
    page.route("**/v1/analyze", lambda route: route.fulfill(**forged("overloaded", headers={"Retry-After": "2"})))
    page.set_input_files("#file", recording)
    failure(page)
    page.get_by_role("button", name="Stop waiting").click()
    page.wait_for_timeout(2300)
    assert page.get_by_role("button", name="Try again").is_visible() and "Trying again" not in failure(page)


def test_a_service_that_fails_or_is_gone(open_page, recording: Path):
    page = open_page()
    answers = [
        (lambda route: route.fulfill(**forged("internal", status=500, headers={})), "The service failed", "abc123"),
        (lambda route: route.abort("connectionrefused"), "cannot be reached", "Check the connection"),
        (lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"), "no answer of this service", "502"),
    ]
    for answer, title, more in answers:
        page.route("**/v1/analyze", answer)
        page.set_input_files("#file", recording)
        until(page, "title => document.querySelector('#failure h3')?.textContent.includes(title)", title)
        assert more in page.inner_text("#failure")
        page.unroute("**/v1/analyze")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)


def test_a_key_is_asked_for_where_one_is_needed(open_page, recording: Path):
    page = open_page()
    keys = []

    def answer(route):
        keys.append(route.request.headers.get("authorization"))
        route.continue_() if keys[-1] == "Bearer secret" else route.fulfill(**forged("unauthorized", status=401))

    page.route("**/v1/analyze", answer)
    page.set_input_files("#file", recording)
    failure(page)
    page.get_by_label("Key").fill("secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert keys == [None, "Bearer secret"]


def test_what_is_under_way_can_be_cancelled(open_page, recording: Path):
    page = open_page()
    page.route("**/v1/analyze", lambda route: None)  # never answers
    page.set_input_files("#file", recording)
    page.click("#cancel")
    assert page.locator("#offer").is_visible() and page.evaluate("document.activeElement.id") == "choose"
    assert page.inner_text("#failure") == "" and page.locator("#results").is_hidden()


def test_a_file_can_be_dropped(open_page):
    page = open_page()
    page.evaluate(
        """bytes => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        list(encoded(playing(2.0))),
    )
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)
    assert page.inner_text("#results-title") == "dropped.wav"


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
