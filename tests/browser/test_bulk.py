"""The pages for many comments at once in a real browser: each job from its start to what is in the store at its end."""

import hashlib
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from moderation.labels import LABELS
from moderation.policy import Policies, Thresholds

sys.path.insert(0, str(Path(__file__).parent))
from browser_pages import SENTENCES, becomes, comments, notice, opened, ready, serious

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = (
    '<script>document.title="owned"</script><img src="http://198.51.100.7/p.png" onerror=\'document.title="owned"\'>'
    "<style>*{display:none!important}</style></div></main><iframe src=http://198.51.100.7/></iframe>"
    " ![pixel](http://198.51.100.7/q.png) [press](javascript:alert(1)) :red[big] $x^2$ {{7*7}} =1+1"
)
FLOOD = 30


def flood() -> list[dict[str, object]]:
    """Return a campaign, hostile in every field, among letters of readers."""
    spam = [
        {
            "id": f"a{number:03d}",
            "author": f"{HOSTILE[:60]} {number % 3}",
            "author_url": "javascript:alert(1)",
            "text": f"{HOSTILE} Best loans of the year, apply at http://flood.example/now, offer {number}",
            "posted_at": f"2026-03-02T{number % 24:02d}:{number:02d}:00Z",
            "article_title": HOSTILE,
        }
        for number in range(FLOOD)
    ]
    return spam + [one | {"text": f"{one['text']} {own_words(number)}"} for number, one in enumerate(comments(24))]


def own_words(number: int) -> str:
    """Return words that no other letter has."""
    return hashlib.shake_128(str(number).encode()).hexdigest(40).translate(str.maketrans("0123456789", "ghij lmn p"))


@pytest.fixture(scope="module")
def bulk(shared_desk):
    return shared_desk(*flood())


def actions(desk) -> dict[str, int]:
    with desk.store() as store:
        return store.verdicts()["action"].value_counts().to_dict()


def unharmed(page) -> None:
    assert page.title() != "owned"
    assert page.locator("iframe").count() == 0
    assert page.locator("[data-testid=stMain] a[href*='198.51.100.7'], [data-testid=stMain] img").count() == 0


def test_a_campaign_is_decided_by_one_key_and_undone_by_one(page, bulk) -> None:
    opened(page, bulk, "campaigns")
    page.wait_for_selector(".st-key-campaign .tiles", timeout=60_000)
    ready(page)
    shown = page.locator(".st-key-campaign").inner_text()
    assert "flood.example" in shown
    assert '<script>document.title="owned"</script>' in shown
    assert "{{7*7}}" in shown
    page.get_by_role("button", name=f"Reject all {FLOOD}").wait_for()
    page.locator(".headline h2").click()
    page.keyboard.press("x")
    notice(page, f"{FLOOD} comments rejected.")
    ready(page)
    assert actions(bulk) == {"reject": FLOOD}
    page.get_by_role("button", name=f"Undo {FLOOD}").first.wait_for()
    page.keyboard.press("u")
    notice(page, f"Taken back: {FLOOD} comments.")
    ready(page)
    assert actions(bulk) == {}
    unharmed(page)


def test_a_sweep_samples_a_range_by_keys_and_answers_all_of_it(page, bulk) -> None:
    opened(page, bulk, "sweep")
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_selector(f".tile b:text-is('{FLOOD + 24}')")  # the range is what was chosen
    ready(page)
    page.get_by_role("button", name="Draw 12 at random").click()
    for turn in range(12):
        page.wait_for_selector(".sample[data-comment]")
        before = page.locator(".sample[data-comment]").get_attribute("data-comment")
        ready(page)
        page.keyboard.press("n" if turn % 4 == 0 else "y")
        page.wait_for_function(
            "before => document.querySelector('.sample[data-comment]')?.dataset.comment !== before", arg=before
        )
    notice(page, "The sample is labelled.")
    assert "75% are Spam" in page.locator(".effect").inner_text()
    assert "95 % Wilson interval 47% to 91%, from 12 answers" in page.locator(".effect").inner_text()
    assert actions(bulk) == {"approve": 3, "reject": 9}
    rest = FLOOD + 24 - 12
    page.get_by_role("button", name=f"Reject all {rest}").click()
    notice(page, f"{rest} comments rejected.")
    ready(page)
    assert actions(bulk) == {"approve": 3, "reject": 9 + rest}
    page.get_by_role("button", name=f"Undo {rest}").click()
    notice(page, f"Taken back: {rest} comments.")
    assert actions(bulk) == {"approve": 3, "reject": 9}
    unharmed(page)


def test_a_policy_is_saved_compared_and_restored(page, bulk) -> None:
    policies = Policies(bulk.home / "policies", bulk.home / "policy.toml")
    shipped = policies.policy().digest
    opened(page, bulk, "policy")
    page.get_by_text("Everything", exact=True).click()
    ready(page)
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("Home")
    notice(page, "more a week")
    ready(page)
    assert "<script>" in page.locator(".panel.box").first.inner_text()
    page.get_by_role("textbox", name="Note").fill(HOSTILE[:80])  # and pressed at once, as people do
    page.get_by_role("button", name="Save and put in force").click()
    notice(page, "The new policy is in force.")
    assert policies.policy().labels["spam"] == Thresholds(0.0, 0.98)
    page.wait_for_selector("[class*=st-key-job_]", state="detached", timeout=60_000)
    with bulk.store() as store:
        model = bulk.registry().champion()
        oldest = store.queue(model=model, label=None, order="oldest", limit=1)["id"].iloc[0]
        assert becomes(lambda: store.decision(oldest, model).policy, policies.policy().digest)
    page.get_by_text("Versions", exact=True).click()
    page.wait_for_selector(".diff")
    ready(page)
    assert "review = 0.0" in page.locator(".diff .plus").inner_text()
    assert HOSTILE[:40] in page.locator("ul.rows").inner_text()
    page.get_by_role("button", name="Restore").click()
    notice(page, "That version is in force again.")
    assert policies.policy().digest == shipped
    unharmed(page)


def test_a_file_is_scored_cancelled_scored_again_downloaded_and_queued(page, bulk, tmp_path) -> None:
    export = tmp_path / "letters <b> ![x](http:§198.51.100.7§p.png) :red[x].csv"
    many = tmp_path / "many.csv"
    row = {"who": "=cmd|' /C calc'!A0", "words": f"{HOSTILE} {SENTENCES[3]}"}
    pd.DataFrame({"nr": range(40), **{name: [value] * 39 + [""] for name, value in row.items()}}).to_csv(
        export, index=False
    )
    pd.DataFrame({"id": range(150_000), "text": [SENTENCES[n % 6] for n in range(150_000)]}).to_csv(many, index=False)
    opened(page, bulk, "batch")
    page.locator("input[type=file]").set_input_files(many)
    page.get_by_role("button", name="Score this file").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.wait_for(timeout=60_000)
    cancel.click()
    notice(page, "Scoring the upload was stopped.")
    assert not list(bulk.home.glob("uploads/*/scored.parquet"))
    page.locator("input[type=file]").set_input_files(export)
    page.wait_for_selector(".callout.error")
    for field, name in (("Comment", "words"), ("Row id", "nr"), ("Author", "who")):
        page.get_by_role("textbox", name=field, exact=True).fill(name)
        page.keyboard.press("Enter")
        ready(page)
    page.wait_for_selector("table.plain:has-text('=cmd|')")  # what was chosen last is heard of
    ready(page)
    assert "letters <b> ![x]" in page.locator(".st-key-check .name").inner_text()
    page.get_by_role("button", name="Score this file").click()
    page.wait_for_selector(".figures", timeout=60_000)
    assert "40 records read, 39 comments, 1 lost" in page.locator(".st-key-result").inner_text()
    assert "=cmd|" in page.locator(".scroll.tall").inner_text()
    frames = {}
    for title, read in (("CSV", pd.read_csv), ("JSON Lines", read_lines), ("Parquet", pd.read_parquet)):
        with page.expect_download() as download:
            page.get_by_role("button", name=title, exact=True).click()
        frames[title] = read(download.value.path())
    for frame in frames.values():
        assert len(frame) == 39
        assert list(frame.columns) == ["id", *LABELS, "decision", "reasons", "model"]
    assert (frames["CSV"]["spam"] - frames["Parquet"]["spam"]).abs().max() < 1e-6
    page.get_by_role("button", name="Add to the desk").click()
    notice(page, "39 new comments are in the desk")
    page.wait_for_selector("[class*=st-key-job_]", state="detached", timeout=60_000)
    with bulk.store() as store:
        assert becomes(lambda: store.counts(bulk.registry().champion()).scored, FLOOD + 24 + 39)
    unharmed(page)


def read_lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line])


def test_retrain_promote_rescore_and_roll_back_by_clicking(page, bulk) -> None:
    before = bulk.registry().champion()
    opened(page, bulk, "teach")
    page.get_by_role("button", name="Retrain").click()
    page.wait_for_selector(".st-key-candidate table.plain", timeout=90_000)
    ready(page)
    promote = page.get_by_role("button", name="Put in force")
    if promote.is_disabled():
        page.get_by_role("textbox", name="Reason").fill(HOSTILE[:60])
        page.keyboard.press("Enter")
        ready(page)
    promote.click()
    page.wait_for_function(
        "before => !document.querySelector('.st-key-in_force').innerText.includes(before)", arg=before
    )
    ready(page)
    champion = bulk.registry().champion()
    assert champion != before
    page.get_by_role("button", name="Score now").click()
    page.wait_for_selector(".st-key-unscored", state="detached", timeout=60_000)
    page.wait_for_selector("[class*=st-key-job_]", state="detached", timeout=60_000)
    with bulk.store() as store:
        assert becomes(lambda: store.counts(champion).scored, store.counts(champion).comments)
    page.get_by_role("button", name="Roll back").click()
    notice(page, f"{before} is in force again.")
    assert bulk.registry().champion() == before
    assert [line.action for line in bulk.registry().history()] == ["promote", "rollback"]
    unharmed(page)


@pytest.mark.parametrize(
    ("size", "scheme"), [((1440, 900), "light"), ((1440, 900), "dark"), ((390, 844), "dark"), ((720, 430), "light")]
)
@pytest.mark.parametrize("path", ["campaigns", "sweep", "batch", "teach", "policy", "team"])
def test_nothing_serious_stands_in_the_way_on_any_page(chromium, bulk, path, size, scheme) -> None:
    """Light, dark, a phone, and 200 per cent on a laptop; by axe-core. Nothing is wider than the screen."""
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    opened(page, bulk, path)
    if path == "campaigns":
        page.wait_for_selector(".st-key-campaign .tiles", timeout=60_000)
        ready(page)
    found, wider = serious(page), page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()
    assert found == []
    assert wider <= 0
