"""The store: what goes in comes out, what happened stays, and nothing is ever half-done; on SQLite and PostgreSQL."""

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from sqlalchemy import create_engine, event, inspect
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from moderation.errors import Conflict, StoreError, TableError
from moderation.labels import FLAGS, LABELS
from moderation.store import ORDERS, Added, Filter, Review, SavedLens, Store, audit_rank, rows, schema, searches
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, conform, empty

_spec = importlib.util.spec_from_file_location("postgres_server", Path(__file__).with_name("postgres_server.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
postgres_server = _module.postgres_server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
NUMBERS = count()


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a store can be made, on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("postgres_server").schema()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def comments_of(rows: list[dict[str, object]], articles: list[dict[str, object]] | None = None) -> Batch:
    frame = conform(pd.DataFrame(rows, columns=[*dict.fromkeys(key for row in rows for key in row)]), COMMENTS)
    found = empty(ARTICLES) if articles is None else conform(pd.DataFrame(articles), ARTICLES, "articles")
    return Batch(frame, found)


def plain(number: int, *, prefix: str = "c", **more: object) -> Batch:
    return comments_of([{"id": f"{prefix}{i}", "text": f"words of {i}", **more} for i in range(number)])


def scores_of(rows: dict[str, dict[str, float]], model: str = "m1") -> pd.DataFrame:
    values = [[row.get(label) for label in LABELS] for row in rows.values()]
    frame = pd.DataFrame(values, columns=list(LABELS), index=pd.Index(list(rows), name="id"), dtype="float32")
    return frame.assign(model=model)


def decisions_of(rows: dict[str, str]) -> pd.DataFrame:
    reasons = [({"code": "threshold", "action": action},) for action in rows.values()]
    return pd.DataFrame({"decision": list(rows.values()), "reasons": reasons}, index=list(rows))


def answer(store: Store, name: str, moderator: str = "ann", action: str = "approve", **more: object) -> Review:
    labels = more.pop("labels", {})
    return store.add_review(Review(name, moderator, action, labels, store.version(name), NOON, **more))


# --- Opening ---------------------------------------------------------------------------------------------------------


def test_opening_makes_a_store_and_opening_again_finds_it(place: str) -> None:
    with Store.open(place) as first:
        first.add_batch(plain(3), at=NOON)
        assert first.schema_version == len(schema.MIGRATIONS) == 2
    with Store.open(place, create=False) as second:
        assert second.counts().comments == 3


def test_a_file_is_made_with_its_folder_and_named_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "deeper" / "store.db"
    Store.open(path).close()
    assert path.is_file()
    monkeypatch.chdir(path.parent)
    for name in ("store.db", "sqlite:///store.db", f"sqlite:///{path}"):
        with Store.open(name, create=False) as opened:
            assert opened.url == f"sqlite:///{path}"


def test_a_file_is_written_ahead_and_synced(file: Path) -> None:
    with Store.open(file) as opened, opened._read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2}
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_passwords_are_hidden(postgres_server: object) -> None:
    url = postgres_server.schema().replace("moderation@", "moderation:s3cret@")
    with Store.open(url) as opened:
        assert "s3cret" not in opened.url
        assert "***" in opened.url


def directory(path: Path) -> None:
    path.mkdir()


def words(path: Path) -> None:
    path.write_text("Dear diary, this is no database at all, but it is long enough to have a header. " * 9)


def foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table comments (id integer primary key, body text)")
        connection.commit()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def damaged(path: Path) -> None:
    Store.open(path).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 8000)


def newer(path: Path) -> None:
    with Store.open(path) as opened, opened._write() as connection:
        connection.exec_driver_sql("insert into moderation_migrations values (3, 'from_the_future')")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (directory, "is a folder"),
        (words, "is not a SQLite file"),
        (foreign, "another program's tables"),
        (fifo, "no regular file"),
        (damaged, "is damaged"),
        (newer, "newer version"),
    ],
)
def test_what_is_not_a_store_is_refused_in_one_line_and_left_alone(
    file: Path, make: Callable[[Path], None], fault: str
) -> None:
    make(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(StoreError, match=fault) as caught:
        Store.open(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    assert before is None or file.read_bytes() == before
    if make not in (damaged, newer):  # which were stores once, and may have a log beside them
        assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://ann:s3cret@db/site", "unknown database 'mysql'"),
        ("postgresql://ann:s3cret@db:port/site", "cannot be read"),
        ("sqlite://", "names no file"),
        (":memory:", "names no file"),
        ("a\0b.db", "names no file"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
        ("/dev/null/store.db", "cannot be reached"),
        (f"/tmp/{'x' * 300}.db", "cannot be reached"),
    ],
)
def test_bad_names_are_refused_in_one_line_without_the_password(url: str, fault: str) -> None:
    with pytest.raises(StoreError, match=fault) as caught:
        Store.open(url)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_without_create_nothing_is_made(file: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(file, create=False)
    assert not file.exists()
    file.touch()
    with pytest.raises(StoreError, match="not a store yet"):
        Store.open(file, create=False)


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """Yield a folder while this process may not do what only root may."""
    folder = Path(tempfile.mkdtemp(prefix="moderation-"))
    folder.chmod(0o755)
    was = os.geteuid()
    try:
        if was == 0:
            os.seteuid(65534)
        else:
            folder.chmod(0o555)
        yield folder
    finally:
        os.seteuid(was)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_to() -> None:
    with unprivileged() as folder:
        with pytest.raises(StoreError, match=r"cannot be opened; check that the folder .* may be written to"):
            Store.open(folder / "store.db")
        with pytest.raises(StoreError, match="Permission denied"):
            Store.open(folder / "deeper" / "store.db")


def test_a_file_that_may_only_be_read_is_read(file: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="moderation-"))
    try:
        path = folder / "store.db"
        with Store.open(path) as opened:
            opened.add_batch(plain(3), at=NOON)
        path.chmod(0o444)
        folder.chmod(0o777)
        with unprivileged(), Store.open(path) as opened:
            assert opened.counts().comments == 3
            assert len(opened.queue(model="m", label=None, order="oldest")) == 3
            with pytest.raises(StoreError, match="may not be written to"):
                opened.add_batch(plain(5), at=NOON)
    finally:
        shutil.rmtree(folder)


def test_a_store_that_is_locked_says_so(file: Path) -> None:
    with Store.open(file, timeout_s=0.05) as opened, contextlib.closing(sqlite3.connect(file)) as other:
        opened.add_batch(plain(1), at=NOON)
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="is locked by another process"):
            answer(opened, "c0")
        other.rollback()
        answer(opened, "c0")


def test_a_new_file_that_another_process_is_at_is_waited_for(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, check_same_thread=False)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="is locked by another process"):
            Store.open(file, timeout_s=0.05)
        release = threading.Timer(0.2, other.rollback)
        release.start()
        Store.open(file, timeout_s=20).close()
        release.join()


def test_too_many_threads_are_told_so(file: Path) -> None:
    with Store.open(file, timeout_s=0.05) as opened, contextlib.ExitStack() as others:
        for _ in range(32):
            others.enter_context(opened._read())
        with pytest.raises(StoreError, match="every connection is in use"):
            opened.counts()
        others.close()
        assert opened.counts().comments == 0


def test_a_fault_of_our_own_is_seen_whole_but_for_the_words_in_it(store: Store) -> None:
    with pytest.raises(DBAPIError) as caught, store._read() as connection:
        connection.execute(sql("select * from nowhere where author = :author"), {"author": "Mara"})
    assert "nowhere" in str(caught.value)
    assert "Mara" not in str(caught.value)


@pytest.mark.postgres
def test_a_server_that_goes_away_is_an_error_and_its_return_is_noticed(postgres_server: object) -> None:
    with Store.open(postgres_server.schema()) as opened:
        with pytest.raises(StoreError, match=r"57P01|cannot be reached"), opened._read() as connection:
            connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")
        assert opened.counts().comments == 0


@pytest.mark.postgres
def test_a_server_that_is_locked_says_so(postgres_server: object) -> None:
    url = postgres_server.schema()
    with Store.open(url, timeout_s=0.1) as one, Store.open(url) as other:
        one.add_batch(plain(1), at=NOON)
        with other._write(), pytest.raises(StoreError, match="is locked by another process"):
            answer(one, "c0")
        answer(one, "c0")


@pytest.mark.postgres
def test_servers_that_cannot_be_used_say_why(postgres_server: object, tmp_path: Path) -> None:
    shared = postgres_server.schema()
    postgres_server.sql(shared, "create table comments (id int)")
    neighbour = postgres_server.schema()
    postgres_server.sql(neighbour, "create table invoices (id int)")
    for url, fault in (
        (f"postgresql://moderation@/x?host={tmp_path}", "cannot be reached"),
        (postgres_server.url("nowhere"), r"(no such database|cannot be reached)"),
        (postgres_server.url("postgres", user="stranger"), r"(refused|cannot be reached)"),
        (postgres_server.database("LATIN1"), "ENCODING 'UTF8'"),
        (shared, "another program's tables"),
    ):
        with pytest.raises(StoreError, match=fault) as caught:
            Store.open(url)
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="not a store yet"):
        Store.open(neighbour, create=False)
    Store.open(neighbour).close()  # a database may be shared with tables of other names


def test_a_later_step_runs_once_on_an_old_store(place: str) -> None:
    runs = []

    def second_step(connection: object) -> None:
        runs.append(connection)

    steps = (*schema.MIGRATIONS, second_step)
    with Store.open(place) as opened:
        for _ in range(2):
            with opened._write() as connection:
                schema.migrate(connection, steps, "here")
        assert len(runs) == 1
        assert opened.schema_version == 3
    with pytest.raises(StoreError, match="newer version"):
        Store.open(place)


def old_store(place: str) -> dict[str, object]:
    """Make a store as the first release made it, and return what that release said of it."""
    kept = json.loads((Path(__file__).parent / "golden" / "store_first_release.json").read_text(encoding="utf-8"))
    url = place if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in kept["ddl"][engine.dialect.name]:
            connection.exec_driver_sql(statement)
        for table in schema.METADATA.sorted_tables:
            rows = kept["rows"].get(table.name, [])
            for row in rows:
                for name, value in row.items():
                    row[name] = bytes.fromhex(value) if name.endswith("digest") and value is not None else value
            if rows:
                connection.execute(table.insert(), rows)
            (first,) = table.primary_key.columns.keys()[:1]
            if rows and engine.dialect.name == "postgresql" and first in {"key", "id"}:
                ask = f"select setval(pg_get_serial_sequence('{table.name}', '{first}'), {max(r[first] for r in rows)})"
                connection.exec_driver_sql(ask)
    engine.dispose()
    return dict(kept["told"])


def test_a_store_of_the_first_release_opens_and_keeps_everything(place: str) -> None:
    told = old_store(place)
    with Store.open(place) as opened:
        assert opened.schema_version == len(schema.MIGRATIONS)
        assert asdict(opened.counts("m1")) == told["counts"]
        assert opened.counts("m1") == opened.recount("m1")
        assert opened.facets() == opened.recount_facets()
        assert opened.facets()["sites"] == [("news.example", 4)]
        assert opened.facets()["sections"] == [("sport", 4)]
        assert dict(opened.facets()["statuses"]) == {"approved": 5, "pending": 3, "spam": 4}
        assert list(opened.queue(model="m1", label="spam", order="strongest")["id"]) == told["queue"]
        events = [[r.comment_id, r.moderator, r.action, dict(r.labels)] for r in opened.reviews(standing=False)]
        assert events == told["reviews"]
        assert sorted(opened.second_for("cyd", share=1.0, limit=9)) == ["c0", "c1"]
        act = opened.act(Filter(site="news.example"), "approve", {}, moderator="ann", model="m1", at=NOON, token="t")
        assert act.size == 3
        opened.undo("ann", at=NOON)
        assert opened.counts("m1") == opened.recount("m1")
    with Store.open(place, create=False) as again, again._read() as connection:
        found = {column["name"] for column in inspect(connection).get_columns("reviews")}
        assert {"act", "second"} <= found


# --- Ingest ----------------------------------------------------------------------------------------------------------

FULL = comments_of(
    [
        {
            "id": "site:1",
            "article_id": "a",
            "author": "Mara",
            "author_url": "https://mara.example/",
            "text": "First!\n\nAnd a second paragraph.",
            "posted_at": "2024-02-29T23:59:59.123456Z",
            "kind": "comment",
            "status": "approved",
            "position": 0,
        },
        {"id": "site:2", "article_id": "a", "parent_id": "site:1", "text": "", "kind": "trackback", "position": 1},
        {"id": "site:3", "article_id": "b", "text": "No article is known here.", "posted_at": "1999-12-31T00:00:00Z"},
    ],
    [{"id": "a", "title": "On bridges", "text": "A long piece.", "published_at": "2024-02-28T08:00:00+02:00"}],
)


def test_what_went_in_comes_out_in_the_order_asked_for(store: Store) -> None:
    assert store.add_batch(FULL, source="export.csv", at=NOON) == Added(3, 0, 0, 1, 0)
    found = store.batch(["site:3", "site:1", "site:2"])
    found.validate()
    assert_frame_equal(found.comments, FULL.comments.iloc[[2, 0, 1]].reset_index(drop=True))
    assert_frame_equal(found.articles, FULL.articles)
    assert len(store.batch([])) == 0
    with pytest.raises(StoreError, match="no comment 'site:9'"):
        store.batch(["site:1", "site:9"])
    with pytest.raises(StoreError, match="asked for twice"):
        store.batch(["site:1", "site:1"])


def test_ingesting_twice_changes_nothing(file: Path) -> None:
    with Store.open(file) as opened:
        opened.add_batch(FULL, source="one", at=NOON)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        before = list(connection.iterdump())
    with Store.open(file) as opened:
        assert opened.add_batch(FULL, source="two", at=NOON + timedelta(days=1)) == Added(0, 3, 0, 0, 1)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert list(connection.iterdump()) == before


def test_a_later_export_tells_new_statuses_and_forgets_none(store: Store) -> None:
    def status(*values: str) -> int:
        rows = [{"id": f"c{i}", "text": "t", "status": value} for i, value in enumerate(values)]
        return store.add_batch(comments_of(rows), at=NOON).statuses_changed

    assert status("unknown", "pending", "spam") == 0
    assert status("approved", "spam", "unknown") == 2
    assert list(store.batch(["c0", "c1", "c2"]).comments["status"]) == ["approved", "spam", "spam"]
    assert status("approved", "pending", "spam") == 1
    assert list(store.batch(["c0", "c1", "c2"]).comments["status"]) == ["approved", "pending", "spam"]


def test_what_is_known_of_an_article_is_filled_in_and_never_replaced(store: Store) -> None:
    for facts in (
        {"title": "First"},
        {"title": "Second", "text": "Body"},
        {"url": "https://x.example/", "text": "Other"},
    ):
        added = store.add_batch(
            comments_of([{"id": "c", "article_id": "a", "text": "t"}], [{"id": "a", **facts}]), at=NOON
        )
    assert added == Added(0, 1, 0, 0, 1)
    row = store.batch(["c"]).articles.iloc[0]
    assert (row["title"], row["text"], row["url"]) == ("First", "Body", "https://x.example/")
    assert store.counts().articles == 1


def test_a_batch_is_taken_whole_or_not_at_all(store: Store) -> None:
    twice = conform(pd.DataFrame({"id": ["a", "a"], "text": ["x", "y"]}), COMMENTS)
    with pytest.raises(TableError, match="row 1, column 'id'"):
        store.add_batch(Batch(twice), at=NOON)
    with pytest.raises(StoreError, match="no zone"):
        store.add_batch(plain(1), at=datetime(2026, 1, 1))  # noqa: DTZ001 -- the fault under test
    store.add_batch(plain(2), at=NOON)
    known, stranger = {"spam": 0.5}, {"spam": 0.6}
    with pytest.raises(StoreError, match="no comment 'z'"):
        store.add_scores(scores_of({"c0": known, "z": stranger}), NOON)
    with pytest.raises(StoreError, match="no comment 'z'"):
        store.add_decisions(decisions_of({"c0": "allow", "z": "allow"}), model="m1", policy="p", at=NOON)
    assert store.counts("m1") == store.recount("m1")
    assert (store.counts("m1").comments, store.counts("m1").scored, store.counts("m1").by_action) == (2, 0, {})


HOSTILE = [
    "\u202eright to left\u202c \u0633\u0644\u0627\u0645 \u05e9\u05dc\u05d5\u05dd",
    "\U0001f9d1\u200d\U0001f680 e\u0301 \ufeff \u2028 \uffff \U0010ffff",
    "'; drop table comments; -- %s %(x)s :x ? {x} \\ \"",
    "<script>alert(1)</script>\t\x01\x7f",
    "a" * 100_000,
    " ",
    "",
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)).map(clean_text)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, st.none() | TEXTS, st.none() | TEXTS), min_size=1, max_size=4),
    moment=st.datetimes(timezones=st.just(UTC), min_value=datetime(1700, 1, 1), max_value=datetime(2260, 1, 1)),  # noqa: DTZ001
    position=st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
)
def test_any_text_comes_back_as_it_was(
    store: Store, rows: list[tuple[str, str, str | None, str | None]], moment: datetime, position: int | None
) -> None:
    batch = comments_of(
        [
            {
                "id": f"{next(NUMBERS)}{name}",
                "text": text,
                "author": author,
                "author_url": author,
                "article_id": article,
                "parent_id": article,
                "posted_at": moment,
                "position": position,
            }
            for name, text, author, article in rows
        ],
        [{"id": f"{next(NUMBERS)}{name}", "title": text, "text": author} for name, text, author, _ in rows],
    )
    added = store.add_batch(batch, at=NOON)
    assert (added.comments_new, added.articles_new) == (len(rows), len(rows))
    found = store.batch(list(batch.comments["id"]))
    assert_frame_equal(found.comments, batch.comments)
    for comment_id, (_, text, author, _) in zip(batch.comments["id"], rows, strict=True):
        if author is not None:
            # The history's bound may cut older ones off, but this one's words are among the author's.
            assert set(store.history(author, limit=10_000)["id"]) >= {comment_id}
        seen = store.version(comment_id)
        kept = store.add_review(
            Review(comment_id, "ann", "skip", {}, seen, NOON, lens=text[:99], note=text, token=comment_id)
        )
        assert store.reviews(standing=False, comment_id=comment_id)[0] == kept
        assert kept.note == text


# --- Scores and decisions --------------------------------------------------------------------------------------------


def test_scores_come_back_bit_for_bit_and_count_once(store: Store) -> None:
    store.add_batch(plain(4), at=NOON)
    given_scores = scores_of({"c0": {"spam": 0.1, "threat": 1.0}, "c2": {"spam": 1e-30, "off_topic": 0.3}, "c1": {}})
    assert store.add_scores(given_scores, NOON) == 3
    assert store.add_scores(given_scores.assign(spam=np.float32(0.9)), NOON) == 0
    assert store.add_scores(given_scores.assign(model="m2"), NOON) == 3
    found = store.scores(["c3", "c2", "c0", "c1"], "m1")
    assert_frame_equal(found[list(LABELS)], given_scores.loc[["c2", "c0", "c1"], list(LABELS)], check_index_type=False)
    assert list(found["model"]) == ["m1"] * 3
    assert len(store.scores(["c0"], "no such model")) == 0
    with pytest.raises(TableError, match="outside"):
        store.add_scores(scores_of({"c3": {"spam": 1.5}}), NOON)
    with pytest.raises(StoreError, match="no comment 'x'"):
        store.scores(["x"], "m1")


def test_pending_gives_each_comment_once_and_with_its_article(store: Store) -> None:
    articles = [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]
    rows = [{"id": f"c{i}", "text": "t", "article_id": "ab"[i % 2]} for i in range(7)]
    store.add_batch(comments_of(rows, articles), at=NOON)
    assert [list(batch.comments["id"]) for batch in store.pending("m1", chunk=3)] == [
        ["c0", "c1", "c2"],
        ["c3", "c4", "c5"],
        ["c6"],
    ]
    seen = []
    for batch in store.pending("m1", chunk=2):
        batch.validate()
        assert set(batch.comments["article_id"]) == set(batch.articles["id"])
        seen += list(batch.comments["id"])
        store.add_scores(scores_of({name: {"spam": 0.5} for name in batch.comments["id"]}), NOON)
    assert seen == [f"c{i}" for i in range(7)]
    assert list(store.pending("m1")) == []
    assert sum(len(batch) for batch in store.pending("m2")) == 7


def test_parents_are_the_answered_comments_that_are_not_there_already(store: Store) -> None:
    rows = [
        {"id": "a", "text": "t"},
        {"id": "b", "text": "t", "parent_id": "a"},
        {"id": "c", "text": "t", "parent_id": "b"},
    ]
    store.add_batch(comments_of([*rows, {"id": "d", "text": "t", "parent_id": "gone"}]), at=NOON)
    assert list(store.parents(store.batch(["c", "b"])).comments["id"]) == ["a"]
    assert list(store.parents(store.batch(["a", "d"])).comments["id"]) == []


def test_a_new_policy_decides_again_and_so_does_the_old_one_after_it(store: Store) -> None:
    store.add_batch(plain(3), at=NOON)
    store.add_scores(scores_of({"c0": {"spam": 0.25}, "c1": {"spam": 0.75}}), NOON)

    def undecided(policy: str) -> list[str]:
        found = []
        for batch, scores in store.undecided("m1", policy, chunk=1):
            assert list(batch.comments["id"]) == list(scores.index)
            found += list(scores.index)
        return found

    assert list(store.undecided("m2", "p1")) == []
    assert undecided("p1") == ["c0", "c1"]
    first = decisions_of({"c0": "allow", "c1": "review"})
    assert store.add_decisions(first, model="m1", policy="p1", at=NOON) == 2
    assert store.add_decisions(first, model="m1", policy="p1", at=NOON) == 0
    assert undecided("p1") == []
    assert undecided("p2") == ["c0", "c1"]
    assert store.add_decisions(decisions_of({"c0": "reject", "c1": "review"}), model="m1", policy="p2", at=NOON) == 2
    assert store.decision("c0").action == "reject"
    assert store.counts("m1").by_action == {"reject": 1, "review": 1}
    assert undecided("p1") == ["c0", "c1"]
    store.add_decisions(first, model="m1", policy="p1", at=NOON + timedelta(hours=1))
    found = store.decision("c0", "m1")
    assert (found.action, found.policy, found.model, found.at) == ("allow", "p1", "m1", NOON + timedelta(hours=1))
    assert found.reasons == [{"code": "threshold", "action": "allow"}]
    assert store.decision("c0", "m2") is None
    assert store.decision("c2") is None
    assert store.counts("m1") == store.recount("m1")


# --- The queue -------------------------------------------------------------------------------------------------------


HELD = ("pending", "spam", "trash", "rejected")
PLACES = {
    "a1": ("news.example", "sport"),
    "a2": ("news.example", "politics"),
    "a3": ("blog.example", None),
    "a4": (None, None),
}
ADDRESSES = {
    "a1": "https://news.example/sport/goal",
    "a2": "https://NEWS.example/politics/vote",
    "a3": "http://blog.example/",
}
AUTHORS = (None, "Mara", "Ödön", "100%_sure")


@dataclass
class World:
    """What the queue is asked about, kept a second time in plain Python."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    ages: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    escalated: set[str] = field(default_factory=set)
    reported: dict[str, int] = field(default_factory=dict)
    facts: dict[str, dict[str, object]] = field(default_factory=dict)

    def holds(self, name: str, wanted: Filter) -> bool:
        facts, p = self.facts[name], self.probability(name, wanted.label)
        words = f"{facts['text']} \0 {facts['author'] or ''}".lower()
        return (
            (wanted.answered is None or wanted.answered == (name in self.answered))
            and (wanted.escalated is None or wanted.escalated == (name in self.escalated))
            and (wanted.least is None or (p is not None and p >= wanted.least))
            and (wanted.most is None or (p is not None and p <= wanted.most))
            and (not wanted.decisions or self.actions.get(name, "review") in wanted.decisions)
            and (not wanted.statuses or facts["status"] in wanted.statuses)
            and (not wanted.sources or facts["source"] in wanted.sources)
            and (wanted.site is None or facts["site"] == wanted.site)
            and (wanted.section is None or facts["section"] == wanted.section)
            and (wanted.author is None or facts["author"] == wanted.author)
            and (wanted.since is None or self.ages[name][0] >= wanted.since)
            and (wanted.until is None or self.ages[name][0] < wanted.until)
            and all(word.lower() in words for word in wanted.words.split())
        )

    def probability(self, name: str, label: str | None) -> float | None:
        scores = self.scores.get(name, {})
        if label is not None:
            return scores.get(label)
        return max((scores[flag] for flag in FLAGS if flag in scores), default=None)

    def queue(
        self,
        label: str | None,
        order: str,
        threshold: float,
        share: float,
        wanted: Filter = Filter(),  # noqa: B008
    ) -> list[str]:
        names = [name for name in self.ages if self.holds(name, wanted)]
        p = {name: self.probability(name, label) for name in names}
        place = {name: at for at, name in enumerate(self.ages)}
        judged = [name for name in names if p[name] is not None]
        rest = [name for name in names if p[name] is None]
        if order == "strongest":
            return sorted(judged, key=lambda name: (-p[name], -place[name])) + rest
        if order == "uncertain":
            above = sorted((n for n in judged if p[n] >= threshold), key=lambda n: (p[n], place[n]))
            below = sorted((n for n in judged if p[n] < threshold), key=lambda n: (-p[n], -place[n]))
            return sorted([*above, *below], key=lambda name: abs(p[name] - threshold)) + rest
        if order == "oldest":
            kept = [n for n in names if label is None or p[n] is None or p[n] >= threshold]
            return sorted(kept, key=lambda name: (self.ages[name][0], place[name]))
        if order == "reported":
            most = sorted((n for n in names if n in self.reported), key=lambda n: (-self.reported[n], -place[n]))
            held = [n for n in names if n not in self.reported and self.facts[n]["status"] in HELD]
            return most + sorted(held, key=lambda n: (HELD.index(self.facts[n]["status"]), place[n]))
        return sorted((n for n in names if audit_rank(n) < share), key=audit_rank)


def build(store: Store, seed: int, number: int) -> World:
    """Fill a store at random, with ties, gaps, skips, undone answers and somebody else's claims."""
    chance = random.Random(seed)
    world = World()
    rows: dict[str, list[dict[str, object]]] = {"one.csv": [], "two.csv": []}
    for i in range(number):
        name = f"n{seed}:{i}"
        posted = None if chance.random() < 0.3 else NOON - timedelta(hours=chance.randrange(5))
        world.ages[name] = (posted or NOON, i)
        if chance.random() < 0.9:
            levels = [float(np.float32(level)) for level in (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)]
            world.scores[name] = {label: chance.choice(levels) for label in LABELS if chance.random() < 0.8}
        source = "one.csv" if i < number // 2 else "two.csv"  # so that they are numbered in the order of their names
        article = chance.choice([None, *PLACES])
        facts = {
            "text": chance.choice(("a Casino bonus", "BONUS only", "nothing of ünterest", "50% off_er")),
            "author": chance.choice(AUTHORS),
            "status": chance.choice(("unknown", "approved", *HELD)),
        }
        site, section = PLACES.get(article, (None, None))
        world.facts[name] = facts | {"source": source, "site": site, "section": section}
        rows[source].append({"id": name, "posted_at": posted, "article_id": article, **facts})
    articles = [{"id": name, "url": ADDRESSES.get(name)} for name in ("a1", "a2", "a4")]
    store.add_batch(comments_of(rows["one.csv"], articles), source="one.csv", at=NOON)
    # The address of one article becomes known after its comments are there.
    late = [{"id": "a3", "url": ADDRESSES["a3"]}]
    store.add_batch(comments_of(rows["two.csv"], late), source="two.csv", at=NOON)
    changed = chance.sample(list(world.ages), number // 5)
    for name in changed:
        world.facts[name]["status"] = chance.choice(("approved", *HELD))
    again = [{"id": name, "text": "t", "status": world.facts[name]["status"]} for name in changed]
    store.add_batch(comments_of(again), source="later.csv", at=NOON)
    for name in chance.sample(list(world.ages), number // 4):
        for times in chance.choices((1, 1, 3), k=chance.randrange(1, 4)):
            world.reported[name] = world.reported.get(name, 0) + times
            assert store.add_report(name, times=times, at=NOON) == world.reported[name]
    store.add_scores(scores_of(world.scores), NOON)
    for name in world.scores:
        if chance.random() < 0.9:
            world.actions[name] = chance.choice(("allow", "review", "reject"))
    store.add_decisions(decisions_of(dict.fromkeys(world.actions, "allow")), model="m1", policy="old", at=NOON)
    store.add_decisions(decisions_of(world.actions), model="m1", policy="new", at=NOON)
    for name in world.ages:
        match chance.randrange(10):
            case 6:
                answer(store, name, "bob", action="escalate")
                world.escalated.add(name)
            case 0:
                answer(store, name, action=chance.choice(("approve", "reject")))
                world.answered.add(name)
            case 1:
                answer(store, name, action="skip")
                world.skipped.add(name)
            case 2:
                answer(store, name)
                store.undo("ann", at=NOON)
            case 3:
                assert store.claim(name, "bob", now=NOON)
                world.claimed.add(name)
            case 4:
                answer(store, name, action="skip")
                store.undo("ann", at=NOON)
            case 5:
                assert store.claim(name, "cyd", now=NOON - timedelta(hours=1))
    return world


@pytest.mark.parametrize("few", [0, 20_000], ids=["walking", "collecting"])
def test_every_order_is_what_plain_python_says(store: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "FEW", few)
    world = build(store, seed=few, number=60)
    for order in ORDERS:
        for label in (None, "spam", "threat") if order not in {"reported", "audit"} else (None,):
            for threshold in (0.0, 0.3, 0.5):
                asked = {"model": "m1", "label": label, "order": order, "threshold": threshold, "audit_share": 0.4}
                expected = world.queue(label, order, threshold, 0.4)
                found = store.queue(**asked, limit=1000)
                assert list(found["id"]) == expected, asked
                assert found["probability"].dtype == np.float32
                told = [None if np.isnan(p) else float(p) for p in found["probability"]]
                assert told == [world.probability(name, label) for name in expected]

                pages, last = [], None
                while len(page := store.queue(**asked, limit=7, after=last)):
                    pages += list(page["id"])
                    last = pages[-1]
                assert pages == expected, asked

            for actions in (("review",), ("allow", "reject"), ("review", "reject"), ()):
                asked = {"model": "m1", "label": label, "order": order, "limit": 1000, "audit_share": 0.4}
                found = store.queue(**asked, actions=actions, skipped_by="ann", now=NOON)
                expected = [
                    name
                    for name in world.queue(label, order, 0.5, 0.4)
                    if world.actions.get(name, "review") in actions
                    and name not in world.skipped
                    and name not in world.claimed
                ]
                assert list(found["id"]) == expected, (asked, actions)
    assert set(store.queue(model="m1", label=None, order="oldest", limit=1000, skipped_by="bob")["id"]) >= world.skipped


LABELLED = st.sampled_from(("spam", "threat"))
LEVELS = st.none() | st.sampled_from((0.0, 0.1, 0.3, 0.5, 0.7, 1.0)).map(lambda level: float(np.float32(level)))
HOURS = st.none() | st.integers(-1, 6).map(lambda hours: NOON - timedelta(hours=hours))


def some_of(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


FILTERS = st.builds(
    Filter,
    label=LABELLED,
    least=LEVELS,
    most=LEVELS,
    decisions=some_of("allow", "review", "reject"),
    statuses=some_of("unknown", "approved", *HELD),
    answered=st.sampled_from((False, True, None)),
    escalated=st.sampled_from((None, None, True, False)),
    sources=some_of("one.csv", "two.csv", "later.csv"),
    site=st.sampled_from((None, None, "news.example", "blog.example")),
    section=st.sampled_from((None, None, "sport")),
    author=st.sampled_from((None, *AUTHORS)),
    since=HOURS,
    until=HOURS,
    words=st.sampled_from(("", "", "bonus", "BONUS casino", "Ünterest", "%", "_", "ara", "sure off_er", "\\")),
)


@pytest.mark.parametrize("few", [0, 20_000], ids=["walking", "collecting"])
def test_any_filter_is_what_plain_python_says(store: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "FEW", few)
    world = build(store, seed=few, number=60)
    store.add_decisions(decisions_of({}), model="m1", policy="new", at=NOON)

    @settings(max_examples=25, deadline=None, database=None)
    @given(wanted=FILTERS, order=st.sampled_from(ORDERS), label=st.none() | LABELLED)
    def asked(wanted: Filter, order: str, label: str | None) -> None:
        assert Filter.from_dict(json.loads(json.dumps(wanted.to_dict()))) == wanted
        expected = [name for name in world.ages if world.holds(name, wanted)]
        found = store.matching(wanted, "m1")
        assert list(found["id"]) == sorted(expected)
        told = [None if np.isnan(p) else float(p) for p in found["probability"]]
        assert told == [world.probability(name, wanted.label) for name in sorted(expected)]
        assert store.count(wanted, "m1") == len(expected)
        assert store.count(wanted, "m1", most=2) == min(2, len(expected))
        sample = store.matching(wanted, "m1", sample=3, seed=7)
        assert set(sample["id"]) <= set(expected)
        assert len(sample) == min(3, len(expected))
        assert_frame_equal(sample, store.matching(wanted, "m1", sample=3, seed=7))
        bars = [0] * 4
        for name in expected:
            p = world.probability(name, "spam")
            if p is not None:
                bars[min(3, int(p * 4))] += 1
        assert store.histogram("spam", "m1", bins=4, matching=wanted) == bars
        line = world.queue(label, order, 0.5, 0.4, wanted)
        parts = {"model": "m1", "label": label, "order": order, "matching": wanted, "audit_share": 0.4}
        assert list(store.queue(**parts, limit=1000)["id"]) == line
        if len(line) > 2:
            assert list(store.queue(**parts, limit=2, after=line[1])["id"]) == line[2:4]

    asked()
    whole = Filter(answered=None)
    assert store.histogram("spam", "m1", bins=4) == store.histogram("spam", "m1", bins=4, matching=whole)
    assert store.histogram("spam", "no such model", bins=4) == [0] * 4
    assert store.facets() == store.recount_facets()
    assert dict(store.facets()["sites"])["news.example"] == sum(
        facts["site"] == "news.example" for facts in world.facts.values()
    )


def test_a_filter_that_makes_no_sense_is_refused() -> None:
    for change, fault in (
        ({"label": "rude"}, "unknown label"),
        ({"most": 0.5}, "name the label"),
        ({"since": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001 -- the fault under test
        ({"words": "x" * 300}, "fewer words"),
    ):
        with pytest.raises(StoreError, match=fault):
            Filter(**change)
    for told, fault in (({"colour": "red"}, "unknown part 'colour'"), ({"since": 3}, "cannot be read")):
        with pytest.raises(StoreError, match=fault):
            Filter.from_dict(told)


def test_a_search_finds_what_is_added_after_it_was_made(store: Store) -> None:
    wanted = Filter(words="words of")
    store.add_batch(plain(3), at=NOON)
    assert store.count(wanted, "m1") == 3
    store.add_batch(comments_of([{"id": "x", "text": "other"}, {"id": "y", "text": "More WORDS OF mine"}]), at=NOON)
    assert list(store.matching(wanted, "m1")["id"]) == ["c0", "c1", "c2", "y"]


def test_without_scores_everything_waits_for_a_person(store: Store) -> None:
    store.add_batch(plain(5), at=NOON)
    for order in ("strongest", "uncertain", "oldest"):
        for label in (None, "spam"):
            asked = {"model": "never ran", "label": label, "order": order}
            assert list(store.queue(**asked)["id"]) == [f"c{i}" for i in range(5)]
            assert list(store.queue(**asked, actions=("review",), after="c2")["id"]) == ["c3", "c4"]
            assert len(store.queue(**asked, actions=("allow",))) == 0
            assert len(store.queue(**asked, limit=0)) == 0


@pytest.mark.parametrize("bad", [{"order": "newest"}, {"label": "rude"}, {"after": "no such id"}])
def test_a_queue_that_does_not_exist(store: Store, bad: dict[str, str]) -> None:
    with pytest.raises(StoreError):
        store.queue(**{"model": "m1", "label": None, "order": "oldest"} | bad)


def test_the_audit_is_a_fixed_share_of_all_comments() -> None:
    ranks = np.array([audit_rank(f"site:{i}") for i in range(20_000)])
    assert ((ranks >= 0) & (ranks < 1)).all()
    assert abs((ranks < 0.05).mean() - 0.05) < 0.005
    assert audit_rank("site:0") == ranks[0]
    # Written out: a changed rank would change which comments every store's audit holds.
    assert audit_rank("site:1") == 0.6700061240838247
    assert rows.rank_of(b"\xff" * 16) < 1.0


PLANNED = (
    *({"model": "m1", "label": label, "order": order} for label in (None, "spam") for order in ORDERS),
    *({"model": "m1", "label": None, "order": order, "actions": ("review",)} for order in ORDERS),
    {"model": "m1", "label": None, "order": "strongest", "skipped_by": "ann", "now": NOON},
    {"model": "m1", "label": None, "order": "uncertain", "after": "n1:3"},
    {"model": "m1", "label": None, "order": "reported", "after": "n1:3"},
)
NARROWED = (
    Filter(words="bonus"),
    Filter(author="Mara"),
    Filter(site="news.example", section="sport"),
    Filter(section="sport"),
    Filter(sources=("one.csv",)),
    Filter(statuses=("spam", "pending")),
    Filter(since=NOON - timedelta(hours=3), until=NOON),
    Filter(label="spam", least=0.2, most=0.6),
    Filter(decisions=("review", "reject")),
    Filter(escalated=True),
    Filter(answered=True),
)


@pytest.mark.parametrize("few", [0, 20_000], ids=["walking", "collecting"])
def test_the_desk_s_questions_are_answered_by_indexes(file: Path, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "FEW", few)
    with Store.open(file) as opened:
        world = build(opened, seed=1, number=60)
        opened.add_batch(FULL, at=NOON)
        statements: list[tuple[str, object]] = []

        @event.listens_for(opened._engine, "before_cursor_execute")
        def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
            statements.append((statement, parameters))

        for asked in PLANNED:
            opened.queue(**asked)
        for wanted in NARROWED:
            for order in ("strongest", "oldest"):
                opened.queue(model="m1", label=None, order=order, matching=wanted)
            opened.count(wanted, "m1", most=1000)
        opened.claim_next("bob", 3, model="m1", label=None, order="strongest", now=NOON)
        opened.histogram("spam", "m1", matching=Filter())
        opened.facets()
        opened.second_for("bob", share=0.2)
        opened.disagreements(moderator="ann")
        opened.preferences("ann")
        opened.account("ann")
        opened.failed_signins("ann", since=NOON)
        opened.reports("n1:1")
        opened.workload(since=NOON)
        opened.act(["site:2"], "approve", {}, moderator="ann", model="m1", at=NOON, token="act")
        opened.undo("ann", at=NOON)
        opened.counts("m1")
        opened.thread("site:2")
        opened.history("Mara")
        opened.preceding(["site:2"], limit=8)
        opened.version("n1:1")
        opened.decision("n1:1", "m1")
        opened.scores(list(world.ages)[:9], "m1")
        opened.batch(list(world.ages)[:9])
        opened.answered_by("ann")
        opened.reviews(comment_id="n1:1")
        opened.claim("n1:1", "bob", now=NOON)
        answer(opened, "site:1")
        opened.undo("ann", at=NOON)
        opened.queue(**PLANNED[0])
        event.remove(opened._engine, "before_cursor_execute", note)

        plans = 0
        with opened._read() as connection:
            for statement, parameters in statements:
                if statement.startswith(("SELECT", "DELETE")):
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                        plans += 1
                        step = row[3]
                        # A walk along an index under a LIMIT is a "SCAN ... USING INDEX"; a bare SCAN reads the table.
                        walks = (
                            not step.startswith("SCAN") or "USING" in step or "anon_" in step or "SCAN listed" in step
                        )
                        assert walks, (statement, step)
                        if few == 0 and "LIMIT" in statement and "ORDER BY" in statement:
                            assert "TEMP B-TREE FOR ORDER BY" not in step, (statement, step)
        assert plans > 100


def test_what_is_claimed_next_is_nobody_else_s(store: Store) -> None:
    store.add_batch(plain(12), at=NOON)
    asked = {"model": "m1", "label": None, "order": "oldest"}

    def claim(who: int) -> list[str]:
        return store.claim_next(f"moderator {who}", 3, now=NOON, lease_s=60, **asked)

    with ThreadPoolExecutor(5) as pool:
        taken = list(pool.map(claim, range(5)))
    assert sorted(len(ids) for ids in taken) == [0, 3, 3, 3, 3]
    assert len({name for ids in taken for name in ids}) == 12
    assert claim(5) == []
    who = next(who for who, ids in enumerate(taken) if ids)
    mine = taken[who]
    assert claim(who) == mine  # again the same, renewed
    store.release(f"moderator {who}", [mine[1], "no such comment"])
    store.release("somebody else", mine)
    assert claim(5) == [mine[1]]
    assert store.claim_next(f"moderator {who}", 3, now=NOON, skip={mine[0]}, **asked) == [mine[2]]
    later = NOON + timedelta(seconds=200)
    answer(store, mine[0], action="escalate")
    assert len(store.claim_next("ann", 99, now=later, **asked)) == 11
    assert len(store.claim_next("bob", 99, now=later + timedelta(hours=1), **asked)) == 12


def test_one_of_many_gets_the_claim(store: Store) -> None:
    store.add_batch(plain(2), at=NOON)
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda i: store.claim("c0", f"moderator {i}", now=NOON, lease_s=60), range(6)))
    assert sum(taken) == 1
    winner = f"moderator {taken.index(True)}"
    assert store.claim("c0", winner, now=NOON + timedelta(seconds=59), lease_s=60)
    assert not store.claim("c0", "late", now=NOON + timedelta(seconds=118), lease_s=60)
    assert store.claim("c0", "late", now=NOON + timedelta(seconds=119), lease_s=60)
    answer(store, "c0", "late", "skip")
    assert store.claim("c0", winner, now=NOON + timedelta(seconds=120))


# --- Reviews ---------------------------------------------------------------------------------------------------------


def test_a_review_comes_back_as_it_was_given(store: Store) -> None:
    store.add_batch(plain(1), at=NOON)
    given_review = Review(
        "c0", "ann", "reject", {"spam": True, "threat": False, "insult": None}, 0, NOON, "spam/oldest", "n", "t1"
    )
    kept = store.add_review(given_review)
    assert kept.id == store.version("c0") > 0
    assert kept.labels == {"spam": True, "threat": False}
    assert store.reviews() == [kept]
    assert store.reviews(moderator="bob") == []


def test_two_moderators_on_one_comment_and_the_second_is_told(store: Store) -> None:
    store.add_batch(plain(1), at=NOON)
    seen = store.version("c0")
    store.add_review(Review("c0", "ann", "approve", {}, seen, NOON))
    late = Review("c0", "bob", "reject", {"spam": True}, seen, NOON, note="an advert", token="late")
    for _ in range(2):  # sent twice, it is one dissent
        with pytest.raises(Conflict, match="answered meanwhile") as caught:
            store.add_review(late)
        assert (caught.value.standing.moderator, caught.value.standing.action) == ("ann", "approve")
    (kept,) = store.disagreements()
    assert (kept.comment_id, kept.kind, kept.differs) == ("c0", "dissent", True)
    assert (kept.first.moderator, kept.first.action, kept.second.moderator, kept.second.action) == (
        *("ann", "approve"),
        *("bob", "reject"),
    )
    assert (kept.second.labels, kept.second.note) == ({"spam": True}, "an advert")
    assert store.disagreements(moderator="ann") == store.disagreements(moderator="bob") == [kept]
    assert store.disagreements(moderator="cyd") == store.disagreements(kind="second") == []
    assert store.truth().empty
    with pytest.raises(Conflict) as caught:  # one's own second thought is no dissent
        store.add_review(Review("c0", "ann", "reject", {}, seen, NOON))
    with pytest.raises(Conflict):
        store.add_review(Review("c0", "bob", "skip", {}, seen, NOON))
    assert store.disagreements() == [kept]
    assert [review.moderator for review in store.reviews(standing=False)] == ["ann"]
    answer(store, "c0", "bob", "reject")  # the card drawn again
    assert [(review.moderator, review.action) for review in store.reviews()] == [("bob", "reject")]


def test_of_many_at_once_one_wins(store: Store) -> None:
    store.add_batch(plain(1), at=NOON)

    def act(i: int) -> bool:
        try:
            store.add_review(Review("c0", f"moderator {i}", "approve", {}, 0, NOON))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(act, range(8))) == 1
    assert len(store.reviews(standing=False)) == 1


def test_an_act_sent_twice_counts_once(store: Store) -> None:
    store.add_batch(plain(2), at=NOON)
    act = Review("c0", "ann", "approve", {"spam": False}, 0, NOON, token="press-1")
    first = store.add_review(act)
    assert store.add_review(act) == first
    back = store.undo("ann", at=NOON, token="press-2")
    assert back.undoes == first.id
    assert store.add_review(act) == first  # replayed after the undo: still the same act, and still undone
    assert store.undo("ann", at=NOON, token="press-2") == back
    assert store.reviews() == []
    assert len(store.reviews(standing=False)) == 2
    for review in (
        Review("c1", "ann", "approve", {}, 0, NOON, token="press-1"),
        Review("c0", "bob", "approve", {}, 0, NOON, token="press-2"),
    ):
        with pytest.raises(Conflict, match="token"):
            store.add_review(review)
    with pytest.raises(Conflict, match="token"):
        store.undo("ann", at=NOON, token="press-1")


def test_undo_walks_back_through_one_s_own_acts(store: Store) -> None:
    store.add_batch(plain(3), at=NOON)
    first = answer(store, "c0")
    answer(store, "c1", "bob")
    skip = answer(store, "c1", "ann", "skip")
    again = answer(store, "c0", "ann", "reject", labels={"spam": True})
    assert {review.comment_id: review.action for review in store.reviews()} == {"c0": "reject", "c1": "approve"}
    assert store.counts().by_label_yes["spam"] == 1

    def step() -> int | None:
        event_ = store.undo("ann", at=NOON)
        assert event_ is None or (event_.action == "undo" and store.version(event_.comment_id) == event_.id)
        return event_ and event_.undoes

    assert step() == again.id
    assert {review.comment_id: review.action for review in store.reviews()} == {"c0": "approve", "c1": "approve"}
    assert store.counts().by_label_yes["spam"] == 0
    assert (step(), step(), step()) == (skip.id, first.id, None)
    assert [review.moderator for review in store.reviews()] == ["bob"]
    assert store.answered_by("ann") == 0
    assert store.answered_by("bob") == 1
    assert list(store.queue(model="m", label=None, order="oldest", skipped_by="ann")["id"]) == ["c0", "c2"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"action": "delete"}, "unknown action 'delete'"),
        ({"labels": {"rude": True}}, "unknown label 'rude'"),
        ({"labels": {"spam": 1}}, "neither True, False nor None"),
        ({"moderator": " "}, "name is empty"),
        ({"moderator": "a\0b"}, "not plain text"),
        ({"comment_id": "x"}, "no comment 'x'"),
        ({"at": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001 -- the fault under test
    ],
)
def test_a_review_that_makes_no_sense_is_refused(file: Path, change: dict[str, object], fault: str) -> None:
    base: dict[str, object] = {
        "comment_id": "c0",
        "moderator": "ann",
        "action": "approve",
        "labels": {},
        "seen": 0,
        "at": NOON,
    }
    with Store.open(file) as opened:
        opened.add_batch(plain(1), at=NOON)
        with pytest.raises(StoreError, match=fault):
            opened.add_review(Review(**base | change))
        assert opened.reviews(standing=False) == []


def test_one_act_answers_all_that_match_and_one_undo_takes_it_back(store: Store) -> None:
    store.add_batch(plain(1200), at=NOON)
    store.add_scores(scores_of({f"c{i}": {"spam": i / 1200} for i in range(1200)}), NOON)
    early = answer(store, "c1199", "bob", "approve", labels={"spam": False})
    wanted = Filter(label="spam", least=0.25)
    act = store.act(wanted, "reject", {"spam": True}, moderator="ann", model="m1", at=NOON, note="one wave", token="a")
    assert (act.size, act.left, act.matching) == (899, 0, wanted)
    assert act == store.act(wanted, "reject", {"spam": True}, moderator="ann", model="m1", at=NOON, token="a")
    named_too = store.act(["c1199", "c0", "c0", "c700"], "approve", {}, moderator="ann", model="m1", at=NOON, token="b")
    assert (named_too.size, named_too.left) == (1, 2)
    assert store.counts() == store.recount()
    assert (store.counts().reviewed, store.counts().by_label_yes["spam"]) == (901, 899)
    assert store.answered_by("ann") == 900
    assert {review.note for review in store.reviews(moderator="ann", limit=5)} <= {"one wave", ""}
    answer(store, "c800", "bob", "approve", labels={"spam": False})  # an answer to the answer

    assert store.undo("ann", at=NOON, token="u1").undoes == store.reviews(standing=False, comment_id="c0")[0].undoes
    back = store.undo("ann", at=NOON, token="u2")
    assert store.undo("ann", at=NOON, token="u2") == back
    newest, _, _, first = store.acts()
    assert (newest.action, newest.size, newest.undoes, newest.id) == ("undo", 899, act.id, back.act)
    assert (first.id, first.undone, first.note, store.acts("bob")) == (act.id, True, "one wave", [])
    assert store.undo("ann", at=NOON) is None
    assert store.counts() == store.recount()
    assert {review.comment_id for review in store.reviews()} == {"c1199", "c800"}
    assert store.reviews(comment_id="c1199") == [early]
    assert store.count(wanted, "m1") == 898
    for token, more in (("u1", {}), ("a", {"moderator": "bob"})):
        with pytest.raises(Conflict, match="token"):
            store.act(
                ["c0"],
                **{"action": "skip", "labels": {}, "moderator": "ann", "model": "m1", "at": NOON} | more,
                token=token,
            )
    with pytest.raises(Conflict, match="token"):
        store.undo("ann", at=NOON, token="a")
    with pytest.raises(StoreError, match="no comment"):
        store.act(["c0", "z"], "approve", {}, moderator="ann", model="m1", at=NOON, token="z")
    assert store.counts() == store.recount()


def test_a_second_person_is_asked_blindly_and_decides_nothing(store: Store) -> None:
    store.add_batch(plain(60), at=NOON)
    for i in range(30):
        answer(store, f"c{i}", action="reject" if i % 2 else "approve", labels={"spam": bool(i % 2)})
    assert store.second_for("ann", share=1.0) == []  # one's own answer is no second opinion
    assert store.second_for("bob", share=0.0) == []
    ranked = sorted((f"c{i}" for i in range(30)), key=lambda name: schema.second_rank(rows.digest_of(name)))
    assert store.second_for("bob", share=1.0, limit=99) == ranked
    some = store.second_for("bob", share=0.3, limit=99)
    assert 0 < len(some) < 30
    first = store.second_for("bob", share=0.3)[0]
    before = store.counts()
    given_second = Review(first, "bob", "reject", {"spam": True}, store.version(first), NOON, token="s1")
    kept = store.add_second(given_second)
    assert store.add_second(given_second) == kept
    assert store.counts() == before == store.recount()
    assert store.version(first) == given_second.seen
    assert first not in store.second_for("bob", share=1.0, limit=99)
    assert first not in store.second_for("cyd", share=1.0, limit=99)
    (pair,) = store.disagreements(kind="second", differing=False)
    assert pair.differs == (pair.first.action == "approve")
    back = store.undo("bob", at=NOON, token="undo second")
    assert (back.undoes, back.comment_id) == (kept.id, first)
    assert store.undo("bob", at=NOON, token="undo second") == back
    assert store.disagreements(differing=False) == []
    assert store.second_for("bob", share=0.3)[0] == first
    assert store.undo("bob", at=NOON) is None
    with pytest.raises(Conflict, match="no other person"):
        store.add_second(Review("c50", "bob", "reject", {}, 0, NOON))
    passed = store.add_second(Review("c7", "bob", "skip", {}, 0, NOON))
    assert "c7" not in store.second_for("bob", share=1.0, limit=99)
    assert "c7" in store.second_for("cyd", share=1.0, limit=99)
    assert store.disagreements(differing=False) == []
    assert store.undo("bob", at=NOON).undoes == passed.id
    store.add_second(Review("c0", "bob", "approve", {}, 0, NOON))
    later = answer(store, "c50", "bob", token="later")
    assert store.latest_token("bob") == "later"
    assert store.latest_token("cyd") is None
    # of two acts the later one is taken back first
    assert store.undo("bob", at=NOON).undoes == later.id
    assert store.undo("bob", at=NOON).lens == "second"


def test_lenses_preferences_reports_and_accounts_are_the_newest_of_each(store: Store) -> None:
    wanted = Filter(words="casino", since=NOON)
    store.put_lens(SavedLens("Casino", "ann", Filter(), "oldest"), at=NOON)
    store.put_lens(SavedLens("Casino", "ann", wanted, "strongest", "spam"), at=NOON)
    store.put_lens(SavedLens("All", "", Filter(), "reported"), at=NOON)
    store.put_lens(SavedLens("Mine", "bob", Filter(), "oldest"), at=NOON)
    assert [(lens.name, lens.matching) for lens in store.lenses("ann")] == [("All", Filter()), ("Casino", wanted)]
    store.drop_lens("ann", "Casino", at=NOON)
    store.drop_lens("ann", "never there", at=NOON)
    assert [lens.name for lens in store.lenses("ann")] == ["All"]
    for bad in (SavedLens(" ", "ann", Filter(), "oldest"), SavedLens("x", "ann", Filter(), "newest")):
        with pytest.raises(StoreError, match="lens"):
            store.put_lens(bad, at=NOON)

    for value in ("dark", "light", "light", {"keys": ["a", 1]}):
        store.put_preference("ann", "theme", value, at=NOON)
    store.put_preference("", "second_share", 0.05, at=NOON)
    assert store.preferences("ann") == {"theme": {"keys": ["a", 1]}}
    assert (store.preferences(""), store.preferences("bob")) == ({"second_share": 0.05}, {})

    store.add_batch(plain(1), at=NOON)
    assert store.add_report("c0", reason="spam \0", source="export", token="r", at=NOON) == 1
    assert store.add_report("c0", token="r", at=NOON) == 1
    assert store.add_report("c0", times=4, at=NOON) == 5
    assert store.reports("c0")["times"].tolist() == [4, 1]
    for bad_report in ({"comment_id": "z"}, {"comment_id": "c0", "times": 0}):
        with pytest.raises(StoreError):
            store.add_report(**bad_report, at=NOON)

    store.put_account("ann", "lead", "secret 1", by="root", at=NOON)
    store.put_account("Bob", "viewer", "b", by="root", at=NOON)
    changed = store.put_account("ann", "admin", None, by="root", at=NOON)
    assert store.account("ann") == changed
    assert (changed.role, changed.secret) == ("admin", "secret 1")
    store.put_account("Bob", "", None, by="ann", at=NOON)
    assert store.account("Bob") is store.account("nobody") is None
    assert store.accounts() == [changed]
    for i in range(3):
        store.add_signin("ann", right=False, at=NOON + timedelta(minutes=i))
    assert store.failed_signins("ann", since=NOON + timedelta(minutes=1)) == 2
    store.add_signin("ann", right=True, at=NOON + timedelta(minutes=4))
    assert store.failed_signins("ann", since=NOON) == store.failed_signins("bob", since=NOON) == 0


def test_work_and_waiting_are_counted_by_day_and_age(store: Store) -> None:
    days = [NOON - timedelta(days=i) for i in range(6)]
    store.add_batch(
        comments_of([{"id": f"c{i}", "text": "t", "posted_at": day} for i, day in enumerate(days)]), at=NOON
    )
    for i, action in enumerate(("approve", "reject", "skip")):
        seen = store.version(f"c{i}")
        store.add_review(Review(f"c{i}", "ann", action, {}, seen, days[i]))
    answer(store, "c3")
    store.undo("ann", at=NOON)
    found = store.workload(since=days[1])
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        (pd.Timestamp("2026-02-28", tz="UTC"), "ann", "reject", 1),
        (pd.Timestamp("2026-03-01", tz="UTC"), "ann", "approve", 1),
    ]
    assert store.ageing([days[4], days[2]]) == [1, 2, 1]
    assert store.ageing([]) == [4]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(("approve", "reject", "skip", "escalate", "undo", "all")),
        st.sampled_from(("ann", "bob")),
        st.integers(0, 3),
        st.dictionaries(st.sampled_from(("spam", "threat")), st.sampled_from((True, False, None)), max_size=2),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_after_any_acts_the_store_says_what_replaying_them_says(
    store: Store, acts: list[tuple[str, str, int, dict]]
) -> None:
    run = next(NUMBERS)
    moderators = {name: f"{name} {run}" for name in ("ann", "bob")}
    before = store.counts()
    store.add_batch(plain(4, prefix=f"run{run}:"), at=NOON)
    events: list[Review] = []
    for action, who, where, labels in acts:
        if action == "undo":
            back = store.undo(moderators[who], at=NOON)
            if back is not None and back.act is not None:
                of_run = [r for r in store.reviews(standing=False) if r.comment_id.startswith(f"run{run}:")]
                events += reversed([r for r in of_run if r.act == back.act])
            elif back is not None:
                events.append(back)
        elif action == "all":
            where_ids = [f"run{run}:{i}" for i in range(4) if i != where]
            act = store.act(
                where_ids,
                "reject",
                labels,
                moderator=moderators[who],
                model="m",
                at=NOON,
                token=f"{run}:{next(NUMBERS)}",
            )
            of_run = [r for r in store.reviews(standing=False) if r.comment_id.startswith(f"run{run}:")]
            events += reversed([r for r in of_run if r.act == act.id])
        else:
            events.append(answer(store, f"run{run}:{where}", moderators[who], action, labels=labels))

    gone = {event_.undoes for event_ in events if event_.undoes is not None}
    for who in moderators.values():
        mine = [
            event_ for event_ in events if event_.moderator == who and event_.action != "undo" and event_.id not in gone
        ]
        assert store.answered_by(who) == sum(event_.action in {"approve", "reject"} for event_ in mine)
    standing = [event_ for event_ in events if event_.action in {"approve", "reject"} and event_.id not in gone]
    newest = {event_.comment_id: event_ for event_ in standing}
    found = [review for review in store.reviews() if review.comment_id.startswith(f"run{run}:")]
    assert found == sorted(newest.values(), key=lambda review: -review.id)

    known: dict[str, dict[str, bool]] = {}
    for event_ in standing:
        known.setdefault(event_.comment_id, {}).update(event_.labels)
    truth = store.truth()
    truth = truth[truth.index.str.startswith(f"run{run}:")]
    told = {
        name: {label: bool(row[label]) for label in LABELS if row[label] is not pd.NA} for name, row in truth.iterrows()
    }
    assert told == {name: labels for name, labels in known.items() if labels}

    counts = store.counts()
    assert counts == store.recount()
    assert counts.reviewed - before.reviewed == len(newest)
    assert counts.by_label_yes["spam"] - before.by_label_yes["spam"] == sum(
        state.get("spam", False) for state in known.values()
    )


def test_truth_says_where_it_is_from(store: Store) -> None:
    rows = [{"id": f"c{i}", "text": "t", "author": "Mara" if i else None, "article_id": f"a{i}"} for i in range(5)]
    store.add_batch(comments_of(rows), at=NOON)
    answer(store, "c1", labels={"spam": True, "threat": False})
    answer(store, "c2", action="skip", labels={"spam": True})
    answer(store, "c3")
    imported = pd.DataFrame({"spam": [0, 1, None], "insult": [1, None, None]}, index=["c1", "c0", "c4"], dtype="Int8")
    assert store.add_truth(imported, source="a data set", at=NOON) == 2
    assert store.add_truth(imported, source="a data set", at=NOON) == 0

    own = store.truth()
    assert list(own.index) == ["c1"]
    assert own.index.name == "id"
    assert list(own.columns) == [*LABELS, "origin", "audit", "article_id", "author"]
    assert own.loc["c1", ["spam", "threat"]].tolist() == [1, 0]
    assert own.loc["c1", "insult"] is pd.NA
    assert [str(dtype) for dtype in own.dtypes[: len(LABELS)]] == ["Int8"] * len(LABELS)

    both = store.truth(origin=("review", "imported"), audit_share=audit_rank("c0") + 1e-9)
    assert list(both.index) == ["c0", "c1"]
    assert both["origin"].tolist() == ["imported", "review"]
    assert both.loc["c1", ["spam", "threat", "insult"]].tolist() == [1, 0, 1]
    assert both.loc["c0", "audit"]
    assert both.loc["c1", "audit"] == (audit_rank("c1") <= audit_rank("c0"))
    assert both.loc["c0", "author"] is pd.NA
    assert both.loc["c1", "article_id"] == "a1"
    assert store.truth(origin=("imported",)).loc["c1", "spam"] == 0
    assert store.add_truth(pd.DataFrame({"spam": [0]}, index=["c0"]), source="a correction", at=NOON) == 1
    assert store.truth(origin=("imported",)).loc["c0", "spam"] == 0
    with pytest.raises(StoreError, match="unknown origin"):
        store.truth(origin=("guess",))
    with pytest.raises(StoreError, match="no comment"):
        store.add_truth(pd.DataFrame({"spam": [0]}, index=["z"]), source="s", at=NOON)


def test_withdrawn_reviews_are_not_learned_from_and_still_stand(store: Store) -> None:
    store.add_batch(plain(2), at=NOON)
    first = answer(store, "c0", labels={"spam": False, "threat": True})
    second = answer(store, "c0", labels={"spam": True})
    only = answer(store, "c1", labels={"spam": True})
    assert store.withdraw([second.id, only.id, only.id], by="bob", reason="a joke account", at=NOON) == 2
    assert store.withdraw([only.id], by="bob", reason="again", at=NOON) == 0
    truth = store.truth()
    assert list(truth.index) == ["c0"]
    assert truth.loc["c0", ["spam", "threat"]].tolist() == [0, 1]
    assert {review.id for review in store.reviews()} == {second.id, only.id}
    assert len(store.queue(model="m", label=None, order="oldest")) == 0
    back = store.undo("ann", at=NOON)
    for wrong in (10**9, back.id):
        with pytest.raises(StoreError, match=f"no review {wrong}"):
            store.withdraw([first.id, wrong], by="bob", reason="r", at=NOON)
    assert store.truth().loc["c0", "spam"] == 0  # nothing of the refused act was kept


# --- Thread and history ----------------------------------------------------------------------------------------------


def test_a_thread_is_read_in_its_order_with_depths(store: Store) -> None:
    parents = {"a": None, "b": "a", "c": "b", "d": None, "e": "elsewhere", "f": "g", "g": "f", "h": "h"}
    rows = [
        {"id": name, "text": name, "article_id": "x", "parent_id": parent, "position": place}
        for place, (name, parent) in enumerate(parents.items())
    ]
    rows.append({"id": "late", "text": "no place", "article_id": "x"})
    rows.append({"id": "other", "text": "t", "article_id": "y"})
    rows.append({"id": "alone", "text": "t"})
    rows.append({"id": "alone too", "text": "t"})
    random.Random(1).shuffle(rows)
    store.add_batch(comments_of(rows), at=NOON)
    thread = store.thread("d")
    assert list(thread["id"]) == [*parents, "late"]
    depths = dict(zip(thread["id"], thread["depth"], strict=True))
    assert [depths[name] for name in "abcde"] == [0, 1, 2, 0, 0]
    assert sorted(depths[name] for name in "fg") == [0, 1]
    assert depths["h"] == 0
    assert list(store.thread("alone")["id"]) == ["alone"]
    with pytest.raises(StoreError, match="no comment"):
        store.thread("nobody's")


def test_a_long_thread_is_cut_around_the_comment(store: Store) -> None:
    store.add_batch(
        comments_of([{"id": f"{i}", "text": "t", "article_id": "x", "position": i} for i in range(30)]), at=NOON
    )
    for here, first in ((15, 13), (0, 0), (1, 0), (29, 25), (28, 25)):
        assert list(store.thread(f"{here}", limit=5)["id"]) == [f"{i}" for i in range(first, first + 5)]
    assert list(store.thread("7", limit=1)["id"]) == ["7"]


def test_what_precedes_is_given_once_and_in_reading_order(store: Store) -> None:
    rows = [
        {"id": f"{article}{i}", "text": "t", "article_id": article, "position": i} for i in range(9) for article in "xy"
    ]
    store.add_batch(comments_of([*rows, {"id": "alone", "text": "t"}]), at=NOON)
    found = store.preceding(["x6", "x4", "y1", "alone"], limit=3)
    by_article = {article: list(part["id"]) for article, part in found.groupby("article_id")}
    assert by_article == {"x": ["x1", "x2", "x3", "x5"], "y": ["y0"]}
    assert list(found.columns) == [column.name for column in COMMENTS]
    assert len(store.preceding([], limit=3)) == len(store.preceding(["x0"], limit=3)) == 0


def test_a_history_names_the_last_word_on_each_comment(store: Store) -> None:
    names = ("reviewed", "undone", "decided", "imported", "nothing")
    rows = [
        {"id": name, "text": name, "author": "Mara", "posted_at": NOON - timedelta(days=i)}
        for i, name in enumerate(names)
    ]
    rows[3]["status"] = rows[2]["status"] = "spam"
    rows.append({"id": "somebody else", "text": "t", "author": "mara"})
    store.add_batch(comments_of(rows), at=NOON)
    store.add_decisions(decisions_of(dict.fromkeys(names[:3], "review")), model="m1", policy="p", at=NOON)
    store.add_decisions(decisions_of({"decided": "allow"}), model="m2", policy="p", at=NOON)
    answer(store, "reviewed", "bob", "approve")
    answer(store, "reviewed", "ann", "reject")
    answer(store, "undone")
    store.undo("ann", at=NOON)
    history = store.history("Mara")
    assert list(history.columns) == ["id", "posted_at", "text", "action", "by"]
    assert list(history["id"]) == list(names)
    said = [(row["action"], row["by"]) for _, row in history.iterrows()]
    assert said[:4] == [("reject", "ann"), ("review", "m1"), ("allow", "m2"), ("spam", "source")]
    assert said[4][0] is pd.NA
    assert said[4][1] is pd.NA
    assert list(store.history("Mara", limit=2)["id"]) == list(names[:2])
    assert len(store.history("nobody")) == 0


# --- Jobs ------------------------------------------------------------------------------------------------------------


def test_a_job_is_its_latest_report(store: Store) -> None:
    first = store.add_job("score", {"path": "a\0\ud800.csv", "rows": 3}, NOON)
    second = store.add_job("retrain", {}, NOON)
    assert (store.job(first).state, store.job(first).updated_at) == ("queued", None)
    assert store.job(first).arguments == {"path": "a\0\ud800.csv", "rows": 3}
    store.report_job(first, state="running", done=1, total=3, message="reading", at=NOON)
    store.report_job(
        first, state="done", done=3, total=3, message="", result={"auc": 0.5}, at=NOON + timedelta(seconds=1)
    )
    job = store.job(first)
    assert (job.state, job.done, job.total, job.result, job.updated_at) == (
        "done",
        3,
        3,
        {"auc": 0.5},
        NOON + timedelta(seconds=1),
    )
    assert [found.id for found in store.jobs()] == [second, first]
    assert [found.id for found in store.jobs(limit=1)] == [second]
    assert store.job(99) is None
    with pytest.raises(StoreError, match="no job 99"):
        store.report_job(99, state="running", done=0, total=0, message="", at=NOON)


# --- Several processes, and processes that die -----------------------------------------------------------------------


def script(body: str, *arguments: str, **more: object) -> subprocess.Popen[str]:
    preamble = """
    import sys
    from datetime import UTC, datetime
    import pandas as pd
    from moderation.errors import Conflict, StoreError
    from moderation.store import Review, Store
    from moderation.tables import COMMENTS, Batch, conform
    NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
    def batch(start, stop):
        ids = [f"c{i}" for i in range(start, stop)]
        return Batch(conform(pd.DataFrame({"id": ids, "author": "Mara", "text": "some words " * 20}), COMMENTS))
    def say(*words):
        print(*words, flush=True)
    """
    code = textwrap.dedent(preamble) + textwrap.dedent(body)
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        **more,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.split()


def test_processes_that_open_and_write_at_once_all_get_through(place: str) -> None:
    body = """
    say("ready"); sys.stdin.readline()
    with Store.open(sys.argv[1], timeout_s=30) as store:
        added = 0
        for start in range(0, 900, 100):
            added += store.add_batch(batch(start, start + 150), at=NOON).comments_new
        conflicts = 0
        for i in range(20):
            try:
                store.add_review(Review(f"c{i}", sys.argv[2], "approve", {}, 0, NOON))
            except Conflict:
                conflicts += 1
    say(added, conflicts)
    """
    workers = [script(body, place, f"moderator {i}") for i in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [[int(word) for word in finish(worker)] for worker in workers]
    assert sum(added for added, _ in told) == 950
    assert sum(conflicts for _, conflicts in told) == 40
    with Store.open(place) as store:
        assert store.counts() == store.recount()
        assert (store.counts().comments, store.counts().reviewed) == (950, 20)


def check_whole(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15, 0.3])
def test_killed_while_adding_a_batch(file: Path, delay_s: float) -> None:
    Store.open(file).close()
    body = """
    batches = [batch(start, start + 8000) for start in range(0, 80_000, 8000)]
    with Store.open(sys.argv[1]) as store:
        for part in batches:
            say("begin")
            store.add_batch(part, at=NOON)
            say("end")
    """
    process = script(body, str(file))
    told = [process.stdout.readline().strip()]
    time.sleep(delay_s)
    process.kill()
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    told += rest.split()
    check_whole(file)
    with Store.open(file) as store:
        found = store.counts()
        assert found == store.recount()
        # What was reported done is there; of what was begun, all or nothing.
        assert found.comments in {8000 * told.count("end"), 8000 * told.count("begin")}
        store.add_batch(plain(5, prefix="after"), at=NOON)


@pytest.mark.parametrize("delay_s", [0.02, 0.1])
def test_killed_while_reviewing(file: Path, delay_s: float) -> None:
    with Store.open(file) as store:
        store.add_batch(plain(5000), at=NOON)
    body = """
    with Store.open(sys.argv[1]) as store:
        for i in range(5000):
            kept = store.add_review(Review(f"c{i}", "ann", "reject", {"spam": True}, 0, NOON))
            if i % 3 == 2:
                kept = store.undo("ann", at=NOON)
            say(kept.id)
    """
    process = script(body, str(file))
    told = [process.stdout.readline().strip()]
    time.sleep(delay_s)
    process.kill()
    rest, _ = process.communicate()
    told += rest.split("\n")[:-1]
    check_whole(file)
    with Store.open(file) as store:
        events = store.reviews(standing=False)
        assert store.counts() == store.recount()
        assert {int(number) for number in told if number} <= {event_.id for event_ in events}
        assert events[0].id <= int(told[-1]) + 2
        done = len({event_.comment_id for event_ in events})
        assert answer(store, f"c{done}").id == events[0].id + 1


ACTS_CUT_SHORT = {
    "add_batch": "store.add_batch(batch(10, 20), at=NOON)",
    "add_scores": "store.add_scores(scores, NOON)",
    "add_decisions": "store.add_decisions(decided, model='m2', policy='p', at=NOON)",
    "add_review": "store.add_review(Review('c1', 'ann', 'reject', {'spam': True}, 0, NOON))",
    "undo": "store.undo('ann', at=NOON)",
}


@pytest.mark.parametrize("act", ACTS_CUT_SHORT)
def test_killed_between_two_statements_of_one_act(file: Path, act: str) -> None:
    """What an act adds is written before its line in the ledger; die between the two."""
    body = f"""
    import os, signal
    from sqlalchemy import create_engine, event, inspect
    from moderation.labels import LABELS
    names = [f"c{{i}}" for i in range(10)]
    scores = pd.DataFrame(0.5, index=pd.Index(names, name="id"), columns=list(LABELS)).astype("float32")
    scores["model"] = "m1"
    decided = pd.DataFrame({{"decision": "review", "reasons": [()] * 10}}, index=names)
    with Store.open(sys.argv[1]) as store:
        store.add_batch(batch(0, 10), at=NOON)
        store.add_review(Review("c0", "ann", "approve", {{"spam": True}}, 0, NOON))
        say("ready")
        @event.listens_for(store._engine, "before_cursor_execute")
        def die(connection, cursor, statement, *rest):
            if statement.startswith("INSERT INTO tally"):
                os.kill(os.getpid(), signal.SIGKILL)
        {ACTS_CUT_SHORT[act]}
        say("survived")
    """
    process = script(body, str(file))
    out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    assert out == "ready\n"
    check_whole(file)
    with Store.open(file) as store:
        for model in ("m1", "m2"):
            assert store.counts(model) == store.recount(model)
        counts = store.counts("m1")
        assert (counts.comments, counts.scored, counts.by_action, counts.reviewed) == (10, 0, {}, 1)
        assert counts.by_label_yes["spam"] == 1
        assert len(store.reviews(standing=False)) == 1
        assert len(store.scores(["c0"], "m1")) == 0
        assert store.decision("c0") is None


FULL_DISK = """
def review(i):
    return Review(f"c{{i}}", "ann", "approve", {{}}, 0, NOON, note="n" * 100_000)
with Store.open(sys.argv[1]) as store:
    store.add_batch(batch(0, 100), at=NOON)
    {limit}
    for act in (
        lambda: store.add_batch(batch(100, 60_000), at=NOON),
        lambda: [store.add_review(review(i)) for i in range(100)],
    ):
        try:
            act()
        except StoreError as error:
            assert "some words" not in str(error) and "Mara" not in str(error)
            say(str(error).replace(" ", "_"))
    {lift}
    assert store.counts() == store.recount() and store.counts().comments == 100
    say(store.add_batch(batch(100, 300), at=NOON).comments_new)
"""


def test_a_file_that_may_not_grow_is_an_error_of_one_line_and_a_whole_store(file: Path) -> None:
    lines = FULL_DISK.format(
        limit="import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))",
        lift="resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    )
    told = finish(script(lines, str(file)))
    assert len(told) == 3, told
    assert all("nothing_of_this_act_was_kept" in line for line in told[:2])
    assert told[2] == "200"
    check_whole(file)


def test_a_full_disk_is_an_error_of_one_line_and_a_whole_store(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a small disk: run as root")
    try:
        (tmp_path / "ballast").write_bytes(bytes(1_000_000))
        lift = "import os; os.unlink(os.path.join(os.path.dirname(sys.argv[1]), 'ballast'))"
        lines = FULL_DISK.format(limit="", lift=lift)
        told = finish(script(lines, str(tmp_path / "store.db")))
        assert len(told) == 3, told
        assert all("disk_is_full" in line for line in told[:2])
        assert told[2] == "200"
        check_whole(tmp_path / "store.db")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_threads_share_one_store(store: Store) -> None:
    store.add_batch(plain(60), at=NOON)
    errors: list[BaseException] = []

    def work(who: int) -> None:
        try:
            for i in range(who, 60, 6):
                answer(store, f"c{i}", f"moderator {who}", labels={"spam": True})
                assert len(store.queue(model="m", label=None, order="oldest", limit=5)) <= 5
                store.thread(f"c{i}")
        except BaseException as error:  # noqa: BLE001 -- a thread's failure must reach the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.counts() == store.recount()
    assert store.counts().reviewed == 60
