"""Comments in, one calibrated probability per label out, and on request the spans that made it (the fast tier).

Each label has its own linear head over three groups of features: hashed n-grams of text, author and link; structure;
and context (the comment against its article and thread). A head's sum is a logit after calibration, so an explanation
is exact: bias plus the weights of all spans is the logit.

`fit` is scikit-learn's logistic regression on the matrix that the kernel emits. `adapt` learns from a site's reviews:
it looks for the smallest change of the weights that explains them (a Gaussian prior centred on the base model), which
is convex and has one answer, whatever the order of the reviews.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.errors import ModelError
from moderation.features import CONTEXT, DENSE, N_BUCKETS, STRUCTURE, feature_version
from moderation.features.context import compare
from moderation.features.language import ENGLISH, languages
from moderation.features.ngrams import (
    Buffers,
    csr,
    fragments,
    name_buckets,
    pack,
    spans,
    string_buffers,
    sum_weights,
)
from moderation.features.readings import Reading, readings
from moderation.features.structure import add_up, expand
from moderation.labels import ABUSE, LABELS
from moderation.tables import Batch, validate_scores

__all__ = [
    "BY_PARTS",
    "ENGLISH_ONLY",
    "NEEDS_ARTICLE",
    "Classifier",
    "Explanation",
    "Head",
    "Matrix",
    "Span",
    "archive",
    "calibrated",
    "fit_head",
    "fit_line",
    "fit_mix",
    "head_logits",
    "read_arrays",
    "scores_table",
    "sigmoid",
    "usable_features",
]

WEIGHTS: Final = "weights.npz"
CARD: Final = "card.json"
NEEDS_ARTICLE: Final = frozenset({"off_topic"})
"""Labels that compare a comment with its article: without one they are not judged."""

BY_PARTS: Final = frozenset({"incitement", *ABUSE})
"""Labels that one sentence can earn: judged by the strongest reading of a text, not by the whole."""

ENGLISH_ONLY: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(sorted(BY_PARTS), (ENGLISH,))
"""The languages that a label can be judged in, where a model's card does not say; a label left out is judged in any."""

_BREAKING_OFF: Final = [STRUCTURE.index("breaks off within a word"), STRUCTURE.index("no author, breaks off")]

_TOP: Final = 32_767

NAME_BOUND: Final[Mapping[str, float]] = {**dict.fromkeys(sorted(BY_PARTS), 2.0), "spam": 0.5, "trackback": 0.5}
"""How far the weight of a country's, people's or faith's name may stand from the mean of all such names, by label.

Names beside their neighbours are one word to the kernel, so this is all that one of them can say and another cannot. Of
spam they say nothing: at most a fifth of a logit in a sentence of ten words. Who is attacked tells something of an
attack: held as firmly there, hatemojicheck lost .013 AUC; as it is, .006.
"""

MOST_ITERATIONS: Final = 200
TOLERANCE: Final = 1e-4
SHARED: Final = 10.0
"""How much more firmly what all comments share (structure, context, bias) is held when a site's reviews are learnt."""


@dataclass(frozen=True, slots=True)
class Span:
    """One part of an explanation: where (code points of the text; None outside it), how much, and what it is."""

    begin: int | None
    end: int | None
    weight: float
    source: str
    name: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a comment got its probability for a label: `bias` plus the weights of all `spans` is the `logit`."""

    label: str
    bias: float
    logit: float
    probability: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """One fitted label: float weights by bucket (N_BUCKETS,) and by dense feature (len(DENSE),), and the bias.

    `extra`: weights of features from elsewhere, for measuring what they would bring; a `Classifier` has no place for
    them.
    """

    ngrams: npt.NDArray[np.float64]
    dense: npt.NDArray[np.float64]
    bias: float
    extra: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """The features of a batch as matrices: n-grams in CSR parts, and the dense ones; `known`: article is known."""

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    counts: npt.NDArray[np.float32]
    dense: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return probabilities of logits, without overflow at either end."""
    half = np.exp(-np.abs(logits))
    return cast("npt.NDArray[np.float64]", np.where(logits >= 0, 1.0 / (1.0 + half), half / (1.0 + half)))


Fields = tuple[Buffers, Buffers, Buffers]
"""Text, author and link of a batch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A batch read in every way that matters.

    `whole` are its comments as they stand, `others` the readings that differ from them; `choice` (n, labels) says which
    one speaks for a label: a row of the whole, or n + the number of the reading. `logits` are those of the choice.
    """

    whole: Fields
    others: Fields
    readings: list[Reading]
    dense: npt.NDArray[np.float32]
    choice: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]


def _buffers(batch: Batch) -> Fields:
    comments = batch.comments
    return (
        string_buffers(comments["text"]),
        string_buffers(comments["author"]),
        string_buffers(comments["author_url"]),
    )


@dataclass(frozen=True)
class Classifier:
    """The fitted heads of all labels that this model claims; every other label is not judged.

    `weights` is int16 of shape (N_BUCKETS, labels) with one `scale` per label, `dense` float64 of shape
    (len(DENSE), labels), all in logits after calibration.
    """

    labels: tuple[str, ...]
    weights: npt.NDArray[np.int16]
    scale: npt.NDArray[np.float64]
    dense: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    rare: npt.NDArray[np.uint8]
    version: str = "unsaved"
    card: Mapping[str, Any] = field(default_factory=dict)
    languages: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(ENGLISH_ONLY))

    def __post_init__(self) -> None:
        object.__setattr__(self, "_packed", pack(self.weights))

    @classmethod
    def from_heads(
        cls, heads: Mapping[str, Head], rare: npt.NDArray[np.uint8], version: str = "unsaved"
    ) -> "Classifier":
        """Return a classifier of fitted heads, n-gram weights rounded to 16 bits (a step is 1/32767 of the largest)."""
        labels = tuple(label for label in LABELS if label in heads)
        if any(heads[label].extra is not None for label in labels):
            raise ValueError("heads with extra features cannot be kept in a classifier; fit them without")
        weights = np.zeros((N_BUCKETS, len(labels)), np.int16)
        scale = np.ones(len(labels), np.float64)
        for j, label in enumerate(labels):
            weights[:, j], scale[j] = _rounded(heads[label].ngrams)
        dense = np.column_stack([heads[label].dense for label in labels]) if labels else np.zeros((len(DENSE), 0))
        bias = np.array([heads[label].bias for label in labels], np.float64)
        return cls(labels, weights, scale, np.ascontiguousarray(dense, np.float64), bias, rare, version)

    def head(self, label: str) -> Head:
        """Return one label's head; raise `ValueError` where the classifier has none."""
        j = self.labels.index(label)
        return Head(self.weights[:, j] * self.scale[j], self.dense[:, j].copy(), float(self.bias[j]))

    def replaced(self, other: "Classifier") -> "Classifier":
        """Return this classifier with the heads of `other` in the place of its own; the rest stays bit for bit."""
        labels = tuple(label for label in LABELS if label in (*self.labels, *other.labels))
        heads = [other if label in other.labels else self for label in labels]
        at = [head.labels.index(label) for head, label in zip(heads, labels, strict=True)]
        found = [
            (head.weights[:, j], head.scale[j], head.dense[:, j], head.bias[j])
            for head, j in zip(heads, at, strict=True)
        ]
        weights, scale, dense, bias = (np.stack(parts, axis=-1) for parts in zip(*found, strict=True))
        weights, dense = np.ascontiguousarray(weights), np.ascontiguousarray(dense)
        return Classifier(labels, weights, scale, dense, bias, self.rare, card=self.card, languages=self.languages)

    def logits(self, batch: Batch, earlier: pd.DataFrame | None = None) -> npt.NDArray[np.float64]:
        """Return float64 logits of shape (n, labels); NaN where a label is not judged.

        That is where it needs an article and none is known, or where the text is in a language that it cannot be
        judged in. Labels of `BY_PARTS` get the logit of their strongest reading.

        Nothing here depends on the size of the batch: sums of n-grams are whole numbers, and the dense part is added
        up row by row in a fixed order.
        """
        return self._read(batch, earlier).logits

    def _read(self, batch: Batch, earlier: pd.DataFrame | None) -> _Read:
        n = len(batch)
        whole = _buffers(batch)
        sums, raws = sum_weights(*whole, self._packed, len(self.labels))  # type: ignore[attr-defined]
        dense, known = self._dense(batch, raws, earlier)
        logits = self._added_up(sums, dense)
        choice = np.repeat(np.arange(n)[:, None], len(self.labels), axis=1)
        found = readings(batch.comments["text"])
        others = whole
        if found:
            rows = np.array([reading.row for reading in found])
            # Not the text: a long one would be repeated for each of its thousands of windows.
            comments = batch.comments[["author", "author_url"]].iloc[rows]
            others = (
                string_buffers([reading.text for reading in found]),
                string_buffers(comments["author"]),
                string_buffers(comments["author_url"]),
            )
            sums, raws = sum_weights(*others, self._packed, len(self.labels))  # type: ignore[attr-defined]
            # Only the text is another one: what was said before it, and under which article, stays.
            more = dense[rows]
            self._structure(others[0], raws, more)
            dense = np.concatenate([dense, more])
            by_parts = [j for j, label in enumerate(self.labels) if label in BY_PARTS]
            _strongest(found, self._added_up(sums, more), by_parts, logits, choice)
        for j, label in enumerate(self.labels):
            if label in NEEDS_ARTICLE:
                logits[~known, j] = np.nan
        self._leave_foreign(batch, found, logits)
        return _Read(whole, others, found, dense, choice, logits)

    def _added_up(self, sums: npt.NDArray[np.float64], dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        logits: npt.NDArray[np.float64] = sums * self.scale + self.bias
        add_up(dense, self.dense, logits)
        return logits

    def _leave_foreign(self, batch: Batch, found: list[Reading], logits: npt.NDArray[np.float64]) -> None:
        """Write NaN where a label cannot be judged in the language of the text."""
        bound = {j: self.languages[label] for j, label in enumerate(self.labels) if label in self.languages}
        if not bound or not len(batch):
            return
        # By the text as meant: letters of other scripts in the place of Latin ones make no other language.
        meant = {reading.row: reading.text for reading in found if not reading.window}
        texts: Any = batch.comments["text"]
        if meant:
            texts = texts.copy()
            texts.iloc[list(meant)] = list(meant.values())
        spoken = languages(texts)
        told = set(spoken) - {None}
        for j, judged in bound.items():
            foreign = told.difference(judged)
            if foreign:
                logits[[row for row, language in enumerate(spoken) if language in foreign], j] = np.nan

    def _dense(
        self, batch: Batch, raws: npt.NDArray[np.float64], earlier: pd.DataFrame | None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        dense = np.zeros((len(batch), len(DENSE)), np.float32)
        self._structure(string_buffers(batch.comments["text"]), raws, dense)
        dense[:, len(STRUCTURE) :], known = compare(batch, self.rare, earlier)
        return dense, known

    def features(
        self, batch: Batch, earlier: pd.DataFrame | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the dense features, float32 (n, len(DENSE)), and whether each comment's article is known."""
        _, raws = sum_weights(*_buffers(batch), self._packed, len(self.labels))  # type: ignore[attr-defined]
        return self._dense(batch, raws, earlier)

    def _structure(self, text: Buffers, raws: npt.NDArray[np.float64], dense: npt.NDArray[np.float32]) -> None:
        """Write the features of structure into the first columns of `dense`."""
        expand(raws, dense)
        dense[:, _BREAKING_OFF] *= fragments(text, self.rare)[:, None]

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the scores table of a batch: index = comment ids, a float32 column per label, then `model`.

        A label this model does not claim, or cannot judge (for want of an article, or in another language), is NaN.
        `earlier`: comments that
        came before the batch under the same articles, looked at as their thread.
        """
        return scores_table(batch, self.labels, self.logits(batch, earlier), self.version)

    def explain(self, batch: Batch, label: str, earlier: pd.DataFrame | None = None) -> list[Explanation]:
        """Return one explanation per comment; raise `ModelError` for a label this model does not claim.

        Text spans are given per place, all n-grams of that place added up; an n-gram that occurs several times shares
        its weight equally among its places. Where a reading speaks for the text (what was meant, or the strongest part
        of a long one), spans are those of the reading, at the places of the text as typed that it was read from; a span
        "window" of no weight says which part of a long text it is.
        """
        if label not in self.labels:
            raise ModelError(f"model {self.version}: no head for {label!r}; it has {', '.join(self.labels)}")
        j = self.labels.index(label)
        n = len(batch)
        read = self._read(batch, earlier)
        found = []
        for i in range(n):
            k = int(read.choice[i, j])
            fields, at = (read.whole, k) if k < n else (read.others, k - n)
            parts = [_one(field, at) for field in fields]
            reading = read.readings[k - n] if k >= n else None
            found.append(self._explanation(j, float(read.logits[i, j]), read.dense[k], reading, parts[0], *parts[1:]))
        return found

    def _explanation(
        self,
        j: int,
        logit: float,
        dense: npt.NDArray[np.float32],
        reading: Reading | None,
        text: Buffers,
        *others: Buffers,
    ) -> Explanation:
        label = self.labels[j]
        if np.isnan(logit):
            return Explanation(label, float(self.bias[j]), logit, float("nan"), ())
        found: list[Span] = []
        if reading is not None and reading.window:
            begin, end = reading.original(0, len(reading.text))
            found.append(Span(begin, end, 0.0, "window", "strongest part of a long text"))
        entries, offsets = spans(text, *others)
        if len(entries):
            # The matrix counts a bucket once, in the family of its first appearance: so does the explanation.
            buckets = entries & (N_BUCKETS - 1)
            unique, first, at, count = np.unique(buckets, return_index=True, return_inverse=True, return_counts=True)
            family = entries[first] // N_BUCKETS
            sizes = np.array([max(int((family == 0).sum()), 1), max(int((family == 1).sum()), 1)], np.float64)
            weight = self.weights[unique, j] * self.scale[j] / np.sqrt(sizes[family]) / count
            each = weight[at]
            keys = offsets.astype(np.int64)
            outside = keys[:, 1] <= 0
            keys[outside] = -1
            spots, where = np.unique(keys, axis=0, return_inverse=True)
            totals = np.bincount(where.ravel(), weights=each)
            points = _code_points(text)
            for (begin, end), total in zip(spots, totals, strict=True):
                if total == 0.0:
                    continue
                if begin < 0:
                    found.append(Span(None, None, float(total), "author", "author's name and link"))
                else:
                    place = int(points[begin]), int(points[end])
                    found.append(Span(*(reading.original(*place) if reading else place), float(total), "text", "words"))
        for k, name in enumerate(DENSE):
            part = float(dense[k]) * float(self.dense[k, j])
            if part != 0.0:
                source = "structure" if k < len(STRUCTURE) else "context"
                found.append(Span(None, None, part, source, name))
        found.sort(key=lambda span: -abs(span.weight))
        probability = float(sigmoid(np.array([logit]))[0])
        return Explanation(label, float(self.bias[j]), logit, probability, tuple(found))

    def matrix(self, batch: Batch, earlier: pd.DataFrame | None = None) -> Matrix:
        """Return the features of a batch as matrices, from the same kernel that scores."""
        indptr, indices, values, raws = csr(*_buffers(batch))
        dense, known = self._dense(batch, raws, earlier)
        return Matrix(indptr, indices, values, dense, known)

    def adapt(
        self,
        batch: Batch,
        truth: pd.DataFrame,
        *,
        strength: float = 0.3,
        earlier: pd.DataFrame | None = None,
        prior: npt.NDArray[np.float64] | None = None,
    ) -> "Classifier":
        """Return a classifier that has learnt `truth` (index = comment ids, a column per label, 1 / 0 / missing).

        Minimises, per label, sum of log losses + strength/2 * |change of weights|^2, starting from this model: the
        maximum a posteriori under a Gaussian prior centred on it. The answer does not depend on the order of rows.
        Labels that nobody answered keep their weights bit for bit. `prior`: logits (n, labels) that stand in the place
        of this model's own, where the change is to be added to another model's.
        """
        # Features see the batch as it stands (a thread has an order); the fit sees its rows by id.
        order = np.argsort(batch.comments["id"].to_numpy(dtype=object).astype(str), kind="stable")
        answers = truth.reindex(batch.comments["id"].to_numpy(dtype=object))
        read = self._read(batch, earlier)
        logits = read.logits if prior is None else prior
        matrix = self._matrix(read)
        weights, scale = self.weights.copy(), self.scale.copy()
        dense, bias = self.dense.copy(), self.bias.copy()
        for j, label in enumerate(self.labels):
            if label not in answers.columns:
                continue
            given = answers[label].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
            rows = order[~np.isnan(given[order]) & ~np.isnan(logits[order, j])]
            if not len(rows):
                continue
            columns, change, dense_change, bias_change = _smallest_change(
                matrix,
                read.choice[rows, j],
                given[rows],
                logits[rows, j],
                usable=usable_features(label),
                strength=strength,
            )
            floats = weights[:, j] * scale[j]
            floats[columns] += change
            weights[:, j], scale[j] = _rounded(floats, scale[j])
            dense[:, j] += dense_change
            bias[j] += bias_change
        return Classifier(self.labels, weights, scale, dense, bias, self.rare, languages=self.languages)

    def _matrix(self, read: _Read) -> Matrix:
        """Return the features of all readings, so that what is learnt from an answer is what was scored."""
        fields = read.whole
        if read.readings:
            text, author, link = (
                string_buffers([*_strings(whole), *_strings(other)])
                for whole, other in zip(read.whole, read.others, strict=True)
            )
            fields = text, author, link
        indptr, indices, values, _ = csr(*fields)
        return Matrix(indptr, indices, values, read.dense, np.ones(len(read.dense), np.bool_))

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write `weights.npz` and `card.json` into a new `folder`; the card gets the digest and the feature version.

        The same weights give the same bytes: arrays only, no clock in the archive.
        """
        folder.mkdir(parents=True)
        content = self.content()
        (folder / WEIGHTS).write_bytes(content)
        self.write_card(folder, card, content)

    def write_card(self, folder: Path, card: Mapping[str, Any], content: bytes | None = None) -> None:
        """Write `card.json` beside the weights, with what must be known to load them."""
        full = {**card, **self.identity(content)}
        (folder / CARD).write_text(json.dumps(full, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")

    def identity(self, content: bytes | None = None) -> dict[str, Any]:
        """Return what a card must say for its weights to be loaded: digest, feature version, labels."""
        digest = hashlib.sha256(self.content() if content is None else content).hexdigest()
        return {
            "weights_sha256": digest,
            "features": feature_version(),
            "labels": list(self.labels),
            "languages": {label: list(self.languages[label]) for label in self.labels if label in self.languages},
        }

    def content(self) -> bytes:
        """Return the weights as the bytes of a file."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "bias": self.bias,
            "dense": self.dense,
            "rare": self.rare,
            "scale": self.scale,
            # One label after the other compresses better than side by side.
            "weights": np.ascontiguousarray(self.weights.T),
        }
        return archive(arrays)

    @classmethod
    def load(cls, folder: Path, file: str = WEIGHTS, digest: str = "weights_sha256") -> "Classifier":
        """Read a saved classifier; executes nothing, and raises `ModelError` unless digest and features fit.

        `file` holds the weights, and the card says their digest under the name `digest`.
        """
        try:
            card = json.loads((folder / CARD).read_text("utf-8"))
            (folder / file).stat()
        except FileNotFoundError as error:
            raise ModelError(f"{folder}: no model here ({Path(error.filename).name} is missing)") from error
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder}: the model cannot be read; restore the folder or roll back") from error
        if not isinstance(card, dict):
            raise ModelError(f"{folder}: {CARD} is not a card; restore it or roll back")
        arrays = read_arrays(folder / file, card.get(digest), ("bias", "dense", "rare", "scale", "weights"))
        if card.get("features") != feature_version():
            raise ModelError(
                f"{folder}: made for features {card.get('features')}, this package has {feature_version()}; retrain it"
            )
        labels = tuple(str(label) for label in card.get("labels", ()))
        n = len(labels)
        shapes = {
            "bias": (n,),
            "dense": (len(DENSE), n),
            "rare": (N_BUCKETS,),
            "scale": (n,),
            "weights": (n, N_BUCKETS),
        }
        if set(labels) - set(LABELS) or any(arrays[name].shape != shape for name, shape in shapes.items()):
            raise ModelError(f"{folder}: labels and weights do not fit each other; restore it or roll back")
        weights = np.ascontiguousarray(arrays["weights"].T)
        return cls(
            labels,
            weights,
            arrays["scale"],
            arrays["dense"],
            arrays["bias"],
            arrays["rare"],
            folder.name,
            card,
            _languages_of(card, folder),
        )


def _languages_of(card: Mapping[str, Any], folder: Path) -> Mapping[str, tuple[str, ...]]:
    stated = card.get("languages", ENGLISH_ONLY)
    if not isinstance(stated, Mapping) or not all(isinstance(codes, list | tuple) for codes in stated.values()):
        raise ModelError(f"{folder}: languages are not a list of codes for each label; restore the card or roll back")
    return {str(label): tuple(str(code) for code in codes) for label, codes in stated.items()}


def _strongest(
    found: list[Reading],
    theirs: npt.NDArray[np.float64],
    by_parts: list[int],
    logits: npt.NDArray[np.float64],
    choice: npt.NDArray[np.int64],
) -> None:
    """Write the logit and the number of the strongest reading where it is stronger than what stands there.

    A long text stands back behind its windows: it is judged by them alone.
    """
    n = len(logits)
    windowed = np.array([reading.row for reading in found if reading.window], np.int64)
    for j in by_parts:
        logits[windowed, j] = -np.inf
    for k, reading in enumerate(found):
        for j in by_parts:
            if theirs[k, j] > logits[reading.row, j]:
                logits[reading.row, j] = theirs[k, j]
                choice[reading.row, j] = n + k


def _strings(buffers: Buffers) -> list[str]:
    offsets, data = buffers
    content = data.tobytes()
    return [content[begin:end].decode("utf-8") for begin, end in pairwise(offsets.tolist())]


def scores_table(batch: Batch, labels: Sequence[str], logits: npt.NDArray[np.float64], version: str) -> pd.DataFrame:
    """Return the scores table of logits (n, labels): index = comment ids, a float32 column per label, then `model`."""
    columns: dict[str, Any] = {}
    for label in LABELS:
        if label in labels:
            columns[label] = sigmoid(logits[:, labels.index(label)]).astype(np.float32)
        else:
            columns[label] = np.full(len(batch), np.nan, np.float32)
    scores = pd.DataFrame(columns, index=pd.Index(batch.comments["id"], name="id"))
    scores["model"] = pd.Series(version, index=scores.index, dtype="string[pyarrow]")
    return validate_scores(scores)


def read_arrays(path: Path, digest: object, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays of an archive; executes nothing, and raises `ModelError` unless it has this digest."""
    place = f"{path.parent}: {path.name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{place} cannot be read; restore the folder or roll back") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{place} is damaged (its digest is not the card's); restore it or roll back")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{place} is not a model archive; restore it or roll back") from error


def archive(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return `arrays` as the bytes of an `.npz` file: the same arrays give the same bytes, no clock in them."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            target.writestr(member, data.getvalue())
    return written.getvalue()


def _one(buffers: Buffers, row: int) -> Buffers:
    offsets, data = buffers
    begin, end = int(offsets[row]), int(offsets[row + 1])
    return np.array([0, end - begin], np.int64), data[begin:end]


def _code_points(text: Buffers) -> npt.NDArray[np.int64]:
    """Return for each byte offset of one text (and its end) how many code points come before it."""
    starts = (text[1] & 0xC0) != 0x80
    return np.concatenate([[0], np.cumsum(starts)])


def _rounded(
    weights: npt.NDArray[np.float64], scale: float | np.floating[Any] = 0.0
) -> tuple[npt.NDArray[np.int16], float]:
    """Return whole-number weights and their scale: `scale` if it reaches, else one that does."""
    largest = float(np.abs(weights).max())
    if largest > float(scale) * _TOP or scale <= 0.0:
        scale = largest / _TOP if largest > 0.0 else 1.0
    return np.round(weights / scale).astype(np.int16), float(scale)


def _smallest_change(
    matrix: Matrix,
    rows: npt.NDArray[np.int64],
    given: npt.NDArray[np.float64],
    prior: npt.NDArray[np.float64],
    *,
    usable: npt.NDArray[np.bool_],
    strength: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Solve min over d of sum log loss(given, prior + X d) + strength/2 |d|^2; return d in its three groups.

    Only n-grams that occur in the rows can change. Dense features and the bias, which every comment shares, are held
    `SHARED` times more firmly: one review should move comments like it, not all of them.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix, hstack

    ngrams = csr_matrix(
        (matrix.counts.astype(np.float64), matrix.indices, matrix.indptr), shape=(len(matrix.indptr) - 1, N_BUCKETS)
    )[rows]
    columns = np.unique(ngrams.indices).astype(np.int64)
    shared = np.column_stack([matrix.dense[rows].astype(np.float64) * usable, np.ones(len(rows))]) / np.sqrt(SHARED)
    features = hstack([ngrams[:, columns], csr_matrix(shared)], format="csr")

    def objective(change: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        z = prior + features @ change
        loss = float(np.logaddexp(0.0, np.where(given > 0, -z, z)).sum())
        gradient = features.T @ (sigmoid(z) - given) + strength * change
        return loss + 0.5 * strength * float(change @ change), gradient

    start = np.zeros(features.shape[1])
    options = {"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-8}
    solved = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    change = cast("npt.NDArray[np.float64]", solved.x)
    rest = change[len(columns) :] / np.sqrt(SHARED)
    return columns, change[: len(columns)], rest[:-1], float(rest[-1])


def calibrated(head: Head, slope: float, intercept: float) -> Head:
    """Return a head whose logits are slope * logit + intercept (Platt, 1999)."""
    extra = None if head.extra is None else head.extra * slope
    return Head(head.ngrams * slope, head.dense * slope, head.bias * slope + intercept, extra)


def fit_line(
    logits: npt.NDArray[np.float64], answers: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of `answers` on `logits` (Platt, 1999)."""
    slope, intercept = fit_mix(logits[:, None], answers, weight)
    return slope, intercept


def fit_mix(
    logits: npt.NDArray[np.float64],
    answers: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    c: float = np.inf,
) -> tuple[float, ...]:
    """Return a weight for each column of `logits` (n, k), and the intercept, by logistic regression of `answers`.

    `c`: inverse penalty, for when there are many columns.
    """
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=c, tol=1e-8, max_iter=1000)
    # Weights of mean one: the solver's stopping rule is about sums.
    line.fit(logits, answers > 0, sample_weight=weight / weight.mean())
    return *line.coef_[0].tolist(), float(line.intercept_[0])


def head_logits(
    head: Head, matrix: Matrix, rows: npt.NDArray[np.int64], extra: npt.NDArray[np.floating[Any]] | None = None
) -> npt.NDArray[np.float64]:
    """Return a head's logits for some rows of a matrix; `extra` as the head was fitted with."""
    from scipy.sparse import csr_matrix

    ngrams = csr_matrix((matrix.counts, matrix.indices, matrix.indptr), shape=(len(matrix.indptr) - 1, N_BUCKETS))
    logits = ngrams[rows] @ head.ngrams + matrix.dense[rows] @ head.dense + head.bias
    if head.extra is not None:
        if extra is None:
            raise ValueError("the head was fitted with extra features; give them")
        logits += extra[rows] @ head.extra
    return cast("npt.NDArray[np.float64]", logits)


def usable_features(label: str) -> npt.NDArray[np.bool_]:
    """Return which dense features a label's head may use.

    Off-topic is judged by context and length alone. The abuse labels judge the text: not who wrote it, nor how long it
    is, nor where it stands, which would only tell one training corpus from another.
    """
    names = np.array(DENSE)
    is_context = np.isin(names, CONTEXT)
    if label == "off_topic":
        return is_context | np.isin(names, ["length", "at most 3 words", "at most 10 words", "over 60 words"])
    if label in ("spam", "trackback"):
        return ~is_context
    return np.isin(names, ["capital letters", "mostly capitals", "exclamation marks"])


def fit_head(
    label: str,
    matrix: Matrix,
    truth: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    scaling: npt.NDArray[np.float64],
    *,
    c: float = 1.0,
    rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
    extra: npt.NDArray[np.floating[Any]] | None = None,
) -> Head:
    """Fit one label's head where truth is known: scikit-learn's L2-penalised logistic regression.

    `truth` is 1, 0 or NaN, or between where a teacher was asked: such a row is a yes and a no, each by its share
    (soft labels: Hinton et al., 2015), which is the same problem with another call. `weight` weighs the rows;
    `scaling` (N_BUCKETS,) multiplies the n-gram columns before fitting (rare ones may move more) and is folded back
    into the weights. `extra` (all rows, features): further features, as of a sentence encoder, of about unit length
    a row. Names are held within `NAME_BOUND` of each other's mean: which people are spoken of says more about a
    corpus than about a comment.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    chosen = np.flatnonzero(~np.isnan(truth)) if rows is None else np.asarray(rows)
    if label in NEEDS_ARTICLE:
        chosen = chosen[matrix.known[chosen]]
    usable = usable_features(label)
    parts = [csr_matrix(matrix.dense[chosen][:, usable].astype(np.float64))]
    with_ngrams = label not in NEEDS_ARTICLE
    if with_ngrams:
        values = matrix.counts * scaling[matrix.indices]
        ngrams = csr_matrix((values, matrix.indices, matrix.indptr), shape=(len(matrix.indptr) - 1, N_BUCKETS))
        parts.insert(0, ngrams[chosen].astype(np.float64))
    if extra is not None:
        parts.append(csr_matrix(extra[chosen].astype(np.float64)))
    features, answers, weights = hstack(parts, format="csr"), truth[chosen], weight[chosen]
    if ((answers > 0) & (answers < 1)).any():
        coefficients, intercept = _fit_shares(features, answers, weights, c)
    else:
        model = LogisticRegression(C=c, max_iter=MOST_ITERATIONS, tol=TOLERANCE)
        model.fit(features, answers > 0, sample_weight=weights)
        coefficients, intercept = model.coef_[0], float(model.intercept_[0])
    extra_weights = None if extra is None else coefficients[-extra.shape[1] :]
    if extra is not None:
        coefficients = coefficients[: -extra.shape[1]]
    dense = np.zeros(len(DENSE))
    dense[usable] = coefficients[-int(usable.sum()) :]
    ngram_weights = coefficients[:N_BUCKETS] * scaling if with_ngrams else np.zeros(N_BUCKETS)
    if with_ngrams:
        _hold_names(ngram_weights, NAME_BOUND[label])
    return Head(ngram_weights, dense, intercept, extra_weights)


def _fit_shares(
    features: Any, answers: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], c: float
) -> tuple[npt.NDArray[np.float64], float]:
    """Return coefficients and intercept for answers between 0 and 1, of which scikit-learn takes none.

    It is its own problem and solver (L-BFGS, the same tolerance), and has the same solution as each row given twice, as
    a yes and as a no, in half the time.
    """
    from scipy.optimize import minimize

    total = weights.sum()

    def cost(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        logits = features @ point[:-1] + point[-1]
        lost = weights @ (np.logaddexp(0.0, logits) - answers * logits)
        off = weights * (sigmoid(logits) - answers)
        slope = np.append(features.T @ off + point[:-1] / c, off.sum())
        return (lost + point[:-1] @ point[:-1] / (2 * c)) / total, slope / total

    options = {"maxiter": MOST_ITERATIONS, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * np.finfo(float).eps}
    found = minimize(cost, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options=options)
    return found.x[:-1], float(found.x[-1])


def _hold_names(weights: npt.NDArray[np.float64], bound: float) -> None:
    """Hold the weights of names within `bound` of their mean; one that no row had is taken to be like the others."""
    named = weights[name_buckets()]
    if named.any():
        mean = float(named[named != 0.0].mean())
        weights[name_buckets()] = np.where(named == 0.0, mean, np.clip(named, mean - bound, mean + bound))
