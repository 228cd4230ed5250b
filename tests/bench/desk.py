"""Measure the desk where it counts: from a key to the next card, in Chromium, before a store of a million comments.

    python tests/bench/desk.py                      # builds the store once (minutes), then measures
    python tests/bench/desk.py --comments 100000 --acts 40 --sessions 4

Printed are, in milliseconds: key to the next card painted, key to its context panels, key to its acknowledgement; the
first two once more with several browsers at once; and the server's memory over many acts. The store's text is made
here from a list of words; its scores are drawn at random, so that queues have their usual shape.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from moderation.labels import LABELS  # noqa: E402
from moderation.policy import load_policy  # noqa: E402
from moderation.registry import Registry  # noqa: E402
from moderation.settings import shipped_models  # noqa: E402
from moderation.store import Store  # noqa: E402
from moderation.tables import ARTICLES, COMMENTS, Batch, conform  # noqa: E402

WORDS = """
the a of and to in is that for it was on with as at by this have from or one had not but what all were when
we there can an your which their if will each about how up out them then she many some so these would other
into has more her two like him see time could no make than first been its who now people my made over did
down only way find use may water long little very after called just where most know bridge council tram
harbour report market street letter garden river station teacher doctor winter price vote budget plan stupid
idiot liar cheap loan casino click win fools rubbish disgrace shame
""".split()  # noqa: SIM905 - a page of words reads better than a page of quotes
SLICE = 20_000
COUNT_JS = """
window.taken = {painted: [], beside: [], acknowledged: []};
window.addEventListener('keydown', (event) => {
  const began = event.timeStamp, desk = document.querySelector('.desk');
  const before = desk?.dataset.card;
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      if (desk.dataset.card !== before) window.taken.painted.push(performance.now() - began);
    };
    channel.port2.postMessage(0);
  });
  const wait = (name, done) => {
    const look = () => {
      const since = performance.now() - began;
      if (done()) window.taken[name].push(since);
      else if (since < 10000) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
  const panel = '.context-side > .panel:first-child';
  wait('beside', () => desk.dataset.card !== before && document.querySelector(panel + ' h3')
    && !document.querySelector(panel + ' .bone'));
  wait('acknowledged', () => desk.dataset.pending === '0');
}, true);
"""


def spelled(drawn: np.ndarray) -> str:
    return " ".join(WORDS[number] for number in drawn)


def build(home: Path, size: int, model: str) -> None:
    """Make a store of `size` comments with scores and decisions, if it is not there yet."""
    if (home / "done").exists():
        return
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    chance = np.random.default_rng(7)
    policy = load_policy(None)
    begun = time.perf_counter()
    start = datetime(2020, 1, 1, tzinfo=UTC)
    with Store.open(home / "store.db") as store:
        for first in range(0, size, SLICE):
            count = min(SLICE, size - first)
            ids = [f"bench:{first + n}" for n in range(count)]
            lengths = chance.integers(8, 60, count)
            drawn = chance.integers(0, len(WORDS), int(lengths.sum()))
            ends = np.cumsum(lengths)
            texts = [spelled(drawn[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
            article = [f"article:{(first + n) // 50}" for n in range(count)]
            frame = pd.DataFrame(
                {
                    "id": ids,
                    "article_id": article,
                    "author": [f"reader {n}" for n in chance.zipf(1.3, count) % 90_000],
                    "text": texts,
                    "kind": "comment",
                    "status": chance.choice(["approved", "pending", "unknown"], count),
                    "posted_at": [start + timedelta(minutes=first + n) for n in range(count)],
                    "position": range(first, first + count),
                }
            )
            names = list(dict.fromkeys(article))
            about = pd.DataFrame(
                {
                    "id": names,
                    "url": [f"https://news.example/town/{name.partition(':')[2]}" for name in names],
                    "title": [spelled(chance.integers(0, len(WORDS), 6)) for _ in names],
                    "text": [
                        "\n\n".join(spelled(line) for line in chance.integers(0, len(WORDS), (8, 60))) for _ in names
                    ],
                }
            )
            at = datetime.now(UTC)
            store.add_batch(
                Batch(conform(frame, COMMENTS), conform(about, ARTICLES, "articles")), source="bench", at=at
            )
            scores = pd.DataFrame(
                chance.beta(0.4, 6.0, (count, len(LABELS))).astype(np.float32),
                columns=list(LABELS),
                index=pd.Index(ids, name="id"),
            )
            store.add_scores(scores.assign(model=model), at)
            held = (scores.to_numpy() >= 0.5).any(axis=1)
            decided = pd.DataFrame(
                {"decision": np.where(held, "review", "allow"), "reasons": [[] for _ in range(count)]},
                index=scores.index,
            )
            store.add_decisions(decided, model=model, policy=policy.digest, at=at)
            if first % (10 * SLICE) == 0:
                print(f"  {first + count:,} of {size:,} comments, {time.perf_counter() - begun:.0f} s", flush=True)
    (home / "done").touch()


@contextmanager
def desk(home: Path, tier: str):
    """Serve the desk on a free port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moderation.cli", "app", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "MODERATION_HOME": str(home), "MODERATION_STORE": "", "MODERATION_POLICY": "",
             "MODERATION_MODERATOR": "bench", "MODERATION_TIER": tier, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(20)


def opened(browser, url: str):
    page = browser.new_context(viewport={"width": 1440, "height": 860}).new_page()
    page.add_init_script(COUNT_JS)
    page.goto(url, timeout=180_000)
    page.wait_for_selector(".desk[data-state=card]", timeout=120_000)
    page.wait_for_function("() => document.querySelector('.desk').dataset.held >= 40", timeout=120_000)
    return page


def told(name: str, values: list[float]) -> None:
    if not values:
        print(f"{name:<42} nothing measured")
        return
    p95 = statistics.quantiles(values, n=20)[18] if len(values) > 1 else values[0]
    middle = statistics.median(values)
    print(f"{name:<42} median {middle:7.1f}   p95 {p95:7.1f}   max {max(values):7.1f}   n {len(values)}")


def worked_s(counter) -> float:
    found = {one["name"]: one["value"] for one in counter.send("Performance.getMetrics")["metrics"]}
    return found["TaskDuration"]


def rss_mb(pid: int) -> float:
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Build, serve, press, print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--comments", type=int, default=1_000_000)
    asked.add_argument("--acts", type=int, default=100)
    asked.add_argument("--gap-ms", type=int, default=400, help="between two keys of one moderator")
    asked.add_argument("--sessions", type=int, default=10, help="browsers at once in the second part; 0: leave it out")
    asked.add_argument("--memory-acts", type=int, default=2000, help="acts of the third part; 0: leave it out")
    asked.add_argument("--tier", default="accurate")
    asked.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "moderation-bench")
    asked.add_argument("--chromium", default=os.environ.get("CHROMIUM") or shutil.which("chromium"))
    given = asked.parse_args()
    from playwright.sync_api import sync_playwright

    model = Registry(given.cache / "none", shipped_models()).model(None, given.tier)
    base = given.cache / f"store-{given.comments}-{given.tier}"
    print(f"store of {given.comments:,} comments in {base}", flush=True)
    build(base, given.comments, model)
    home = given.cache / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(base, home)
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with desk(home, given.tier) as (url, pid), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
        begun = time.perf_counter()
        page = opened(browser, url)
        print(f"first page with 40 cards in hand: {time.perf_counter() - begun:.1f} s", flush=True)
        page.wait_for_timeout(3000)
        # What the page's own thread worked for each key, in processor time: it says the same on a busy machine.
        counter = page.context.new_cdp_session(page)
        counter.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = worked_s(counter)
        for number in range(given.acts):
            page.keyboard.press("axs"[number % 3])
            page.wait_for_timeout(given.gap_ms)
        page.wait_for_timeout(3000)
        worked = worked_s(counter) - before
        taken = page.evaluate("window.taken")
        print(f"one browser, {given.acts} acts, {given.gap_ms} ms apart")
        told("  key to next card painted, ms", taken["painted"])
        print(
            f"  the page's own work for a key and all that follows it: {1000 * worked / given.acts:.1f} ms of processor"
        )
        told("  key to its context panels, ms", taken["beside"])
        told("  key to its acknowledgement, ms", taken["acknowledged"])
        page.context.close()
        if given.sessions:
            pages = [opened(browser, url) for _ in range(given.sessions)]
            for number in range(20):
                for page in pages:
                    page.keyboard.press("ax"[number % 2])
                pages[0].wait_for_timeout(given.gap_ms)
            pages[0].wait_for_timeout(5000)
            print(f"{given.sessions} browsers at once, 20 acts each")
            for name, words in (
                ("painted", "next card painted"),
                ("beside", "its context panels"),
                ("acknowledged", "its acknowledgement"),
            ):
                told(
                    f"  key to {words}, ms",
                    [value for page in pages for value in page.evaluate(f"window.taken.{name}")],
                )
            for page in pages:
                page.context.close()
        if given.memory_acts:
            page = opened(browser, url)
            print(f"server memory, {given.memory_acts} acts in one browser")
            for number in range(given.memory_acts):
                if number % 30 == 0:
                    page.wait_for_function("() => document.querySelector('.desk').dataset.held >= 40", timeout=120_000)
                if number % (given.memory_acts // 5) == 0:
                    print(f"  after {number:>5} acts: {rss_mb(pid):.0f} MB", flush=True)
                page.keyboard.press("axs"[number % 3])
            page.wait_for_selector(".desk[data-pending='0']", timeout=120_000)
            print(f"  after {given.memory_acts:>5} acts: {rss_mb(pid):.0f} MB")
        browser.close()


if __name__ == "__main__":
    main()
