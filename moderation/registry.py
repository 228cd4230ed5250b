"""Candidates in, versions on disk and one champion out; promotion and rollback are lines added to a file.

A version is a folder `<version>/` with the classifier's files and `card.json`, written once and never edited. The
champion is what `promotions.jsonl` says: its lines are only added, so "who was champion when, and by whose word" is
a reading of the file. Versions that came with the package stand in a second, read-only folder.

Killed at any moment, a folder is either wholly there or not at all (written aside, synced, renamed), and a line that
did not reach its end is not a line.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from moderation.classifier import Classifier
from moderation.encoder import Encoder
from moderation.errors import ModelError, PromotionRefused
from moderation.learning import Candidate
from moderation.locking import locked, sync
from moderation.tiers import CHANGE_FILE, HEADS_FILE, Accurate, Cascade, Heads, tiered

__all__ = ["Promotion", "Registry"]

CARD: Final = "card.json"
PROMOTIONS: Final = "promotions.jsonl"
# One path segment that cannot leave its folder, and cannot be a temporary one (those begin with a dot).
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SITE: Final = re.compile(r"site-(\d{4,})-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line of `promotions.jsonl`: who made which version champion, when, and why."""

    at: datetime
    by: str
    version: str
    previous: str
    reason: str | None
    action: str

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return {
            "at": self.at.isoformat(),
            "by": self.by,
            "version": self.version,
            "previous": self.previous,
            "reason": self.reason,
            "action": self.action,
        }

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> "Promotion":
        """Read a line back; raises KeyError, TypeError or ValueError where it is not one."""
        if line["action"] not in ("promote", "rollback"):
            raise ValueError("action is neither promote nor rollback")
        return cls(
            at=datetime.fromisoformat(line["at"]),
            by=str(line["by"]),
            version=str(line["version"]),
            previous=str(line["previous"]),
            reason=line["reason"],
            action=line["action"],
        )


class Registry:
    """The versions of one site (`home`) on top of those that came with the package (`shipped`)."""

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        self.home = Path(home)
        self.shipped = None if shipped is None else Path(shipped)

    def versions(self) -> list[str]:
        """Return every version's name: shipped ones first, then the site's in the order they were made."""
        return [*_names(self.shipped), *(name for name in _names(self.home) if name not in _names(self.shipped))]

    def default(self) -> str:
        """Return the version that is champion where nobody promoted anything."""
        if self.shipped is not None:
            lines = _read_promotions(self.shipped / PROMOTIONS)
            if lines:
                return lines[-1].version
            names = _names(self.shipped)
            if len(names) == 1:
                return names[0]
        raise ModelError(f"{self.shipped}: no shipped model is named as the default; reinstall the package")

    def champion(self) -> str:
        """Return the version in force."""
        return self._standing()[-1]

    def history(self) -> list[Promotion]:
        """Return this site's promotions and rollbacks, oldest first."""
        return _read_promotions(self.home / PROMOTIONS)

    def folder(self, version: str) -> Path:
        """Return the folder of `version`; raises `ModelError` where there is none."""
        if NAME.fullmatch(version):
            for root in (self.home, self.shipped):
                if root is not None and (root / version / CARD).is_file():
                    return root / version
        known = ", ".join(self.versions()) or "none"
        raise ModelError(f"unknown model version {version!r}; known: {known}")

    def load(self, version: str | None = None) -> Classifier:
        """Return the classifier of `version`, or of the champion: the fast tier."""
        name = self.champion() if version is None else version
        return Classifier.load(self.folder(name))

    def load_tier(
        self, version: str | None, tier: str, limits: Mapping[str, Sequence[float]] | None = None
    ) -> Classifier | Accurate | Cascade:
        """Return a tier of `version`, or of the champion; `limits` say where the cascade has to be sure.

        Raises `ModelError` for an unknown tier, and where the version has no encoder.
        """
        name = self.champion() if version is None else version
        if tiered(name, tier) == name:
            return self.load(name)
        folder, card = self.folder(name), self.card(name)
        shipped = str(card.get("base", name))
        home, of_base = self.folder(shipped), self.card(shipped)
        told = of_base.get("encoder")
        if not isinstance(told, dict):
            raise ModelError(f"{shipped}: has no encoder; use --tier fast")
        fast = self.load(name)
        base = fast if shipped == name else self.load(shipped)
        change = base
        if "change_sha256" in card:
            change = Classifier.load(folder, CHANGE_FILE, "change_sha256")
        elif shipped != name:
            change = fast  # made before there was an accurate tier, or without it
        encoder = Encoder.load(home, told.get("files", {}))
        heads = Heads.read(home / HEADS_FILE, told.get("heads_sha256", ""))
        accurate = Accurate(base, fast, change, encoder, heads, name, card)
        return accurate if tier == "accurate" else Cascade(fast, accurate, limits or {})

    def tier_of(self, version: str, wanted: str) -> str:
        """Return the tier that a version can be asked for: the one wanted, or "fast" where it has no encoder."""
        base = str(self.card(version).get("base", version))
        return wanted if isinstance(self.card(base).get("encoder"), dict) else "fast"

    def model(self, version: str | None, wanted: str) -> str:
        """Return the name that a version's (the champion's) scores are kept under where this tier is wanted."""
        name = self.champion() if version is None else version
        return tiered(name, self.tier_of(name, wanted))

    def card(self, version: str) -> dict[str, Any]:
        """Return what is known about `version`: where it comes from and how it measured."""
        path = self.folder(version) / CARD
        try:
            there = path.stat()
            card = _card(path, there.st_mtime_ns, there.st_size)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read as a card; retrain, or reinstall the package") from error
        if not isinstance(card, dict):
            raise ModelError(f"{path}: is not a card; retrain, or reinstall the package")
        return dict(card)

    def save(self, candidate: Candidate) -> str:
        """Keep `candidate` as a version of this site and return its name.

        The name follows from the weights: the same candidate saved twice is one version.
        """
        identity = candidate.classifier.identity()
        digest = str(identity["weights_sha256"])
        with self._locked():
            for left_over in self.home.glob(".*.new"):  # of a run that was killed; nobody else holds the lock
                shutil.rmtree(left_over, ignore_errors=True)
            same = ("weights_sha256", "change_sha256")
            known = next(
                (
                    name
                    for name in _names(self.home)
                    if all(self.card(name).get(key) == identity.get(key) for key in same)
                ),
                None,
            )
            if known is not None:
                return known
            version = f"site-{self._next_number():04d}-{digest[:8]}"
            aside = self.home / f".{version}.new"
            try:
                candidate.classifier.save(aside, {**candidate.card, "version": version})
                _sync_tree(aside)
                aside.rename(self.home / version)
                sync(self.home)
            except OSError as error:
                raise _unwritable(self.home, error) from error
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return version

    def promote(self, version: str, *, by: str, reason: str | None = None, at: datetime) -> Promotion:
        """Make `version` the champion.

        Refused (`PromotionRefused`) without a written reason where its card says it is worse than the champion, or
        where it was measured against another version than the present champion, or not at all. Promoting the champion
        again adds nothing.
        """
        why = (reason or "").strip() or None
        with self._locked():
            previous = self.champion()
            self.folder(version)
            if version == previous:
                return next(
                    (line for line in reversed(self.history()) if line.version == version),
                    Promotion(at, by, version, previous, why, "promote"),
                )
            if why is None:
                self._refuse_if_worse(version, previous)
            self.load(version)  # a damaged model never becomes champion
            return self._append(Promotion(at, by, version, previous, why, "promote"))

    def rollback(self, *, by: str, at: datetime, reason: str | None = None) -> Promotion:
        """Make the version before the present one champion again; repeated calls walk further back."""
        with self._locked():
            standing = self._standing()
            if len(standing) < 2:
                raise ModelError(f"{standing[-1]} is the first champion; there is nothing to roll back to")
            self.load(standing[-2])
            why = (reason or "").strip() or None
            return self._append(Promotion(at, by, standing[-2], standing[-1], why, "rollback"))

    def _standing(self) -> list[str]:
        # A promotion puts a version on top, a rollback takes the top off: so a second rollback walks further back
        # instead of returning to what was rolled back. The default lies at the bottom.
        standing: list[str] = []
        for line in self.history():
            if line.action == "promote":
                standing.append(line.version)
            elif standing:
                standing.pop()
        return [self.default(), *standing]

    def _refuse_if_worse(self, version: str, champion: str) -> None:
        card = self.card(version)
        against = card.get("champion")
        if against is None:
            raise PromotionRefused(f"{version} was never measured against {champion}; give a reason to promote it")
        if against != champion:
            raise PromotionRefused(
                f"{version} was measured against {against}, not against the champion {champion}; "
                "retrain, or give a reason to promote it"
            )
        worse = card.get("worse")
        if worse:
            raise PromotionRefused(
                f"{version} is worse than {champion} on {', '.join(map(str, worse))}; give a reason to promote it"
            )

    def _next_number(self) -> int:
        matches = (SITE.fullmatch(name) for name in _names(self.home))
        return 1 + max((int(match[1]) for match in matches if match), default=0)

    def _append(self, promotion: Promotion) -> Promotion:
        path = self.home / PROMOTIONS
        line = json.dumps(promotion.to_dict(), allow_nan=False).encode() + b"\n"
        try:
            with path.open("ab") as file:
                whole = _whole_length(path)
                file.truncate(whole)  # what a killed run began; nobody has read it as a line
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(whole)
                    raise
            sync(self.home)
        except OSError as error:
            raise _unwritable(self.home, error) from error
        return promotion

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.home))
            except OSError as error:
                raise _unwritable(self.home, error) from error
            yield


def _unwritable(home: Path, error: OSError) -> ModelError:
    return ModelError(f"{home}: cannot write models ({error.strerror or error}); free space or set another folder")


def _names(root: Path | None) -> list[str]:
    if root is None or not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if NAME.fullmatch(path.name) and (path / CARD).is_file())


def _read_promotions(path: Path) -> list[Promotion]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); give read access") from error
    lines = data.split(b"\n")[:-1]  # what follows the last line end was never finished
    promotions = []
    for number, line in enumerate(lines, start=1):
        try:
            promotions.append(Promotion.from_dict(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: line {number} is not a promotion; restore the file from a backup") from error
    return promotions


def _whole_length(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1


def _sync_tree(folder: Path) -> None:
    for path in folder.iterdir():
        sync(path)
    sync(folder)


@lru_cache(16)
def _card(path: Path, changed_ns: int, size: int) -> object:  # noqa: ARG001 - they tell two states of a file apart
    # A card holds every figure of its model, and the desk asks for it with each key: reading it takes milliseconds.
    return json.loads(path.read_bytes())
