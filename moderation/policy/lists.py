"""Texts, author names and links in, the listed words, authors and hosts that occur in them out.

All three lists come down to one question, "which of these strings occurs first in this text?", asked of an
Aho-Corasick automaton: the text is folded into a form in which a boundary is a character like any other, so that a
whole word is found between two spaces, a host with its subdomains between a dot and a line end. The time taken is
linear in the text whatever the lists hold: of two entries that could end at one place a list keeps the shorter.
"""

import ipaddress
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from ahocorasick_rs import AhoCorasick

__all__ = [
    "Finder",
    "Host",
    "author_text",
    "encode_author",
    "encode_host",
    "encode_word",
    "first_hosts",
    "first_words",
    "host_name",
    "hosts_in",
    "word_text",
]

Place = tuple[int, int]

_WINDOW: Final = 1 << 16  # characters searched at once: bounds the memory that a text full of matches can take


class Finder:
    """Strings and their owners (numbers of rules) in; for each owner, the first place where one of its strings is."""

    def __init__(self, strings: Mapping[int, Iterable[str]]) -> None:
        owners: dict[str, list[int]] = {}
        for owner in sorted(strings):
            for string in _shortest(set(strings[owner])):
                owners.setdefault(string, []).append(owner)
        self._owners = list(owners.values())
        self._wanted = {owner for each in self._owners for owner in each}
        self._longest = max(map(len, owners), default=0)
        self._automaton = AhoCorasick(list(owners), store_patterns=False) if owners else None

    def first(self, text: str) -> dict[int, Place]:
        """Return the place of each owner's first match: the one that ends first."""
        found: dict[int, Place] = {}
        if self._automaton is None:
            return found
        step = max(_WINDOW, self._longest)
        for start in range(0, len(text), step):
            window = text[start : start + step + self._longest - 1]
            for which, begin, end in self._automaton.find_matches_as_indexes(window, overlapping=True):
                for owner in self._owners[which]:
                    if owner not in found:
                        found[owner] = (start + begin, start + end)
            if len(found) == len(self._wanted):
                break
        return found


def _shortest(strings: set[str]) -> list[str]:
    """Return the strings that hold no other of them past their first character: where one did, the other matches too.

    Of those that stay, no two end at the same place of a text. This bounds the matches by the length of the text;
    with "a", "aa", "aaa" ... they would grow with the product of text and list.
    """
    if not strings:
        return []
    anywhere = AhoCorasick(sorted(strings), store_patterns=False)
    return [string for string in sorted(strings) if not anywhere.find_matches_as_indexes(string[1:])]


# Folding: what a reader would call the same letter becomes the same letter.

# Characters without width or ink: format characters, joiners, variation selectors, fillers, tags.
_UNSEEN: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN_RUN: Final = re.compile(f"[{_UNSEEN}]+")

# Scripts written without spaces: each character is a word, so that a listed word is found anywhere in a sentence.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff]"
)


def _is_accent(mark: str) -> bool:
    # Classes 200 and up stand above, below or around any letter; 10-36 are the points of Hebrew, Arabic and Syriac,
    # which writers leave out at will; 1 strikes through. The others are letters in all but name (a Thai vowel, a
    # Devanagari virama, the voicing of a kana) and stay.
    order = unicodedata.combining(mark)
    return order == 1 or 10 <= order <= 36 or order >= 200 or unicodedata.category(mark) == "Me"


class _Letters(dict[int, str]):
    """Folds one character, after NFKC: case away, accents away. Filled as characters are met."""

    def __missing__(self, point: int) -> str:
        parts = unicodedata.normalize("NFD", chr(point).casefold())
        self[point] = unicodedata.normalize("NFC", "".join(part for part in parts if not _is_accent(part)))
        return self[point]


class _Words(dict[int, str]):
    """Folds one character, after NFKC, and sets what is a word by itself between spaces."""

    def __missing__(self, point: int) -> str:
        self[point] = "".join(map(self.part, _LETTERS[point]))
        return self[point]

    @staticmethod
    def part(character: str) -> str:
        category = unicodedata.category(character)
        if _UNSPACED.match(character) and category[0] in "LN":
            return f" {character} "
        if category[0] in "LMN":
            return character
        # "c++", "$$$", "#tag" and a picture mean something; other marks only part words
        return f" {character} " if category in ("Sm", "Sc", "So") or character in "@#%&" else " "


_LETTERS: Final = _Letters()
_WORDS: Final = _Words()
_ASCII_WORDS: Final = str.maketrans(
    {
        chr(point): chr(point).lower() if chr(point).isalnum() or chr(point) in "@#%&$+<=>|~" else " "
        for point in range(128)
    }
)
_ASCII_SIGNS: Final = re.compile(r"[@#%&$+<=>|~]")


def word_text(text: str) -> str:
    """Return the words of `text`, folded, with one space before, between and after them.

    NFKC, case folding, accents and invisible characters removed; punctuation only parts words, a sign (`$`, `+`, `#`,
    a picture) is a word, and so is each character of a script that is written without spaces.
    """
    if text.isascii():
        words = _ASCII_SIGNS.sub(r" \g<0> ", text.translate(_ASCII_WORDS))
    else:
        words = unicodedata.normalize("NFKC", _UNSEEN_RUN.sub("", text)).translate(_WORDS)
    return f" {' '.join(words.split())} "


def author_text(author: str) -> str:
    """Return `author` folded like a text, but with its punctuation, between two line ends."""
    name = unicodedata.normalize("NFKC", _UNSEEN_RUN.sub("", author)).translate(_LETTERS)
    return f"\n{' '.join(name.split())}\n"


def encode_word(entry: str) -> str:
    """Return the string to find in `word_text` for a word or phrase; `*` at an end stands for any more letters.

    Raises `ValueError`, with the fault and its cure, for an entry that could not be found as meant.
    """
    inner, open_begin, open_end = _stars(entry)
    words = word_text(inner).strip(" ")
    if not words:
        raise ValueError("holds no letter, digit or sign; give a word")
    return ("" if open_begin else " ") + words + ("" if open_end else " ")


def encode_author(entry: str) -> str:
    """Return the string to find in `author_text` for a name; `*` at an end stands for anything."""
    inner, open_begin, open_end = _stars(entry)
    name = author_text(inner).strip("\n")
    if not name:
        raise ValueError("is empty; give a name")
    return ("" if open_begin else "\n") + name + ("" if open_end else "\n")


def _stars(entry: str) -> tuple[str, bool, bool]:
    open_begin, open_end = entry.startswith("*"), entry.endswith("*")
    inner = entry[open_begin : len(entry) - open_end]
    if "*" in inner:
        raise ValueError("has a * inside; it can stand at the beginning and at the end only")
    return inner, open_begin, open_end


def first_words(finder: Finder, text: str) -> dict[int, Place]:
    """Return each owner's first match in `text`, widened to the words it touches, in code points of `text`."""
    words = word_text(text)
    found = finder.first(words)
    if not found:
        return {}
    places: dict[int, Place] = {}
    for owner, (begin, end) in found.items():
        inner_begin = begin + (words[begin] == " ")
        inner_end = end - (words[end - 1] == " ")
        places[owner] = (words.rindex(" ", 0, inner_begin) + 1, words.index(" ", inner_end))
    # A space of the folded text stands for nothing in particular, but its other characters come one by one from the
    # characters of the text: number n is the nth of them.
    numbers = {at: at - words.count(" ", 0, at) for begin, end in places.values() for at in (begin, end - 1)}
    origins = _origins(text, sorted(set(numbers.values())))
    return {owner: (origins[numbers[begin]][0], origins[numbers[end - 1]][1]) for owner, (begin, end) in places.items()}


_BLOCK: Final = 1 << 12


def _origins(text: str, numbers: list[int]) -> dict[int, Place]:
    """Return where in `text` the given (sorted) characters of its folded form, spaces not counted, come from."""
    found: dict[int, Place] = {}
    wanted = iter(numbers)
    number = next(wanted, None)
    count = 0
    for begin, end in _pieces(text, _BLOCK):
        if number is None:
            break
        size = _size(text[begin:end])
        if count + size <= number:
            count += size
            continue
        for small_begin, small_end in _pieces(text[begin:end], 1):
            count += _size(text[begin + small_begin : begin + small_end])
            while number is not None and number < count:
                found[number] = (begin + small_begin, begin + small_end)
                number = next(wanted, None)
    return found


def _size(piece: str) -> int:
    folded = word_text(piece)
    return len(folded) - folded.count(" ")


def _pieces(text: str, length: int) -> Iterator[Place]:
    """Cut `text` into pieces of `length` or a little more, each of which folds by itself as it does in the whole."""
    begin = 0
    while begin < len(text):
        end = min(begin + length, len(text))
        while end < len(text) and _leans_back(text[end]):
            end += 1
        yield begin, end
        begin = end


def _leans_back(character: str) -> bool:
    """Whether `character` cannot stand alone: normalisation may join it to what is before it, or it is not seen."""
    if character.isascii():
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return (
        unicodedata.category(first)[0] == "M"
        or "\u1160" <= first <= "\u11ff"  # Hangul vowels and finals
        or "\U0001f3fb" <= first <= "\U0001f3ff"  # the colour of the picture before it
        or _UNSEEN_RUN.match(character) is not None
    )


# Hosts.

_DOTS: Final = ".\u3002\uff0e\uff61"
# Letters, digits, hyphens, and the marks that letters of other scripts carry.
_IN_LABEL: Final = (
    rf"\w\-{_UNSEEN}\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    r"\u0900-\u109f\u1780-\u17d3\u3099\u309a"
)
_HOST: Final = re.compile(rf"[{_IN_LABEL}.]+")
# Both begin with a rare sign, so that the engine passes over plain words at once.
_LINK: Final = re.compile(
    r"[:/\\](?:(?:(?<=(?i:http:))|(?<=(?i:https:))|(?<=(?i:ftp:))|(?<=:)(?=[/\\]{2}))[/\\]*+"
    r"|(?<=[/\\])(?<![\w/\\:.][/\\])[/\\]++)"
    r"(?P<authority>[^\s/\\?#<>\"“”«»(){}|^`,;]++)"
)
_INNER_DOT: Final = re.compile(rf"[{_DOTS}](?=[{_IN_LABEL}])")
_AFTER_USER: Final = re.compile(rf"(?P<host>\[[0-9A-Fa-f:.]++\]|(?:[{_IN_LABEL}{_DOTS}]|%[0-9A-Fa-f]{{2}})++)")
_BARE: Final = re.compile(
    rf"(?<![{_IN_LABEL}{_DOTS}@/\\%&?#])(?P<host>[{_IN_LABEL}]++(?:[{_DOTS}][{_IN_LABEL}]++)++)(?![@{_IN_LABEL}])"
)
_NUMBER: Final = re.compile(r"0x[0-9a-f]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}", re.ASCII)
_LONGEST_LABEL: Final = 63  # RFC 1035 2.3.4


@dataclass(frozen=True, slots=True)
class Host:
    """A host that a text names: folded, where it stands, and whether it is part of a link or only looks like a host."""

    name: str
    begin: int
    end: int
    linked: bool


def hosts_in(text: str) -> list[Host]:
    """Return the hosts of all links in `text`, with and without a scheme, in order; e-mail addresses are no links."""
    found: list[Host] = []
    for link in _LINK.finditer(text):
        # A browser goes to what stands after the last @; the rest is a user name, whatever it looks like.
        begin = link.start("authority") + link["authority"].rfind("@") + 1
        match = _AFTER_USER.match(text, begin, link.end("authority"))
        name = host_name(match["host"]) if match else ""
        if match and name:
            found.append(Host(name, match.start("host"), match.end("host"), linked=True))
    for bare in _BARE.finditer(text) if _INNER_DOT.search(text) else ():
        name = host_name(bare["host"])
        if name:
            found.append(Host(name, bare.start("host"), bare.end("host"), name.startswith("www.")))
    return sorted(found, key=lambda host: (host.begin, not host.linked))


@lru_cache(maxsize=1 << 14)  # comments name the same few hosts again and again
def host_name(raw: str) -> str:
    """Return a host as browsers compare it: decoded, lower case, in Unicode, without the dot at its end."""
    if raw.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(raw[1:-1]).compressed}]"
        except ValueError:
            return ""
    name = unicodedata.normalize("NFKC", _UNSEEN_RUN.sub("", unquote(raw, errors="replace")))
    name = name.replace("\u3002", ".").strip(".")
    if not _HOST.fullmatch(name):
        return ""
    labels = [_label(label) for label in name.split(".")]
    return _ipv4(labels) or ".".join(labels)


def _ipv4(labels: list[str]) -> str | None:
    """Return the address in its usual form if browsers take the labels for one: 0x7f.1, 017700000001, 2130706433."""
    if not all(_NUMBER.fullmatch(label) for label in labels):
        return None
    *front, last = (int(label, 16 if label[1:2] == "x" else 8 if label[0] == "0" else 10) for label in labels)
    if len(front) > 3 or max(front, default=0) > 255 or last >= 256 ** (4 - len(front)):
        return None
    return str(ipaddress.IPv4Address(int.from_bytes(bytes([*front, *bytes(3 - len(front))]), "big") * 256 + last))


def _label(label: str) -> str:
    folded = _fold_label(label)
    if folded.startswith("xn--") and len(folded) <= _LONGEST_LABEL:  # longer ones are no names, and slow to decode
        try:
            return unicodedata.normalize("NFC", _fold_label(folded[4:].encode("ascii").decode("punycode")))
        except UnicodeError:
            return folded
    return folded


def _fold_label(label: str) -> str:
    # Unlike in a text, ß is not ss and accents count: they make another site (UTS 46, without transition).
    return "".join(letter if letter in "ßς" else letter.casefold() for letter in label)


def host_text(hosts: Iterable[Host]) -> str:
    """Return the hosts as one text to search: a dot before each, a line end or (where not linked) a tab after it."""
    return "".join(f".{host.name}{_end(linked=host.linked)}" for host in hosts)


def _end(*, linked: bool) -> str:
    return "\n" if linked else "\t"


def encode_host(entry: str) -> tuple[str, ...]:
    """Return the strings to find in `host_text` for a host and its subdomains.

    A single label ("ru") is a whole top-level domain, and is looked for in links only: "go.It was" is no link.
    """
    if entry.startswith(("*", ".")):
        raise ValueError(f"has a {entry[0]} before it; give the host alone, its subdomains are included")
    if re.search(r"[/\\:?#@\s]", entry) and not entry.startswith("["):
        raise ValueError("is more than a host; give the host alone, such as example.org")
    match = _AFTER_USER.fullmatch(entry)
    name = host_name(entry) if match else ""
    if not name or "" in name.split("."):
        raise ValueError("is not a host; give one such as example.org")
    ends = (True, False) if "." in name else (True,)
    return tuple(f".{name}{_end(linked=linked)}" for linked in ends)


def first_hosts(finder: Finder, hosts: list[Host]) -> dict[int, Host]:
    """Return, for each owner, the first of `hosts` that is on its list."""
    text = host_text(hosts)
    ends: list[int] = []
    for host in hosts:
        ends.append((ends[-1] if ends else 0) + len(host.name) + 2)
    return {owner: hosts[bisect_right(ends, end - 1)] for owner, (_, end) in finder.first(text).items()}
