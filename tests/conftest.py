"""What all tests share: tests that need real data or a browser are skipped where there is none."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CRESCENDAI_MIRROR"):
        return
    skip = pytest.mark.skip(reason="CRESCENDAI_MIRROR names no mirror of the real data")
    for item in items:
        if item.get_closest_marker("mirror"):
            item.add_marker(skip)
