"""The review desk without a browser: its pieces as functions, its pages by AppTest on a real store and model."""

import asyncio
import json
import socket
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from moderation import jobs
from moderation.desk import SCRIPT, markup, passage, serve, work
from moderation.desk.answers import KEYS, LABEL_BY_NAME, answers, question, spoken
from moderation.desk.card import marks
from moderation.desk.guard import HEADERS, Guard
from moderation.desk.highlight import MOST, pieces
from moderation.errors import InputError
from moderation.labels import LABELS
from moderation.learning import load_checks
from moderation.settings import seeds_folder
from moderation.store import Review

sys.path.insert(0, str(Path(__file__).parent))
from desk_pages import (  # noqa: F401 - fixtures among them
    HOSTILE,
    NOW,
    TEXTS,
    Home,
    Page,
    Tab,
    button,
    filled,
    home,
    html_of,
    letters,
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    begin: int | None
    end: int | None
    weight: float
    name: str = "links"


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


@given(text=texts, spans=st.dictionaries(st.sampled_from(LABELS), parts, max_size=4))
def test_a_marked_text_reads_as_the_text_it_was(text: str, spans: dict[str, list[Part]]) -> None:
    found = marks(text, spans)
    assert "".join(piece[0] for piece in found["pieces"]) == text
    assert found["slots"] == list(spans)[:3]
    for _, slot, depth, said in (piece for piece in found["pieces"] if len(piece) > 1):
        assert -1 <= slot < len(found["slots"])
        assert 1 <= depth <= 4
        assert said
    assert json.loads(json.dumps(found)) == found


@given(text=texts, spans=parts)
def test_pieces_join_to_the_text(text: str, spans: list[Part]) -> None:
    cut = pieces(text, spans)
    assert "".join(piece.text for piece in cut) == text
    assert all(piece.text for piece in cut)


def test_words_take_the_colour_of_what_they_weigh() -> None:
    text = "you utter fool, thank you"
    found = marks(text, {"insult": [Part(4, 14, 2.0), Part(16, 21, -1.0), Part(None, None, 5.0)]})
    told = [piece[1:] for piece in found["pieces"] if len(piece) > 1]
    assert [(slot, depth) for slot, depth, _ in told] == [(0, 4), (0, 3), (-1, 4)]
    assert told[2][2] == "Insult -1.0"
    assert found["against"] is True


def test_a_word_of_two_labels_is_marked_for_the_one_it_speaks_for_most_and_tells_both() -> None:
    spans = {"spam": [Part(0, 5, 1.0), Part(6, 10, 2.0)], "insult": [Part(0, 5, 3.0), Part(6, 10, -3.0)]}
    found = marks("cheap fool", spans)
    assert found["pieces"] == [["cheap", 1, 4, "Spam +1.0; Insult +3.0"], [" "], ["fool", 0, 4, "Spam +2.0"]]


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


def test_an_escalation_carries_what_was_pressed_and_answers_no_question() -> None:
    assert answers("escalate", "spam", {"insult": True}) == {"insult": True}


def test_what_a_hand_had_set_is_told_from_what_the_decision_said() -> None:
    assert spoken("reject", {"spam": True, "insult": False}, "spam") == {"insult": False}
    assert spoken("approve", {"spam": True}, "spam") == {"spam": True}


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


def test_a_fault_of_the_installation_is_one_line_on_the_page(filled, monkeypatch) -> None:
    monkeypatch.setenv("MODERATION_POLICY", str(filled.path / "no-such-policy.toml"))
    page = filled.page("queue_page")
    assert not page.exception
    assert "no-such-policy.toml" in html_of(page)
    assert "callout error" in html_of(page)


def test_my_decisions_lists_what_stands_and_undoes_the_latest(filled) -> None:
    tab = Tab(filled)
    tab.press("reject")
    tab.press("approve")
    page = filled.page("team")
    assert html_of(page).count('class="decision ') == 2
    page = button(page, "Undo my latest").click().run()
    assert html_of(page).count('class="decision ') == 1
    assert [review.action for review in filled.reviews()] == ["reject"]


def test_my_decisions_before_any(home) -> None:
    assert "Nothing decided yet" in html_of(home.page("team"))


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
    assert all(LABEL_BY_NAME[label].title in html for label in filled.registry().load().labels)
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


def test_the_whole_desk_opens_on_the_queue(filled) -> None:
    page = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert not page.exception
    assert json.loads(page.get("bidi_component")[0].proto.json)["labels"]
