"""Requests in, the same requests out if they come from the desk's own pages; strict headers on every answer.

Two walls stand here. The content security policy keeps the browser from loading anything from elsewhere, whatever a
comment holds. And a request whose `Origin` is another site is refused before Streamlit sees it: to judge a foreign
origin, Streamlit would ask a server on the internet for this machine's address.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moderation.desk import markup
from moderation.desk.signin import Door
from moderation.errors import ModerationError

__all__ = ["HEADERS", "MIDDLEWARE", "Guard", "excuse", "prepared"]

POLICY: Final = (
    "default-src 'self'; script-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS: Final[dict[str, str]] = {
    "content-security-policy": POLICY,
    # Not "no-referrer": with that a form of the desk's own would be sent from the origin "null", as a stranger's is.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Refuse what another site's page sends, and put `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not _own(headers.get("origin"), headers.get("host")):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            else:
                await PlainTextResponse("this page belongs to another site", status_code=403)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer[name] = value
            await send(message)

        await self.app(scope, receive, guarded)


def _own(origin: str | None, host: str | None) -> bool:
    # No Origin: not a browser's cross-site request. "null" and every other site: refused.
    return origin is None or (host is not None and urlsplit(origin).netloc == host)


MIDDLEWARE: Final = (Middleware(Guard), Middleware(Door))


@asynccontextmanager
async def prepared(_app: Any) -> AsyncIterator[None]:
    """Run for the server's lifetime, and make ready beside it what the first page would otherwise wait for."""
    ready = asyncio.create_task(asyncio.to_thread(_make_ready))
    yield
    await ready


def excuse(_error: Exception) -> bool:
    """Say on the page that the program has failed; the log has the rest, and a page must not show a traceback."""
    words = "This page has failed; that is a fault of the program, not yours."
    st.html(markup.callout("error", words, action="What was decided before is kept. The desk’s log says more."))
    return True


def _make_ready() -> None:
    # Importing, and compiling or loading the kernels, takes a second or two; a browser is open sooner than that.
    from moderation.desk import queue_page  # noqa: F401, PLC0415
    from moderation.registry import Registry  # noqa: PLC0415
    from moderation.settings import settings_from, shipped_models  # noqa: PLC0415
    from moderation.tables import batch_of  # noqa: PLC0415

    with suppress(ModerationError):  # a page will say so, where it can be read
        settings = settings_from()
        registry = Registry(settings.models, shipped_models())
        version = registry.champion()
        classifier = registry.load_tier(version, registry.tier_of(version, settings.tier))
        for label in classifier.labels[:1]:
            classifier.explain(batch_of(["ready"], article_title="ready"), label)
    # What is there now stays: every later collection passes it over.
    gc.collect()
    gc.freeze()
