"""The desk in a real browser: keys, clicks, hostile text, and what is in the store afterwards."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from browser_pages import card, on_screen, opened, press, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = (
    '<script>document.title="owned"</script><img src="http://198.51.100.7/p.png" onerror=\'document.title="owned"\'>'
    "<style>*{display:none!important}</style></div></main><iframe src=http://198.51.100.7/></iframe>"
    " ![pixel](http://198.51.100.7/q.png) [press](javascript:alert(1)) <form action=http://198.51.100.7/><input></form>"
    " &lt;b&gt; {{7*7}} ${7*7} <%= 7*7 %> :red[big] $x^2$ \u202egnw si siht\u202c"
    " Z\u0351\u036b\u0343a\u0329l\u0316g\u0349o end"
)
# What a hostile comment may be, one each: the page must show it as it is and go on.
GALLERY = (
    HOSTILE,
    "<svg onload=document.title='owned'>" * 20,
    "x" * 100_000,
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2000,
    "javascript:document.title='owned' data:text/html,<script>document.title='owned'</script>",
    '=HYPERLINK("http://198.51.100.7/","press") +1+1 @SUM(A1)',
    "a" + "\u0316\u0317\u0318\u0319" * 400,
    "--> </textarea></style></title><plaintext> \u0000 \u2028 \u2029 \ufeff end".replace("\u0000", ""),
)


def test_a_seed_comment_relabelled_by_keyboard_is_there_after_a_restart(page, desk) -> None:
    seed = desk()
    opened(page, seed)
    page.locator(".st-key-label input").click()
    page.get_by_role("option", name="Incitement").click()
    page.wait_for_function("() => document.querySelector('.asks')?.innerText.startsWith('Incitement')")
    page.wait_for_function("() => document.activeElement === document.body")  # the list gives the keyboard back
    page.wait_for_selector(".context-side .panel .name")  # what stands beside it is whole after another lens, too
    while "mullahs’ motto" not in on_screen(page):
        press(page, "j")
    page.keyboard.press("2")
    assert page.locator("[data-label=spam]").get_attribute("data-state") == "yes"
    page.keyboard.press("2")
    assert page.locator("[data-label=spam]").get_attribute("data-state") == "no"
    page.keyboard.press("n")
    page.keyboard.type("axs: arms and mines")
    page.keyboard.press("Enter")
    assert "Reject says: Spam no, Incitement yes" in " ".join(page.locator(".says").inner_text().split())
    press(page, "x")
    settled(page)
    seed.stop()
    seed.start()
    opened(page, seed, "team")
    page.wait_for_selector(".decision")
    assert "mullahs’ motto" in page.locator(".decision .line").inner_text()
    assert " ".join(page.locator(".decision .said").inner_text().split()) == "Spam no Incitement yes"
    (review,) = seed.reviews()
    assert (review.action, dict(review.labels)) == ("reject", {"spam": False, "incitement": True})
    assert (review.note, review.moderator) == ("axs: arms and mines", "kim")
    with seed.store() as store:
        assert store.batch([review.comment_id]).comments["author"].iloc[0] == "jeandon"


def test_hostile_comments_are_shown_as_they_are_on_every_part_of_the_queue_page(page, desk) -> None:
    letters = [
        {
            "id": f"h{number}",
            "text": text,
            "author": f'<img src=x onerror=document.title="owned">\u202eegdirb {number // 4}',
            "author_url": "javascript:alert(1)//http://198.51.100.7/",
            "article_id": "one",
            "article_title": "<script>document.title='owned'</script>**bold** ![i](http://198.51.100.7/r.png)",
            "article_text": HOSTILE,
            "posted_at": f"2026-03-01T{number:02d}:00:00Z",
            **({"parent_id": f"h{number - 1}"} if number % 2 else {}),
        }
        for number, text in enumerate(GALLERY)
    ]
    only = desk(*letters, with_streamlit=True)
    answer = page.request.get(only.url)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert page.request.get(only.url, headers={"Origin": "https://elsewhere.example"}).status == 403
    opened(page, only)
    with only.store() as store:
        table = store.batch([f"h{number}" for number in range(len(GALLERY))]).comments
        known = dict(zip(table["id"], table["text"], strict=True))
    seen = set()
    while page.locator(".desk").get_attribute("data-state") == "card":
        name = card(page)
        page.wait_for_selector(".context-side .panel .name", timeout=20_000)
        for summary in page.locator(".desk summary").all():
            summary.click()
        shown = page.evaluate("() => document.querySelector('.card .body').textContent")
        assert shown == known[name][:20_000]
        inside = page.locator(".desk").locator(
            "script, img, iframe, form, style:not(:first-child), svg, a, input, object, embed"
        )
        assert inside.count() == 0
        assert page.title() == "Review desk"
        seen.add(name)
        page.keyboard.press("n")
        page.keyboard.type("<b>note</b> ![n](http://198.51.100.7/n.png)")
        page.keyboard.press("Enter")
        page.keyboard.press("x")
        page.wait_for_function("name => document.querySelector('.desk').dataset.card !== name", arg=name)
    assert seen == set(known)
    settled(page)
    opened(page, only, "team")
    page.wait_for_selector(".decision")
    assert page.locator(".decision script, .decision img, .decision a").count() == 0
    assert page.title() == "Review desk"
