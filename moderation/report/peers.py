"""Training rows in, what others would use instead out: scorers to stand beside the tiers in the same run.

A peer that is not installed is skipped and says why. Peers rank; their probabilities are not calibrated here.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.labels import LABELS
from moderation.recipe import Corpus, uniform
from moderation.report.sets import Scorer
from moderation.tables import Batch, validate_scores

__all__ = ["ROWS", "Embed", "alt_profanity_check", "embedding_peer", "sampled", "tfidf_peer"]

ROWS: Final = 60_000
"""Training rows that a peer is fitted on: a random part, so that the report does not take an hour."""
ABUSE_ONLY: Final = ("toxicity", "insult", "identity_attack", "profanity", "incitement", "threat", "severe_toxicity")

Embed = Callable[[Sequence[str]], npt.NDArray[np.floating[Any]]]
"""Texts in, one vector each out."""


@dataclass(frozen=True)
class Peer:
    """Something with a name that gives each text a number from 0 to 1 for the labels it claims."""

    version: str
    labels: tuple[str, ...]
    predict: Callable[[list[str]], Mapping[str, npt.NDArray[np.float64]]]

    def score(self, batch: Batch, earlier: pd.DataFrame | None = None) -> pd.DataFrame:  # noqa: ARG002  text alone
        """Return the scores table of a batch; labels it does not claim are missing."""
        texts = [str(text) for text in batch.comments["text"]]
        found = self.predict(texts) if texts else {}
        missing = np.full(len(texts), np.nan, np.float32)
        columns = {label: np.asarray(found.get(label, missing), np.float32) for label in LABELS}
        scores = pd.DataFrame(columns, index=pd.Index(batch.comments["id"], name="id"))
        scores["model"] = pd.Series(self.version, index=scores.index, dtype="string[pyarrow]")
        return validate_scores(scores)


def sampled(corpus: Corpus, rows: int = ROWS) -> npt.NDArray[np.int64]:
    """Return a part of a corpus's rows that never changes, all rows of the same text in or out together."""
    texts = corpus.batch.comments["text"]
    part = min(1.0, rows / max(len(texts), 1))
    chosen = [uniform("peer", hashlib.blake2b(str(text).encode(), digest_size=8).hexdigest()) < part for text in texts]
    return np.flatnonzero(chosen).astype(np.int64)


def tfidf_peer(corpus: Corpus, rows: npt.NDArray[np.int64], labels: Sequence[str]) -> Scorer:
    """Fit scikit-learn's plain TF-IDF (words and pairs of words) and logistic regression, a head per label."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, strip_accents="unicode")
    texts = [str(text) for text in corpus.batch.comments["text"].iloc[rows]]
    features = vectorizer.fit_transform(texts)
    heads = _heads(features, corpus.truth[rows], labels)

    def predict(texts: list[str]) -> dict[str, npt.NDArray[np.float64]]:
        vectors = vectorizer.transform(texts)
        return {label: head.predict_proba(vectors)[:, 1] for label, head in heads.items()}

    return Peer("TF-IDF + logistic regression", tuple(heads), predict)


def embedding_peer(
    name: str, embed: Embed, corpus: Corpus, rows: npt.NDArray[np.int64], labels: Sequence[str]
) -> Scorer:
    """Fit logistic regression on the vectors that `embed` gives, a head per label."""
    heads = _heads(embed([str(text) for text in corpus.batch.comments["text"].iloc[rows]]), corpus.truth[rows], labels)

    def predict(texts: list[str]) -> dict[str, npt.NDArray[np.float64]]:
        vectors = embed(texts)
        return {label: head.predict_proba(vectors)[:, 1] for label, head in heads.items()}

    return Peer(name, tuple(heads), predict)


def alt_profanity_check() -> Scorer:
    """Return the package alt-profanity-check, whose one number stands for every abuse label.

    Raises `ImportError` where it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the scikit-learn it was saved with
        import profanity_check

    def predict(texts: list[str]) -> dict[str, npt.NDArray[np.float64]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.asarray(profanity_check.predict_prob(texts), np.float64)
        return dict.fromkeys(ABUSE_ONLY, values)

    return Peer("alt-profanity-check", ABUSE_ONLY, predict)


def _heads(features: Any, truth: npt.NDArray[np.float64], labels: Sequence[str]) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    heads = {}
    for label in labels:
        answers = truth[:, LABELS.index(label)]
        known = np.flatnonzero(~np.isnan(answers))
        if len(np.unique(answers[known])) == 2:
            model = LogisticRegression(max_iter=200, tol=1e-3)
            heads[label] = model.fit(features[known], answers[known] > 0)
    return heads
