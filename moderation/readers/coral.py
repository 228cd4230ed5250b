"""Coral's collections as `mongoexport` writes them in, batches out: comments, with titles, names and reasons joined.

One file holds the comments; stories, users and the moderators' actions lie in files beside it (same folder, same
archive), and are looked up there. Of each comment the last revision is read. The reason that a moderator gave for a
rejection is truth about the comment, and the best there is: `Batch.truth` carries it.
"""

from collections.abc import Mapping
from typing import Final

from moderation.readers.formats import Format
from moderation.readers.json_values import values
from moderation.readers.losses import Tally
from moderation.readers.markup import plain_text
from moderation.readers.shapes import Fields, Record, Shape, State, at, format_of, moment
from moderation.readers.source import Source

__all__ = ["CORAL"]

# A moderator's reason for a rejection -> the label that it affirms. What the others mean for a text is not certain.
REASONS: Final[Mapping[str, str]] = {
    "ABUSIVE": "toxicity",
    "AD": "spam",
    "BANNED_WORD": "profanity",
    "HARASSMENT_BULLYING": "insult",
    "HATE_SPEECH": "identity_attack",
    "IRRELEVANT_CONTENT": "off_topic",
    "OFFENSIVE": "toxicity",
    "SPAM": "spam",
}

STORY: Final = ("tenantID", "commentCounts", "url")
ACTION: Final = ("commentID", "commentRevisionID", "moderatorID")
PERSON: Final = ("tenantID", "username", "role")


def _beside(source: Source, tally: Tally) -> State:
    state: State = {"stories": {}, "people": {}, "actions": {}}
    if b'"revisions"' not in source.head:
        return state  # one of the other files itself
    # Files of other kinds have their own words: counted apart, so that nothing in them counts as a comment.
    for other in source.beside(("stor", "user", "moderationaction")):
        for value in values(other, Tally(), ()):
            for record in value if isinstance(value, list) else (value,):
                if isinstance(record, dict):
                    _keep(record, state)
    for kind, found in state.items():
        if found:
            tally.note(f"{{n}} {kind} found beside the comments", len(found))
    return state


def _keep(record: Record, state: State) -> None:
    if all(key in record for key in ("commentID", "moderatorID", "status")):
        made = str(moment(record.get("createdAt")))
        before = state["actions"].get(record["commentID"])
        if before is None or before[0] <= made:  # the last word counts
            state["actions"][record["commentID"]] = (made, record["status"], _reason(record))
    elif "url" in record and "id" in record:
        metadata = record.get("metadata")
        about = metadata if isinstance(metadata, dict) else {}
        state["stories"][record["id"]] = (
            record["url"],
            about.get("title"),
            about.get("description"),
            about.get("author"),
            moment(about.get("publishedAt")),
        )
    elif "username" in record and "id" in record:
        state["people"][record["id"]] = record["username"]


def _reason(record: Record) -> str | None:
    for path in ("rejectionReason.code", "reason.code", "rejectionReason", "reason"):
        found = at(record, path)
        if isinstance(found, str):
            return found
    return None


def _joined(found: Fields, record: Record, _given: Fields, state: State) -> None:
    found["text"] = plain_text(_last_body(record))
    if isinstance(found.get("article_id"), str) and found["article_id"] in state["stories"]:
        url, title, text, author, published = state["stories"][found["article_id"]]
        found |= {
            "article_url": url,
            "article_title": title,
            "article_text": text,
            "article_author": author,
            "article_published_at": published,
        }
    found["author"] = state["people"].get(record.get("authorID")) if isinstance(record.get("authorID"), str) else None
    _made, status, reason = state["actions"].get(found.get("id"), ("", None, None))
    if status == "REJECTED" and found.get("status") == "REJECTED" and reason in REASONS:
        found[REASONS[reason]] = 1
        if REASONS[reason] == "spam":
            found["status"] = "spam"


def _last_body(record: Record) -> str:
    revisions = record.get("revisions")
    for revision in reversed(revisions) if isinstance(revisions, list) else ():
        if isinstance(revision, dict) and isinstance(revision.get("body"), str):
            return str(revision["body"])
    body = record.get("body")
    return body if isinstance(body, str) else ""


SHAPE: Final = Shape(
    source="coral",
    marks=(("storyID", "revisions"),),
    fields={
        "id": ("id",),
        "article_id": ("storyID",),
        "parent_id": ("parentID",),
        "posted_at": ("createdAt",),
        "status": ("status",),
    },
    decode={"createdAt": moment},
    lists=("comments", "data"),
    states=(("deletedAt", "trash"),),
    companions=(STORY, ACTION, PERSON),
    begin=_beside,
    finish=_joined,
)
CORAL: Final[Format] = format_of("coral", "Coral, by mongoexport", (SHAPE,), (".jsonl", ".json"))
