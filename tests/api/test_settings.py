"""Settings of the service: what the environment says, or one sentence."""

import pytest

from crescendai.api.settings import ServiceSettings
from crescendai.errors import ParamsError


def test_variables_are_read_by_name():
    environment = {"CRESCENDAI_WORKERS": "2", "CRESCENDAI_MAX_DURATION_S": "6e1", "CRESCENDAI_API_KEY": "k"}
    assert ServiceSettings.of(environment) == ServiceSettings(workers=2, max_duration_s=60.0, api_key="k")


@pytest.mark.parametrize("key", ["schlüssel", " 5ecret", "5ecret\r", "5e\x00cret"])
def test_a_key_that_no_header_can_hold_is_one_sentence_without_the_key(key: str):
    with pytest.raises(ParamsError, match="CRESCENDAI_API_KEY: expected printable ASCII") as refused:
        ServiceSettings.of({"CRESCENDAI_API_KEY": key})
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("MAX_DURATION_S", "inf", "a positive number"),
        ("SHUTDOWN_TIMEOUT_S", "nan", "a positive number"),
        ("UPLOAD_TIMEOUT_S", "soon", "a positive number"),
        ("WORKERS", "4.5", "a positive whole number"),
        ("MAX_BODY_BYTES", "64e6", "a positive whole number"),
        ("DECODERS", "0", "a positive whole number"),
    ],
)
def test_another_value_is_one_sentence(name: str, value: str, wanted: str):
    with pytest.raises(ParamsError, match=f"CRESCENDAI_{name}: expected {wanted}, found '{value}'"):
        ServiceSettings.of({"CRESCENDAI_" + name: value})
