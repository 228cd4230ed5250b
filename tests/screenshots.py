"""Take the pictures of the desk that the README shows: a home of its own comments, a desk, Chromium, PNG files.

python tests/screenshots.py            # into docs/
python tests/screenshots.py --out DIR --only queue-dark
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from moderation import jobs  # noqa: E402
from moderation.policy import load_policy  # noqa: E402
from moderation.registry import Registry  # noqa: E402
from moderation.settings import shipped_models  # noqa: E402
from moderation.store import Review, Store  # noqa: E402
from moderation.tables import ARTICLES, COMMENTS, Batch, conform  # noqa: E402

TIER = "accurate"
LARGEST = 300_000  # bytes of one picture

ARTICLES_SHOWN = {
    "tram": (
        "https://ledger.example/town/tram-line",
        "A tram line through the old town, again",
        "The council voted by nine to six for a tram line through the old town. Building is to begin in May.\n\n"
        "Shopkeepers in Mill Street fear for two summers behind fences. The council has promised to pay for what they "
        "lose, as far as the books of the three years before show it.\n\n"
        "The line will carry eleven thousand people a day, says the report, and take four thousand cars off the bridge. "
        "An older report, of 2019, had said seven thousand.\n\n"
        "Residents who live within thirty metres of the rails get new windows. The trams will be no louder than a bus.",
    ),
    "shelter": (
        "https://ledger.example/town/night-shelter",
        "The night shelter stays open in winter",
        "The night shelter by the station will stay open until the end of March, the council says.\n\n"
        "Neighbours had complained about noise. A social worker will now be there from six in the evening.\n\n"
        "Forty beds are enough for most nights; on the coldest ones the town hall opens its cellar.",
    ),
}  # fmt: skip

Letter = tuple[str, str | None, str, int | None, str | None]
# article, author, text, the text it answers (its place here), what was decided before
LETTERS: tuple[Letter, ...] = (
    ("tram", "Mara Voss", "The report says eleven thousand people a day. The old one said seven. Which of the two did "
     "the council read?", None, "approve"),
    ("tram", "Old Town Otto", "Both, and then they did what they had wanted to do anyway.", 0, "approve"),
    ("tram", "steelrail88", "Anyone who signed this should be dragged out of their houses and beaten in Mill Street "
     "until they beg. Burn the council down, I will bring the petrol myself.", 1, None),
    ("tram", "J. Harrow", "I keep the paper shop. Nobody has asked for my books yet, and the fences go up in May.", None,
     "approve"),
    ("tram", "Fast Credit Now", "Great article!! I paid off my shop in two weeks with a loan from "
     "http://fast-credit.example/apply – no questions asked, click today and win 500", 3, None),
    ("tram", "Fast Credit Now", "Nice post, I agree. Cheap loans for everybody at http://fast-credit.example/apply, "
     "approved in minutes", 0, "reject"),
    ("tram", "Old Town Otto", "You are a pack of fools and liars, every one of you, and your mothers would be ashamed.",
     0, None),
    ("tram", "Ledger Watch", "[...] The Ledger writes about the tram line and its two reports; our round-up links to it "
     "[...]", None, None),
    ("tram", "Priya N.", "Does anybody know whether the windows are paid for by the council or by the line?", None, None),
    ("tram", None, "What did people in Delft do about the fences? They had the same trouble ten years ago.", 3, None),
    ("shelter", "Nora Lind", "I live across the street. The social worker has made all the difference.", None, "approve"),
    ("shelter", "steelrail88", "These people are vermin and nothing else. Somebody should lock the doors and light it.",
     10, None),
    ("shelter", "Ben A.", "Forty beds for a town of this size. We should be ashamed, and then build eighty.", None, None),
    ("shelter", "steelrail88", "Send the lot of them back where they came from, with a boot behind.", None, "reject"),
    ("shelter", "Kit", "Buy followers and likes, real and cheap, at http://likes.example/best today!!!", None, None),
    ("shelter", "Tomas R.", "He said on the radio that the homeless should be “shot like dogs”. I am glad that the "
     "council answered him with beds.", None, None),
    ("shelter", "Nora Lind", "Thank you for the opening hours, they were nowhere else.", 10, None),
    ("shelter", "weatherglass", "My cat has had kittens, does anybody want one? They are five weeks old.", None, None),
)  # fmt: skip

# What the others wrote that day, each opening with each end: enough of them that a distribution has a shape.
OPENINGS = (
    "I have lived by the river for thirty years.", "My daughter takes the bus to school every day.",
    "The old report was read to us in the church hall.", "Nobody on our street was asked.",
    "I voted for the line and would do so again.", "As a driver I see it otherwise.",
    "What a sorry lot the council is.", "There was a letter about this in May.",
    "Thank you for printing the figures.", "You people never learn.",
    "My late father laid rails in this town.", "I asked the town hall and got an answer within a day.",
)  # fmt: skip
ENDS = (
    "The bridge is full at eight whatever one does.", "Two summers are long for a small shop.",
    "Where will the number 12 stop while they dig?", "A tram is quieter than the lorries we have now.",
    "Let them dig at night and be done by autumn.", "Only a fool would pay for it twice.",
    "I would rather have the baths mended.", "The second table of the report does not add up.",
    "See my page http://old-town.example/photos for how it looked in 1950.",
    "Ask at http://cheap-tickets.example/now, first month free!", "We shall see in May.",
    "The shelter by the station matters more to me.",
    "Win 500 today, click http://fast-credit.example/win and apply.",
    "Cheap loans for everybody at http://fast-credit.example/apply, approved in minutes!",
    "Buy followers and likes at http://likes.example/best, real and cheap!!!",
)  # fmt: skip
SELLERS = ("cheap-tickets.example", "fast-credit.example", "likes.example")


def letters() -> list[Letter]:
    """Return the letters that are shown, and those of everybody else."""
    pairs = [(opening, end) for opening in OPENINGS for end in ENDS]
    rest = [("tram", f"Reader {n % 61}", f"{one} {two}", None, None) for n, (one, two) in enumerate(pairs)]
    return [*LETTERS, *rest]


def fill(home: Path, written: Sequence[Letter]) -> None:
    """Read the letters into a store, score them in the accurate tier, and answer the ones that were answered."""
    now = datetime.now(UTC).replace(microsecond=0)
    frame = pd.DataFrame(
        [
            {
                "id": f"ledger:{number}", "article_id": article, "author": author, "text": text, "kind": "comment",
                "parent_id": None if answers is None else f"ledger:{answers}", "status": "unknown", "position": number,
                "posted_at": now - timedelta(minutes=37 * (len(written) - number)),
            }
            for number, (article, author, text, answers, _) in enumerate(written)
        ]
    )  # fmt: skip
    about = pd.DataFrame(
        [
            {"id": name, "url": url, "title": title, "text": text, "published_at": now - timedelta(days=1)}
            for name, (url, title, text) in ARTICLES_SHOWN.items()
        ]
    )
    home.mkdir(parents=True)
    with Store.open(home / "store.db") as store:
        batch = Batch(conform(frame, COMMENTS), conform(about, ARTICLES, "articles"))
        store.add_batch(batch, source="ledger.example", at=now)
        registry = Registry(home / "models", shipped_models())
        policy = load_policy(None)
        scorer = registry.load_tier(None, registry.tier_of(registry.champion(), TIER), jobs.limits_of(policy))
        jobs.score_store(store, scorer, policy, at=now)
        for number, (*_, decided) in enumerate(written):
            if decided is not None:
                labels = {"spam": decided == "reject"} if "http" in written[number][2] else {}
                at = now - timedelta(minutes=5)
                store.add_review(Review(f"ledger:{number}", "lee", decided, labels, 0, at))


def queue(page: Any, url: str) -> None:
    """Open the queue at what calls for violence, and wait until everything that bears on its first card is there."""
    page.goto(url)
    page.wait_for_selector(".desk[data-state=card]", timeout=120_000)
    page.locator(".st-key-label input").click()
    page.get_by_role("option", name="Incitement").click()
    page.wait_for_function("() => document.querySelector('.asks')?.innerText.startsWith('Incitement')")
    page.wait_for_selector(".desk[data-state=card] .card mark", timeout=120_000)
    page.wait_for_selector(".context-side .panel .bone", state="detached", timeout=120_000)


def sweep(page: Any, url: str) -> None:
    """Open the sweep at a wide range of spam, and label part of a sample from it."""
    page.goto(f"{url}/sweep")
    slider = page.get_by_role("slider").first
    slider.wait_for(timeout=120_000)
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("PageUp")
    page.wait_for_selector("[aria-label*='between 0.2 and 1']", timeout=120_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=120_000)
    page.get_by_role("button", name="at random").click(timeout=120_000)
    for _ in range(9):
        page.wait_for_selector(".sample[data-comment]", timeout=120_000)
        shown = page.locator(".sample[data-comment]")
        before = shown.get_attribute("data-comment")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=120_000)
        page.keyboard.press("y" if any(host in shown.inner_text() for host in SELLERS) else "n")
        page.wait_for_function(
            "before => document.querySelector('.sample[data-comment]')?.dataset.comment !== before", arg=before
        )


# name, size, colour scheme, what to open
Picture = tuple[str, tuple[int, int], str, Callable[[Any, str], None]]
QUEUE: tuple[Picture, ...] = (
    ("queue-light", (1440, 860), "light", queue),
    ("queue-dark", (1440, 860), "dark", queue),
)
SWEEP: tuple[Picture, ...] = (("sweep-light", (1440, 860), "light", sweep),)


def take(home: Path, pictures: Sequence[Picture], browser: Any, chromium: Any, out: Path) -> None:
    """Start a desk on this home, and take these pictures of it."""
    port = browser.free_port()
    desk = browser.Desk(home, port, [sys.executable, "-m", "moderation.cli", "app", "--port", str(port)], tier=TIER)
    desk.start()
    try:
        for name, (width, height), scheme, opened in pictures:
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            opened(page, desk.url)
            page.mouse.move(width // 2, height - 1)
            page.wait_for_timeout(500)
            path = out / f"{name}.png"
            page.screenshot(path=path)
            context.close()
            size = path.stat().st_size
            print(f"{path}: {size / 1000:.0f} kB{', too large for the README' if size > LARGEST else ''}")
    finally:
        desk.stop()


def main() -> None:
    """Take the pictures that were asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--out", type=Path, default=HERE.parent / "docs")
    asked.add_argument("--only", action="append")
    given = asked.parse_args()
    from playwright.sync_api import sync_playwright

    named = importlib.util.spec_from_file_location("browser_conftest", HERE / "browser" / "conftest.py")
    assert named is not None
    assert named.loader is not None
    browser = importlib.util.module_from_spec(named)
    sys.modules["browser_conftest"] = browser
    named.loader.exec_module(browser)
    given.out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.ARGUMENTS)
        for number, (written, pictures) in enumerate(((LETTERS, QUEUE), (letters(), SWEEP))):
            wanted = [one for one in pictures if not given.only or one[0] in given.only]
            if wanted:
                home = Path(folder) / f"home{number}"
                fill(home, written)
                take(home, wanted, browser, chromium, given.out)
        chromium.close()


if __name__ == "__main__":
    main()
