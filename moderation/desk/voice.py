"""A section of the words in, a function that says them in the language of whoever looks out."""

from collections.abc import Callable

from moderation.desk import installation, words

__all__ = ["speaker"]


def speaker(section: str) -> Callable[..., str]:
    """Return `say(key, **values)` for one section of the table of words."""

    def say(key: str, **values: object) -> str:
        return words.say(f"{section}.{key}", installation.language(), **values)

    return say
