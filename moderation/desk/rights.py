"""Whoever looks in, what they may do out; what is done is checked once more where it is done."""

from moderation.access import Person, Seat
from moderation.desk import installation
from moderation.desk.voice import speaker

__all__ = ["may", "name", "need", "seat", "words"]

say = speaker("rights")


def _person() -> Person:
    return installation.person()


def seat() -> Seat:
    """Return the store as whoever looks may use it."""
    return installation.seat()


def name() -> str:
    """Return the name of whoever looks."""
    return _person().name


def may(role: str) -> bool:
    """Say whether whoever looks may do what `role` may."""
    return _person().may(role)


def need(role: str) -> None:
    """Raise `NotAllowed` where whoever looks may not do what `role` may: for what is no write of the store."""
    seat().require(role, "desk")


def words(role: str) -> str:
    """Return one sentence saying who may do this."""
    return say(role)
