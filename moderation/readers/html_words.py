"""What an element's tag, classes, id and microdata say it is: names in, marks out.

Whoever names a class names it for what it holds, in one of a dozen languages and with a handful of habits:
`comment-author`, `commentAuthor`, `kommentar_verfasser`, `c-comment-card__author`. So names are cut into words, and the
words are looked up here. What a site table (`html_sites`) knows of a system goes before what the words say.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from moderation.readers.html_sites import SITES, Site

__all__ = [
    "ABOUT",
    "AUTHOR",
    "AWAY",
    "DATE",
    "META",
    "MICRODATA",
    "RULES",
    "SKIP",
    "TEXT",
    "ZONE",
    "Compound",
    "Look",
    "Looks",
    "Microdata",
    "is_telling",
    "look",
    "patterns_of",
    "roles_at",
]

# Marks, as bits.
AUTHOR, DATE, TEXT, SKIP, META, ABOUT, ZONE, AWAY = (1 << bit for bit in range(8))


def _words(*rows: str) -> frozenset[str]:
    return frozenset(word for row in rows for word in row.split())


# What a comment is called. Plural forms head the list of them; both occur in either sense.
_COMMENT: Final = _words(
    "comment comments cmt cmts wpd wc comm talkback feedback shout",
    "kommentar kommentare kommentaren leserkommentar leserkommentare leserbrief leserbriefe kommentarer meinung "
    "meinungen",
    "commentaire commentaires réaction réactions reaction reactions avis",
    "comentario comentarios comentário comentários opinion opiniones",
    "commento commenti komentarz komentarze komentarzy komentar komentare komentář komentáře opinia opinie",
    "reactie reacties yorum yorumlar kommentti kommentit коммент комментарий комментарии comentariu comentarii",
    "guestbook gaestebuch gästebuch gbook livredor",
)
_ANSWER: Final = _words(
    "reply replies response responses answer answers antwort antworten posting postings message messages"
)
# The forms that name more than one.
_PLURAL: Final = _words(
    "comments cmts kommentare kommentaren leserkommentare leserbriefe kommentarer meinungen commentaires "
    "réactions reactions",
    "avis comentarios comentários opiniones commenti komentarze komentarzy komentare komentáře opinie reacties "
    "yorumlar",
    "kommentit комментарии comentarii guestbook gaestebuch gästebuch gbook livredor feedback talkback",
)
# What follows such a word where the whole holds many comments ...
_MANY: Final = _words(
    "list liste lista thread threads area section container wrap wrapper content box tree holder inner block module",
    "modul group region view stream widget items all children tab pane main body",
)
# ... and where it holds none, but something beside them.
_NONE: Final = _words(
    "form formular respond count counter number num anzahl total link links btn button buttons nav navigation "
    "pagination",
    "pager paging feed rss policy rules notice closed field fields input textarea submit author autor name date "
    "datum time",
    "meta metadata text content avatar image img icon user username actions action toolbar reply footer header "
    "head title",
    "headline heading heading info tools vote votes rating like likes more load toggle switch login teaser edit report",
    "permalink says parent nocomments label hint message error status awaiting open new add write email "
    "subscribe options",
    "sort sorting order filter intro off on allowed disabled enabled hidden",
)
_NOT_ITEMS: Final = _NONE - _MANY
# Names with one of these are never those of a comment.
_NEVER: Final = _words(
    "form formular respond count counter rating ratings like liked likes link links icon icons btn button "
    "buttons nav avatar",
    "footer header input textarea replybox jump notes teaser subscription login toolbar feedback hint label count",
)
_AUTHOR: Final = _words(
    "author authors autor auteur autore autorin commenter commentator commentauthor poster username usernames "
    "nickname nick",
    "user verfasser benutzer benutzername usuario utente gebruiker użytkownik pseudo fn screenname displayname "
    "byauthor writer",
    "kommentator nutzer absender nom nombre nome imię login handle cite commenterinfo posteruser who",
)
_NAME: Final = _words("name link title label url vorname nachname")
_DATE: Final = _words(
    "date datum time timestamp datetime published created posted when ago zeit uhrzeit zeitpunkt fecha hora "
    "heure ora tarih",
    "tid dato дата время publishdate postdate createdate posttime timeago pubdate updated age relativetime "
    "relativedate",
)
_TEXT: Final = _words(
    "text texts content body message msg inhalt texte contenu contenido texto testo contenuto treść tresc tekst "
    "comment copy",
    "bbwrapper richtext description kommentar commentaire comentario beitrag nachricht bericht metin содержание текст",
)
_META: Final = _words(
    "meta metadata info infos details byline submitted header head data kopf tagline postinfo footer foot"
)
_SKIP: Final = _words(
    "actions action toolbar tools button buttons btn vote votes voting like likes liked dislike rating ratings "
    "share shares",
    "sharing social report flag melden edit bearbeiten permalink avatar gravatar userpic signature badge badges "
    "karma score",
    "points menu controls links counter count respond form delete reply replylink antworten responder répondre "
    "spinner quotes",
    "says sagt rank online status textarea toggle dropdown tooltip modal moderator awaiting moderation",
)
_AWAY: Final = _words(
    "sidebar related recent latest neueste letzte aktuelle aktuellste derniers dernieres ultimos últimos ultimi "
    "ostatnie",
    "laatste recente newest popular trending teaser teasers newsletter breadcrumb breadcrumbs",
    "recommended recommendations ticker recentcomments mostread similar siteheader sitefooter blogroll promo "
    "advertisement",
)
# Words that are written together without a mark between them, cut at either end.
_PARTS: Final = frozenset(
    (
        *(_COMMENT - {"wc", "comm", "wpd"}),
        *_ANSWER,
        *(
            "post",
            "user",
            "author",
            "content",
            "recent",
            "latest",
            "text",
            "body",
            "date",
            "name",
            "list",
            "item",
            "entry",
        ),
        *("container", "wrapper", "box", "time", "header", "footer", "link", "count", "form", "area", "meta", "info"),
        *("verfasser", "autor", "inhalt", "datum", "avatar", "section", "thread", "title", "message", "data", "area"),
    )
)
_LENGTHS: Final = sorted({len(part) for part in _PARTS}, reverse=True)
_SPLIT: Final = re.compile(r"[^\W_]+")
_CAMEL: Final = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS: Final = re.compile(r"\d+")
LONGEST_NAME: Final = 400

_KNOWN: Final = (
    _COMMENT
    | _ANSWER
    | _MANY
    | _NONE
    | _AUTHOR
    | _NAME
    | _DATE
    | _TEXT
    | _META
    | _SKIP
    | _AWAY
    | {"item", "entry", "row"}
)


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that a class or id is made of, in lower case and without numbers."""
    found: list[str] = []
    name = name[:LONGEST_NAME]
    for part in _SPLIT.findall(name if name.islower() else _CAMEL.sub(" ", name)):
        word = part.lower() if part.isalpha() else _DIGITS.sub("", part).lower()
        if not word:
            continue
        if word in _KNOWN or len(word) < 6:
            found.append(word)
            continue
        for length in _LENGTHS:
            rest = word[length:]
            if (rest in _KNOWN or rest in _PARTS) and word[:length] in _PARTS:
                found += [word[:length], rest]
                break
        else:
            found.append(word)
    return tuple(found)


@lru_cache(maxsize=32_768)
def _said(name: str) -> tuple[int, bool]:
    """Return the marks that one class or id gives by its words, and whether it may be that of one comment."""
    words = words_of(name)
    marks = _marks(words) if words else 0
    item = (
        bool(marks & ABOUT)
        and not name.startswith(_CATEGORIES)
        and (words[-1] == "message" or words[-1] not in _NOT_ITEMS)
        and _NEVER.isdisjoint(words)
    )
    return marks, item


def _marks(words: Sequence[str]) -> int:
    last = words[-1]
    about = not _COMMENT.isdisjoint(words)
    marks = 0
    if about or (not _ANSWER.isdisjoint(words) and last != "reply"):
        marks |= ABOUT
    if about and (last in _MANY or last in _PLURAL) and last not in _NOT_ITEMS:
        marks |= ZONE
    named = last in _NAME and not _AUTHOR.isdisjoint(words)
    if last in _AUTHOR or named or (last == "name" and (about or len(words) == 1)):
        marks |= AUTHOR
    if last in _DATE:
        marks |= DATE
    elif last in _TEXT:
        marks |= TEXT if _SKIP.isdisjoint(words[-2:-1]) else SKIP
    elif last in _META:
        marks |= META
    if last in _SKIP:
        marks |= SKIP
    if not _AWAY.isdisjoint(words):
        marks |= AWAY
    return marks


# Prefixes of what an article is filed under: it may be about comments, or be one.
_CATEGORIES: Final = ("category-", "cat-", "tag-", "ressort-", "topic-", "genre-")
_NO_TEXT: Final = frozenset(
    ("a", "button", "input", "img", "label", "time", "i", "textarea", "select", "small", "ol", "ul")
)
# What one comment is never made of.
_TOO_SMALL: Final = frozenset(
    (
        *(
            "span",
            "a",
            "img",
            "small",
            "time",
            "i",
            "em",
            "b",
            "strong",
            "button",
            "input",
            "label",
            "iframe",
            "ul",
            "ol",
        ),
        *(
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "body",
            "html",
            "main",
            "script",
            "style",
            "link",
            "meta",
            "font",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Compound:
    """One alternative of a selector: what the element must be, and what must stand right above it."""

    tag: str
    classes: frozenset[str]
    id: str
    attributes: tuple[tuple[str, str], ...]
    above: tuple[str, ...]
    """Tags or `.class`, nearest first."""

    def fits(self, tag: str, classes: AbstractSet[str], pattern: str, data: Sequence[tuple[str, str]] = ()) -> bool:
        """Tell whether tag, classes, id and microdata fit; other attributes and what is above are the caller's."""
        return (
            (not self.tag or self.tag == tag)
            and (not self.id or self.id == pattern)
            and self.classes <= classes
            and all(wanted in data for wanted in self.attributes if wanted[0] in MICRODATA)
        )


MICRODATA: Final = ("itemprop", "itemtype", "typeof")
Microdata = tuple[tuple[str, str], ...]
"""Attributes of these names and their values."""
_PART: Final = re.compile(r"([.#@]?)([^.#@\[\]>]+)|\[([^\]=]+)(?:=([^\]]*))?\]")


def _compound(text: str) -> Compound:
    if text.startswith("[") or ">" not in text:
        above: tuple[str, ...] = ()
    else:
        *rest, text = text.split(">")
        above = tuple(reversed(rest))
    tag, classes, ident, attributes = "", set(), "", []
    for mark, name, attribute, value in _PART.findall(text):
        if attribute:
            attributes.append((attribute, value))
        elif mark == ".":
            classes.add(name.lower())
        elif mark == "#":
            ident = name.lower()
        elif mark == "@":
            attributes.append(("itemprop", name))
        else:
            tag = name
    return Compound(tag, frozenset(classes), ident, tuple(attributes), above)


def compounds(text: str) -> tuple[Compound, ...]:
    """Return the alternatives of a selector, in their order."""
    return tuple(_compound(part) for part in text.split())


@dataclass(frozen=True, slots=True)
class _Rules:
    """The selectors of one site, ready to be asked."""

    items: tuple[Compound, ...]
    roles: tuple[tuple[int, int, Compound], ...]
    """Mark, rank (0 first), selector."""


def _rules(site: Site) -> _Rules:
    roles = [
        (mark, rank, compound)
        for mark, text in ((AUTHOR, site.author), (DATE, site.date), (TEXT, site.text), (SKIP, site.skip))
        for rank, compound in enumerate(compounds(text))
    ]
    return _Rules(compounds(site.items), tuple(roles))


RULES: Final = tuple(_rules(site) for site in SITES)

# Sites' items in their order, and which of them may fit what has a class, an id or a tag, or microdata: no element is
# asked for all of them.
_ITEMS: Final = tuple((number, compound) for number, rules in enumerate(RULES) for compound in rules.items)
_BY_CLASS: Final[dict[str, list[int]]] = {}
_BY_ID: Final[dict[str, list[int]]] = {}
_BY_TAG: Final[dict[str, list[int]]] = {}
_BY_DATA: Final[list[int]] = []
for _at, (_, _item) in enumerate(_ITEMS):
    if _item.classes:
        _BY_CLASS.setdefault(max(_item.classes, key=lambda name: (len(name), name)), []).append(_at)
    elif _item.id:
        _BY_ID.setdefault(_item.id, []).append(_at)
    elif _item.tag:
        _BY_TAG.setdefault(_item.tag, []).append(_at)
    else:
        assert any(name in MICRODATA for name, _ in _item.attributes), _item
        _BY_DATA.append(_at)


def _above(item: Compound) -> frozenset[str]:
    """Return the classes that must stand above such an item."""
    return frozenset(name[1:] for name in item.above if name.startswith("."))


# Some items have no class of their own: every element of a list could be one, below an element of one of these classes.
_ABOVE: Final = frozenset(name for _, item in _ITEMS for name in _above(item))
# Ids that selectors ask for.
_IDS: Final = frozenset(
    compound.id for rules in RULES for compound in (*rules.items, *(role[2] for role in rules.roles)) if compound.id
)


def _items_at(tag: str, classes: tuple[str, ...], pattern: str, data: Microdata) -> tuple[tuple[int, Compound], ...]:
    """Return the sites' items that fit such an element."""
    maybe = [*_BY_TAG.get(tag, ()), *_BY_ID.get(pattern, ()), *(_BY_DATA if data else ())]
    own = frozenset(classes)
    for name in own:
        if name in _BY_CLASS:
            maybe += _BY_CLASS[name]
    return tuple([_ITEMS[at] for at in sorted(maybe) if _ITEMS[at][1].fits(tag, own, pattern, data)]) if maybe else ()


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What an element's names say: marks, sets of possible comments that it belongs to, sites it may be from."""

    marks: int
    sets: tuple[str, ...]
    sites: tuple[tuple[int, Compound], ...]
    classes: tuple[str, ...]
    kind: str
    """What one comment of these classes is: "comment", "pingback" or "trackback"."""
    placing: bool
    """Whether any of it speaks of comments, or says where they could be, or who and when, ..."""
    below: bool
    """... or does so below an element of another class, ..."""
    above: bool
    """... or is of such a class."""
    attributes: Mapping[str, str]
    """The attributes of an element that has a class and nothing else."""


_AS_NINES: Final = bytes.maketrans(b"0123456789", b"9" * 10)


def patterns_of(idents: Sequence[str]) -> list[str]:
    """Return ids with every number as 9."""
    if not idents:
        return []
    # All of them at once, which takes a third of the time; what stands in an attribute holds no NUL.
    together = "\0".join([ident[:LONGEST_NAME] for ident in idents]).lower()
    if together.isascii():
        together = together.encode("ascii").translate(_AS_NINES).decode("ascii")
        while "99" in together:
            together = together.replace("99", "9")
    else:
        together = _DIGITS.sub("9", together)
    return together.split("\0")


# An id names one thing: what it says of authors and dates is about fields of a form.
_BY_IDS: Final = ABOUT | ZONE | AWAY | TEXT


@lru_cache(maxsize=32_768)
def is_telling(pattern: str) -> bool:
    """Tell whether an id (its pattern) adds anything to what tag and classes say."""
    return bool(_said(pattern)[0] & _BY_IDS) or pattern in _IDS


# Looks kept for those who ask again: pages of one site call things the same.
MOST_LOOKS: Final = 65_536
_KEEPING: Final[list["Looks"]] = []


class Looks(dict[str, Look]):
    """The looks of elements of one tag, by their class (or nothing), where nothing else names them."""

    __slots__ = ("tag",)

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def __missing__(self, names: str) -> Look:
        if len(_KEEPING) >= MOST_LOOKS:  # one for each look that is kept
            for looks in _KEEPING:
                looks.clear()
            _KEEPING.clear()
        _KEEPING.append(self)
        found = self[names] = look(self.tag, names, "", ())
        return found


@lru_cache(maxsize=16_384)
def look(tag: str, names: str, pattern: str, data: Microdata) -> Look:
    """Return what tag, classes, id (its pattern) and microdata say."""
    spelled = names[: 4 * LONGEST_NAME].split()
    classes = tuple(name.lower() for name in spelled)
    marks = 0
    sets: list[str] = []
    is_large = tag not in _TOO_SMALL
    for name in spelled:
        own, item = _said(name)
        marks |= own
        if item and is_large:
            sets.append(f"{tag}.{name}")
    if pattern:
        own, item = _said(pattern)
        marks |= own & (_BY_IDS if "9" in pattern else _BY_IDS & ~TEXT)
        if item and is_large and "9" in pattern:
            sets.append(f"#{pattern}")
    for attribute, value in data:
        if attribute == "itemprop":
            marks |= _MICRODATA_MARKS.get(value.lower(), 0)
    if tag in _NO_TEXT:
        marks &= ~TEXT
    if tag == "time":
        marks |= DATE
    elif tag == "cite" and not names:
        marks |= AUTHOR
    sites = _items_at(tag, classes, pattern, data)
    kind = next((name for name in classes if name in ("pingback", "trackback")), "comment")
    placing = bool(marks & (AUTHOR | DATE | META | ABOUT | ZONE | AWAY) or sets) or not all(_above(i) for _, i in sites)
    above = not _ABOVE.isdisjoint(classes)
    return Look(
        marks, tuple(dict.fromkeys(sets)), sites, classes, kind, placing or above, bool(sites), above, {"class": names}
    )


_MICRODATA_MARKS: Final = {
    **dict.fromkeys(("author", "creator", "name"), AUTHOR),
    **dict.fromkeys(("datepublished", "datecreated", "commenttime"), DATE),
    **dict.fromkeys(("text", "commenttext"), TEXT),
    "comment": ABOUT,
}


@lru_cache(maxsize=65_536)
def roles_at(
    site: int, tag: str, classes: tuple[str, ...], pattern: str, data: tuple[tuple[str, str], ...]
) -> tuple[tuple[int, int, Compound], ...]:
    """Return the roles (mark, rank, selector) that a site gives to such an element."""
    own = frozenset(classes)
    return tuple(role for role in RULES[site].roles if role[2].fits(tag, own, pattern, data))
