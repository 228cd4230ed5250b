"""The desk in a real browser: keys, clicks, hostile text, and what is in the store afterwards."""

import json
from pathlib import Path

import pandas as pd
import pytest

from moderation.labels import LABELS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SENTENCES = (
    "The tram stopped twice in the tunnel and nobody told us why.",
    "Thank you for the timetable, it helped my father a great deal.",
    "Everybody who signed this should be beaten in the street until they leave.",
    "Best loans of the year, apply at http://cheap-loans.example/now and win.",
    "I read the report twice; the second table does not add up.",
    "What a pack of fools you all are, the lot of you.",
)

HOSTILE = (
    '<script>document.title="owned"</script><img src="http://198.51.100.7/p.png" onerror=\'document.title="owned"\'>'
    "<style>*{display:none!important}</style></div></main><iframe src=http://198.51.100.7/></iframe>"
    " ![pixel](http://198.51.100.7/q.png) [press](javascript:alert(1)) <form action=http://198.51.100.7/><input></form>"
    " &lt;b&gt; \u202egnorw si siht\u202c end"
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
        page.wait_for_selector(".comment[data-comment], .empty", timeout=30_000)
    ready(page)


def on_screen(page) -> str:
    return page.locator(".comment .body").inner_text()


def card(page) -> str:
    return page.locator(".comment").get_attribute("data-comment")


def press(page, key: str) -> None:
    """Press a key that brings another card, and wait until that card stands there, buttons and all."""
    before = card(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('.comment')?.dataset.comment !== before", arg=before, timeout=10_000
    )
    ready(page)


def notice(page, text: str) -> None:
    from playwright.sync_api import expect

    expect(page.get_by_text(text)).to_be_visible(timeout=60_000)


def test_a_seed_comment_relabelled_by_keyboard_is_there_after_a_restart(page, desk) -> None:
    seed = desk()
    opened(page, seed)
    page.locator(".st-key-queue input").click()
    page.get_by_role("option", name="Incitement").click()
    page.wait_for_function("() => document.querySelector('.asks')?.innerText.startsWith('Incitement')")
    ready(page)
    page.wait_for_function("() => document.activeElement === document.body")  # the list gives the keyboard back
    while "mullahs’ motto" not in on_screen(page):
        press(page, "j")
    page.keyboard.press("2")
    page.wait_for_selector('[class*="st-key-label_yes_spam"]')
    page.keyboard.press("2")
    page.wait_for_selector('[class*="st-key-label_no_spam"]')
    page.keyboard.press("n")
    page.keyboard.type("axs: arms and mines")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement === document.body")
    ready(page)
    assert "X reject says: Spam no, Incitement yes" in " ".join(page.locator(".says").inner_text().split())
    press(page, "x")
    seed.stop()
    seed.start()
    opened(page, seed, "decisions")
    page.wait_for_selector(".decision")
    assert "mullahs’ motto" in page.locator(".decision .line").inner_text()
    assert " ".join(page.locator(".decision .said").inner_text().split()) == "Spam no Incitement yes"
    (review,) = seed.reviews()
    assert (review.action, dict(review.labels)) == ("reject", {"spam": False, "incitement": True})
    assert (review.note, review.moderator) == ("axs: arms and mines", "kim")
    with seed.store() as store:
        assert store.batch([review.comment_id]).comments["author"].iloc[0] == "jeandon"


def test_a_hostile_comment_is_shown_and_never_interpreted_by_streamlit_run_either(page, desk) -> None:
    hostile = {
        "id": "h1",
        "text": HOSTILE,
        "author": '<img src=x onerror=document.title="owned">\u202eegdirb',
        "author_url": "javascript:alert(1)",
        "article_title": "<script>document.title='owned'</script>**bold** ![i](http://198.51.100.7/r.png)",
        "article_text": HOSTILE,
    }
    only = desk(hostile, with_streamlit=True)
    answer = page.request.get(only.url)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert page.request.get(only.url, headers={"Origin": "https://elsewhere.example"}).status == 403
    opened(page, only)
    assert on_screen(page).split() == HOSTILE.split()
    inside = page.locator(".comment .body, .panel")
    assert inside.locator("script, img, iframe, form, style, svg, a, input").count() == 0
    page.locator(".st-key-acts button").nth(3).wait_for(timeout=10_000)
    assert page.title() == "Review desk"
    page.keyboard.press("x")
    page.wait_for_selector(".empty")
    opened(page, only, "decisions")
    page.wait_for_selector(".decision")
    assert page.locator(".decision script, .decision img, .decision a").count() == 0
    assert page.title() == "Review desk"


@pytest.fixture(scope="module")
def letters(shared_desk):
    return shared_desk(*comments(60))


def test_undo_by_key_walks_back_and_puts_each_comment_in_hand_again(page, letters) -> None:
    before = letters.reviews()
    opened(page, letters)
    seen = []
    for key in ("a", "x", "s"):
        seen.append(on_screen(page))
        press(page, key)
    assert len(letters.reviews()) == len(before) + 2
    for expected in reversed(seen):
        press(page, "u")
        assert on_screen(page) == expected
    assert letters.reviews() == before
    press(page, "x")
    last = letters.reviews()[0]
    with letters.store() as store:
        assert store.batch([last.comment_id]).comments["text"].iloc[0] == seen[0]


def test_fast_keys_never_decide_a_comment_that_was_not_on_the_screen(page, letters) -> None:
    before = {review.id for review in letters.reviews()}
    opened(page, letters)
    page.evaluate(
        """() => { window.seen = [];
        document.addEventListener('keydown',
            () => window.seen.push(document.querySelector('.comment .body')?.innerText), true) }"""
    )
    for number in range(20):
        page.keyboard.press("ax"[number % 2])
        page.wait_for_timeout(60)
    page.wait_for_timeout(500)
    ready(page)
    seen = page.evaluate("window.seen")
    assert len(seen) == 20
    reviews = [review for review in letters.reviews() if review.id not in before]
    with letters.store() as store:
        texts = list(store.batch([review.comment_id for review in reviews]).comments["text"])
    assert 2 <= len(texts) <= 20
    assert set(texts) <= set(seen)
    for text, review in zip(texts, reviews, strict=True):
        keys = {"ax"[place % 2] for place, shown in enumerate(seen) if shown == text}
        assert {"approve": "a", "reject": "x"}[review.action] in keys  # and it was that key that was pressed on it
    assert on_screen(page) not in texts


def test_an_upload_is_scored_and_downloaded_in_three_formats(page, desk, tmp_path) -> None:
    seed = desk()
    export = tmp_path / "letters <b>.csv"
    pd.DataFrame({"nr": range(40), "who": ["Ann"] * 40, "words": [SENTENCES[n % 6] for n in range(39)] + [""]}).to_csv(
        export, index=False
    )
    opened(page, seed, "batch")
    page.locator("input[type=file]").set_input_files(export)
    page.wait_for_selector(".callout.error")
    for field, name in (("Comment", "words"), ("Row id", "nr")):
        page.get_by_role("textbox", name=field, exact=True).fill(name)
        page.keyboard.press("Enter")
        ready(page)
    page.wait_for_selector("table.plain")
    assert SENTENCES[0] in page.locator("table.plain").inner_text()
    page.get_by_role("button", name="Score this file").click()
    page.wait_for_selector(".figures", timeout=60_000)
    assert "40 records read, 39 comments, 1 lost" in page.locator(".st-key-result").inner_text()
    frames = {}
    for title, read in (("CSV", pd.read_csv), ("JSON Lines", read_lines), ("Parquet", pd.read_parquet)):
        with page.expect_download() as download:
            page.get_by_role("button", name=title, exact=True).click()
        frames[title] = read(download.value.path())
    for frame in frames.values():
        assert [str(name).rpartition(":")[2] for name in frame["id"]] == [str(number) for number in range(39)]
        assert list(frame.columns) == ["id", *LABELS, "decision", "reasons", "model"]
    assert (frames["CSV"]["spam"] - frames["Parquet"]["spam"]).abs().max() < 1e-6
    page.get_by_role("button", name="Add to the desk").click()
    notice(page, "39 new comments are in the desk")
    page.wait_for_selector("[class*=st-key-job_]", state="detached", timeout=60_000)
    with seed.store() as store:
        assert store.counts(seed.registry().champion()).scored == 6 + 39


def read_lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line])


def test_retrain_promote_rescore_and_roll_back_by_clicking(page, desk) -> None:
    seed = desk()
    opened(page, seed)
    for key in ("x", "a", "x"):
        press(page, key)
    before = seed.registry().champion()
    page.get_by_role("link", name="Teach").click()
    page.get_by_role("button", name="Retrain").click()
    page.wait_for_selector(".st-key-candidate table.plain", timeout=60_000)
    ready(page)
    promote = page.get_by_role("button", name="Put in force")
    if promote.is_disabled():
        page.get_by_role("textbox", name="Reason").fill("the three letters are ours to judge")
        page.keyboard.press("Enter")
        ready(page)
    promote.click()
    page.wait_for_function(
        "before => !document.querySelector('.st-key-in_force').innerText.includes(before)", arg=before
    )
    ready(page)
    champion = seed.registry().champion()
    assert champion != before
    page.get_by_role("button", name="Score now").click()
    page.wait_for_selector(".st-key-unscored", state="detached", timeout=60_000)
    page.wait_for_selector("[class*=st-key-job_]", state="detached", timeout=60_000)
    with seed.store() as store:
        assert store.counts(champion).scored == 6
    page.get_by_role("button", name="Roll back").click()
    notice(page, f"{before} is in force again.")
    assert seed.registry().champion() == before
    assert [line.action for line in seed.registry().history()] == ["promote", "rollback"]
