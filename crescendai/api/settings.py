"""How the service is set up: one environment variable a setting, ``CRESCENDAI_`` and the field's name in capitals."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from crescendai.errors import ParamsError

MEGABYTE = 1_000_000


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
    api_key: off when empty; else ``/v1/`` wants it as ``Authorization: Bearer KEY``.
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
            ParamsError: a value that is no positive, finite number where one is due.
        """
        found = {}
        for field in fields(cls):
            variable = "CRESCENDAI_" + field.name.upper()
            if variable not in environment:
                continue
            try:
                found[field.name] = field.type(environment[variable])
                if field.type is not str and not 0 < found[field.name] < math.inf:
                    raise ValueError
            except ValueError:
                wanted = "a positive whole number" if field.type is int else "a positive number"
                raise ParamsError(
                    f"{variable}: expected {wanted}, found {environment[variable]!r}; correct it"
                ) from None
        return cls(**found)
