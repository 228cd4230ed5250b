"""The taxonomy, written once: label names in, their meaning, order and question out."""

from dataclasses import dataclass
from typing import Final

__all__ = ["ABUSE", "FLAGS", "LABELS", "ROLES", "TAXONOMY", "TIERS", "Label"]


@dataclass(frozen=True, slots=True)
class Label:
    """One label: what it is called, what a "yes" means, and what is not meant by it."""

    name: str
    title: str
    yes: str
    no: str
    perspective: str


TAXONOMY: Final[tuple[Label, ...]] = (
    Label(
        "off_topic",
        "Off-topic",
        "addresses neither the article nor the comment it answers",
        "thanks, corrections and questions to the author",
        "OFF_TOPIC",
    ),
    Label(
        "spam",
        "Spam",
        "unsolicited promotion, planted links, scams, link-bait flattery, generated filler, campaign copies",
        "a link that serves the discussion",
        "SPAM",
    ),
    Label(
        "trackback",
        "Trackback",
        "a notice that another page links here: pingback, trackback excerpt, “linked to this post”",
        "a person quoting or recommending another page in their own words",
        "TRACKBACK",
    ),
    Label(
        "incitement",
        "Incitement",
        "calls for, encourages, threatens, justifies or glorifies violence or harm against people, groups or countries",
        "reporting violence, quoting it to condemn it, arguing policy, wishing for lawful punishment",
        "INCITEMENT",
    ),
    Label(
        "toxicity",
        "Toxicity",
        "rude, disrespectful or unreasonable; likely to make people leave the discussion",
        "sharp but civil disagreement",
        "TOXICITY",
    ),
    Label(
        "severe_toxicity",
        "Severe toxicity",
        "very hateful, aggressive or disrespectful; very likely to make people leave",
        "milder rudeness, or swearing without an attack",
        "SEVERE_TOXICITY",
    ),
    Label(
        "threat",
        "Threat",
        "an intention to inflict pain, injury or violence on a person or group",
        "a warning about consequences that the writer does not threaten",
        "THREAT",
    ),
    Label(
        "insult",
        "Insult",
        "insulting, inflammatory or negative towards a person or group",
        "criticism of what somebody said or did",
        "INSULT",
    ),
    Label(
        "identity_attack",
        "Identity attack",
        "negative or hateful towards people because of who they are",
        "naming a nationality, faith or group",
        "IDENTITY_ATTACK",
    ),
    Label(
        "profanity",
        "Profanity",
        "swear words, curse words, obscene language",
        "blunt words that are not obscene",
        "PROFANITY",
    ),
)

LABELS: Final[tuple[str, ...]] = tuple(label.name for label in TAXONOMY)
FLAGS: Final[tuple[str, ...]] = LABELS[:4]
ABUSE: Final[tuple[str, ...]] = LABELS[4:]

ROLES: Final = ("viewer", "moderator", "lead", "admin")  # each may do what the ones before it may
TIERS: Final = ("fast", "accurate", "cascade")
"""The ways to be scored: quickly, well, or well where quickly is not sure."""
