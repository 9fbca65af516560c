"""Clients that go before they are answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from crescendai.analysis.result import Analysis


async def while_present(request: Request, rating: Coroutine[Any, Any, Analysis]) -> Analysis:
    """The result of ``rating``, which is cancelled when the client goes: what waits for its turn then never begins.

    request: its body has been read, so that nothing more comes but the news that its client is gone.

    Raises:
        ClientDisconnect: it went.
    """
    rated, gone = asyncio.ensure_future(rating), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((rated, gone), return_when=asyncio.FIRST_COMPLETED)
        if not rated.done():
            raise ClientDisconnect
        return rated.result()
    finally:  # also when the server stops, and has this request cancelled
        rated.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
