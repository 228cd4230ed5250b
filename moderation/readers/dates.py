"""Times as people and templates write them in, aware UTC times out.

`spans` finds times in a line, `parse` reads one. A time without a zone is taken as UTC: a page does not say where its
server stood, and hours of error are worth less than a missing day. Order of day and month in "7/10/2012" is a
property of the page, not of the line: `numeric_order` settles it.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

__all__ = ["Order", "numeric_order", "parse", "spans"]

Order = Literal["month first", "day first"]

# Month names by number, in the languages whose templates are read; compared case-folded, without a final full stop.
_MONTHS: Final = (
    (
        "january jan janvier janv januar jänner jän enero ene gennaio gen janeiro januari stycznia sty января янв "
        "tammikuuta ledna січня ocak január ιανουαρίου ιαν ianuarie ian"
    ),
    (
        "february feb février févr fevrier februar febrero febbraio fevereiro fev februari lutego lut февраля фев "
        "helmikuuta února лютого şubat február φεβρουαρίου φεβ februarie"
    ),
    (
        "march mar mars märz mrz mär marzo março marco maart marts marca марта "
        "maaliskuuta března березня mart március μαρτίου μαρ martie"
    ),
    (
        "april apr avril avr abril abr aprile kwietnia kwi апреля апр "
        "huhtikuuta dubna квітня nisan április απριλίου απρ aprilie"
    ),
    "may mai mayo maggio mag maio mei maj maja мая toukokuuta května травня mayıs május μαΐου μαΐ",
    (
        "june jun juin juni junio giugno giu junho czerwca cze июня июн "
        "kesäkuuta června червня haziran június ιουνίου ιουν iunie"
    ),
    (
        "july jul juillet juil juli julio luglio lug julho lipca lip июля июл "
        "heinäkuuta července липня temmuz július ιουλίου ιουλ iulie"
    ),
    (
        "august aug août aout agosto ago augustus augusti sierpnia sie августа авг "
        "elokuuta srpna серпня ağustos augusztus αυγούστου αυγ"
    ),
    (
        "september sep sept septembre septiembre settembre setembro set września wrz сентября сен "
        "syyskuuta září вересня eylül szeptember σεπτεμβρίου σεπ septembrie"
    ),
    (
        "october oct octobre oktober okt octubre ottobre ott outubro out października paź октября окт "
        "lokakuuta října жовтня ekim október οκτωβρίου οκτ octombrie"
    ),
    (
        "november nov novembre noviembre novembro listopada lis ноября ноя "
        "marraskuuta listopadu листопада kasım νοεμβρίου νοε noiembrie"
    ),
    (
        "december dec décembre déc decembre dezember dez diciembre dic dicembre dezembro desember des grudnia gru "
        "декабря joulukuuta prosince грудня aralık δεκεμβρίου δεκ decembrie"
    ),
)
MONTHS: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_WEEKDAYS: Final = (
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday "
    "lundi mardi mercredi jeudi vendredi samedi dimanche "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so "
    "lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica "
    "segunda segunda-feira terça terça-feira quarta quarta-feira quinta quinta-feira sexta sexta-feira "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo lun mar mer jeu ven sam dim mié jue vie "
    "måndag tisdag onsdag torsdag fredag lördag söndag mandag tirsdag lørdag søndag "
    "maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai maanantaina sunnuntaina "
    "poniedziałek wtorek środa czwartek piątek sobota niedziela pondělí úterý středa čtvrtek pátek neděle "
    "понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс "
    "понеділок вівторок середа п'ятниця субота неділя pazartesi salı çarşamba perşembe cuma cumartesi pazar "
    "hétfő kedd szerda csütörtök péntek szombat vasárnap luni marți miercuri joi vineri sâmbătă duminică "
    "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή"
)

# Hours east of UTC, for the abbreviations that templates print. Ambiguous ones have their commonest meaning.
_ZONES: Final = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "BST": 1, "CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8,
    "HST": -10, "JST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


# Patterns are matched against lower-cased lines: `re` skips a branch by its first letter only where case counts, and
# with these long alternations that makes a tenfold difference.
_MONTH: Final = rf"(?:{_any_of(MONTHS)})(?![^\W\d_])\.?"
_NTH: Final = r"(?:st|nd|rd|th|er|[ºª.])?"
_YEAR: Final = r"(?:19|20)\d{2}(?!\d)"
_OF: Final = r"(?:\s+d(?:e|el|i)\b)?"
_WEEKDAY: Final = rf"(?:(?<![^\W\d_])(?:{_any_of(_WEEKDAYS.split())})\.?,?\s+)?"
_DATE: Final = (
    r"(?<!\d)(?:"
    rf"(?:19|20)\d{{2}}(?P<a>[-/.])\d{{1,2}}(?P=a)\d{{1,2}}(?!\d)|(?:19|20)\d{{2}}\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일]"
    rf"|\d{{1,2}}(?P<b>[-/.])\d{{1,2}}(?P=b)(?:{_YEAR}|\d{{2}}(?!\d))"
    rf"|\d{{1,2}}{_NTH},?{_OF}\s*-?{_MONTH}(?:,?{_OF}[\s-]*(?:{_YEAR}|\d{{2}}(?=\s(?:at|um|à)\b)))?"
    rf"|(?:19|20)\d{{2}}\.?\s+{_MONTH}\s+\d{{1,2}}(?!\d)\.?"
    rf"|{_MONTH}\s+\d{{1,2}}{_NTH}(?!\d)(?:\s*,\s*{_YEAR}|\s+{_YEAR})?)"
    # A year's own word in Russian, and a weekday behind the date in Japanese.
    r"(?:\s?г(?:ода)?(?!\w)\.?)?(?:\s?[(（][日月火水木金土一二三四五六][)）])?"
)
_ZONE: Final = (
    rf"(?:\s*\(?(?:(?:{_any_of(name.lower() for name in _ZONES)})\b(?:\s?[+-]\d{{1,2}}(?::?\d{{2}})?(?!\d))?"
    r"|[+-]\d{2}:?\d{2}(?!\d))\)?)?"
)
_CLOCK: Final = (
    r"(?<!\d)(?:(?:(?:[上下]午|午[前後]|오[전후])\s?)?"
    rf"\d{{1,2}}(?:(?:[:.h]|\sh\s)\d{{2}}){{1,2}}(?!\d)(?:\.\d{{1,6}})?(?:\smin\b)?(?:\s?[ap]\.?\s?m\b\.?|\s?uhr\b)?{_ZONE}"
    rf"|\d{{1,2}}(?:\s[0-5]\d)?\s?[ap]\.?m\b\.?{_ZONE})"
)
_AT: Final = (
    r"(?:,?\s+(?:at|um|à|a las|a la|às|as|alle|ore|om|kl\.?|klo|kello|o godz\.?|o|v|в|о|saat|στις|la)"
    r"\s+@?\s?|\s*[,|·•–—@/-]{1,2}\s*@?\s?|t|\s+)"
)
_AGO: Final = (
    r"(?:\b(?:about|almost|over)\s+)?(?<!\d)(?:\d{1,4}|\ban?|\bone)\s+(?:sec(?:ond)?|min(?:ute)?|hour|hr|day|week|month|year)s?\.?\s+ago\b"
    r"|\b(?:vor|hace|há|il y a|för|před|acum|πριν(?: από)?)\s+\d{1,4}\s+[^\W\d_]{1,12}(?:\s+sedan\b)?"
    r"|(?<!\d)(?:\bfor\s)?\d{1,4}\s[^\W\d_]{1,12}\.?\s(?:fa|geleden|siden|temu|назад|тому|önce|atrás|sitten|ezelőtt)\b"
    r"|(?<!\d)\d{1,4}\s?(?:[秒分日年天周週]|時間|小时|小時|分钟|分鐘|[かヶカ个個]月)前"
    r"|(?<!\d)\d{1,4}(?:초|분|시간|일|주|개월|년) 전\b"
    r"|\byesterday\b|\bjust now\b"
)


def _when(name: str, date: str) -> str:
    # A group name may stand once in a pattern: the date's two separators are numbered apart.
    return (
        date.replace("<a>", f"<a{name}>")
        .replace("=a", f"=a{name}")
        .replace("<b>", f"<b{name}>")
        .replace("=b", f"=b{name}")
    )


_INITIALS: Final = "".join(sorted({name[0] for name in [*MONTHS, *_WEEKDAYS.split(), *"avhifypπo"]}))
_WHEN: Final = re.compile(
    rf"(?=\d|(?<![^\W\d_])[{_INITIALS}]|[上下午오])"
    rf"(?:{_WEEKDAY}(?:{_when('1', _DATE)})(?:{_AT}{_CLOCK})?"
    rf"|{_CLOCK}(?:\s+(?:on|am|le|el)\s+|\s*[,|·–—-]\s*|\s+){_WEEKDAY}(?:{_when('2', _DATE)})"
    rf"|{_AGO}|{_CLOCK})"
)
# Whatever `_WHEN` finds holds one of these; most lines hold none.
_MAYBE: Final = re.compile(
    r"\d[:./h-]\d|\d\s?[年년]|(?:19|20)\d\d|\d\s?[ap]\.?m\b|\d(?:st|nd|rd|th)\b|\bago\b|yesterday|just now"
    r"|\b(?:vor|hace|há|il y a|för|před|acum|πριν) \d"
    r"|\b(?:fa|geleden|siden|temu|назад|тому|önce|atrás|sitten|ezelőtt)\b"
    r"|\d\s?(?:[秒分日年天周週間时時钟鐘かヶカ个個]月?)[間]?前|[일초분간주월년] 전\b"
    rf"|\d(?:er|[.ºª])?,?\s{{0,2}}(?:d(?:e|el|i)\s+)?-?(?:{_any_of({name[:3] for name in MONTHS})})"
)


def spans(line: str) -> list[tuple[int, int]]:
    """Return where in `line` times stand: dates, dates with a time of day, times of day alone, "3 hours ago"."""
    lowered = line.lower()
    if len(lowered) != len(line):  # a letter whose lower case is two; none of ours
        lowered = "".join(character.lower() if len(character.lower()) == 1 else character for character in line)
    if not _MAYBE.search(lowered):
        return []
    return [found.span() for found in _WHEN.finditer(lowered)]


_WORD = re.compile(rf"(?:{_any_of(MONTHS)})(?![^\W\d_])", re.IGNORECASE)
_ISO = re.compile(r"((?:19|20)\d{2})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_TIME = re.compile(
    r"(?:(?P<before>[上下]午|午[前後]|오[전후])\s?)?"
    r"(?<!\d)(?P<hour>\d{1,2})(?:(?:[:.h]|\sh\s|\s(?=[0-5]\d\s?[ap]\.?m\b))(?P<minute>\d{2}))?(?:[:.](?P<second>\d{2}))?"
    r"(?:\.(?P<part>\d{1,6}))?\s?(?:(?P<half>[ap])\.?\s?m\b)?",
    re.IGNORECASE,
)
_HALVES: Final = {"上午": "a", "午前": "a", "오전": "a", "下午": "p", "午後": "p", "오후": "p"}
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?\b")
_ZONE_NAME = re.compile(rf"\b({_any_of(_ZONES)})\b")


def numeric_order(spans: Iterable[str]) -> Order:
    """Return the order of day and month that makes most of the numeric dates among `spans` possible.

    Where every date can be both, dots mean day first ("7.10.2012") and other separators month first.
    """
    firsts = seconds = dots = others = 0
    for span in spans:
        found = _NUMERIC.search(span)
        if found:
            firsts += int(found[1]) > 12
            seconds += int(found[3]) > 12
            dots += found[2] == "."
            others += found[2] != "."
    if firsts != seconds:
        return "day first" if firsts > seconds else "month first"
    return "day first" if dots > others else "month first"


def parse(span: str, order: Order = "month first") -> datetime | None:
    """Return the time that `span` (one of `spans`) names, in UTC, or None where it names no whole date.

    Raises `ValueError` for a date that cannot be, such as 31 February.
    """
    text = span.strip()
    iso = _ISO.search(text)
    numeric = None if iso else _NUMERIC.search(text)
    word = None if iso or numeric else _WORD.search(text)
    if iso:
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
        rest = text[: iso.start()] + " " + text[iso.end() :]
    elif numeric:
        first, second, year = int(numeric[1]), int(numeric[3]), int(numeric[4])
        month, day = (second, first) if order == "day first" else (first, second)
        if month > 12 >= day:
            month, day = day, month
        year = _full_year(year)
        rest = text[: numeric.start()] + " " + text[numeric.end() :]
    elif word:
        month = MONTHS[word.group().casefold()]
        taken = _around(text, word)
        if taken is None:
            return None
        day, year, rest = taken
    else:
        return None
    hour, minute, second, microsecond, rest = _clock(rest)
    moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    try:
        return moment - _east(rest)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _around(text: str, word: re.Match[str]) -> tuple[int, int, str] | None:
    """Return day, year and what is left, from the numbers on either side of a month's name."""
    before, after = text[: word.start()], text[word.end() :]
    year_after = re.search(r"(?<!\d)((?:19|20)\d{2})(?!\d)", after) or re.match(
        r"\.?[\s-]+(\d{2})\s(?:at|um|à)\b", after
    )
    year_before = re.search(r"((?:19|20)\d{2})\.?\s+$", before)
    if year_after is None and year_before and (leading := re.match(r"\.?\s+(\d{1,2})(?!\d|:)\.?", after)):
        return int(leading[1]), int(year_before[1]), before[: year_before.start()] + " " + after[leading.end() :]
    if year_after is None:
        return None
    year = _full_year(int(year_after[1]))
    # A number right after the name is the day, unless the day stands before it ("23 October 2012").
    leading = re.match(r"\.?\s+(\d{1,2})(?:st|nd|rd|th|er|[ºª.])?(?!\d|:)", after)
    if leading and leading.end() <= year_after.start():
        day, rest = int(leading[1]), before + " " + after[leading.end() : year_after.start()]
        return day, year, rest + " " + after[year_after.end() :]
    trailing = re.search(r"(\d{1,2})(?:st|nd|rd|th|er|[ºª.])?,?(?:\s+d(?:e|el|i))?\s*-?$", before.rstrip())
    if trailing is None:
        return None
    rest = before[: trailing.start()] + " " + after[: year_after.start()] + " " + after[year_after.end() :]
    return int(trailing[1]), year, rest


def _full_year(year: int) -> int:
    return year if year >= 100 else year + (1900 if year >= 70 else 2000)


def _clock(text: str) -> tuple[int, int, int, int, str]:
    for found in _TIME.finditer(text):
        if found["minute"] is None and found["half"] is None:
            continue
        hour = int(found["hour"])
        half = (found["half"] or _HALVES.get(found["before"] or "", "")).casefold()
        if half == "p" and hour < 12:
            hour += 12
        elif half == "a" and hour == 12:
            hour = 0
        micro = int((found["part"] or "0").ljust(6, "0"))
        return hour, int(found["minute"] or 0), int(found["second"] or 0), micro, text[found.end() :]
    return 0, 0, 0, 0, ""


def _east(rest: str) -> timedelta:
    name = _ZONE_NAME.search(rest)
    offset = _OFFSET.search(rest)
    hours = float(_ZONES[name[1]]) if name else 0.0
    if offset:
        sign = -1 if offset[1] == "-" else 1
        hours += sign * (int(offset[2]) + int(offset[3] or 0) / 60)
    return timezone(timedelta(hours=hours)).utcoffset(None) if abs(hours) < 24 else timedelta()
