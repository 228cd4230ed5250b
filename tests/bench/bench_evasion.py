"""Print, as Markdown, what evasion does to the shipped model, before and after it is undone, and what that costs.

    python tests/bench/bench_evasion.py [--evasions all] [--seed 0]

Every call to violence and every insult among the seeds is written in each disguise by code. "Before" scores the text as
it stands; "after" scores its readings. Recall is the share at or above the shipped policy's review threshold.
"""

import argparse
import json
import time
from collections.abc import Callable
from random import Random

import numpy as np

from moderation.classifier import Classifier, sigmoid
from moderation.features.evasion import undo
from moderation.features.ngrams import sum_weights
from moderation.features.readings import readings
from moderation.features.vocabulary import ABUSE_WORDS, EMOJI
from moderation.policy import load_policy
from moderation.settings import seeds_folder, shipped_models
from moderation.tables import Batch, batch_of

LEET = {"a": "4@", "e": "3", "i": "1!", "l": "1", "o": "0", "s": "5$", "t": "7"}
CYRILLIC = dict(zip("aeopcyxi", "аеорсухі", strict=True))
VERBS = {words[0]: picture for picture, words in reversed(EMOJI.items())}


def words_of(change: Callable[[str, Random], str], every: bool = False) -> Callable[[str, Random], str]:
    """Return a disguise of a text that changes the words that people hide, or every word."""

    def disguise(text: str, random: Random) -> str:
        parts = []
        for word in text.split(" "):
            core = word.strip(".,;:!?\"'()“”")
            hides = core and (every or core.lower() in ABUSE_WORDS)
            parts.append(word.replace(core, change(core, random), 1) if hides else word)
        return " ".join(parts)

    return disguise


def leet(word: str, random: Random) -> str:
    spots = [k for k, letter in enumerate(word) if letter.lower() in LEET] or [-1]
    chosen = set(random.sample(spots, max(1, len(spots) // 2)))
    return "".join(random.choice(LEET[letter.lower()]) if k in chosen else letter for k, letter in enumerate(word))


def starred(word: str, random: Random) -> str:
    vowels = [k for k in range(1, len(word) - 1) if word[k].lower() in "aeiou"] or [len(word) // 2]
    return word[: vowels[0]] + "*" + word[vowels[0] + 1 :]


def stretched(word: str, random: Random) -> str:
    vowels = [k for k, letter in enumerate(word) if letter.lower() in "aeiou"] or [0]
    return word[: vowels[0]] + word[vowels[0]] * random.randint(4, 7) + word[vowels[0] + 1 :]


def in_script(first: int) -> Callable[[str, Random], str]:
    return lambda word, _: "".join(chr(first + ord(c.lower()) - 97) if c.isascii() and c.isalpha() else c for c in word)


EVASIONS: dict[str, Callable[[str, Random], str]] = {
    "none": lambda text, _: text,
    "leetspeak (k1ll)": words_of(leet),
    "leetspeak, every word": words_of(leet, every=True),
    "zero-width spaces": words_of(lambda word, _: "\u200b".join(word)),
    "struck through": words_of(lambda word, _: "".join(c + "\u0336" for c in word)),
    "Cyrillic look-alikes": words_of(lambda word, _: "".join(CYRILLIC.get(c, c) for c in word)),
    "fullwidth": words_of(in_script(0xFF41)),
    "mathematical bold": words_of(in_script(0x1D41A), every=True),
    "circled": words_of(in_script(0x24D0)),
    "spaced (k i l l)": words_of(lambda word, _: " ".join(word)),
    "dotted (k.i.l.l)": words_of(lambda word, _: ".".join(word)),
    "hyphens (k-i-l-l)": words_of(lambda word, _: "-".join(word)),
    "underscores (k_i_l_l)": words_of(lambda word, _: "_".join(word)),
    "repeated (kiiiill)": words_of(stretched),
    "starred out (k*ll)": words_of(starred),
    "emoji verbs": words_of(lambda word, _: VERBS.get(word.lower(), word)),
}


def before(model: Classifier, batch: Batch) -> np.ndarray:
    """Return the probabilities (n, labels) of texts as they stand."""
    from moderation.features.ngrams import string_buffers

    fields = tuple(string_buffers(batch.comments[name]) for name in ("text", "author", "author_url"))
    sums, raws = sum_weights(*fields, model._packed, len(model.labels))
    dense, _ = model._dense(batch, raws, None)
    return sigmoid(model._added_up(sums, dense))


def positives(label: str) -> list[str]:
    found = []
    for name in ("checks.jsonl", "contrast.jsonl"):
        for line in (seeds_folder() / name).read_text("utf-8").split("\n"):
            row = json.loads(line) if line else {"truth": {}}
            if row["truth"].get(label) == 1 and any(
                word.strip(".,;:!?\"'()“”").lower() in ABUSE_WORDS for word in row["text"].split()
            ):
                found.append(row["text"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    model = Classifier.load(max(path for path in shipped_models().iterdir() if path.is_dir()))
    policy = load_policy(seeds_folder() / "policy.toml")
    for label in ("incitement", "toxicity"):
        texts = positives(label)
        limit = policy.labels[label].review
        j = model.labels.index(label)
        print(f"\n{label}: {len(texts)} texts with a word that people hide, review at {limit}\n")
        print("| disguise | mean before | mean after | recall before | recall after | text as meant came back |")
        print("|---|---|---|---|---|---|")
        for name, disguise in EVASIONS.items():
            random = Random(chosen.seed)
            hidden = [disguise(text, random) for text in texts]
            batch = batch_of(hidden)
            plain = before(model, batch)[:, j]
            seen = model.score(batch)[label].to_numpy(np.float64)
            judged = ~np.isnan(seen)
            back = np.mean([u.text.lower() == text.lower() for u, text in zip(undo(hidden), texts, strict=True)])
            print(
                f"| {name} | {plain.mean():.3f} | {seen[judged].mean():.3f} | {(plain >= limit).mean():.3f} "
                f"| {(np.where(judged, seen, 1) >= limit).mean():.3f} | {back:.2f} |"
            )

    comments = [
        row["text"] for row in map(json.loads, (seeds_folder() / "neutral.jsonl").read_text("utf-8").splitlines())
    ]
    batch = batch_of((comments * 50)[:20_000])
    model.score(batch)
    figures = {}
    for name, act in (
        ("as they stand", lambda: before(model, batch)),
        ("readings", lambda: readings(batch.comments["text"])),
        ("all of scoring", lambda: model.score(batch)),
    ):
        best = min(_timed(act) for _ in range(5))
        figures[name] = best
    print(f"\n{len(batch)} neutral comments, {batch.comments['text'].str.len().mean():.0f} characters on average\n")
    print("| step | microseconds a comment |")
    print("|---|---|")
    for name, best in figures.items():
        print(f"| {name} | {1e6 * best / len(batch):.1f} |")


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
