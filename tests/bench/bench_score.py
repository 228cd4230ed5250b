"""Score 100,000 comments from a Parquet file, end to end, beside scikit-learn on the same n-grams, in one run.

    python tests/bench/bench_score.py [--rows 100000] [--comments comments.parquet:text]

Without --comments the texts are made up from the words of the seed page, so anybody can run it. Prints comments per
second of each, their ratio, and the peak memory of the end-to-end run at two sizes (flat means: the same).
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from moderation.classifier import Classifier
from moderation.features.ngrams import csr, string_buffers, sum_weights
from moderation.settings import seed_page, seeds_folder, shipped_models
from moderation.tables import COMMENTS, Batch, conform


def made_up(rows: int) -> list[str]:
    words = np.array(seed_page().read_text("utf-8").split())
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(3.2, 0.8, rows).astype(int), 1, 400)
    return [" ".join(random.choice(words, n)) for n in lengths]


def texts_of(source: str | None, rows: int) -> list[str]:
    if source is None:
        return made_up(rows)
    path, _, column = source.partition(":")
    found = pd.read_parquet(path)[column or "text"].dropna().astype(str).tolist()
    return (found * (rows // len(found) + 1))[:rows]


def end_to_end(path: str, out: str, report: str) -> None:
    from datetime import UTC, datetime

    from moderation.jobs import score_file
    from moderation.policy import load_policy
    from moderation.registry import Registry

    with tempfile.TemporaryDirectory() as home:
        model = Registry(Path(home), shipped_models()).load(None)
        start = time.perf_counter()
        score_file(Path(path), Path(out), model, load_policy(seeds_folder() / "policy.toml"), at=datetime.now(UTC))
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(report).write_text(f"{seconds} {peak}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--comments")
    chosen = parser.parse_args()
    texts = texts_of(chosen.comments, chosen.rows)
    sizes = [len(text) for text in texts]
    print(f"{len(texts)} comments, {np.mean(sizes):.0f} characters on average, {os.cpu_count()} cores")

    with tempfile.TemporaryDirectory() as folder:
        figures = {}
        for rows in (len(texts) // 4, len(texts)):
            path = Path(folder) / f"{rows}.parquet"
            pd.DataFrame({"id": [f"c{i}" for i in range(rows)], "text": texts[:rows]}).to_parquet(path)
            report = Path(folder) / "report"
            # A process of its own, so that its peak memory is its own.
            child = multiprocessing.get_context("spawn").Process(
                target=end_to_end, args=(str(path), str(Path(folder) / "out.parquet"), str(report))
            )
            child.start()
            child.join()
            figures[rows] = [float(part) for part in report.read_text().split()]
    for rows, (seconds, peak) in figures.items():
        print(f"end to end, {rows} rows: {rows / seconds:,.0f} comments/s, peak {peak:,.0f} MiB")

    name = max(path.name for path in shipped_models().iterdir() if path.is_dir())
    model = Classifier.load(shipped_models() / name)
    sample = texts[: min(len(texts), 20_000)]
    batch = Batch(conform(pd.DataFrame({"id": [str(i) for i in range(len(sample))], "text": sample}), COMMENTS))
    model.score(batch_head(batch))
    start = time.perf_counter()
    model.score(batch)
    ours = len(sample) / (time.perf_counter() - start)
    columns = (string_buffers(batch.comments["text"]), *[string_buffers([None] * len(sample))] * 2)
    start = time.perf_counter()
    sum_weights(*columns, model._packed, len(model.labels))
    kernel = len(sample) / (time.perf_counter() - start)
    start = time.perf_counter()
    csr(*columns)
    matrix = len(sample) / (time.perf_counter() - start)

    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion

    peers = sample[:4_000]
    union = FeatureUnion(
        [
            ("words", HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False)),
            (
                "chars",
                HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18, alternate_sign=False),
            ),
        ]
    )
    fitted = union.fit_transform(peers)
    truth = np.arange(len(peers)) % 2
    warnings.simplefilter("ignore")  # two iterations do not converge, and need not: only prediction is timed
    heads = [LogisticRegression(max_iter=2).fit(fitted[:200], truth[:200]) for _ in model.labels]
    start = time.perf_counter()
    features = union.transform(peers)
    for head in heads:
        head.predict_proba(features)
    theirs = len(peers) / (time.perf_counter() - start)
    print(f"kernel, {len(model.labels)} labels: {kernel:,.0f} comments/s; as a matrix: {matrix:,.0f}")
    print(f"Classifier.score: {ours:,.0f} comments/s")
    print(f"scikit-learn HashingVectorizer + LogisticRegression, same n-grams: {theirs:,.0f} comments/s")
    print(f"ratio, score to scikit-learn: {ours / theirs:.1f}; kernel to scikit-learn: {kernel / theirs:.1f}")


def batch_head(batch: Batch) -> Batch:
    return Batch(batch.comments.head(10), batch.articles)


if __name__ == "__main__":
    main()
