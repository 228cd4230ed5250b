"""Public data sets in, logits of comments whose blog or video the fit never saw out.

What is measured is the way of fitting, not the shipped weights: those saw every blog. Each fit is the recipe's own
(`fit_head`, its strengths and source weights). `extra` adds features per comment, as of a sentence encoder: what a tier
with embeddings would reach in the same way. For off-topic they join every fit; for spam a fit of them and of structure,
which leaves out the same video, is added to the left-out logit by a share chosen on the others.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation import classifier, recipe
from moderation.classifier import Classifier, Matrix, fit_head, fit_mix, head_logits
from moderation.errors import InputError
from moderation.evaluation import Interval, Spread, area, best_share, best_threshold, f1_spread
from moderation.features import N_BUCKETS, STRUCTURE, feature_version
from moderation.features.context import document_frequencies, rarity
from moderation.labels import LABELS
from moderation.recipe import (
    EXCERPTS,
    SENTENCE_STRENGTH,
    STRENGTH,
    VIDEO,
    Corpus,
    blog_rows,
    excerpt_rows,
    joined,
    own_rows,
    source_weights,
    structured,
    swapped,
    taught_by,
    uniform,
    youtube_rows,
)
from moderation.tables import Batch

__all__ = ["Extra", "LeftOut", "OffTopic", "Spam", "Trackback", "off_topic", "spam", "trackback"]

FEWEST_TRACKBACKS: Final = 10
SHORTEST: Final = 40
"""Characters a comment must exceed for its article to be recognised in it."""
UNSEEN: Final = "unseen own sentences"
KEPT: Final = ("logits", "answers", "group", "length", "weight", "row")
CACHED_FILES: Final = ("blogs/comments.parquet", "blogs/articles.parquet", "spam/youtube.parquet")

Floats = npt.NDArray[np.float64]
Extra = Callable[[Batch], npt.NDArray[np.floating[Any]]]
"""A batch in, further features out: (n, features), rows of about unit length."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Logits, answers, and the group (blog, video) whose rows the fit did not see; one element per measured comment.

    `weight`: what the row counts in a fit; `row`: its place in the corpus.
    """

    logits: Floats
    answers: Floats
    group: npt.NDArray[np.str_]
    length: Floats
    weight: Floats
    row: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trackback:
    """F1 over blogs with enough trackbacks, the threshold of each chosen on the other blogs; AUC over all rows."""

    f1: Spread
    auc: Interval | None
    thresholds: dict[str, float]
    counts: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Spam:
    """F1 with each video left out, and of blogs alone on videos; `ceiling`: at the best threshold, not to be had."""

    videos: Spread
    across: Interval
    across_auc: Interval | None
    across_ceiling: float
    threshold: float


@dataclass(frozen=True, slots=True)
class OffTopic:
    """AUC with blogs left out, pooled and by blog, beside that of length alone on the same comments."""

    auc: Interval | None
    length_only: Interval | None
    blogs: dict[str, Interval]
    n: int
    positives: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a fit needs, made once for all folds."""

    corpus: Corpus
    matrix: Matrix
    scaling: Floats
    extra: npt.NDArray[np.floating[Any]] | None

    def logits(
        self, label: str, answers: Floats, weights: Floats, inside: npt.NDArray[np.int64], out: npt.NDArray[np.int64]
    ) -> Floats:
        """Fit on the rows `inside` and return the logits of the rows `out`; NaN where there is nothing to learn."""
        if len(np.unique(answers[inside])) < 2:
            return np.full(len(out), np.nan)
        head = fit_head(
            label, self.matrix, answers, weights, self.scaling, c=STRENGTH[label], rows=inside, extra=self.extra
        )
        return head_logits(head, self.matrix, out, self.extra)


def trackback(
    data: Path,
    seeds: Path,
    *,
    share: float = 1.0,
    cache: Path | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> Trackback:
    """Leave each blog out in turn, by text and author alone: links, kinds and contexts are not shown to any fit.

    So it is for every tier: a notice is told by its structure, and the accurate one takes the classifier's word for it.

    Blogs with fewer trackbacks than `FEWEST_TRACKBACKS` are left out a third at a time, and take part in no number.
    """
    found = _cached(cache, _key("trackback", data, seeds, None, share), lambda: _trackback_logits(data, seeds, share))
    yes = {name: int(found.answers[found.group == name].sum()) for name in np.unique(found.group)}
    groups = {
        name: (found.answers[rows], found.logits[rows])
        for name, count in yes.items()
        if count >= max(1, int(FEWEST_TRACKBACKS * share))
        for rows in [found.group == name]
    }
    if len(groups) < 2:
        raise InputError(f"{data}: fewer than two blogs have trackbacks enough; measure a larger share of the rows")
    thresholds = {name: best_threshold(pair for other, pair in groups.items() if other != name) for name in groups}
    return Trackback(
        f1=f1_spread(groups, thresholds, seed=seed, resamples=resamples),
        auc=area(found.answers, found.logits, seed=seed, resamples=resamples),
        thresholds=thresholds,
        counts={name: (len(answers), int(answers.sum())) for name, (answers, _) in groups.items()},
    )


def _trackback_parts(data: Path, seeds: Path, share: float) -> list[Corpus]:
    parts = [_part(blog_rows(data)[0], share), _part(excerpt_rows(data), share), own_rows(seeds)]
    return [_without_links(part) for part in parts]


def _trackback_logits(data: Path, seeds: Path, share: float) -> LeftOut:
    prepared = _prepared(_trackback_parts(data, seeds, share), blog_rows(data)[1])
    corpus = prepared.corpus
    truth = corpus.truth[:, LABELS.index("trackback")]
    answers, weights = _fitted(truth, corpus)
    rows = np.flatnonzero(~np.isnan(answers))
    is_blog = _is_blog(corpus.source)
    names = np.unique(corpus.source[is_blog].astype(str))
    shown = _shown(corpus)
    yes = {name: int((truth[(corpus.source == name) & shown] == 1).sum()) for name in names}
    folds: dict[str, list[str]] = {}
    for name in names:
        alone = yes[name] >= FEWEST_TRACKBACKS
        folds.setdefault(name if alone else f"others {int(uniform('fold', name) * 3) + 1}", []).append(name)
    logits = np.full(len(truth), np.nan)
    for members in folds.values():
        out = np.flatnonzero(np.isin(corpus.source, members))
        # A blog's pings of itself quote its posts: with the blog, the excerpts of its posts are left out too.
        hidden = np.isin(corpus.source[rows], [*members, *(EXCERPTS + name for name in members)])
        logits[out] = prepared.logits("trackback", answers, weights, rows[~hidden], out)
    return _left_out(corpus, truth, logits, weights, is_blog & shown)


def spam(
    data: Path,
    seeds: Path,
    *,
    extra: Extra | None = None,
    share: float = 1.0,
    cache: Path | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> Spam:
    """Leave each video out in turn; then fit on blogs alone and measure on all videos.

    "Blogs alone" means no video: this project's own sentences are fitted too. The threshold of a video is chosen on the
    other videos, that of the blogs' model on the half of the own sentences that no fit saw, both answers weighing the
    same: only two blogs have spam, and a model that lost one of them stands at another level.
    """
    ran = _once(lambda: _spam_logits(data, seeds, share))

    def first(part: str) -> LeftOut:
        return _cached(cache, _key(f"spam-{part}", data, seeds, None, share), lambda: ran()[part])

    parts = {part: first(part) for part in ("videos", "across", "blogs", "own", "fitted")}
    if extra is not None:
        further = extra
        again = _once(
            lambda: _spam_again(parts, _prepared(_spam_parts(data, seeds, share), blog_rows(data)[1]), further)
        )
        parts = {
            part: _cached(cache, _key(f"spam-{part}", data, seeds, extra, share), partial(_one_of, again, part))
            for part in ("videos", "across", "own")
        }
    videos, across, own = parts["videos"], parts["across"], parts["own"]
    groups = {
        str(name): (videos.answers[rows], videos.logits[rows])
        for name in np.unique(videos.group)
        for rows in [videos.group == name]
    }
    thresholds = {name: best_threshold(pair for other, pair in groups.items() if other != name) for name in groups}
    spread = f1_spread(groups, thresholds, seed=seed, resamples=resamples)
    threshold = best_threshold([(own.answers, own.logits)], rate=0.5)
    every = {"all": (across.answers, across.logits)}
    ceiling = f1_spread(every, {"all": best_threshold(every.values())}, resamples=1).worst.value
    return Spam(
        videos=spread,
        across=f1_spread(every, {"all": threshold}, seed=seed, resamples=resamples).worst,
        across_auc=area(across.answers, across.logits, seed=seed, resamples=resamples),
        across_ceiling=ceiling,
        threshold=threshold,
    )


def _spam_parts(data: Path, seeds: Path, share: float) -> list[Corpus]:
    """Return blogs, videos and own sentences; of these the half that is fitted, and the other under another source."""
    own, unseen = own_rows(seeds), own_rows(seeds, "test", ("promotion",))
    kept = replace(unseen, source=np.full(len(unseen.source), UNSEEN, dtype=object))
    return [_part(blog_rows(data)[0], share), youtube_rows(data), own, kept]


def _spam_again(parts: Mapping[str, LeftOut], prepared: Prepared, extra: Extra) -> dict[str, LeftOut]:
    """Weigh left-out logits and sentences: those of a video without it, of all videos by own sentences alone."""
    blogs, own = parts["blogs"], parts["fitted"]
    features = {
        name: structured(
            extra(_rows_of(prepared.corpus, part.row)), prepared.matrix.dense[part.row][:, : len(STRUCTURE)]
        )
        for name, part in parts.items()
    }
    alike = _together(blogs, own)
    learned = np.concatenate([features["blogs"], features["fitted"]])
    weighed = _weighed(_together(alike, parts["videos"]), np.concatenate([learned, features["videos"]]))
    found = {"videos": replace(parts["videos"], logits=weighed.logits[len(alike.logits) :])}
    by_sentence = _sentence_logits(alike, learned)
    share = best_share(alike.group, alike.answers, alike.logits, by_sentence)
    weights, bias = _sentence_fit(alike, learned, taught_by(alike.group))
    for name in ("across", "own"):
        found[name] = replace(parts[name], logits=parts[name].logits + share * (features[name] @ weights + bias))
    return found


def _together(one: LeftOut, other: LeftOut) -> LeftOut:
    values = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in KEPT}
    return LeftOut(**values)


def _one_of(found: Callable[[], dict[str, LeftOut]], part: str) -> LeftOut:
    return found()[part]


def _sentence_fit(
    rows: LeftOut, features: npt.NDArray[np.floating[Any]], inside: npt.NDArray[np.bool_]
) -> tuple[Floats, float]:
    inside = inside & (rows.weight > 0)
    given = features[inside].astype(np.float64)
    *weights, bias = fit_mix(given, rows.answers[inside], rows.weight[inside], SENTENCE_STRENGTH)
    return np.array(weights), bias


def _sentence_logits(rows: LeftOut, features: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return what sentences alone say of each group, by a fit that did not see it; NaN where there is no logit."""
    logits = np.full(len(rows.logits), np.nan)
    teaching = taught_by(rows.group)
    for name in np.unique(rows.group):
        out = rows.group == name
        if not np.isnan(rows.logits[out]).all():
            weights, bias = _sentence_fit(rows, features, teaching & ~out)
            logits[out] = features[out] @ weights + bias
    return logits


def _weighed(rows: LeftOut, features: npt.NDArray[np.floating[Any]]) -> LeftOut:
    """Return the rows with what sentences say added to the logits, by a share chosen on the other groups."""
    by_sentence = _sentence_logits(rows, features)
    logits = rows.logits.copy()
    for name in np.unique(rows.group[~np.isnan(by_sentence)]):
        out = rows.group == name
        share = best_share(rows.group[~out], rows.answers[~out], rows.logits[~out], by_sentence[~out])
        logits[out] += share * by_sentence[out]
    return replace(rows, logits=logits)


def _spam_logits(data: Path, seeds: Path, share: float) -> dict[str, LeftOut]:
    prepared = _prepared(_spam_parts(data, seeds, share), blog_rows(data)[1])
    corpus = prepared.corpus
    truth = corpus.truth[:, LABELS.index("spam")]
    answers, weights = _fitted(np.where(corpus.source == UNSEEN, np.nan, truth), corpus)
    rows = np.flatnonzero(~np.isnan(answers))
    is_blog = _is_blog(corpus.source)
    is_video = np.array([name.startswith(VIDEO) for name in corpus.source.astype(str)])
    logits = np.full(len(truth), np.nan)
    for name in np.unique(corpus.source[is_video].astype(str)):
        out = np.flatnonzero(corpus.source == name)
        logits[out] = prepared.logits("spam", answers, weights, rows[corpus.source[rows] != name], out)
    videos = _left_out(corpus, truth, logits, weights, is_video & _shown(corpus))
    without = rows[~is_video[rows]]
    logits = np.full(len(truth), np.nan)
    is_own = corpus.source == UNSEEN
    out = np.flatnonzero(is_video | is_own)
    logits[out] = prepared.logits("spam", answers, weights, without, out)
    across = _left_out(corpus, truth, logits, weights, is_video & _shown(corpus))
    own = _left_out(corpus, truth, logits, weights, is_own)
    logits = np.full(len(truth), np.nan)
    spammed = {
        name for name in np.unique(corpus.source[is_blog].astype(str)) if (truth[corpus.source == name] == 1).any()
    }
    folds = {
        name: name if name in spammed else f"others {int(uniform('fold', name) * 2) + 1}"
        for name in np.unique(corpus.source[is_blog].astype(str))
    }
    for fold in sorted(set(folds.values())):
        members = [name for name, of in folds.items() if of == fold]
        hidden = np.isin(corpus.source[without], members)
        out = np.flatnonzero(np.isin(corpus.source, members))
        logits[out] = prepared.logits("spam", answers, weights, without[~hidden], out)
    blogs = _left_out(corpus, truth, logits, weights, is_blog & _shown(corpus))
    # Own sentences that were fitted have no left-out logit: only what they say is learned from again.
    fitted = _left_out(
        corpus, truth, np.zeros(len(truth)), weights, np.char.startswith(corpus.source.astype(str), "own ")
    )
    fitted = replace(fitted, logits=np.full(len(fitted.logits), np.nan))
    return {"videos": videos, "across": across, "blogs": blogs, "own": own, "fitted": fitted}


def off_topic(
    data: Path,
    seeds: Path,
    *,
    extra: Extra | None = None,
    share: float = 1.0,
    cache: Path | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> OffTopic:
    """Leave each blog out in turn and tell comments set under another post of their blog from those in place.

    Measured on comments of more than `SHORTEST` characters under an article that is known.
    """
    key = _key("off_topic", data, seeds, extra, share)
    found = _cached(cache, key, lambda: _off_topic_logits(data, extra, share))
    long = found.length > SHORTEST
    answers, logits, group, length = found.answers[long], found.logits[long], found.group[long], found.length[long]
    blogs = {}
    for name in np.unique(group):
        rows = group == name
        if min(answers[rows].sum(), (1 - answers[rows]).sum()) >= 10:
            area_of = area(answers[rows], logits[rows], seed=seed, resamples=resamples)
            assert area_of is not None
            blogs[str(name)] = area_of
    return OffTopic(
        auc=area(answers, logits, seed=seed, resamples=resamples),
        length_only=area(answers, -length, seed=seed, resamples=resamples),
        blogs=blogs,
        n=len(answers),
        positives=int(answers.sum()),
    )


def _off_topic_logits(data: Path, extra: Extra | None, share: float) -> LeftOut:
    _, thread = blog_rows(data)
    if share < 1.0:
        kept = np.array([uniform("sample", name) < share for name in thread.comments["id"]])
        thread = Batch(thread.comments[kept].reset_index(drop=True), thread.articles)
    documents = pd.concat([thread.comments["text"], thread.articles["text"].fillna("")], ignore_index=True)
    moved, is_moved, blog = swapped(thread)
    blank = Classifier.from_heads({}, rarity(document_frequencies(documents), len(documents)))
    matrix = blank.matrix(moved)
    truth = is_moved.copy()
    truth[~matrix.known] = np.nan
    weights = source_weights(truth, blog, np.ones(len(truth)))
    answers = np.where(weights > 0, truth, np.nan)
    rows = np.flatnonzero(~np.isnan(answers))
    corpus = Corpus(moved, truth[:, None], blog, weights)
    prepared = Prepared(corpus, matrix, np.ones(N_BUCKETS), None if extra is None else extra(moved))
    logits = np.full(len(truth), np.nan)
    for name in np.unique(blog.astype(str)):
        out = np.flatnonzero(blog == name)
        logits[out] = prepared.logits("off_topic", answers, weights, rows[blog[rows] != name], out)
    return _left_out(corpus, truth, logits, weights, np.ones(len(truth), bool))


def _rows_of(corpus: Corpus, rows: npt.NDArray[np.int64]) -> Batch:
    return Batch(corpus.batch.comments.iloc[rows].reset_index(drop=True))


def _prepared(parts: list[Corpus], thread: Batch) -> Prepared:
    corpus = joined(parts)
    documents = pd.concat([corpus.batch.comments["text"], thread.articles["text"].fillna("")], ignore_index=True)
    blank = Classifier.from_heads({}, rarity(document_frequencies(documents), len(documents)))
    matrix = blank.matrix(corpus.batch)
    counts = np.bincount(matrix.indices, minlength=N_BUCKETS)
    scaling = np.log((len(corpus.batch) + 1.0) / (counts + 1.0))
    return Prepared(corpus, matrix, scaling, None)


def _fitted(truth: Floats, corpus: Corpus) -> tuple[Floats, Floats]:
    weights = source_weights(truth, corpus.source, corpus.weight)
    return np.where(weights > 0, truth, np.nan), weights


def _is_blog(source: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    return np.array(["/" in name and not name.startswith(EXCERPTS) for name in source.astype(str)])


def _shown(corpus: Corpus) -> npt.NDArray[np.bool_]:
    """Say which rows stand as they were written: the others are the same without author and link."""
    bare = corpus.batch.comments["id"].str.endswith("-bare")
    return cast("npt.NDArray[np.bool_]", ~bare.to_numpy(dtype=bool))


def _left_out(
    corpus: Corpus, truth: Floats, logits: Floats, weights: Floats, measured: npt.NDArray[np.bool_]
) -> LeftOut:
    rows = np.flatnonzero(measured & ~np.isnan(truth) & ~np.isnan(logits))
    length = corpus.batch.comments["text"].str.len().to_numpy(dtype=np.float64)
    return LeftOut(
        logits[rows],
        truth[rows],
        corpus.source[rows].astype(np.str_),
        np.asarray(length[rows], np.float64),
        weights[rows],
        rows,
    )


def _without_links(corpus: Corpus) -> Corpus:
    """Return the rows by text and author alone."""
    comments = corpus.batch.comments.copy()
    comments["author_url"] = pd.Series(None, index=comments.index, dtype=comments["author_url"].dtype)
    return Corpus(Batch(comments), corpus.truth, corpus.source, corpus.weight)


def _part(corpus: Corpus, share: float) -> Corpus:
    """Return a share of the rows that never changes; both copies of a comment go together."""
    if share >= 1.0:
        return corpus
    comments = corpus.batch.comments
    names = comments["id"].str.removesuffix("-bare")
    kept = np.array([uniform("sample", name) < share for name in names])
    rows = Batch(comments[kept].reset_index(drop=True))
    return Corpus(rows, corpus.truth[kept], corpus.source[kept], corpus.weight[kept])


def _once(make: Callable[[], dict[str, LeftOut]]) -> Callable[[], dict[str, LeftOut]]:
    made: list[dict[str, LeftOut]] = []

    def get() -> dict[str, LeftOut]:
        if not made:
            made.append(make())
        return made[0]

    return get


def _key(what: str, data: Path, seeds: Path, extra: Extra | None, share: float) -> str:
    """Return a digest of all that the logits follow from: data, own sentences, code and further features."""
    digest = hashlib.blake2b(f"{what}\x1f{share}\x1f{feature_version()}".encode(), digest_size=12)
    files: Iterable[Path] = [
        *(data / name for name in CACHED_FILES),
        *(seeds / f"{name}.jsonl" for name in recipe.FITTED),
        *(Path(str(module.__file__)) for module in (recipe, classifier)),
        Path(__file__),
    ]
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    if extra is not None:
        digest.update(str(getattr(extra, "version", repr(extra))).encode())
    return f"{what}-{digest.hexdigest()}"


def _cached(cache: Path | None, key: str, make: Callable[[], LeftOut]) -> LeftOut:
    path = None if cache is None else cache / f"{key}.npz"
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            return LeftOut(*(stored[name] for name in KEPT))
    made = make()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new.npz")
        np.savez_compressed(aside, **{name: getattr(made, name) for name in KEPT})
        aside.replace(path)
    return made
