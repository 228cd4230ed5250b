"""Exports of comment systems in, batches out: a golden file for each format, and the odd forms that each is met in."""
# ruff: noqa: E501 - samples are as wide as what they are samples of

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import sqlite3
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.readers import FORMATS, read
from moderation.tables import Batch


def lines(records: Iterable[object]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def table(*rows: Iterable[object], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def isso_database(path: Path, *, odd: bool = False) -> None:
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));"
            "CREATE TABLE comments (tid REFERENCES threads(id), id INTEGER PRIMARY KEY, parent INTEGER, created FLOAT "
            "NOT NULL, modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR, author VARCHAR, email VARCHAR, "
            "website VARCHAR, likes INTEGER DEFAULT 0, dislikes INTEGER DEFAULT 0, voters BLOB NOT NULL);"
            "INSERT INTO threads VALUES (1, '/bread/', 'Bread'), (2, '/rye/', NULL);"
            "INSERT INTO comments VALUES "
            "(1, 1, NULL, 1195981500.25, NULL, 1, '10.0.0.1', 'Keep *the* oven.', 'Ada', 'a@example.org', "
            "'http://example.org/', 1, 0, x'00'),"
            "(1, 2, 1, 1195981600, NULL, 2, '10.0.0.2', 'Held.', NULL, NULL, NULL, 0, 0, x'00'),"
            "(2, 3, NULL, 1195981700, NULL, 4, '10.0.0.3', 'Gone?', 'Ben', NULL, NULL, 0, 0, x'00');"
        )
        if odd:
            database.executescript(
                "INSERT INTO comments VALUES (9, 4, 77, 0, NULL, 8, '', '', x'ff', NULL, 12, 0, 0, x'00');"
                "INSERT INTO comments VALUES (9, 5, 77, -1e300, NULL, 'x', '', x'80ff', 1.5, NULL, 12, 0, 0, x'00');"
                "CREATE TRIGGER t AFTER UPDATE ON comments BEGIN DELETE FROM comments; END;"
                "CREATE VIEW v AS SELECT load_extension('/tmp/x') FROM comments;"
            )
    database.close()


YOUTUBE_TOP = {
    "kind": "youtube#comment", "id": "Ugz1",
    "snippet": {
        "videoId": "v1", "textDisplay": "Keep &amp; share<br>the oven &lt;3", "authorDisplayName": "@ada",
        "authorChannelUrl": "http://www.youtube.com/channel/UCa", "authorChannelId": {"value": "UCa"},
        "publishedAt": "2024-03-01T10:00:00Z", "updatedAt": "2024-03-01T10:00:00Z", "likeCount": 3,
    },
}  # fmt: skip
YOUTUBE_REPLY = {
    "kind": "youtube#comment", "id": "Ugz1.r1",
    "snippet": {
        "parentId": "Ugz1", "textDisplay": "Buy &lt;b&gt; here", "textOriginal": "Buy <b> here",
        "authorDisplayName": "@ben", "publishedAt": "2024-03-01T11:00:00Z", "moderationStatus": "likelySpam",
    },
}  # fmt: skip
YOUTUBE_THREAD = {
    "kind": "youtube#commentThread", "id": "Ugz1",
    "snippet": {"videoId": "v1", "channelId": "UCx", "totalReplyCount": 1, "topLevelComment": YOUTUBE_TOP},
    "replies": {"comments": [YOUTUBE_REPLY]},
}  # fmt: skip
YOUTUBE_PAGE = {
    "kind": "youtube#commentThreadListResponse", "nextPageToken": "x", "pageInfo": {"totalResults": 1},
    "items": [YOUTUBE_THREAD],
}  # fmt: skip

WP_ROW = {
    "comment_ID": "17", "comment_post_ID": "5", "comment_date": "2007-11-25 10:05:00",
    "comment_date_gmt": "2007-11-25 09:05:00", "comment_approved": "spam", "comment_author": "Ada &amp; Co",
    "comment_author_email": "a@example.org", "comment_author_url": "http://example.org/", "comment_author_IP": "10.0.0.1",
    "comment_agent": "Mozilla", "comment_type": "comment", "comment_parent": "0", "user_id": "0",
    "comment_content": "Buy <b>ovens</b>\n\nhere &amp; now",
}  # fmt: skip
WP_PING = WP_ROW | {
    "comment_ID": "18", "comment_approved": "1", "comment_type": "pingback", "comment_parent": "17",
    "comment_date_gmt": "0000-00-00 00:00:00", "comment_content": "[...] bread [...]",
}  # fmt: skip
WP_REST = {
    "id": 21, "post": 5, "parent": 0, "author": 0, "author_name": "Ada", "author_url": "http://example.org/",
    "date": "2007-11-25T10:05:00", "date_gmt": "2007-11-25T09:05:00",
    "content": {"rendered": "<p>Keep the&nbsp;oven.</p>\n"}, "link": "http://example.org/bread/#comment-21",
    "status": "hold", "type": "comment", "meta": [],
}  # fmt: skip
BLOGGER = {
    "kind": "blogger#comment", "id": "301", "post": {"id": "71"}, "blog": {"id": "7"}, "status": "LIVE",
    "published": "2012-10-23T09:05:00-07:00", "updated": "2012-10-23T09:05:00-07:00",
    "content": "Keep<br />the oven.", "author": {"id": "9", "displayName": "Ada", "url": "http://example.org/"},
}  # fmt: skip
REDDIT = {
    "id": "c1", "name": "t1_c1", "link_id": "t3_s1", "parent_id": "t3_s1", "subreddit": "bread", "author": "ada",
    "body": "Keep &gt; the oven &amp;amp; more", "created_utc": 1195981500, "score": 4,
}  # fmt: skip
CORAL = {
    "_id": {"$oid": "5f"}, "tenantID": "t", "siteID": "x", "storyID": "s1", "id": "k1", "authorID": "u1",
    "parentID": None, "status": "REJECTED", "createdAt": {"$date": "2021-05-01T10:00:00.000Z"}, "deletedAt": None,
    "revisions": [
        {"id": "r1", "body": "<div>First try.</div>", "createdAt": {"$date": "2021-05-01T10:00:00.000Z"}},
        {"id": "r2", "body": "<div>What about my <b>cat</b>?</div>"},
    ],
}  # fmt: skip
CORAL_STORY = {
    "id": "s1", "tenantID": "t", "siteID": "x", "url": "https://example.org/bread", "commentCounts": {},
    "metadata": {"title": "Bread", "author": "Eve", "publishedAt": {"$date": {"$numberLong": "1195981500000"}}},
}  # fmt: skip
CORAL_ACTION = {
    "id": "a1", "tenantID": "t", "storyID": "s1", "commentID": "k1", "commentRevisionID": "r2", "moderatorID": "m1",
    "status": "REJECTED", "createdAt": {"$date": "2021-05-02T10:00:00.000Z"},
    "rejectionReason": {"code": "IRRELEVANT_CONTENT"},
}  # fmt: skip
COMMENTO = {
    "version": 1,
    "comments": [
        {"commentHex": "aa", "domain": "example.org", "url": "/bread", "commenterHex": "p1", "markdown": "Keep *it*.",
         "html": "<p>Keep <em>it</em>.</p>", "parentHex": "root", "score": 1, "state": "approved",
         "creationDate": "2020-01-02T03:04:05Z", "deleted": False},
        {"commentHex": "ab", "domain": "example.org", "url": "/bread", "commenterHex": "anonymous", "markdown": "No.",
         "parentHex": "aa", "state": "flagged", "creationDate": "2020-01-02T03:05:05Z"},
    ],
    "commenters": [{"commenterHex": "p1", "email": "a@example.org", "name": "Ada", "link": "undefined"}],
}  # fmt: skip
REMARK = [
    {"version": 1, "users": [], "posts": [{"url": "https://example.org/bread", "count": 2}]},
    {"id": "m1", "pid": "", "text": "<p>Keep it.</p>", "orig": "Keep it.", "user": {"name": "Ada", "id": "g_1", "ip": "x"},
     "locator": {"site": "s", "url": "https://example.org/bread"}, "score": 0, "time": "2020-01-02T03:04:05.6-05:00",
     "title": "Bread"},
    {"id": "m2", "pid": "m1", "text": "", "orig": "", "user": {"name": "Ben"}, "delete": True,
     "locator": {"site": "s", "url": "https://example.org/bread"}, "time": "2020-01-02T03:05:05-05:00"},
]  # fmt: skip
DISCOURSE_TOPIC = {
    "id": 12, "title": "Bread", "slug": "bread",
    "post_stream": {"posts": [
        {"id": 101, "topic_id": 12, "post_number": 1, "username": "eve", "cooked": "<p>About bread.</p>",
         "created_at": "2020-01-02T03:04:05.000Z", "reply_to_post_number": None, "hidden": False},
        {"id": 102, "topic_id": 12, "post_number": 2, "username": "ada", "cooked": "<p>Keep &amp; share.</p>",
         "created_at": "2020-01-02T03:05:05.000Z", "reply_to_post_number": 1, "hidden": True},
    ], "stream": [101, 102]},
}  # fmt: skip
REVIEW_QUEUE = {
    "reviewables": [
        {"id": 1, "type": "ReviewableFlaggedPost", "status": 1, "score": 4.5, "target_id": 102, "topic_id": 12,
         "target_created_by_id": 3, "created_at": "2020-01-03T00:00:00Z", "payload": {}, "raw": "My cat is ill.",
         "reviewable_score_ids": [8]},
        {"id": 2, "type": "ReviewableAkismetPost", "status": 1, "score": 1, "target_id": 103, "topic_id": 12,
         "created_at": "2020-01-03T00:00:00Z", "payload": {"raw": "Buy ovens"}},
        {"id": 3, "type": "ReviewableQueuedPost", "status": 0, "score": 1, "created_at": "2020-01-03T00:00:00Z",
         "topic_id": 12, "payload": {"raw": "May I?", "title": "A question"}},
    ],
    "topics": [{"id": 12, "title": "Bread"}], "users": [{"id": 3, "username": "ada"}],
    "reviewable_scores": [{"id": 8, "score_type": {"id": 3, "type": "off_topic"}}],
}  # fmt: skip
FACEBOOK = {
    "data": [
        {"id": "p_1", "message": "We bake.", "created_time": "2019-05-01T10:00:00+0000", "permalink_url": "https://x/1",
         "comments": {"data": [
             {"id": "1_2", "message": "Keep it.", "created_time": "2019-05-01T11:00:00+0000", "like_count": 2,
              "from": {"id": "9", "name": "Ada"}, "is_hidden": False,
              "comments": {"data": [{"id": "1_3", "message": "No.", "created_time": "2019-05-01T12:00:00+0000",
                                     "is_hidden": True}]}},
         ]}},
    ],
    "paging": {"cursors": {"after": "x"}},
}  # fmt: skip
JIGSAW_HEAD = ["id", "comment_text", "toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
CIVIL_HEAD = ["id", "target", "comment_text", "severe_toxicity", "obscene", "identity_attack", "insult", "threat",
              "created_date", "parent_id", "article_id", "rating"]  # fmt: skip
TAKEOUT = [
    "Comment ID",
    "Channel ID",
    "Comment Create Timestamp",
    "Price",
    "Parent Comment ID",
    "Video ID",
    "Comment Text",
]

# Format -> variant -> a file's name and content; the first is the form that the system's own documents show.
SAMPLES = {
    "wp-cli": {
        "as json": ("spam.json", json.dumps([WP_ROW, WP_PING])),
        "as csv": ("spam.csv", table(WP_ROW, WP_ROW.values(), WP_PING.values())),
        "few columns, one object a line": (
            "x.txt",
            lines({key: row[key] for key in ("comment_ID", "comment_content")} for row in (WP_ROW, WP_PING)),
        ),
    },
    "wordpress-rest": {
        "a page": ("comments.json", json.dumps([WP_REST, WP_REST | {"id": 22, "parent": 21, "status": "spam"}])),
        "with the raw text, pages in a list": (
            "x.json",
            json.dumps([[WP_REST | {"content": {"rendered": "<p>a</p>", "raw": "Raw & <i>ready</i>"}}], [], [WP_REST]]),
        ),
        "pages one after the other": ("x", json.dumps([WP_REST], indent=1) + json.dumps([WP_REST | {"id": 23}], indent=1)),
    },
    "blogger-api": {
        "a list": (
            "x.json",
            json.dumps({"kind": "blogger#commentList", "items": [BLOGGER, BLOGGER | {
                "id": "302", "inReplyTo": {"id": "301"}, "status": "SPAM"}]}),
        ),
        "emptied": ("x.json", lines([BLOGGER, BLOGGER | {"id": "303", "status": "EMPTIED", "content": ""}])),
        "inside its post": (
            "x.json",
            json.dumps({"kind": "blogger#post", "id": "71", "blog": {"id": "7"}, "title": "Bread", "content": "<p>Long.</p>",
                        "url": "http://example.org/b", "replies": {"items": [BLOGGER]}}),
        ),
    },
    "youtube": {
        "threads": ("x.json", json.dumps(YOUTUBE_PAGE, indent=2)),
        "pages one after the other": (
            "x.json",
            json.dumps(YOUTUBE_PAGE) + json.dumps({"kind": "youtube#commentListResponse", "items": [
                YOUTUBE_REPLY | {"id": "Ugz1.r2"}]}),
        ),
        "pages in a list, with the video": (
            "x.json",
            json.dumps([{"kind": "youtube#videoListResponse", "items": [
                {"kind": "youtube#video", "id": "v1", "snippet": {"title": "Bread", "description": "How to."}}]},
                YOUTUBE_PAGE]),
        ),
        "takeout": (
            "comments.csv",
            table(TAKEOUT, ["Ug1", "UCa", "2023-09-19T17:42:53.434647+00:00", "0", "", "v1",
                            '{"takeoutSegments":[{"text":"Keep "},{"text":"it."}]}'],
                  ["Ug1.b", "UCa", "2023-09-19T18:42:53Z", "0", "Ug1", "v1", "plain, old"]),
        ),
        "takeout of today": (
            "comments.csv",
            table(["Comment ID", "Channel ID", "Comment create timestamp", "Price", "Parent comment ID", "Post ID",
                   "Video ID", "Comment text", "Top-level comment ID"],
                  ["Ug1", "UCa", "2025-02-11T19:04:00Z", "0", "", "p9", "", '{"text":"Hi "},{"text":"all","link":{}}', ""],
                  ["Ug2", "UCa", "2025-02-11T19:05:00Z", "0", "Ug1", "", "v1", '{"not json', "Ug1"]),
        ),
    },
    "youtube-spam": {
        "as published": (
            "Youtube01.csv",
            table(["COMMENT_ID", "AUTHOR", "DATE", "CONTENT", "CLASS"],
                  ["z1", "Ada", "2013-11-07T06:20:48", "Keep it &#39;here&#39;<br />ok\ufeff", "0"],
                  ["z2", "Ben", "", "sub me", "1"]),
        ),
        "with the video": (
            "x.csv",
            table(["COMMENT_ID", "AUTHOR", "DATE", "CONTENT", "VIDEO_NAME", "CLASS"], ["z1", "Ada", "x", "Hm", "Song", "2"]),
        ),
        "semicolons": ("x.csv", table(["COMMENT_ID", "AUTHOR", "DATE", "CONTENT", "CLASS"], ["z1", "", "", "Hm", " 1"],
                                      delimiter=";")),
    },
    "reddit": {
        "comments": ("RC.jsonl", lines([REDDIT, REDDIT | {"id": "c2", "parent_id": "t1_c1", "author": "[deleted]"}])),
        "with submissions, times as text": (
            "x.jsonl",
            lines([{"id": "s1", "title": "Bread &amp; salt", "selftext": "Long.", "url": "https://x/1", "subreddit": "bread"},
                   REDDIT | {"created_utc": "1195981500"}, REDDIT | {"id": "c3", "body": "[removed]"}]),
        ),
        "as a moderator sees it": (
            "x.json",
            json.dumps({"kind": "Listing", "data": {"children": [
                {"kind": "t1", "data": REDDIT | {"id": "c4", "spam": True, "created_utc": 1195981500.0}},
                {"kind": "t1", "data": REDDIT | {"id": "c5", "removed": True}},
                {"kind": "t1", "data": REDDIT | {"id": "c6", "approved": True}}]}}),
        ),
        "what was removed, by whom and why": (
            "x.jsonl",
            lines(REDDIT | {"id": f"d{number}"} | said for number, said in enumerate([
                {"body": "[removed]", "author": "[deleted]"},
                {"body": "[deleted]", "author": "[deleted]"},
                {"removed_by_category": "moderator", "mod_reason_title": "Rule 2: stay on topic (Off-Topic)"},
                {"removed_by_category": "reddit"},
                {"removed_by_category": "deleted"},
                {"banned_by": "AutoModerator", "ban_note": "spam"},
                {"banned_by": True, "mod_reports": [["Inciting violence", "eve"], 7, []], "ban_note": "remove not spam"},
                {"approved_by": "eve", "user_reports": [["This is spam", 3]]},
                {"mod_reports": [], "user_reports": [["I do not like it", 1]]},
                {"removed_by_category": "a new word", "removal_reason": None, "num_reports": 0},
            ])),
        ),
    },
    "coral": {
        "comments alone": ("comments.jsonl", lines([CORAL, CORAL | {"id": "k2", "parentID": "k1", "status": "NONE"}])),
        "as a list, other dates": (
            "x.json",
            json.dumps([CORAL | {"createdAt": {"$date": {"$numberLong": "1619863200000"}}, "status": "PREMOD"}], indent=1),
        ),
        "no revision, deleted": (
            "x.jsonl",
            lines([CORAL | {"revisions": [], "id": "k3"}, CORAL | {"id": "k4", "deletedAt": {"$date": "2021-06-01"}}]),
        ),
    },
    "coral-download": {
        "as downloaded": (
            "my_comments.csv",
            table(["Comment ID", "Published Timestamp", "Article URL", "Comment URL", "Comment Text"],
                  ["k1", "5/1/2021, 10:00:00", "https://example.org/b", "https://example.org/b?commentID=k1", "<b>Hi</b>"]),
        ),
        "day first": (
            "x.csv",
            table(["Comment ID", "Published Timestamp", "Article URL", "Comment URL", "Comment Text"],
                  ["k1", "31.5.2021, 10:00:00", "", "", "Hi"], ["k2", "", "", "", ""]),
        ),
        "tabs": ("x.tsv", table(["Comment ID", "Published Timestamp", "Article URL", "Comment Text"], ["k", "?", "u", "Hi"],
                                delimiter="\t")),
    },
    "commento": {
        "an export": ("x.json", json.dumps(COMMENTO)),
        "people first": ("x.json", json.dumps(dict(reversed(list(COMMENTO.items()))), indent=1)),
        "deleted": (
            "x.json",
            json.dumps(COMMENTO | {"comments": [COMMENTO["comments"][0] | {"deleted": True, "html": None}]}),
        ),
    },
    "remark42": {
        "a backup": ("backup.json", lines(REMARK)),
        "no head": ("x.json", lines(REMARK[1:])),
        "one document": ("x.json", json.dumps({"comments": REMARK[1:]}, indent=1)),
    },
    "isso-json": {
        "threads": (
            "x.json",
            json.dumps([{"id": "/bread/", "title": "Bread", "comments": [
                {"id": "1", "author": "Ada", "email": "a@example.org", "website": "http://example.org/",
                 "remote_addr": "10.0.0.1", "created": "2007-11-25 09:05:00", "text": "Keep it."}]}]),
        ),
        "numbers": (
            "x.json",
            json.dumps([{"id": "/b/", "title": None, "comments": [
                {"id": 1, "author": None, "website": None, "remote_addr": "", "created": 1195981500, "text": "Hm", "parent": 7}]}]),
        ),
        "no comments in the first": (
            "x.json",
            json.dumps([{"id": "/a/", "comments": []}, {"id": "/b/", "comments": [
                {"id": "1", "remote_addr": "x", "created": "", "text": ""}]}]),
        ),
    },
    "discourse": {
        "a topic": ("12.json", json.dumps(DISCOURSE_TOPIC)),
        "posts as a table": (
            "posts.csv",
            table(["id", "created_at", "username", "topic_id", "post_number", "reply_to_post_number", "raw", "deleted_at",
                   "hidden"], [101, "2020-01-02 03:04:05 UTC", "eve", 12, 1, "", "About bread.", "", "false"],
                  [102, "2020-01-02 03:05:05 UTC", "ada", 12, 2, 1, "Keep *it*.", "", "true"],
                  [103, "2020-01-02 03:06:05 UTC", "ben", 12, 3, 2, "Gone.", "2020-01-03", "false"]),
        ),
        "the review queue": ("review.json", json.dumps(REVIEW_QUEUE)),
        "a user's archive": (
            "x.csv",
            table(["topic_title", "categories", "is_pm", "post_raw", "post_cooked", "like_count", "created_at"],
                  ["Bread", "Food", "No", "Keep *it*.", "<p>Keep <em>it</em>.</p>", 1, "2020-01-02 03:04:05 UTC"]),
        ),
    },
    "facebook": {
        "a feed": ("x.json", json.dumps(FACEBOOK)),
        "comments alone": ("x.json", json.dumps({"data": FACEBOOK["data"][0]["comments"]["data"]}, indent=1)),
        "a parent given": (
            "x.json",
            lines([{"id": "2", "message": "", "created_time": "x", "parent": {"id": "1"}},
                   {"id": "3", "message": "Hm", "created_time": "2019-05-01T12:00:00+0000", "parent": {"id": "1"}}]),
        ),
    },
    "jigsaw": {
        "train": ("train.csv", table(JIGSAW_HEAD, ["a1", "Keep it.", 0, 0, 0, 0, 0, 0], ["a2", "You fool", 1, 0, 0, 0, 1, 0])),
        "not judged": ("test.csv", table(JIGSAW_HEAD, ["a1", "Keep it.", *[-1] * 6])),
        "floats": ("x.csv", table(JIGSAW_HEAD, ["a1", "x\ny", "1.0", "", "0.0", "?", "nan", "0.5"])),
    },
    "civil": {
        "train": (
            "train.csv",
            table(CIVIL_HEAD, [59, 0.0, "Keep it.", 0, 0, 0, 0, 0, "2015-09-29 10:50:41.987077+00", "", 2006, "approved"],
                  [60, 0.6, "Fools.", 0, 0.2, "", 0.83, 0, "2015-09-29 11:50:41+00", 59.0, 2006, "rejected"]),
        ),
        "all data": (
            "all_data.csv",
            table(["id", "comment_text", "split", "created_date", "article_id", "rating", "toxicity", "identity_attack"],
                  [61, "Hm", "test", "2015-09-29", 2007, "approved", 0.49, 1.0]),
        ),
        "out of range": ("x.csv", table(CIVIL_HEAD, [62, 7, "Hm", "nan", "inf", -1, "x", 1, "", "", "", ""])),
    },
}  # fmt: skip


def told(batches: list[Batch], reading) -> dict[str, object]:
    """Return what came out, as JSON; what is missing is left out."""

    def rows(frame: pd.DataFrame) -> list[dict[str, object]]:
        return [
            {name: str(value) for name, value in row.items() if not pd.isna(value) and value != "unknown"}
            for row in frame.to_dict("records")
        ]

    truth = [
        {"id": str(index), **{label: int(value) for label, value in row.items() if not pd.isna(value)}}
        for batch in batches
        for index, row in batch.truth.iterrows()
    ]
    return {
        "format": reading.format,
        "comments": [row for batch in batches for row in rows(batch.comments)],
        "articles": [row for batch in batches for row in rows(batch.articles)],
        "truth": truth,
        "lost": [str(line) for line in reading.loss.lines],
        "notes": list(reading.loss.notes),
    }


def take(path: Path, kind: str | None = None, **options):
    reading = read(path, kind, **options)
    batches = [batch.validate() for batch in reading]
    report = reading.loss
    assert report.records_in == report.comments_out + report.lost
    assert report.comments_out == sum(map(len, batches))
    assert 'example.org"' not in str(report.notes)
    return told(batches, reading)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_system_is_read_as_its_golden_file_says(tmp_path, golden, kind):
    found = {}
    for number, (variant, (name, content)) in enumerate(SAMPLES[kind].items()):
        found[variant] = take(put(tmp_path / str(number), name, content))
    golden(f"system-{kind}", json.loads(json.dumps(found).replace(str(tmp_path), "")))


def test_isso_s_database_is_read_as_its_golden_file_says(tmp_path, golden):
    isso_database(tmp_path / "comments.db")
    isso_database(tmp_path / "odd", odd=True)
    packed = put(tmp_path, "comments.db.gz", gzip.compress((tmp_path / "comments.db").read_bytes()))
    found = {"as it is": take(tmp_path / "comments.db"), "odd": take(tmp_path / "odd"), "packed": take(packed)}
    golden("system-isso", found)
    assert found["packed"]["comments"] == found["as it is"]["comments"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_system_is_told_by_content_and_personal_data_stay_out(tmp_path, kind):
    for number, (name, content) in enumerate(SAMPLES[kind].values()):
        got = take(put(tmp_path / str(number), f"export{number}.dat", content))
        assert got["format"] == kind, name
        assert "a@example.org" not in str(got)
        assert "10.0.0.1" not in str(got)


# Files that belong together.


def test_coral_s_collections_are_joined(tmp_path, golden):
    files = {
        "comments.json": lines([CORAL, CORAL | {"id": "k2", "storyID": "none"}, CORAL | {"id": "k3", "status": "APPROVED"}]),
        "stories.json": lines([CORAL_STORY]),
        "commentModerationActions.json": lines(
            [CORAL_ACTION, CORAL_ACTION | {"commentID": "k2", "rejectionReason": None, "reason": "AD"},
             CORAL_ACTION | {"commentID": "k3", "reason": "SPAM"},
             CORAL_ACTION | {"commentID": "k3", "status": "APPROVED", "createdAt": {"$date": "2022-05-02T10:00:00.000Z"}}]
        ),
        "users.json": lines([{"id": "u1", "tenantID": "t", "username": "ada", "email": "a@example.org", "role": "COMMENTER"}]),
    }  # fmt: skip
    for name, content in files.items():
        put(tmp_path / "dump", name, content)
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"coral/{name}", content)
    whole = take(tmp_path / "dump")
    golden("system-coral-folder", whole)
    assert take(tmp_path / "dump.zip") == whole
    assert take(tmp_path / "dump" / "comments.json")["comments"] == whole["comments"]
    assert "a@example.org" not in str(whole)


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_system_s_packed_file_is_read_as_the_plain_one(tmp_path, packer):
    plain = put(tmp_path, "backup.json", SAMPLES["remark42"]["a backup"][1])
    packed = put(tmp_path, f"backup.json.{packer}", PACKERS[packer](plain.read_bytes()))
    assert take(packed) == take(plain)


@pytest.mark.parametrize("kind", ["youtube", "wordpress-rest", "facebook", "commento"])
def test_a_document_too_large_to_be_held_is_read_the_same(tmp_path, monkeypatch, kind):
    from moderation.readers import json_values

    path = put(tmp_path, "x.json", next(iter(SAMPLES[kind].values()))[1])
    whole = take(path)
    monkeypatch.setattr(json_values, "WHOLE", 8)  # a limit of our own; the file would have to be of 64 MiB
    parts = take(path)
    if kind == "commento":  # names come after the comments there, and are not waited for
        whole["comments"][0].pop("author")
    assert parts == whole


@given(
    items=st.lists(
        st.dictionaries(
            st.text(max_size=5), st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=3), max_size=4
        ),
        max_size=6,
    ),
    indent=st.sampled_from([None, 1]),
    inside=st.booleans(),
    cut=st.integers(0, 400),
)
def test_elements_are_those_of_the_document(tmp_path_factory, items, *, indent, inside, cut):
    from moderation.readers.json_values import elements
    from moderation.readers.losses import Tally
    from moderation.readers.source import Source

    text = json.dumps({"before": [1], "items": items, "after": {"items": [2]}} if inside else items, indent=indent)
    path = put(tmp_path_factory.mktemp("elements"), "x", text)
    tally = Tally()
    got = list(elements(Source.of(path), tally, ("items",)))
    assert got == ([{"before": [1], "items": [item]} for item in items] if inside else items)
    assert tally.records_in == 0
    if 0 < cut < len(text.rstrip("]} \n")):
        path.write_text(text[:cut], encoding="utf-8")
        tally = Tally()
        part = list(elements(Source.of(path), tally, ("items",)))
        assert part == got[: len(part)]
        assert tally.report().lost == tally.records_in == 1


# Anything at all.


def survives(folder: Path, name: str, content: bytes, kind: str | None) -> None:
    path = put(folder, name, content)
    try:
        take(path, kind, chunk_rows=3)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the property is that nothing else is raised, and it is one line


FORMS = [(kind, variant) for kind, variants in SAMPLES.items() for variant in variants]


@settings(max_examples=150)
@given(
    form=st.sampled_from(FORMS),
    place=st.integers(0, 3000),
    damage=st.binary(max_size=4),
    cut=st.booleans(),
    told=st.booleans(),
)
def test_no_damage_to_an_export_raises_anything_else(tmp_path_factory, form, place, damage, *, cut, told):
    name, content = SAMPLES[form[0]][form[1]]
    whole = bytearray(content.encode("utf-8"))
    at = place % len(whole)
    whole[at : at + len(damage)] = damage
    survives(tmp_path_factory.mktemp("damage"), name, bytes(whole[:at] if cut else whole), form[0] if told else None)


KEYS = sorted(
    {
        key
        for kind in SAMPLES.values()
        for _, content in kind.values()
        for key in re.findall(r'"([A-Za-z_]+)":', content)
    }
)
WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=150)
@given(document=WILD, kind=st.sampled_from(sorted(FORMATS)))
def test_no_json_with_a_system_s_keys_raises_anything_else(tmp_path_factory, document, kind):
    survives(tmp_path_factory.mktemp("wild"), "x.json", json.dumps(document).encode(), kind)


@settings(max_examples=60)
@given(place=st.integers(0, 20_000), damage=st.binary(min_size=1, max_size=8), cut=st.booleans())
def test_no_damage_to_a_database_raises_anything_else(tmp_path_factory, place, damage, cut):
    folder = tmp_path_factory.mktemp("database")
    isso_database(folder / "whole.db", odd=True)
    whole = bytearray((folder / "whole.db").read_bytes())
    at = place % len(whole)
    whole[at : at + len(damage)] = damage
    survives(folder, "x.db", bytes(whole[:at] if cut else whole), "isso")


@pytest.mark.parametrize(
    "schema",
    [
        """CREATE TABLE threads (id, uri, title); CREATE VIEW comments AS SELECT 1 AS tid, randomblob(9) AS id,
        0 AS parent, 0 AS created, 1 AS mode, 'x' AS text, 'a' AS author, 'remote_addr' AS website""",
        """CREATE TABLE threads (id, uri, title); CREATE TABLE comments (tid, id, parent, created, mode, text, author,
        remote_addr, website AS (hex(zeroblob(4))))""",
        "CREATE TABLE threads (id); CREATE TABLE comments (tid, remote_addr)",
    ],
    ids=["a view", "a column that is worked out", "other columns"],
)
def test_a_hostile_database_is_refused_before_anything_in_it_runs(tmp_path, schema):
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.executescript(schema)
        if "website AS" in schema:
            database.execute("INSERT INTO comments VALUES (1, 1, 0, 0, 1, 'x', 'a', 'b')")
    database.close()
    before = (tmp_path / "x.db").read_bytes()
    with pytest.raises(InputError) as refusal:
        take(tmp_path / "x.db")
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "x.db").read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.db"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_reading_twice_gives_the_same_ids(tmp_path, kind):
    name, content = next(iter(SAMPLES[kind].values()))
    path = put(tmp_path, name, content)
    assert take(path) == take(path, chunk_rows=1) | {"articles": take(path)["articles"]}
    ids = [row["id"] for row in take(path)["comments"]]
    assert all(":" in each for each in ids)


# What columns say is true.


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("id,text,is_spam\n1,a,1\n2,b,0\n3,c,\n4,d,maybe\n", {}, {"1": 1, "2": 0}),
        ("id,text,spam\n1,a,TRUE\n2,b,no\n", {}, {"1": 1, "2": 0}),
        ("id,text,label\n1,a,Spam\n2,b,ham\n3,c,not spam\n4,d,news\n", {}, {"1": 1, "2": 0, "3": 0}),
        ("id,text,class\n1,a,1\n2,b,0\n", {}, {}),
        ("id,text,class\n1,a,1\n2,b,0\n", {"columns": {"spam": "class"}}, {"1": 1, "2": 0}),
    ],
)
def test_label_columns_are_truth_where_they_say_what_they_mean(tmp_path, text, options, expected):
    got = take(put(tmp_path, "x.csv", text), **options)
    assert {row["id"]: row["spam"] for row in got["truth"]} == expected
    if not expected:
        assert got["notes"] == ["2 verdicts are bare numbers and not used; --map spam=NAME says what they mean"]


# Workbooks.


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


BOOK = [
    ["id", "Comment", "created", "is_spam", "E-mail"],
    [7, "Keep it.", datetime(2020, 1, 2, 3, 4, 5), 1, "a@example.org"],  # noqa: DTZ001 - a workbook knows no zones
    ["b", "And & that", date(2020, 1, 2), False, None],
    [8, None, None, None, None],
    [],
    [9.5, 12.0, "soon", "no"],
]


def test_a_workbook_is_read_as_its_golden_file_says(tmp_path, golden):
    found = {
        "one sheet": take(workbook(tmp_path / "x.xlsx", BOOK)),
        "other sheets": take(workbook(tmp_path / "y.xlsx", [["a", "b"], [1, 2]], [], [["text"], ["hm"], ["oh"]])),
        "a title above, a map": take(
            workbook(tmp_path / "z", [[None], ["Nr", "Wort"], [1, "hm"]]), columns={"id": "Nr", "text": "Wort"}
        ),
    }
    golden("system-excel", found)
    assert "a@example.org" not in str(found)
    packed = put(tmp_path, "x.xlsx.gz", gzip.compress((tmp_path / "x.xlsx").read_bytes()))
    assert take(packed) == found["one sheet"]


@settings(max_examples=50)
@given(place=st.integers(0, 8000), damage=st.binary(min_size=1, max_size=6), cut=st.booleans())
def test_no_damage_to_a_workbook_raises_anything_else(tmp_path_factory, place, damage, cut):
    folder = tmp_path_factory.mktemp("book")
    whole = bytearray(workbook(folder / "x.xlsx", BOOK).read_bytes())
    at = place % len(whole)
    whole[at : at + len(damage)] = damage
    survives(folder, "y.xlsx", bytes(whole[:at] if cut else whole), None)


def test_a_workbook_that_is_a_bomb_is_refused(tmp_path):
    path = workbook(tmp_path / "x.xlsx", BOOK)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as member:
        for _ in range(300):
            member.write(b" " * (1 << 20))
    with pytest.raises(InputError, match="decompression bomb"):
        take(path)


def test_the_name_of_a_site_goes_into_the_ids_that_the_site_numbers(tmp_path):
    path = tmp_path / "comments.csv"
    path.write_text("comment_ID,comment_post_ID,comment_parent,comment_content\n7,3,0,first\n8,3,7,second\n")
    (batch,) = list(read(path, site="hill.example"))
    assert batch.comments["id"].tolist() == ["wordpress:hill.example/7", "wordpress:hill.example/8"]
    assert batch.comments["parent_id"].iloc[1] == "wordpress:hill.example/7"
    assert set(batch.comments["article_id"]) == {"wordpress:hill.example/3"}
    with pytest.raises(InputError, match="site: 'a/b' is not a name"):
        read(path, site="a/b")
