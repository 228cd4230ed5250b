"""A store in, every review event with what bears on it out, as a table for an auditor."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from moderation.labels import LABELS
from moderation.store import Review, Store
from moderation.writers import TableWriter, harmless

__all__ = ["AUDIT", "audit_rows", "write_audit"]

CHUNK: Final = 1000

AUDIT: Final = pa.schema(
    [
        ("event", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("moderator", pa.string()),
        ("action", pa.string()),
        ("comment_id", pa.string()),
        ("author", pa.string()),
        ("text", pa.string()),
        *((label, pa.bool_()) for label in LABELS),
        ("note", pa.string()),
        ("lens", pa.string()),
        ("undoes", pa.int64()),
        ("act", pa.int64()),
        ("policy_action", pa.string()),
        ("policy", pa.string()),
        ("model", pa.string()),
    ]
)
"""What a row of the audit holds: who answered what and when, and what a policy had decided about the comment last."""


def audit_rows(
    store: Store, *, moderator: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> Iterator[pd.DataFrame]:
    """Yield review events, newest first, some at a time; undos too, for an audit must see what was taken back."""
    last: int | None = None
    while True:
        events = store.reviews(standing=False, moderator=moderator, since=since, until=until, before=last, limit=CHUNK)
        if not events:
            return
        yield _frame(store, events)
        last = events[-1].id


def write_audit(
    store: Store,
    out: Path,
    *,
    moderator: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Write review events to a file named by its extension, and return how many.

    In a CSV or TSV, which people open in a spreadsheet, what that would take for a formula has an apostrophe before it.
    """
    text = out.suffix.casefold() in {".csv", ".tsv"}
    written = 0
    with TableWriter(out, AUDIT) as table:
        for frame in audit_rows(store, moderator=moderator, since=since, until=until):
            table.write(harmless(frame) if text else frame)
            written += len(frame)
    return written


def _frame(store: Store, events: list[Review]) -> pd.DataFrame:
    ids = list(dict.fromkeys(event.comment_id for event in events))
    comments = store.batch(ids).comments.set_index("id")
    decided = store.decisions(ids)
    rows = []
    for event in events:
        decision = decided.get(event.comment_id)
        author = comments.loc[event.comment_id, "author"]
        rows.append(
            {
                "event": event.id,
                "at": event.at,
                "moderator": event.moderator,
                "action": event.action,
                "comment_id": event.comment_id,
                "author": author if isinstance(author, str) else None,
                "text": comments.loc[event.comment_id, "text"],
                **{label: event.labels.get(label) for label in LABELS},
                "note": event.note,
                "lens": event.lens,
                "undoes": event.undoes,
                "act": event.act,
                "policy_action": None if decision is None else decision.action,
                "policy": None if decision is None else decision.policy,
                "model": None if decision is None else decision.model,
            }
        )
    frame = pd.DataFrame(rows, columns=AUDIT.names).astype(object)
    for name in AUDIT.names:
        if AUDIT.field(name).type == pa.string():
            frame[name] = frame[name].astype("string[pyarrow]")
        elif AUDIT.field(name).type == pa.int64():
            frame[name] = frame[name].astype("Int64")
        elif AUDIT.field(name).type == pa.bool_():
            frame[name] = frame[name].astype("boolean")
    return frame.assign(at=pd.DatetimeIndex(frame["at"]).as_unit("us"))
