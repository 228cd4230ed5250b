"""The review desk without a browser: its pieces as functions, its pages by AppTest on a real store and model."""

import asyncio
import socket
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from moderation import jobs
from moderation.desk import SCRIPT, markup, passage, serve, work
from moderation.desk.answers import KEYS, answers, following, question, saying
from moderation.desk.guard import HEADERS, Guard
from moderation.desk.highlight import MOST, marked, pieces
from moderation.errors import InputError
from moderation.labels import LABELS
from moderation.learning import load_checks
from moderation.policy import load_policy
from moderation.registry import Registry
from moderation.settings import seeds_folder, shipped_models
from moderation.store import AUDIT_SHARE, Review, Store, audit_rank
from moderation.tables import Batch, batch_of


@dataclass(frozen=True)
class Part:
    begin: int | None
    end: int | None
    weight: float


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

texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=200), st.text(alphabet="<>&\"'abc \n\u202e\u0645日本", max_size=80)
)
parts = st.lists(
    st.builds(
        Part,
        begin=st.none() | st.integers(-3, 210),
        end=st.none() | st.integers(-3, 210),
        weight=st.floats(-9, 9) | st.sampled_from([float("nan"), float("inf")]),
    ),
    max_size=12,
)


# ---------------------------------------------------------------------------------------------------- highlighting


@given(text=texts, spans=parts)
def test_a_highlighted_text_reads_as_the_text_it_was(text: str, spans: list[Part]) -> None:
    page = Page(marked(text, spans, 'Identity "attack" <b>'))
    # HTML itself reads these differently wherever they stand; the store never holds NUL or carriage return.
    assert page.text == text
    assert {tag for tag, _ in page.tags} <= {"mark"}
    assert all(set(attributes) == {"class", "title"} for _, attributes in page.tags)


@given(text=texts, spans=parts)
def test_pieces_join_to_the_text(text: str, spans: list[Part]) -> None:
    cut = pieces(text, spans)
    assert "".join(piece.text for piece in cut) == text
    assert all(piece.text for piece in cut)


def test_words_take_the_colour_of_what_they_weigh() -> None:
    text = "you utter fool, thank you"
    html = marked(text, [Part(4, 14, 2.0), Part(16, 21, -1.0), Part(None, None, 5.0)], "Insult")
    marks = [attributes for tag, attributes in Page(html).tags if tag == "mark"]
    assert [mark["class"] for mark in marks] == ["for d4", "for d3", "against d4"]
    assert "speaks against Insult (-1.00)" in [mark["title"] for mark in marks]


def test_a_word_weighs_what_its_characters_received() -> None:
    cut = {piece.text: piece.weight for piece in pieces("ab cd", [Part(0, 5, 4.0), Part(0, 2, 1.0)])}
    assert cut["ab"] == pytest.approx(3.0)
    assert cut["cd"] == pytest.approx(2.0)


def test_faint_words_stay_unmarked_and_marks_are_few() -> None:
    assert all(not piece.weight for piece in pieces("dull words here", [Part(0, 15, 0.02)]))
    text = " ".join(f"w{number}" for number in range(300))
    assert sum(1 for piece in pieces(text, [Part(0, len(text), 300.0)]) if piece.weight) == MOST


def test_scripts_without_spaces_are_marked_by_character() -> None:
    cut = pieces("お前は馬鹿だ", [Part(3, 5, 2.0)])
    assert [piece.text for piece in cut if piece.weight] == ["馬", "鹿"]


# ---------------------------------------------------------------------------------------------------------- markup


@given(value=texts)
def test_no_piece_of_markup_lets_foreign_text_become_a_tag(value: str) -> None:
    row = {"head": value, "text": value, "side": value, "here": True, "deep": 9}
    html = "".join(
        (
            markup.foreign(value),
            markup.facts([("Author", value)]),
            markup.row_list([row]),
            markup.callout("error", value, action=value),
            markup.empty(value, value, command=value),
        )
    )
    allowed = {"span", "div", "dl", "dt", "dd", "ul", "li", "pre", "code"}
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= allowed
    assert {name for _, attributes in page.tags for name in attributes} <= {
        "class", "dir", "role", "aria-hidden", "aria-current",
    }  # fmt: skip


def test_foreign_text_stands_in_an_element_of_its_own() -> None:
    assert markup.foreign("\u202eabc", name="who") == '<span class="who foreign" dir="auto">\u202eabc</span>'
    assert markup.foreign(pd.NA, missing="no name") == '<span class=" missing">no name</span>'


@pytest.mark.parametrize(
    ("probability", "words"),
    [(None, "–"), (float("nan"), "–"), (0.0, "<1%"), (0.0099, "<1%"), (0.014, "1%"), (0.5, "50%"), (0.994, "99%"),
     (0.996, ">99%"), (1.0, ">99%")],
)  # fmt: skip
def test_percent_never_claims_certainty(probability: float | None, words: str) -> None:
    assert markup.percent(probability) == words


def test_bars_say_in_words_what_they_show() -> None:
    html = markup.bars({"spam": 0.91, "off_topic": float("nan")}, {"spam": 0.5}, ("off_topic", "spam"), asked="spam")
    rows = [attributes for _, attributes in Page(html).tags if (attributes.get("class") or "").startswith("bar ")]
    rows += [attributes for _, attributes in Page(html).tags if attributes.get("class") == "bar"]
    by_label = {str(row["aria-label"]).split(":")[0]: row for row in rows}
    assert by_label["Spam"]["class"] == "bar over asked"
    assert by_label["Spam"]["aria-label"] == "Spam: 91%, a person looks from 50%"
    assert by_label["Off-topic"]["aria-label"] == "Off-topic: no score"


def test_short_rows_are_short() -> None:
    assert markup.shortened("word " * 10_000, 40) == ("word " * 8)[:39].rstrip() + "…"
    assert markup.shortened(" a\n\nb ") == "a b"
    assert markup.shortened(pd.NA) == ""


def test_the_nearest_paragraph_shares_the_rare_words() -> None:
    article = "The council met on Monday.\n\nThe harbour bridge will close in May.\n\nThe council thanked the council."
    assert passage.nearest("Why close the harbour bridge?", article) == "The harbour bridge will close in May."
    assert passage.nearest("The council, the council!", article) is None
    assert passage.nearest("", "") is None


# --------------------------------------------------------------------------------------------------------- answers


def test_an_untouched_question_is_answered_by_the_decision() -> None:
    assert answers("approve", "incitement", {}) == {"incitement": False}
    assert answers("reject", "incitement", {}) == {"incitement": True}
    assert answers("reject", "incitement", {"spam": False}) == {"spam": False, "incitement": True}


def test_a_touched_question_keeps_what_the_moderator_said() -> None:
    assert answers("approve", "trackback", {"trackback": True}) == {"trackback": True}
    assert answers("reject", "trackback", {"trackback": None}) == {}


def test_a_skip_says_nothing_and_so_does_a_card_without_question() -> None:
    assert answers("skip", "spam", {"spam": True}) == {}
    assert answers("approve", None, {}) == {}
    assert saying("approve", None, {}) == "nothing about the labels"


def test_what_a_key_says_is_written_out() -> None:
    assert saying("reject", "incitement", {"spam": False}) == "Spam no, Incitement yes"


def test_three_states_go_round() -> None:
    assert [following(None), following(True), following(False)] == [True, False, None]


def test_the_question_is_the_queue_label_or_the_strongest_flag() -> None:
    scores = {"off_topic": float("nan"), "spam": 0.2, "trackback": 0.7, "incitement": 0.1, "toxicity": 0.99}
    assert question(None, scores) == "trackback"
    assert question("insult", scores) == "insult"
    assert question(None, {label: float("nan") for label in LABELS}) is None


def test_every_label_has_its_own_key() -> None:
    assert set(KEYS) == set(LABELS)
    assert len(set(KEYS.values())) == len(LABELS)


# ----------------------------------------------------------------------------------------------------------- guard


def _ask(kind: str, headers: dict[str, str]) -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []

    async def inner(scope, receive, send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"desk"})
        else:
            await send({"type": "websocket.accept"})

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": kind, "method": "GET", "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    # In a thread of its own: the browser tests, when they ran before, left a loop running in this one.
    with ThreadPoolExecutor(1) as apart:
        apart.submit(lambda: asyncio.run(Guard(inner)(scope, receive, send))).result()
    return sent


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1:8501.evil"])
def test_another_site_is_refused_before_streamlit_sees_it(origin: str) -> None:
    headers = {"host": "127.0.0.1:8501", "origin": origin}
    assert _ask("http", headers)[0]["status"] == 403
    assert _ask("websocket", headers)[0]["type"] == "websocket.close"


@pytest.mark.parametrize("headers", [{"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8501"}, {"host": "x"}])
def test_own_pages_pass_with_strict_headers(headers: dict[str, str]) -> None:
    start = _ask("http", headers)[0]
    assert start["status"] == 200
    found = dict(start["headers"])
    assert {name.encode(): value.encode() for name, value in HEADERS.items()}.items() <= found.items()
    assert _ask("websocket", headers)[0]["type"] == "websocket.accept"


# ----------------------------------------------------------------------------------------------------------- doors


def test_the_clone_and_the_package_share_one_configuration() -> None:
    packaged = SCRIPT.parent / ".streamlit" / "config.toml"
    assert (SCRIPT.parents[2] / ".streamlit" / "config.toml").resolve() == packaged
    config = tomllib.loads(packaged.read_text(encoding="utf-8"))
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"
    assert config["server"]["address"] == "127.0.0.1"


def test_a_taken_port_is_one_line_with_a_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"^127\.0\.0\.1:\d+: cannot listen there .*; .* --port$"):
            serve("127.0.0.1", taken.getsockname()[1])


# ----------------------------------------------------------------------------------------------------------- pages

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


def shown(page: AppTest) -> str:
    """Return the text of the comment on the card."""
    html = html_of(page)
    body = html[html.index('<div class="body"') :]
    return Page(body[: body.index("</div>")] + "</div>").text


def asked(page: AppTest) -> str:
    html = html_of(page)
    part = html[html.index('<div class="asks') :]
    return Page(part[: part.index("?</span>")]).text


def says(page: AppTest) -> str:
    html = html_of(page)
    return " ".join(Page(html[html.index('<div class="says"') :].split("</div>")[0]).text.split())


def test_the_strongest_comes_first_and_reject_answers_its_question(filled) -> None:
    page = filled.page("review")
    assert not page.exception
    first, label = shown(page), asked(page)
    assert f"X reject says: {label} yes" in says(page)
    page = button(page, "Reject").click().run()
    assert not page.exception
    assert shown(page) != first
    (review,) = filled.reviews()
    name = next(name for name in LABELS if label == markup.LABEL_BY_NAME[name].title)
    assert (review.action, dict(review.labels)) == ("reject", {name: True})
    assert TEXTS[int(review.comment_id.split(":")[1])] == first
    assert review.lens == "any/strongest"


def test_every_key_has_one_button_and_no_button_an_unusable_key(filled) -> None:
    page = filled.page("review")
    keys = [one.proto.shortcut for one in page.button if one.proto.shortcut]
    assert sorted(keys) == sorted("axsujkh1234567890")


def test_a_label_goes_round_through_three_states(filled) -> None:
    page = filled.page("review")
    keys = []
    for _ in range(3):
        keys.append(button(page, "Insult").key.split("_")[1])
        page = button(page, "Insult").click().run()
    keys.append(button(page, "Insult").key.split("_")[1])
    assert keys == ["open", "yes", "no", "open"]


def test_labels_pressed_by_hand_are_kept_and_an_opened_question_stays_open(filled) -> None:
    page = filled.page("review")
    label = asked(page)
    for title in ("Insult", label, label, label):
        page = button(page, title).click().run()
    assert says(page) == "A approve says: Insult yesX reject says: Insult yes"
    button(page, "Approve").click().run()
    (review,) = filled.reviews()
    assert (review.action, dict(review.labels)) == ("approve", {"insult": True})


def test_a_queue_of_one_label_asks_about_that_label(filled) -> None:
    page = filled.page("review", queue="incitement", order="strongest")
    assert asked(page) == "Incitement"
    page = button(page, "Approve").click().run()
    assert dict(filled.reviews()[0].labels) == {"incitement": False}
    assert filled.reviews()[0].lens == "incitement/strongest"
    assert asked(page) == "Incitement"


def test_the_oldest_order_begins_with_the_oldest(filled) -> None:
    assert shown(filled.page("review", order="oldest")) == TEXTS[-1]


def test_the_policy_narrows_the_queue_to_what_it_holds(filled) -> None:
    with filled.store() as store:
        model = filled.registry().champion()
        held = [name for name in (f"letters:{number}" for number in range(len(TEXTS)))
                if store.decision(name, model).action != "allow"]  # fmt: skip
    assert 0 < len(held) < len(TEXTS)
    html = html_of(filled.page("review", shown="held"))
    assert html.count("data-place=") == len(held)


def test_two_browsers_on_one_card_make_one_decision(filled) -> None:
    mine, theirs = filled.page("review"), filled.page("review")
    assert shown(mine) == shown(theirs)
    text = shown(mine)
    button(theirs, "Approve").click().run()
    mine = button(mine, "Reject").click().run()
    assert not mine.exception
    assert "answered this comment meanwhile" in mine.toast[0].value
    assert shown(mine) != text
    (review,) = filled.reviews()
    assert review.action == "approve"


def test_what_somebody_else_answers_meanwhile_is_passed_over(filled) -> None:
    page = filled.page("review")
    first = shown(page)
    behind = page.session_state["line"][1]
    with filled.store() as store:
        store.add_review(Review(behind, "lee", "approve", {}, 0, NOW))
    page = button(page, "Reject").click().run()
    assert not page.exception
    assert shown(page) not in {first, TEXTS[int(behind.split(":")[1])]}


def test_an_author_s_history_holds_the_answer_just_given(home) -> None:
    with home.store() as store:
        store.add_batch(batch_of(TEXTS[:3], authors=["Ann"] * 3, ids=["a", "b", "c"]), at=NOW)
    home.score()
    page = home.page("review")
    assert "1 rejected" not in html_of(page)
    page = button(page, "Reject").click().run()
    assert "1 rejected" in html_of(page)


def test_every_twentieth_card_is_drawn_at_random_and_says_so(home) -> None:
    names = [f"many:{number}" for number in range(120)]
    assert any(audit_rank(name) < AUDIT_SHARE for name in names)
    with home.store() as store:
        store.add_batch(batch_of([f"{TEXTS[0]} No. {name}" for name in names], ids=names), at=NOW)
    home.score()
    drawn = [name for name in names if audit_rank(name) >= AUDIT_SHARE]
    with home.store() as store:
        for name in drawn[:18]:
            store.add_review(Review(name, "kim", "approve", {}, 0, NOW))
    page = home.page("review")
    assert "random check" not in html_of(page)
    page = button(page, "Approve").click().run()
    assert "random check" in html_of(page)
    page = button(page, "Insult").click().run()  # the card stays what it is while labels are pressed
    assert "random check" in html_of(page)
    page = button(page, "Approve").click().run()
    assert home.reviews()[0].lens == "any/strongest audit"
    assert "random check" not in html_of(page)


def test_the_card_in_hand_stays_when_an_older_one_comes_in(filled) -> None:
    page = filled.page("review", order="oldest")
    text = shown(page)
    older = batch_of([TEXTS[0]], ids=["older"], posted_at=[NOW - timedelta(days=30)])
    with filled.store() as store:
        store.add_batch(older, at=NOW)
    filled.score()
    with filled.store() as store:
        model = filled.registry().champion()
        assert store.queue(model=model, label=None, order="oldest")["id"].iloc[0] == "older"
    page = button(page, "Insult").click().run()
    assert shown(page) == text


def test_skipped_comments_come_back_when_asked_for(filled) -> None:
    page = filled.page("review")
    for _ in TEXTS:
        page = button(page, "Skip").click().run()
    assert "Nothing left but what you skipped" in html_of(page)
    page = button(page, "Show skipped comments").click().run()
    seen = set()
    for _ in TEXTS:
        seen.add(shown(page))
        page = button(page, "Approve").click().run()
    assert seen == set(TEXTS)
    assert "This queue is empty" in html_of(page)


def test_undo_brings_back_the_labels_set_by_hand_and_no_others(filled) -> None:
    page = filled.page("review")
    text, label = shown(page), asked(page)
    page = button(page, "Profanity").click().run()
    page = button(page, "Reject").click().run()
    page = button(page, "Undo").click().run()
    assert shown(page) == text
    assert says(page) == f"A approve says: {label} no, Profanity yesX reject says: {label} yes, Profanity yes"
    assert filled.reviews() == []


def test_undo_with_nothing_to_undo_says_so(filled) -> None:
    page = filled.page("review")
    text = shown(page)
    page = button(page, "Undo").click().run()
    assert page.toast[0].value == "There is nothing of yours to undo."
    assert shown(page) == text


def test_looking_ahead_decides_nothing_and_deciding_goes_on_from_there(filled) -> None:
    page = filled.page("review")
    first = shown(page)
    page = button(page, "Next").click().run()
    second = shown(page)
    page = button(page, "Back").click().run()
    assert shown(page) == first != second
    page = button(page, "Next").click().run()
    page = button(page, "Approve").click().run()
    assert shown(page) not in {first, second}
    assert len(filled.reviews()) == 1


def test_hostile_text_stands_in_html_of_ours_and_nowhere_else(filled) -> None:
    for name in ("review", "decisions"):
        page = filled.page(name, at="letters:4") if name == "review" else filled.page(name)
        assert not page.exception
        found = Page(html_of(page))
        assert {tag for tag, _ in found.tags} <= {
            "div", "span", "b", "i", "h3", "mark", "ul", "li", "details", "summary", "kbd",
        }  # fmt: skip
        assert not [value for _, attributes in found.tags for key, value in attributes.items() if key.startswith("on")]
        kinds = ("markdown", "caption", "title", "header", "text", "toast")
        spoken = [element.value for kind in kinds for element in page.get(kind)]
        labels = [element.label for kind in ("button", "selectbox", "text_input") for element in page.get(kind)]
        for words in (*spoken, *labels):
            assert not any(text in words for text in HOSTILE)
        button_of_reject = [one for one in page.button if one.label == "Reject"]
        for one in button_of_reject:
            assert shown(page) == TEXTS[4]
            one.click().run()
    assert filled.reviews()[0].comment_id == "letters:4"


def test_a_note_is_kept_with_the_decision(filled) -> None:
    page = filled.page("review")
    page.text_input[0].set_value("asked the desk chief")
    button(page, "Reject").click().run()
    assert filled.reviews()[0].note == "asked the desk chief"


def test_help_puts_every_deciding_key_out_of_reach(filled) -> None:
    page = filled.page("review", helping=True)
    live = [one.label for one in page.button if not one.disabled]
    assert live == ["Keys"]


def test_an_empty_store_says_what_to_do(home) -> None:
    page = home.page("review")
    assert "No comments yet" in html_of(page)
    assert "moderation ingest PATH" in html_of(page)


def test_unscored_comments_are_shown_and_offered_to_be_scored(home) -> None:
    with home.store() as store:
        store.add_batch(letters(), at=NOW)
    page = home.page("review")
    assert "5 comments have no scores" in html_of(page)
    assert button(page, "Score now")
    assert "No score yet" in html_of(page)
    button(page, "Reject").click().run()
    assert dict(home.reviews()[0].labels) == {}


def test_a_fault_of_the_installation_is_one_line_on_the_page(filled, monkeypatch) -> None:
    monkeypatch.setenv("MODERATION_POLICY", str(filled.path / "no-such-policy.toml"))
    page = filled.page("review")
    assert not page.exception
    assert "no-such-policy.toml" in html_of(page)
    assert "callout error" in html_of(page)


def test_my_decisions_lists_what_stands_and_undoes_the_latest(filled) -> None:
    page = filled.page("review")
    page = button(page, "Reject").click().run()
    button(page, "Approve").click().run()
    page = filled.page("decisions")
    assert html_of(page).count('class="decision ') == 2
    page = button(page, "Undo my latest").click().run()
    assert html_of(page).count('class="decision ') == 1
    assert [review.action for review in filled.reviews()] == ["reject"]


def test_my_decisions_before_any(home) -> None:
    assert "Nothing decided yet" in html_of(home.page("decisions"))


def train(home: Home) -> str:
    with home.store() as store:
        for number, label in ((1, "incitement"), (2, "spam"), (3, "trackback")):
            name = f"letters:{number}"
            store.add_review(Review(name, "kim", "reject", {label: True}, store.version(name), NOW))
        checks = load_checks(seeds_folder() / "checks.jsonl")
        return jobs.retrain(store, home.registry(), checks, at=NOW).version


def test_a_version_that_was_not_measured_needs_a_written_reason(filled) -> None:
    base, made = filled.registry().champion(), train(filled)
    filled.registry().promote(made, by="kim", reason="the first", at=NOW)
    page = filled.page("teach")
    page = page.selectbox[0].set_value(base).run()
    assert "not against the model in force" in html_of(page)
    assert button(page, "Put in force").disabled
    page = page.text_input[0].set_value("   ").run()
    assert button(page, "Put in force").disabled
    page = page.text_input[0].set_value("readers complained").run()
    page = button(page, "Put in force").click().run()
    assert not page.exception
    assert filled.registry().champion() == base
    assert filled.registry().history()[-1].reason == "readers complained"
    assert "readers complained" in html_of(page)


def test_a_candidate_shows_its_numbers_beside_the_champions(filled) -> None:
    made = train(filled)
    page = filled.page("teach")
    page = page.selectbox[0].set_value(made).run()
    html = html_of(page)
    assert "functional checks" in html
    assert all(markup.LABEL_BY_NAME[label].title in html for label in filled.registry().load().labels)
    assert "Compared with" in html


def test_the_teach_page_before_any_decision_offers_no_training(home) -> None:
    page = home.page("teach")
    assert not page.exception
    assert button(page, "Retrain").disabled
    assert home.registry().champion() in html_of(page)


def test_an_upload_that_is_no_export_says_so_and_starts_nothing(home) -> None:
    page = home.page("batch")
    page = page.get("file_uploader")[0].upload("<b>x</b>.csv", b"a,b\n1,2\n", "text/csv").run()
    assert not page.exception
    assert "callout error" in html_of(page)
    assert "&lt;b&gt;x&lt;/b&gt;.csv" in html_of(page)
    assert not [one for one in page.button if one.label == "Score this file"]
    with home.store() as store:
        assert store.jobs() == []


# ------------------------------------------------------------------------------------------------------------ work


def ended(home: Home, job_id: int):
    """Wait until a job's child has ended, as a page does, and return its row."""
    for _ in range(600):
        with home.store() as store:
            job = store.job(job_id)
        if not work.running(job):
            with home.store() as store:
                return store.job(job_id)
        time.sleep(0.1)
    raise AssertionError("the job did not end within a minute")


def test_a_job_is_done_by_a_child_and_its_row_says_so(home) -> None:
    with home.store() as store:
        store.add_batch(letters(), at=NOW)
    job = ended(home, work.start("rescore", {}))
    assert (job.state, job.result["rows"]) == ("done", len(TEXTS))
    with home.store() as store:
        assert store.counts(home.registry().champion()).scored == len(TEXTS)


def test_a_cancelled_job_leaves_no_child_and_may_be_started_again(home) -> None:
    with home.store() as store:
        store.add_batch(letters(), at=NOW)
    first = work.start("rescore", {})
    work.cancel(first)
    with home.store() as store:
        job = store.job(first)
    assert not work.running(job)
    assert jobs.state(job, datetime.now(UTC)) == "interrupted"
    assert ended(home, work.start("rescore", {})).state == "done"


def test_a_child_that_fails_before_its_job_begins_says_why(home, monkeypatch) -> None:
    monkeypatch.setenv("MODERATION_POLICY", str(home.path / "gone.toml"))
    job = ended(home, work.start("rescore", {}))
    assert job.state == "failed"
    assert "gone.toml" in job.message


def test_the_whole_desk_opens_on_the_review_page(filled) -> None:
    page = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert not page.exception
    assert shown(page) in TEXTS
