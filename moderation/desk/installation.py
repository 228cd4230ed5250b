"""Settings in; the store, the models and the policy of this installation out, each opened once per process."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec

import streamlit as st

from moderation.access import Person, Seat
from moderation.desk import markup
from moderation.errors import ModerationError
from moderation.jobs import thresholds_of
from moderation.policy import Policy, load_policy
from moderation.registry import Registry
from moderation.settings import Settings, settings_from, shipped_models
from moderation.store import Store
from moderation.tiers import Scorer

__all__ = [
    "champion",
    "classifier",
    "language",
    "model",
    "now",
    "person",
    "policy",
    "registry",
    "seat",
    "settings",
    "store",
    "told",
]

P = ParamSpec("P")


def now() -> datetime:
    """Return the present moment; the desk is a door, so it may look at the clock."""
    return datetime.now(UTC)


def person() -> Person:
    """Return who is at the keys."""
    return Person(settings().moderator, "admin")


def seat() -> Seat:
    """Return the store as the person at the keys may use it."""
    return Seat(store(), person())


def language() -> str:
    """Return the language of whoever looks."""
    return "en"


def settings() -> Settings:
    """Return where this installation keeps its things."""
    return settings_from()


def store() -> Store:
    """Return the store of this installation; its engine keeps connections for every thread."""
    return _store(settings().store_url)


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(url: str) -> Store:
    return Store.open(url)


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
    return _classifier(version, tier or "fast", str(registry().folder(version)))


@st.cache_resource(show_spinner="Loading the model …", max_entries=3)
def _classifier(version: str, tier: str, folder: str) -> Scorer:  # noqa: ARG001 - the folder tells installations apart
    return registry().load_tier(version, tier, thresholds_of(policy()))


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
