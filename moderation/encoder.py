"""Text in, logits of the abuse labels and sentence embeddings out, by small transformers (the accurate tier).

They are encoders of six layers that share their word embeddings: two fine-tuned on all abuse labels at once, one as it
was made for comparing sentences (all-MiniLM-L6-v2). Weights are 8-bit whole numbers, run by onnxruntime, which stops
here.

Every window of text is run by itself, unpadded and on one thread: how wide a number may be is chosen from what is run
together (dynamic quantisation), so that comments run side by side would change each other's last digits.
"""

import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moderation.errors import ModelError

__all__ = [
    "EMBEDDINGS",
    "FILES",
    "HEADS",
    "SENTENCE",
    "SENTENCE_END",
    "TOKENIZER",
    "TUNED",
    "VECTOR",
    "WINDOW",
    "Encoder",
    "passages_of",
    "prepare",
    "tokenizer_of",
]

HEADS: Final = ("incitement", "toxicity", "severe_toxicity", "threat", "insult", "identity_attack", "profanity")
"""The labels that the fine-tuned encoder answers, in the order of its outputs."""

WINDOW: Final = 94
"""Tokens of one window, without its two ends; a longer text is read in several, and its strongest one counts."""
OVERLAP: Final = 16
VECTOR: Final = 384
"""Numbers of a sentence embedding."""
PASSAGE_WORDS: Final = 60
MAX_PASSAGES: Final = 64
REMEMBERED: Final = 4_096
"""Texts whose rows are kept: at 384 numbers each, twelve megabytes."""

TUNED: Final = ("encoder-1.onnx", "encoder-2.onnx")
"""Two fine-tuned networks, of two runs over the data: the mean of their logits errs less than either."""
SENTENCE: Final = "sentence.onnx"
EMBEDDINGS: Final = "embeddings.npz"
TOKENIZER: Final = "tokenizer.json"
FILES: Final = (*TUNED, SENTENCE, EMBEDDINGS, TOKENIZER)

_BEGIN: Final = 101
_END: Final = 102

Floats = npt.NDArray[np.float32]

_UNSEEN: Final = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_LINK: Final = re.compile(r"(?:https?://|www\.)\S+|\[url\]", re.IGNORECASE)
_HANDLE: Final = re.compile(r"(?<!\w)@\w{2,30}|\[user\]|<user>|\bMENTION\d*\b", re.IGNORECASE)
_SYMBOL: Final = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+|\n+")


@lru_cache(4096)
def _name(symbol: str) -> str:
    return f" {unicodedata.name(symbol, '').lower()} "


def prepare(text: str) -> str:
    """Return `text` as the tokenizer should see it: links and handles as one word each, emoji by their names."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
        text = _SYMBOL.sub(lambda found: _name(found[0]), text)
    if "@" in text or "[" in text or "<" in text or "MENTION" in text:
        text = _HANDLE.sub("@user", text)
    if "//" in text or "www." in text or "[" in text:
        text = _LINK.sub("http", text)
    return " ".join(text.split())


def tokenizer_of(path: Path) -> Any:
    """Return the tokenizer stored at `path`, cutting nothing off."""
    tokenizer = import_module("tokenizers").Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def passages_of(text: str) -> list[str]:
    """Return a text in passages of whole sentences, about `PASSAGE_WORDS` words each, at most `MAX_PASSAGES`."""
    passages: list[str] = []
    words: list[str] = []
    for sentence in SENTENCE_END.split(text):
        new = sentence.split()
        if words and len(words) + len(new) > PASSAGE_WORDS:
            passages.append(" ".join(words))
            words = []
            if len(passages) == MAX_PASSAGES:
                return passages
        words += new[: 4 * PASSAGE_WORDS]
    return [*passages, " ".join(words)] if words else passages


@dataclass(frozen=True)
class Encoder:
    """The encoders of one version, fine-tuned and untouched; `threads` windows are run side by side."""

    tuned: tuple[Any, ...]
    sentence: Any
    words: npt.NDArray[np.int8]
    scale: Floats
    places: Floats
    tokenizer: Any
    made_of: tuple[Path, Mapping[str, str]]
    # A window run again gives the same bits, so what is remembered changes no answer.
    known_logits: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    known_vectors: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __reduce__(self) -> tuple[Any, ...]:
        # What onnxruntime holds cannot be sent to another process: there it is read again.
        return Encoder.load, self.made_of

    @classmethod
    def load(cls, folder: Path, digests: Mapping[str, str]) -> "Encoder":
        """Read the encoder's files in `folder`; executes nothing of them but arithmetic.

        Raises `ModelError` where a file is missing or is not the one that `digests` (name -> SHA-256) tells of.
        """
        content = {}
        for name in FILES:
            try:
                content[name] = (folder / name).read_bytes()
            except OSError as error:
                raise ModelError(f"{folder}: {name} cannot be read; restore the folder, or use --tier fast") from error
            if hashlib.sha256(content[name]).hexdigest() != digests.get(name):
                raise ModelError(f"{folder}: {name} is damaged (its digest is not the card's); restore it or roll back")
        try:
            with np.load(io.BytesIO(content[EMBEDDINGS]), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in ("words", "scale", "places")}
            tokenizer = import_module("tokenizers").Tokenizer.from_str(content[TOKENIZER].decode())
            tuned, sentence = tuple(_session(content[name]) for name in TUNED), _session(content[SENTENCE])
        except Exception as error:  # the libraries raise what they like; whatever it is, the files are of no use
            raise ModelError(f"{folder}: the encoder cannot be read ({type(error).__name__}); restore it") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tuned, sentence, arrays["words"], arrays["scale"], arrays["places"], tokenizer, (folder, digests))

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the raw logits of `HEADS`, float64 of shape (n, 7): each label's largest over the text's windows.

        A window's logit is the mean of the fine-tuned networks'.
        """
        return self._each(self._strongest, texts, self.known_logits, np.zeros((0, len(HEADS))))

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return sentence embeddings of unit length, float64 of shape (n, 384); a long text by its first window."""
        return self._each(self._sentence, texts, self.known_vectors, np.zeros((0, self.words.shape[1])))

    def forget(self) -> None:
        """Forget what was asked, so that it is run again."""
        self.known_logits.clear()
        self.known_vectors.clear()

    def _each(
        self,
        function: Callable[[str], npt.NDArray[np.float64]],
        texts: Sequence[str],
        known: dict[str, npt.NDArray[np.float64]],
        empty: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Return the function's rows; what was asked lately (an article's passages, a card's text) is not run again."""
        if not texts:
            return empty
        found = {text: known.get(text) for text in texts}
        new = [text for text, row in found.items() if row is None]
        if len(new) == 1 or self.threads == 1:
            found.update((text, function(text)) for text in new)
        elif new:
            with ThreadPoolExecutor(self.threads) as pool:
                found.update(zip(new, pool.map(function, new), strict=True))
        if len(known) + len(new) > REMEMBERED:
            known.clear()
        known.update((text, row) for text in new[:REMEMBERED] if (row := found[text]) is not None)
        rows: npt.NDArray[np.float64] = np.stack([row for text in texts if (row := found[text]) is not None])
        return rows

    def _strongest(self, text: str) -> npt.NDArray[np.float64]:
        ids = self.tokenizer.encode(prepare(text), add_special_tokens=False).ids
        windows = [ids[begin:end] for begin, end in _cuts(len(ids))]
        logits = np.stack([np.stack([self._run(one, window) for one in self.tuned]).mean(0) for window in windows])
        strongest: npt.NDArray[np.float64] = logits.max(axis=0)
        return strongest

    def _sentence(self, text: str) -> npt.NDArray[np.float64]:
        ids = self.tokenizer.encode(prepare(text), add_special_tokens=False).ids
        vector = self._run(self.sentence, ids[:WINDOW])
        unit: npt.NDArray[np.float64] = vector / max(float(np.sqrt((vector * vector).sum())), 1e-12)
        return unit

    def _run(self, session: Any, ids: Sequence[int]) -> npt.NDArray[np.float64]:
        at = np.array([_BEGIN, *ids, _END])
        embedded = self.words[at].astype(np.float32) * self.scale[at][:, None] + self.places[: len(at)]
        output: npt.NDArray[np.float32] = session.run(None, {"embedded": embedded[None]})[0][0]
        return output.astype(np.float64)


def _cuts(count: int) -> list[tuple[int, int]]:
    """Return begin and end of windows of at most `WINDOW` of `count` tokens, of equal length, overlapping a little."""
    if count <= WINDOW:
        return [(0, count)]
    parts = -(-(count - OVERLAP) // (WINDOW - OVERLAP))
    begins = np.round(np.linspace(0, count - WINDOW, parts)).astype(int)
    return [(int(begin), int(begin) + WINDOW) for begin in begins]


def _session(content: bytes) -> Any:
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
