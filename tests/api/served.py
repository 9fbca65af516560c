"""A real server on a free port of this machine, in a thread of the test's process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from crescendai.api.service import create_app
from crescendai.api.settings import ServiceSettings


@contextmanager
def serving(model: Path, settings: ServiceSettings, wait: bool = True) -> Iterator[str]:
    """The address of a server that is ready."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(settings, model), log_config=None, access_log=False, ws="none",
            timeout_graceful_shutdown=round(settings.shutdown_timeout_s),
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until = time.monotonic() + 300
            while wait and not _ready(address):
                assert time.monotonic() < until, "never ready"
                time.sleep(0.1)
            yield address
        finally:
            server.should_exit = True
            thread.join()


def _ready(address: str) -> bool:
    try:
        return httpx.get(address + "/readyz", timeout=60).status_code == 200
    except httpx.TransportError:
        return False
