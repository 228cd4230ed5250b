"""What the tests of the desk share: an installation in a folder, letters to it, and its pages as they would be sent."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from moderation import jobs
from moderation.desk import SCRIPT
from moderation.policy import load_policy
from moderation.registry import Registry
from moderation.settings import shipped_models
from moderation.store import Review, Store
from moderation.tables import Batch, batch_of


class Page(HTMLParser):
    """What a reader of a piece of HTML sees as text, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a text became an HTML comment: {data}")


HOSTILE = (
    '<script>fetch("https://evil.example/")</script>',
    '"><img src=x onerror=alert(1)>',
    "</div></main><style>*{display:none}</style>",
    "![x](https://evil.example/p.png) [link](javascript:alert(1)) :red[big] $x^2$",
    "&lt;b&gt; &amp;amp; &#x3c;svg onload=alert(1)&#x3e;",
    "<!-- --><plaintext>",
    "\u202egnp.exe\u202c \u2066abc\u2069",
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TEXTS = (
    "The ferry left ten minutes early and half of us stood on the quay.",
    "Somebody ought to burn their houses down and shoot the lot of them.",
    "Cheap pills without a doctor: http://pills.example/now order today and save big.",
    "[...] The Quay Blog has linked to this post in its weekly harbour round-up [...]",
    HOSTILE[0] + HOSTILE[3],
)
AUTHORS = ("Ann", None, HOSTILE[1], "The Quay Blog", HOSTILE[6])


@dataclass(frozen=True)
class Home:
    """An installation in a folder of its own, and the pages that a browser would open on it."""

    path: Path

    def store(self) -> Store:
        return Store.open(self.path / "store.db")

    def registry(self) -> Registry:
        return Registry(self.path / "models", shipped_models())

    def page(self, name: str, **state: object) -> AppTest:
        page = AppTest.from_file(str(SCRIPT.parent / f"{name}.py"), default_timeout=60)
        for key, value in state.items():
            page.session_state[key] = value
        return page.run()

    def reviews(self, moderator: str = "kim") -> list[Review]:
        with self.store() as store:
            return store.reviews(moderator=moderator)

    def score(self) -> None:
        with self.store() as store:
            jobs.score_store(store, self.registry().load(), load_policy(None), at=NOW)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    for name in ("MODERATION_STORE", "MODERATION_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODERATION_HOME", str(tmp_path))
    monkeypatch.setenv("MODERATION_MODERATOR", "kim")
    monkeypatch.setenv("MODERATION_TIER", "fast")
    return Home(tmp_path)


def letters() -> Batch:
    return batch_of(
        TEXTS,
        authors=AUTHORS,
        article_title=HOSTILE[3],
        article_text="The ferry timetable changes in May.\n\n" + HOSTILE[0],
        ids=[f"letters:{number}" for number in range(len(TEXTS))],
        posted_at=[NOW - timedelta(hours=number) for number in range(len(TEXTS))],
    )


@pytest.fixture
def filled(home) -> Home:
    with home.store() as store:
        store.add_batch(letters(), at=NOW)
    home.score()
    return home


def html_of(page: AppTest) -> str:
    return "".join(element.proto.body for element in page.get("html"))


def button(page: AppTest, label: str):
    (found,) = [one for one in page.button if one.label == label]
    return found


@dataclass
class Tab:
    """A browser's tab on the queue page: what card.js would hold and tell, without a browser."""

    home: Home
    name: str = "tab-number-one"
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.page = AppTest.from_file(str(SCRIPT.parent / "queue_page.py"), default_timeout=60)
        for key, value in self.state.items():
            self.page.session_state[key] = value
        self.log: list[dict[str, Any]] = []
        self.seq = self.tick = self.got = 0
        self.cards: list[dict[str, Any]] = []
        self.session = ""
        self.contexts: dict[str, dict[str, Any]] = {}
        self.tell()

    @property
    def data(self) -> dict[str, Any]:
        (component,) = self.page.get("bidi_component")
        return json.loads(component.proto.json)

    @property
    def card(self) -> dict[str, Any]:
        return self.cards[0]

    def tell(self, *, lacks: list[str] | None = None, logs: dict[str, Any] | None = None) -> dict[str, Any]:
        """Tell what the server does not know yet, and take what it answers."""
        self.tick += 1
        told = {
            "page": self.name, "tick": self.tick, "session": self.session, "got": self.got,
            "lacks": [[name, 0] for name in lacks or []], "logs": {self.name: self.log} if logs is None else logs,
        }  # fmt: skip
        self.page.session_state["card"] = {"told": told}
        self.page.run()
        assert not self.page.exception
        data = self.data
        if data["session"] != self.session:
            self.session, self.got = data["session"], 0
            self.cards = []
        for one in data["cards"]:
            if one["n"] > self.got:
                self.got = one["n"]
                self.cards = [known for known in self.cards if known["id"] != one["id"]]
                self.cards.insert(0 if one.get("front") else len(self.cards), one)
        self.contexts.update(data["contexts"])
        self.log = [act for act in self.log if act["seq"] > data["acked"].get(self.name, 0)]
        return data

    def push(self, action: str, card: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Do what a key does: note the act for the first card (or this one) and take it off the screen."""
        card = card or self.card
        self.seq += 1
        act = {"seq": self.seq, "action": action, "id": card["id"], "seen": card["seen"], "lens": card["lens"],
               "asked": card["asked"], "touched": {}, "note": "", "at": 0, **more}  # fmt: skip
        self.log.append(act)
        self.cards = [one for one in self.cards if one["id"] != card["id"]]
        return act

    def press(self, action: str, **more: Any) -> dict[str, Any]:
        self.push(action, **more)
        return self.tell()

    def undo(self, of: dict[str, Any] | None = None) -> dict[str, Any]:
        self.seq += 1
        at = int(datetime.now(UTC).timestamp() * 1000)
        named = {} if of is None else {"of": of["seq"], "id": of["id"]}
        self.log.append({"seq": self.seq, "action": "undo", "at": at, **named})
        return self.tell()
