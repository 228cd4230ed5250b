"""Times as people and templates write them in, aware UTC times out.

`spans` finds times in a line, `parse` reads one. A time without a zone is taken as UTC: a page does not say where its
server stood, and hours of error are worth less than a missing day. Order of day and month in "7/10/2012" is a
property of the page, not of the line: `numeric_order` settles it.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

__all__ = ["Order", "is_whole", "numeric_order", "parse", "spans"]

Order = Literal["month first", "day first"]

# Month names by number, as templates of some forty languages print them: alone, in the case that dates ask for, and cut
# short; compared in lower case, without a final full stop, and with "_" for a blank. "listopad" is a Pole's and a
# Czech's November, and a Croat's October: the more frequent one counts.
_MONTHS: Final = (
    (
        "january jan janvier janv januar jänner jän enero ene gennaio gen janeiro januari stycznia styczeń sty января "
        "январь янв tammikuuta tammikuu ledna leden січня січень січ ocak január januára ιανουαρίου ιανουάριος ιαν "
        "ianuarie ian gener xaneiro jaanuar janvāris sausio siječnja siječanj януари јануар ינואר בינואר يناير "
        "tháng_1 tháng_một"
    ),
    (
        "february feb febr pebruari february février févr februar feber febrero febbraio fevereiro fev februari "
        "lutego luty lut февраля февраль фев helmikuuta helmikuu února únor úno лютого лютий лют şubat şub "
        "február februára φεβρουαρίου φεβρουάριος φεβ februarie febrer febreiro veebruar februāris vasario "
        "veljače veljača февруари фебруар פברואר בפברואר فبراير tháng_2 tháng_hai"
    ),
    (
        "march mar mars märz maerz mrz mär marzo março marco maart mrt marts marca marzec марта март мар maret "
        "maaliskuuta maaliskuu března březen březen bře березня березень mart március márc marec μαρτίου "
        "μάρτιος μαρ μάρ martie març märts kovo ožujka ožujak מרץ במרץ مارس tháng_3 tháng_ba"
    ),
    (
        "april apr avril avr abril abr aprile kwietnia kwiecień kwi апреля апрель апр huhtikuuta huhtikuu dubna duben "
        "квітня квітень квіт кві nisan április ápr apríl apríla απριλίου απρίλιος απρ aprilie aprill aprīlis "
        "balandžio travnja travanj април אפריל באפריל أبريل ابريل إبريل tháng_4 tháng_tư"
    ),
    (
        "may mai mayo maggio mag maio mei maj maja мая май toukokuuta toukokuu května květen kvě травня травень "
        "mayıs május máj máj mája μαΐου μαΐ μαΐος μάιος μάι maig maijs gegužės svibnja svibanj мај מאי במאי "
        "مايو tháng_5 tháng_năm"
    ),
    (
        "june jun juin juni junio giugno giu junho czerwca czerwiec cze июня июнь июн kesäkuuta kesäkuu června červen "
        "čvn червня червень haziran június jún júna ιουνίου ιούνιος ιουν ιούν iunie iun juny xuño juuni jūnijs "
        "birželio lipnja lipanj юни јун junij יוני ביוני يونيو يونيه tháng_6 tháng_sáu"
    ),
    (
        "july jul juillet juil juli julio luglio lug julho lipca lipiec lip июля июль июл heinäkuuta heinäkuu července "
        "červenec čvc липня липень temmuz július júl júla ιουλίου ιούλιος ιουλ ιούλ iulie iul juliol xullo juuli "
        "jūlijs liepos srpnja srpanj юли јул julij julai יולי ביולי يوليو يوليه tháng_7 tháng_bảy"
    ),
    (
        "august aug août agosto ago augustus augusti sierpnia sierpień sie августа август авг elokuuta elokuu "
        "srpna srpen srp серпня серпень ağustos ağu augusztus augusta αυγούστου αύγουστος αυγ agost "
        "augusts rugpjūčio kolovoza kolovoz avgust agustus ogos אוגוסט באוגוסט أغسطس اغسطس tháng_8 tháng_tám"
    ),
    (
        "september sep sept septembre septiembre setiembre settembre setembro set września wrzesień wrz сентября "
        "сентябрь сен сент syyskuuta syyskuu září zář вересня вересень вер eylül eyl szeptember szept "
        "septembra σεπτεμβρίου σεπτέμβριος σεπ septembrie setembre septembris rugsėjo rujna rujan септември "
        "септембар septembar ספטמבר בספטמבר سبتمبر tháng_9 tháng_chín"
    ),
    (
        "october oct octobre oktober okt octubre ottobre ott outubro out października październik paź октября "
        "октябрь окт lokakuuta lokakuu října říjen říj жовтня жовтень жовт ekim október októbra οκτωβρίου οκτώβριος "
        "οκτ octombrie outubro oktoober oktobris spalio октомври октобар oktobar אוקטובר באוקטובר أكتوبر اكتوبر "
        "tháng_10 tháng_mười"
    ),
    (
        "november nov novembre noviembre novembro listopada listopad ноября ноябрь ноя нояб marraskuuta marraskuu "
        "listopadu листопада листопад kasım νοεμβρίου νοέμβριος νοε νοέ noiembrie novembra novembris nopember "
        "lapkričio studenoga studenog studeni ноември новембар novembar נובמבר בנובמבר نوفمبر "
        "tháng_11 tháng_mười_một"
    ),
    (
        "december dec décembre déc decembre dezember dez diciembre dic dicembre dezembro desember des grudnia "
        "grudzień gru декабря декабрь дек joulukuuta joulukuu prosince prosinec грудня грудень aralık "
        "δεκεμβρίου δεκέμβριος δεκ decembrie decembra desembre decembro detsember decembris gruodžio prosinca "
        "декември децембар decembar disember דצמבר בדצמבר ديسمبر tháng_12 tháng_mười_hai"
    ),
)


def _spellings(name: str) -> set[str]:
    """Return a name as it is, and without its accents: capitals go without them, and so do many keyboards."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c)).replace("ı", "i")
    return {name, bare} if len(name) > 4 or "α" <= name[0] <= "ω" else {name}


MONTHS: Final = {
    spelled.replace("_", " "): number
    for number, names in enumerate(_MONTHS, 1)
    for name in names.split()
    for spelled in _spellings(name)
}

# Short forms that are words of their own in some language: they name a month only where a year stands by.
_DOUBTFUL: Final = {
    "oca": 1, "led": 1, "tammi": 1, "helmi": 2, "maalis": 3, "nis": 4, "dub": 4, "huhti": 4, "touko": 5, "haz": 6,
    "kesä": 6, "tem": 7, "heinä": 7, "elo": 8, "вер": 9, "syys": 9, "eki": 10, "loka": 10, "lis": 11, "marras": 11,
    "ara": 12, "pro": 12, "joulu": 12, "mac": 3, "kas": 11, "noi": 11, "agu": 8, "трав": 5, "серп": 8, "груд": 12,
    "лис": 11, "бер": 3,
}  # fmt: skip

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
    "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή "
    "pondelok utorok streda štvrtok piatok nedeľa ponedjeljak utorak srijeda četvrtak petak nedjelja "
    "ponedeljak sreda nedelja понеделник вторник сряда четвъртък петък събота неделя "
    "dilluns dimarts dimecres dijous divendres dissabte diumenge senin selasa rabu kamis jumat sabtu minggu "
    "esmaspäev teisipäev kolmapäev neljapäev reede laupäev pühapäev"
)

# Hours east of UTC, for the abbreviations that templates print. Ambiguous ones have their commonest meaning.
_ZONES: Final = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "BST": 1, "CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8,
    "HST": -10, "JST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of `words`, longest first, each beginning written once.

    `re` tries alternatives one by one: by their first letters it comes to the only possible ones at once.
    """
    by_letter: dict[str, list[str]] = {}
    for word in sorted(words, key=lambda word: (-len(word), word)):
        by_letter.setdefault(word[:1], []).append(word[1:])
    ends = by_letter.pop("", None)  # a word that others begin with
    found = [
        re.escape(letter) + (rests[0] and re.escape(rests[0]) if len(rests) == 1 else f"(?:{_any_of(rests)})")
        for letter, rests in by_letter.items()
    ]
    return "|".join([*found, ""] if ends else found)


# Patterns are matched against lower-cased lines: `re` skips a branch by its first letter only where case counts, and
# with these long alternations that makes a tenfold difference.
_MONTH: Final = rf"(?:{_any_of(MONTHS)})(?![^\W\d_])\.?"
_MONTH_IN_DOUBT: Final = rf"(?:{_any_of(_DOUBTFUL)})(?![^\W\d_])\.?"
_NTH: Final = r"(?:st|nd|rd|th|er|[ºª.])?"
_YEAR: Final = r"(?:19|20)\d{2}(?!\d)"
_OF: Final = r"(?:\s+d(?:(?:e|el|i)\b|['’](?=\w)))?"
_WEEKDAY: Final = rf"(?:(?<![^\W\d_])(?:{_any_of(_WEEKDAYS.split())})\.?,?\s+)?"
_DATE: Final = (
    r"(?<!\d)(?:"
    rf"(?:19|20)\d{{2}}(?P<a>[-/.])\d{{1,2}}(?P=a)\d{{1,2}}(?!\d)|(?:19|20)\d{{2}}\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일]"
    rf"|\d{{1,2}}\.\s\d{{1,2}}\.\s{_YEAR}"
    rf"|\d{{1,2}}(?P<b>[-/.])\d{{1,2}}(?P=b)(?:{_YEAR}|\d{{2}}(?!\d))"
    rf"|\d{{1,2}}{_NTH},?{_OF}\s*-?{_MONTH}(?:[,،]?{_OF}[\s-]*(?:{_YEAR}(?:\.(?=\s[uу]\s))?|\d{{2}}(?=\s(?:at|um|à)\b)))?"
    rf"|\d{{1,2}}{_NTH}[\s-]{_MONTH_IN_DOUBT},?[\s-]{_YEAR}|{_MONTH_IN_DOUBT}\s+\d{{1,2}}{_NTH},?\s+{_YEAR}"
    rf"|(?:19|20)\d{{2}}\.?\s+(?:m\.\s+)?{_MONTH}\s+\d{{1,2}}(?!\d)\.?(?:\sd\.)?"
    rf"|(?:19|20)\d{{2}}\.\s+gada\s+\d{{1,2}}\.\s+{_MONTH}"
    rf"|{_MONTH}\s+\d{{1,2}}{_NTH}(?!\d)(?:\s*,\s*{_YEAR}|\s+{_YEAR})?)"
    # A year's own word in Russian, and a weekday behind the date in Japanese.
    r"(?:\s?г(?:ода)?(?!\w)\.?)?(?:\s?[(（][日月火水木金土一二三四五六][)）])?"
)
_ZONE: Final = (
    rf"(?:\s*\(?(?:(?:{_any_of(name.lower() for name in _ZONES)})\b(?:\s?[+-]\d{{1,2}}(?::?\d{{2}})?(?!\d))?"
    r"|[+-]\d{2}:?\d{2}(?!\d))\)?)?"
)
# Half of the day, as templates print it behind a time: before noon, after noon.
_AM: Final = ("a.m.", "a.m", "a. m.", "a m", "am", "öö", "πμ", "π.μ.", "дп", "dop.", "(dop.)", "de.", "f m", "ص")
_PM: Final = ("p.m.", "p.m", "p. m.", "p m", "pm", "ös", "μμ", "μ.μ.", "пп", "odp.", "(odp.)", "du.", "e m", "م")
_HALF: Final = rf"(?:{_any_of((*_AM, *_PM))})(?!\w)"
_CLOCK: Final = (
    r"(?<!\d)(?:(?:(?:[上下]午|午[前後]|오[전후])\s?)?"
    rf"\d{{1,2}}(?:(?:[:.h]|\sh\s)\d{{2}}){{1,2}}(?!\d)(?:\.\d{{1,6}})?(?:\smin\b)?(?:\s?{_HALF}|\s?uhr\b)?{_ZONE}"
    rf"|\d{{1,2}}(?:\s[0-5]\d)?\s?[ap]\.?m\b\.?{_ZONE})"
)
_AT: Final = (
    r"(?:,?\s+(?:at|um|à|a las|a la|às|as|ás|alle|ore|om|kl\.?|klo|kello|o godz\.?|o|v|в|о|у|ve|u|ob|saat|στις|la|ora|"
    r"a les|pukul|jam|kell|plkst\.|lúc)"
    r"\s+@?\s?|\s*[,|·•–—@/-]{1,2}\s*@?\s?|\s\(|t|\s+)"
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


_INITIALS: Final = "".join(sorted({name[0] for name in [*MONTHS, *_DOUBTFUL, *_WEEKDAYS.split(), *"avhifypπo"]}))
_WHEN: Final = re.compile(
    rf"(?=\d|(?<![^\W\d_])[{_INITIALS}]|[上下午오])"
    rf"(?:{_WEEKDAY}(?:{_when('1', _DATE)})(?:(?:,?\s(?:{_any_of(_WEEKDAYS.split())})(?=[\s,]))?{_AT}{_CLOCK})?"
    rf"|{_CLOCK}(?:\s+(?:on|am|le|el|dnia|den|del)\s+|\s*[,|·–—-]\s*|\s+){_WEEKDAY}(?:{_when('2', _DATE)})"
    rf"|{_AGO}|{_CLOCK})"
)
# Whatever `_WHEN` finds holds one of these; most lines hold none.
_MAYBE: Final = re.compile(
    r"\d[:./h-]\d|\d\s?[年년]|(?:19|20)\d\d|\d\s?[ap]\.?m\b|\d(?:st|nd|rd|th)\b|\bago\b|yesterday|just now"
    r"|\b(?:vor|hace|há|il y a|för|před|acum|πριν) \d"
    r"|\b(?:fa|geleden|siden|temu|назад|тому|önce|atrás|sitten|ezelőtt)\b"
    r"|\d\s?(?:[秒分日年天周週間时時钟鐘かヶカ个個]月?)[間]?前|[일초분간주월년] 전\b"
    rf"|\d(?:er|[.ºª])?,?\s{{0,2}}(?:d(?:e|el|i)\s+|d['’])?-?(?:{_any_of({name[:3] for name in MONTHS})})"
)
# Most of what holds one of these holds one of the plainest, which are found several times as fast.
_SURELY: Final = re.compile(r"\d(?:[:./h-]\d|(?<=1)9\d\d|(?<=2)0\d\d)")


def spans(line: str) -> list[tuple[int, int]]:
    """Return where in `line` times stand: dates, dates with a time of day, times of day alone, "3 hours ago"."""
    lowered = line.replace("İ", "i").lower()
    if len(lowered) != len(line):  # a letter whose lower case is two; none of ours
        lowered = "".join(character.lower() if len(character.lower()) == 1 else character for character in line)
    if not _SURELY.search(lowered) and not _MAYBE.search(lowered):
        return []
    return [found.span() for found in _WHEN.finditer(lowered)]


_WORD = re.compile(rf"(?<![^\W\d_])(?:{_any_of({**MONTHS, **_DOUBTFUL})})(?![^\W\d_])")
_ISO = re.compile(r"((?:19|20)\d{2})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.])(?:(?<=\.)\s)?(\d{1,2})\2(?:(?<=\.)\s)?(\d{4}|\d{2})(?!\d)")
_TIME = re.compile(
    r"(?:(?P<before>[上下]午|午[前後]|오[전후])\s?)?"
    r"(?<!\d)(?P<hour>\d{1,2})(?:(?:[:.h]|\sh\s|\s(?=[0-5]\d\s?[ap]\.?m\b))(?P<minute>\d{2}))?(?:[:.](?P<second>\d{2}))?"
    r"(?:\.(?P<part>\d{1,6}))?(?:\s?min\b)?"
    rf"\s?(?P<half>{_HALF})?",
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
    text = span.strip().replace("İ", "i")
    found = _named_in(text)
    if found is None:
        return None
    if found.re is _ISO:
        year, month, day = int(found[1]), int(found[2]), int(found[3])
        rest = text[: found.start()] + " " + text[found.end() :]
    elif found.re is _NUMERIC:
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        month, day = (second, first) if order == "day first" else (first, second)
        if month > 12 >= day:
            month, day = day, month
        year = _full_year(year)
        rest = text[: found.start()] + " " + text[found.end() :]
    else:
        month = MONTHS.get(found.group()) or _DOUBTFUL[found.group()]
        taken = _around(text, found)
        if taken is None:
            return None
        day, year, rest = taken
    hour, minute, second, microsecond, rest = _clock(rest)
    moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    try:
        return moment - _east(rest)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def is_whole(span: str) -> bool:
    """Tell whether `span` (one of `spans`) names a whole date, one that can be or not."""
    text = span.strip().replace("İ", "i")
    plain = _PLAIN.match(text)
    if plain and (plain[1] or plain[2]).lower() in MONTHS:
        return True
    found = _named_in(text)
    return found is not None and (found.re is not _WORD or _around(text, found) is not None)


# The two commonest dates, with anything for the month.
_PLAIN: Final = re.compile(
    r"\d{1,2}(?:\.|st|nd|rd|th)? ([^\W\d_]+)\.?,? (?:19|20)\d\d(?!\d)|([^\W\d_]+)\.? \d{1,2},? (?:19|20)\d\d(?!\d)"
)


def _named_in(text: str) -> re.Match[str] | None:
    """Return the date in figures in `text`, or the name of a month."""
    return _ISO.search(text) or _NUMERIC.search(text) or _WORD.search(text.lower())


def _around(text: str, word: re.Match[str]) -> tuple[int, int, str] | None:
    """Return day, year and what is left, from the numbers on either side of a month's name."""
    before, after = text[: word.start()], text[word.end() :]
    year_after = re.search(r"(?<!\d)((?:19|20)\d{2})(?!\d)", after) or re.match(
        r"\.?[\s-]+(\d{2})\s(?:at|um|à)\b", after
    )
    year_before = re.search(r"((?:19|20)\d{2})\.?\s+(?:m\.\s+)?$", before)
    if latvian := re.search(r"((?:19|20)\d{2})\.\s+gada\s+(\d{1,2})\.\s+$", before):
        return int(latvian[2]), int(latvian[1]), after
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
    trailing = re.search(r"(\d{1,2})(?:st|nd|rd|th|er|[ºª.])?,?(?:\s+d(?:e|el|i|['’]))?\s*-?$", before.rstrip())
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
        said = (found["half"] or "").lower()
        half = _HALVES.get(found["before"] or "", "a" if said in _AM else "p" if said in _PM else "")
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
