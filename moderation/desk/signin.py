"""A name and a password in, a seat at the desk out: the two pages that stand before the desk, and its door.

Where the site has accounts, nothing of the desk is served to whom the cookie does not name: neither pages nor files nor
the socket that the pages speak through. Where it has none, the desk is open to whoever reaches it, as it says.
"""

import asyncio
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from moderation import access
from moderation.desk import cookie, installation
from moderation.desk.words import LANGUAGES, say
from moderation.errors import ModerationError, NotAllowed

__all__ = ["ROUTES", "Door"]

FORM: Final = "moderation_form"
LONGEST_FORM: Final = 10_000  # bytes
OPEN: Final = ("/signin", "/signout", "/_stcore/health", "/static/", "/favicon")
AT_ONCE: Final = 2  # passwords checked at the same time: each takes 32 MiB and a tenth of a second

_checking: asyncio.Semaphore | None = None


class Door:
    """Let through who is signed in, or everybody where there are no accounts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, send it to the sign-in page, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or scope["path"].startswith(OPEN) or _let_in(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "GET" and "." not in scope["path"].rsplit("/", 1)[-1]:
            await RedirectResponse(f"{scope.get('root_path', '')}/signin", 303)(scope, receive, send)
        else:
            await PlainTextResponse("sign in first", 403)(scope, receive, send)


def _let_in(scope: Scope) -> bool:
    try:
        if installation.is_open() or installation.has_provider():
            return True  # with a provider, the page itself asks: only there can its sign-in begin
        cookies = Request({**scope, "type": "http"}).cookies
        return cookie.person_of(cookies, installation.opened(), installation.settings().home) is not None
    except ModerationError:
        return True  # a store that cannot be opened has nothing to show, and the page says what is wrong with it


async def _signin(request: Request) -> Response:
    if request.method != "POST":
        return _form(request, "signin")
    given = await _posted(request)
    if not cookie.matching_forms(given.get("form"), request.cookies.get(FORM), installation.settings().home):
        return _form(request, "signin", say("signin.stale", _language(request)), 400)
    name, password = given.get("name", "").strip(), given.get("password", "")
    try:
        async with _one_of_few():
            person = await asyncio.to_thread(
                access.sign_in, installation.opened(), name, password, at=installation.now()
            )
    except NotAllowed:
        waits = await asyncio.to_thread(_must_wait, name)
        return _form(request, "signin", say("signin.wait" if waits else "signin.wrong", _language(request)), 403)
    except ModerationError as error:
        return _form(request, "signin", str(error), 500)
    answer = RedirectResponse(f"{request.scope.get('root_path', '')}/", 303)
    value = cookie.signed(person, installation.settings().home)
    _set(answer, request, cookie.COOKIE, value, lasts_s=cookie.LASTS_S, same="lax")
    answer.delete_cookie(FORM, path="/")
    return answer


async def _signout(request: Request) -> Response:
    home = installation.settings().home
    person = cookie.person_of(request.cookies, installation.opened(), home)
    if request.method != "POST":
        return _form(request, "signout")
    if not cookie.matching_forms((await _posted(request)).get("form"), request.cookies.get(FORM), home):
        return _form(request, "signout", say("signin.stale", _language(request)), 400)
    if person is not None:
        access.sign_out(installation.opened(), person, at=installation.now())
    answer = RedirectResponse(f"{request.scope.get('root_path', '')}/signin", 303)
    answer.delete_cookie(cookie.COOKIE, path="/")
    answer.delete_cookie(FORM, path="/")
    return answer


ROUTES: Final = (
    Route("/signin", _signin, methods=["GET", "POST"]),
    Route("/signout", _signout, methods=["GET", "POST"]),
)


def _must_wait(name: str) -> bool:
    store, now = installation.opened(), installation.now()
    return store.failed_signins(name, since=now - access.TRIES_WITHIN) >= access.TRIES


def _one_of_few() -> asyncio.Semaphore:
    global _checking  # noqa: PLW0603 - made inside the loop that waits on it
    if _checking is None:
        _checking = asyncio.Semaphore(AT_ONCE)
    return _checking


async def _posted(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8) if body.count(b"&") < 8 else {}
    return {name: values[0] for name, values in fields.items()}


def _language(request: Request) -> str:
    for asked in request.headers.get("accept-language", "").split(","):
        name = asked.split(";")[0].split("-")[0].strip().lower()
        if name in LANGUAGES:
            return name
    return "en"


def _set(answer: Response, request: Request, name: str, value: str, *, lasts_s: int, same: Any) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value, max_age=lasts_s, path="/", httponly=True, samesite=same, secure=secure)


def _form(request: Request, kind: str, fault: str = "", status: int = 200) -> Response:
    language = _language(request)
    form = cookie.new_form(installation.settings().home)
    fields = ""
    if kind == "signin":
        fields = (
            f'<label>{escape(say("signin.name", language))}<input name="name" autocomplete="username" required '
            f"autofocus></label><label>{escape(say('signin.password', language))}"
            '<input name="password" type="password" autocomplete="current-password" required></label>'
        )
    told = f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else ""
    about = escape(say(f"signin.{kind}_about", language))
    title = escape(say(f"signin.{kind}", language))
    body = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{STYLE}</style></head><body><main>{SHIELD}'
        f'<h1>{title}</h1><p class="about">{about}</p>{told}'
        f'<form method="post"><input type="hidden" name="form" value="{escape(form)}">{fields}'
        f'<button type="submit">{title}</button></form>'
        + ("" if kind == "signin" else f'<p class="about"><a href="./">{escape(say("signin.stay", language))}</a></p>')
        + "</main></body></html>"
    )
    answer = HTMLResponse(body, status, headers={"cache-control": "no-store"})
    _set(answer, request, FORM, form, lasts_s=cookie.FORM_LASTS_S, same="strict")
    return answer


SHIELD: Final = (
    '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">'
    '<path d="M12 2l8 3v6c0 5-3.4 9.3-8 11-4.6-1.7-8-6-8-11V5z"/>'
    '<path class="tick" d="M8 12l3 3 5-6"/></svg>'
)

STYLE: Final = """
:root{color-scheme:light dark;--ink:light-dark(#1c2422,#e6ecea);--soft:light-dark(#56625e,#a3b1ac);
--line:light-dark(#c9d1ce,#3b4643);--accent:light-dark(#0f766e,#0d9488);--red:light-dark(#b3261e,#ff8a80)}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;
background:light-dark(#fbfbf9,#121615);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{width:min(23rem,100%);padding:2rem;border:1px solid var(--line);border-radius:.8rem;
background:light-dark(#fff,#1c2220)}
.mark{width:2.2rem;height:2.2rem;fill:var(--accent)}.tick{fill:none;stroke:#fff;stroke-width:2;stroke-linecap:round}
h1{font-size:1.35rem;margin:.4rem 0 .2rem}
.about{color:var(--soft);margin:0 0 1.2rem;font-size:.93rem}
form+.about{margin:1rem 0 0}
label{display:block;font-size:.9rem;font-weight:600;margin:0 0 1rem}
input:not([type=hidden]){display:block;width:100%;margin-top:.3rem;padding:.6rem .7rem;font:inherit;
font-weight:400;color:inherit;background:transparent;border:1px solid var(--line);border-radius:.5rem}
button{width:100%;padding:.65rem;font:inherit;font-weight:600;color:#fff;background:light-dark(#0f766e,#0b7c72);border:0;
border-radius:.5rem;cursor:pointer}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
a{color:light-dark(#0f766e,#2dd4bf)}
.fault{color:var(--red);margin:0 0 1rem;padding:.5rem .7rem;border-left:3px solid currentColor;font-size:.93rem}
"""
