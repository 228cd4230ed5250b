"""Texts in, the same texts with their telling words disguised out, and what that does to a model.

A disguise is a function of the text alone, so that the table comes out the same every time. Only words of `TELLING` are
disguised: whoever evades a filter hides the words it looks for, and a text without any is left as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from moderation.evaluation import Interval, area, share
from moderation.report.sets import Measured, Scorer
from moderation.tables import Batch

__all__ = ["EVASIONS", "Evaded", "Evasion", "evasion_table"]

Evasion = Callable[[str], str]

TELLING: Final = """
    kill killed killing murder shoot shot hang hanged hanging burn bomb nuke stab beat behead execute slaughter die dies
    dying dead death destroy exterminate gas rape attack hurt punch gun rope bullet hate hates hated stupid idiot idiots
    moron morons dumb fool fools trash filth vermin scum pathetic loser losers disgusting ugly shit bullshit fuck
    fucking fucked fucker bitch bitches ass asshole bastard damn crap dick cunt whore slut pig pigs animal animals
"""
LEET: Final = str.maketrans("aeiostAEIOST", "431057431057")
HOMOGLYPHS: Final = str.maketrans("aceiopsxyACEOPX", "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443"
                                  "\u0410\u0421\u0415\u041e\u0420\u0425")  # fmt: skip
EMOJI: Final[Mapping[str, str]] = {
    **dict.fromkeys(("kill", "killed", "killing", "murder", "slaughter", "stab"), "🔪"),
    **dict.fromkeys(("shoot", "shot", "gun", "bullet", "execute"), "🔫"),
    **dict.fromkeys(("bomb", "nuke", "destroy", "exterminate"), "💣"),
    **dict.fromkeys(("burn", "gas"), "🔥"),
    **dict.fromkeys(("die", "dies", "dying", "dead", "death"), "💀"),
    **dict.fromkeys(("beat", "punch", "hurt", "attack"), "👊"),
    **dict.fromkeys(("shit", "bullshit", "crap"), "💩"),
    **dict.fromkeys(("pig", "pigs"), "🐷"),
    **dict.fromkeys(("fuck", "fucking", "fucked", "fucker"), "🖕"),
    **dict.fromkeys(("trash", "filth"), "🗑️"),
}

_WORDS: Final = re.compile(rf"\b({'|'.join(sorted(TELLING.split(), key=len, reverse=True))})\b", re.IGNORECASE)


def _disguise(change: Callable[[str], str]) -> Evasion:
    return lambda text: _WORDS.sub(lambda found: change(found[0]), text)


EVASIONS: Final[Mapping[str, Evasion]] = {
    "leetspeak": _disguise(lambda word: word.translate(LEET)),
    "zero-width characters": _disguise("\u200b".join),
    "look-alike letters": _disguise(lambda word: word.translate(HOMOGLYPHS)),
    "spacing": _disguise(" ".join),
    "dots": _disguise(".".join),
    "repeated letters": _disguise(lambda word: re.sub(r"([aeiou])", r"\1\1\1\1", word, flags=re.IGNORECASE)),
    "a letter starred": _disguise(lambda word: f"{word[0]}*{word[2:]}" if len(word) > 2 else word),
    "emoji": _disguise(lambda word: EMOJI.get(word.lower(), word)),
}


@dataclass(frozen=True, slots=True)
class Evaded:
    """What one disguise does to one label on one set.

    `n` texts with a yes were changed; `auc` is theirs against every no of the set, as written; `found` the share of
    them at or above the policy's threshold.
    """

    kind: str
    dataset: str
    label: str
    n: int
    auc_before: Interval
    auc_after: Interval
    found_before: Interval | None
    found_after: Interval | None


def evasion_table(
    scorer: Scorer,
    measured: Measured,
    scores: pd.DataFrame,
    label: str,
    *,
    evasions: Mapping[str, Evasion] = EVASIONS,
    threshold: float | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> list[Evaded]:
    """Return a row per disguise that changes at least five texts with a yes; `scores` are those before."""
    truth = measured.truth[label].to_numpy(dtype=np.float64, na_value=np.nan)
    before = scores[label].reindex(measured.truth.index).to_numpy(dtype=np.float64)
    against = before[(truth == 0) & ~np.isnan(before)]
    yes = np.flatnonzero((truth == 1) & ~np.isnan(before))
    found: list[Evaded] = []
    if not len(against):
        return found
    comments = measured.batch.comments
    for kind, evade in evasions.items():
        texts = [str(text) for text in comments["text"].iloc[yes]]
        evaded = [evade(text) for text in texts]
        changed = [(row, new) for row, old, new in zip(yes, texts, evaded, strict=True) if new != old]
        if len(changed) < 5:
            continue
        rows = np.array([row for row, _ in changed])
        frame = comments.iloc[rows].reset_index(drop=True)
        frame["text"] = pd.Series([text for _, text in changed], dtype=comments["text"].dtype)
        after = scorer.score(Batch(frame, measured.batch.articles))[label].to_numpy(dtype=np.float64)
        answers = np.r_[np.ones(len(rows)), np.zeros(len(against))]
        old, new = (
            area(answers, np.r_[values, against], seed=seed, resamples=resamples) for values in (before[rows], after)
        )
        assert old is not None
        assert new is not None
        hits: list[Interval | None] = [None, None]
        if threshold is not None:
            limit = np.float32(threshold)
            hits = [
                share(np.asarray(values >= limit), seed=seed, resamples=resamples) for values in (before[rows], after)
            ]
        found.append(Evaded(kind, measured.name, label, len(rows), old, new, hits[0], hits[1]))
    return found
