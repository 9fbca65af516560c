"""The files of the page for people."""

from importlib.resources import files

from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

METHODS = ("GET", "HEAD")


class Page(StaticFiles):
    """ASGI application for what no route takes: a file of ``web/``, or 404; 405 only where there is a file."""

    def __init__(self) -> None:
        super().__init__(directory=str(files("crescendai.api") / "web"), html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The files are small: whole ones are a right answer to a range, and no answer to it can be wrong then.
        whole = [(name, value) for name, value in scope.get("headers", []) if name not in (b"range", b"if-range")]
        await super().__call__({**scope, "headers": whole}, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, {**scope, "method": "GET"})
        if scope["method"] not in METHODS:
            raise HTTPException(405, headers={"Allow": ", ".join(METHODS)})
        # Asked for again each time, at the cost of a 304: modules of two versions do not fit each other.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Accept-Ranges"] = "none"
        return response
