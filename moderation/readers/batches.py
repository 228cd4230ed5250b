"""Columns as a format found them in, checked batches out: ids, articles, times, places, and what had to be dropped.

Everything here works on whole Arrow columns; Python looks at single values only where one is out of the ordinary.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from moderation.errors import TableError
from moderation.readers import dates
from moderation.readers.encoding import repair, replace_bad_bytes
from moderation.readers.losses import Tally
from moderation.readers.text_columns import (
    TEXT,
    blank_as_missing,
    bytes_of,
    first_bytes,
    holding,
    holds,
    is_ascii,
    mask_of,
    matching,
    present,
    renamed,
    same,
)
from moderation.tables import (
    ARTICLES,
    COMMENTS,
    KINDS,
    STATUSES,
    STRING,
    TIME,
    TRUTH,
    WHOLE,
    Batch,
    Column,
    empty,
    native_id,
    truth_of,
)

__all__ = ["ADDRESS", "Builder", "strings"]

MOMENT: Final = pa.timestamp("us", "UTC")
TEXTS: Final = pd.api.types.pandas_dtype(STRING)
# Tables of fewer rows are looked at value by value: Arrow takes longer to begin.
FEW_ROWS: Final = 100

ARTICLE_FIELDS: Final = (
    "article_id",
    "article_url",
    "article_title",
    "article_text",
    "article_author",
    "article_published_at",
)
CONTENT: Final = ("url", "title", "text", "author", "published_at")
MAY_BE_REPAIRED: Final = ("text", "author", "article_title", "article_text", "article_author")

# What sources call a decision or a kind -> what we call it. Compared case-folded.
STATUS_OF: Final[Mapping[str, str]] = {
    **{status: status for status in STATUSES},
    **dict.fromkeys(("1", "true", "yes", "publish", "published", "approve", "visible", "live", "ham"), "approved"),
    **dict.fromkeys(("0", "false", "no", "hold", "held", "unapproved", "waiting", "queued", "premod"), "pending"),
    **dict.fromkeys(("heldforreview", "awaiting moderation", "unmoderated", "system_withheld"), "pending"),
    **dict.fromkeys(("flagged", "reported"), "pending"),
    "none": "unknown",
    **dict.fromkeys(("likelyspam", "junk"), "spam"),
    **dict.fromkeys(("removed", "refused", "reject", "declined", "hidden"), "rejected"),
    **dict.fromkeys(("post-trashed", "deleted", "trashed", "emptied"), "trash"),
}
KIND_OF: Final[Mapping[str, str]] = {
    **{kind: kind for kind in KINDS},
    "ping": "pingback",
    "webmention": "pingback",
    "reply": "comment",
}

NO_ARTICLES: Final = empty(ARTICLES)

# What people write for yes and no in a column that is named as a label, and what they write in one of verdicts.
YES_OR_NO: Final[Mapping[str, str]] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "t", "spam"), "1"),
    **dict.fromkeys(("0", "0.0", "false", "no", "n", "f", "ham", "not spam", "not_spam"), "0"),
}
VERDICTS: Final[Mapping[str, Mapping[str, str]]] = {
    label: {label: "1", label.replace("_", "-"): "1", label.replace("_", " "): "1", f"not {label}": "0"}
    for label in TRUTH
} | {"spam": {"spam": "1", "ham": "0", "not spam": "0", "not_spam": "0", "not-spam": "0"}}

ADDRESS: Final = r"^\s*(?:mailto:)?[^\s@<>]{1,64}@[^\s@<>]{1,255}\.[A-Za-z]{2,24}\s*$|^\s*(?:\d{1,3}\.){3}\d{1,3}\s*$"
DAMAGED: Final = (
    "[\xc2-\xf4][\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
_DAMAGED: Final = re.compile(DAMAGED)
# An address has an "@" in it, or begins with a digit or with white space.
_LIKE_ADDRESS: Final = re.compile(r"@|^[\s\d]")
# What it begins with is written so in UTF-8.
DAMAGED_BYTE: Final = 0xC3
# What pandas could take for a time in ISO 8601.
AS_ISO: Final = re.compile(r"\s*(?:[+-]?\d{4}|now|today)", re.IGNORECASE)
NUMBER: Final = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,9})?")

# Seconds, milliseconds, microseconds or nanoseconds since 1970: told apart by size, which holds from 1973 to 5138.
EPOCH_UNITS: Final = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))


def strings(values: Sequence[Any]) -> pa.Array:
    """Return `values` of any Python types as an Arrow column of strings; lone surrogates become U+FFFD."""
    try:
        return pa.array(values, TEXT)
    except (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError, OverflowError):
        return pa.array([_string(value) for value in values], TEXT)


def _string(value: Any) -> str | None:
    match value:
        case None:
            return None
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case bool():
            return "true" if value else "false"
        case float():
            return None if value != value else repr(value)  # noqa: PLR0124 - NaN is the one value unlike itself
        case int():
            # Beyond the interpreter's limit for printing whole numbers, the hexadecimal form is still exact.
            return str(value) if abs(value).bit_length() < 4096 else hex(value)
        case _:
            return None


@dataclass(slots=True)
class Builder:
    """Turns raw columns into batches, and remembers across them: places given, the order of day and month.

    The ids seen are in the tally, which all files of one reading share.
    """

    source: str
    tally: Tally
    keep_personal_data: bool = False
    _repeats: dict[str, int] = field(default_factory=dict)
    _places: dict[str | None, int] = field(default_factory=dict)
    _order: dates.Order | None = None

    def build(self, raw: Mapping[str, Any], rows: Sequence[int] | np.ndarray, word: str = "row") -> Batch:
        """Return the batch of the raw columns (field -> Arrow column, one entry for each of `rows`).

        `rows` are the numbers that the loss report names, with `word` before them. Records without text and repeated
        ids are counted as lost. Raises `TableError` if the column for `text` cannot hold text.
        """
        table = {name: self._cleaned(name, column) for name, column in raw.items()}
        numbers = np.asarray(rows, dtype=np.int64)
        table, numbers = self._keep(present(table["text"]), table, numbers, f"{word} ", "no text")
        table["times"] = self._times(table.get("posted_at"), len(numbers), lambda row: f"{word} {numbers[row]}")
        if "article_author" in table:
            table["article_author"] = self._without_addresses(table["article_author"], "the article's author")
        articles, table["article_id"] = self._articles(table, len(numbers))
        table["id"] = self._ids(table)
        first = self.tally.seen.first(table["id"].to_numpy(zero_copy_only=False).tolist())
        table, numbers = self._keep(first, table, numbers, f"{word} ", "its id repeats an earlier record's")
        if len(articles) and not first.all():  # a repeated record may have been the only one under its article
            articles = articles[articles["id"].isin(_series(table["article_id"]))].reset_index(drop=True)
        self.tally.comments_out += len(numbers)
        found = {name: table[name] for name in ("id", "article_id", "text")}
        if "parent_id" in table:
            found["parent_id"] = self._parents(table["parent_id"])
        for name in ("author", "author_url"):
            if name in table:
                found[name] = self._without_addresses(table[name], name)
        for name, known in (("kind", KIND_OF), ("status", STATUS_OF)):
            if name in table:
                found[name] = self._mapped(table[name], known, name)
        found["posted_at"] = table["times"]
        found["position"] = self._positions(table.get("position"), table["article_id"])
        comments = _framed(found, COMMENTS, len(numbers))
        return Batch(comments, articles, truth_of(self._judged(table), table["id"]))

    def _judged(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns that hold truth, as "1", "0" or missing."""
        found = {label: renamed(table[label], YES_OR_NO) for label in TRUTH if label in table}
        if "verdict" in table:
            words = table["verdict"]
            for label in TRUTH:
                told = renamed(words, VERDICTS.get(label, {}))
                if label in found:
                    found[label] = pc.coalesce(found[label], told)
                elif told.null_count < len(told):
                    found[label] = told
            numbers = pc.sum(renamed(words, {"1": "1", "0": "1"}).is_valid()).as_py() or 0
            if numbers:
                self.tally.note(
                    "{n} verdicts are bare numbers and not used; --map spam=NAME says what they mean", numbers
                )
        return found

    def _keep(
        self, kept: np.ndarray, table: Mapping[str, Any], numbers: np.ndarray, word: str, reason: str
    ) -> tuple[dict[str, Any], np.ndarray]:
        if kept.all():
            return dict(table), numbers
        for number in numbers[~kept].tolist():
            self.tally.lose(f"{word}{number}", reason)
        mask = pa.array(kept)
        return {name: column.filter(mask) for name, column in table.items()}, numbers[kept]

    def _cleaned(self, name: str, column: Any) -> Any:
        if column.type == TEXT and len(column) < FEW_ROWS and _is_clean(name, column):
            return column
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if name == "posted_at" and not _is_text(column.type):
            return column
        column = self._as_text(name, column)
        if holds(column, 0):
            nuls = pc.sum(pc.count_substring(column, "\0")).as_py() or 0
            if nuls:
                self.tally.note("{n} NUL characters replaced", nuls)
            column = pc.replace_substring(column, "\0", "\ufffd")
        if holds(column, 13):
            for old in ("\r\n", "\r"):
                column = pc.replace_substring(column, old, "\n")
        if name in MAY_BE_REPAIRED and not is_ascii(column):
            damaged = matching(column, DAMAGED, holding(column, DAMAGED_BYTE))
            if damaged.any():
                column = self._repaired(column, damaged)
        return column

    def _as_text(self, name: str, column: Any) -> Any:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = column.type
        if kind == TEXT:  # made here
            return column
        if _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            column = column.cast(pa.large_binary())
            try:
                return column.cast(TEXT)
            except pa.ArrowInvalid:  # not UTF-8, whatever the schema says
                return self._from_bytes(column.to_pylist())
        if (
            pa.types.is_null(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_integer(kind)
            or pa.types.is_decimal(kind)
        ):
            return column.cast(TEXT)
        if pa.types.is_floating(kind):
            # pandas turns whole numbers into floats where one is missing: an id of 17 must not come back as "17.0".
            return strings([_whole(value) for value in column.to_pylist()])
        if pa.types.is_temporal(kind):
            return strings([None if value is None else str(value) for value in column.cast(pa.int64()).to_pylist()])
        if name == "text":
            raise TableError(f"column 'text' holds {kind}, not text; name another with --map text=NAME")
        self.tally.note(f"the column for {name} holds {kind} and is left out")
        return pa.nulls(len(column), TEXT)

    def _from_bytes(self, values: Sequence[bytes | None]) -> Any:
        texts: list[str | None] = []
        for value in values:
            text, bad = (None, 0) if value is None else replace_bad_bytes(value.decode("utf-8", "surrogateescape"))
            texts.append(text)
            if bad:
                self.tally.note("{n} bytes that are not UTF-8 read as cp1252", bad)
        return pa.array(texts, TEXT)

    def _repaired(self, column: Any, damaged: np.ndarray) -> Any:
        values = column.to_pylist()
        changed = 0
        for row in np.flatnonzero(damaged).tolist():
            better = repair(values[row])
            changed += better != values[row]
            values[row] = better
        if changed:
            self.tally.note("{n} doubly encoded values repaired", changed)
        return pa.array(values, TEXT)

    def _without_addresses(self, column: Any, name: str) -> Any:
        column = _filled(column)
        if self.keep_personal_data:
            return column
        if len(column) < FEW_ROWS and not any(_LIKE_ADDRESS.search(value) for value in column.to_pylist() if value):
            return column
        # An address has an "@" in it, or begins with a digit or with white space.
        first = first_bytes(column)
        maybe = (first - 0x30 < 10) | (first <= 0x20) & (first > 0)
        found = matching(column, ADDRESS, np.ones(len(column), bool) if holds(column, 0x40) else maybe)
        if found.any():
            self.tally.note(f"{{n}} e-mail or IP addresses given as {name} dropped", int(found.sum()))
            column = pc.if_else(pa.array(found), pa.scalar(None, TEXT), column)
        return column

    def _ids(self, table: Mapping[str, Any]) -> Any:
        given = table.get("id")
        count = len(table["text"])
        missing = np.ones(count, dtype=bool) if given is None else ~present(given)
        if given is not None and not missing.any():
            return given
        ids: list[str | None] = [None] * count if given is None else given.to_pylist()
        where = pa.array(np.flatnonzero(missing))
        author = _filled(table["author"]) if "author" in table else None
        parts = [table["article_id"], author, table["times"].cast(pa.int64()), table["text"]]
        values = [[None] * len(where) if part is None else part.take(where).to_pylist() for part in parts]
        for row, *record in zip(where.to_pylist(), *values, strict=True):
            made = native_id(self.source, *record)
            seen = self._repeats.get(made, 0)
            self._repeats[made] = seen + 1
            # The same words twice are two comments; numbering keeps both, and reading again gives the same ids.
            ids[row] = made if seen == 0 else f"{made}-{seen + 1}"
        return pa.array(ids, TEXT)

    def _parents(self, column: Any) -> Any:
        column = _filled(column)
        # "0" means "answers nothing" in most blog tables, unless a comment of that number came before.
        nought = same(column, "0")
        if nought.any() and "0" not in self.tally.seen:
            column = pc.if_else(pa.array(nought), pa.scalar(None, TEXT), column)
        return column

    def _articles(self, table: Mapping[str, Any], count: int) -> tuple[pd.DataFrame, Any]:
        given = {name: _filled(table[name]) for name in ARTICLE_FIELDS if name in table}
        told = [name for name, column in given.items() if name != "article_id" and column.null_count < count]
        if not told:
            return NO_ARTICLES.copy(), given.get("article_id", pa.nulls(count, TEXT))
        group, representative = _groups(list(given.values()))
        few = {name: column.take(pa.array(representative)).to_pylist() for name, column in given.items()}
        nothing = [None] * len(representative)
        found: dict[str, dict[str, str | None]] = {}
        names: list[str | None] = []
        for own, url, title, text, author, published in zip(
            *(few.get(name, nothing) for name in ARTICLE_FIELDS), strict=True
        ):
            content = {"url": url, "title": title, "text": text, "author": author, "published_at": published}
            if not any(content.values()):
                names.append(own)
                continue
            key = own or (native_id("article", url, title, text) if url else native_id("article", title, text))
            names.append(key)
            entry = found.setdefault(key, {"id": key})
            for part, value in content.items():
                if entry.get(part) is None:
                    entry[part] = value
                elif value is not None and value != entry[part]:
                    self.tally.note("{n} times one article id came with two different contents; the first is kept")
        columns = {name: strings([entry.get(name) for entry in found.values()]) for name in ("id", *CONTENT)}
        columns["published_at"] = self._times(columns["published_at"], len(found))
        return _framed(columns, ARTICLES, len(found)), pa.array(names, TEXT).take(pa.array(group))

    def _times(self, column: Any, count: int, place: Callable[[int], str] | None = None) -> Any:
        if column is None:
            return pa.nulls(count, MOMENT)
        if column.null_count == count:
            return pa.nulls(count, MOMENT)
        kind = column.type
        if pa.types.is_timestamp(kind):
            # Whatever the zone is called, and it need not be text in a damaged file: what is stored is in UTC.
            return column.cast(MOMENT, safe=False)
        if pa.types.is_date(kind):
            return column.cast(pa.timestamp("us"), safe=False).cast(MOMENT, safe=False)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            column = strings([None if value is None else repr(value) for value in column.to_pylist()])
        if not _is_text(column.type):
            self.tally.note(f"the column for posted_at holds {kind} and is left out")
            return pa.nulls(count, MOMENT)
        plain = _plain_times(column)
        if plain is not None:
            return plain
        values = column.to_pylist()
        if not any(value is not None and AS_ISO.match(value) for value in values):  # in words, all of them
            return pa.array(self._spoken([value and value.strip() and value for value in values], place), MOMENT)
        texts = pd.Series(column.to_pandas(), dtype="object")
        texts = texts.where(texts.notna() & (texts.astype(str).str.strip() != ""), None)
        moments = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
        odd = texts[moments.isna() & texts.notna()]
        if len(odd):
            read = self._spoken(odd.tolist(), None if place is None else lambda row: place(int(odd.index[row])))
            moments.loc[odd.index] = pd.Series(read, index=odd.index, dtype="datetime64[us, UTC]")
        return pa.array(moments, MOMENT)

    def _spoken(self, texts: Sequence[str | None], place: Callable[[int], str] | None) -> list[datetime | None]:
        """Return the times that people or templates wrote down; those that cannot be read are noted."""
        odd = [text for text in texts if text]
        if odd and self._order is None:
            self._order = dates.numeric_order(odd)
        read = [_moment(text, self._order or "month first") if text else None for text in texts]
        bad = [row for row, (text, moment) in enumerate(zip(texts, read, strict=True)) if text and moment is None]
        for row in bad:
            if place is not None:
                self.tally.doubt(place(row), "{n} times could not be read and are left out")
        if bad and place is None:
            self.tally.note("{n} times of articles could not be read and are left out", len(bad))
        return read

    def _mapped(self, column: Any, known: Mapping[str, str], name: str) -> Any:
        result = renamed(column.fill_null("unknown"), {"": "unknown", **known}, "")
        strange = pc.sum(pc.equal(result, "")).as_py() or 0
        if strange:
            self.tally.note(f"{{n}} values of {name} are not known and count as unknown", strange)
            result = pc.if_else(pc.equal(result, ""), "unknown", result)
        return result

    def _positions(self, column: Any, article_ids: Any) -> pd.Series:
        if column is not None:
            numbers = pd.to_numeric(column.to_pandas(), errors="coerce").astype("float64")
            fits = numbers.between(0, 2**53) & (numbers % 1 == 0)
            whole: pd.Series = numbers.where(fits).astype("Int64")
            return whole
        encoded = article_ids.dictionary_encode()
        names = [*encoded.dictionary.to_pylist(), None]
        codes = encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(names))
        begun = [self._places.get(name, 0) for name in names]
        places = np.empty(len(codes), dtype=np.int64)
        places[order] = np.arange(len(codes)) + np.repeat(begun - np.cumsum(counts) + counts, counts)
        for name, start, count in zip(names, begun, counts.tolist(), strict=True):
            if count:
                self._places[name] = start + count
        return pd.Series(pd.arrays.IntegerArray(places, np.zeros(len(places), dtype=bool)))


def _plain_times(column: Any) -> Any | None:
    """Return a column of text as times where all are plain: ISO 8601 with a zone or without, or epochs; else None."""
    empty_ones = pc.equal(column, "")
    if _any(empty_ones):
        column = pc.if_else(empty_ones, pa.scalar(None, column.type), column)
    there = mask_of(column.is_valid())
    sample = column.slice(int(there.argmax()), 1)
    for kind in (MOMENT, pa.timestamp("us")):  # with a zone, without
        try:
            sample.cast(kind)  # one failure is cheap, thousands are not
            return column.cast(kind).cast(MOMENT)
        except pa.ArrowInvalid:
            continue
    # Seconds since 1970, from 2001 to 2286.
    offsets, data = bytes_of(column)
    if (np.diff(offsets)[there] == 10).all() and (data - 0x30 < 10).all() and data[0] > 0x30:
        return column.cast(pa.int64()).cast(pa.timestamp("s")).cast(MOMENT)
    return None


def _filled(column: Any) -> Any:
    """Return the column with null for what is empty or white space."""
    if len(column) < FEW_ROWS and all(value is None or "!" <= value[:1] <= "~" for value in column.to_pylist()):
        return column
    return blank_as_missing(column)


def _is_clean(name: str, column: Any) -> bool:
    """Tell whether nothing in a short column of text is to be cleaned; where that is not plain, say no."""
    text = "".join(value for value in column.to_pylist() if value)
    if "\0" in text or "\r" in text:
        return False
    return name not in MAY_BE_REPAIRED or text.isascii() or not _DAMAGED.search(text)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _any(found: Any) -> bool:
    return bool(pc.any(found).as_py())


def _framed(columns: Mapping[str, Any], schema: Sequence[Column], count: int) -> pd.DataFrame:
    """Return the table of `schema` that holds `columns`, whose types are its own; what is missing is added."""
    arrays = {}
    for column in schema:
        values = columns.get(column.name)
        if column.dtype == WHOLE:
            arrays[column.name] = values
        elif column.dtype == TIME:
            moments = pa.nulls(count, MOMENT) if values is None else values
            ticks = moments.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
            arrays[column.name] = pd.DatetimeIndex(ticks.view("M8[us]"), tz="UTC").array
        else:
            texts = pa.repeat(pa.scalar(column.default, TEXT), count) if values is None else values
            arrays[column.name] = pd.array(texts, dtype=TEXTS)
    return pd.DataFrame(arrays, copy=False)


def _series(column: Any) -> pd.Series:
    return pd.Series(column, dtype=STRING)


def _whole(value: float | None) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value unlike itself
        return None
    return str(int(value)) if abs(value) < 2**53 and value == int(value) else repr(value)


def _groups(columns: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row the number of its group of equal values in all `columns`, and one row of each group."""
    if len(columns[0]) < FEW_ROWS:
        numbers: dict[tuple[str | None, ...], int] = {}
        firsts: list[int] = []
        few: list[int] = []
        for row, values in enumerate(zip(*(column.to_pylist() for column in columns), strict=True)):
            few.append(numbers.setdefault(values, len(firsts)))
            if few[-1] == len(firsts):
                firsts.append(row)
        return np.array(few, dtype=np.int64), np.array(firsts, dtype=np.int64)
    group = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = column.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        group, _ = pd.factorize(group * (len(codes) + 1) + codes + 1)
    _, representative = np.unique(group, return_index=True)
    return group, representative


def _moment(text: str, order: dates.Order) -> datetime | None:
    text = text.strip()
    try:
        if NUMBER.fullmatch(text):
            seconds = float(text)
            unit = next((unit for limit, unit in EPOCH_UNITS if abs(seconds) < limit), None)
            return datetime.fromtimestamp(seconds / unit, UTC) if unit else None
        found = dates.spans(text) if len(text) <= 100 else []
        return dates.parse(text[found[0][0] :], order) if found else None
    except (ValueError, OverflowError, OSError):
        return None
