"""A person in, a signed cookie out, and the way back: who was signed in stays so over a reload.

The key lies in the home folder and only its owner may read it; who changes or removes it signs everybody out. A cookie
names the account and the stamp it had: a new password, another role or a sign-out gives a new stamp, and what was
signed before opens nothing any more.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

from moderation.access import Person
from moderation.errors import InputError
from moderation.store import Store

__all__ = ["COOKIE", "FORM_LASTS_S", "LASTS_S", "matching_forms", "new_form", "person_of", "signed"]

COOKIE: Final = "moderation_seat"
LASTS_S: Final = 7 * 24 * 3600
FORM_LASTS_S: Final = 3600


def signed(person: Person, home: Path) -> str:
    """Return the cookie of a person who has just signed in."""
    return _serializer(home, "seat").dumps([person.name, person.stamp])


def person_of(cookies: Mapping[str, str], store: Store, home: Path) -> Person | None:
    """Return whom the cookie of a request names; None where there is none, or it holds no longer."""
    cookie = cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        told = _serializer(home, "seat").loads(cookie, max_age=LASTS_S)
    except BadData:
        return None
    if not (isinstance(told, list) and len(told) == 2 and isinstance(told[0], str)):
        return None
    account = store.account(told[0])
    if account is None or account.stamp != told[1]:
        return None
    return Person(account.name, account.role, account.stamp)


def new_form(home: Path) -> str:
    """Return what a form and a cookie must both carry, so that another site's page cannot send the form."""
    return _serializer(home, "form").dumps(secrets.token_hex(8))


def matching_forms(one: str | None, other: str | None, home: Path) -> bool:
    """Say whether a form came from a page of this desk, lately."""
    if not one or not other or not secrets.compare_digest(one.encode(), other.encode()):
        return False
    try:
        _serializer(home, "form").loads(one, max_age=FORM_LASTS_S)
    except BadData:
        return False
    return True


def _serializer(home: Path, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_key(home), salt=f"moderation {purpose}")


def _key(home: Path) -> bytes:
    path = home / "desk.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Made beside and linked in place: of two processes that start at once both must read one whole key.
        if not path.exists():
            fresh = home / f".desk.key.{secrets.token_hex(4)}"
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read or made ({error.strerror}); make the home folder writable") from error
