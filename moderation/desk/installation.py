"""Settings in; the store, the models, the policy and who is at the keys out, each opened once per process."""

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec

import streamlit as st

from moderation.access import Person, Seat, person_from_claims
from moderation.desk import cookie, markup
from moderation.desk.words import LANGUAGES
from moderation.errors import ModerationError, NotAllowed
from moderation.jobs import limits_of, thresholds_of
from moderation.policy import Policy, load_policy
from moderation.registry import Registry
from moderation.settings import Settings, settings_from, shipped_models
from moderation.store import Store
from moderation.tiers import Scorer

__all__ = [
    "champion",
    "classifier",
    "has_provider",
    "is_open",
    "language",
    "model",
    "moderator",
    "now",
    "opened",
    "person",
    "policy",
    "prefer",
    "preferences",
    "registry",
    "seat",
    "settings",
    "store",
    "thresholds",
    "told",
]

P = ParamSpec("P")


def now() -> datetime:
    """Return the present moment; the desk is a door, so it may look at the clock."""
    return datetime.now(UTC)


def settings() -> Settings:
    """Return where this installation keeps its things."""
    return settings_from()


def moderator() -> str:
    """Return the name of who is at the keys."""
    return person().name


def preferences() -> dict[str, Any]:
    """Return what the person at the keys prefers."""
    return opened().preferences(moderator())


def prefer(name: str, value: object) -> None:
    """Keep what the person at the keys prefers."""
    store().put_preference(moderator(), name, value, at=now())


def thresholds() -> dict[str, float]:
    """Return the probability from which each label is looked at, by the policy in force."""
    return thresholds_of(policy())


def opened() -> Store:
    """Return the store of this installation, for the desk itself: nobody is asked whether they may."""
    return _store(settings().store_url)


@functools.lru_cache(maxsize=4)
def _store(url: str) -> Store:
    # Not Streamlit's cache: the door asks too, outside of any page.
    return Store.open(url)


def store() -> Seat:
    """Return the store as the person at the keys may use it: every write asks first."""
    return Seat(opened(), person())


seat = store


def has_provider() -> bool:
    """Say whether an identity provider is set up (`[auth]` in Streamlit's secrets)."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:  # no file of secrets at all
        return False


def is_open() -> bool:
    """Say whether the desk asks nobody who they are: there are no accounts, and no identity provider."""
    return not has_provider() and not opened().accounts()


def person() -> Person:
    """Return who is at the keys; on an open desk the one moderator, who may do everything.

    Raises `NotAllowed` where nobody is signed in, or a provider's groups have no role here.
    """
    named = _named(settings().store_url, st.context.cookies.get(cookie.COOKIE) or "", int(time.monotonic()))
    if named is not None:
        return named
    if has_provider() and st.user.get("is_logged_in"):
        return person_from_claims(st.user.to_dict(), settings().roles, claim=settings().claim)
    raise NotAllowed("desk: nobody is signed in; sign in first")


@functools.lru_cache(maxsize=512)
def _named(_url: str, shown: str, _second: int) -> Person | None:
    # Remembered for a second: one turn of a page asks many times, and a role that was taken away may last that long.
    if is_open():
        return Person(settings().moderator, "admin")
    return cookie.person_of({cookie.COOKIE: shown}, opened(), settings().home)


def language() -> str:
    """Return the language that this person set, else the browser's, else English."""
    try:
        asked = preferences().get("language")
    except NotAllowed:
        asked = None
    for name in (asked, (st.context.locale or "").split("-")[0].lower()):
        if name in LANGUAGES:
            return str(name)
    return "en"


def registry() -> Registry:
    """Return the model versions of this installation."""
    return Registry(settings().models, shipped_models())


def champion() -> str:
    """Return the version in force; read anew each time, for another process may promote one."""
    return registry().champion()


def model() -> str:
    """Return the name that scores of the version in force are kept under, in the tier that is set."""
    return registry().model(None, settings().tier)


def classifier(name: str) -> Scorer:
    """Return a version's tier by the name of its scores; versions never change, so they are kept."""
    version, _, tier = name.partition("+")
    # Only a cascade asks where a decision changes: for the others a new policy is no new model.
    limits = tuple(limits_of(policy()).items()) if tier == "cascade" else ()
    return _classifier(version, tier or "fast", str(registry().folder(version)), limits)


@st.cache_resource(show_spinner="Loading the model …", max_entries=3)
def _classifier(
    version: str,
    tier: str,
    folder: str,  # noqa: ARG001 - the folder tells installations apart
    limits: tuple[tuple[str, tuple[float, ...]], ...],
) -> Scorer:
    return registry().load_tier(version, tier, dict(limits))


def policy() -> Policy:
    """Return the policy in force; read again when its file changes."""
    path = settings().policies.file
    return _policy(path, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(show_spinner=False, max_entries=4)
def _policy(path: Path, changed: int) -> Policy:  # noqa: ARG001 - a new time is a new policy
    return load_policy(path)


def told(draw: Callable[P, None]) -> Callable[P, None]:
    """Turn what a page raises for its user (`ModerationError`, one line) into a box on that page."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            draw(*args, **kwargs)
        except ModerationError as error:
            st.html(markup.callout("error", str(error)))

    return drawn
