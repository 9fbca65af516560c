"""A real browser on the page, against a real server.

Needs playwright (extra ``dev``) and a Chromium that is already installed; tests are skipped without.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.page.browsing import PLAYING_S, rate, until
from tests.recordings import encoded, playing

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip


@pytest.fixture(scope="module")  # while playwright runs in a process, no other test can start it
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


@pytest.fixture(scope="package")
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
