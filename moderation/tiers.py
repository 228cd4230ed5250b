"""A fast classifier and a slow encoder in, one table of scores out: the accurate tier, and the cascade of the two.

Everything above asks a tier the same questions and gets the same tables, whichever it is: `score`, `explain`, `adapt`.

- fast: the classifier alone.
- accurate: for the abuse labels and incitement a weighted sum of the encoder's logit and the classifier's; off-topic by
  the classifier's features of context and by how like the comment is, as sentences, to the passages of its article, to
  what it answers and to the thread before it; spam by the classifier's logit, which knows shape, author and link, and
  by the sentence embedding, which knows what is said in words the classifier never met, with the structure of it;
  trackback by the classifier's logit.
- cascade: the classifier scores everything, and what it is unsure of is scored again by the accurate tier.

What a site's reviews teach is a change of the classifier's weights. It is fitted for each tier on top of that tier's
own logits, so that each learns what it had wrong, and is added to them.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.classifier import Classifier, Explanation, Span, archive, read_arrays, scores_table, sigmoid
from moderation.encoder import HEADS, VECTOR, Encoder, passages_of
from moderation.errors import ModelError
from moderation.features import DENSE, STRUCTURE
from moderation.features.context import PRECEDING
from moderation.features.evasion import undo
from moderation.features.structure import add_up
from moderation.labels import LABELS, TIERS
from moderation.tables import Batch

__all__ = [
    "BY_SENTENCE",
    "CHANGE_FILE",
    "HEADS_FILE",
    "LIKENESS",
    "Accurate",
    "Cascade",
    "Heads",
    "Likeness",
    "Scorer",
    "Sentences",
    "likeness",
    "logit",
    "tiered",
]

HEADS_FILE: Final = "heads.npz"
CHANGE_FILE: Final = "change.npz"

LIKENESS: Final = (
    "likeness to the nearest passage",
    "likeness to the next passages",
    "likeness to the title",
    "likeness to the article as a whole",
    "likeness to the comment it answers",
    "likeness to the nearest comment before it",
    "likeness to the thread",
    "nearest passage, of a long comment",
    "nearest of all around it",
)
"""What sentence embeddings say of a comment beside its article and thread, in order."""

BY_SENTENCE: Final = ("spam",)
"""Labels judged by the classifier's logit and by the sentence embedding together."""

PARTS: Final = 6
"""So small a part of a text is a phrase. Phrases are taken away, one at a time, to see what the logit owes to each.

Not words: a single one is often said again by its neighbours, and taking it away alone changes little.
"""
MOST_WORDS: Final = 8
"""More words are a sentence, and say less of why."""
PLACES: Final = 20
"""At most so many phrases are tried, overlapping where the text is short enough: what matters rarely ends where a part
does."""

Floats = npt.NDArray[np.float64]
_WORD: Final = re.compile(r"\S+")


class Scorer(Protocol):
    """What every tier can do."""

    @property
    def version(self) -> str:
        """Name the weights, and the tier unless it is the fast one."""

    @property
    def labels(self) -> Sequence[str]:
        """Name the labels it claims."""

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the scores table of a batch."""

    def explain(self, batch: Batch, label: str, earlier: pd.DataFrame | None = None) -> list[Explanation]:
        """Return one explanation per comment."""


def logit(probability: float) -> float:
    """Return the logit of a probability; plus or minus infinity at its ends."""
    if not 0.0 < probability < 1.0:
        return float("inf") if probability >= 1.0 else float("-inf")
    return float(np.log(probability / (1.0 - probability)))


def tiered(version: str, tier: str) -> str:
    """Return the name that scores of a version's tier are kept under; raises `ModelError` for an unknown tier."""
    if tier not in TIERS:
        raise ModelError(f"unknown tier {tier!r}; known: {', '.join(TIERS)}")
    return version if tier == "fast" else f"{version}+{tier}"


@dataclass(frozen=True, slots=True)
class Heads:
    """How the accurate tier weighs what it is given.

    `mix` (len(HEADS), 3): weights of the encoder's logit and the classifier's, and a bias, after calibration.
    `off_topic` (len(DENSE) + len(LIKENESS) + 1,): weights of both groups of features, and a bias.
    `sentence` (len(BY_SENTENCE), 1 + VECTOR + len(STRUCTURE) + 1): weights of the classifier's logit, of the embedding
    and of structure beside it, and a bias.
    `bands` (len(LABELS),): how far from a limit, in logits, the fast tier counts as unsure of a label; 0 where the
    accurate tier is not asked for the sake of this label.
    """

    mix: Floats
    off_topic: Floats
    sentence: Floats
    bands: Floats

    def content(self) -> bytes:
        """Return the heads as the bytes of a file."""
        return archive(
            {
                "bands": self.bands,
                "mix": self.mix,
                "off_topic": self.off_topic,
                "sentence": self.sentence,
            }
        )

    @classmethod
    def read(cls, path: Path, digest: str) -> "Heads":
        """Read the heads in the file at `path`; raises `ModelError` unless it is the one of this digest."""
        shapes = {
            "bands": (len(LABELS),),
            "mix": (len(HEADS), 3),
            "off_topic": (len(DENSE) + len(LIKENESS) + 1,),
            "sentence": (len(BY_SENTENCE), VECTOR + len(STRUCTURE) + 2),
        }
        arrays = read_arrays(path, digest, tuple(shapes))
        if any(arrays[name].shape != shape for name, shape in shapes.items()):
            raise ModelError(f"{path}: the heads do not fit this package; restore the file or use --tier fast")
        return cls(arrays["mix"], arrays["off_topic"], arrays["sentence"], arrays["bands"])


@dataclass(frozen=True)
class Accurate:
    """The accurate tier of one version.

    `base` is the shipped classifier, `fast` the version's own, `change` the base with what reviews taught this tier.
    """

    base: Classifier
    fast: Classifier
    change: Classifier
    encoder: Encoder
    heads: Heads
    name: str = "unsaved"
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version, and which tier it is."""
        return tiered(self.name, "accurate")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the classifier claims; the encoder adds none."""
        return self.base.labels

    def logits(
        self, batch: Batch, earlier: pd.DataFrame | None = None, rows: npt.NDArray[np.bool_] | None = None
    ) -> Floats:
        """Return float64 logits of shape (n, labels), NaN where a label is not judged.

        `rows`: only these are read by the encoder; the others are NaN throughout.
        """
        shipped, _ = self._shipped(batch, earlier, rows)
        if self.change is self.base:
            return shipped
        return shipped + (self.change.logits(batch, earlier) - self.base.logits(batch, earlier))

    def _shipped(
        self, batch: Batch, earlier: pd.DataFrame | None, rows: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Floats, Floats]:
        """Return what the shipped model says, and the features behind off-topic."""
        base = self.base.logits(batch, earlier)
        read = np.ones(len(batch), np.bool_) if rows is None else rows
        found = base.copy()
        found[~read] = np.nan
        at = np.flatnonzero(read)
        heads = [(k, self.labels.index(label)) for k, label in enumerate(HEADS) if label in self.labels]
        judged = at[~np.isnan(base[at][:, [j for _, j in heads]]).all(axis=1)] if heads else at[:0]
        encoded = self._encoded(batch.comments["text"].iloc[judged].tolist())
        for k, j in heads:
            of_encoder, of_base, bias = self.heads.mix[k]
            found[judged, j] = of_encoder * encoded[:, k] + of_base * base[judged, j] + bias
            found[np.isnan(base[:, j]), j] = np.nan
        features = np.zeros((len(batch), len(DENSE) + len(LIKENESS)))
        if not len(at):
            return found, features
        dense, known = self.base.features(batch, earlier)
        if set(BY_SENTENCE) & set(self.labels):
            meant, shaped = self._of_sentences(batch.comments["text"].iloc[at].tolist(), dense[at])
            for k, label in enumerate(BY_SENTENCE):
                if label in self.labels:
                    weights, j = self.heads.sentence[k], self.labels.index(label)
                    found[at, j] = weights[0] * base[at, j] + meant[:, k] + shaped[:, k] + weights[-1]
        if "off_topic" in self.labels:
            j = self.labels.index("off_topic")
            asked = read & known
            features[:, : len(DENSE)] = dense
            features[:, len(DENSE) :] = likeness(self.encoder, batch, earlier, asked)
            # Row by row in a fixed order, as everywhere: a matrix product would round by its shape.
            total = np.full(len(batch), self.heads.off_topic[-1])
            for k in range(features.shape[1]):
                total += features[:, k] * self.heads.off_topic[k]
            found[:, j] = np.where(asked, total, np.nan)
        return found, features

    def _of_sentences(self, texts: Sequence[str], dense: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return what embedding and structure add to the logits of `BY_SENTENCE`, (n, len(BY_SENTENCE)) each."""
        vectors = self.encoder.embed(texts)
        weights = self.heads.sentence[:, 1:-1]
        meant = np.stack([_cosines(vectors, each[:VECTOR]) for each in weights], axis=1)
        shaped = np.zeros(meant.shape)
        add_up(np.ascontiguousarray(dense[:, : len(STRUCTURE)]), np.ascontiguousarray(weights[:, VECTOR:].T), shaped)
        return meant, shaped

    def _encoded(self, texts: Sequence[str]) -> Floats:
        """Return the encoder's logits, as typed or as meant, whichever is stronger."""
        found = self.encoder.logits(texts)
        meant = [undone.text for undone in undo(list(texts))]
        disguised = [i for i, (text, other) in enumerate(zip(texts, meant, strict=True)) if text != other]
        if disguised:
            found[disguised] = np.maximum(found[disguised], self.encoder.logits([meant[i] for i in disguised]))
        return found

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the scores table of a batch: the same rows, columns and gaps as the fast tier's."""
        return scores_table(batch, self.labels, self.logits(batch, earlier), self.version)

    def explain(self, batch: Batch, label: str, earlier: pd.DataFrame | None = None) -> list[Explanation]:
        """Return one explanation per comment; raise `ModelError` for a label this model does not claim.

        For the labels of the encoder a part's weight is how much the logit falls when that part of the text is taken
        away (occlusion: Zeiler and Fergus, ECCV 2014; Li et al., 2016). Such weights do not add up by themselves: the
        `bias` is what is left of the logit. Off-topic, spam and trackback are sums, and exact: of spam, what the
        embedding says is one part, of the text as a whole.
        """
        if label not in self.labels:
            raise ModelError(f"model {self.version}: no head for {label!r}; it has {', '.join(self.labels)}")
        j = self.labels.index(label)
        logits = self.logits(batch, earlier)[:, j]
        if label == "off_topic":
            return self._by_context(batch, earlier, logits)
        if label in BY_SENTENCE:
            return self._by_sentence(batch, label, earlier, logits)
        if label not in HEADS:
            return self.change.explain(batch, label, earlier)
        taught = self._taught(batch, earlier)[:, j]
        found = []
        for row, (logit, change) in enumerate(zip(logits.tolist(), taught.tolist(), strict=True)):
            if np.isnan(logit):
                found.append(Explanation(label, 0.0, logit, float("nan"), ()))
                continue
            spans = self._occluded(batch.comments.iloc[[row]], label)
            if change:
                spans.append(Span(None, None, change, "structure", "what reviews taught"))
            found.append(_explained(label, logit, spans))
        return found

    def _taught(self, batch: Batch, earlier: pd.DataFrame | None) -> Floats:
        if self.change is self.base:
            return np.zeros((len(batch), len(self.labels)))
        return self.change.logits(batch, earlier) - self.base.logits(batch, earlier)

    def _occluded(self, comment: pd.DataFrame, label: str) -> list[Span]:
        """Return what the logit of one comment owes to each part of its text, by encoder and classifier both."""
        text = str(comment["text"].iloc[0])
        parts = _parts(text)
        if not parts:
            return []
        weights = self._lost(comment, label, text, parts)
        # A long text's phrases are some words apart: the one that matters most is looked for between them too.
        near = _near(text, parts, int(weights.argmax()))
        if near:
            parts, weights = parts + near, np.concatenate([weights, self._lost(comment, label, text, near)])
        return _apart(
            [
                Span(begin, end, weight, "text", "phrase")
                for (begin, end), weight in zip(parts, weights.tolist(), strict=True)
            ]
        )

    def _lost(self, comment: pd.DataFrame, label: str, text: str, parts: Sequence[tuple[int, int]]) -> Floats:
        """Return by how much the logit of one comment falls when each of the parts is taken away (len(parts),)."""
        texts = [text, *(f"{text[:begin]} {text[end:]}" for begin, end in parts)]
        frame = comment.iloc[[0] * len(texts)].reset_index(drop=True)
        frame["id"] = pd.Series([f"part:{i}" for i in range(len(texts))], dtype="string[pyarrow]")
        frame["text"] = pd.Series(texts, dtype="string[pyarrow]")
        of_encoder, of_base, _ = self.heads.mix[HEADS.index(label)]
        base = self.base.logits(Batch(frame))[:, self.labels.index(label)]
        # What is left may be too little to be taken for English; it is then as strong as the whole, by the words.
        base = np.where(np.isnan(base), base[0], base)
        logits = of_encoder * self._encoded(texts)[:, HEADS.index(label)] + of_base * base
        lost: Floats = logits[0] - logits[1:]
        return lost

    def _by_context(self, batch: Batch, earlier: pd.DataFrame | None, logits: Floats) -> list[Explanation]:
        _, features = self._shipped(batch, earlier)
        taught = self._taught(batch, earlier)[:, self.labels.index("off_topic")]
        names = (*DENSE, *LIKENESS)
        found = []
        for row, logit, change in zip(features, logits.tolist(), taught.tolist(), strict=True):
            if np.isnan(logit):
                found.append(Explanation("off_topic", 0.0, logit, float("nan"), ()))
                continue
            parts = row * self.heads.off_topic[:-1]
            spans = [
                Span(None, None, float(part), "context", name)
                for name, part in zip(names, parts.tolist(), strict=True)
                if part
            ]
            if change:
                spans.append(Span(None, None, change, "structure", "what reviews taught"))
            found.append(_explained("off_topic", logit, spans))
        return found

    def _by_sentence(self, batch: Batch, label: str, earlier: pd.DataFrame | None, logits: Floats) -> list[Explanation]:
        k = BY_SENTENCE.index(label)
        weights = self.heads.sentence[k]
        dense, _ = self.base.features(batch, earlier)
        meant, _ = self._of_sentences(batch.comments["text"].tolist(), dense)
        taught = self._taught(batch, earlier)[:, self.labels.index(label)].tolist()
        found = []
        for row, why, logit, part, change in zip(
            dense, self.base.explain(batch, label, earlier), logits.tolist(), meant[:, k].tolist(), taught, strict=True
        ):
            spans = [replace(span, weight=span.weight * float(weights[0])) for span in why.spans]
            shaped = dict(zip(STRUCTURE, (row[: len(STRUCTURE)] * weights[1 + VECTOR : -1]).tolist(), strict=True))
            # What structure tells both is said once.
            spans = [replace(span, weight=span.weight + shaped.pop(span.name, 0.0)) for span in spans]
            spans += [Span(None, None, weight, "structure", name) for name, weight in shaped.items() if weight]
            spans.append(Span(None, None, part, "structure", "what it says as a whole"))
            if change:
                spans.append(Span(None, None, change, "structure", "what reviews taught"))
            found.append(_explained(label, logit, spans))
        return found

    def adapt(
        self, batch: Batch, truth: pd.DataFrame, *, strength: float = 0.3, earlier: pd.DataFrame | None = None
    ) -> "Accurate":
        """Return this tier after reviews: one change for the fast tier, one for this, each on top of its own logits."""
        shipped, _ = self._shipped(batch, earlier)
        fast = self.base.adapt(batch, truth, strength=strength, earlier=earlier)
        change = self.base.adapt(batch, truth, strength=strength, earlier=earlier, prior=shipped)
        return Accurate(self.base, fast, change, self.encoder, self.heads, card=self.card)

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write what reviews taught into a new `folder`; the encoder's files stay with the shipped version."""
        content = self.change.content()
        self.fast.save(folder, {**card, **self.identity()})
        (folder / CHANGE_FILE).write_bytes(content)

    def identity(self) -> dict[str, Any]:
        """Return what names these weights; the same reviews give the same digest."""
        return {**self.fast.identity(), "change_sha256": hashlib.sha256(self.change.content()).hexdigest()}

    def likeness_to(self, text: str, others: Sequence[str]) -> Floats:
        """Return how like each of `others` is to `text`, as sentences: cosines (n,)."""
        vectors = self.encoder.embed([text, *others])
        return _cosines(vectors[1:], vectors[0])

    def nearest(self, batch: Batch) -> list[tuple[str, float] | None]:
        """Return for each comment the passage of its article that it is most like, and how like (cosine)."""
        passages, where = _passages(self.encoder, batch)
        vectors = self.encoder.embed(batch.comments["text"].tolist())
        found: list[tuple[str, float] | None] = []
        for vector, article in zip(vectors, batch.comments["article_id"].tolist(), strict=True):
            texts, rows = where.get(article, ([], [])) if isinstance(article, str) else ([], [])
            near = passages[rows] @ vector if rows else np.zeros(0)
            best = int(near.argmax()) if len(near) else -1
            found.append((texts[best], float(near[best])) if best >= 0 else None)
        return found


@dataclass(frozen=True)
class Cascade:
    """The fast tier for all, the accurate one for what it is unsure of.

    `limits`: the probabilities at which another answer changes what happens, by label.
    """

    fast: Classifier
    accurate: Accurate
    limits: Mapping[str, Sequence[float]]

    @property
    def version(self) -> str:
        """The version, and which tier it is."""
        return tiered(self.accurate.name, "cascade")

    @property
    def card(self) -> Mapping[str, Any]:
        """The version's card."""
        return self.accurate.card

    def likeness_to(self, text: str, others: Sequence[str]) -> Floats:
        """Return how like each of `others` is to `text`, as sentences: cosines (n,)."""
        return self.accurate.likeness_to(text, others)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of both."""
        return self.fast.labels

    def unsure(self, logits: Floats) -> npt.NDArray[np.bool_]:
        """Say which rows the accurate tier should see: some label lies within its band of one of its limits."""
        found = np.zeros(len(logits), np.bool_)
        for label, band in zip(LABELS, self.accurate.heads.bands.tolist(), strict=True):
            if band and label in self.labels:
                own = logits[:, self.labels.index(label)]
                for limit in self.limits.get(label, ()):
                    with np.errstate(invalid="ignore"):
                        found |= np.abs(own - logit(limit)) <= band
        return found

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the scores table of a batch."""
        logits = self.fast.logits(batch, earlier)
        rows = self.unsure(logits)
        if rows.any():
            logits[rows] = self.accurate.logits(batch, earlier, rows)[rows]
        return scores_table(batch, self.labels, logits, self.version)

    def explain(self, batch: Batch, label: str, earlier: pd.DataFrame | None = None) -> list[Explanation]:
        """Return one explanation per comment, by the tier that gave its score."""
        rows = self.unsure(self.fast.logits(batch, earlier))
        fast = self.fast.explain(batch, label, earlier)
        if not rows.any():
            return fast
        accurate = self.accurate.explain(batch, label, earlier)
        return [slow if row else quick for row, quick, slow in zip(rows.tolist(), fast, accurate, strict=True)]


@dataclass(frozen=True)
class Sentences:
    """The sentence embeddings of a batch, as a function that knows which encoder it asks, and what it asked."""

    encoder: Encoder
    known: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def version(self) -> str:
        """Name the encoder by its files."""
        return json.dumps(dict(self.encoder.made_of[1]), sort_keys=True)

    def __call__(self, batch: Batch) -> Floats:
        """Return the embeddings, (n, VECTOR)."""
        texts = batch.comments["text"].tolist()
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        for text, vector in zip(new, self.encoder.embed(new), strict=True):
            self.known[text] = vector.astype(np.float32)
        return np.array([self.known[text] for text in texts], np.float64).reshape(len(texts), VECTOR)


@dataclass(frozen=True)
class Likeness:
    """The `LIKENESS` features of a batch, as a function that knows which encoder it asks."""

    encoder: Encoder

    @property
    def version(self) -> str:
        """Name the encoder by its files."""
        return json.dumps(dict(self.encoder.made_of[1]), sort_keys=True)

    def __call__(self, batch: Batch) -> Floats:
        """Return the features, (n, len(LIKENESS))."""
        return likeness(self.encoder, batch)


def likeness(
    encoder: Encoder, batch: Batch, earlier: pd.DataFrame | None = None, rows: npt.NDArray[np.bool_] | None = None
) -> Floats:
    """Return the `LIKENESS` features of a batch, float64 of shape (n, len(LIKENESS)); zeros for rows not asked for.

    The thread of a comment is what stands before it under the same article, here and in `earlier`.
    """
    n = len(batch)
    found = np.zeros((n, len(LIKENESS)))
    asked = np.ones(n, np.bool_) if rows is None else rows
    if not asked.any():
        return found
    columns = ["id", "article_id", "parent_id", "text"]
    comments = batch.comments[columns]
    offset = 0
    if earlier is not None and len(earlier):
        before = earlier[columns][~earlier["id"].isin(comments["id"])]
        offset = len(before)
        comments = pd.concat([before, comments], ignore_index=True)
    ids, articles = comments["id"].tolist(), comments["article_id"].tolist()
    place = {name: i for i, name in enumerate(ids)}
    thread: dict[Any, list[int]] = {}
    around: dict[int, tuple[int | None, list[int]]] = {}
    for i, (article, parent) in enumerate(zip(articles, comments["parent_id"].tolist(), strict=True)):
        above = thread.setdefault(article, []) if isinstance(article, str) else []
        if i >= offset and asked[i - offset]:
            around[i] = (place.get(parent) if isinstance(parent, str) else None, above[-PRECEDING:])
        above.append(i)
    needed = sorted(
        {*around, *(p for p, _ in around.values() if p is not None), *(k for _, t in around.values() for k in t)}
    )
    row_of = {i: row for row, i in enumerate(needed)}
    texts = comments["text"].tolist()
    vectors = encoder.embed([texts[i] for i in needed])
    wanted = {articles[i] for i in around}
    passages, where = _passages(encoder, Batch(batch.comments, batch.articles[batch.articles["id"].isin(wanted)]))
    titles = {
        key: title for key, title in zip(batch.articles["id"], batch.articles["title"], strict=True) if key in wanted
    }
    named = {key: str(title) for key, title in titles.items() if isinstance(title, str) and title}
    heads = dict(zip(named, encoder.embed(list(named.values())), strict=True))
    for i, (parent_at, before_it) in around.items():
        own, out, article = vectors[row_of[i]], found[i - offset], articles[i]
        _, rows_of = where.get(article, ([], []))
        if rows_of:
            near = np.sort(_cosines(passages[rows_of], own))[::-1]
            whole = passages[rows_of].mean(axis=0)
            out[0], out[1] = near[0], near[1:4].mean() if len(near) > 1 else near[0]
            out[3] = float((whole * own).sum() / max(float(np.sqrt((whole * whole).sum())), 1e-9))
            out[7] = near[0] * min(len(texts[i]) / 200.0, 1.0)
        if article in heads:
            out[2] = float((heads[article] * own).sum())
        if parent_at is not None:
            out[4] = float((vectors[row_of[parent_at]] * own).sum())
        if before_it:
            near = _cosines(vectors[[row_of[k] for k in before_it]], own)
            out[5], out[6] = near.max(), near.mean()
        out[8] = max(out[0], out[2], out[4], out[5])
    return found


def _cosines(vectors: Floats, own: Floats) -> Floats:
    """Return products row by row: those of a matrix product would differ in the last digit with its shape."""
    return cast("Floats", (vectors * own).sum(axis=1))


def _passages(encoder: Encoder, batch: Batch) -> tuple[Floats, dict[str, tuple[list[str], list[int]]]]:
    """Return the embedded passages of all articles, and for each article its passages and their rows."""
    every: list[str] = []
    where: dict[str, tuple[list[str], list[int]]] = {}
    for key, text in zip(batch.articles["id"].tolist(), batch.articles["text"].tolist(), strict=True):
        passages = passages_of(text) if isinstance(text, str) else []
        where[key] = passages, list(range(len(every), len(every) + len(passages)))
        every += passages
    return encoder.embed(every), where


def _parts(text: str) -> list[tuple[int, int]]:
    """Return phrases of equally many words as spans: each a `PARTS`th of the text or less, about `PLACES` at most."""
    words = [(found.start(), found.end()) for found in _WORD.finditer(text)]
    if not words:
        return []
    # Of a long text more, so that no word is passed over.
    together = max(min(-(-len(words) // PARTS), MOST_WORDS), -(-len(words) // PLACES))
    last = len(words) - together
    step = -(-(last + 1) // PLACES)
    return [(words[i][0], words[i + together - 1][1]) for i in sorted({*range(0, last + 1, step), last})]


def _near(text: str, parts: Sequence[tuple[int, int]], best: int) -> list[tuple[int, int]]:
    """Return the phrases of as many words that begin between the best of `_parts` and the ones before and after it."""
    words = [(found.start(), found.end()) for found in _WORD.finditer(text)]
    begins = {begin: i for i, (begin, _) in enumerate(words)}
    places = [begins[begin] for begin, _ in parts]
    together = sum(parts[0][0] <= begin < parts[0][1] for begin, _ in words)
    low = places[best - 1] if best else places[best]
    high = places[best + 1] if best + 1 < len(places) else places[best]
    return [(words[i][0], words[i + together - 1][1]) for i in range(low + 1, high) if i != places[best]]


def _apart(spans: list[Span]) -> list[Span]:
    """Return spans of which none overlaps another: the one that speaks most for the label, then the weightiest."""
    kept: list[Span] = []
    for span in [max(spans, key=lambda span: span.weight), *sorted(spans, key=lambda span: -abs(span.weight))]:
        if all(_after(span, other) or _after(other, span) for other in kept):
            kept.append(span)
    return kept


def _after(one: Span, other: Span) -> bool:
    assert one.begin is not None
    assert other.end is not None
    return one.begin >= other.end


def _explained(label: str, logit: float, spans: list[Span]) -> Explanation:
    spans.sort(key=lambda span: -abs(span.weight))
    bias = logit - sum(span.weight for span in spans)
    return Explanation(label, bias, logit, float(sigmoid(np.array([logit]))[0]), tuple(spans))


assert set(HEADS) | set(BY_SENTENCE) <= set(LABELS)
