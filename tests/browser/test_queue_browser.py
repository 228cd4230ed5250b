"""The queue page in a real browser: what is decided is what was on the screen, whatever happens to page and server."""

import sys
from pathlib import Path

import pytest

from moderation import desk as desk_pages
from moderation.store import Review

sys.path.insert(0, str(Path(__file__).parent))
from browser_pages import card, comments, opened, press, ready, serious, settled, texts_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Written down before the page's own listeners hear of it: which card was painted when which key went down.
RECORD = """
window.pressed = [];
window.addEventListener('keydown', (event) => {
  const desk = document.querySelector('.desk');
  const body = document.querySelector('.card .body');
  window.pressed.push([event.key, desk?.dataset.card ?? '', body?.innerText ?? '']);
}, true);
"""
ACTS = {"a": "approve", "x": "reject", "s": "skip"}


@pytest.fixture(scope="module")
def letters(shared_desk):
    return shared_desk(*comments(420))


@pytest.fixture
def recorded(page):
    page.add_init_script(RECORD)
    return page


def events_since(desk, first):
    with desk.store() as store:
        found = [one for one in store.reviews(standing=False, moderator="kim") if one.id > first]
    return sorted(found, key=lambda one: one.id)


def newest(desk):
    return max((one.id for one in events_since(desk, 0)), default=0)


def decided(page, desk, first):
    """Compare what was pressed with what is in the store: each once, for the card on screen, in order."""
    settled(page)
    pressed = [(name, ACTS[key]) for key, name, _ in page.evaluate("window.pressed") if key in ACTS and name]
    found = [(one.comment_id, one.action) for one in events_since(desk, first)]
    assert found == pressed
    assert len({name for name, _ in found}) == len(found)
    return pressed


@pytest.mark.parametrize("gap_ms", [0, 20, 60, 120, 250])
def test_sixty_keys_at_any_speed_decide_what_was_on_the_screen_each_once(recorded, letters, gap_ms) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    page.wait_for_function("() => document.querySelector('.desk').dataset.held >= 60")
    for number in range(60):
        page.keyboard.press("axs"[number % 3])
        if gap_ms:
            page.wait_for_timeout(gap_ms)
    pressed = decided(page, letters, first)
    assert len(pressed) == 60
    shown = [text for key, name, text in page.evaluate("window.pressed") if key in ACTS and name]
    assert shown == texts_of(letters, [name for name, _ in pressed])
    with letters.store() as store:  # leave the letters to the next test
        for _ in range(60):
            store.undo("kim", at=letters.now())


def test_a_key_on_an_empty_screen_does_nothing_and_says_so(recorded, desk) -> None:
    page, few = recorded, desk(*comments(3))
    opened(page, few)
    for key in "axaxx":
        page.keyboard.press(key)
    assert len(decided(page, few, 0)) == 3
    page.wait_for_selector(".desk[data-state=empty] .empty")
    page.keyboard.press("a")
    page.wait_for_selector(".spoken.urgent:has-text('that key did nothing')")
    assert len(few.reviews()) == 2 + 1
    page.keyboard.press("u")  # and the last one can still be taken back
    page.wait_for_selector(".desk[data-state=card]")
    settled(page)
    assert len(few.reviews()) == 2


def test_nothing_is_lost_when_the_server_is_killed_amid_keys_and_started_again(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    page.wait_for_function("() => document.querySelector('.desk').dataset.held >= 40")
    for number in range(14):
        if number == 6:
            letters.kill()
        page.keyboard.press("ax"[number % 2])
        page.wait_for_timeout(40)
    page.wait_for_selector(".pending:not([hidden]):has-text('not saved yet')")
    kept = page.evaluate("JSON.stringify({...localStorage})")
    assert not [text for _, _, text in page.evaluate("window.pressed") if text and text in kept]
    letters.start()
    assert len(decided(page, letters, first)) == 14
    page.wait_for_selector(".desk[data-state=card]")
    page.keyboard.press("a")
    assert len(decided(page, letters, first)) == 15


def test_what_was_not_acknowledged_survives_a_reload(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    letters.hold()
    for _ in range(3):
        page.keyboard.press("x")
    page.keyboard.press("u")
    pressed = [name for _, name, _ in page.evaluate("window.pressed")][:3]
    page.wait_for_selector(".pending:has-text('4 not saved yet')")
    letters.kill()
    letters.start()
    opened(page, letters)
    settled(page)
    events = events_since(letters, first)
    assert [(one.comment_id, one.action) for one in events] == [
        *((name, "reject") for name in pressed), (pressed[-1], "undo"),
    ]  # fmt: skip
    assert card(page) not in pressed[:2]
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('moderation.acts.'))") == []


def test_a_server_that_hangs_gets_every_key_once_when_it_wakes(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    letters.hold()
    for number in range(10):
        page.keyboard.press("ax"[number % 2])
        page.wait_for_timeout(50)
    page.wait_for_timeout(2500)  # long enough to be told more than once
    assert page.locator(".pending").inner_text() == "10 not saved yet"
    letters.wake()
    assert len(decided(page, letters, first)) == 10


def test_without_a_network_the_keys_go_on_and_arrive_when_it_is_back(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    page.wait_for_function("() => document.querySelector('.desk').dataset.held >= 40")
    page.context.set_offline(True)
    letters.hold()  # a socket that is open outlives Chromium's own switch: nothing may come back over it either
    for number in range(12):
        page.keyboard.press("ax"[number % 2])
        page.wait_for_timeout(30)
    page.wait_for_selector(".pending:not([hidden]):has-text('12 not saved yet')")
    assert events_since(letters, first) == []
    letters.kill()
    letters.start()
    page.context.set_offline(False)
    assert len(decided(page, letters, first)) == 12


IN_HAND = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.innerText"


def until(page, key: str, reached: str, most: int = 60) -> None:
    """Press a key until what has the focus is what was looked for."""
    for _ in range(most):
        if page.evaluate(f"() => !!document.activeElement?.matches({reached!r})"):
            return
        page.keyboard.press(key)
    pytest.fail(f"{reached} cannot be reached by {key}")


def test_a_moderator_without_a_mouse_chooses_decides_takes_back_and_goes_to_other_pages(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    page.goto(f"{letters.url}/team")
    ready(page)
    until(page, "Tab", "[data-testid=stTopNavLink]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".desk[data-state=card]")
    ready(page)
    until(page, "Tab", ".st-key-label input")
    page.keyboard.press("Escape")  # thought better of it: the keyboard is the card's again
    assert page.evaluate("document.activeElement === document.body")
    until(page, "Tab", ".st-key-label input")
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="Spam").wait_for()
    for _ in range(12):
        page.wait_for_timeout(100)
        if page.evaluate(IN_HAND) == "Spam":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.asks')?.innerText.startsWith('Spam')")
    page.wait_for_function("() => document.activeElement === document.body")
    name = card(page)
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.type("by ")
    # What explains the card may come while a note is being written: the page is painted anew under the hands.
    page.evaluate("document.querySelector('.desk').parentElement[Symbol.for('moderation.desk')].paint(true)")
    page.keyboard.type("hand")
    page.keyboard.press("Enter")
    press(page, "x")
    press(page, "u")
    assert card(page) == name
    press(page, "x")
    settled(page)
    (kept,) = [one for one in letters.reviews() if one.comment_id == name]
    assert (kept.action, kept.labels["spam"], kept.note) == ("reject", True, "by hand")
    # And the buttons themselves, for who does not know the keys.
    until(page, "Tab", ".act.approve")
    press(page, "Enter")
    assert page.evaluate("document.activeElement.matches('.act.approve')")  # and need not look for it again
    settled(page)
    assert events_since(letters, first)[-1].action == "approve"


def test_an_undo_walks_back_and_each_answer_after_it_counts(recorded, letters) -> None:
    page, before = recorded, letters.reviews()
    opened(page, letters)
    seen = []
    for key in "axse":
        seen.append(card(page))
        page.keyboard.press(key)
    for expected in reversed(seen):
        page.keyboard.press("u")
        assert card(page) == expected
    page.keyboard.press("x")  # at once: the undo is still on its way
    settled(page)
    after = letters.reviews()
    assert len(after) == len(before) + 1
    assert (after[0].comment_id, after[0].action) == (seen[0], "reject")


def test_undo_without_a_memory_asks_the_store_for_the_card(page, letters) -> None:
    opened(page, letters)
    name = card(page)
    page.keyboard.press("2")
    press(page, "a")
    settled(page)
    opened(page, letters)
    assert card(page) != name
    page.keyboard.press("u")
    page.wait_for_function("name => document.querySelector('.desk').dataset.card === name", arg=name)
    assert page.locator("[data-label=spam]").get_attribute("data-state") == "yes"


def test_a_clash_shows_both_answers_and_changes_nothing(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    name = card(page)
    with letters.store() as store:
        store.add_review(Review(name, "lee", "approve", {"spam": False}, store.version(name), letters.now()))
    page.keyboard.press("x")
    page.wait_for_selector(".news .conflict")
    words = " ".join(page.locator(".news .conflict").inner_text().split())
    assert "Two answers to one comment" in words
    assert "lee: approved · Spam no" in words
    assert "you: rejected" in words
    settled(page)
    with letters.store() as store:
        (standing,) = store.reviews(comment_id=name)
    assert (standing.moderator, standing.action) == ("lee", "approve")
    assert events_since(letters, first) == []


@pytest.mark.parametrize(
    ("size", "scheme"), [((1440, 860), "light"), ((1440, 860), "dark"), ((390, 844), "light"), ((720, 430), "dark")]
)
def test_nothing_serious_stands_in_the_way_of_a_screen_reader_or_weak_eyes(chromium, letters, size, scheme) -> None:
    """Light, dark, a phone, and 200 per cent on a laptop; by axe-core."""
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    opened(page, letters)
    page.wait_for_selector(".context-side .panel .name")
    found = serious(page)
    if size[0] == 1440:
        page.keyboard.press("h")
        page.wait_for_selector("[role=dialog] input")
        ready(page)
        page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
        found += serious(page)
    context.close()
    assert found == []


# As a server that was upgraded meanwhile would: it sends other code to the page that is open.
SECOND_MODULE = """
async (source) => {
  const root = document.querySelector('.desk').parentElement;
  const old = root[Symbol.for('moderation.desk')];
  const address = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
  const { default: draw } = await import(address);
  draw({ data: old.data, parentElement: root, setStateValue: (_, told) => old.send(told) });
}
"""


def test_new_code_on_an_open_page_takes_the_old_ones_place(recorded, letters) -> None:
    page, first = recorded, newest(letters)
    opened(page, letters)
    page.evaluate(SECOND_MODULE, (Path(desk_pages.__file__).parent / "card.js").read_text("utf-8"))
    assert page.locator(".desk").count() == 1
    page.wait_for_selector(".desk[data-state=card]")
    page.keyboard.press("a")
    page.keyboard.press("x")
    assert page.locator(".desk").count() == 1
    assert len(decided(page, letters, first)) == 2
