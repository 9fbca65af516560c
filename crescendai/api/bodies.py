"""Bodies of requests, counted while they stream: nothing is held that is over a limit, whatever a header says."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Self

from fastapi import Request
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from crescendai.api.refusals import Refusal
from crescendai.api.settings import ServiceSettings

FORM = "multipart/form-data"
NOT_AUDIO = ("application/json", "text/", "application/x-www-form-urlencoded", "application/x-npy")
BUSY_RETRY_S = 5
FORM_OVERHEAD = 16_384  # bytes of boundaries and headers of parts


class Buffers:
    """Bytes that all uploads hold together."""

    def __init__(self, most: int):
        self._most, self._held = most, 0

    def take(self, size: int) -> None:
        """Raises:
        Refusal: there is no room now.
        """
        if self._held + size > self._most:
            raise Refusal("overloaded", "service: too many uploads at once; try again later.", BUSY_RETRY_S)
        self._held += size

    def give_back(self, size: int) -> None:
        self._held -= size


class Body:
    """A request's bytes while they are needed; an async context, which lets them go with the room they take.

    Work that may outlive the request keeps them: see `keep_for`. All is done in the event loop's thread.
    """

    def __init__(self, request: Request, buffers: Buffers, max_bytes: int, settings: ServiceSettings):
        self._request, self._buffers, self._max_bytes, self._settings = request, buffers, max_bytes, settings
        self._taken, self._kept = 0, False
        self.content = b""

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._settings.upload_timeout_s):
                self.content = await self._read()
            return self
        except TimeoutError:
            self._release()
            raise Refusal(
                "upload_timeout",
                f"upload: expected the whole body within {self._settings.upload_timeout_s:g} s, found it unfinished.",
            ) from None
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        if not self._kept:
            self._release()

    def keep_for(self, work: Future) -> None:
        """From now on the bytes and their room are let go when the work is done or cancelled, and not before.

        An executor holds the arguments of cancelled work until a thread comes to it: they must not be the bytes.
        """
        loop, self._kept = asyncio.get_running_loop(), True
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))

    def _release(self) -> None:
        self._buffers.give_back(self._taken)
        self._taken, self.content = 0, b""

    async def _read(self) -> bytes:
        headers = self._request.headers
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal("unsupported_media_type", "upload: expected a body without content encoding, found one.")
        is_form = content_type(self._request) == FORM
        self._most = self._max_bytes + (FORM_OVERHEAD if is_form else 0)
        declared = headers.get("content-length")
        if declared is not None and declared.isdecimal() and int(declared) > self._most:
            raise self._too_large()
        if not is_form:
            return b"".join([part async for part in self._counted()])
        parser = _WholeForm(headers, self._counted(), max_files=1, max_fields=8, max_part_size=FORM_OVERHEAD)
        try:
            form = await parser.parse()
        except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
            said = getattr(error, "message", "a form that cannot be read")
            raise Refusal("invalid_request", f"upload: expected a form with one file, found: {said}") from None
        try:
            files = [value for _, value in form.multi_items() if not isinstance(value, str)]
            if len(files) != 1:
                raise Refusal("invalid_request", "upload: expected a form with one file, found none.")
            return await files[0].read()
        finally:
            await form.close()

    async def _counted(self) -> AsyncIterator[bytes]:
        async for part in self._request.stream():
            if self._taken + len(part) > self._most:
                raise self._too_large()
            self._buffers.take(len(part))
            self._taken += len(part)
            yield part

    def _too_large(self) -> Refusal:
        return Refusal("body_too_large", f"upload: expected at most {self._max_bytes} bytes, found more.")


class _WholeForm(MultiPartParser):
    """Refuses a form that breaks off; Starlette would pass over the file that was begun, and leave it open."""

    def __init__(self, headers: Headers, stream: AsyncIterator[bytes], **limits: int):
        super().__init__(headers, self._to_its_end(stream), **limits)
        self._ended = False

    def on_end(self) -> None:
        self._ended = True

    async def _to_its_end(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for part in stream:
            yield part
        if not self._ended:
            raise MultiPartException("a form that breaks off.")


def content_type(request: Request) -> str:
    """Of a request, without parameters, in lower case."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
