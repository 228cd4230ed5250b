"""Fit the weights of `moderation.readers.entries`, and tell how well they do on pages that they were not fitted on.

    python tests/bench/fit_entries.py [--dumps dumps.jsonl] [--folds 10]

An entry's sign is 1 if it stands below the place where the comments begin. Pages where templates already tell the
comments (a tenth of them would outweigh all others) count for less, and pages with many entries by the square root of
their number. Pages from the same site stand next to each other in the file, so a fold is a run of neighbours.
Prints the table of weights, then the figures of `bench_dumps.py` with each page read by the weights of the other folds.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from bench_dumps import DUMPS, dumps, figures, recovered
from sklearn.linear_model import LogisticRegression

from moderation.readers import entries, page

TOLD_WEIGHT = 0.3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dumps", type=Path, default=DUMPS)
    parser.add_argument("--folds", type=int, default=10)
    options = parser.parse_args()
    if not options.dumps.exists():
        print(f"no dumps at {options.dumps}: nothing fitted")
        return
    pages = dumps(options.dumps)
    signs: list[tuple[float, ...]] = []
    truth: list[bool] = []
    weight: list[float] = []
    owner: list[int] = []
    for number, dump in enumerate(pages):
        lines = dump.text.replace("\r\n", "\n").rstrip().split("\n")
        begin = dump.text.replace("\r\n", "\n")[: -len(dump.comments.replace("\r\n", "\n")) or None].count("\n")
        written, headings, ends, told = page.surveyed(lines)
        templated = bool(page.templated(told, headings, ends, lines))
        commented = bool(dump.comments.strip())
        if templated and not commented:
            continue  # comments in the article's part, nearly always
        own = entries.entries(lines, written, {one.first: one.line for one in told})
        names = Counter(entry.name.casefold() for entry in own if entry.name)
        for entry in own:
            signs.append(entries.features(entry, lines, names))
            truth.append(commented and entry.first >= begin)
            weight.append((TOLD_WEIGHT if templated else 1) / len(own) ** 0.5)
            owner.append(number)
    x, y, w, of = np.array(signs), np.array(truth), np.array(weight), np.array(owner)

    def fitted(keep: np.ndarray) -> tuple[dict[str, float], float]:
        model = LogisticRegression(C=1.0, max_iter=1000).fit(x[keep], y[keep], w[keep])
        return (
            {name: round(float(c), 2) for name, c in zip(entries.FEATURES, model.coef_[0], strict=True)},
            round(float(model.intercept_[0]), 2),
        )

    weights, bias = fitted(np.ones(len(y), bool))
    print(f"BIAS: Final = {bias}", "WEIGHTS: Final[Mapping[str, float]] = {", sep="\n")
    print(*(f'    "{name}": {value},' for name, value in weights.items()), "}", sep="\n")
    fold = np.arange(len(pages)) * options.folds // len(pages)
    found = []
    for k in range(options.folds):
        entries.WEIGHTS, entries.BIAS = fitted(fold[of] != k)  # type: ignore[misc]
        found += recovered([dump for dump, own in zip(pages, fold, strict=True) if own == k])
    got = figures(pages, found)
    print(
        f"cross-validated over {options.folds} folds: pooled F1 {got.pooled:.3f}, mean F1 per page {got.mean:.3f}, "
        f"{got.alarms} of {got.without} other pages given a comment"
    )


if __name__ == "__main__":
    main()
