"""How the service is set up: one environment variable a setting, ``CRESCENDAI_`` and the field's name in capitals."""

import math
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Self, TypeVar

from crescendai.errors import ParamsError

PREFIX = "CRESCENDAI_"
MEGABYTE = 1_000_000
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class ServiceSettings:
    """Defaults are for one machine that is not open to the world.

    max_body_bytes: of an upload. max_json_bytes: of a spectrogram as JSON, which takes ten times that in memory.
    max_buffered_bytes: of all uploads together. max_duration_s: of a recording.
    workers: requests rated at a time. queue_size: requests that may wait for them; more are answered 429.
    decoders: processes that decode. decoding_timeout_s, decoding_memory_bytes: of one of them.
    upload_timeout_s: for a whole body. request_timeout_s: from a whole body to its answer.
    shutdown_timeout_s: when the service is told to stop, requests are answered for so long; what is being computed
        then is still finished, a few seconds.
    cors_origins: separated by commas; none by default, and then only the service's own page may call it.
    api_key: off when empty; else ``/v1/`` wants it as ``Authorization: Bearer KEY``. Printable ASCII.
    """

    max_body_bytes: int = 64 * MEGABYTE
    max_json_bytes: int = 8 * MEGABYTE
    max_buffered_bytes: int = 256 * MEGABYTE
    max_duration_s: float = 1200.0
    workers: int = 4
    queue_size: int = 16
    decoders: int = 2
    decoding_timeout_s: float = 20.0
    decoding_memory_bytes: int = 1500 * MEGABYTE
    upload_timeout_s: float = 60.0
    request_timeout_s: float = 120.0
    shutdown_timeout_s: float = 30.0
    cors_origins: str = ""
    api_key: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads the environment.

        Raises:
            ParamsError: a value that is no positive, finite number where one is due; a key that no header can hold.
        """
        settings = read_settings(cls, PREFIX, environment)
        if not _fits_a_header(settings.api_key):
            raise ParamsError(
                f"{PREFIX}API_KEY: expected printable ASCII without spaces around it, found other characters; choose "
                "another key"
            )
        return settings


def read_settings(of: type[Settings], prefix: str, environment: Mapping[str, str]) -> Settings:
    """A dataclass whose fields are text or numbers, from the variables of ``prefix`` and a field's name in capitals.

    Numbers are finite and positive, or 0 where that is the default.

    Raises:
        ParamsError: another value where a number is due.
    """
    found = {}
    for field in fields(of):
        variable = prefix + field.name.upper()
        if variable in environment:
            value = _read(field, environment[variable])
            if value is None:
                raise ParamsError(f"{variable}: expected {_wanted(field)}, found {environment[variable]!r}; correct it")
            found[field.name] = value
    return of(**found)


def _read(field: Field, text: str) -> str | int | float | None:
    """None where it is none of the field's values."""
    try:
        value = field.type(text)
    except ValueError:
        return None
    if field.type is str or 0 < value < math.inf or value == field.default == 0:
        return value
    return None


def _wanted(field: Field) -> str:
    if field.type is float:
        return "a positive number"
    return "a whole number from 0 on" if field.default == 0 else "a positive whole number"


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and key == key.strip()
