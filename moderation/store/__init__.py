"""Tables and events in, SQLite or PostgreSQL rows and the answers to the desk's questions out.

Comments and articles are kept as they came; scores, decisions, reviews, withdrawals, statuses and job reports are
events: rows that are added and never changed, so that "latest" is a query and nothing can drift. Two tables are no
events, and each says why beside its columns: `claims`, and what is filled in on `articles`.

Every write is one transaction under one writer's lock; what a killed process leaves behind is what was committed.
"""

from moderation.store.acts import Acts
from moderation.store.ingest import Ingest
from moderation.store.opinions import Opinions
from moderation.store.people import People
from moderation.store.queue import Queue
from moderation.store.records import (
    ACTIONS,
    AUDIT_SHARE,
    ORDERS,
    Account,
    Act,
    Added,
    Counts,
    Decision,
    Disagreement,
    Filter,
    Job,
    Review,
    SavedLens,
)
from moderation.store.reviewing import Reviewing
from moderation.store.rows import audit_rank
from moderation.store.scoring import Scoring
from moderation.store.work import Work

__all__ = [
    "ACTIONS",
    "AUDIT_SHARE",
    "ORDERS",
    "Account",
    "Act",
    "Added",
    "Counts",
    "Decision",
    "Disagreement",
    "Filter",
    "Job",
    "Review",
    "SavedLens",
    "Store",
    "audit_rank",
]


class Store(Ingest, Scoring, Queue, Reviewing, Acts, Opinions, People, Work):
    """Everything the site knows, in one SQLite file or one PostgreSQL database; safe to share between threads."""
