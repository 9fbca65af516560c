"""How the tests of the page wait, rate, and read what it says."""

import time

import pytest

WAIT_MS = 90_000
PLAYING_S = 26.0  # of the recording that is rated
DRAWN = """id => {
    const {width, height} = document.getElementById(id);
    const copy = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
    copy.drawImage(document.getElementById(id), 0, 0);
    const pixels = copy.getImageData(0, 0, width, height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""
CURSOR_X = "document.querySelector('#sound-axis .cursor').getBoundingClientRect().x"


def until(page, expression: str, argument=None) -> None:
    """Waits for something to be true; playwright's own waiting is stopped by the page's policy."""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def rate(page, file) -> None:
    page.set_input_files("#file", file)
    page.wait_for_selector("#results:not([hidden])", timeout=WAIT_MS)


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
