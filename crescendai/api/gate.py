"""What happens to every request: an id, a key if one is asked for, headers, a line in the log, and no bare error."""

import asyncio
import hmac
import logging
import re
import time
import uuid
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crescendai.api.observing import Metrics
from crescendai.api.refusals import Refusal
from crescendai.audio.refusal import RefusedAudio

log = logging.getLogger("crescendai.api")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LEFT_UNREAD = 16_000_000  # bytes of a refused body that are still taken, so that its sender can read the answer
LEFT_UNREAD_S = 5.0
SECURITY_HEADERS = {
    # The page needs its own files, sound it has recorded, and nothing from elsewhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, metrics: Metrics, api_key: str):
        self._app, self._metrics, self._api_key = app, metrics, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, seen = time.perf_counter(), _Seen(scope, receive, send)
        try:
            self._check_key(scope)
            await self._app(scope, seen.receive, seen.send)
        except Refusal as refusal:
            await seen.refuse(refusal)
        except RefusedAudio as error:
            await seen.refuse(Refusal(error.code, str(error)))
        except ClientDisconnect:
            seen.status = 499  # nobody is there to be answered
        except asyncio.CancelledError:  # the server ends, and has waited as long as it should
            await seen.refuse(Refusal("not_ready", "service: it was stopped; try again later.", 5))
        except Exception:  # the last one before the server: logged whole, and answered like any other refusal
            log.exception("failed", extra={"fields": {"request_id": seen.request_id}})
            await seen.refuse(Refusal("internal", "service: it failed; the log says why."))
        finally:
            self._note(scope, seen, time.perf_counter() - started)

    def _check_key(self, scope: Scope) -> None:
        if not self._api_key or not scope["path"].startswith("/v1/"):
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(key.strip(b" "), self._api_key.encode()):
            raise Refusal("unauthorized", "service: expected the header Authorization: Bearer KEY, found no valid one.")

    def _note(self, scope: Scope, seen: "_Seen", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.requests.labels(route, str(seen.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if seen.code is not None:
            self._metrics.errors.labels(seen.code).inc()
        log.info("request", extra={"fields": {
            "request_id": seen.request_id, "method": scope["method"], "route": route, "status": seen.status,
            "code": seen.code, "bytes_in": seen.bytes_in, "seconds": round(seconds, 4),
        }})  # fmt: skip


class _Seen:
    """One request and its answer as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["state"] = {**scope.get("state", {}), "request_id": self.request_id}
        self._receive, self._send = receive, send
        self.status, self.code, self.bytes_in = 500, None, 0
        self._all_in = self._begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        self._all_in = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._begun = message["status"], True
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            headers.update({name: value for name, value in SECURITY_HEADERS.items() if name not in headers})
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answers with an error, unless an answer was begun."""
        self.code = refusal.code
        if self._begun:
            return
        await self._drain()
        body = refusal.body(self.request_id)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        raw = [(name.lower().encode(), value.encode()) for name, value in (headers | refusal.headers()).items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})

    async def _drain(self) -> None:
        before = self.bytes_in
        with suppress(TimeoutError):
            async with asyncio.timeout(LEFT_UNREAD_S):
                while not self._all_in and self.bytes_in - before < LEFT_UNREAD:
                    await self.receive()
