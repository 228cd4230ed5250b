"""What each comment system calls things in its exports and API answers: one table, a system an entry.

Sources: the systems' own documents and exporters. A field is looked for at the paths given, the first that holds
something counts; see `Shape` for the rest. Two systems need more than a table says and have files of their own.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

from moderation.readers.formats import Format
from moderation.readers.markup import plain_text
from moderation.readers.shapes import Fields, Record, Shape, State, at, entities, format_of

__all__ = ["SYSTEMS"]

NOUGHT: Final = frozenset((0, "0"))

# --- WordPress: the two routes that carry spam -----------------------------------------------------------------------

NO_DATE: Final = frozenset(("0000-00-00 00:00:00", "0000-00-00T00:00:00"))
WORDPRESS: Final = "wordpress"

WP_CLI: Final = Shape(
    source=WORDPRESS,
    marks=(("comment_ID", "comment_content"),),
    fields={
        "id": ("comment_ID",),
        "article_id": ("comment_post_ID",),
        "parent_id": ("comment_parent",),
        "author": ("comment_author",),
        "author_url": ("comment_author_url",),
        "text": ("comment_content",),
        "posted_at": ("comment_date_gmt", "comment_date"),
        "kind": ("comment_type",),
        "status": ("comment_approved",),
    },
    decode={"comment_content": plain_text, "comment_author": entities},
    nothing={"parent_id": NOUGHT, "article_id": NOUGHT, "posted_at": NO_DATE},
)


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


WP_REST: Final = Shape(
    source=WORDPRESS,
    marks=(("post", "author_name", "content.rendered"), ("post", "author_name", "content.raw")),
    fields={
        "id": ("id",),
        "article_id": ("post",),
        "article_url": ("link",),
        "parent_id": ("parent",),
        "author": ("author_name",),
        "author_url": ("author_url",),
        "text": ("content.raw", "content.rendered"),
        "posted_at": ("date_gmt", "date"),
        "kind": ("type",),
        "status": ("status",),
    },
    decode={
        "content.raw": plain_text,
        "content.rendered": plain_text,
        "author_name": entities,
        "link": _without_fragment,
    },
    lists=("comments", "data", "items", "body"),
    nothing={"parent_id": NOUGHT, "article_id": NOUGHT, "posted_at": NO_DATE},
)

# --- Blogger ---------------------------------------------------------------------------------------------------------

BLOGGER_API: Final = Shape(
    source="blogger",
    marks=(("post.id", "blog.id", "published", "author"),),
    fields={
        "id": ("id",),
        "article_id": ("post.id",),
        "parent_id": ("inReplyTo.id",),
        "author": ("author.displayName",),
        "author_url": ("author.url",),
        "text": ("content",),
        "posted_at": ("published",),
        "status": ("status",),
    },
    decode={"content": plain_text, "author.displayName": entities},
    lists=("items", "replies.items"),
    inherits={"article_title": ("title",), "article_text": ("content",), "article_url": ("url",)},
    passed_over=(("blog.id", "title", "content"),),
)

# --- YouTube ---------------------------------------------------------------------------------------------------------


def _videos(value: Record, state: State) -> Fields:
    if isinstance(at(value, "snippet.title"), str) and isinstance(value.get("id"), str):
        state[value["id"]] = (at(value, "snippet.title"), at(value, "snippet.description"))
    return {}


def _title_of_video(found: Fields, _record: Record, _given: Fields, state: State) -> None:
    if found.get("article_id") in state:
        found["article_title"], found["article_text"] = state[found["article_id"]]


YOUTUBE: Final = Shape(
    source="youtube",
    marks=(("snippet.textDisplay",), ("snippet.textOriginal",)),
    fields={
        "id": ("id",),
        "article_id": ("snippet.videoId",),
        "parent_id": ("snippet.parentId",),
        "author": ("snippet.authorDisplayName",),
        "author_url": ("snippet.authorChannelUrl",),
        "text": ("snippet.textOriginal", "snippet.textDisplay"),
        "posted_at": ("snippet.publishedAt",),
        "status": ("snippet.moderationStatus",),
    },
    decode={"snippet.textDisplay": plain_text},
    lists=("items", "snippet.topLevelComment", "replies.comments", "comments"),
    inherits={"article_id": ("snippet.videoId",)},
    passed_over=(("snippet.title", "snippet.description"), ("kind", "pageInfo")),
    begin=lambda _source, _tally: {},
    around=_videos,
    finish=_title_of_video,
    idle=True,
)


def _takeout_text(text: str) -> str:
    """Return the text of a comment in Google Takeout, which is plain, or one of two JSON forms in pieces."""
    if not text.startswith("{"):
        return text
    try:
        value = orjson.loads(f"[{text}]")
    except orjson.JSONDecodeError:
        return text
    pieces = [each for part in value for each in _pieces(part)]
    return "".join(pieces) if pieces else text


def _pieces(part: Any) -> Iterable[str]:
    segments = part.get("takeoutSegments") if isinstance(part, dict) else None
    for segment in segments if isinstance(segments, list) else [part]:
        if isinstance(segment, dict) and isinstance(segment.get("text"), str):
            yield segment["text"]


def _channel(name: str) -> str:
    return f"http://www.youtube.com/channel/{name}" if name.startswith("UC") else name


TAKEOUT: Final = Shape(
    source="youtube",
    marks=(("Comment ID", "Channel ID", "Comment Text"),),
    fields={
        "id": ("Comment ID",),
        "article_id": ("Video ID", "Post ID"),
        "parent_id": ("Parent Comment ID",),
        "author_url": ("Channel ID",),
        "text": ("Comment Text",),
        "posted_at": ("Comment Create Timestamp",),
    },
    decode={"Comment Text": _takeout_text, "Channel ID": _channel},
)
LIVE_CHAT: Final = Shape(
    source="youtube",
    marks=(("Live Chat ID", "Channel ID", "Live Chat Text"),),
    fields={
        "id": ("Live Chat ID",),
        "article_id": ("Video ID",),
        "author_url": ("Channel ID",),
        "text": ("Live Chat Text",),
        "posted_at": ("Live Chat Create Timestamp",),
    },
    decode={"Live Chat Text": _takeout_text, "Channel ID": _channel},
)
YOUTUBE_SPAM: Final = Shape(
    source="youtube-spam",
    marks=(("COMMENT_ID", "AUTHOR", "CONTENT", "CLASS"),),
    fields={
        "id": ("COMMENT_ID",),
        "author": ("AUTHOR",),
        "text": ("CONTENT",),
        "posted_at": ("DATE",),
        "article_title": ("VIDEO_NAME",),
    },
    decode={"CONTENT": lambda text: plain_text(text).strip("\ufeff")},
    flags={"spam": "CLASS"},
)

# --- Reddit ----------------------------------------------------------------------------------------------------------

# Submissions kept for the comments that come after them in the same file.
SUBMISSIONS: Final = 200_000
# What stands where a text was: removed by moderators, deleted by its author. The first is kept, as it says what was
# decided of a comment that an earlier export may have brought.
REMOVED: Final = frozenset(("[removed]", "[ Removed by Reddit ]", "[removed by reddit]"))
DELETED: Final = frozenset(("[deleted]", "[deleted by user]"))
GONE: Final = REMOVED | DELETED
# Who removed it, by the site's own word.
REMOVED_BY: Final = {
    **dict.fromkeys(("moderator", "automod_filtered", "anti_evil_ops", "community_ops"), "rejected"),
    **dict.fromkeys(("copyright_takedown", "content_takedown", "legal_operations"), "rejected"),
    "reddit": "spam",  # its own filter
    **dict.fromkeys(("deleted", "author", "user"), "trash"),
}
# What a reason for a removal says of the comment; rules have names of a community's own, and most say nothing certain.
REASONS: Final = (
    ("spam", re.compile(r"\bspam|self.?promo|advertis|\bscam", re.IGNORECASE)),
    ("off_topic", re.compile(r"\boff.?topic|irrelevant|unrelated", re.IGNORECASE)),
    (
        "incitement",
        re.compile(r"\bincit\w*|(?:glorif|encourag|threaten)\w* (?:of )?violence|violent content", re.IGNORECASE),
    ),
)
LONGEST_REASON: Final = 500


def _submission(value: Record, state: State) -> Fields:
    name = value.get("id")
    if isinstance(name, str) and isinstance(value.get("title"), str):
        if len(state) >= SUBMISSIONS:
            del state[next(iter(state))]
        state[name] = value
    return {}


def _submission_of(found: Fields, record: Record, _given: Fields, state: State) -> None:
    _decided(found, record)
    value = state.get(str(found.get("article_id")))
    if value is not None:
        text = value.get("selftext")
        found["article_title"] = entities(value["title"])
        found["article_text"] = entities(text) if isinstance(text, str) and text not in GONE else None
        found["article_url"] = value.get("url")


def _decided(found: Fields, record: Record) -> None:
    """Set what moderators decided and why, from a removed text, a note, a reason or a report."""
    if found.get("status") not in _STATES and found.get("text") in REMOVED:
        found["status"] = "rejected"
    reasons = [record.get(key) for key in ("removal_reason", "mod_reason_title", "mod_note", "ban_note")]
    said = [reason[:LONGEST_REASON] for reason in reasons if isinstance(reason, str)]
    if found.get("status") == "rejected":
        if said and said[-1].strip().casefold() in ("spam", "confirm spam"):
            found["status"] = "spam"
        reports = record.get("mod_reports")
        said.extend(
            report[0][:LONGEST_REASON]
            for report in (reports[:20] if isinstance(reports, list) else ())
            if isinstance(report, list) and report and isinstance(report[0], str)
        )
        for label, words in REASONS:
            if any(words.search(reason) and not reason.casefold().startswith("remove not") for reason in said):
                found[label] = 1
    elif found.get("status") not in _STATES and (
        record.get("mod_reports") or record.get("user_reports") or record.get("num_reports")
    ):
        found["status"] = "pending"  # reported, and nobody has decided


_STATES: Final = frozenset(("spam", "rejected", "trash", "approved"))

REDDIT: Final = Shape(
    source="reddit",
    marks=(("body", "link_id", "created_utc"), ("body", "parent_id", "subreddit")),
    fields={
        "id": ("id",),
        "article_id": ("link_id",),
        "article_title": ("link_title",),
        "parent_id": ("parent_id",),
        "author": ("author",),
        "text": ("body",),
        "posted_at": ("created_utc",),
        "status": ("removed_by_category",),
    },
    decode={"body": entities, "link_title": entities},
    lists=("data", "children", "replies"),
    states=(
        ("spam", "spam"),
        ("removed", "rejected"),
        ("banned_by", "rejected"),
        ("approved", "approved"),
        ("approved_by", "approved"),
    ),
    statuses=REMOVED_BY,
    nothing={"author": GONE, "text": DELETED},
    prefixes={"parent_id": "t1_", "article_id": "t3_"},
    passed_over=(("title", "selftext"), ("title", "subreddit"), ("kind", "data")),
    begin=lambda _source, _tally: {},
    around=_submission,
    finish=_submission_of,
    idle=True,
    closely={"text": REMOVED, "status": frozenset(("rejected",))},
    closely_at=("mod_reports", "user_reports", "num_reports"),
)

# --- Commento, Remark42, Isso ----------------------------------------------------------------------------------------


def _commenters(value: Record, state: State) -> Fields:
    people = value.get("commenters")
    for person in people if isinstance(people, list) else ():
        if isinstance(person, dict):
            state[str(person.get("commenterHex"))] = person
    return {}


def _commenter(found: Fields, record: Record, _given: Fields, state: State) -> None:
    person = state.get(str(record.get("commenterHex")))
    if person is not None:
        found["author"], found["author_url"] = person.get("name"), person.get("link")
        if found["author_url"] == "undefined":  # what the system writes for none
            del found["author_url"]
    domain, path = record.get("domain"), record.get("url")
    if isinstance(domain, str) and isinstance(path, str):
        found["article_id"] = f"{domain}{path}"
        found["article_url"] = f"https://{domain}{path}"


COMMENTO: Final = Shape(
    source="commento",
    marks=(("commentHex", "markdown"), ("commentHex", "html")),
    fields={
        "id": ("commentHex",),
        "parent_id": ("parentHex",),
        "text": ("html", "markdown"),
        "posted_at": ("creationDate",),
        "status": ("state",),
    },
    decode={"html": plain_text},
    lists=("comments",),
    states=(("deleted", "trash"),),
    nothing={"parent_id": frozenset(("root",))},
    begin=lambda _source, _tally: {},
    around=_commenters,
    finish=_commenter,
)

REMARK42: Final = Shape(
    source="remark42",
    marks=(("pid", "locator", "text"),),
    fields={
        "id": ("id",),
        "article_id": ("locator.url",),
        "article_url": ("locator.url",),
        "article_title": ("title",),
        "parent_id": ("pid",),
        "author": ("user.name",),
        "text": ("text", "orig"),
        "posted_at": ("time",),
    },
    decode={"text": plain_text},
    lists=("comments",),
    states=(("delete", "trash"),),
    passed_over=(("version", "users"), ("version", "posts")),
)

ISSO_JSON: Final = Shape(
    source="isso",
    marks=(("remote_addr", "created", "text"), ("website", "created", "text", "author")),
    fields={
        "id": ("id",),
        "parent_id": ("parent",),
        "author": ("author",),
        "author_url": ("website",),
        "text": ("text",),
        "posted_at": ("created",),
    },
    lists=("comments", "replies"),
    inherits={"article_id": ("id", "uri"), "article_url": ("id", "uri"), "article_title": ("title",)},
)

# --- Discourse -------------------------------------------------------------------------------------------------------

# What became of a case: the words mean the flag in the one kind of case and the post in the other.
REVIEWED: Final = {
    "ReviewableFlaggedPost": {"0": "pending", "1": "rejected", "2": "approved", "4": "trash"},
    "ReviewableQueuedPost": {"0": "pending", "1": "approved", "2": "rejected", "4": "trash"},
    "ReviewableAkismetPost": {"0": "pending", "1": "spam", "2": "approved", "4": "spam"},
}
# What a flag says of the post, by its number and by its name.
FLAGGED_AS: Final = {"3": "off_topic", "off_topic": "off_topic", "8": "spam", "spam": "spam"}


def _post_numbers(found: Fields, record: Record, _given: Fields, state: State) -> None:
    """Turn the number within the topic that a post answers into the id of that post."""
    topic = found.get("article_id")
    answered = found.pop("reply_to", None)
    if topic is None:
        return
    state[f"{topic}/{record.get('post_number')}"] = found.get("id")
    if answered is not None:
        found["parent_id"] = state.get(f"{topic}/{answered}")


DISCOURSE: Final = Shape(
    source="discourse",
    marks=(("post_number", "topic_id", "raw"), ("post_number", "topic_id", "cooked")),
    fields={
        "id": ("id", "post_id"),
        "article_id": ("topic_id",),
        "article_title": ("topic_title",),
        "reply_to": ("reply_to_post_number",),
        "author": ("username", "name"),
        "text": ("raw", "cooked"),
        "posted_at": ("created_at",),
    },
    decode={"cooked": plain_text},
    lists=("post_stream.posts", "posts", "latest_posts"),
    inherits={"article_title": ("title",)},
    states=(("deleted_at", "trash"), ("user_deleted", "trash"), ("hidden", "rejected")),
    begin=lambda _source, _tally: {},
    finish=_post_numbers,
)
DISCOURSE_ARCHIVE: Final = Shape(
    source="discourse",
    marks=(("topic_title", "post_raw"),),
    fields={
        "id": ("id", "post_id"),
        "article_title": ("topic_title",),
        "text": ("post_raw", "post_cooked"),
        "posted_at": ("created_at",),
    },
    decode={"post_cooked": plain_text},
)


def _side_loaded(value: Record, state: State) -> Fields:
    """Keep what a review queue lists beside the cases: topics, people and the flags' scores, by number."""
    for key in ("topics", "users", "reviewable_scores", "score_types"):
        there = value.get(key)
        for each in there if isinstance(there, list) else ():
            if isinstance(each, dict):
                state[f"{key} {each.get('id')}"] = each
    return {}


def _case(found: Fields, record: Record, _given: Fields, state: State) -> None:
    kind, outcome = str(record.get("type")), str(record.get("status"))
    found["status"] = REVIEWED.get(kind, {}).get(outcome, "unknown")
    found.setdefault("id", f"review-{record.get('id')}")  # a post that never appeared has no number
    topic = state.get(f"topics {record.get('topic_id')}")
    if topic is not None:
        found["article_title"] = topic.get("title")
    person = state.get(f"users {record.get('target_created_by_id', record.get('created_by_id'))}")
    if person is not None:
        found["author"] = person.get("username")
    if kind == "ReviewableFlaggedPost" and outcome in ("1", "2"):
        for reason in _flags(record, state):
            found[reason] = 1 if outcome == "1" else 0


def _flags(record: Record, state: State) -> set[str]:
    """Name the labels that the flags of a case stand for."""
    scores = record.get("reviewable_scores", record.get("reviewable_score_ids"))
    found = set()
    for score in scores if isinstance(scores, list) else ():
        whole = score if isinstance(score, dict) else state.get(f"reviewable_scores {score}", {})
        kind = whole.get("score_type", whole.get("score_type_id"))
        if isinstance(kind, dict):
            names = [kind.get("id"), kind.get("type"), kind.get("name_key")]
        else:
            names = [kind, state.get(f"score_types {kind}", {}).get("type")]
        found |= {FLAGGED_AS[str(name)] for name in names if str(name) in FLAGGED_AS}
    return found


DISCOURSE_REVIEW: Final = Shape(
    source="discourse",
    marks=(("type", "status", "payload", "score"), ("type", "status", "target_id", "score")),
    fields={
        "id": ("target_id",),
        "article_id": ("topic_id",),
        "article_title": ("payload.title",),
        "text": ("payload.raw", "raw", "cooked"),
        "posted_at": ("created_at",),
        "article_url": ("topic_url",),
    },
    decode={"cooked": plain_text},
    lists=("reviewables",),
    begin=lambda _source, _tally: {},
    around=_side_loaded,
    finish=_case,
)

# --- Facebook --------------------------------------------------------------------------------------------------------

FACEBOOK: Final = Shape(
    source="facebook",
    # A post looks like a comment but for what only comments have; the last mark is a comment asked for bare.
    marks=(
        ("message", "created_time", "is_hidden"),
        ("message", "created_time", "comment_count"),
        ("message", "created_time", "like_count"),
        ("message", "created_time", "can_remove"),
        ("message", "created_time", "parent"),
        ("message", "created_time", "from"),
    ),
    fields={
        "id": ("id",),
        "parent_id": ("parent.id",),
        "author": ("from.name",),
        "text": ("message",),
        "posted_at": ("created_time",),
        "article_id": ("object.id",),
    },
    lists=("data", "comments.data", "replies.data"),
    inherits={"article_id": ("id",), "article_text": ("message", "story"), "article_url": ("permalink_url",)},
    states=(("is_hidden", "rejected"),),
    passed_over=(("created_time", "id"),),
)

# --- Data sets -------------------------------------------------------------------------------------------------------

JIGSAW: Final = Shape(
    source="jigsaw",
    marks=(("comment_text", "toxic", "severe_toxic", "obscene", "identity_hate"),),
    fields={"id": ("id",), "text": ("comment_text",)},
    flags={
        "toxicity": "toxic",
        "severe_toxicity": "severe_toxic",
        "profanity": "obscene",
        "threat": "threat",
        "insult": "insult",
        "identity_attack": "identity_hate",
    },
)


def _whole(number: str) -> str:
    # A column of whole numbers that has gaps is written as one of floats.
    return number.removesuffix(".0")


CIVIL: Final = Shape(
    source="civil",
    marks=(("comment_text", "article_id", "rating", "identity_attack"),),
    fields={
        "id": ("id",),
        "article_id": ("article_id",),
        "parent_id": ("parent_id",),
        "text": ("comment_text",),
        "posted_at": ("created_date",),
        "status": ("rating",),
    },
    decode={"parent_id": _whole, "article_id": _whole},
    fractions={
        "toxicity": ("toxicity", "target"),
        "severe_toxicity": ("severe_toxicity",),
        "profanity": ("obscene",),
        "threat": ("threat",),
        "insult": ("insult",),
        "identity_attack": ("identity_attack",),
    },
)

# --- Coral: what its users may download; the operator's export has a file of its own ---------------------------------

CORAL_DOWNLOAD: Final = Shape(
    source="coral",
    marks=(("Comment ID", "Published Timestamp", "Article URL", "Comment Text"),),
    fields={
        "id": ("Comment ID",),
        "article_url": ("Article URL",),
        "text": ("Comment Text",),
        "posted_at": ("Published Timestamp",),
    },
    decode={"Comment Text": plain_text},
)

SYSTEMS: Final[tuple[Format, ...]] = (
    format_of("blogger-api", "Blogger API", (BLOGGER_API,)),
    format_of("civil", "Civil Comments", (CIVIL,)),
    format_of("commento", "Commento", (COMMENTO,)),
    format_of("coral-download", "Coral user's download", (CORAL_DOWNLOAD,)),
    format_of("discourse", "Discourse", (DISCOURSE_REVIEW, DISCOURSE, DISCOURSE_ARCHIVE)),
    format_of("facebook", "Facebook Graph API", (FACEBOOK,)),
    format_of("isso-json", "Isso's generic JSON", (ISSO_JSON,)),
    format_of("jigsaw", "Jigsaw toxic comments", (JIGSAW,)),
    format_of("reddit", "Reddit, Pushshift, Arctic Shift", (REDDIT,), (".jsonl",)),
    format_of("remark42", "Remark42 backup", (REMARK42,)),
    format_of("wordpress-rest", "WordPress REST API", (WP_REST,)),
    format_of("wp-cli", "WP-CLI comment list", (WP_CLI,)),
    format_of("youtube", "YouTube Data API, Takeout", (YOUTUBE, TAKEOUT, LIVE_CHAT)),
    format_of("youtube-spam", "YouTube spam collection", (YOUTUBE_SPAM,)),
)
