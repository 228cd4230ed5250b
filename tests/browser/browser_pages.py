"""What the browser tests do with a page: open it, press, wait, and read what is on it."""

import time
from pathlib import Path

import pytest

SENTENCES = (
    "The tram stopped twice in the tunnel and nobody told us why.",
    "Thank you for the timetable, it helped my father a great deal.",
    "Everybody who signed this should be beaten in the street until they leave.",
    "Best loans of the year, apply at http://cheap-loans.example/now and win.",
    "I read the report twice; the second table does not add up.",
    "What a pack of fools you all are, the lot of you.",
)


def comments(count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"c{number:03d}",
            "author": f"Reader {number}",
            "text": f"{SENTENCES[number % len(SENTENCES)]} Letter number {number}.",
            "posted_at": f"2026-03-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
            "article_title": "A new tram line through the old town",
            "article_text": "The council has voted for a tram line through the old town.\n\nBuilding begins in May.",
        }
        for number in range(count)
    ]


def ready(page) -> None:
    from playwright.sync_api import expect

    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible(timeout=30_000)


def opened(page, desk, path: str = "") -> None:
    page.goto(f"{desk.url}/{path}")
    if not path:
        page.wait_for_selector(".desk[data-state=card], .desk[data-state=empty], .empty", timeout=30_000)
    ready(page)
    # Streamlit draws our style sheets as it draws HTML, with a part of it that is fetched when first needed.
    page.wait_for_function(
        "() => [...document.querySelectorAll('style')].some(style => style.textContent.includes('--accent-fill'))"
    )


def card(page) -> str:
    return page.locator(".desk").get_attribute("data-card")


def on_screen(page) -> str:
    return page.locator(".card .body").inner_text()


def press(page, key: str) -> None:
    """Press a key that brings another card, and wait until that card stands there."""
    before = card(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('.desk').dataset.card !== before", arg=before, timeout=10_000
    )


def settled(page) -> None:
    """Wait until the server has acknowledged every act."""
    page.wait_for_selector(".desk[data-pending='0']", timeout=30_000)


def becomes(found, wanted, timeout_s: float = 60) -> bool:
    """Wait until what a job of the server is at has come out: whether `found()` is `wanted` in time."""
    end = time.monotonic() + timeout_s
    while (now := found()) != wanted:
        if time.monotonic() > end:
            raise AssertionError(f"{now!r}, not {wanted!r}, after {timeout_s} s")
        time.sleep(0.1)
    return True


def texts_of(desk, names: list[str]) -> list[str]:
    with desk.store() as store:
        return list(store.batch(names).comments["text"])


def notice(page, text: str) -> None:
    from playwright.sync_api import expect

    expect(page.get_by_text(text)).to_be_visible(timeout=60_000)


def serious(page) -> list[tuple[str, str]]:
    """Return what axe-core finds that stands in the way of a screen reader or weak eyes: rule and place."""
    axe = pytest.importorskip("axe_playwright_python", reason="pip install 'comment-moderation[dev]'")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    hard = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [(one["id"], str(node["target"])) for one in hard for node in one["nodes"]]
