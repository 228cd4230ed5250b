"""Who decided what, as a table and as a page that stands on its own; the sign-in pages; the team page by role."""

import asyncio
import csv
import json
import os
import re
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from moderation import access
from moderation.access import Person
from moderation.agreement import agreement, alpha, wilson
from moderation.appeal import appeal
from moderation.audit import AUDIT, write_audit
from moderation.desk import SCRIPT, cookie, installation, signin
from moderation.errors import Conflict, InputError, NotAllowed
from moderation.jobs import thresholds_of
from moderation.labels import ROLES
from moderation.policy import load_policy
from moderation.store import Review, Store

sys.path.insert(0, str(Path(__file__).parent))
from desk_pages import HOSTILE, NOW, Home, Page, button, filled, home, html_of  # noqa: F401 - fixtures among them

PASSWORD = "correct horse"


def answer(store: Store, name: str, who: str, action: str, **more: object) -> Review:
    labels = more.pop("labels", {})
    return store.add_review(Review(name, who, action, labels, store.version(name), NOW, **more))


def disagree(store: Store, name: str, first: str, second: str) -> None:
    """Let two people answer the same card, the second too late."""
    seen = store.version(name)
    store.add_review(Review(name, first, "approve", {"spam": False}, seen, NOW, note="=fine()"))
    with pytest.raises(Conflict):
        store.add_review(Review(name, second, "reject", {"spam": True}, seen, NOW, note=HOSTILE[1]))


# --- Agreement -------------------------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


@given(pairs=PAIRS)
def test_agreement_is_what_counting_says(pairs: list[tuple[bool, bool]]) -> None:
    (row,) = agreement([({"spam": one}, {"spam": other}) for one, other in pairs], ["spam"])
    assert row.n == len(pairs)
    if not pairs:
        assert row.raw is row.low is row.alpha is None
        return
    same = sum(one == other for one, other in pairs)
    assert row.raw == same / len(pairs)
    assert 0 <= row.low <= row.raw <= row.high <= 1
    # The same two answers the other way round say the same.
    assert alpha(pairs) == alpha([(other, one) for one, other in pairs])
    if row.alpha is not None:
        assert row.alpha <= 1
        assert (row.alpha == 1) == (same == len(pairs))


def test_alpha_is_krippendorff_s_own_example() -> None:
    # Content Analysis (2004), table 11.2: two observers, ten units, alpha 0.095
    one, other = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    found = alpha([(bool(a), bool(b)) for a, b in zip(one, other, strict=True)])
    assert found == pytest.approx(0.095, abs=0.0005)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=0.0005)


# --- The audit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_an_audit_holds_every_event_and_no_formula(filled: Home, tmp_path: Path, suffix: str) -> None:
    with filled.store() as store:
        answer(store, "letters:0", "kim", "reject", labels={"spam": True}, note="=1+1")
        answer(store, "letters:1", "ann", "approve", labels={"threat": False})
        store.act(["letters:2", "letters:4"], "reject", {}, moderator="ann", model="m", at=NOW, token="t", note="@x")
        store.undo("ann", at=NOW + timedelta(days=2))
        out = tmp_path / f"audit.{suffix}"
        assert write_audit(store, out) == 6
        assert write_audit(store, tmp_path / "kim.jsonl", moderator="kim") == 1
        assert write_audit(store, tmp_path / "late.jsonl", since=NOW + timedelta(days=1)) == 2
        assert write_audit(store, tmp_path / "early.jsonl", until=NOW) == 0
        events = {event.id for event in store.reviews(standing=False)}
    if suffix == "csv":
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert not any(re.match(r"[=+@\t-]", cell) for row in rows for cell in row.values())
        assert {int(row["event"]) for row in rows} == events
    elif suffix == "parquet":
        table = pd.read_parquet(out)
        assert list(table.columns) == AUDIT.names
        assert set(table["event"]) == events
    else:
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
        assert {line["event"] for line in lines} == events
        (mine,) = [line for line in lines if line["moderator"] == "kim"]
        assert (mine["note"], mine["spam"], mine["threat"], mine["text"]) == ("=1+1", True, None, mine["text"])
        assert mine["policy_action"] in {"allow", "review", "reject"}
        assert mine["model"]


# --- The page of an appeal -------------------------------------------------------------------------------------------


def test_an_appeal_tells_everything_and_loads_nothing(filled: Home) -> None:
    policy = load_policy(None)
    with filled.store() as store:
        scorer = filled.registry().load()
        disagree(store, "letters:4", "kim", "ann")
        answer(store, "letters:4", "lee", "reject", labels={"spam": True}, note="it is an advert")
        store.add_report("letters:4", reason=HOSTILE[0], times=3, at=NOW)
        html = appeal(store, "letters:4", now=NOW, thresholds=thresholds_of(policy), scorer=scorer)
        decision = store.decision("letters:4")
        bare = appeal(store, "letters:0", now=NOW)
    page = Page(html)
    for words in (
        "Rejected",
        "lee",
        "it is an advert",
        "kim",
        "=fine()",
        "came too late",
        decision.policy,
        decision.model,
    ):
        assert words in page.text, words
    for text in (HOSTILE[0] + HOSTILE[3], HOSTILE[1], HOSTILE[6]):
        assert text in page.text  # whole, and as text
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "a", "link", "iframe", "form", "object", "embed", "base", "svg"}
    assert not any(name.startswith("on") or name in {"src", "href"} for _, told in page.tags for name in told)
    assert ("meta", "default-src 'none'; style-src 'unsafe-inline'") in [
        (tag, told.get("content")) for tag, told in page.tags
    ]
    assert "url(" not in html
    assert "@import" not in html
    assert "no person has decided yet" in Page(bare).text


def test_an_appeal_of_a_comment_without_anything(home: Home) -> None:
    from desk_pages import letters

    with home.store() as store:
        store.add_batch(letters(), at=NOW)
        text = Page(appeal(store, "letters:1", now=NOW)).text
    assert "Not decided" in text
    assert "was not scored" in text


# --- Signing in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def peopled(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give the installation four people, whose passwords are cheap to check."""
    monkeypatch.setitem(access._derived.__kwdefaults__, "cost", 2**4)
    monkeypatch.setattr(access, "COST", 2**4)
    with home.store() as store:
        for role in ("admin", "lead", "moderator", "viewer"):
            access.add_person(store, f"the {role}", role, PASSWORD, by="root", at=NOW)
    return home


def ask(method: str, path: str, *, cookies: dict[str, str] | None = None, form: dict[str, str] | None = None, **more):
    """Send one request through the door and the sign-in pages, and return status, headers and body."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def desk(_request):
        return PlainTextResponse("the desk")

    app = Starlette(
        routes=[*signin.ROUTES, Route("/{path:path}", desk, methods=["GET", "POST"])],
        middleware=[Middleware(signin.Door)],
    )
    sent: list[dict[str, object]] = []
    body = urlencode(form or {}).encode()
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        return next(told, {"type": "http.disconnect"})

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1", "content-type": "application/x-www-form-urlencoded"} | more.get("headers", {})
    if cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    scope = {
        "type": more.get("type", "http"), "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(),
        "query_string": b"", "scheme": more.get("scheme", "http"), "root_path": "", "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    # In a thread of its own: the browser tests, when they ran before, left a loop running in this one.
    with ThreadPoolExecutor(1) as apart:
        signin._checking = None
        apart.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    if scope["type"] == "websocket":
        return sent
    start = sent[0]
    content = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return start["status"], [(name.decode(), value.decode()) for name, value in start["headers"]], content


def given_cookies(headers: list[tuple[str, str]]) -> dict[str, str]:
    found = {}
    for name, value in headers:
        if name == "set-cookie":
            cookie_name, _, rest = value.partition("=")
            found[cookie_name] = rest.split(";")[0]
    return found


def sign_in(name: str, password: str = PASSWORD, **more):
    _, headers, body = ask("GET", "/signin")
    cookies = given_cookies(headers)
    form = re.search(r'name="form" value="([^"]+)"', body)[1]
    return ask("POST", "/signin", cookies=cookies, form={"form": form, "name": name, "password": password}, **more)


def test_nothing_of_the_desk_is_served_to_strangers(peopled: Home) -> None:
    status, headers, _ = ask("GET", "/team")
    assert (status, dict(headers)["location"]) == (303, "/signin")
    for method, path in (("GET", "/media/scored.csv"), ("POST", "/_stcore/upload_file/x"), ("POST", "/")):
        assert ask(method, path)[0] == 403
    assert ask("GET", "/_stcore/stream", type="websocket")[0]["type"] == "websocket.close"
    assert ask("GET", "/", cookies={cookie.COOKIE: "forged.by.hand"})[0] == 303
    assert ask("GET", "/_stcore/health")[2] == "the desk"


def test_a_seat_is_taken_kept_and_given_up(peopled: Home) -> None:
    status, headers, _ = sign_in("the lead")
    assert (status, dict(headers)["location"]) == (303, "/")
    (told,) = [value for name, value in headers if name == "set-cookie" and value.startswith(f"{cookie.COOKIE}=")]
    assert "HttpOnly" in told
    assert "SameSite=lax" in told
    assert "Secure" not in told
    assert "Secure" in "".join(value for _, value in sign_in("the lead", scheme="https")[1])
    seat = {cookie.COOKIE: given_cookies(headers)[cookie.COOKIE]}
    assert ask("GET", "/", cookies=seat)[2] == "the desk"  # and again, as after a reload
    with peopled.store() as store:
        assert cookie.person_of(seat, store, peopled.path).role == "lead"
        tampered = {cookie.COOKIE: seat[cookie.COOKIE][:-2] + "AA"}
        assert cookie.person_of(tampered, store, peopled.path) is None

    assert ask("POST", "/signout", cookies=seat)[0] == 400  # another site's page cannot sign anybody out
    assert ask("GET", "/", cookies=seat)[2] == "the desk"
    _, headers, body = ask("GET", "/signout", cookies=seat)
    form = re.search(r'name="form" value="([^"]+)"', body)[1]
    assert ask("POST", "/signout", cookies=seat | given_cookies(headers), form={"form": form})[0] == 303
    assert ask("GET", "/", cookies=seat)[0] == 303  # the old cookie opens nothing, whoever kept a copy


@pytest.mark.parametrize("change", ["role", "password", "gone"])
def test_a_change_of_the_account_ends_its_sessions(peopled: Home, change: str) -> None:
    seat = {cookie.COOKIE: given_cookies(sign_in("the moderator")[1])[cookie.COOKIE]}
    with peopled.store() as store:
        match change:
            case "role":
                access.change_role(store, "the moderator", "viewer", by="root", at=NOW)
            case "password":
                access.change_password(store, "the moderator", "another one", by="root", at=NOW)
            case _:
                access.remove_person(store, "the moderator", by="root", at=NOW)
    assert ask("GET", "/", cookies=seat)[0] == 303


def test_what_does_not_fit_is_told_in_one_sentence_of_the_reader_s_language(peopled: Home) -> None:
    status, headers, body = sign_in("the lead", "a guess")
    assert status == 403
    assert "is wrong; try again" in body
    assert cookie.COOKIE not in given_cookies(headers)
    assert sign_in("nobody", "a guess")[2].count("is wrong; try again") == 1
    assert "ist falsch" in sign_in("the lead", "a guess", headers={"accept-language": "de-AT,de;q=0.9"})[2]
    for _ in range(4):
        sign_in("the lead", "a guess")
    status, _, body = sign_in("the lead")
    assert status == 403
    assert "wait 15 minutes" in body
    name = "<script>alert(1)</script>"
    assert name not in sign_in(name, "x")[2]


def test_a_form_from_elsewhere_is_refused(peopled: Home) -> None:
    fields = {"name": "the lead", "password": PASSWORD}
    form = cookie.new_form(peopled.path)
    for cookies, sent in (
        ({}, {"form": form}),
        ({"moderation_form": form}, {}),
        ({"moderation_form": "x"}, {"form": "x"}),
    ):
        status, headers, _ = ask("POST", "/signin", cookies=cookies, form=fields | sent)
        assert status == 400
        assert cookie.COOKIE not in given_cookies(headers)
    assert (
        ask("POST", "/signin", cookies={"moderation_form": form}, form={"form": form, "name": "x" * 20_000})[0] == 400
    )


def test_without_accounts_the_desk_is_open(home: Home) -> None:
    assert ask("GET", "/")[2] == "the desk"
    assert ask("GET", "/_stcore/stream", type="websocket")[0]["type"] != "websocket.accept"  # this desk speaks none
    assert installation.is_open()


def test_the_key_is_the_owner_s_alone(tmp_path: Path) -> None:
    one = cookie.signed(Person("ann", "lead", 3), tmp_path)
    path = tmp_path / "desk.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 32
    assert sorted(item.name for item in tmp_path.iterdir()) == ["desk.key"]
    assert cookie._serializer(tmp_path, "seat").loads(one) == ["ann", 3]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="make the home folder writable"):
        cookie.signed(Person("ann", "lead", 3), tmp_path / "file" / "home")


# --- The team page ---------------------------------------------------------------------------------------------------


def seated(home: Home, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    """Let the pages be asked for by a person of this role."""
    monkeypatch.setattr(installation, "person", lambda: Person(f"the {role}", role, 1))
    monkeypatch.setattr(installation, "is_open", lambda: False)


def part(page: AppTest, name: str) -> AppTest:
    page.session_state["team_part"] = name
    return page.run()


def test_the_team_page_shows_decisions_and_takes_the_latest_back(filled: Home) -> None:
    with filled.store() as store:
        answer(store, "letters:0", "kim", "approve", note=HOSTILE[2])
        answer(store, "letters:1", "kim", "reject", labels={"incitement": True})
        answer(store, "letters:2", "ann", "reject", labels={"spam": True})
    page = filled.page("team")
    assert html_of(page).count('class="decision ') == 2
    assert HOSTILE[2] in Page(html_of(page)).text
    page.session_state["team_whose"] = "everyone"
    assert html_of(page.run()).count('class="decision ') == 3
    page.session_state["team_label"] = "spam"
    assert html_of(page.run()).count('class="decision ') == 1
    page.session_state["team_label"], page.session_state["team_action"] = "any", "approve"
    assert html_of(page.run()).count('class="decision ') == 1
    page.session_state["team_label"] = "threat"
    assert "Nothing of that kind" in html_of(page.run())
    button(page, "Undo my latest").click().run()
    assert [review.action for review in filled.reviews()] == ["approve"]


def test_the_team_page_shows_where_people_differ_and_how_far_they_agree(filled: Home) -> None:
    page = filled.page("team")
    assert "No two people differ" in html_of(part(page, "disagreements"))
    assert "No pairs yet" in html_of(part(page, "agreement"))
    with filled.store() as store:
        disagree(store, "letters:4", "kim", "ann")
        answer(store, "letters:4", "lee", "reject")
    text = Page(html_of(part(page, "disagreements"))).text
    for words in ("Answered at the same time", "kim", "ann", "Approved", "Rejected", HOSTILE[1], "Since then lee"):
        assert words in text, words
    assert "0% (0%–79%)" in html_of(part(page, "agreement"))
    page.select_slider(key="team_share").set_value(0.05).run()
    with filled.store() as store:
        assert store.preferences("")["second_share"] == 0.05
    text = Page(html_of(part(page, "workload"))).text
    assert "4 comments wait for an answer" in text
    assert not page.exception


@pytest.mark.parametrize(("role", "parts"), [("viewer", 4), ("moderator", 4), ("lead", 4), ("admin", 5)])
def test_a_role_sees_its_own(filled: Home, monkeypatch: pytest.MonkeyPatch, role: str, parts: int) -> None:
    with filled.store() as store:
        answer(store, "letters:0", "kim", "approve")
    seated(filled, monkeypatch, role)
    page = filled.page("team")
    assert not page.exception
    acts = [one.label for one in page.button]
    assert ("Undo my latest" in acts) == (role != "viewer")
    part(page, "agreement")
    assert bool(page.select_slider) == (role in {"lead", "admin"})
    if role == "viewer":  # a forged act is refused below the page
        with pytest.raises(NotAllowed):
            installation.store().undo("the viewer", at=NOW)


def test_an_admin_adds_changes_and_removes_people(peopled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seated(peopled, monkeypatch, "admin")
    page = part(peopled.page("team"), "people")
    page.text_input(key="new_name").set_value("ada")
    page.text_input(key="new_password").set_value("a new password")
    button(page, "Add").click()
    page.run()
    with peopled.store() as store:
        ada = store.account("ada")
        assert (ada.role, ada.by) == ("moderator", "the admin")
    page.selectbox(key=f"role_{ada.stamp}").set_value("lead").run()
    with peopled.store() as store:
        ada = store.account("ada")
        assert ada.role == "lead"
    page.button(key=f"remove_{ada.stamp}").click().run()
    with peopled.store() as store:
        assert store.account("ada") is None
        own = store.account("the admin")
    assert page.selectbox(key=f"role_{own.stamp}").disabled
    assert not page.exception


def test_the_navigation_holds_what_the_role_may_see() -> None:
    from moderation.desk import main

    seen = {role: [file for file, _, least in main.PAGES if Person("x", role).may(least)] for role in ROLES}
    assert seen["viewer"] == ["team.py"]
    assert set(seen["viewer"]) < set(seen["moderator"]) <= set(seen["lead"]) <= set(seen["admin"])
    assert all((SCRIPT.parent / file).is_file() for file, _, _ in main.PAGES)


def test_the_pages_speak_the_language_that_was_set(filled: Home) -> None:
    with filled.store() as store:
        store.put_preference("kim", "language", "de", at=NOW)
    assert "Noch nichts entschieden" in html_of(filled.page("team"))
    assert os.environ["MODERATION_MODERATOR"] == "kim"
