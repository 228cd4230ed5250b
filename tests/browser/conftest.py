"""A desk on a free port, a real Chromium, and a page that may ask nobody but that desk for anything."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moderation import jobs
from moderation.policy import load_policy
from moderation.registry import Registry
from moderation.settings import seed_page, shipped_models
from moderation.store import Review, Store

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
MODERATOR = "kim"
START_S = 60


def missing(what: str, cure: str) -> None:
    """Skip, saying what to install; where the machine promises to have it (CI), fail."""
    text = f"{what} is missing; {cure}"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    if CHROMIUM is None:
        missing("Chromium", "install the Debian package chromium, or name a browser in CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright", "pip install 'comment-moderation[dev]'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, headless=True)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[object]:
    context = chromium.new_context(viewport={"width": 1440, "height": 860}, accept_downloads=True)
    opened = context.new_page()
    asked: list[str] = []
    faults: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == [], "the page asked somebody else"
    assert faults == []


@dataclass
class Desk:
    """One home with a store, and the server that shows it."""

    home: Path
    port: int
    command: list[str]
    process: subprocess.Popen | None = None
    tier: str = "fast"
    more: dict[str, str] = field(default_factory=dict)  # of its environment

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home / "desk.log").read_text(encoding="utf-8")

    def store(self) -> Store:
        return Store.open(self.home / "store.db")

    def registry(self) -> Registry:
        return Registry(self.home / "models", shipped_models())

    def reviews(self) -> list[Review]:
        with self.store() as store:
            return store.reviews(moderator=MODERATOR)

    def start(self) -> None:
        with (self.home / "desk.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.home if (self.home / ".streamlit").exists() else ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "MODERATION_HOME": str(self.home), "MODERATION_STORE": "",
                     "MODERATION_MODERATOR": MODERATOR, "MODERATION_POLICY": "", "MODERATION_TIER": self.tier,
                     **self.more},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                pytest.fail(f"the desk ended: {self.log}")
            try:
                if urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1).read() == b"ok":
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"the desk did not come up: {self.log}")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def kill(self) -> None:
        """End the server as a power cut does."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def hold(self) -> None:
        """Let the server hang: it answers nobody, and its connections stand."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def fill(home: Path, paths: list[Path]) -> None:
    """Read these files into a new store and score them with the shipped model."""
    now = datetime.now(UTC)
    home.mkdir(parents=True)
    with Store.open(home / "store.db") as store:
        jobs.ingest(paths, store, at=now)
        classifier = Registry(home / "models", shipped_models()).load()
        jobs.score_store(store, classifier, load_policy(None), at=now)


class Desks:
    """Desks that were opened in a folder, to be closed together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[Desk] = []

    def __call__(
        self, *comments: dict[str, object], with_streamlit: bool = False, secrets: str = "", **more: str
    ) -> Desk:
        """Open a desk on these comments, or on the seed page if none are given.

        `secrets` is what stands in Streamlit's file of that name; "PORT" in it is the desk's own. `more` goes into its
        environment.
        """
        number = len(self.opened)
        paths = [seed_page()]
        if comments:
            paths = [self.folder / f"comments{number}.jsonl"]
            paths[0].write_text("".join(json.dumps(one) + "\n" for one in comments), encoding="utf-8")
        home = self.folder / f"home{number}"
        fill(home, paths)
        port = free_port()
        command = [sys.executable, "-m", "moderation.cli", "app", "--port", str(port)]
        if with_streamlit:
            command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        if secrets:
            (home / ".streamlit").mkdir()
            (home / ".streamlit" / "secrets.toml").write_text(secrets.replace("PORT", str(port)), encoding="utf-8")
        self.opened.append(Desk(home, port, command, more=more))
        self.opened[-1].start()
        return self.opened[-1]

    def close(self) -> None:
        for one in self.opened:
            one.stop()


@pytest.fixture
def desk(tmp_path) -> Iterator[Desks]:
    desks = Desks(tmp_path)
    yield desks
    desks.close()


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory) -> Iterator[Desks]:
    """Like `desk`, for tests that leave enough for the next one: starting a server takes seconds."""
    desks = Desks(tmp_path_factory.mktemp("shared"))
    yield desks
    desks.close()
