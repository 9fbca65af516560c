"""``crescendai serve``."""

import socket
from pathlib import Path

from crescendai.errors import CrescendaiError


def run_service(host: str, port: int, model: Path | None) -> None:
    """Serves until it is told to stop; then what is under way is finished."""
    try:
        import uvicorn

        from crescendai.api.observing import log_as_json
        from crescendai.api.service import create_app
        from crescendai.api.settings import ServiceSettings
    except ModuleNotFoundError as error:
        raise CrescendaiError(
            f"serve: expected the packages of the extra `serve`, found no {error.name}; pip install 'crescendai[serve]'"
        ) from error
    from crescendai.cli.models import check_model

    check_model(model)  # the service loads it in the background, when it is too late for one line
    settings = ServiceSettings.of()
    config = uvicorn.Config(
        create_app(settings, model), log_config=None, access_log=False, server_header=False, date_header=True,
        timeout_graceful_shutdown=round(settings.shutdown_timeout_s), ws="none",
    )  # fmt: skip
    with _listening(host, port) as place:
        log_as_json()
        uvicorn.Server(config).run(sockets=[place])


def _listening(host: str, port: int) -> socket.socket:
    """A port that is taken is said before a model is loaded in vain."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CrescendaiError(
            f"serve: expected to listen on {host}, port {port}, found {error.strerror}; choose another --host or --port"
        ) from error
