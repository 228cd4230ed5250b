"""Times as templates print them in, in the languages they print them in; aware UTC times out, and nothing raised."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.readers import dates

MORNING, EVENING = "2012-03-04T10:20", "2012-11-23T22:05"

# Dates of 4 March 2012, 10:20, and of 23 November 2012, 22:05, in each language's own forms.
PRINTED = {
    "en": ("March 4, 2012 at 10:20 am", "23rd November 2012 10:05 p.m."),
    "de": ("4. März 2012 um 10:20 Uhr", "Fr., 23. November 2012, 22:05"),
    "fr": ("4 mars 2012 à 10h20", "le 23 nov. 2012 à 22 h 05 min"),
    "es": ("4 de marzo de 2012 a las 10:20", "23 noviembre, 2012 a las 10:05 pm"),
    "it": ("4 marzo 2012 alle 10:20", "23 nov 2012 ore 22:05"),
    "pt": ("4 de março de 2012 às 10:20", "23/11/2012 às 22:05"),
    "ca": ("4 de març de 2012 a les 10:20", "23 novembre 2012, 22:05"),
    "gl": ("4 de marzo de 2012 ás 10:20", "23 de novembro de 2012, 22:05"),
    "ro": ("4 martie 2012 la 10:20", "23 noi. 2012, ora 22:05"),
    "nl": ("4 maart 2012 om 10:20", "23 nov. 2012 22:05"),
    "sv": ("4 mars, 2012 kl. 10:20", "23 november 2012 10:05 e m"),
    "da": ("4. marts 2012 kl. 10.20", "fredag den 23. november 2012 22:05"),
    "no": ("4. mars 2012 kl. 10:20", "23. nov. 2012 kl 22.05"),
    "fi": ("4. maaliskuuta 2012 klo 10.20", "23 marraskuu, 2012 klo 22:05"),
    "et": ("4. märts 2012 kell 10:20", "23. november 2012 22:05"),
    "lv": ("2012. gada 4. marts plkst. 10:20", "2012. gada 23. novembris, 22:05"),
    "lt": ("2012 m. kovo 4 d. 10:20", "2012-11-23 22:05"),
    "pl": ("4 marca 2012 o 10:20", "23 listopad, 2012, 22:05"),
    "cs": ("4. 3. 2012 (10:20)", "23. listopadu 2012 (10:05 odp.)"),
    "sk": ("4. marca 2012 o 10:20", "23. november 2012 v 22:05"),
    "hu": ("2012. március 4. 10:20", "2012. november 23. - 22:05"),
    "hr": ("4. ožujka 2012. u 10:20", "23. studenoga 2012. u 22:05"),
    "sr": ("4. март 2012. у 10:20", "23. новембар 2012. у 22:05"),
    "sl": ("4. marec 2012 ob 10:20", "23. november 2012 ob 22:05"),
    "bg": ("4 март 2012 в 10:20", "23 ноември 2012, 22:05"),
    "ru": ("4 марта 2012 в 10:20 дп", "Ноябрь 23rd, 2012 в 10:05 пп"),
    "uk": ("4 березня, 2012 о 10:20", "23 Лис 2012 22:05"),
    "tr": ("4 Mart 2012, 10:20", "23 KASIM 2012 Cuma saat 22:05"),
    "el": ("4 ΜΑΡΤΙΟΥ 2012 στις 10:20 πμ", "23 Νοέμβριος 2012 10:05 μμ"),
    "id": ("4 Maret 2012 pukul 10.20", "23 November 2012 jam 22:05"),
    "vi": ("4 Tháng Ba, 2012 lúc 10:20", "23 tháng 11, 2012 22:05"),
    "he": ("4 במרץ 2012 10:20", "23 בנובמבר 2012, 22:05"),
    "ar": ("4 مارس، 2012 10:20 ص", "23 نوفمبر 2012 10:05 م"),
    "ja": ("2012年3月4日 10:20", "2012年11月23日(金) 午後10:05"),
    "zh": ("2012年3月4日 上午10:20", "2012-11-23 22:05"),
    "ko": ("2012년 3월 4일 오전 10:20", "2012년 11월 23일 22:05"),
}


def told(line: str) -> str:
    (start, end), *_ = dates.spans(line)
    found = dates.parse(line[start:end], dates.numeric_order([line[start:end]]))
    assert found is not None
    return found.isoformat()[:16]


@pytest.mark.parametrize("language", PRINTED)
def test_a_template_in(language):
    morning, evening = PRINTED[language]
    assert [told(morning), told(evening)] == [MORNING, EVENING]
    assert [told(f"Ann — {morning}"), told(f"Ben, {evening}:")] == [MORNING, EVENING]


@pytest.mark.parametrize(("name", "month"), sorted(dates.MONTHS.items()))
def test_every_name_is_a_month_in_small_and_capital_letters(name, month):
    for spelled in (name, name.upper(), name.capitalize(), name.replace("i", "İ").upper()):
        if spelled.lower().replace("\u0307", "") not in dates.MONTHS:
            continue  # some letters have no capital of their own
        for line in (f"4 {spelled} 2012", f"{spelled} 4, 2012", f"4. {spelled}. 2012 10:20"):
            start, end = dates.spans(line)[0]
            assert (start, dates.parse(line[start:end]).month) == (0, month), line


def test_short_names_that_are_words_need_a_year():
    assert told("4 Ara 2012 10:20") == "2012-12-04T10:20"
    assert told("Led 4, 2012") == "2012-01-04T00:00"
    for prose in ("tem 5 anos", "Mac 10", "pro 20 lidí", "led 3 teams", "5 трав", "haz 4 cosas"):
        assert dates.spans(prose) == []


@pytest.mark.parametrize("line", ["31 şubat 2012", "February 30, 2012", "0 mars 2012", "41 märz 2012", "99.99.2012"])
def test_a_date_that_cannot_be_is_said_to_be_one(line):
    with pytest.raises(ValueError, match=r"day|month"):
        dates.parse(line)


NUMBERED = st.tuples(
    st.sampled_from(["", "Fri, ", "mar. "]), st.integers(0, 99), st.sampled_from(["", ".", "th", ". "]),
    st.sampled_from([*dates.MONTHS, "um", "x"]), st.sampled_from([" ", ". ", ", ", "", " 5 "]), st.integers(1890, 2110),
).map("{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}".format) | st.tuples(
    st.sampled_from([*dates.MONTHS, "Ago", "x"]), st.integers(0, 99), st.sampled_from([" ", ", ", ":", "st "]),
    st.integers(1890, 2110),
).map("{0[0]} {0[1]}{0[2]}{0[3]}".format)  # fmt: skip


@given(NUMBERED)
def test_a_plain_date_is_whole_where_it_is_read(text):
    try:
        assert dates.is_whole(text) == (dates.parse(text) is not None)
    except ValueError:
        assert dates.is_whole(text)


LETTERS = st.sampled_from(
    [*dates.MONTHS, *"0123456789 .,:/-٣۴İıſK", "2012", "am", "öö", "d'", "年", "月", "ago", "KASIM"]
)


@given(
    st.lists(LETTERS, max_size=12).map("".join) | st.text(max_size=60), st.sampled_from(["day first", "month first"])
)
def test_any_line_is_a_time_or_none_or_one_that_cannot_be(line, order):
    for text in (line, *(line[start:end] for start, end in dates.spans(line))):
        try:
            found = dates.parse(text, order)
        except ValueError:
            assert dates.is_whole(text)
            continue
        assert dates.is_whole(text) == (found is not None)
        assert found is None or (isinstance(found, datetime) and found.tzinfo is UTC)
