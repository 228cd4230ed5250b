"""A person and a store in, a seat out: the same store, in which each write asks first whether this person may.

Roles stand in one order, and each may do what the one before may: a viewer reads; a moderator answers comments, takes
back what was theirs, saves lenses; a lead acts on many comments at once, withdraws reviews, and changes what the site
decides by; an admin says who may do what. Nobody acts in another one's name.

Passwords are kept as scrypt digests (RFC 7914), each with a salt of its own.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moderation.errors import NotAllowed
from moderation.labels import ROLES
from moderation.store import Account, Filter, Review, SavedLens, Store

__all__ = [
    "RIGHTS",
    "SHORTEST_PASSWORD",
    "TRIES",
    "TRIES_WITHIN",
    "Person",
    "Seat",
    "add_person",
    "change_password",
    "change_role",
    "person_from_claims",
    "remove_person",
    "sign_in",
    "sign_out",
]

SHORTEST_PASSWORD: Final = 8  # NIST SP 800-63B: at least eight letters, and no rule about which
LONGEST_PASSWORD: Final = 1000
TRIES: Final = 5
TRIES_WITHIN: Final = timedelta(minutes=15)

COST: Final = 2**15  # with blocks of 8: 32 MiB and about 0.1 s for each guess
BLOCK: Final = 8
PARALLEL: Final = 1

# What each write of the store asks for. A method that writes and is missing here is a hole; a test looks for them.
RIGHTS: Final[Mapping[str, str]] = {
    "act": "moderator",
    "add_batch": "moderator",
    "add_decisions": "moderator",
    "add_job": "moderator",
    "add_report": "moderator",
    "add_review": "moderator",
    "add_scores": "moderator",
    "add_second": "moderator",
    "add_signin": "admin",
    "add_truth": "lead",
    "claim": "moderator",
    "claim_next": "moderator",
    "drop_lens": "moderator",
    "put_account": "admin",
    "put_lens": "moderator",
    "put_preference": "viewer",
    "release": "moderator",
    "report_job": "moderator",
    "undo": "moderator",
    "withdraw": "lead",
}
LEAD_JOBS: Final = frozenset({"act", "decide", "retrain"})


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at the keys, and what they may do; `stamp` is that of the account, 0 where there is none."""

    name: str
    role: str
    stamp: int = 0

    def may(self, role: str) -> bool:
        """Say whether this person may do what `role` may."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)


class Seat(Store):
    """A store at which one person sits: reading is as ever, and each write asks first whether this person may.

    >>> from datetime import UTC, datetime
    >>> with Store.open("seat.db") as store:
    ...     Seat(store, Person("ann", "viewer")).undo("ann", at=datetime(2026, 1, 1, tzinfo=UTC))
    Traceback (most recent call last):
    moderation.errors.NotAllowed: undo: needs the role moderator, and yours is viewer; ask an admin
    """

    def __init__(self, store: Store, person: Person) -> None:
        # One engine, one memory of searches: a seat costs nothing to take.
        self.__dict__.update(store.__dict__)
        self.person = person

    def require(self, role: str, what: str) -> None:
        """Raise `NotAllowed` where this person may not do what `role` may; `what` says what that is about."""
        if not self.person.may(role):
            raise NotAllowed(f"{what}: needs the role {role}, and yours is {self.person.role}; ask an admin")

    def own(self, name: str, what: str) -> None:
        """Raise `NotAllowed` where an act is in another person's name."""
        if name != self.person.name:
            raise NotAllowed(f"{what}: is in another person's name; sign in as that person")


def _checked(name: str, role: str) -> Callable[..., Any]:
    plain = getattr(Store, name)

    @functools.wraps(plain)
    def method(self: Seat, *args: Any, **kwargs: Any) -> Any:
        self.require(role, name.replace("_", " "))
        special = SPECIAL.get(name)
        if special is not None:
            special(self, *args, **kwargs)
        return plain(self, *args, **kwargs)

    return method


def _own_review(seat: Seat, review: Review) -> None:
    seat.own(review.moderator, "review")


def _own_act(seat: Seat, chosen: Sequence[str] | Filter, *_rest: Any, moderator: str, **_more: Any) -> None:
    seat.own(moderator, "act")
    if isinstance(chosen, Filter) or len(chosen) > 1:
        seat.require("lead", "an act on many comments")


def _own_name(seat: Seat, moderator: str, *_rest: Any, **_more: Any) -> None:
    seat.own(moderator, "act")


def _own_claim(seat: Seat, _comment_id: str, moderator: str, **_more: Any) -> None:
    seat.own(moderator, "claim")


def _own_withdrawal(seat: Seat, _review_ids: Iterable[int], *, by: str, **_more: Any) -> None:
    seat.own(by, "withdrawal")


def _own_lens(seat: Seat, lens: SavedLens, **_more: Any) -> None:
    _shared(seat, lens.owner, "a lens for everybody")


def _own_dropped(seat: Seat, owner: str, _name: str, **_more: Any) -> None:
    _shared(seat, owner, "a lens for everybody")


def _own_preference(seat: Seat, person: str, *_rest: Any, **_more: Any) -> None:
    _shared(seat, person, "a setting for everybody")


def _shared(seat: Seat, owner: str, what: str) -> None:
    if owner:
        seat.own(owner, what)
    else:
        seat.require("lead", what)


def _own_account(seat: Seat, _name: str, _role: str, _secret: str | None, *, by: str, **_more: Any) -> None:
    seat.own(by, "account")


def _heavy_job(seat: Seat, kind: str, *_rest: Any, **_more: Any) -> None:
    if kind in LEAD_JOBS:
        seat.require("lead", kind)


SPECIAL: Final[Mapping[str, Callable[..., None]]] = {
    "act": _own_act,
    "add_job": _heavy_job,
    "add_review": _own_review,
    "add_second": _own_review,
    "claim": _own_claim,
    "claim_next": _own_name,
    "drop_lens": _own_dropped,
    "put_account": _own_account,
    "put_lens": _own_lens,
    "put_preference": _own_preference,
    "release": _own_name,
    "undo": _own_name,
    "withdraw": _own_withdrawal,
}

for _name, _role in RIGHTS.items():
    setattr(Seat, _name, _checked(_name, _role))


# --- Accounts --------------------------------------------------------------------------------------------------------


def add_person(store: Store, name: str, role: str, password: str, *, by: str, at: datetime) -> Account:
    """Add an account. Raises `NotAllowed` for a name that is taken, an unknown role or too short a password."""
    _known(role)
    if store.account(name) is not None:
        raise NotAllowed(f"people: {name!r} is there already; change the role or the password instead")
    return store.put_account(name, role, _secret(password), by=by, at=at)


def change_role(store: Store, name: str, role: str, *, by: str, at: datetime) -> Account:
    """Give an account another role; the last admin stays one."""
    _known(role)
    account = _there(store, name)
    if role != "admin":
        _keep_an_admin(store, account)
    return store.put_account(name, role, None, by=by, at=at)


def change_password(store: Store, name: str, password: str, *, by: str, at: datetime) -> Account:
    """Give an account another password; whoever is signed in with the old one is signed out."""
    account = _there(store, name)
    return store.put_account(name, account.role, _secret(password), by=by, at=at)


def remove_person(store: Store, name: str, *, by: str, at: datetime, last: bool = False) -> None:
    """Remove an account; what the person decided stays. The last admin goes only if `last`, and only as the last."""
    account = _there(store, name)
    if not (last and len(store.accounts()) == 1):
        _keep_an_admin(store, account)
    store.put_account(name, "", None, by=by, at=at)


def sign_in(store: Store, name: str, password: str, *, at: datetime) -> Person:
    """Return the person of this name and password.

    Raises `NotAllowed` where they do not fit, in the same words and after the same time whether the name is known or
    not; and after `TRIES` wrong passwords within `TRIES_WITHIN`, whatever is given then.
    """
    account = store.account(name)
    if account is None:
        _fits(password, UNKNOWN)  # as long as for a known name, so that the answer's time tells nothing
        raise NotAllowed("sign in: the name or the password is wrong; try again")
    if store.failed_signins(name, since=at - TRIES_WITHIN) >= TRIES:
        minutes = int(TRIES_WITHIN.total_seconds() // 60)
        raise NotAllowed(f"sign in: too many wrong passwords; wait {minutes} minutes, or ask an admin for a new one")
    right = _fits(password, account.secret)
    store.add_signin(name, right=right, at=at)
    if not right:
        raise NotAllowed("sign in: the name or the password is wrong; try again")
    return Person(account.name, account.role, account.stamp)


def sign_out(store: Store, person: Person, *, at: datetime) -> None:
    """End every session of a person: what was signed before carries an older stamp."""
    account = store.account(person.name)
    if account is not None and account.stamp == person.stamp:
        store.put_account(account.name, account.role, None, by=account.name, at=at)


def person_from_claims(claims: Mapping[str, Any], roles: Mapping[str, str], *, claim: str = "groups") -> Person:
    """Return who an identity provider says this is: the highest role that any of their groups is given.

    Raises `NotAllowed` where no group has a role, or the claims name nobody.
    """
    name = str(claims.get("email") or claims.get("preferred_username") or claims.get("sub") or "")
    told = claims.get(claim)
    groups = [told] if isinstance(told, str) else list(told) if isinstance(told, Iterable) else []
    found = [roles[group] for group in groups if isinstance(group, str) and roles.get(group) in ROLES]
    if not name.strip() or not found:
        raise NotAllowed("sign in: none of your groups has a role on this desk; ask an admin for one")
    return Person(name, max(found, key=ROLES.index))


def _known(role: str) -> None:
    if role not in ROLES:
        raise NotAllowed(f"people: unknown role {role!r}; known: {', '.join(ROLES)}")


def _there(store: Store, name: str) -> Account:
    account = store.account(name)
    if account is None:
        raise NotAllowed(f"people: nobody of the name {name[:80]!r} is here; see the list of people")
    return account


def _keep_an_admin(store: Store, account: Account) -> None:
    if account.role == "admin" and sum(each.role == "admin" for each in store.accounts()) == 1:
        raise NotAllowed("people: this is the last admin, and somebody must say who may do what; add another first")


# --- Passwords -------------------------------------------------------------------------------------------------------


def _secret(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise NotAllowed(
            f"password: has less than {SHORTEST_PASSWORD} or more than {LONGEST_PASSWORD} letters; give another"
        )
    salt = secrets.token_bytes(16)
    told = (base64.b64encode(part).decode("ascii") for part in (salt, _derived(password, salt)))
    return "$".join(["scrypt", str(COST), str(BLOCK), str(PARALLEL), *told])


def _fits(password: str, secret: str) -> bool:
    with suppress(ValueError, binascii.Error):
        kind, cost, block, parallel, salt, digest = secret.split("$")
        if kind == "scrypt" and len(password) <= LONGEST_PASSWORD:
            given = _derived(password, base64.b64decode(salt), cost=int(cost), block=int(block), parallel=int(parallel))
            return hmac.compare_digest(given, base64.b64decode(digest))
    return False


def _derived(password: str, salt: bytes, *, cost: int = COST, block: int = BLOCK, parallel: int = PARALLEL) -> bytes:
    # The same letters however a keyboard composes them (NIST SP 800-63B, section 5.1.1.2).
    letters = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(
        letters, salt=salt, n=cost, r=block, p=parallel, maxmem=2**20 + 2 * 128 * cost * block, dklen=32
    )


UNKNOWN: Final = "$".join(["scrypt", str(COST), str(BLOCK), str(PARALLEL), "bm9ib2R5", "bm9ib2R5"])
