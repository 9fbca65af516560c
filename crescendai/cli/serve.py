"""``crescendai serve``."""

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
    log_as_json()
    uvicorn.run(
        create_app(settings, model), host=host, port=port, log_config=None, access_log=False, server_header=False,
        date_header=True, timeout_graceful_shutdown=round(settings.shutdown_timeout_s), ws="none",
    )  # fmt: skip
