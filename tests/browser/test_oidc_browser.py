"""Sign-in by OpenID Connect with a real provider, in a real browser: who is let in, as what, and who is not."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from browser_pages import comments, press, ready, settled
from conftest import free_port, missing

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:PORT/oauth2callback"
cookie_secret = "forty characters that only this test knows"
client_id = "desk"
client_secret = "known to both"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""
GROUPS = {"ada": ["desk-leads", "sports"], "ben": ["desk"], "cyd": ["canteen"], "dee": []}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    for library in ("oidc_provider_mock", "authlib"):
        if find_spec(library) is None:
            missing(library, "pip install 'comment-moderation[dev]'")
    claims = [{"sub": f"{name}@ledger.example", "groups": groups} for name, groups in GROUPS.items()]
    claims = [one | {"email": one["sub"]} for one in claims]
    people = [f"--user-claims={json.dumps(one)}" for one in claims]
    port = free_port()
    provider = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *people],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/openid-configuration", timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < end, "the provider did not come up"
            assert provider.poll() is None, "the provider ended"
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    provider.terminate()
    provider.wait()


@pytest.fixture(scope="module")
def led(shared_desk, issuer):
    roles = "desk-leads=lead, desk=moderator"
    return shared_desk(*comments(200), secrets=SECRETS.replace("{issuer}", issuer), MODERATION_ROLES=roles)


@pytest.fixture
def visit(chromium, led):
    contexts = []

    def go(name: str):
        context = chromium.new_context(viewport={"width": 1440, "height": 860})
        contexts.append(context)
        context.route("https://**", lambda route: route.abort())  # the provider's own page asks for a style sheet
        page = context.new_page()
        page.goto(f"{led.url}/")
        page.get_by_role("button", name="Sign in with the site").click()
        page.get_by_role("button", name=f"{name}@ledger.example").click()
        page.wait_for_url(f"{led.url}/")
        ready(page)
        return page

    yield go
    for context in contexts:
        context.close()


def test_a_group_of_the_provider_gives_its_role_and_signs_what_is_decided(visit, led) -> None:
    page = visit("ada")
    page.wait_for_selector(".desk[data-state=card]")
    assert page.locator(".who-am-i").inner_text().split() == ["ada@ledger.example", "Lead"]
    press(page, "x")
    settled(page)
    with led.store() as store:
        assert [one.moderator for one in store.reviews()] == ["ada@ledger.example"]
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/oauth2/end_session**")
    page.get_by_role("button").first.click()
    page.get_by_role("button", name="Sign in with the site").wait_for()
    assert page.locator(".desk").count() == 0


def test_a_lesser_group_gives_a_lesser_role(visit) -> None:
    page = visit("ben")
    page.wait_for_selector(".desk[data-state=card]")
    assert page.locator(".who-am-i").inner_text().split() == ["ben@ledger.example", "Moderator"]


@pytest.mark.parametrize("name", ["cyd", "dee"])
def test_who_is_in_no_group_that_has_a_role_sees_nothing(visit, name) -> None:
    page = visit(name)
    page.get_by_role("button", name="Sign out").wait_for()
    assert page.locator(".desk, .stNavSectionItem").count() == 0
    assert "tram" not in page.locator("body").inner_text()
    assert "none of your groups has a role" in page.locator(".callout").inner_text()
