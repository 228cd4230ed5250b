"""The tables that travel: what goes in, what is refused, and by which words."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import TableError
from moderation.labels import LABELS
from moderation.tables import (
    ARTICLES,
    COMMENTS,
    Batch,
    batch_of,
    clean_text,
    conform,
    empty,
    native_id,
    validate,
    validate_scores,
    validate_truth,
)

anything = st.text(st.characters(codec=None, categories=None))  # lone surrogates and NUL too


def comments(**columns: object) -> pd.DataFrame:
    return conform(pd.DataFrame({"id": ["a", "b"], "text": ["one", "two"], **columns}), COMMENTS)


# Texts.


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain\ntext", "plain\ntext"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("nul\0here", "nul\ufffdhere"),
        ("lone\ud800here", "lone\ufffdhere"),
        ("low\udc00here", "low\ufffdhere"),
        ("end\ud83d", "end\ufffd"),
        ("a pair \ud83d\ude00 of halves", "a pair \U0001f600 of halves"),
        ("\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        ("caf\u00e9 \u2028 stays", "caf\u00e9 \u2028 stays"),
        ("", ""),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(anything)
def test_clean_text_can_be_stored_and_is_stable(text: str) -> None:
    clean = clean_text(text)
    clean.encode("utf-8")
    assert "\0" not in clean
    assert "\r" not in clean
    assert clean_text(clean) == clean
    assert len(clean) <= len(text)


@given(st.lists(st.text(), max_size=4))
def test_any_texts_make_a_batch(texts: list[str]) -> None:
    batch = batch_of(texts)
    assert len(batch) == len(texts)
    assert batch.comments["text"].tolist() == [clean_text(text) for text in texts]
    assert batch.comments["id"].is_unique


# Ids.


def test_native_id_is_stable() -> None:
    # written out, because a stored comment must be known again by every later version
    assert native_id("page", "article", None, "2020-01-01", "text") == "page:9b41d794c4d04c67fc09a0ca"


def test_native_id_tells_missing_from_empty() -> None:
    assert native_id("page", None, "x") != native_id("page", "", "x")


def test_native_id_cannot_be_forged_by_marks_in_a_field() -> None:
    assert native_id("s", "A", None, "T", "x\x1ey") != native_id("s", "A", "\x1fT", "x", "y")
    assert native_id("s", "\x1e") != native_id("s", "\x1b^")


parts = st.lists(st.none() | st.text("ab\x1b\x1e\x1f^_[", max_size=4), max_size=4)


@given(parts, parts)
def test_native_id_is_one_to_one(one: list[str | None], other: list[str | None]) -> None:
    assert (native_id("s", *one) == native_id("s", *other)) == (one == other)


# Conforming.


def test_missing_columns_are_added_and_foreign_ones_left_out() -> None:
    frame = comments(karma=[1, 2])
    assert list(frame.columns) == [column.name for column in COMMENTS]
    assert frame["kind"].tolist() == ["unknown", "unknown"]
    assert frame["author"].isna().all()
    validate(frame)


def test_a_missing_choice_becomes_its_default() -> None:
    assert comments(kind=["pingback", None])["kind"].tolist() == ["pingback", "unknown"]


@pytest.mark.parametrize("dtype", ["str", "object", "string[python]", "string[pyarrow]", "category"])
def test_every_kind_of_text_column_becomes_arrow_strings(dtype: str) -> None:
    frame = comments(author=pd.Series(["x", None], dtype=dtype))
    assert frame["author"].dtype == pd.StringDtype("pyarrow")
    assert frame["author"].isna().tolist() == [False, True]
    assert frame["author"].iloc[1] is pd.NA
    validate(frame)


def test_numbers_become_texts() -> None:
    assert conform(pd.DataFrame({"id": [1, 2], "text": ["\ud800x", 5]}), COMMENTS)["text"].tolist() == ["\ufffdx", "5"]


@pytest.mark.parametrize("value", [["a"], {"a": 1}, ("a",), {"a"}, b"a"])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TableError, match=r"^comments: row 1, column 'author': value is not a text; convert it first$"):
        comments(author=pd.Series(["x", value], dtype=object))


def test_bytes_that_hide_in_a_category_are_refused() -> None:
    with pytest.raises(TableError, match=r"^comments: column 'author' cannot be read as text; convert it first$"):
        comments(author=pd.Series([b"\xff", None], dtype="category"))


@pytest.mark.parametrize(
    "value",
    [
        "2020-05-01T12:00:00+02:00",
        "2020-05-01 10:00:00Z",
        "2020-05-01T10:00:00",  # a text without a zone is UTC
        datetime(2020, 5, 1, 10, tzinfo=UTC),
        datetime(2020, 5, 1, 5, tzinfo=timezone(timedelta(hours=-5))),
        pd.Timestamp("2020-05-01 10:00", tz="UTC"),
    ],
)
def test_times_become_utc(value: object) -> None:
    frame = comments(posted_at=pd.Series([value, None], dtype=object))
    assert frame["posted_at"].iloc[0] == datetime(2020, 5, 1, 10, tzinfo=UTC)
    assert frame["posted_at"].isna().tolist() == [False, True]
    validate(frame)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_aware_columns_of_any_unit_and_zone_become_utc(unit: str) -> None:
    there = (
        pd.Series(pd.to_datetime(["2020-05-01 12:00", None]))
        .dt.tz_localize(timezone(timedelta(hours=2)))
        .dt.as_unit(unit)
    )
    frame = comments(posted_at=there)
    assert frame["posted_at"].iloc[0] == datetime(2020, 5, 1, 10, tzinfo=UTC)
    validate(frame)


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_times_hold_every_year(when: str) -> None:
    assert comments(posted_at=[when, None])["posted_at"].iloc[0] == datetime.fromisoformat(when)


def test_a_column_without_any_time_is_missing_times() -> None:
    for nothing in ([None, None], pd.Series([np.nan, np.nan]), [pd.NaT, pd.NaT]):
        assert comments(posted_at=nothing)["posted_at"].isna().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2020-05-01", "soon"], "comments: row 1, column 'posted_at': value is not an ISO 8601 time"),
        (["2020-05-01", ""], "comments: row 1, column 'posted_at': value is not an ISO 8601 time"),
        (
            [1600000000, 1600000001],
            "comments: row 0, column 'posted_at': value is a bare number; give an ISO 8601 time",
        ),
        (
            pd.Series([None, 20200501], dtype=object),
            "comments: row 1, column 'posted_at': value is a bare number; give an ISO 8601 time",
        ),
        ([True, False], "comments: row 0, column 'posted_at': value is a bare number; give an ISO 8601 time"),
        (
            pd.Series([None, datetime(2020, 5, 1)], dtype=object),  # noqa: DTZ001
            "comments: row 1, column 'posted_at': value is a time without a zone; give aware times (UTC)",
        ),
        (
            pd.to_datetime(["2020-05-01", "2020-05-02"]),
            "comments: column 'posted_at' holds times without a zone; give aware times (UTC)",
        ),
    ],
)
def test_what_is_no_time_is_refused(values: object, message: str) -> None:
    with pytest.raises(TableError) as refused:
        comments(posted_at=values)
    assert str(refused.value) == message


@pytest.mark.parametrize("values", [[3, None], ["3", None], [3.0, np.nan], pd.array([3, None], dtype="Int64")])
def test_whole_numbers(values: object) -> None:
    frame = comments(position=values)
    assert frame["position"].tolist() == [3, pd.NA]
    validate(frame)


@pytest.mark.parametrize("bad", [1.5, np.inf, 1e30, "x", pd.Series([1.5], dtype="Float64")[0]])
def test_what_is_no_whole_number_is_refused(bad: object) -> None:
    with pytest.raises(TableError, match=r"^comments: row 1, column 'position': value is not a whole number$"):
        comments(position=pd.Series([1, bad], dtype=object))


def test_a_column_twice_is_refused() -> None:
    twice = pd.DataFrame([["a", "x", "y"]], columns=["id", "text", "text"])
    with pytest.raises(TableError, match=r"^comments: column 'text' stands there more than once; keep one of them$"):
        conform(twice, COMMENTS)
    whole = empty(COMMENTS)
    with pytest.raises(TableError, match="more than once"):
        validate(pd.concat([whole, whole[["text"]]], axis=1))


def test_no_rows_are_a_table_too() -> None:
    for columns in (COMMENTS, ARTICLES):
        assert len(validate(empty(columns), columns)) == 0
        assert len(validate(conform(pd.DataFrame({"id": [], "text": []}), columns), columns)) == 0


# Validating.


ALL_COLUMNS = "id, article_id, parent_id, author, author_url, text, posted_at, kind, status, position"


def changed(column: str, values: list[object]) -> pd.DataFrame:
    frame = comments()
    frame[column] = pd.Series(values, dtype=frame[column].dtype)
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (changed("id", ["a", None]), "comments: row 1, column 'id': value is missing"),
        (changed("text", [None, "x"]), "comments: row 0, column 'text': value is missing"),
        (changed("id", ["a", "a"]), "comments: row 1, column 'id': value repeats an earlier row's"),
        (
            changed("kind", ["comment", "essay"]),
            "comments: row 1, column 'kind': value is not one of comment, pingback, trackback, unknown",
        ),
        (
            changed("author", [None, "x\0"]),
            "comments: row 1, column 'author': value holds a NUL character; pass it through tables.clean_text",
        ),
        (
            comments().assign(karma=1),
            f"comments: column 'karma' is not known; columns are {ALL_COLUMNS}",
        ),
        (
            comments().drop(columns="status"),
            f"comments: column 'status' is missing; columns are {ALL_COLUMNS}",
        ),
        (
            comments().assign(position=1.0),
            "comments: column 'position' has dtype float64, not Int64; use tables.conform",
        ),
        (
            comments().assign(author=pd.Series(["x", None], dtype="str")),  # its missing value is NaN, and it has no NA
            "comments: column 'author' has dtype str, not string[pyarrow]; use tables.conform",
        ),
    ],
)
def test_validate_names_row_and_column(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(TableError) as refused:
        validate(frame)
    assert str(refused.value) == message


def test_no_message_holds_what_was_written() -> None:
    with pytest.raises(TableError) as refused:
        validate(changed("status", ["approved", "a secret"]))
    assert "secret" not in str(refused.value)


def test_a_batch_may_know_no_article() -> None:
    assert len(Batch(comments()).validate().articles) == 0


def test_a_batch_validates_both_tables() -> None:
    with pytest.raises(TableError, match=r"^articles: row 0"):
        Batch(comments(), conform(pd.DataFrame({"id": [None]}), ARTICLES, "articles")).validate()


# A batch of bare texts.


def test_batch_of_puts_all_under_one_article() -> None:
    batch = batch_of(["one", "two"], authors=["A", None], article_title="Title", article_text="Body")
    assert batch.articles["title"].tolist() == ["Title"]
    assert set(batch.comments["article_id"]) == set(batch.articles["id"])
    assert batch.comments["author"].tolist() == ["A", pd.NA]
    assert batch.comments["position"].tolist() == [0, 1]


def test_batch_of_keeps_equal_texts_apart() -> None:
    assert batch_of(["same", "same"]).comments["id"].is_unique


def test_batch_of_takes_any_characters() -> None:
    batch = batch_of(["\ud800"], authors=["\0\udfff"], article_title="\0", article_text="\ud800")
    assert batch.comments["author"].tolist() == ["\ufffd\ufffd"]
    assert batch.articles["title"].tolist() == ["\ufffd"]


def test_batch_of_nothing() -> None:
    assert len(batch_of([])) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"authors": ["A"]}, "comments: 1 authors for 2 texts; give one each"),
        ({"ids": ["1", "2", "3"]}, "comments: 3 ids for 2 texts; give one each"),
        ({"posted_at": []}, "comments: 0 posted_at for 2 texts; give one each"),
        ({"ids": ["1", "1"]}, "comments: row 1, column 'id': value repeats an earlier row's"),
    ],
)
def test_batch_of_refuses_uneven_columns(arguments: dict[str, list[object]], message: str) -> None:
    with pytest.raises(TableError) as refused:
        batch_of(["one", "two"], **arguments)
    assert str(refused.value) == message


def test_batch_of_refuses_a_single_string() -> None:
    with pytest.raises(TableError, match=r"^comments: texts is one string; give a list of texts$"):
        batch_of("one")


# Scores and truth.


def scores(**columns: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame({label: np.array(columns.get(label, [0.5, 0.5]), dtype=np.float32) for label in LABELS})
    return frame.assign(model="1")


def test_scores_are_probabilities_or_not_judged() -> None:
    validate_scores(scores(spam=[0.0, 1.0], threat=[np.nan, 0.5]))
    with pytest.raises(TableError, match=r"^scores: row 1, column 'spam': value is outside 0\.\.1$"):
        validate_scores(scores(spam=[0.0, 1.5]))


def test_scores_have_their_columns_and_dtype() -> None:
    with pytest.raises(TableError, match=r"^scores: columns are "):
        validate_scores(scores().drop(columns="model"))
    with pytest.raises(TableError, match=r"^scores: column 'spam' has dtype float64, not float32$"):
        validate_scores(scores().astype({"spam": "float64"}))


@pytest.mark.parametrize("dtype", ["Int8", "Int64", "float64", "boolean", "object"])
def test_truth_is_yes_no_or_not_judged(dtype: str) -> None:
    validate_truth(pd.DataFrame({"spam": pd.Series([1, 0, None], dtype=dtype)}))


def test_truth_has_known_labels_and_answers() -> None:
    with pytest.raises(TableError, match=r"^truth: column 'spma' is not a label; labels are off_topic, spam, "):
        validate_truth(pd.DataFrame({"spma": [1]}))
    for bad in (0.5, 2, "yes"):
        with pytest.raises(TableError, match=r"^truth: row 1, column 'spam': value is not 1, 0 or missing$"):
            validate_truth(pd.DataFrame({"spam": [1, bad]}))
