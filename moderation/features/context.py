"""A comment, its article and its thread in; numbers that say how they hang together out.

Words are compared by stem and weighed by rarity (inverse document frequency: Spärck Jones, 1972), so that sharing
"Diwaniyah" says more than sharing "after". An article is read once, however many comments stand under it.

The thread of a comment is what came before it under the same article: the comment it answers, and the few that precede
it. It is looked up in the batch itself and in `earlier`, never after the comment, so a score does not depend on how a
file was cut into batches as long as the caller carries the earlier comments along.
"""

from typing import Final

import numba as nb
import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.features.ngrams import N_BUCKETS, stems, string_buffers
from moderation.tables import Batch

__all__ = ["CONTEXT", "PRECEDING", "compare", "document_frequencies", "rarity"]

PRECEDING: Final = 8
"""How many comments before a comment count as its thread."""

ARTICLE_CHARACTERS: Final = 6_000
"""How much of an article is compared: a longer one would share words with anything."""

CONTEXT: Final[tuple[str, ...]] = (
    "words shared with the article, by rarity",
    "closeness to the article",
    "closeness to the title",
    "title words taken up",
    "rarest word shared with the article",
    "rare words shared with the article",
    "shares no word with the article",
    "shares no rare word with the article",
    "words shared with the comment it answers, by rarity",
    "answers a comment",
    "words shared with the thread, by rarity",
    "closeness to the thread",
    "rare words shared with the thread",
    "stands in a thread",
    "rare words found nowhere around it",
    "short, sharing nothing",
    "long, sharing little",
    "author is the article's author",
)
"""The features, in order; the names are what a moderator reads in an explanation."""

RARE: Final = 5.0


def document_frequencies(texts: pd.Series) -> npt.NDArray[np.int64]:
    """Return in how many of `texts` each stem occurs, int64 of length N_BUCKETS."""
    _, indices = stems(string_buffers(texts))
    return np.bincount(indices, minlength=N_BUCKETS)


def rarity(frequencies: npt.NDArray[np.int64], documents: int) -> npt.NDArray[np.uint8]:
    """Return inverse document frequencies in sixteenths, uint8 of length N_BUCKETS: small enough to ship."""
    weights = np.log((documents + 1.0) / (frequencies + 1.0))
    sixteenths: npt.NDArray[np.uint8] = np.clip(np.round(weights * 16.0), 0, 255).astype(np.uint8)
    return sixteenths


@nb.njit(nogil=True, cache=True)
def _share(
    own: npt.NDArray[np.int32], stamps: npt.NDArray[np.int32], stamp: int, rare: npt.NDArray[np.uint8]
) -> tuple[float, float, float, float]:
    """Return shared rarity, shared squared rarity, the rarest shared, and how many rare stems are shared."""
    shared = squared = rarest = count = 0.0
    for k in range(own.shape[0]):
        if stamps[own[k]] == stamp:
            weight = rare[own[k]] / 16.0
            shared += weight
            squared += weight * weight
            rarest = max(rarest, weight)
            if weight >= RARE:
                count += 1.0
    return shared, squared, rarest, count


@nb.njit(nogil=True, cache=True)
def _norm(own: npt.NDArray[np.int32], rare: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    total = squared = count = 0.0
    for k in range(own.shape[0]):
        weight = rare[own[k]] / 16.0
        total += weight
        squared += weight * weight
        if weight >= RARE:
            count += 1.0
    return total, np.sqrt(squared), count


@nb.njit(nogil=True, cache=True)
def _compare(
    order: npt.NDArray[np.int64],
    article: npt.NDArray[np.int64],
    parent: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    own: npt.NDArray[np.int32],
    title_at: npt.NDArray[np.int64],
    title: npt.NDArray[np.int32],
    body_at: npt.NDArray[np.int64],
    body: npt.NDArray[np.int32],
    rare: npt.NDArray[np.uint8],
    out: npt.NDArray[np.float32],
) -> None:
    in_title = np.full(N_BUCKETS, -1, np.int32)
    in_article = np.full(N_BUCKETS, -1, np.int32)
    around = np.full(N_BUCKETS, -1, np.int32)
    current = -1
    title_total = title_norm = article_norm = 0.0
    for place in range(order.shape[0]):
        i = order[place]
        target = wanted[i]
        if target < 0:
            continue
        mine = own[at[i] : at[i + 1]]
        total, norm, n_rare = _norm(mine, rare)
        f = out[target]
        which = article[i]
        known = 0.0
        found_rare = 0.0
        shared = 0.0
        if which >= 0:
            if which != current:
                current = which
                words = title[title_at[which] : title_at[which + 1]]
                title_total, title_norm, _ = _norm(words, rare)
                square = title_norm * title_norm
                for k in range(words.shape[0]):
                    in_title[words[k]] = which
                    in_article[words[k]] = which
                words = body[body_at[which] : body_at[which + 1]]
                for k in range(words.shape[0]):
                    if in_article[words[k]] != which:
                        in_article[words[k]] = which
                        weight = rare[words[k]] / 16.0
                        square += weight * weight
                article_norm = np.sqrt(square)
            known = 1.0
            shared, squared, rarest, found_rare = _share(mine, in_article, which, rare)
            f[0] = shared / max(total, 1.0)
            f[1] = min(4.0 * squared / max(norm * article_norm, 1.0), 1.0)
            in_head, squared, _, _ = _share(mine, in_title, which, rare)
            f[2] = squared / max(norm * title_norm, 1.0)
            f[3] = in_head / max(title_total, 1.0)
            f[4] = rarest / 10.0
            f[5] = min(found_rare / 4.0, 1.0)
            f[6] = 1.0 if rarest == 0.0 else 0.0
            f[7] = 1.0 if found_rare == 0.0 else 0.0
        above = parent[i]
        thread_rare = 0.0
        if above >= 0:
            words = own[at[above] : at[above + 1]]
            for k in range(words.shape[0]):
                around[words[k]] = 2 * i
            near, _, _, thread_rare = _share(mine, around, 2 * i, rare)
            f[8] = near / max(total, 1.0)
            f[9] = 1.0
        square = 0.0
        seen = 0
        back = place - 1
        while back >= 0 and seen < PRECEDING and which >= 0 and article[order[back]] == which:
            words = own[at[order[back]] : at[order[back] + 1]]
            for k in range(words.shape[0]):
                if around[words[k]] != 2 * i + 1:
                    around[words[k]] = 2 * i + 1
                    weight = rare[words[k]] / 16.0
                    square += weight * weight
            seen += 1
            back -= 1
        near = 0.0
        if seen > 0:
            near, squared, _, count = _share(mine, around, 2 * i + 1, rare)
            f[10] = near / max(total, 1.0)
            f[11] = min(4.0 * squared / max(norm * np.sqrt(square), 1.0), 1.0)
            f[12] = min(count / 4.0, 1.0)
            f[13] = 1.0
            thread_rare = max(thread_rare, count)
        if known > 0.0:
            missing = max(n_rare - max(found_rare, thread_rare), 0.0)
            f[14] = min(missing / 8.0, 1.0)
            f[15] = 1.0 if mine.shape[0] <= 6 and shared == 0.0 and near == 0.0 else 0.0
            f[16] = 1.0 if mine.shape[0] > 25 and shared < 0.15 * total else 0.0


def _rows(keys: pd.Series, targets: pd.Series) -> npt.NDArray[np.int64]:
    """Return for each key the row of `targets` that equals it, or -1."""
    found = pd.Index(targets).get_indexer(pd.Index(keys))
    rows: npt.NDArray[np.int64] = np.where(keys.isna().to_numpy(), -1, found).astype(np.int64)
    return rows


def compare(
    batch: Batch, rare: npt.NDArray[np.uint8], earlier: pd.DataFrame | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the `CONTEXT` features, float32 of shape (n, len(CONTEXT)), and whether each comment's article is known.

    `earlier`: comments (same columns) that came before this batch; they are looked at, not scored.
    """
    n = len(batch)
    out = np.zeros((n, len(CONTEXT)), np.float32)
    if n == 0:
        return out, np.zeros(0, np.bool_)
    columns = ["id", "article_id", "parent_id", "text"]
    comments = batch.comments[columns]
    offset = 0
    if earlier is not None and len(earlier):
        before = earlier[columns]
        before = before[~before["id"].isin(comments["id"])]
        offset = len(before)
        comments = pd.concat([before, comments], ignore_index=True)
    articles = batch.articles
    titles = articles["title"].fillna("")
    bodies = articles["text"].fillna("").str.slice(0, ARTICLE_CHARACTERS)
    filled = (titles.str.len() + bodies.str.len()).to_numpy(dtype=np.int64) > 0
    article = _rows(comments["article_id"], articles["id"]) if len(articles) else np.full(len(comments), -1, np.int64)
    if len(articles):
        article = np.where((article >= 0) & filled[np.maximum(article, 0)], article, -1)
    known = article[offset:] >= 0
    parent = _rows(comments["parent_id"], comments["id"])
    if not known.any() and (parent < 0).all():
        return out, known
    wanted = np.arange(len(comments), dtype=np.int64) - offset
    order = np.argsort(article, kind="stable")
    at, own = stems(string_buffers(comments["text"]))
    _compare(
        order, article, parent, wanted, at, own,
        *stems(string_buffers(titles)), *stems(string_buffers(bodies)), rare, out,
    )  # fmt: skip
    if len(articles):
        authors = articles["author"].reindex(article[offset:]).str.casefold().str.strip().to_numpy(dtype=object)
        names = batch.comments["author"].str.casefold().str.strip().to_numpy(dtype=object)
        same = [a is not pd.NA and b is not pd.NA and a == b and a == a for a, b in zip(authors, names, strict=True)]  # noqa: PLR0124  NaN is not itself
        out[:, len(CONTEXT) - 1] = np.asarray(same, np.float32)
    return out, known
