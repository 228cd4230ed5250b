"""Whoever looks in, what they may do out; what is done below the pages checks the same again."""

from moderation.desk import installation

__all__ = ["may", "name", "need", "words"]


def name() -> str:
    """Return the name of whoever looks."""
    return installation.settings().moderator


def may(role: str) -> bool:
    return True


def need(role: str) -> None:
    return


def words(role: str) -> str:
    return role
