"""Who may do what: every write of the store asks, roles stand in one order, and passwords are hard to guess."""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation import access
from moderation.access import RIGHTS, Person, Seat
from moderation.errors import NotAllowed, StoreError
from moderation.labels import ROLES
from moderation.store import Filter, Review, SavedLens, Store
from moderation.tables import COMMENTS, Batch, conform

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.db") as opened:
        frame = pd.DataFrame({"id": ["a", "b", "c"], "text": ["x", "y", "z"]})
        opened.add_batch(Batch(conform(frame, COMMENTS)), at=NOON)
        yield opened


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make guessing cheap: what is tested is who gets in, not how long that takes."""
    monkeypatch.setattr(access, "COST", 2**4)
    monkeypatch.setitem(access._derived.__kwdefaults__, "cost", 2**4)


def test_every_write_of_the_store_asks_first() -> None:
    writing = set()
    for name, method in inspect.getmembers(Store, inspect.isfunction):
        if not name.startswith("_"):
            tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
            calls = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            if "_write" in calls:
                writing.add(name)
    assert writing == set(RIGHTS)
    assert set(RIGHTS.values()) <= set(ROLES)


def acts(seat: Seat, name: str) -> dict[str, object]:
    """Return each write, ready to be tried, in this person's own name."""
    empty = pd.DataFrame({"decision": [], "reasons": []})
    review = Review("a", name, "approve", {}, 0, NOON)
    return {
        "act": lambda: seat.act(["a"], "approve", {}, moderator=name, model="m", at=NOON, token="t"),
        "act on many": lambda: seat.act(Filter(), "approve", {}, moderator=name, model="m", at=NOON, token="t2"),
        "add_batch": lambda: seat.add_batch(seat.batch(["a"]), at=NOON),
        "add_decisions": lambda: seat.add_decisions(empty, model="m", policy="p", at=NOON),
        "add_job": lambda: seat.add_job("score", {}, NOON),
        "retrain": lambda: seat.add_job("retrain", {}, NOON),
        "add_report": lambda: seat.add_report("b", at=NOON),
        "add_review": lambda: seat.add_review(review),
        "claim": lambda: seat.claim("c", name, now=NOON),
        "claim_next": lambda: seat.claim_next(name, 1, model="m", label=None, order="oldest", now=NOON),
        "put_lens": lambda: seat.put_lens(SavedLens("L", name, Filter(), "oldest"), at=NOON),
        "a lens for everybody": lambda: seat.put_lens(SavedLens("L", "", Filter(), "oldest"), at=NOON),
        "drop_lens": lambda: seat.drop_lens(name, "L", at=NOON),
        "put_preference": lambda: seat.put_preference(name, "theme", "dark", at=NOON),
        "a setting for everybody": lambda: seat.put_preference("", "second_share", 0.1, at=NOON),
        "release": lambda: seat.release(name, ["a"]),
        "undo": lambda: seat.undo(name, at=NOON),
        "withdraw": lambda: seat.withdraw([], by=name, reason="r", at=NOON),
        "put_account": lambda: seat.put_account("new", "viewer", "s", by=name, at=NOON),
    }


LEAST = {
    "act on many": "lead",
    "retrain": "lead",
    "a lens for everybody": "lead",
    "a setting for everybody": "lead",
}


@pytest.mark.parametrize("role", [*ROLES, "", "root"])
def test_a_role_may_what_it_may_and_no_more(store: Store, role: str) -> None:
    seat = Seat(store, Person("ann", role))
    assert seat.counts().comments == 3  # everybody reads
    for name, act in acts(seat, "ann").items():
        least = LEAST.get(name) or RIGHTS[name]
        if role in ROLES and ROLES.index(role) >= ROLES.index(least):
            with contextlib.suppress(StoreError):  # a conflict with an act before is no refusal
                act()
        else:
            with pytest.raises(NotAllowed, match="needs the role") as caught:
                act()
            assert "\n" not in str(caught.value)


def test_what_was_refused_left_no_trace(store: Store) -> None:
    seat = Seat(store, Person("ann", "viewer"))
    for act in acts(seat, "ann").values():
        with contextlib.suppress(NotAllowed):
            act()
    assert (
        store.reviews(standing=False) == store.acts() == store.accounts() == store.lenses("ann") == store.jobs() == []
    )
    assert store.preferences("ann") == {"theme": "dark"}  # a viewer's own


def test_nobody_acts_in_another_one_s_name(store: Store) -> None:
    seat = Seat(store, Person("root", "admin"))
    for name, act in acts(seat, "ann").items():
        if name in {"add_batch", "add_decisions", "add_job", "retrain", "add_report"} | LEAST.keys() - {"act on many"}:
            continue  # nobody's name is in it
        with pytest.raises(NotAllowed, match="another person's name"):
            act()
    assert store.reviews(standing=False) == []


def test_accounts_come_change_and_go(store: Store, cheap: None) -> None:
    at = {"by": "root", "at": NOON}
    access.add_person(store, "root", "admin", "correct horse", **at)
    access.add_person(store, "ann", "viewer", "battery staple", **at)
    with pytest.raises(NotAllowed, match="there already"):
        access.add_person(store, "ann", "lead", "battery staple", **at)
    with pytest.raises(NotAllowed, match="unknown role 'boss'"):
        access.add_person(store, "bob", "boss", "battery staple", **at)
    with pytest.raises(NotAllowed, match="letters; give another"):
        access.add_person(store, "bob", "lead", "short", **at)
    person = access.sign_in(store, "ann", "battery staple", at=NOON)
    assert (person.name, person.role) == ("ann", "viewer")
    assert access.change_role(store, "ann", "lead", **at).stamp > person.stamp
    access.change_password(store, "ann", "a better one", **at)
    with pytest.raises(NotAllowed, match="name or the password is wrong"):
        access.sign_in(store, "ann", "battery staple", at=NOON)
    person = access.sign_in(store, "ann", "a better one", at=NOON)
    access.sign_out(store, person, at=NOON)
    assert store.account("ann").stamp > person.stamp
    access.sign_out(store, person, at=NOON)  # an old stamp ends nothing
    assert access.sign_in(store, "ann", "a better one", at=NOON).stamp == store.account("ann").stamp
    for act in (
        lambda: access.change_role(store, "root", "lead", **at),
        lambda: access.remove_person(store, "root", **at),
    ):
        with pytest.raises(NotAllowed, match="last admin"):
            act()
    with pytest.raises(NotAllowed, match="nobody of the name"):
        access.remove_person(store, "cyd", **at)
    access.remove_person(store, "ann", **at)
    with pytest.raises(NotAllowed):
        access.sign_in(store, "ann", "a better one", at=NOON)
    assert [account.name for account in store.accounts()] == ["root"]
    access.remove_person(store, "root", last=True, **at)
    assert store.accounts() == []


def test_guessing_is_slowed_down_and_an_unknown_name_told_nothing_else(store: Store, cheap: None) -> None:
    access.add_person(store, "ann", "lead", "battery staple", by="root", at=NOON)
    told = set()
    for name in ("ann", "nobody"):
        with pytest.raises(NotAllowed) as caught:
            access.sign_in(store, name, "a guess", at=NOON)
        told.add(str(caught.value))
    assert len(told) == 1
    for _ in range(4):
        with pytest.raises(NotAllowed, match="wrong"):
            access.sign_in(store, "ann", "a guess", at=NOON)
    with pytest.raises(NotAllowed, match="wait 15 minutes"):
        access.sign_in(store, "ann", "battery staple", at=NOON + timedelta(minutes=14))
    assert access.sign_in(store, "ann", "battery staple", at=NOON + timedelta(minutes=16)).name == "ann"


def test_a_password_is_kept_as_a_digest_with_a_salt_of_its_own(store: Store) -> None:
    for name in ("ann", "bob"):
        access.add_person(store, name, "viewer", "Ångström 9", by="root", at=NOON)
    secrets = [account.secret for account in store.accounts()]
    assert len(set(secrets)) == 2
    assert all(secret.startswith("scrypt$32768$8$1$") for secret in secrets)
    assert access.sign_in(store, "ann", "A\u030angstro\u0308m 9", at=NOON).name == "ann"  # composed or not
    assert not access._fits("x", "no secret at all")
    assert not access._fits("x" * 2000, secrets[0])


@given(text=st.text(min_size=8, max_size=30), other=st.text(max_size=30))
def test_any_password_opens_its_own_door_only(text: str, other: str) -> None:
    derived = access._derived(text, b"salt", cost=2, block=1)
    assert derived == access._derived(text, b"salt", cost=2, block=1)
    same = access.unicodedata.normalize("NFKC", text) == access.unicodedata.normalize("NFKC", other)
    assert (derived == access._derived(other, b"salt", cost=2, block=1)) == same


def test_a_provider_s_groups_give_the_highest_role() -> None:
    roles = {"staff": "moderator", "it": "admin", "odd": "boss"}
    told = {"email": "ann@news.example", "groups": ["staff", "it", "odd", 7]}
    assert access.person_from_claims(told, roles) == Person("ann@news.example", "admin")
    assert access.person_from_claims({"sub": "7", "role": "staff"}, roles, claim="role") == Person("7", "moderator")
    for bad in (
        {"email": "x"},
        {"groups": ["staff"]},
        {"email": "x", "groups": ["odd"]},
        {"email": " ", "groups": "it"},
    ):
        with pytest.raises(NotAllowed, match="none of your groups"):
            access.person_from_claims(bad, roles)
