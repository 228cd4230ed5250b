"""Reviews in, candidates out: what is learned from, what is kept aside, what is measured, and exact un-learning."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import InputError, LearningError
from moderation.labels import LABELS
from moderation.learning import HOLDOUT_SHARE, forget, holdout_side, load_checks, retrain
from moderation.registry import Registry
from moderation.settings import check_files, seed_page, shipped_models
from moderation.store import Review, Store
from moderation.tables import ARTICLES, COMMENTS, Batch, conform

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = st.text(max_size=30) | st.none()

# Found once, by trying numbers: which side a name is on never changes, so neither do these.
LEARNED = [f"article:{n}" for n in range(60) if not holdout_side(f"article:{n}", None)]
KEPT = [f"article:{n}" for n in range(200) if holdout_side(f"article:{n}", None)]
PEOPLE = [f"person {n}" for n in range(400) if not holdout_side(None, f"person {n}")]
KEPT_PEOPLE = [f"person {n}" for n in range(400) if holdout_side(None, f"person {n}")]


@pytest.fixture(scope="module")
def base():
    return Registry(Path("unused"), shipped_models()).load()


@pytest.fixture(scope="module")
def checks():
    return load_checks(*check_files())


def site(rows):
    """Return batch and truth of `rows`: (id, article, author, text, {label: answer}, audit, origin)."""
    comments = pd.DataFrame(
        {
            "id": [row[0] for row in rows],
            "article_id": [row[1] for row in rows],
            "author": [row[2] for row in rows],
            "text": [row[3] for row in rows],
            "position": range(len(rows)),
        }
    )
    ids = pd.Series([row[1] for row in rows], dtype=object).dropna().unique()
    articles = pd.DataFrame({"id": ids, "title": ["On the price of bread"] * len(ids)})
    truth = pd.DataFrame(
        {label: pd.array([row[4].get(label) for row in rows], dtype="Int8") for label in LABELS},
        index=pd.Index(comments["id"], name="id", dtype="string[pyarrow]"),
    )
    truth = truth.assign(
        origin=[row[6] if len(row) > 6 else "review" for row in rows],
        audit=[row[5] if len(row) > 5 else False for row in rows],
        article_id=comments["article_id"].to_numpy(),
        author=comments["author"].to_numpy(),
    )
    return Batch(conform(comments, COMMENTS), conform(articles, ARTICLES, "articles")), truth


def some(count=8):
    texts = (
        ("our bakery opens at six, and the queue is long by then", 0),
        ("order cheap bakery vouchers today at http://vouchers.example/now", 1),
        ("rye keeps longer than wheat, my grandmother said", 0),
        ("vouchers vouchers vouchers, click http://vouchers.example", 1),
    )
    return [
        (f"c:{n}", LEARNED[n % 5], PEOPLE[n], f"{texts[n % 4][0]} ({n})", {"spam": texts[n % 4][1]})
        for n in range(count)
    ]


def bytes_of(classifier, folder):
    classifier.save(folder, {})
    return (folder / "weights.npz").read_bytes()


# --- Which side


@given(NAMES, NAMES)
def test_the_side_is_that_of_the_article_or_of_the_author(article, author):
    assert holdout_side(article, author) == (holdout_side(article, None) or holdout_side(None, author))


def test_the_side_of_a_name_never_changes():
    assert [n for n in range(40) if holdout_side(f"article:{n}", None)] == [5, 16, 29, 36, 38]
    assert not holdout_side(None, None)
    assert not holdout_side(pd.NA, pd.NA)


def test_about_one_article_and_one_author_in_ten_are_kept():
    for kind in (lambda name: holdout_side(name, None), lambda name: holdout_side(None, name)):
        share = np.mean([kind(f"name {n}") for n in range(20_000)])
        assert abs(share - HOLDOUT_SHARE) < 0.01


def test_the_seed_page_can_be_learned_from():
    from moderation.readers import read

    for batch in read(seed_page()):
        for row in batch.comments.itertuples():
            assert not holdout_side(row.article_id, row.author), "three relabelled comments must be enough for a start"


# --- What is learned


def test_a_candidate_moves_towards_the_answers(base, checks):
    batch, truth = site(some())
    candidate = retrain(base, base, batch, truth, checks, at=AT)
    spam = truth["spam"].to_numpy(dtype=float)

    def loss(classifier):
        p = classifier.score(batch)["spam"].to_numpy(dtype=float)
        return -(spam * np.log(p) + (1 - spam) * np.log(1 - p)).sum()

    assert loss(candidate.classifier) < 0.8 * loss(base)


def test_labels_nobody_answered_keep_their_bytes(base, checks):
    batch, truth = site(some())
    candidate = retrain(base, base, batch, truth, checks, at=AT).classifier
    for place, label in enumerate(base.labels):
        same = np.array_equal(candidate.weights[:, place], base.weights[:, place])
        assert same == (label != "spam")


def test_the_order_of_reviews_changes_no_byte(base, checks, tmp_path):
    batch, truth = site(some())
    first = retrain(base, base, batch, truth, checks, at=AT)
    shuffled = Batch(
        batch.comments.sample(frac=1, random_state=3).reset_index(drop=True),
        batch.articles.iloc[::-1].reset_index(drop=True),
    )
    second = retrain(base, base, shuffled, truth.sample(frac=1, random_state=5), checks, at=AT)
    assert bytes_of(first.classifier, tmp_path / "a") == bytes_of(second.classifier, tmp_path / "b")
    assert first.card == second.card


def test_what_is_kept_aside_changes_no_byte(base, checks, tmp_path):
    rows = some()
    aside = [("k:1", KEPT[0], PEOPLE[90], "a voucher for bread", {"spam": 1}, True)]
    flipped = [("k:1", KEPT[0], PEOPLE[90], "a voucher for bread", {"spam": 0}, True)]
    by_kept_author = [("k:2", LEARNED[9], KEPT_PEOPLE[0], "a voucher for bread", {"spam": 1}, True)]
    trained = {
        name: bytes_of(
            retrain(base, base, *site(rows + more), checks, at=AT).classifier,
            tmp_path / name,
        )
        for name, more in {"none": [], "aside": aside, "flipped": flipped, "author": by_kept_author}.items()
    }
    assert len(set(trained.values())) == 1


def test_a_review_that_is_not_kept_aside_does_change_bytes(base, checks, tmp_path):
    one = retrain(base, base, *site(some(8)), checks, at=AT).classifier
    other = retrain(base, base, *site(some(9)), checks, at=AT).classifier
    assert bytes_of(one, tmp_path / "a") != bytes_of(other, tmp_path / "b")


# --- Un-learning


def test_forgetting_gives_the_bytes_of_never_having_known(base, checks, tmp_path):
    never = retrain(base, base, *site(some(6)), checks, at=AT).classifier
    batch, truth = site(some(9))
    knew = retrain(base, base, batch, truth, checks, at=AT).classifier
    forgot = forget(base, base, batch, truth, checks, without=["c:6", "c:7", "c:8"], at=AT).classifier
    assert bytes_of(forgot, tmp_path / "forgot") == bytes_of(never, tmp_path / "never")
    assert bytes_of(knew, tmp_path / "knew") != bytes_of(never, tmp_path / "never too")


def test_withdrawn_reviews_are_unlearned_through_the_store(base, checks, tmp_path):
    batch, _ = site(some(6))

    def answered(name, withdrawn):
        with Store.open(tmp_path / name) as store:
            store.add_batch(batch, at=AT)
            for number, one in enumerate(batch.comments["id"]):
                if withdrawn or number < 4:
                    store.add_review(Review(one, "ada", "reject", {"spam": number % 2 == 1}, 0, AT))
            if withdrawn:
                last = [review.id for review in store.reviews()][:2]
                store.withdraw(last, by="ada", reason="asked to", at=AT)
            truth = store.truth()
            return retrain(base, base, store.batch(list(truth.index)), truth, checks, at=AT).classifier

    one, other = answered("never.db", withdrawn=False), answered("withdrawn.db", withdrawn=True)
    assert bytes_of(one, tmp_path / "a") == bytes_of(other, tmp_path / "b")


# --- What is measured


def measured(base, checks, rows):
    return retrain(base, base, *site(rows), checks, at=AT).holdout


def test_only_audit_samples_and_imported_truth_are_measured_on(base, checks):
    def kept(audit, origin):
        return [("k:1", KEPT[0], PEOPLE[90], "bread again", {"spam": 0}, audit, origin)]

    assert measured(base, checks, some() + kept(False, "review")).rows == 0
    assert measured(base, checks, some() + kept(True, "review")).rows == 1
    assert measured(base, checks, some() + kept(False, "imported")).rows == 1


def test_an_audit_sample_on_the_other_side_is_learned_from_not_measured_on(base, checks):
    rows = [*some(), ("c:99", LEARNED[7], PEOPLE[90], "bread again", {"spam": 0}, True)]
    candidate = retrain(base, base, *site(rows), checks, at=AT)
    assert candidate.holdout.rows == 0
    assert candidate.card["reviews"]["comments"] == 9


def test_nobody_is_measured_on_whom_the_candidate_has_learned(base, checks):
    known_author = ("k:1", KEPT[0], PEOPLE[0], "bread again", {"spam": 0}, True)
    known_article = ("k:2", LEARNED[0], KEPT_PEOPLE[0], "bread again", {"spam": 0}, True)
    nameless = ("k:3", KEPT[1], None, "bread again", {"spam": 0}, True)
    assert measured(base, checks, [*some(), known_author, known_article]).rows == 0
    assert measured(base, checks, [*some(), known_author, known_article, nameless]).rows == 1


def test_champion_and_candidate_are_measured_on_the_same_rows(base, checks):
    aside = [
        (
            f"k:{n}",
            KEPT[n % 6],
            PEOPLE[50 + n],
            f"vouchers for bread {n}" if n % 2 else f"bread {n}",
            {"spam": n % 2},
            True,
        )
        for n in range(24)
    ]
    found = measured(base, checks, some() + aside)
    assert found.rows == found.before["spam"].n == found.after["spam"].n == 24
    assert found.before["spam"].positives == 12
    assert found.comparison["spam"].verdict != "not measured"
    assert found.before["spam"] != found.after["spam"]


def test_a_candidate_shows_its_holdout_first(base, checks):
    candidate = retrain(base, base, *site(some()), checks, at=AT)
    holdout = candidate.holdout
    assert (candidate.before, candidate.after, candidate.comparison) == (
        holdout.before,
        holdout.after,
        holdout.comparison,
    )


def test_the_checks_are_measured_where_the_site_has_no_holdout(base, checks):
    candidate = retrain(base, base, *site(some()), checks, at=AT)
    assert candidate.holdout.rows == 0
    assert candidate.checks.rows == len(checks.batch)
    assert {each.label for each in candidate.checks.comparison.labels if each.verdict == "not measured"} == set()


def test_an_identical_candidate_is_not_worse(base, checks):
    rows = [("c:1", LEARNED[0], PEOPLE[0], "the weather was fine", {"spam": 0})]
    candidate = retrain(base, base, *site(rows), checks, at=AT)
    again = retrain(base, candidate.classifier, *site(rows), checks, at=AT)
    assert again.worse == ()
    assert {each.verdict for each in again.checks.comparison.labels} == {"same"}


@pytest.mark.parametrize("answer", [0, 1])
@pytest.mark.parametrize("label", ["spam", "incitement"])
def test_one_review_never_makes_a_candidate_that_is_refused(base, checks, label, answer):
    # Whatever it answers, it moves all comments a little, and on the same rows even a hair is beyond chance.
    rows = [("c:1", LEARNED[0], PEOPLE[0], "Order lamps for those who should be driven out of town.", {label: answer})]
    candidate = retrain(base, base, *site(rows), checks, at=AT)
    difference = candidate.checks.comparison[label]
    assert difference.log_loss.value != 0.0
    assert candidate.worse == ()
    assert difference.verdict in ("same", "better")


def test_what_harms_the_checks_is_called_worse(base, checks):
    spam = checks.truth.index[(checks.truth["spam"] == 1).fillna(False)]
    texts = checks.batch.comments.set_index("id").loc[spam, "text"]
    rows = [
        (f"c:{n}", LEARNED[n % 5], PEOPLE[n], text, {"spam": 0}) for n, text in enumerate(texts)
    ]  # a moderator who calls spam good, again and again
    candidate = retrain(base, base, *site(rows), checks, at=AT)
    assert "checks: spam" in candidate.worse
    assert candidate.card["worse"] == list(candidate.worse)


# --- Cards and refusals


def test_the_card_says_where_a_candidate_comes_from_and_tells_no_secret(base, checks):
    rows = [*some(), ("k:1", KEPT[0], "Zebedee Quill", "a remark about xylophones", {"spam": 0}, True)]
    card = retrain(base, base, *site(rows), checks, at=AT, seed=7, thresholds={"spam": 0.5}).card
    written = json.dumps(card, allow_nan=False)
    assert card["base"] == card["champion"] == base.version
    assert card["seed"] == 7
    assert card["created_at"] == AT.isoformat()
    assert card["reviews"]["labels"]["spam"] == {"yes": 4, "no": 4}
    assert card["kept_aside"]["labels"]["spam"] == {"yes": 0, "no": 1}
    assert card["checks"]["before"]["labels"][LABELS.index("spam")]["threshold"] == 0.5
    for secret in ("Zebedee", "xylophones", "vouchers", PEOPLE[0]):
        assert secret not in written


def test_progress_counts_to_its_end(base, checks):
    told = []
    retrain(base, base, *site(some()), checks, at=AT, progress=lambda *step: told.append(step))
    assert [done for done, _, _ in told] == [0, 1, 2, 3, 4]
    assert {total for _, total, _ in told} == {4}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no review stands"),
        ([("c:1", LEARNED[0], PEOPLE[0], "hm", {})], "1 reviewed comments, but no label was answered"),
        ([("c:1", KEPT[0], PEOPLE[0], "hm", {"spam": 1})], "all 1 judged comments stand under articles or authors"),
    ],
)
def test_nothing_to_learn_from_is_said_with_its_cure(base, checks, rows, message):
    with pytest.raises(LearningError, match=message):
        retrain(base, base, *site(rows), checks, at=AT)


def test_a_batch_without_a_judged_comment_is_refused(base, checks):
    batch, truth = site(some())
    short = Batch(batch.comments.iloc[1:].reset_index(drop=True), batch.articles)
    with pytest.raises(LearningError, match="1 judged comments are not in it"):
        retrain(base, base, short, truth, checks, at=AT)


# --- Checks


def test_every_label_is_checked_with_enough_of_both_answers(checks):
    for label in LABELS:
        assert (checks.truth[label] == 1).sum() >= 5, label
        assert (checks.truth[label] == 0).sum() >= 5, label
    assert not checks.batch.comments["text"].duplicated().any()


def test_only_the_half_that_the_base_never_saw_is_read(tmp_path):
    path = tmp_path / "checks.jsonl"
    row = {"text": "bread", "truth": {"spam": 0}}
    halves = ("train", "test", None)
    path.write_text(
        "\n".join(json.dumps({"id": str(half), **row} | ({} if half is None else {"half": half})) for half in halves)
    )
    assert list(load_checks(path).batch.comments["id"]) == ["test", "None"]


def test_the_article_of_a_check_is_its_context(tmp_path):
    path = tmp_path / "checks.jsonl"
    rows = [
        {"id": str(n), "text": "bread", "article_title": "Rye", "article_text": "and wheat", "truth": {"off_topic": 0}}
        for n in range(2)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    batch = load_checks(path).batch
    assert batch.articles[["title", "text"]].to_numpy().tolist() == [["Rye", "and wheat"]]
    assert set(batch.comments["article_id"]) == set(batch.articles["id"])


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id": "a", "text": "secret words"}',
        '{"id": 1, "text": "secret words", "truth": {}}',
        '{"id": "a", "text": "secret words", "truth": {"spam": 2}}',
        '{"id": "a", "text": "secret words", "truth": {"spma": 1}}',
    ],
)
def test_a_broken_check_names_its_line_and_not_its_text(tmp_path, line):
    path = tmp_path / "checks.jsonl"
    path.write_text('{"id": "z", "text": "fine", "truth": {}}\n' + line + "\n")
    with pytest.raises(InputError, match="line 2: not a check") as fault:
        load_checks(path)
    assert "secret" not in str(fault.value)


def test_missing_checks_are_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_checks(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load_checks(tmp_path / "binary.jsonl")


def test_archives_hold_arrays_only(base, checks, tmp_path):
    candidate = retrain(base, base, *site(some()), checks, at=AT).classifier
    stored = np.load(io.BytesIO(bytes_of(candidate, tmp_path / "c")), allow_pickle=False)
    assert all(stored[name].dtype.kind in "iuf" for name in stored.files)
