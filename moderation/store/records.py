"""Nothing in, the records and fixed words of the store out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Protocol, Self

from moderation.errors import StoreError
from moderation.labels import LABELS

__all__ = [
    "ACTIONS",
    "ANSWERS",
    "AUDIT_SHARE",
    "ORDERS",
    "ORIGINS",
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
    "Tells",
]

ACTIONS: Final = ("approve", "reject", "skip", "escalate")
ANSWERS: Final = ACTIONS[:2]
ORDERS: Final = ("strongest", "uncertain", "oldest", "reported", "audit")
ORIGINS: Final = ("review", "imported")
AUDIT_SHARE: Final = 0.05
LONGEST_SEARCH: Final = 200


@dataclass(frozen=True, slots=True)
class Added:
    """What `add_batch` found to be new and what it knew already."""

    comments_new: int
    comments_known: int
    statuses_changed: int
    articles_new: int
    articles_known: int


@dataclass(frozen=True, slots=True)
class Review:
    """A person's answer to one comment, or (action "undo", `undoes` set) the taking back of one.

    `labels` holds what was judged: True yes, False no; a label that is missing or None was not judged.
    `seen` is the `Store.version` of the comment when the card was drawn. `token` names the act, so that the same
    act sent twice counts once.
    """

    comment_id: str
    moderator: str
    action: str
    labels: Mapping[str, bool | None]
    seen: int
    at: datetime
    lens: str = ""
    note: str = ""
    token: str = ""
    id: int | None = None
    undoes: int | None = None
    act: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which comments: everything that is given must hold. The default is all that nobody has answered.

    `least` and `most` bound the probability of `label` under the model that is asked about. `decisions` are the
    newest decision's actions; what is not decided yet counts as "review". `answered` and `escalated`: yes, no, or
    (None) either. `site` is the host and `section` the first part of the path of the article's address. `since` and
    `until` bound when a comment was posted, `until` not included. Each of `words` must occur in text or author,
    whatever the case.

    >>> Filter(site="news.example", words="casino bonus").to_dict()
    {'site': 'news.example', 'words': 'casino bonus'}
    >>> Filter.from_dict({"least": 0.5})
    Traceback (most recent call last):
    moderation.errors.StoreError: filter: 'least' and 'most' bound a label's probability; name the label
    """

    label: str | None = None
    least: float | None = None
    most: float | None = None
    decisions: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    answered: bool | None = False
    escalated: bool | None = None
    sources: tuple[str, ...] = ()
    site: str | None = None
    section: str | None = None
    author: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""

    def __post_init__(self) -> None:
        if self.label is not None and self.label not in LABELS:
            raise StoreError(f"filter: unknown label {self.label!r}; known: {', '.join(LABELS)}")
        if self.label is None and not (self.least is None and self.most is None):
            raise StoreError("filter: 'least' and 'most' bound a label's probability; name the label")
        if any(moment is not None and moment.tzinfo is None for moment in (self.since, self.until)):
            raise StoreError("filter: a time has no zone; give an aware time (UTC)")
        if len(self.words) > LONGEST_SEARCH:
            raise StoreError(f"filter: more than {LONGEST_SEARCH} letters to look for; give fewer words")

    def to_dict(self) -> dict[str, Any]:
        """Return what is given, as JSON can hold it."""
        told: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                told[each.name] = (
                    value.isoformat()
                    if isinstance(value, datetime)
                    else list(value)
                    if isinstance(value, tuple)
                    else value
                )
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the filter that `to_dict` told; raises `StoreError` for what is none."""
        names = {each.name for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in told.items():
            if name not in names:
                raise StoreError(f"filter: unknown part {name!r}; known: {', '.join(sorted(names))}")
            try:
                values[name] = (
                    datetime.fromisoformat(value)
                    if name in {"since", "until"} and value is not None
                    else tuple(str(each) for each in value)
                    if name in {"decisions", "statuses", "sources"}
                    else value
                )
            except (TypeError, ValueError):
                raise StoreError(f"filter: part {name!r} cannot be read; save the lens again") from None
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Act:
    """One answer that was given to many comments at once; taken back, it is taken back whole.

    `left` counts the comments that somebody had answered before it: those were left alone. `matching` is the filter
    that chose them, None where they were named. `undoes` is set on the act that takes another one back, and `undone`
    says of an act that this has happened.
    """

    id: int
    moderator: str
    action: str
    size: int
    at: datetime
    labels: Mapping[str, bool]
    left: int = 0
    note: str = ""
    matching: Filter | None = None
    undoes: int | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two people's answers to one comment, neither given in sight of the other.

    `kind` is "dissent" (the second was given to a card that the first had overtaken) or "second" (a blind second
    review). `second` is no review: it decides nothing, and its `id` counts opinions.
    """

    comment_id: str
    kind: str
    first: Review
    second: Review
    differs: bool


@dataclass(frozen=True, slots=True)
class SavedLens:
    """A filter and an order under a name; `owner` is who saved it, "" where it is everybody's."""

    name: str
    owner: str
    matching: Filter
    order: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in: `stamp` is the number of the newest change, and `secret` what a password is checked against.

    An account that was removed has the role "".
    """

    name: str
    role: str
    secret: str
    stamp: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decided about one comment from one model's scores."""

    comment_id: str
    action: str
    reasons: list[dict[str, Any]]
    policy: str
    model: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the store holds; `scored` and `by_action` are one model's, and 0 and empty without a model."""

    comments: int
    articles: int
    scored: int
    waiting: int
    reviewed: int
    by_action: dict[str, int]
    by_label_yes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work and its latest report; `done` and `total` are in the job's own unit."""

    id: int
    kind: str
    arguments: dict[str, Any]
    at: datetime
    state: str = "queued"
    done: int = 0
    total: int = 0
    message: str = ""
    result: Any = None
    updated_at: datetime | None = None


class Tells(Protocol):
    """What tells itself as JSON can hold it."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as a mapping."""
        ...
