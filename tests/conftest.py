"""What all tests share: tests that need real data are skipped where there is none; the longest file begins first."""

import os

import hypothesis
import pytest

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

LONGEST = "test_pipeline.py"  # begun last, one worker would be at it while the other has nothing left to do


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name != "pipeline" or item.path.name != LONGEST)
    if os.environ.get("CRESCENDAI_MIRROR"):
        return
    skip = pytest.mark.skip(reason="CRESCENDAI_MIRROR names no mirror of the real data")
    for item in items:
        if item.get_closest_marker("mirror"):
            item.add_marker(skip)
