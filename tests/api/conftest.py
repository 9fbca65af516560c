"""One server for the tests that need no other settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crescendai.api.settings import ServiceSettings
from tests.api.served import serving
from tests.shipped_models import small_shipped

SETTINGS = ServiceSettings(
    max_body_bytes=3_000_000, max_json_bytes=1_000_000, max_duration_s=100.0, decoding_timeout_s=60.0,
    upload_timeout_s=3.0, decoders=1, queue_size=64,
)  # fmt: skip


@pytest.fixture(scope="package")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_shipped(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="package")
def address(model_folder: Path) -> Iterator[str]:
    with serving(model_folder, SETTINGS) as found:
        yield found
