"""Policies as people saved them in; the one in force, every one that ever was, and one that runs in the shadow, out.

A version is a file named by the digest of what it says (`<folder>/<id>.toml`, and beside it the list files it read),
written once. Who put which in force, when and why is a line of `history.jsonl`, and lines are only added. The policy in
force is a plain file of its own: it may be edited by hand as before, and what stood there is then kept as a version of
nobody's when the next one is saved.

A policy in the shadow decides beside the one in force; what it would have done is written down, and nobody acts on it.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from moderation.errors import PolicyError
from moderation.locking import locked, sync, written_whole
from moderation.policy.editing import listed, with_lists
from moderation.policy.format import load_policy, parse_policy, shipped_policy
from moderation.policy.rules import Policy

__all__ = ["Differing", "Policies", "Shadow", "Version", "compared"]

HISTORY: Final = "history.jsonl"
SHADOW: Final = "shadow.json"
LISTS: Final = ".lists.json"
LONGEST: Final = 1_000_000  # characters of one policy
KEPT_DIFFERENCES: Final = 2000  # of the newest that a page may look through

Kind = Literal["save", "restore", "found", "shadow", "shadow-end"]
KINDS: Final[tuple[Kind, ...]] = ("save", "restore", "found", "shadow", "shadow-end")


@dataclass(frozen=True, slots=True)
class Version:
    """One line of the history: which version was put in force (or in the shadow), by whom, when and why.

    `kind` "found": it stood in the file without having been saved here. `digest` is what decisions carry.
    """

    id: str
    digest: str
    kind: Kind
    by: str
    at: datetime
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return {
            "id": self.id,
            "digest": self.digest,
            "kind": self.kind,
            "by": self.by,
            "at": self.at.isoformat(),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Shadow:
    """The policy that runs in the shadow, since when and by whose word."""

    id: str
    policy: Policy
    by: str
    since: datetime
    folder: Path

    def report(self, first: str, counts: Mapping[str, int], differing: Iterable[Mapping[str, str]]) -> None:
        """Write down what it would have decided about one chunk of comments, named by the first of them.

        `counts`: "in force/in the shadow" -> comments. The same chunk reported again replaces what was said of it.
        """
        line = {"first": first, "counts": dict(counts), "differing": list(differing)}
        path = self._path
        try:
            with path.open("ab") as file:
                file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        except OSError as error:
            raise _unwritable(path, error) from error

    def found(self) -> "Differing":
        """Return what was written down since it was started."""
        counts: dict[str, dict[str, int]] = {}
        differing: dict[str, dict[str, str]] = {}
        with suppress(FileNotFoundError):
            for line in _lines(self._path):
                counts[line["first"]] = line["counts"]
                for each in line["differing"]:
                    differing.pop(each["id"], None)  # the newest word stands last
                    differing[each["id"]] = each
                while len(differing) > KEPT_DIFFERENCES:
                    del differing[next(iter(differing))]
        total: dict[str, int] = {}
        for chunk in counts.values():
            for name, number in chunk.items():
                total[name] = total.get(name, 0) + number
        return Differing(total, list(differing.values()))

    @property
    def _path(self) -> Path:
        return self.folder / f"shadow-{self.id}-{self.since:%Y%m%dT%H%M%S}.jsonl"


@dataclass(frozen=True, slots=True)
class Differing:
    """How often two policies decided how ("allow/review" -> comments), and the newest of those where they differ."""

    counts: dict[str, int]
    newest: list[dict[str, str]]

    @property
    def comments(self) -> int:
        """How many comments both have decided."""
        return sum(self.counts.values())

    def of(self, was: Iterable[str], becomes: Iterable[str]) -> int:
        """Count comments for which the one in force said one of `was`, and the other one of `becomes`."""
        return sum(self.counts.get(f"{one}/{other}", 0) for one in was for other in becomes)


class Policies:
    """The policies of one installation: `current` is the file in force, `folder` holds every version.

    Where there is no such file, the policy that came with the package is in force, unless the file was `named`: then it
    has to be there.
    """

    def __init__(self, folder: Path, current: Path, *, named: bool = False) -> None:
        self.folder = Path(folder)
        self.current = Path(current)
        self.named = named

    @property
    def file(self) -> Path:
        """The file that is in force."""
        return self.current if self.named or self.current.is_file() else shipped_policy()

    def text(self) -> str:
        """Return the policy in force as it is written; the one that came with the package where none was saved."""
        path = self.file
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"{path}: the policy cannot be read; check the file and its permissions") from error

    def policy(self) -> Policy:
        """Return the policy in force."""
        return load_policy(self.file)

    def standing(self) -> str:
        """Return the id of what stands in force: what an edit must name, so that nobody's is overwritten unseen."""
        return _identity(self.text(), self._lists(self.text()))

    def parse(self, text: str) -> Policy:
        """Return what a text means as this installation's policy; its list files stand beside the file in force."""
        if len(text) > LONGEST:
            raise PolicyError(f"policy: has {len(text)} characters; {LONGEST} is the most")
        return parse_policy(text, folder=self.current.parent)

    def history(self) -> list[Version]:
        """Return every line of the history, oldest first."""
        with suppress(FileNotFoundError):
            return [_version(line, self.folder / HISTORY) for line in _lines(self.folder / HISTORY)]
        return []

    def kept(self, version: str) -> str:
        """Return the text of a version, the entries of its list files written out where those have changed since."""
        if not version.isalnum():
            raise PolicyError(f"policy: no version {version!r}; see the history")
        try:
            text = (self.folder / f"{version}.toml").read_text(encoding="utf-8")
        except OSError as error:
            raise PolicyError(f"policy: no version {version!r}; see the history") from error
        lists: dict[str, str] = {}
        with suppress(FileNotFoundError):
            lists = json.loads((self.folder / f"{version}{LISTS}").read_bytes())
        now = self._lists(text)
        return with_lists(text, {name: content for name, content in lists.items() if now.get(name) != content})

    def save(
        self, text: str, *, by: str, at: datetime, note: str = "", seen: str, kind: Literal["save", "restore"] = "save"
    ) -> Version:
        """Put a text in force and return its line of the history; what stood there before is kept.

        Raises `PolicyError` where it is no policy, and where `seen` (`standing` when the edit began) is not what
        stands there any more.
        """
        policy = self.parse(text)
        with _changing(self.folder), locked(self.folder):
            standing = self.standing()
            if standing != seen:
                raise PolicyError("policy: somebody has saved another one meanwhile; look at it, and change it again")
            history = self.history()
            if standing not in {line.id for line in history}:
                was = self.text()
                self._keep(standing, was)
                self._add(Version(standing, self.parse(was).digest, "found", "", at, ""))
            version = Version(_identity(text, self._lists(text)), policy.digest, kind, by, at, note.strip())
            self._keep(version.id, text)
            self.current.parent.mkdir(parents=True, exist_ok=True)
            written_whole(self.current, text.encode())
            self._add(version)
        return version

    def restore(self, version: str, *, by: str, at: datetime, note: str = "", seen: str) -> Version:
        """Put a version in force again."""
        return self.save(self.kept(version), by=by, at=at, note=note, seen=seen, kind="restore")

    # --- In the shadow

    def shadow(self) -> Shadow | None:
        """Return the policy that runs in the shadow, if there is one."""
        try:
            told = json.loads((self.folder / SHADOW).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise PolicyError(f"{self.folder / SHADOW}: cannot be read; delete it and start again") from error
        policy = self.parse(self.kept(told["id"]))
        return Shadow(told["id"], policy, told["by"], datetime.fromisoformat(told["since"]), self.folder)

    def start_shadow(self, text: str, *, by: str, at: datetime, note: str = "") -> Shadow:
        """Let a policy decide beside the one in force from now on, in place of one that did so far."""
        policy = self.parse(text)
        with _changing(self.folder), locked(self.folder):
            version = Version(_identity(text, self._lists(text)), policy.digest, "shadow", by, at, note.strip())
            self._keep(version.id, text)
            told = {"id": version.id, "by": by, "since": at.isoformat()}
            written_whole(self.folder / SHADOW, json.dumps(told).encode())
            self._add(version)
        return Shadow(version.id, policy, by, at, self.folder)

    def end_shadow(self, *, by: str, at: datetime) -> None:
        """Let no policy decide in the shadow any more; what was written down stays."""
        shadow = self.shadow()
        if shadow is None:
            return
        with _changing(self.folder), locked(self.folder):
            (self.folder / SHADOW).unlink(missing_ok=True)
            self._add(Version(shadow.id, shadow.policy.digest, "shadow-end", by, at, ""))

    # --- Files

    def _lists(self, text: str) -> dict[str, str]:
        found = {}
        for name in listed(text):
            with suppress(OSError, ValueError):  # what is missing is said where the policy is read
                found[name] = (self.current.parent / name).read_text(encoding="utf-8-sig")
        return found

    def _keep(self, version: str, text: str) -> None:
        path = self.folder / f"{version}.toml"
        if path.exists():
            return
        lists = self._lists(text)
        if lists:
            written_whole(self.folder / f"{version}{LISTS}", json.dumps(lists).encode())
        written_whole(path, text.encode())

    def _add(self, version: Version) -> None:
        path = self.folder / HISTORY
        with path.open("ab") as file:
            # What a killed run began is no line: nobody has read it as one.
            file.truncate(path.read_bytes().rfind(b"\n") + 1)
            file.write(json.dumps(version.to_dict(), allow_nan=False).encode() + b"\n")
            file.flush()
        sync(path)


def compared(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of two texts side by side as (sign, line): " " in both, "-" only before, "+" only after.

    Long stretches without a change are left out: one line with the sign "@" stands for each.
    """
    lines = list(difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=3))[2:]
    return [("@", "") if line.startswith("@@") else (line[0], line[1:]) for line in lines]


def _identity(text: str, lists: Mapping[str, str]) -> str:
    content = text if not lists else json.dumps([text, sorted(lists.items())])
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); give read access") from error
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            found.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise PolicyError(f"{path} line {number}: is not a line of this file; restore it from a backup") from error
    return found


def _version(line: Mapping[str, Any], path: Path) -> Version:
    try:
        at, kind = datetime.fromisoformat(line["at"]), KINDS[KINDS.index(line["kind"])]
        return Version(str(line["id"]), str(line["digest"]), kind, str(line["by"]), at, str(line["note"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{path}: holds a line that is none of this file's; restore it from a backup") from error


class _changing:  # noqa: N801 - reads as a word in a with statement
    """Turns what the disk refuses into one line with a cure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _unwritable(self.folder, error) from error


def _unwritable(place: Path, error: OSError) -> PolicyError:
    return PolicyError(f"{place}: cannot be written ({error.strerror or error}); free space or give write access")
