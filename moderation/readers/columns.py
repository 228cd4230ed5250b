"""The column names that exports use in, ours out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from moderation.errors import InputError, TableError
from moderation.readers.losses import Tally
from moderation.tables import TRUTH

__all__ = ["ALIASES", "FIELDS", "INNER", "PERSONAL", "Choice", "choose", "is_text_name", "note_unused", "plain"]

# Our field -> what exports call it, best first. Compared without case, spaces and punctuation, so "Comment Text",
# "comment_text" and "commentText" are one name. `article_*` are inline context: they go to the articles table.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "comment_id", "cid", "uuid", "guid", "comment_hex"),
    "article_id": ("article_id", "story_id", "thread_id", "topic_id", "comment_post_id", "post_id", "page_id",
                   "video_id", "link_id"),
    "parent_id": ("parent_id", "parent", "comment_parent", "reply_to", "reply_to_id", "in_reply_to",
                  "parent_comment_id", "reply_to_post_number"),
    "author": ("author", "username", "user", "name", "comment_author", "author_name", "display_name", "nickname",
               "nick", "screen_name", "commenter", "poster", "author_display_name"),
    "author_url": ("author_url", "comment_author_url", "user_url", "author_link", "website", "homepage",
                   "author_channel_url"),
    "text": ("text", "comment", "body", "content", "message", "comment_text", "comment_content", "comment_body",
             "body_text", "raw_text", "raw", "post_text", "review", "tweet", "text_original", "text_display",
             "comments"),
    "posted_at": ("posted_at", "created_at", "created", "comment_date_gmt", "comment_date", "created_utc", "date_utc",
                  "date", "time", "timestamp", "datetime", "published_at", "published", "posted", "created_time",
                  "comment_time", "date_created", "publish_date"),
    "kind": ("kind", "type", "comment_type"),
    "status": ("status", "comment_status", "comment_approved", "approved", "moderation_status", "state"),
    "position": ("position", "comment_number", "post_number"),
    # A bare "title" or "url" may as well be the comment's or its author's: those take a map.
    "article_title": ("article_title", "post_title", "story_title", "page_title", "headline"),
    "article_text": ("article_text", "article_body", "article_content", "post_body", "post_content", "story_text"),
    "article_url": ("article_url", "post_url", "story_url", "page_url"),
    "article_author": ("article_author", "post_author", "byline"),
    "article_published_at": ("article_published_at", "post_date", "article_date"),
    # What a person has said already: a column for each label, or one of words ("spam", "ham").
    "verdict": ("verdict", "label", "class", "category", "is_spam_or_ham"),
    **{label: (label, f"is_{label}") for label in TRUTH},
}  # fmt: skip
FIELDS: Final = tuple(ALIASES)

# Values that are themselves objects: where the plain value lies in them.
INNER: Final[Mapping[str, tuple[str, ...]]] = {
    "author": ("name", "username", "display_name", "displayName", "login"),
    "text": ("raw", "text", "rendered", "content", "body"),
    "posted_at": ("$date", "date", "time"),
    "id": ("$oid", "id"),
    "parent_id": ("$oid", "id"),
    "article_id": ("$oid", "id"),
}

# Never read, so that they reach neither store nor logs; named here only to say so in a note.
PERSONAL: Final = frozenset(
    ("email", "mail", "emailaddress", "authoremail", "commentauthoremail", "useremail", "ip", "ipaddress", "authorip",
     "commentauthorip", "userip", "remoteaddr", "ipaddr", "commentagent", "useragent")
)  # fmt: skip

LISTED: Final = 30
_PUNCTUATION: Final = re.compile(r"[\W_]+")
# What a column's name may look like to be repeated in a message: the first row of a file without a header is data.
_NAME: Final = re.compile(r"[\w$@#.:/()\[\]-]{1,40}(?: [\w$@#.:/()\[\]-]{1,20}){0,3}")


@lru_cache(1 << 12)
def plain(name: str) -> str:
    """Return `name` as it is compared: lower case letters and digits only."""
    return _PUNCTUATION.sub("", name).casefold()


_FIELD_OF: Final = {plain(alias): field for field, aliases in ALIASES.items() for alias in aliases}
_TEXT_NAMES: Final = frozenset(map(plain, ALIASES["text"]))

Choice = Mapping[str, Sequence[str]]
"""Our field -> the foreign columns that may hold it, best first."""


def is_text_name(name: str) -> bool:
    """Tell whether a column of this name would be taken for the comments' text."""
    return plain(name) in _TEXT_NAMES


def choose(names: Iterable[str], wanted: Mapping[str, str], place: str) -> Choice:
    """Return which of the foreign `names` hold which field; `wanted` (ours -> foreign) goes before the aliases.

    Raises `InputError` where `wanted` names a field that is not ours, `TableError` where it names a column that is
    not there, or where no column holds text.
    """
    there = list(names)
    exact = set(there)
    for field in wanted:
        if field not in ALIASES:
            raise InputError(f"column map: {field!r} is not a field; fields are {', '.join(FIELDS)}")
    by_plain: dict[str, str] = {}
    for name in there:
        by_plain.setdefault(plain(name), name)
    taken: set[str] = set()
    choice: dict[str, list[str]] = {}
    for field, name in wanted.items():
        found = name if name in exact or name.split(".", 1)[0] in exact else by_plain.get(plain(name))
        if found is None:
            raise TableError(
                f"{place}: column {name!r}, asked for as {field}, is not there; {_listing(there)}; "
                f"correct --map {field}=NAME"
            )
        choice[field] = [found]
        taken.add(found)
    for field, aliases in ALIASES.items():
        if field in choice:
            continue
        found_names = [by_plain[plain(alias)] for alias in aliases if plain(alias) in by_plain]
        found_names = [name for name in dict.fromkeys(found_names) if name not in taken]
        if found_names:
            choice[field] = found_names
            taken.update(found_names)
    if "text" not in choice:
        raise TableError(
            f"{place}: no column 'text' (nor comment, body, content …); {_listing(there)}; name it with --map text=NAME"
        )
    return choice


def _listing(names: Sequence[str]) -> str:
    if not names:
        return "it has no columns"
    parts = [name if _NAME.fullmatch(name) else f"(column {i})" for i, name in enumerate(names[:LISTED], 1)]
    return "columns are " + ", ".join(parts) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def note_unused(names: Iterable[str], choice: Choice, tally: Tally) -> None:
    """Note which of the foreign `names` are not read, and which of them are not because they hold personal data."""
    taken = {name for found in choice.values() for name in found}
    taken |= {name.split(".", 1)[0] for name in taken}
    rest = [name for name in names if name not in taken]
    personal = [name for name in rest if plain(name) in PERSONAL]
    unknown = [name for name in rest if plain(name) not in PERSONAL and _NAME.fullmatch(name)]
    if personal:
        tally.note(f"left out as personal data: {', '.join(personal[:LISTED])}")
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        tally.note(f"not used: {', '.join(unknown[:LISTED])}{more}")
