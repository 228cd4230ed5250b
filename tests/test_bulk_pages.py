"""The pages for many comments at once, without a browser: what they do to the store, what they show of hostile text."""

import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from moderation import jobs
from moderation.access import Person, Seat, add_person
from moderation.desk import work
from moderation.desk.batch import files_in, inside
from moderation.desk.teach import in_words
from moderation.errors import InputError, NotAllowed
from moderation.learning import load_checks
from moderation.policy import Thresholds, load_policy
from moderation.registry import Registry
from moderation.settings import seeds_folder, settings_from, shipped_models
from moderation.store import Filter
from moderation.tables import batch_of

sys.path.insert(0, str(Path(__file__).parent))
from desk_pages import HOSTILE, Home, Page, button, filled, home, html_of  # noqa: F401 - fixtures among them

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LETTERS = str.maketrans("0123456789", "ghijklmnop")
PAGES = ("campaigns", "sweep", "batch", "teach", "policy_page")
SENTENCES = (
    "The tram stopped twice.",
    "The council met on Monday.",
    "Where is the new timetable?",
    "I walked to the quay.",
)


def words_of(number):
    """Return words that no other letter has."""
    digest = hashlib.shake_128(str(number).encode()).hexdigest(60)
    return " ".join(digest[at : at + 7].translate(LETTERS) for at in range(0, 120, 7))


def run_job(home, kind, arguments):
    settings = settings_from()
    with home.store() as store:
        around = jobs.Surroundings(
            store, Registry(home.path / "models", shipped_models()), settings.policies.policy(),
            load_checks(seeds_folder() / "checks.jsonl"), lambda: datetime.now(UTC), "fast",
            policies=settings.policies, home=home.path,
        )  # fmt: skip
        return jobs.run(store.add_job(kind, arguments, datetime.now(UTC)), around)


@pytest.fixture
def flood(home) -> Home:
    """Fill a store with a spam campaign of 24, its texts and names as hostile as can be, and 36 letters of readers."""
    spam = [f"{HOSTILE[n % 4]} Best loans of the year at http://loans.example/apply now, offer {n}" for n in range(24)]
    letters = [f"{SENTENCES[n % 4]} {words_of(n)}" for n in range(36)]
    names = [HOSTILE[n % 7] for n in range(24)] + [f"Reader {n}" for n in range(36)]
    batch = batch_of(
        spam + letters,
        authors=names,
        article_title=HOSTILE[1],
        ids=[f"m:{n}" for n in range(60)],
        posted_at=[NOON - timedelta(hours=n) for n in range(60)],
    )
    with home.store() as store:
        store.add_batch(batch, at=NOON)
    home.score()
    return home


def decided(home):
    with home.store() as store:
        return store.verdicts()["action"].to_dict()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_on_an_empty_store(home, name):
    page = home.page(name)
    assert not page.exception
    assert html_of(page)


@pytest.mark.parametrize("name", PAGES)
def test_no_hostile_text_becomes_a_tag(flood, name):
    if name == "campaigns":
        run_job(flood, "campaigns", {"comments": 60})
    page = flood.page(name)
    assert not page.exception
    for element in page.get("html"):
        drawn = Page(element.proto.body)
        assert not {tag for tag, _ in drawn.tags} & {
            "script",
            "img",
            "style",
            "iframe",
            "a",
            "svg",
            "form",
            "plaintext",
        }
        assert not any(key.startswith("on") for _, attributes in drawn.tags for key in attributes)
    for element in (*page.button, *page.selectbox, *page.markdown):
        assert "evil.example" not in str(element.label if hasattr(element, "label") else element.value)


def test_a_campaign_is_answered_as_one_act_and_taken_back_as_one(flood):
    run_job(flood, "campaigns", {"comments": 60})
    page = flood.page("campaigns")
    assert not page.exception
    assert "loans.example" in html_of(page)
    assert "Spam yes" in Page(html_of(page)).text
    page = button(page, "Reject all 24").click().run()
    assert not page.exception
    assert decided(flood) == {f"m:{n}": "reject" for n in range(24)}
    with flood.store() as store:
        (act,) = store.acts("kim")
        assert (act.size, act.labels, act.left) == (24, {"spam": True}, 0)
    assert "Every case is answered" in html_of(page)
    page = button(page, "Undo 24").click().run()
    assert not page.exception
    assert decided(flood) == {}
    assert button(page, "Reject all 24")


def test_what_somebody_answered_meanwhile_is_left_alone(flood):
    run_job(flood, "campaigns", {"comments": 60})
    page = flood.page("campaigns")
    with flood.store() as store:
        store.act(["m:3"], "approve", {}, moderator="lee", model="x", at=NOON, token="lee")
    button(page, "Reject all 24").click().run()
    assert decided(flood)["m:3"] == "approve"
    assert sum(action == "reject" for action in decided(flood).values()) == 23


def test_everything_a_filter_finds_is_answered_not_only_what_is_shown(flood):
    page = flood.page("campaigns", campaigns_section="filter")
    assert "Say what they have in common" in html_of(page)
    page = page.text_input(key="filter_words").set_value("loans.example").run()
    page = button(page, "Reject all 24").click().run()
    assert not page.exception
    assert len(decided(flood)) == 24


def test_a_large_act_is_a_job_and_all_or_nothing(flood):
    run_job(flood, "campaigns", {"comments": 60})
    folder = next((flood.path / "campaigns").glob("cases-*"))
    told = {"folder": str(folder), "case": 0, "action": "reject", "labels": {"spam": True}, "moderator": "kim"}
    job = run_job(flood, "act", {**told, "token": "t1"})
    assert (job.state, job.result["size"], job.result["left"]) == ("done", 24, 0)
    again = run_job(flood, "act", {**told, "token": "t1"})
    assert again.result["act"] == job.result["act"]
    assert len(decided(flood)) == 24


def test_an_act_that_is_cancelled_leaves_all_or_nothing(flood):
    run_job(flood, "campaigns", {"comments": 60})
    folder = next((flood.path / "campaigns").glob("cases-*"))
    job = work.start(
        "act", {"folder": str(folder), "case": 0, "action": "reject", "labels": {}, "moderator": "kim", "token": "t"}
    )
    work.cancel(job)
    assert len(decided(flood)) in (0, 24)
    with flood.store() as store:
        assert store.job(job).state in ("interrupted", "done")


def test_answering_many_asks_for_a_lead_below_the_page_too(flood):
    with flood.store() as store:
        seat = Seat(store, Person("mo", "moderator"))
        for act in (
            lambda: seat.act(["m:1", "m:2"], "reject", {}, moderator="mo", model="x", at=NOON, token="t"),
            lambda: seat.act(Filter(words="loans"), "reject", {}, moderator="mo", model="x", at=NOON, token="t"),
            lambda: seat.add_job("act", {}, NOON),
            lambda: seat.add_job("decide", {}, NOON),
            lambda: seat.add_job("retrain", {}, NOON),
        ):
            with pytest.raises(NotAllowed, match="needs the role lead"):
                act()
    assert decided(flood) == {}


def test_a_desk_with_accounts_shows_nothing_to_nobody(flood):
    with flood.store() as store:
        add_person(store, "ada", "admin", "long enough words", by="ada", at=NOON)
    for name in PAGES:
        html = html_of(flood.page(name))
        assert "nobody is signed in" in html
        assert "loans.example" not in html


def test_a_sample_of_a_range_is_answered_by_keys_and_tells_its_precision(flood):
    with flood.store() as store:
        model = flood.registry().champion()
        p = store.scores([f"m:{n}" for n in range(60)], model)["spam"]
    page = flood.page("sweep")
    page = page.slider[0].set_range(0.0, 1.0).run()
    assert "Not known yet" in html_of(page)
    page = button(page, "Draw 12 at random").click().run()
    for turn in range(12):
        page = button(page, "Yes, Spam" if turn % 3 else "No, fine").click().run()
        assert not page.exception
    html = html_of(page)
    assert "67% are Spam" in html
    assert "95 % Wilson interval 39% to 86%, from 12 answers" in html
    with flood.store() as store:
        found = store.reviews()
    assert sorted(review.action for review in found) == ["approve"] * 4 + ["reject"] * 8
    assert all(review.lens.startswith("spam/sweep 0.") and review.lens.endswith(model) for review in found)
    assert all(abs(float(review.lens.split()[1]) - p[review.comment_id]) < 1e-3 for review in found)
    page = button(page, "Reject all 48").click().run()
    assert len(decided(flood)) == 60
    button(page, "Undo 48").click().run()
    assert len(decided(flood)) == 12


def test_a_range_without_comments_says_so(flood):
    page = flood.page("sweep")
    page = page.slider[0].set_range(0.99, 1.0).run()
    assert not page.exception
    assert "No open comment lies in this range" in html_of(page)


def test_a_threshold_shows_its_effect_is_saved_compared_and_restored(flood):
    shipped = load_policy(None).digest
    page = flood.page("policy_page", policy_days=0)
    assert "Move a threshold" in html_of(page)
    page = page.slider[0].set_value(0.05).run()
    assert not page.exception
    assert "more a week – whether rightly is not known yet" in html_of(page)
    page = page.text_input[0].set_value("more of the flood").run()
    page = button(page, "Save and put in force").click().run()
    assert not page.exception
    policies = settings_from().policies
    assert policies.policy().labels["spam"] == Thresholds(0.05, 0.98)
    assert [line.note for line in policies.history()] == ["", "more of the flood"]
    page = flood.page("policy_page", policy_section="versions")
    assert "review = 0.05" in Page(html_of(page)).text
    restore = next(one for one in page.button if one.label.startswith("Restore"))
    page = restore.click().run()
    assert not page.exception
    assert settings_from().policies.policy().digest == shipped
    assert [line.kind for line in policies.history()] == ["found", "save", "restore"]


def test_a_rule_is_tried_on_the_past_before_it_is_saved(flood):
    with flood.store() as store:
        for n in range(6):
            store.act([f"m:{n}"], "reject", {}, moderator="kim", model="x", at=NOON, token=f"t{n}")
    page = flood.page("policy_page", policy_section="rules", policy_days=0)
    assert "No rules yet" in html_of(page)
    page = page.text_input[0].set_value("loans <b>").run()
    page = page.text_area[0].set_value("best loans\n").run()
    assert not page.exception
    shown = Page(html_of(page)).text
    assert "loans <b>" in shown
    assert "24" in shown
    assert "What the draft would hold" in shown
    page = button(page, "Save and put in force").click().run()
    (rule,) = settings_from().policies.policy().rules
    assert (rule.name, rule.words, rule.action) == ("loans <b>", ("best loans",), "review")
    job = run_job(flood, "back-test", {"days": None})
    (tested,) = job.result["rules"]
    assert (tested["rejected"], tested["approved"], tested["open"]) == (6, 0, 18)


def test_what_is_typed_and_saved_at_once_is_what_is_saved(flood):
    # A press that follows the typing closely comes with it in one message: no page is drawn between them.
    policies = settings_from().policies
    page = flood.page("policy_page", policy_days=0)
    page = page.slider[0].set_value(0.05).run()
    page.slider[0].set_value(0.4)
    page.text_input[0].set_value("at once")
    page = button(page, "Save and put in force").click().run()
    assert not page.exception
    assert policies.policy().labels["spam"] == Thresholds(0.4, 0.98)
    assert policies.history()[-1].note == "at once"
    page = flood.page("policy_page", policy_section="rules", policy_days=0)
    page = page.text_input[0].set_value("loans").run()
    page = page.text_area[0].set_value("best loans\n").run()
    page.text_area[0].set_value("best loans\nloans.example\n")
    page.text_input[1].set_value("two now")
    page = button(page, "Save and put in force").click().run()
    (rule,) = policies.policy().rules
    assert rule.words == ("best loans", "loans.example")
    assert policies.history()[-1].note == "two now"
    page = flood.page("policy_page", policy_section="versions")
    page.text_input[0].set_value("back again")
    page = next(one for one in page.button if one.label.startswith("Restore")).click().run()
    assert not page.exception
    assert (policies.history()[-1].kind, policies.history()[-1].note) == ("restore", "back again")


def test_a_change_that_was_taken_back_with_the_press_is_not_saved(flood):
    policies = settings_from().policies
    page = flood.page("policy_page", policy_days=0)
    before = page.slider[0].value
    page = page.slider[0].set_value(0.05).run()
    page.slider[0].set_value(before)
    page = button(page, "Save and put in force").click().run()
    assert "changes nothing" in html_of(page)
    assert policies.history() == []


def test_a_note_and_labels_given_with_the_press_are_kept(flood):
    run_job(flood, "campaigns", {"comments": 60})
    page = flood.page("campaigns")
    page.text_input[0].set_value("one flood")
    next(one for one in page.button_group if one.key.startswith("about_")).set_value(["spam", "off_topic"])
    page = button(page, "Reject all 24").click().run()
    assert not page.exception
    with flood.store() as store:
        (act,) = store.acts("kim")
        assert (act.size, act.labels) == (24, {"spam": True, "off_topic": True})
        assert {review.note for review in store.reviews(moderator="kim")} == {"one flood"}


def test_a_policy_in_the_shadow_decides_beside_and_changes_nothing(flood):
    policies = settings_from().policies
    page = flood.page("policy_page", policy_days=0)
    page = page.slider[0].set_value(0.05).run()
    page = button(page, "Try in the shadow").click().run()
    assert not page.exception
    assert policies.policy().digest == load_policy(None).digest
    with flood.store() as store:
        store.add_batch(batch_of([f"Loans at http://loans.example/x{n}" for n in range(5)]), at=NOON)
    run_job(flood, "rescore", {})
    found = policies.shadow().found()
    assert found.comments == 5
    with flood.store() as store:
        assert store.counts(flood.registry().champion()).by_action.get("reject", 0) == 0
    page = flood.page("policy_page", policy_section="shadow")
    assert not page.exception
    button(page, "End").click().run()
    assert policies.shadow() is None


def test_a_new_policy_decides_again_without_scoring_again(flood):
    policies = settings_from().policies
    text = policies.text().replace("reject = 0.98", "reject = 0.5")
    policies.save(text, by="kim", at=NOON, seen=policies.standing())
    job = run_job(flood, "decide", {})
    assert job.result["rows"] == 60
    assert job.result["policy"] == policies.policy().digest
    assert run_job(flood, "decide", {}).result["rows"] == 0


def test_what_a_candidate_does_otherwise_is_told_per_thousand():
    def one(label, n, before, after):
        return {"label": label, "n": n, "before": dict(zip(("caught", "wrong"), before, strict=True)),
                "after": dict(zip(("caught", "wrong"), after, strict=True))}  # fmt: skip

    found = in_words({"labels": [one("spam", 500, (10, 9), (13, 4)), one("threat", 500, (1, 1), (1, 1)),
                                 one("insult", 3000, (9, 3), (8, 3)), one("toxicity", 0, (0, 0), (0, 0))]})  # fmt: skip
    assert found == [
        ("better", "Spam: 6 more caught, 10 fewer wrongly held"),
        ("worse", "Insult: 0.3 fewer caught"),
    ]


# ------------------------------------------------------------------------------------------------------------- files


def test_only_files_of_the_folder_are_opened(tmp_path):
    root, outside = tmp_path / "exports", tmp_path / "secret.csv"
    (root / "deep").mkdir(parents=True)
    outside.write_text("text\nkeep out\n")
    for name in ("a.csv", "deep/b.jsonl", "c.exe", ".hidden.csv"):
        (root / name).write_text("text\nhello\n")
    (root / "link.csv").symlink_to(outside)
    assert files_in(root) == ["a.csv", "deep/b.jsonl"]
    assert [path.name for path in inside(root, ".")] == ["a.csv", "b.jsonl"]
    for name in ("../secret.csv", str(outside), "link.csv", "deep", "nothere.csv", "deep/../../secret.csv", "a\0.csv"):
        with pytest.raises(InputError, match="holds no such file"):
            inside(root, name)


def test_columns_named_with_the_press_are_those_that_are_read(home, tmp_path):
    path = tmp_path / "export.csv"
    pd.DataFrame({"who": ["Kim"], "words": ["The tram stopped twice."]}).to_csv(path, index=False)
    upload = {"paths": [str(path)], "folder": str(tmp_path), "name": "export.csv", "size": 40}
    page = home.page("batch", upload=upload)
    named = {one.key: one for one in page.text_input}
    page = named["column_text"].set_value("words").run()
    named = {one.key: one for one in page.text_input}
    named["column_author"].set_value("who")
    page = button(page, "Score this file").click().run()
    assert not page.exception
    with home.store() as store:
        assert next(iter(store.jobs())).arguments["columns"] == {"text": "words", "author": "who"}


def test_several_files_are_scored_into_one_table(home, tmp_path):
    for name, count in (("one.csv", 3), ("two.csv", 2)):
        rows = pd.DataFrame({"id": [f"{name}{n}" for n in range(count)], "text": [f"letter {n}" for n in range(count)]})
        rows.to_csv(tmp_path / name, index=False)
    paths = [str(tmp_path / "one.csv"), str(tmp_path / "two.csv")]
    job = run_job(home, "score-upload", {"paths": paths, "out": str(tmp_path / "out.parquet")})
    assert job.result["rows"] == 5
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 5
    assert job.result["loss"]["summary"].startswith("5 records read, 5 comments")
    assert sum(job.result["histograms"]["spam"]) == 5
    assert len(pd.read_parquet(tmp_path / "strongest.parquet")) == 5
