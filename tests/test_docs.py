"""The documents say what is so: the reference is that of the docstrings, links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crescendai.api.refusals import STATUS

PROJECT = Path(__file__).parents[1]
PAGES = sorted(file.relative_to(PROJECT).as_posix() for file in (PROJECT / "docs").glob("*.md"))


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, PROJECT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_docstrings():
    done = subprocess.run([sys.executable, "docs/make_api.py", "--check"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_reference_names_what_is_public_and_nothing_else():
    text = script("make_api").api_text()
    assert "### register" in text and "def register(folder: Path, tracking_uri: str) -> tuple[str, int]" in text
    assert not re.findall(r"^#+ _[^_]|^(?:def|class) _[^_]", text, re.MULTILINE)
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (PROJECT / page).read_text()):
        assert (PROJECT / "docs" / target).exists(), target


def test_every_refusal_stands_under_its_status():
    rows = re.findall(r"^\| ([\d, ]+) \| (.*?) \|", (PROJECT / "docs" / "service.md").read_text(), re.MULTILINE)
    named = {code: statuses for statuses, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert set(named) == set(STATUS)
    assert all(str(status) in named[code] for code, status in STATUS.items())
