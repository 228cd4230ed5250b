"""Comments in, cases out: near-copies, and bursts that share a host or an author within days, each to be judged once.

A case holds comments that nobody has answered. Every comment is in one case at the most:

* *copies*: texts that are nearly the same, whenever they came;
* *host*: texts that link to the same place within a week, joined with the copies among them; a host that approved
  comments link to as well, or that the site's own articles stand on, joins nothing;
* *author*: many texts under one name within a day, of what is left.

Comments are added chunk by chunk, and of each no more is kept than its sketch, its hosts' and its author's numbers and
its time: about 200 bytes. `cases` then does the grouping.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd

from moderation.features.sketch import alike, sketches
from moderation.policy.lists import author_text, host_name, hosts_in
from moderation.tables import Batch

__all__ = ["KINDS", "Gathered", "cases_in"]

KINDS: Final = ("copies", "host", "author")
COPIES: Final = 3  # from how many on near-copies are a case
BURST: Final = 5
AUTHOR_BURST: Final = 8
ALIKE: Final = 0.6
HOST_WINDOW_S: Final = 7 * 86_400
AUTHOR_WINDOW_S: Final = 86_400
GOOD: Final = 2  # approved comments that link to a host, from which on it is nobody's campaign
HOSTS: Final = 8  # of one comment; a list of a hundred links is known by its first ones
SHOWN: Final = 5  # authors, hosts and samples told of a case
LISTED: Final = ("case", "kind", "size", "first", "last", "likeness", "authors", "hosts", "named", "linked", "samples")


@dataclass(slots=True)
class Gathered:
    """What is known of the comments so far: fill it by `add`, chunk by chunk, and then ask for `cases`."""

    _ids: list[npt.NDArray[np.object_]] = field(default_factory=list)
    _sketches: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    _runs: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _times: list[npt.NDArray[np.float64]] = field(default_factory=list)
    _authors: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _links: list[npt.NDArray[np.int64]] = field(default_factory=list)  # rows of (comment, host)
    _names: dict[str, int] = field(default_factory=dict)
    _hosts: dict[str, int] = field(default_factory=dict)
    _own: set[int] = field(default_factory=set)
    _good: Counter[int] = field(default_factory=Counter)
    _shown: dict[int, str] = field(default_factory=dict)  # an author's number -> the name as it was first written
    _rows: int = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, batch: Batch, answered: Iterable[bool] | None = None) -> None:
        """Take in a chunk; of comments that somebody has answered, only which hosts approved ones link to."""
        comments = batch.comments
        for url in batch.articles["url"].dropna():
            self._own.add(self._host(_host_of(str(url))))
        approved = (comments["status"] == "approved").to_numpy(dtype=bool)
        open_ = np.ones(len(comments), bool) if answered is None else ~np.asarray(list(answered), bool)
        links: list[tuple[int, int]] = []
        at = self._rows
        texts, urls = (comments[name].to_numpy(dtype=object) for name in ("text", "author_url"))
        for row in range(len(comments)):
            hosts = [self._host(name) for name in _hosts_of(texts[row], urls[row])]
            if approved[row]:
                self._good.update(hosts)
            if open_[row]:
                links += [(at, host) for host in hosts]
                at += 1
        rows = comments[open_]
        found, runs = sketches(rows["text"])
        times = rows["posted_at"].astype("datetime64[us, UTC]")
        self._ids.append(rows["id"].to_numpy(dtype=object))
        self._sketches.append(found)
        self._runs.append(runs)
        micros = times.astype("int64").to_numpy(np.float64)
        self._times.append(np.where(times.isna(), np.nan, micros / 1e6))
        self._authors.append(np.array([self._author(name) for name in rows["author"]], np.int64))
        self._links.append(np.array(links, np.int64).reshape(-1, 2))
        self._rows = at

    def cases(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the cases, the largest first, and their members (case, id): see `LISTED` for what is told of each.

        `first` and `last` are seconds since 1970, `likeness` the mean share of common runs with the case's first text;
        `named` and `linked` hold the commonest authors and hosts, `samples` comments from its beginning to its end.
        """
        if not self._rows:
            return cases_in([], [])
        found, runs, times = np.concatenate(self._sketches), np.concatenate(self._runs), np.concatenate(self._times)
        authors, links = np.concatenate(self._authors), np.concatenate(self._links)
        near = alike(found, runs, least=ALIKE)
        group, kinds = self._grouped(near, times, authors, links)
        order = np.argsort(group, kind="stable")
        bounds = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0, True])
        ids = np.concatenate(self._ids)
        begins = np.searchsorted(links[:, 0], np.arange(self._rows + 1))  # links come in the order of their comments
        named = list(self._hosts)
        rows: list[dict[str, Any]] = []
        members: list[npt.NDArray[np.int64]] = []
        for begin, end in pairwise(bounds.tolist()):
            own = order[begin:end]
            kind = kinds[group[own[0]]]
            if kind < 0:
                continue
            in_time = own[np.argsort(np.where(np.isnan(times[own]), np.inf, times[own]), kind="stable")]
            linked = (links[begins[row] : begins[row + 1], 1].tolist() for row in own)
            hosts = Counter(host for each in linked for host in each if host not in self._own)
            names = Counter(int(name) for name in authors[own] if name >= 0)
            stamps = times[own][~np.isnan(times[own])]
            rows.append(
                {
                    "kind": KINDS[kind],
                    "size": len(own),
                    "first": float(stamps.min()) if len(stamps) else np.nan,
                    "last": float(stamps.max()) if len(stamps) else np.nan,
                    "likeness": float((found[own] == found[own.min()]).mean()),
                    "authors": len(names),
                    "hosts": len(hosts),
                    "named": [self._shown[name] for name, _ in names.most_common(SHOWN)],
                    "linked": [named[host] for host, _ in hosts.most_common(SHOWN)],
                    "samples": [str(ids[row]) for row in _spread_over(in_time)],
                }
            )
            members.append(in_time)
        return cases_in(rows, [[str(ids[row]) for row in own] for own in members])

    def _grouped(
        self,
        near: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64],
        authors: npt.NDArray[np.int64],
        links: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return each comment's group (a row of it), and per row the kind of the group that it stands for; -1: none."""
        group = near.copy()
        kinds = np.full(self._rows, -1, np.int64)
        sizes = np.bincount(group, minlength=self._rows)
        kinds[sizes >= COPIES] = 0
        good = self._own | {host for host, count in self._good.items() if count >= GOOD}
        shared = links[~np.isin(links[:, 1], np.fromiter(good, np.int64, len(good)))]
        for rows in _bursts(shared[:, 0], shared[:, 1], times, HOST_WINDOW_S, BURST):
            _unite(group, kinds, rows, 1)
        group = _settled(group)
        alone = kinds[group] < 0
        left = np.flatnonzero(alone & (authors >= 0) & ~np.isnan(times))  # what has no time was not written in a day
        for rows in _bursts(left, authors[left], times, AUTHOR_WINDOW_S, AUTHOR_BURST):
            _unite(group, kinds, rows, 2)
        group = _settled(group)
        return group, kinds

    def _host(self, name: str) -> int:
        return self._hosts.setdefault(name, len(self._hosts))

    def _author(self, name: object) -> int:
        if not isinstance(name, str) or not (folded := author_text(name)).strip():
            return -1
        number = self._names.setdefault(folded, len(self._names))
        self._shown.setdefault(number, name)
        return number


def cases_in(rows: Sequence[dict[str, Any]], members: Sequence[Sequence[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return cases and their members as tables, the largest first, numbered in that order."""
    order = sorted(range(len(rows)), key=lambda row: (-rows[row]["size"], rows[row]["samples"]))
    cases = pd.DataFrame([rows[row] for row in order], columns=list(LISTED[1:]))
    cases.insert(0, "case", np.arange(len(order), dtype=np.int64))
    listed = pd.DataFrame(
        {
            "case": np.repeat(np.arange(len(order), dtype=np.int64), [len(members[row]) for row in order]),
            "id": pd.array([name for row in order for name in members[row]], dtype="string[pyarrow]"),
        }
    )
    return cases, listed


def _hosts_of(text: object, url: object) -> list[str]:
    found = []
    if isinstance(text, str) and "." in text:
        found = [host.name for host in hosts_in(text[:20_000]) if host.linked]
    if isinstance(url, str) and (name := _host_of(url)):
        found.append(name)
    return list(dict.fromkeys(map(_without_www, found)))[:HOSTS]


def _host_of(url: str) -> str:
    try:
        return _without_www(host_name(urlsplit(url if "//" in url else f"//{url}").hostname or ""))
    except ValueError:
        return ""


def _without_www(name: str) -> str:
    return name.removeprefix("www.")


def _bursts(
    rows: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    times: npt.NDArray[np.float64],
    window_s: float,
    least: int,
) -> Iterable[npt.NDArray[np.int64]]:
    """Yield the rows that share a key and came within the window of the first of them, `least` or more.

    What has no time counts as having come at once.
    """
    if not len(rows):
        return
    when = np.where(np.isnan(times[rows]), -np.inf, times[rows])
    order = np.lexsort((when, keys))
    rows, keys, when = rows[order], keys[order], when[order]
    bounds = np.flatnonzero(np.r_[True, np.diff(keys) != 0, True])
    for begin, end in pairwise(bounds.tolist()):
        at = begin
        while end - at >= least:
            limit = at + int(np.searchsorted(when[at:end], when[at] + window_s, side="right"))
            if limit - at >= least:
                yield rows[at:limit]
            at = limit


def _unite(group: npt.NDArray[np.int64], kinds: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], kind: int) -> None:
    roots = {_root(group, int(row)) for row in rows}
    first = min(roots)
    for root in roots:
        group[root] = first
        kinds[root] = -1
    kinds[first] = kind


def _root(group: npt.NDArray[np.int64], row: int) -> int:
    while group[row] != row:
        group[row] = group[group[row]]
        row = int(group[row])
    return row


def _settled(group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    while not np.array_equal(group, group[group]):
        group = group[group]
    return group


def _spread_over(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return rows[np.unique(np.linspace(0, len(rows) - 1, SHOWN).round().astype(np.int64))]
