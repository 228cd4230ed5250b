"""Environment variables in, the places where this installation keeps its things out.

Only the doors (command line, desk, server) read this: everything below them takes paths as arguments.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_data_path

from moderation.errors import InputError
from moderation.labels import ROLES, TIERS

if TYPE_CHECKING:
    from moderation.policy import Policies

__all__ = ["Settings", "check_files", "seed_page", "seeds_folder", "settings_from", "shipped_models"]

PACKAGE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the store, the models and the policy are, who is at the keys, and which tier scores the store.

    `policy_path` is the file that was named for it; `files` is the folder whose exports the desk may read.

    `roles` says which role each group of an identity provider has on the desk, and `claim` where it tells the groups.
    """

    home: Path
    store_url: str
    policy_path: Path | None
    moderator: str
    tier: str
    roles: Mapping[str, str] = field(default_factory=dict)
    claim: str = "groups"
    files: Path | None = None

    @property
    def policies(self) -> "Policies":
        """Return the policies of this site: the file that was named, or else the one that the desk saves."""
        from moderation.policy import Policies  # noqa: PLC0415 - settings are read before anything heavy is

        return Policies(
            self.home / "policies", self.policy_path or self.home / "policy.toml", named=bool(self.policy_path)
        )

    @property
    def models(self) -> Path:
        """Return the folder for this site's own models."""
        return self.home / "models"


def settings_from(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings named by MODERATION_HOME, _STORE, _POLICY, _MODERATOR, _TIER, _FILES, _ROLES, _ROLES_CLAIM.

    An empty or missing variable means its default: the user's data folder, `store.db` in it, `policy.toml` in it or
    the shipped policy, the login name, the accurate tier for what is in the store, and no folder of files. Roles are
    written "group=role, group=role". Raises `InputError` for an unknown tier and for roles that cannot be read.
    """
    found = os.environ if environment is None else environment
    home = Path(found.get("MODERATION_HOME") or user_data_path("moderation")).expanduser().absolute()
    policy = found.get("MODERATION_POLICY")
    moderator = found.get("MODERATION_MODERATOR") or found.get("USER") or found.get("USERNAME") or "moderator"
    tier = found.get("MODERATION_TIER") or "accurate"
    if tier not in TIERS:
        raise InputError(f"MODERATION_TIER: unknown tier {tier!r}; known: {', '.join(TIERS)}")
    return Settings(
        tier=tier,
        home=home,
        store_url=found.get("MODERATION_STORE") or str(home / "store.db"),
        policy_path=Path(policy).expanduser() if policy else None,
        moderator=moderator,
        files=Path(found["MODERATION_FILES"]).expanduser().absolute() if found.get("MODERATION_FILES") else None,
        roles=_roles(found.get("MODERATION_ROLES") or ""),
        claim=found.get("MODERATION_ROLES_CLAIM") or "groups",
    )


def _roles(told: str) -> dict[str, str]:
    roles: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in told.split(","))):
        group, equals, role = (part.strip() for part in pair.rpartition("="))
        if not (group and equals and role in ROLES):
            raise InputError(f"MODERATION_ROLES: {pair!r} is not GROUP=ROLE; the roles are {', '.join(ROLES)}")
        roles[group] = role
    return roles


def _shipped(name: str) -> Path:
    # In a wheel the folder lies inside the package; in a clone it stands beside it.
    for place in (PACKAGE / "_shipped" / name, PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise InputError(f"{PACKAGE}: the shipped folder {name!r} is missing; reinstall the package")


def shipped_models() -> Path:
    """Return the folder of models that came with the package."""
    return _shipped("models")


def seeds_folder() -> Path:
    """Return the folder of the seed page, the default policy and the functional checks."""
    return _shipped("seeds")


def check_files() -> list[Path]:
    """Return the files of sentences with known truth that a candidate is measured on."""
    names = (
        "attacks.jsonl",
        "checks.jsonl",
        "contrast.jsonl",
        "insults.jsonl",
        "menaces.jsonl",
        "neutral.jsonl",
        "notices.jsonl",
        "promotion.jsonl",
        "veiled.jsonl",
    )
    return [seeds_folder() / name for name in names]


def seed_page() -> Path:
    """Return the page the project began from."""
    return seeds_folder() / "long-war-journal-2007-11-25.txt"
