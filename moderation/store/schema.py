"""Nothing in; the tables of the store, and the steps from an older store to today's, out."""

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    bindparam,
    func,
    insert,
    inspect,
    literal_column,
    select,
    update,
)
from sqlalchemy.schema import CreateIndex

from moderation.errors import StoreError
from moderation.labels import LABELS

__all__ = [
    "AGE",
    "FACETS",
    "KEY",
    "LONGEST_PLACE",
    "METADATA",
    "MIGRATIONS",
    "PLACE",
    "SOURCE",
    "accounts",
    "acts",
    "articles",
    "claims",
    "comments",
    "counted_facets",
    "decisions",
    "job_events",
    "jobs",
    "lenses",
    "migrate",
    "models",
    "opinions",
    "place_of",
    "preferences",
    "recorded_steps",
    "refuse_newer",
    "reports",
    "reviews",
    "scores",
    "second_rank",
    "signins",
    "statuses",
    "tally",
    "truths",
    "withdrawals",
]

METADATA: Final = MetaData()
KEY: Final = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's own row number


class _Digest(LargeBinary):
    """Sixteen bytes, handed to the driver as they are: wrapping each one took a sixth of `add_batch`."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 -- SQLAlchemy's signature
        return None


DIGEST: Final = _Digest(16)
LONGEST_PLACE: Final = 200  # letters of a source, a site or a section that it is known by
LAST: Final = literal_column("9223372036854775807", BigInteger)  # written out: an index expression takes no parameter

# Texts are looked up by digest: a B-tree entry must fit in a third of a page, and a hostile name need not.
# Times are microseconds since 1970, UTC: exact, ordered and the same in both databases.

comments: Final = Table(
    "comments",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("id_digest", DIGEST, nullable=False, unique=True),
    Column("id", Text, nullable=False),
    Column("article_digest", DIGEST),
    Column("article_id", Text),
    Column("parent_id", Text),
    Column("author_digest", DIGEST),
    Column("author", Text),
    Column("author_url", Text),
    Column("text", Text, nullable=False),
    Column("posted_at", BigInteger),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),  # as first seen; later ones are rows of `statuses`
    Column("position", BigInteger),
    Column("audit", Double, nullable=False),
    Column("source", Text),
    Column("added_at", BigInteger, nullable=False),
)
# A comment without a time counts as posted when it was added; one without a place stands behind those with one.
AGE: Final = func.coalesce(comments.c.posted_at, comments.c.added_at)
PLACE: Final = func.coalesce(comments.c.position, LAST)
Index("comments_in_thread", comments.c.article_digest, PLACE, comments.c.key)
Index("comments_of_author", comments.c.author_digest, AGE, comments.c.key)
Index("comments_by_age", AGE, comments.c.key)
Index("comments_for_audit", comments.c.audit, comments.c.key)
Index("comments_by_status", comments.c.status, comments.c.key)
# The beginning only: a path may be longer than a B-tree entry may be.
SOURCE: Final = func.substr(comments.c.source, literal_column("1"), literal_column(str(LONGEST_PLACE)))
Index("comments_by_source", SOURCE, comments.c.key)

# Not an event: a later export may know what an earlier one left out, and the missing value is then filled in. A value
# that is there is never replaced.
articles: Final = Table(
    "articles",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("id_digest", DIGEST, nullable=False, unique=True),
    Column("id", Text, nullable=False),
    Column("url", Text),
    Column("title", Text),
    Column("text", Text),
    Column("published_at", BigInteger),
    Column("author", Text),
    # What the address says about where on the site this is; filled in with it.
    Column("site", Text),
    Column("section", Text),
    Index("articles_of_site", "site", "section", "id_digest"),
    Index("articles_of_section", "section", "id_digest"),
)

statuses: Final = Table(
    "statuses",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text),
    Column("at", BigInteger, nullable=False),
    Index("statuses_of_comment", "comment", "id"),
    Index("statuses_by_status", "status", "comment", "id"),
)

models: Final = Table(
    "models",
    METADATA,
    Column("key", KEY, primary_key=True),
    Column("version", Text, nullable=False, unique=True),
)

scores: Final = Table(
    "scores",
    METADATA,
    Column("model", KEY, ForeignKey("models.key"), primary_key=True, autoincrement=False),
    Column("comment", KEY, ForeignKey("comments.key"), primary_key=True, autoincrement=False),
    *(Column(label, Double) for label in LABELS),
    Column("strongest", Double),  # the highest of the flags: what "any flag" is ordered by
    Column("at", BigInteger, nullable=False),
    *(Index(f"scores_by_{label}", "model", label, "comment") for label in (*LABELS, "strongest")),
    sqlite_with_rowid=False,
)

decisions: Final = Table(
    "decisions",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("model", KEY, ForeignKey("models.key"), nullable=False),
    Column("policy", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("decisions_of_comment", "comment", "model", "id", "action", "policy"),
    Index("decisions_by_action", "model", "action", "comment"),
)

reviews: Final = Table(
    "reviews",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("moderator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lens", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("token", Text, unique=True),
    Column("undoes", KEY, ForeignKey("reviews.id"), unique=True),
    # +1 for an answer, -1 for its undo, else 0: a comment is answered while the sum over its events is above 0, which
    # one index answers without a flag that could be wrong.
    Column("weight", SmallInteger, nullable=False),
    Column("act", KEY, ForeignKey("acts.id")),  # the act on many comments that this is part of
    # An answer's fixed place in [0, 1), as good as random: below the share it is shown to a second person, blindly.
    Column("second", Double),
    Index("reviews_of_act", "act", "id"),
    Index("reviews_by_action", "action", "comment", "id"),
    Index("reviews_by_time", "at", "moderator", "action"),
    Index("reviews_for_second", "second", "id"),
    Index("reviews_of_comment", "comment", "weight", "id"),
    Index("reviews_by_moderator", "moderator", "id", "weight"),
)

# One answer to many comments; the answers themselves are rows of `reviews`.
acts: Final = Table(
    "acts",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("moderator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("matching", Text),
    Column("size", BigInteger, nullable=False),
    Column("left_alone", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("token", Text, unique=True),
    Column("undoes", KEY, ForeignKey("acts.id"), unique=True),
    Column("at", BigInteger, nullable=False),
    Index("acts_by_moderator", "moderator", "id"),
)

# What a second person said and what decides nothing: it came after somebody else's answer had been given (a
# dissent), or was asked for without showing that answer (a second). `since` is the newest review at that moment, which
# tells whether this or a review is a moderator's latest act.
opinions: Final = Table(
    "opinions",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("moderator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lens", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("token", Text, unique=True),
    Column("against", KEY, ForeignKey("reviews.id"), nullable=False),
    Column("differs", SmallInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("undoes", KEY, ForeignKey("opinions.id"), unique=True),
    Index("opinions_of_comment", "comment", "moderator", "kind", "id"),
    Index("opinions_by_moderator", "moderator", "kind", "id"),
    Index("opinions_by_difference", "differs", "id"),
)

# What readers reported. `total` is how often the comment was reported by then, this report included: of two reports
# of one comment the later has the higher one, so the most reported stand in line by an index and nothing is counted.
reports: Final = Table(
    "reports",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("token", Text, unique=True),
    Column("at", BigInteger, nullable=False),
    Index("reports_of_comment", "comment", "total"),
    Index("reports_by_total", "total", "comment"),
)

# The newest row of an owner and a name is the lens; without a body it is dropped.
lenses: Final = Table(
    "lenses",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", Text),
    Column("at", BigInteger, nullable=False),
)

# The newest row of a person and a name is what holds; the site's own settings are those of the person "".
preferences: Final = Table(
    "preferences",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("person_digest", DIGEST, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("preferences_of_person", "person_digest", "id"),
)

# The newest row of a name is the account; with the role "" it is removed. Passwords are never here, only what they are
# checked against.
accounts: Final = Table(
    "accounts",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("name_digest", DIGEST, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("accounts_of_name", "name_digest", "id"),
)

# Who tried to sign in, and whether the password was right: what slows down guessing.
signins: Final = Table(
    "signins",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("name_digest", DIGEST, nullable=False),
    Column("right", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("signins_of_name", "name_digest", "at"),
)

# Reviews that learning must forget. They stay decisions: what a site did is not undone by what it learns from it.
withdrawals: Final = Table(
    "withdrawals",
    METADATA,
    Column("review", KEY, ForeignKey("reviews.id"), primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Truth that came with a data set. A row holds only what was not known before it.
truths: Final = Table(
    "truths",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("comment", KEY, ForeignKey("comments.key"), nullable=False),
    Column("labels", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("truths_of_comment", "comment", "id"),
)

FACETS: Final = -1  # stands for a model in the rows of `tally` that count comments by source, site, section, status

# A ledger: every write books by how much it moved each count, in the same transaction, so that a count is a sum over
# few rows. `model` is 0 for what belongs to no model.
tally: Final = Table(
    "tally",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("model", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("change", BigInteger, nullable=False),
    Index("tally_sums", "model", "what", "change"),
)

# Not an event: who has which card open matters for two minutes and then to nobody, so a claim is overwritten and
# cleared away. It keeps two people from reading the same comment; what keeps them from both deciding it is
# `Review.seen`, and losing this table would lose nothing.
claims: Final = Table(
    "claims",
    METADATA,
    Column("comment", KEY, ForeignKey("comments.key"), primary_key=True, autoincrement=False),
    Column("moderator", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("claims_by_end", "until"),
)

jobs: Final = Table(
    "jobs",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

job_events: Final = Table(
    "job_events",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("job", KEY, ForeignKey("jobs.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("job_events_of_job", "job", "id"),
)

# This table is also the mark by which a store is known from any other database.
migrations: Final = Table(
    "moderation_migrations",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)


# --- Migrations ------------------------------------------------------------------------------------------------------


def first_tables(connection: Connection) -> None:
    """Create every table that is not there."""
    METADATA.create_all(connection)


def acts_people_and_places(connection: Connection) -> None:
    """Add acts on many comments, opinions, reports, lenses, people; and where on a site an article stands."""
    METADATA.create_all(connection)
    for table, columns in ((articles, ("site", "section")), (reviews, ("act", "second"))):
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for name in columns:
            if name not in there:
                kind = table.c[name].type.compile(connection.dialect)
                for key in table.c[name].foreign_keys:
                    kind += f" REFERENCES {key.column.table.name} ({key.column.name})"
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")
    for table in (comments, articles, statuses, reviews):
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
    _fill_in_places(connection)
    answers = select(reviews.c.id, comments.c.id_digest).join(comments).where(reviews.c.weight == 1)
    ranks = [{"of": row.id, "rank": second_rank(row.id_digest)} for row in connection.execute(answers)]
    if ranks:
        connection.execute(
            update(reviews).where(reviews.c.id == bindparam("of")).values(second=bindparam("rank")), ranks
        )


def _fill_in_places(connection: Connection) -> None:
    addresses = select(articles.c.key, articles.c.url).where(articles.c.url.is_not(None))
    places = [
        {"of": row.key, "host": site, "part": section}
        for row in connection.execute(addresses)
        for site, section in [place_of(row.url)]
        if site is not None
    ]
    if places:
        filled = update(articles).where(articles.c.key == bindparam("of"))
        connection.execute(filled.values(site=bindparam("host"), section=bindparam("part")), places)
    rows = [{"model": FACETS, "what": what, "change": number} for what, number in counted_facets(connection).items()]
    if rows:
        connection.execute(insert(tally), rows)


def counted_facets(connection: Connection) -> dict[str, int]:
    """Count comments by source, site, section and the status they have now, from the rows themselves."""
    newest = select(statuses.c.status).where(statuses.c.comment == comments.c.key).order_by(statuses.c.id.desc())
    status = func.coalesce(newest.limit(1).correlate(comments).scalar_subquery(), comments.c.status)
    there = comments.join(articles, articles.c.id_digest == comments.c.article_digest)
    sums: dict[str, int] = {}
    for kind, column, origin in (
        ("source", SOURCE, comments),
        ("status", status, comments),
        ("site", articles.c.site, there),
        ("section", articles.c.section, there),
    ):
        line = select(column.label("value"), func.count().label("number")).select_from(origin).group_by("value")
        for value, number in connection.execute(line):
            if value is not None:
                sums[f"{kind}:{value}"] = number
    return sums


def place_of(url: str | None) -> tuple[str | None, str | None]:
    """Return the host of an address, and the first part of its path if something follows that.

    >>> place_of("https://News.example/sport/2026/a-goal.html")
    ('news.example', 'sport')
    >>> place_of("https://news.example/a-goal.html"), place_of("http://[")
    (('news.example', None), (None, None))
    """
    try:
        address = urlsplit(url or "")
        site = address.hostname
    except ValueError:
        return None, None
    if not site:
        return None, None
    parts = [part for part in address.path.split("/") if part]
    return site[:LONGEST_PLACE], parts[0][:LONGEST_PLACE] if len(parts) > 1 else None


def second_rank(digest: bytes) -> float:
    """Return a comment's place in [0, 1) among those for a second review: another one than its place in the audit."""
    return (int.from_bytes(digest[8:16], "big") >> 11) / 2**53


# Run in order, each once, each recorded by name. A name that was released is never changed. A new store gets today's
# tables from the first step, so a later step asks what is there before it alters anything.
Migration = Callable[[Connection], None]
MIGRATIONS: Final[tuple[Migration, ...]] = (first_tables, acts_people_and_places)


def migrate(connection: Connection, steps: Sequence[Migration], place: str) -> None:
    """Bring a store through the steps it has not been through."""
    recorded = recorded_steps(connection)
    refuse_newer(recorded, steps, place)
    for number, step in enumerate(steps, 1):
        if number > len(recorded):
            step(connection)
            connection.execute(insert(migrations).values(number=number, name=step.__name__))


def recorded_steps(connection: Connection) -> list[str]:
    """Return the names of the steps a store has been through."""
    if not inspect(connection).has_table(migrations.name):
        return []
    return list(connection.scalars(select(migrations.c.name).order_by(migrations.c.number)))


def refuse_newer(recorded: Sequence[str], steps: Sequence[Migration], place: str) -> None:
    """Raise `StoreError` where a store has been through steps that this package does not know."""
    known = [step.__name__ for step in steps]
    if list(recorded) != known[: len(recorded)]:
        raise StoreError(f"{place}: made by a newer version of this package; upgrade the package to use it")
