"""Batches in, comments, articles and truth kept; the tables read back out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    Connection,
    Row,
    func,
    insert,
    select,
    tuple_,
    update,
)

from moderation.errors import StoreError
from moderation.store.judged import newest_decisions
from moderation.store.ledger import answers_at, book
from moderation.store.opening import Opened
from moderation.store.records import Added
from moderation.store.rows import (
    CHUNK,
    SLICE,
    article_rows,
    as_json,
    batch_at,
    comment_rows,
    comments_at,
    depths_of,
    digest_of,
    frame_of,
    key_of,
    keys_of,
    known_keys,
    micros,
    parts,
    standing_statuses,
    strings,
)
from moderation.store.schema import AGE, FACETS, LONGEST_PLACE, PLACE, articles, comments, statuses, truths
from moderation.tables import ARTICLES, COMMENTS, Batch, clean_text, validate_truth

__all__ = ["Ingest"]


class Ingest(Opened):
    """What comes in, and the tables read back."""

    def add_batch(self, batch: Batch, *, source: str | None = None, at: datetime) -> Added:
        """Add the comments and articles that are new; note changed statuses; change nothing else.

        A known comment keeps its text; a status that the export does not know ("unknown") changes nothing. All or
        nothing. Raises `TableError` for a batch that breaks its schema.
        """
        batch.validate()
        found = batch.comments
        moment = micros(at)
        new = known = changed = 0
        facets: Counter[str] = Counter()
        with self._write() as connection:
            articles_new = self._add_articles(connection, batch.articles, facets)
            for start in range(0, len(found), SLICE):
                rows = comment_rows(found.iloc[start : start + SLICE], source, moment)
                there = standing_statuses(connection, [row["id_digest"] for row in rows])
                fresh = [row for row in rows if row["id_digest"] not in there]
                if fresh:
                    connection.execute(insert(comments), fresh)
                    _count_places(connection, fresh, facets)
                changes = []
                for row in rows:
                    if row["id_digest"] in there and row["status"] != "unknown":
                        key, status = there[row["id_digest"]]
                        if status != row["status"]:
                            changes.append({"comment": key, "status": row["status"], "source": source, "at": moment})
                            facets[f"status:{status}"] -= 1
                            facets[f"status:{row['status']}"] += 1
                if changes:
                    connection.execute(insert(statuses), changes)
                new += len(fresh)
                known += len(rows) - len(fresh)
                changed += len(changes)
            book(connection, {(0, "comments"): new, (0, "articles"): articles_new})
            book(connection, {(FACETS, what): change for what, change in facets.items()})
        return Added(new, known, changed, articles_new, len(batch.articles) - articles_new)

    def _add_articles(self, connection: Connection, found: pd.DataFrame, facets: Counter[str]) -> int:
        new = 0
        facts = [column.name for column in ARTICLES if column.name != "id"]
        for start in range(0, len(found), CHUNK):
            rows = article_rows(found.iloc[start : start + CHUNK])
            wanted = [row["id_digest"] for row in rows]
            there = {
                row.id_digest: row
                for row in connection.execute(select(articles).where(articles.c.id_digest.in_(wanted)))
            }
            fresh = [row for row in rows if row["id_digest"] not in there]
            if fresh:
                connection.execute(insert(articles), fresh)
            new += len(fresh)
            placed = [row for row in fresh if row["site"] is not None]
            for row in rows:
                old = there.get(row["id_digest"])
                if old is None:
                    continue
                gained = {fact: row[fact] for fact in facts if row[fact] is not None and getattr(old, fact) is None}
                if "url" in gained and row["site"] is not None:
                    gained |= {"site": row["site"], "section": row["section"]}
                    placed.append(row)
                if gained:
                    connection.execute(update(articles).where(articles.c.key == old.key).values(gained))
            # Comments may be there before the article that they stand under is known, or where that is.
            by_digest = {row["id_digest"]: row for row in placed}
            under = select(comments.c.article_digest, func.count()).group_by(comments.c.article_digest)
            for part in parts(by_digest):
                for digest, number in connection.execute(under.where(comments.c.article_digest.in_(part))):
                    facets[f"site:{by_digest[digest]['site']}"] += number
                    if by_digest[digest]["section"] is not None:
                        facets[f"section:{by_digest[digest]['section']}"] += number
        return new

    def add_truth(self, truth: pd.DataFrame, *, source: str, at: datetime) -> int:
        """Add truth that came with a data set (index: comment ids; 1 yes, 0 no, missing not judged).

        Return how many comments it told something new about. Adding the same truth again adds nothing. Raises
        `StoreError` for a comment that is not in the store.
        """
        validate_truth(truth)
        moment = micros(at)
        added = 0
        with self._write() as connection:
            ids = [str(name) for name in truth.index]
            keys = keys_of(connection, ids)
            columns = {
                label: [None if pd.isna(value) else bool(value) for value in truth[label]] for label in truth.columns
            }
            for start in range(0, len(ids), CHUNK):
                part = ids[start : start + CHUNK]
                known: dict[int, dict[str, bool]] = {}
                there = select(truths.c.comment, truths.c.labels).where(
                    truths.c.comment.in_([keys[name] for name in part])
                )
                for row in connection.execute(there.order_by(truths.c.id)):
                    known.setdefault(row.comment, {}).update(json.loads(row.labels))
                rows = []
                for offset, name in enumerate(part, start):
                    was = known.setdefault(keys[name], {})
                    told = {label: values[offset] for label, values in columns.items()}
                    news = {label: yes for label, yes in told.items() if yes is not None and was.get(label) != yes}
                    if news:
                        was.update(news)
                        rows.append(
                            {"comment": keys[name], "labels": as_json(news), "source": clean_text(source), "at": moment}
                        )
                if rows:
                    connection.execute(insert(truths), rows)
                added += len(rows)
        return added

    # --- Reading tables back

    def batch(self, ids: Sequence[str]) -> Batch:
        """Return these comments, in this order, with the articles they stand under.

        Raises `StoreError` for an id that is not in the store or is given twice.
        """
        with self._read() as connection:
            keys = keys_of(connection, ids)
            if len(keys) != len(ids):
                raise StoreError(f"{self._place}: one comment was asked for twice; give each id once")
            return batch_at(connection, [keys[name] for name in ids])

    def parents(self, batch: Batch) -> Batch:
        """Return the comments that those in `batch` answer and that are not among them: its context.

        A parent that the store does not hold is left out.
        """
        own = set(batch.comments["id"])
        wanted = [name for name in dict.fromkeys(batch.comments["parent_id"].dropna()) if name not in own]
        with self._read() as connection:
            keys = known_keys(connection, wanted)
            return batch_at(connection, [keys[name] for name in wanted if name in keys])

    def preceding(self, ids: Sequence[str], *, limit: int) -> pd.DataFrame:
        """Return what stands right before these comments in their threads, up to `limit` before each.

        In reading order, article by article, each comment once, and none of `ids` among them.
        """
        found: dict[int, tuple[bytes, int]] = {}
        with self._read() as connection:
            keys = keys_of(connection, ids)
            own: dict[int, Row[Any]] = {}
            for part in parts(keys.values()):
                line = select(comments.c.key, comments.c.article_digest, PLACE.label("place"))
                own.update({row.key: row for row in connection.execute(line.where(comments.c.key.in_(part)))})
            for key, row in own.items():
                if row.article_digest is not None:
                    before = select(comments.c.key, PLACE).where(comments.c.article_digest == row.article_digest)
                    before = before.where(tuple_(PLACE, comments.c.key) < tuple_(row.place, key))
                    before = before.order_by(PLACE.desc(), comments.c.key.desc()).limit(limit)
                    found.update({near: (row.article_digest, place) for near, place in connection.execute(before)})
            wanted = sorted(found.keys() - own.keys(), key=lambda near: (*found[near], near))
            return frame_of(comments_at(connection, wanted), COMMENTS)

    def thread(self, comment_id: str, *, limit: int = 200) -> pd.DataFrame:
        """Return the comments of the same article in reading order, with `depth` (0 answers the article).

        Where there are more than `limit`, those around the comment. A comment whose article is not known is alone.
        """
        with self._read() as connection:
            key = key_of(connection, comment_id)
            own = connection.execute(
                select(comments.c.article_digest, PLACE.label("place")).where(comments.c.key == key)
            ).one()
            keys = [key]
            if own.article_digest is not None and limit > 1:
                here = tuple_(PLACE, comments.c.key)
                line = select(comments.c.key).where(comments.c.article_digest == own.article_digest)
                at = tuple_(own.place, key)
                before = line.where(here < at).order_by(PLACE.desc(), comments.c.key.desc()).limit(limit - 1)
                behind = line.where(here > at).order_by(PLACE, comments.c.key).limit(limit - 1)
                earlier = list(connection.scalars(before))
                later = list(connection.scalars(behind))
                # Half of the room each, and what one side does not need goes to the other.
                room = limit - 1
                take = max(room // 2, room - len(later))
                earlier = earlier[:take]
                keys = [*reversed(earlier), key, *later[: room - len(earlier)]]
            frame = frame_of(comments_at(connection, keys), COMMENTS)
        frame["depth"] = depths_of(frame)
        return frame

    def history(self, author: str, *, limit: int = 50) -> pd.DataFrame:
        """Return what this author wrote, newest first: id, posted_at, text, action, by.

        `action` is the standing review's, else the newest decision's, else the status that the source gave; `by` is
        the moderator, the model, or "source". Both are missing where nobody has said anything.
        """
        with self._read() as connection:
            own = connection.scalars(
                select(comments.c.key)
                .where(comments.c.author_digest == digest_of(author))
                .order_by(AGE.desc(), comments.c.key.desc())
                .limit(limit)
            )
            keys = list(own)
            frame = frame_of(comments_at(connection, keys), COMMENTS)
            told = {key: ("review", action, by) for key, action, by in answers_at(connection, keys)}
            for key, action, by in newest_decisions(connection, keys):
                told.setdefault(key, ("decision", action, by))
        status = frame["status"]
        said = [
            told.get(key, ("source", status[row], "source") if status[row] != "unknown" else ("", None, None))
            for row, key in enumerate(keys)
        ]
        return frame[["id", "posted_at", "text"]].assign(
            action=strings([action for _, action, _ in said]), by=strings([by for _, _, by in said])
        )


def _count_places(connection: Connection, rows: Sequence[Mapping[str, Any]], facets: Counter[str]) -> None:
    under: Counter[bytes] = Counter()
    for row in rows:
        facets[f"status:{row['status']}"] += 1
        if row["source"] is not None:
            facets[f"source:{row['source'][:LONGEST_PLACE]}"] += 1
        if row["article_digest"] is not None:
            under[row["article_digest"]] += 1
    for part in parts(under):
        line = select(articles.c.id_digest, articles.c.site, articles.c.section).where(articles.c.id_digest.in_(part))
        for article in connection.execute(line.where(articles.c.site.is_not(None))):
            facets[f"site:{article.site}"] += under[article.id_digest]
            if article.section is not None:
                facets[f"section:{article.section}"] += under[article.id_digest]
