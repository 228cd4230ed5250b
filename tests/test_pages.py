"""Plain-text dumps of pages: one table of many templates, and of what only looks like one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.readers import read

SEED = Path(__file__).resolve().parent.parent / "seeds" / "long-war-journal-2007-11-25.txt"


def page(tmp_path, text, **options):
    path = tmp_path / "page.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    reading = read(path, "page", **options)
    batches = [batch.validate() for batch in reading]
    report = reading.loss
    assert report.records_in == report.comments_out + report.lost
    assert report.comments_out == sum(map(len, batches))
    return pd.concat([batch.comments for batch in batches], ignore_index=True), batches[0].articles, report


def missing_as_none(values):
    return [None if pd.isna(value) else value for value in values]


# The page the project began from.


def test_the_seed_page_is_read_as_people_read_it(golden):
    (batch,) = read(SEED)
    comments = batch.validate().comments
    assert missing_as_none(comments["author"]) == [
        "Rhyno327/lrsd",
        "Gerry",
        "jeandon",
        "David m",
        "Rhyno327/lrsd",
        None,
    ]
    assert set(comments["kind"]) == {"unknown"}
    assert comments["article_id"].tolist() == [batch.articles["id"][0]] * 6
    golden(
        "long-war-journal-2007-11-25",
        {
            "article": {name: missing_as_none(batch.articles[name])[0] for name in ("title", "text", "author", "url")},
            "comments": [
                {
                    name: missing_as_none([row[name]])[0]
                    for name in ("id", "author", "text", "kind", "position", "parent_id")
                }
                for row in comments.to_dict("records")
            ],
        },
    )


def test_every_word_of_the_seed_page_is_where_it_belongs():
    dump = SEED.read_text(encoding="utf-8")
    (batch,) = read(SEED)
    article, comments = batch.articles.iloc[0], batch.comments
    below = dump[dump.index("Rhyno327") : dump.index("\n\n\nIslamic state")]
    kept = [*comments["text"], *comments["author"].dropna()]
    assert sum(map(len, "".join(kept).split())) == sum(map(len, below.replace("•", "").replace("says:", "").split()))
    assert article["title"] == "Iranian Special Groups linked to Baghdad pet market bombing"
    assert article["text"].startswith("Qods Force logo, click to view.\n\nThe Friday, November 24 bombing")
    assert article["text"].endswith("the Editor of FDD's Long War Journal.")
    for stranger in ("Tags:", "Islamic state", "Al shabaab", "Boko Haram", "Bill Roggio is"):
        assert not comments["text"].str.contains(stranger, regex=False).any()
    assert comments["text"][2].count("\n") == 1
    assert comments["text"][5].count("\n\n") == 1


def test_reading_a_page_again_gives_the_same_ids():
    ids = [[name for batch in read(SEED) for name in batch.comments["id"]] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 6


# The same conversation, in the clothes of many templates.

TITLE = "Corner bakery to close after ninety years"
BODY = (
    "The bakery on the corner of Mill Lane will shut its doors in spring, its owner told customers on Monday.\n\n"
    "“We had a good run,” she said, and handed out the last of the plum cakes.\n\n"
    "The council has not decided what will become of the building."
)
ARTICLE = f"{TITLE}\n\n{BODY}\n\n"
TALK = (
    ("Marta", "I bought my first roll there in 1961.\n\nIt cost next to nothing."),
    ("old_tom", "Rents in that lane have doubled twice. Nobody who bakes can pay them.\nNobody who reads, either."),
    ("K. de Wit", "Could the council not list the oven? It is older than the town hall."),
    (None, "Seen on another page: a list of bakeries that closed this year, with yours on it…"),
)
DATES = (
    "November 25, 2007 at 9:05 am",
    "November 25, 2007 at 10:40 am",
    "November 26, 2007 at 3:14 pm",
    "November 27, 2007 at 8:00 am",
)
TIMES = [
    datetime(2007, 11, 25, 9, 5, tzinfo=UTC),
    datetime(2007, 11, 25, 10, 40, tzinfo=UTC),
    datetime(2007, 11, 26, 15, 14, tzinfo=UTC),
    datetime(2007, 11, 27, 8, 0, tzinfo=UTC),
]
LINKS = "\n\n\nSourdough\n\n\n\nRye\n\nOpening hours\n"


def indented(text, by):
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


def signed(template, *, indent=0, anonymous=None, above=False, tight=False):
    """Return the talk as a template prints it; `anonymous` is what stands before a comment that has no byline."""
    blocks = []
    for number, ((name, text), date) in enumerate(zip(TALK, DATES, strict=True), 1):
        byline = template.format(name=name or "Anonymous", date=date, n=number)
        if name is None and anonymous is not None:
            first, *rest = text.split("\n")
            blocks.append("\n".join([anonymous.format(n=number) + first, *(" " * indent + line for line in rest)]))
        elif above:
            blocks.append(text + ("\n" if tight else "\n\n") + byline)
        else:
            blocks.append(byline + ("\n" if tight else "\n\n") + indented(text, indent))
    return "\n\n".join(blocks)


@dataclass(frozen=True)
class Dump:
    """A page as some template prints the talk, and whether it prints the fourth comment's name and the times."""

    text: str
    dated: bool = False
    named: bool = True
    notes: tuple[str, ...] = field(default=())


def bulleted(bullet, *, indent):
    lead = "  " if indent else ""
    text = signed(f"{lead}{bullet} {{name}} says:", indent=indent, anonymous=f"{lead}{bullet} ")
    return Dump(f"{ARTICLE}Tags: bread, town\n\n\n{text}{LINKS}", named=False)


TEMPLATES = {
    **{f"hanging bullet {bullet}": bulleted(bullet, indent=4) for bullet in "•*-–·o◦▪"},
    **{f"flush bullet {bullet}": bulleted(bullet, indent=0) for bullet in "•*-–·o"},
    "says, no bullets": Dump(f"{ARTICLE}{signed('{name} says:')}"),
    "said, with dots, hanging": Dump(f"{ARTICLE}{signed('{name} said...', indent=4)}"),
    "said, with an ellipsis": Dump(f"{ARTICLE}Comments\n\n{signed('{name} said…')}"),
    "wrote on": Dump(f"{ARTICLE}{signed('{name} wrote on {date}:')}", dated=True),
    "said on": Dump(
        f"{ARTICLE}4 Comments\n\n{signed('{name} said on {date}:', indent=2)}\n\nLeave a Reply\n", dated=True
    ),
    "on date, said": Dump(f"{ARTICLE}{signed('On {date}, {name} said...')}", dated=True),
    "name on date said": Dump(f"{ARTICLE}{signed('{name} on {date} said:')}", dated=True),
    "two slashes": Dump(f"{ARTICLE}4 Responses to “{TITLE}”\n\n{signed('{name} // {date}')}", dated=True),
    "name on date": Dump(f"{ARTICLE}{signed('{name} on {date}')}", dated=True),
    "name, bar, date": Dump(f"{ARTICLE}{signed('{name} | {date} | Reply')}", dated=True),
    "name, date in brackets": Dump(f"{ARTICLE}Discussion:\n\n{signed('{name} ({date})')}", dated=True),
    "date below the name": Dump(f"{ARTICLE}{signed('{name}' + chr(10) + '{date}')}", dated=True),
    "date below says": Dump(f"{ARTICLE}{signed('{name} says:' + chr(10) + '{date}', indent=4)}", dated=True),
    "date above the name": Dump(f"{ARTICLE}{signed('{date}' + chr(10) + '{name}')}", dated=True),
    "date above, said": Dump(f"{ARTICLE}{signed('{date}' + chr(10) * 2 + '{name} said,')}"),
    "by name on date": Dump(f"{ARTICLE}{signed('By {name} on {date}')}", dated=True),
    "comment by": Dump(f"{ARTICLE}{signed('Comment by {name} — {date}', indent=4)}", dated=True),
    "no blank lines around bylines": Dump(f"{ARTICLE}{signed('{name} wrote:', tight=True)}"),
    "numbered, full stop": Dump(
        f"{ARTICLE}{signed('  {n}. {name} said…', indent=5, anonymous='  {n}. ')}{LINKS}", named=False
    ),
    "numbered, bracket": Dump(f"{ARTICLE}{signed('{n}) {name} says:', anonymous='{n}) ')}{LINKS}", named=False),
    "numbered, hash, dated": Dump(f"{ARTICLE}{signed('#{n} {name} - {date}')}", dated=True),
    "numbered, bar, name only": Dump(f"{ARTICLE}Comments (4)\n\n{signed('{n} | {name}')}"),
    "numbered, bar, no heading": Dump(f"{ARTICLE}{signed('{n} | {name}')}"),
    "names with colons under a count": Dump(f"{ARTICLE}4 comments\n\n{signed('{name}:')}"),
    "numbered, no mark": Dump(f"{ARTICLE}{signed('{n} {name} {date}', indent=4)}", dated=True),
    "names alone under a count": Dump(f"{ARTICLE}4 comments\n\n{signed('{name}', indent=4)}\n\nPost a Comment\n"),
    "Movable Type, at": Dump(
        f"{ARTICLE}Posted by Ann Editor at 8:30 AM | Comments (4)\n\nComments\n\n"
        f"{signed('Posted by {name} at {date}', above=True)}\n\nPost a comment\n\nName:\n\nEmail Address:\n",
        dated=True,
    ),
    "Movable Type, bar": Dump(
        f"{ARTICLE}Comments (4)\n\n{signed('Posted by: {name} | {date}', above=True)}{LINKS}", dated=True
    ),
    "Movable Type, signature close below": Dump(
        f"{ARTICLE}4 Comments:\n\n{signed('Posted by {name} on {date}', above=True, tight=True)}", dated=True
    ),
    "Movable Type, time of day alone": Dump(
        f"{ARTICLE}Comments (4)\n\n{signed('Posted by {name} at 10:15 AM', above=True)}\n",
        notes=("4 bylines name no whole date",),
    ),
    "posted on, by, below": Dump(
        f"{ARTICLE}Comments (4)\n\n{signed('posted on {date} by {name}', above=True)}", dated=True
    ),
    "French": Dump(f"{ARTICLE}4 commentaires\n\n{signed('{name} a dit :', indent=4)}\n\nLaisser un commentaire\n"),
    "German": Dump(
        f"{ARTICLE}4 Kommentare zu „Bäckerei“\n\n{signed('{name} schreibt:')}\n\nSchreibe einen Kommentar\n"
    ),
    "Spanish": Dump(f"{ARTICLE}4 comentarios\n\n{signed('{name} dijo...')}\n\nPublicar un comentario\n"),
    "Portuguese": Dump(f"{ARTICLE}4 comentários:\n\n{signed('{name} disse...')}"),
    "Dutch": Dump(f"{ARTICLE}4 reacties\n\n{signed('{name} zei:')}\n\nGeef een reactie\n"),
    "Italian": Dump(f"{ARTICLE}4 commenti\n\n{signed('{name} ha detto:')}"),
    "Polish": Dump(f"{ARTICLE}Komentarze (4)\n\n{signed('{name} pisze:')}"),
    "Russian": Dump(f"{ARTICLE}Комментарии: 4\n\n{signed('{name} пишет:')}"),
    "Windows line ends": Dump(f"{ARTICLE}{signed('{name} says:')}".replace("\n", "\r\n")),
    "tabs for indent": Dump(f"{ARTICLE}{signed('{name} says:', indent=4)}".replace("    ", "\t")),
    "no-break spaces": Dump(f"{ARTICLE}{signed('{name} says:')}".replace(" says:", "\u00a0says:")),
}


@pytest.mark.parametrize("dump", TEMPLATES.values(), ids=TEMPLATES.keys())
def test_the_talk_is_found_in_every_template(tmp_path, dump):
    comments, articles, report = page(tmp_path, dump.text)
    last = "Anonymous" if dump.named else None
    assert list(zip(missing_as_none(comments["author"]), comments["text"], strict=True)) == [
        *TALK[:3],
        (last, TALK[3][1]),
    ]
    assert articles[["title", "text"]].to_numpy().tolist() == [[TITLE, BODY]]
    assert comments["position"].tolist() == [0, 1, 2, 3]
    assert comments["parent_id"].isna().all()
    if dump.dated:
        assert comments["posted_at"].tolist() == TIMES
    assert set(dump.notes) <= set(report.notes)
    assert not report.lines


# Templates of many languages: a heading, a byline, what stands below each comment, and the form below the last.
LANGUAGES = {
    "French": (
        "4 réponses à « Pain »",
        "{name} a dit :\n25 novembre 2007 à 9 h 05 min",
        "Répondre",
        "Laisser un commentaire",
    ),
    "French, signed": ("Commentaires (4)", "Par {name}, le 25/11/2007 à 09:05", "Signaler", "Ajouter un commentaire"),
    "German": (
        "4 Gedanken zu „Brot“",
        "{name} schrieb am 25. November 2007 um 09:05 Uhr:",
        "Antworten",
        "Kommentar verfassen",
    ),
    "German, date first": (
        "4 Kommentare",
        "Am 25.11.2007 um 09:05 schrieb {name}:",
        "Melden",
        "Schreibe einen Kommentar",
    ),
    "Spanish": (
        "4 respuestas a Pan",
        "{name} dijo el 25 de noviembre de 2007 a las 9:05",
        "Responder",
        "Deja un comentario",
    ),
    "Spanish, wrote": (
        "4 comentarios en “Pan”",
        "{name} escribió:\n25 noviembre, 2007 a las 9:05 am",
        "Me gusta",
        "Publicar un comentario",
    ),
    "Italian": (
        "4 pensieri su “Pane”",
        "{name} scrive:\n25 novembre 2007 alle 09:05",
        "Rispondi",
        "Lascia un commento",
    ),
    "Portuguese": (
        "4 comentários",
        "{name} disse:\ndomingo, 25 de novembro de 2007 09:05:00",
        "Responder",
        "Enviar um comentário",
    ),
    "Dutch": (
        "4 gedachten over “Brood”",
        "{name} schreef op 25 november 2007 om 9:05:",
        "Beantwoorden",
        "Geef een reactie",
    ),
    "Swedish": ("4 tankar om Bröd", "{name} skrev:\n25 november 2007 kl. 09:05", "Svara", "Lämna ett svar"),
    "Norwegian": ("4 svar til Brød", "{name} sier:\n25. november 2007 kl. 09:05", "Svar", "Legg igjen en kommentar"),
    "Danish": ("4 kommentarer", "{name} siger:\n25. november 2007 kl. 9:05", "Besvar", "Skriv et svar"),
    "Finnish": ("4 kommenttia", "{name} sanoi:\n25. marraskuuta 2007 klo 9.05", "Vastaa", "Jätä kommentti"),
    "Polish": ("4 komentarze", "{name} napisał(a):\n25 listopada 2007 o 9:05", "Odpowiedz", "Dodaj komentarz"),
    "Czech": ("4 komentáře", "{name} napsal:\n25. listopadu 2007 v 9:05", "Odpovědět", "Napsat komentář"),
    "Russian": ("Комментариев: 4", "{name} писал(а):\n25 ноября 2007 г. в 09:05", "Ответить", "Добавить комментарий"),
    "Ukrainian": ("4 коментарі", "{name} каже:\n25 листопада 2007 о 09:05", "Відповісти", "Залишити відповідь"),
    "Greek": ("4 σχόλια", "Ο/Η {name} λέει:\n25 Νοεμβρίου 2007 στις 9:05", "Απάντηση", "Αφήστε μια απάντηση"),
    "Turkish": ("4 yorum", "{name} dedi ki:\n25 Kasım 2007, 09:05", "Cevapla", "Bir cevap yazın"),
    "Hungarian": ("4 hozzászólás", "{name} szerint:\n2007. november 25. 9:05", "Válasz", "Vélemény, hozzászólás?"),
    "Romanian": ("4 comentarii", "{name} spune:\n25 noiembrie 2007 la 9:05", "Răspunde", "Lasă un răspuns"),
    "Japanese": ("4件のコメント", "{name}さん より:\n2007年11月25日 午前9:05", "返信", "コメントを残す"),
    "Japanese, Movable Type": ("コメント (4)", "投稿者: {name} | 2007年11月25日 09:05", "返信", "コメントを投稿"),
    "Chinese": ("4 条评论", "{name}说道：\n2007年11月25日 上午9:05", "回复", "发表评论"),
    "Korean": ("댓글 4개", "{name} 님의 말:\n2007년 11월 25일 오전 9:05", "답글", "댓글 남기기"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_talk_is_found_in_every_language(tmp_path, language):
    heading, byline, button, form = LANGUAGES[language]
    talk = [(name or "Zoë", text) for name, text in TALK]
    blocks = [f"{byline.format(name=name)}\n\n{text}\n\n{button}" for name, text in talk]
    comments, articles, report = page(tmp_path, f"{ARTICLE}{heading}\n\n" + "\n\n".join(blocks) + f"\n\n{form}\n")
    if byline.startswith("投稿者"):  # below what it signs, as everywhere with Movable Type
        assert len(comments) == 4
        return
    assert list(zip(comments["author"], comments["text"], strict=True)) == talk
    assert articles["text"].tolist() == [BODY]
    assert comments["posted_at"].tolist() == [TIMES[0]] * 4
    assert not report.lines


# Pages on which no word of a template repeats.

ALONE = {
    "a name and a date in one line": ("Ada November 26, 2007 at 9:05 am\n\n    I would miss it, thanks.", "Ada"),
    "a name above a date": ("ada_b\nNovember 26, 2007 at 9:05 am\n\nI would miss it, thanks.", "ada_b"),
    "a verb, and a date below": ("Ada writes\n11/26/07 at 9:05 am\n\nI would miss it, thanks.", "Ada"),
    "a date without its year": ("Ada\nNovember 26th\n\nI would miss it, thanks.", "Ada"),
    "a while ago": ("ada_b  •  15 minutes ago\n\n    I would miss it, thanks!", "ada_b"),
    "a count of points": ("ada_b 44 pts\n\nI would miss it, thanks! How could you?", "ada_b"),
    "signed below, with a colon": ("I would miss it, thanks.\n\nPosted by: Ada | November 26, 2007 at 09:05 AM", "Ada"),
    "signed below, the date first": ("I would miss it, thanks.\nNovember 26, 2007 Ada", "Ada"),
}


@pytest.mark.parametrize("case", ALONE)
def test_one_comment_alone_is_found(tmp_path, case):
    text, author = ALONE[case]
    comments, articles, _ = page(tmp_path, f"{TITLE}\n\n{BODY}\n\n{BODY[:60]}, too.\n\n\n{text}\n")
    assert comments["author"].tolist() == [author]
    assert comments["text"][0].startswith("I would miss it, thanks")
    assert "I would" not in articles["text"][0]


NAMES_ALONE = [
    ("mill_lane", "I bought my first roll there. Where else would you go?"),
    ("OvenFan77", "Thanks for this! I wish somebody would buy it :)"),
    ("mill_lane", "You never know. My sister asked, and they laughed."),
    ("ruth", "lol, I guess we bake our own now"),
]


@pytest.mark.parametrize(
    ("lead", "indent"),
    [("", 4), ("http://example.org/~{n} ", 4), ("    ", 4), ("", 0)],
    ids=["hang", "site", "nested", "flush"],
)
def test_names_alone_are_told_by_how_people_talk(tmp_path, lead, indent):
    blocks = [
        f"{lead.format(n=n) if n else lead.strip().format(n=n) + ' ' * ('http' in lead)}{name}\n\n{' ' * indent}{text}"
        for n, (name, text) in enumerate(NAMES_ALONE)
    ]
    comments, articles, _ = page(tmp_path, f"{ARTICLE}\n" + "\n\n".join(blocks))
    assert list(zip(comments["author"], comments["text"], strict=True)) == NAMES_ALONE
    assert articles["text"].tolist() == [BODY]


def test_a_name_above_and_a_date_below_belong_to_what_is_between(tmp_path):
    blocks = [f"{name}\n{text}\nNovember 2{n}, 2007 18:0{n}:00" for n, (name, text) in enumerate(NAMES_ALONE)]
    comments, articles, _ = page(tmp_path, ARTICLE + "\n".join(blocks))
    assert list(zip(comments["author"], comments["text"], strict=True)) == NAMES_ALONE
    assert comments["posted_at"].dt.day.tolist() == [20, 21, 22, 23]
    assert articles["text"].tolist() == [BODY]


def test_where_the_first_comment_signed_below_begins_is_told_by_its_gap(tmp_path):
    for between in ("\n", "\n\n\n"):
        comments, articles, _ = page(
            tmp_path,
            f"{TITLE}\n\n{BODY}\n\n{BODY}{between}So sad! I bought my first roll there.\n\n"
            "Posted by: Ada | November 25, 2007 at 09:05 AM\n\nYou and me both.\n\n"
            "Posted by: Ben | November 25, 2007 at 10:05 AM\n",
        )
        assert comments["text"].tolist() == ["So sad! I bought my first roll there.", "You and me both."], between
        assert articles["text"].tolist() == [f"{BODY}\n\n{BODY}"]


# Several pages in one file.


def another(title, names):
    talk = "\n\n".join(f"  • {name} says:\n\n    {name} has something to say, and says it." for name in names)
    text = f"{title} was the talk of the town on Monday. " * 5
    return f"{title}\n\n{text.strip()}\n\nTags: town\n\n\n{talk}\n\n\nSourdough\n\nRye\n"


PAGES = (("The oven", ("Ada", "Ben")), ("The till", ("Cy", "Dee", "Eve")), ("The bell", ("Fay", "Gil")))
BETWEEN = {
    "form feeds": "\f",
    "rules": "\n\n====================\n\n",
    "dashes": "\n\n----------\n\n",
    "addresses": "\n\nhttps://example.org/{n}\n\n",
    "nothing": "\n\n\n",
}


@pytest.mark.parametrize("between", BETWEEN)
def test_several_pages_in_one_file_are_told_apart(tmp_path, between):
    text = "".join(BETWEEN[between].format(n=n) + another(*own) for n, own in enumerate(PAGES))
    path = tmp_path / "pages.txt"
    path.write_text(text.lstrip(), encoding="utf-8")
    reading = read(path, "page")
    batches = [batch.validate() for batch in reading]
    assert [batch.comments["author"].tolist() for batch in batches] == [list(names) for _, names in PAGES]
    assert len({batch.articles["id"][0] for batch in batches}) == 3
    for batch, (title, _) in zip(batches, PAGES, strict=True):
        assert batch.articles["text"][0].startswith(f"{title} was") or batch.articles["title"][0] == title
        assert set(batch.comments["article_id"]) == {batch.articles["id"][0]}
    assert "the file holds 3 pages" in reading.loss.notes
    assert reading.loss.records_in == reading.loss.comments_out == 7


def test_the_same_page_twice_in_a_file_keeps_ids_apart(tmp_path):
    seed = SEED.read_text(encoding="utf-8")
    path = tmp_path / "twice.txt"
    path.write_text(f"{seed}\n\n\n{seed}", encoding="utf-8")
    batches = list(read(path, "page"))
    assert [len(batch) for batch in batches] == [6, 6]
    ids = [name for batch in batches for name in batch.comments["id"]]
    assert len(set(ids)) == 12
    assert ids[:6] == list(next(iter(read(SEED))).comments["id"])


@pytest.mark.parametrize("between", ["\f", "\n\n==========\n\n", "\n\nhttps://example.org/2\n\n"])
def test_what_separates_pages_may_stand_in_a_page_too(tmp_path, between):
    comments, articles, report = page(
        tmp_path, f"https://example.org/1\n\n{ARTICLE}Ada says:\n\nKeep it.\n{between}\nWhy not?\n\nBen says:\n\nYes.\n"
    )
    assert comments["author"].tolist() == ["Ada", "Ben"]
    assert comments["text"][0].startswith("Keep it.")
    assert comments["text"][0].endswith("Why not?")
    assert len(articles) == 1
    assert not any("pages" in note for note in report.notes)


def test_comments_that_go_on_behind_a_form_feed_belong_to_the_page_before(tmp_path):
    first, second = another("The oven", ("Ada", "Ben")), another("The till", ("Cy", "Dee"))
    more = "  • Eve says:\n\n    Still here.\n\n  • Fay says:\n\n    So am I.\n"
    path = tmp_path / "pages.txt"
    path.write_text("\f".join((first.rpartition("\n\n\n")[0] + "\n", more, second)), encoding="utf-8")
    batches = list(read(path, "page"))
    assert [batch.comments["author"].tolist() for batch in batches] == [["Ada", "Ben", "Eve", "Fay"], ["Cy", "Dee"]]


# Pages with a peculiarity each: what stands there, and what is in it.


def test_replies_are_told_by_their_indent(tmp_path):
    comments, *_ = page(
        tmp_path,
        ARTICLE
        + dedent(
            """\
            Ada says:
            November 25, 2007 at 9:05 am

                Somebody should buy it.

                Ben says:
                November 25, 2007 at 9:20 am

                    With what money?

                    Ada says:
                    November 25, 2007 at 9:21 am

                        Everybody's.

            Cy says:
            November 25, 2007 at 10:00 am

                I would miss the smell.
            """
        ),
    )
    assert comments["author"].tolist() == ["Ada", "Ben", "Ada", "Cy"]
    assert comments["text"].tolist() == [
        "Somebody should buy it.",
        "With what money?",
        "Everybody's.",
        "I would miss the smell.",
    ]
    ids = comments["id"].tolist()
    assert missing_as_none(comments["parent_id"]) == [None, ids[0], ids[1], None]
    assert comments["posted_at"].notna().all()


def test_replies_may_have_bullets_of_their_own(tmp_path):
    comments, *_ = page(
        tmp_path,
        f"{ARTICLE}Tags: bread\n\n  • Ada says:\n\n    Keep it.\n\n      ◦ Ben says:\n\n        Why?\n\n"
        "      ◦ Cy says:\n\n        Why not?\n\n  • Dee says:\n\n    Well:\n\n    ◦ rye\n\n    ◦ oats\n\n\nLinks\n",
    )
    assert comments["author"].tolist() == ["Ada", "Ben", "Cy", "Dee"]
    assert comments["text"].tolist() == ["Keep it.", "Why?", "Why not?", "Well:\n\n◦ rye\n\n◦ oats"]
    ids = comments["id"].tolist()
    assert missing_as_none(comments["parent_id"]) == [None, ids[0], ids[0], None]


def test_replies_are_told_by_quote_marks_and_arrows(tmp_path):
    for first, second in (("> ", "> > "), ("↳ ", "↳↳ ")):
        quote, deeper = (first, second) if first == "> " else ("", "")
        comments, *_ = page(
            tmp_path,
            f"{ARTICLE}Comments (4)\n\nAda said on November 25, 2007:\n\nKeep the oven.\n\n"
            f"{first}Ben said on November 25, 2007:\n\n{quote}And the baker.\n\n"
            f"{second}Ada said on November 26, 2007:\n\n{deeper}She is ninety.\n\n"
            "Cy said on November 27, 2007:\n\nGood cakes.\n",
        )
        assert comments["author"].tolist() == ["Ada", "Ben", "Ada", "Cy"], first
        assert comments["text"].tolist() == ["Keep the oven.", "And the baker.", "She is ninety.", "Good cakes."]
        ids = comments["id"].tolist()
        assert missing_as_none(comments["parent_id"]) == [None, ids[0], ids[1], None]


def test_replies_are_told_by_words(tmp_path):
    comments, *_ = page(
        tmp_path,
        ARTICLE + "Ada says:\n\nKeep the oven.\n\nBen says:\n\nNo room for it.\n\n"
        "Cy says:\nIn reply to Ada:\n\nHow heavy is it?\n\n"
        "Dee replied to Ben:\n\nMake room.\n",
    )
    assert comments["author"].tolist() == ["Ada", "Ben", "Cy", "Dee"]
    assert comments["text"].tolist() == ["Keep the oven.", "No room for it.", "How heavy is it?", "Make room."]
    ids = comments["id"].tolist()
    assert missing_as_none(comments["parent_id"]) == [None, None, ids[0], ids[1]]


def test_a_notice_says_its_kind(tmp_path):
    comments, *_ = page(
        tmp_path,
        f"{ARTICLE}4 Responses to “{TITLE}”\n\nAda says:\n\nKeep the oven.\n\n"
        "Pingback: Ovens of the north | A blog\n\n"
        "Trackback by Bread and more — November 26, 2007\n\n[...] on the corner of Mill Lane [...]\n\n"
        "Ben says:\n\nAnd the baker.\n",
    )
    assert comments["kind"].tolist() == ["unknown", "pingback", "trackback", "unknown"]
    assert comments["author"].tolist() == ["Ada", "Ovens of the north | A blog", "Bread and more", "Ben"]
    assert comments["text"].tolist() == [
        "Keep the oven.",
        "Pingback: Ovens of the north | A blog",
        "[...] on the corner of Mill Lane [...]",
        "And the baker.",
    ]


def test_the_words_may_stand_behind_the_byline(tmp_path):
    comments, *_ = page(
        tmp_path,
        f"{ARTICLE}Comments\n\n• Ada says: Keep the oven.\n\n"
        "• Ben says: And the baker, who says: no.\n\n• Cy says: Yes.\n",
    )
    assert comments[["author", "text"]].to_numpy().tolist() == [
        ["Ada", "Keep the oven."],
        ["Ben", "And the baker, who says: no."],
        ["Cy", "Yes."],
    ]


def test_the_article_s_own_byline_is_no_comment(tmp_path):
    for own in ("By Ann Editor on November 24, 2007", "Posted by Ann Editor | November 24, 2007 8:30 AM"):
        comments, articles, _ = page(
            tmp_path,
            f"{TITLE}\n{own}\n\n{BODY}\n\nBy Ada on November 25, 2007 at 9:05 am\n\nKeep it.\n\n"
            "By Ben on November 25, 2007 at 9:10 am\n\nWhy?\n",
        )
        assert comments["author"].tolist() == ["Ada", "Ben"]
        article = articles.iloc[0]
        assert (article["title"], article["text"], article["author"]) == (TITLE, BODY, "Ann Editor")
        assert article["published_at"].date() == datetime(2007, 11, 24, tzinfo=UTC).date()


def test_buttons_and_rules_are_not_part_of_what_people_wrote(tmp_path):
    comments, *_ = page(
        tmp_path,
        f"{ARTICLE}2 Comments\n\nAda says:\n\nPermalink\n\nKeep the oven.\n\nReply ↓\n\n-----\n\n"
        "Ben says:\n\nReply\n\nLike · Reply\n\n----------\n\nLeave a Reply\n\nComment\n",
    )
    # the second one wrote "Reply", for all anybody can tell: a comment is never emptied
    assert comments["text"].tolist() == ["Keep the oven.", "Reply"]


def test_names_come_clean(tmp_path):
    comments, _, report = page(
        tmp_path,
        ARTICLE
        + "\n\n".join(
            f"{name} on November 25, 2007 at 9:0{i} am\n\nNumber {i}."
            for i, name in enumerate(
                (
                    "Ada (not verified)",
                    "Ben <ben@example.org>",
                    "http://cy.example.org/ Cy",
                    "Dee (http://dee.example.org)",
                    "eve@example.org",
                    "10.1.2.3",
                )
            )
        ),
    )
    assert missing_as_none(comments["author"]) == ["Ada", "Ben", "Cy", "Dee", None, None]
    urls = missing_as_none(comments["author_url"])
    assert urls == [
        None,
        None,
        "http://cy.example.org/",
        "http://dee.example.org",
        None,
        None,
    ]
    assert "example.org" not in " ".join(report.notes)
    kept, *_ = page(
        tmp_path,
        f"{ARTICLE}10.1.2.3 said on May 1, 2007:\n\nA.\n\nX said on May 2, 2007:\n\nB.\n",
        keep_personal_data=True,
    )
    assert kept["author"].tolist() == ["10.1.2.3", "X"]


def test_a_count_that_does_not_fit_is_noted(tmp_path):
    comments, _, report = page(tmp_path, f"{ARTICLE}7 Comments\n\n{signed('{name} says:')}")
    assert len(comments) == 4
    assert "the page speaks of 7 comments; 4 were found" in report.notes
    comments, _, report = page(tmp_path, f"{ARTICLE}12 Comments\n")
    assert len(comments) == 0
    assert report.notes == ("the page speaks of 12 comments; none were found",)


def test_a_count_settles_what_the_layout_leaves_open(tmp_path):
    body = "• Ada says:\n\nMy list:\n\n• Ben says:\n\nNo list.\n\n• Something that nobody signed, at some length.\n"
    for count, expected in ((3, ["Ada", "Ben", None]), (2, ["Ada", "Ben"])):
        comments, *_ = page(tmp_path, f"{ARTICLE}{count} Comments\n\n{body}")
        assert missing_as_none(comments["author"]) == expected


def test_a_byline_without_words_is_a_loss(tmp_path):
    comments, _, report = page(tmp_path, f"{ARTICLE}{signed('{name} says:')}\n\nLast One says:\n")
    assert len(comments) == 4
    (line,) = report.lines
    assert line.reason == "a byline without text"
    assert line.place.startswith("line ")


def test_a_date_that_cannot_be_keeps_its_comment(tmp_path):
    comments, _, report = page(
        tmp_path,
        f"{ARTICLE}Ada wrote on February 31, 2007:\n\nKeep it.\n\nBen wrote on March 1, 2007 at 25:61:\n\nWhy?\n\n"
        "Cy wrote on March 2, 2007 at 9:00 pm EST:\n\nBecause.\n",
    )
    assert comments["author"].tolist() == ["Ada", "Ben", "Cy"]
    assert missing_as_none(comments["posted_at"]) == [None, None, pd.Timestamp("2007-03-03T02:00Z")]
    assert report.notes == ("2 bylines name a day or hour that cannot be; those times are left out: line 9, line 13",)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (("7/10/2012", "8/12/2012", "9/20/2012"), ["2012-07-10", "2012-08-12", "2012-09-20"]),
        (("7/10/2012", "8/12/2012", "20/9/2012"), ["2012-10-07", "2012-12-08", "2012-09-20"]),
        (("07.10.12", "08.12.12", "09.12.12"), ["2012-10-07", "2012-12-08", "2012-12-09"]),
        (("07.10.12", "08.12.12", "09.20.12"), ["2012-07-10", "2012-08-12", "2012-09-20"]),
        (("2012-10-07", "2012/10/8", "2012年10月9日"), ["2012-10-07", "2012-10-08", "2012-10-09"]),
        (("7 octobre 2012", "8. Oktober 2012", "9 de octubre de 2012"), ["2012-10-07", "2012-10-08", "2012-10-09"]),
        (("7 października 2012", "8 жовтня 2012", "9 Ekim 2012"), ["2012-10-07", "2012-10-08", "2012-10-09"]),
        (("2012년 10월 7일", "2012. október 8.", "9. lokakuuta 2012"), ["2012-10-07", "2012-10-08", "2012-10-09"]),
        (("Oct 7th, 2012", "8-Oct-2012", "9 Oct 12 at"), ["2012-10-07", "2012-10-08", "2012-10-09"]),
    ],
)
def test_the_page_tells_how_its_dates_are_to_be_read(tmp_path, dates, expected):
    bodies = (f"Name{i} wrote on {date} 10:00:\n\nWords.\n" for i, date in enumerate(dates))
    comments, *_ = page(tmp_path, f"{ARTICLE}Comments\n\n" + "\n".join(bodies))
    assert comments["posted_at"].dt.strftime("%Y-%m-%d %H:%M").tolist() == [f"{day} 10:00" for day in expected]


# What only looks like comments, or like the end of one.

PROSE = {
    "bullets in an article": (
        f"{TITLE}\n\nWhat will go:\n\n• the oven, older than the town hall\n\n• the till\n\n"
        "• the bell over the door\n\nWhat will stay is the smell.\n"
    ),
    "numbered headings": (
        f"{TITLE}\n\n1. The beginning\n\nIt began with rye.\n\n2. The war\n\nFlour was short.\n\n3. The end\n\nRents.\n"
    ),
    "quotations on lines of their own": (
        f"{TITLE}\n\nThe owner was calm. She said:\n\n“We had a good run.”\n\n"
        "Mayor Olsen said:\n\n“The council will decide.”\n\n"
        "A customer said:\n\n“I shall miss the cakes.”\n"
    ),
    "an interview": (
        f"{TITLE}\n\nMayor Olsen says: it is sad.\n\nBaker Holm says: it is time.\n\nMayor Olsen says: perhaps.\n"
    ),
    "dates in prose": (
        f"{TITLE}\n\nThe shop opened on May 3, 1917\n\nIt moved here on June 9, 1921\n\nIt closes in spring.\n"
    ),
    "a list of runners and times": (
        f"{TITLE}\n\n1. Ada Holm - 2:04:38\n2. Ben Olsen - 2:04:52\n3. Cy Berg - 2:05:26\n4. Dee Lund - 2:06:01\n"
    ),
    "a list of books and dates": (
        f"{TITLE}\n\n1. Rye (June 20th, 2002)\n\n2. Wheat (July 3rd, 2003)\n\n3. Oats (May 1st, 2004)\n"
    ),
    "the author's name below": f"{TITLE}\n\n{BODY}\n\nPosted by Ann Editor at 9:50 AM\n",
    "the author's name above": f"{TITLE}\nPosted by Ann Editor on November 24, 2007\n\n{BODY}\n",
    "a form and no comments": f"{TITLE}\n\n{BODY}\n\nNo Comments\n\nLeave a Reply\n\nName (required)\n",
    "one line": "Nothing to see here",
    "a note to oneself": "My grandfather always says:\n\nNever trust a loaf that sings.\n",
}


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE.keys())
def test_an_article_alone_has_no_comments(tmp_path, text):
    comments, articles, report = page(tmp_path, text)
    assert comments.empty
    assert len(articles) == 1
    assert articles["title"][0] == text.split("\n")[0]
    assert not report.lines


# Comments that quote, list, and say "says:" themselves.
WORDS = {
    "bullets of the page's own kind": "Three things:\n\n• the oven\n\n• the till\n\n• the bell\n\nand the smell.",
    "bullets in a row": "Three things:\n• the oven\n• the till\n• the bell\nand the smell.",
    "a numbered list": "In order:\n\n1. buy it\n2. bake\n3. sell\n\n1) or rent it\n2) and bake",
    "a quotation with a byline": 'Mr Holm says:\n"We had a good run."\n\nThat is not how I remember it.',
    "a sentence that says": "As my mother says:\n\nbread is bread.\n\nShe said:\n\nso is cake.",
    "a sentence in one line": "Everybody says: keep it. Nobody says: here is the money.",
    "a date in a sentence": "It burned down\nOctober 3, 1911\nand was built again.",
    "mail quotes": "> keep the oven\n> and the baker\n\nYes to both.",
    "a signature": "Keep it.\n\nRegards,\n\nAda\nMill Lane",
    "verse": "Rye\n  and wheat\n    and oats\n\nrise.",
    "an outline": "See what it costs:\n\n    rent   100\n    flour   20\n\nToo much.",
    "numbers alone": "What would you ask for it?\n\n100\n\nor more?",
    "links": "See http://example.org/ovens\nand https://example.org/tills?q=1",
    "the word comments": "Comments\n\nare what this is.",
    "other scripts": "面包很好吃。\n\nХлеб всему голова!\n\nالخبز",
    "shouting and signs": "!!! $$$ ~~~ :-) <b>bold</b> &amp; © ½",
}
LAYOUTS = {
    "hanging bullets": ("  • {name} says:", 4),
    "flush bullets": ("• {name} says:", 0),
    "hanging names": ("{name} says:", 4),
    "flush names": ("{name} says:", 0),
    "dated": ("{name} on November 25, 2007 at 9:05 am", 0),
    "numbered": ("{n}. {name} said on November 25, 2007:", 3),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("words", WORDS)
def test_what_people_write_is_kept_whole(tmp_path, layout, words):
    template, indent = LAYOUTS[layout]
    texts = ["Somebody should buy it, and soon.", WORDS[words], "I would miss the smell.", "So would I, every morning."]
    names = ["Ada", "Ben", "Cy", "Dee"]
    body = "\n\n".join(
        template.format(name=name, n=n) + "\n\n" + indented(text, indent)
        for n, (name, text) in enumerate(zip(names, texts, strict=True), 1)
    )
    comments, *_ = page(tmp_path, f"{ARTICLE}Tags: bread\n\n{body}\n\n\n\nSourdough\n\nRye\n")
    assert comments["author"].tolist() == names
    assert comments["text"].tolist() == texts


def test_the_same_words_twice_are_two_comments(tmp_path):
    comments, *_ = page(tmp_path, f"{ARTICLE}Ada says:\n\nYes.\n\nAda says:\n\nYes.\n\nBen says:\n\nYes.\n")
    assert comments["text"].tolist() == ["Yes."] * 3
    assert comments["id"].is_unique


def test_a_page_of_comments_alone_has_no_article(tmp_path):
    comments, articles, _ = page(tmp_path, signed("{name} on {date}"))
    assert len(comments) == 4
    assert articles.empty
    assert comments["article_id"].isna().all()


def test_comments_come_in_chunks_that_name_their_article(tmp_path):
    path = tmp_path / "page.txt"
    path.write_text(f"{ARTICLE}{signed('{name} says:')}", encoding="utf-8")
    batches = list(read(path, chunk_rows=3))
    assert [len(batch) for batch in batches] == [3, 1]
    assert {batch.articles["id"][0] for batch in batches} == {*batches[0].comments["article_id"]}


def test_a_map_of_columns_is_said_to_be_of_no_use(tmp_path):
    _, _, report = page(tmp_path, f"{ARTICLE}{signed('{name} says:')}", columns={"text": "body"})
    assert "a page has no columns: the map is not used" in report.notes


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("cp1252", b"")],
)
def test_a_page_is_read_in_the_encoding_it_was_saved_in(tmp_path, encoding, mark):
    text = f"{ARTICLE}{signed('• {name} says:', anonymous='• ')}".replace("•", "·" if encoding == "cp1252" else "•")
    comments, articles, _ = page(tmp_path, mark + text.encode(encoding))
    assert comments["text"].tolist() == [text for _, text in TALK]
    assert articles["text"][0] == BODY


@given(
    st.text(
        st.sampled_from("Ada Bn.:,•*->1\n\t says said Posted by on May 3, 2012 Comments (2)“”"),
        min_size=1,
        max_size=400,
    )
)
def test_no_text_is_refused(tmp_path_factory, text):
    page(tmp_path_factory.mktemp("any"), text)


@given(
    st.lists(
        st.sampled_from(
            [*signed("• {name} says:").split("\n"), "", "6 Comments", "Tags:", *PROSE["an interview"].split("\n")]
        ),
        min_size=1,
    )
)
def test_no_line_is_in_two_comments(tmp_path_factory, lines):
    unique = [f"{line} {number}" if len(line) > 30 else line for number, line in enumerate(lines)]
    if not "".join(unique):
        return
    comments, *_ = page(tmp_path_factory.mktemp("lines"), "\n".join(unique))
    for line in unique:
        if len(line) > 30:
            assert sum(line.strip("• ") in text for text in comments["text"]) <= 1


# Each of these would take hours if any step looked at a line, or at the lines before it, more than a few times over.
NASTY = {
    "one line": "war and peace " * (50 * 2**20 // 14),
    "many lines": "the oven said that on 12 days it had been cold\n" * 40_000,
    "lines full of dates": "On May 3, 2012 it was 10:15 AM then, on 2012-05-04 no more, says:\n" * 15_000,
    "lines full of verbs": f"{'says: said: wrote ' * 9}\n" * 15_000,
    "bullets": f"{'- ' * 60}\n" * 15_000,
    "names": "Ada Ben Cy Dee Eve Fay\n\n" * 20_000,
    "quote marks": ">" * 2_000_000,
    "white space": " " * 5_000_000 + "x",
    "blank lines": "\n" * 2_000_000 + "x",
    "no letters": "(" * 1_000_000,
    "wide gaps": "a long enough line of words, so that it is no link at all; and so on.\n\n\n" * 20_000,
    "headings": "Comments\n\n" * 20_000,
}


@pytest.mark.parametrize(
    "line",
    [
        "Ada",
        "Ada says:",
        "May 3, 2012",
        "=" * 12,
        "6 Comments",
        "Ada 4 pts",
        "I said so.",
        "\f",
        "Tags: x",
        "Posted by: Ada | May 3, 2012 9:05 AM",
    ],
)
def test_a_line_again_and_again_ends(tmp_path, line):
    page(tmp_path, f"{line}\n" * 100_000)
    page(tmp_path, f"{line}\n\n" * 5_000)


@pytest.mark.parametrize("words", NASTY.values(), ids=NASTY.keys())
def test_a_huge_comment_is_one_comment(tmp_path, words):
    comments, *_ = page(tmp_path, f"{ARTICLE}Ada says:\n\n{words}\n\nBen says:\n\nYes.\n\nCy says:\n\nNo.\n")
    assert comments["author"].tolist() == ["Ada", "Ben", "Cy"]
    assert comments["text"].tolist()[1:] == ["Yes.", "No."]
    assert "".join(comments["text"][0].split()) == "".join(words.split())


def test_many_comments_are_many_comments(tmp_path):
    talk = "".join(f"Name{i} says:\n\n“{i},” she said.\n\n" for i in range(20_000))
    comments, *_ = page(tmp_path, f"{ARTICLE}20,000 Comments\n\n{talk}")
    assert len(comments) == 20_000
    assert comments["text"].iloc[-1] == "“19999,” she said."


def test_what_is_no_page_is_refused_in_one_line(tmp_path):
    for content, message in (
        (b"", "is empty"),
        (bytes(range(256)) * 8, "holds binary data"),
        (b"\x1f\x8b\x08\0" * 9, "cannot be unpacked .it is damaged."),
    ):
        path = tmp_path / "page.txt"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as refusal:
            list(read(path, "page"))
        assert "\n" not in str(refusal.value)
