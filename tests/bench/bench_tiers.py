"""How fast each tier scores: comments a second on the same comments, in one run.

python tests/bench/bench_tiers.py [--comments FILE.parquet:COLUMN] [--rows N]
"""

import argparse
import os
import time
from pathlib import Path

import pandas as pd

from moderation.jobs import limits_of
from moderation.labels import TIERS
from moderation.policy import load_policy
from moderation.registry import Registry
from moderation.settings import seeds_folder, shipped_models
from moderation.tables import batch_of


def texts(source: str | None, rows: int) -> list[str]:
    """Return `rows` comments of the file, or of this project's own sentences over and over."""
    if source is None:
        own = pd.read_json(seeds_folder() / "contrast.jsonl", lines=True)["text"].tolist()
        return (own * (rows // len(own) + 1))[:rows]
    path, _, column = source.rpartition(":")
    return pd.read_parquet(Path(path), columns=[column])[column].sample(rows, random_state=0).tolist()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--comments", metavar="FILE.parquet:COLUMN")
    parser.add_argument("--rows", type=int, default=2000)
    asked = parser.parse_args()
    batch = batch_of(texts(asked.comments, asked.rows))
    length = batch.comments["text"].str.len().mean()
    print(f"{len(batch):,} comments, {length:.0f} characters on average, {os.cpu_count()} cores")
    registry = Registry(shipped_models(), shipped_models())
    for tier in TIERS:
        scorer = registry.load_tier(None, tier, limits_of(load_policy()))
        scorer.score(batch_of(["warm", "up"]))
        begin = time.perf_counter()
        scorer.score(batch)
        print(f"{tier}: {len(batch) / (time.perf_counter() - begin):,.0f} comments/s")


if __name__ == "__main__":
    main()
