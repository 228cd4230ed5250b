"""Several people at one desk, in a real browser: who gets in, who sees what, where two differ, an appeal."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moderation import access
from moderation.store import Review

sys.path.insert(0, str(Path(__file__).parent))
from browser_pages import card, comments, ready

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def patience(chromium):
    """Wait longer than Playwright does of itself: how fast a page is drawn is not what these tests ask."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def site(shared_desk):
    """Open one desk that has a moderator, a lead and a viewer."""
    desk = shared_desk(*comments(12))
    with desk.store() as store:
        for name, role in (("root", "admin"), ("ann", "moderator"), ("vera", "viewer")):
            access.add_person(store, name, role, PASSWORD, by="root", at=datetime.now(UTC))
    return desk


def sign_in(page, desk, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{desk.url}/team")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_one_signs_in_stays_over_a_reload_and_signs_out(page, site) -> None:
    from playwright.sync_api import expect

    sign_in(page, site, "ann", "a guess")
    expect(page.get_by_role("alert")).to_contain_text("is wrong; try again")
    sign_in(page, site, "ann")
    ready(page)
    expect(page.locator(".who-am-i")).to_contain_text("ann")
    page.reload()
    ready(page)
    expect(page.locator(".who-am-i")).to_contain_text("Moderator")
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(f"{site.url}/team")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_viewer_sees_the_team_and_no_queue(page, site) -> None:
    from playwright.sync_api import expect

    sign_in(page, site, "vera")
    ready(page)
    expect(page.get_by_role("radio", name="Disagreements")).to_be_visible()
    expect(page.get_by_text("Undo my latest")).to_have_count(0)
    expect(page.get_by_role("link", name="Queue")).to_have_count(0)
    page.goto(f"{site.url}/queue_page")
    expect(page.get_by_text("Page not found")).to_be_visible(timeout=30_000)


def test_two_at_once_are_both_heard_and_one_decides(page, site) -> None:
    from playwright.sync_api import expect

    sign_in(page, site, "ann")
    page.wait_for_selector(".desk[data-state=card]", timeout=30_000)
    ready(page)
    name = card(page)
    with site.store() as store:
        seen = store.version(name)
        store.add_review(Review(name, "root", "approve", {}, seen, datetime.now(UTC), note="fair comment"))
    page.keyboard.press("x")
    page.wait_for_function("name => document.querySelector('.desk').dataset.card !== name", arg=name, timeout=10_000)
    page.wait_for_selector(".desk[data-pending='0']", timeout=30_000)
    with site.store() as store:
        (pair,) = store.disagreements(comment_id=name)
        assert (pair.first.moderator, pair.second.moderator, pair.second.action) == ("root", "ann", "reject")
        assert [review.action for review in store.reviews(comment_id=name)] == ["approve"]
    page.goto(f"{site.url}/team")
    ready(page)
    page.get_by_text("Disagreements", exact=True).click()
    expect(page.locator(".pair")).to_contain_text("fair comment")
    expect(page.locator(".pair .side.reject")).to_contain_text("ann")


def test_the_page_of_an_appeal_opens_from_a_file_and_asks_nobody(page, site, chromium, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    hostile = '<img src="http://198.51.100.7/p.png"><script>document.title="owned"</script> http://198.51.100.7/'
    with site.store() as store:
        name = store.queue(model="m", label=None, order="oldest", limit=1)["id"].iloc[0]
        seen = store.version(name)
        store.add_review(Review(name, "root", "reject", {"spam": True}, seen, datetime.now(UTC), note=hostile))
    sign_in(page, site, "vera")
    ready(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Page for an appeal")).first.click()
    file = tmp_path / "decision.html"
    download.value.save_as(file)
    context = chromium.new_context()
    try:
        alone = context.new_page()
        asked: list[str] = []
        alone.on("request", lambda request: asked.append(request.url))
        alone.goto(file.as_uri())
        expect(alone.get_by_role("heading", name="Who decided what, and when")).to_be_visible()
        assert hostile in alone.locator("body").inner_text()
        assert alone.title() == "Decision about one comment"
        assert alone.locator("a, img, script").count() == 0
        assert asked == [file.as_uri()]
    finally:
        context.close()
