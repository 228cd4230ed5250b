"""Language: told where it can be, None where it cannot, the same in any company."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.features.language import languages

TOLD = [
    ("en", "I think that the bridge should have been closed last year, and you know it."),
    ("fr", "Je ne suis pas du tout d'accord avec cet article, la mairie devrait avoir honte."),
    ("de", "Ich bin überhaupt nicht einverstanden mit diesem Artikel, die Stadt sollte sich schämen."),
    ("es", "No estoy nada de acuerdo con este artículo, el ayuntamiento debería avergonzarse."),
    ("pl", "Zupełnie nie zgadzam się z tym artykułem, władze miasta powinny się wstydzić."),
    ("it", "Non sono affatto d'accordo con questo articolo, il comune dovrebbe vergognarsi."),
    ("ru", "Я совершенно не согласен с этой статьёй, городу должно быть стыдно."),
    ("el", "Δεν συμφωνώ καθόλου με αυτό το άρθρο, ο δήμος πρέπει να ντρέπεται."),
    ("ja", "この記事にはまったく賛成できません。市は恥じるべきです。"),
    ("zh", "我完全不同意这篇文章的观点，市政府应该感到羞耻，他们什么都没有做。"),
    ("ko", "저는 이 기사에 전혀 동의하지 않습니다. 시는 부끄러워해야 합니다."),
    ("he", "אני ממש לא מסכים עם המאמר הזה, העירייה צריכה להתבייש."),
]
UNCLEAR = [
    "",
    "ok",
    "lol",
    "Merci!",
    "👍👍👍",
    "http://a.example/le-pont-de-la-ville",
    "1234567890 1234567890 1234567890",
    None,
]


@pytest.mark.parametrize(("code", "text"), TOLD)
def test_a_sentence_tells_its_language(code, text):
    assert languages([text]) == [code]


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_is_short_or_no_language_is_left_open(text):
    assert languages([text]) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "Paris, Berlin, Madrid, Roma, Wien, Praha",
        "hahahahaha",
        "great post, merci beaucoup for this, it is just what I was looking for",
        "Angela Merkel and Nicolas Sarkozy are to meet in Baden-Baden",
    ],
)
def test_names_and_borrowed_words_make_no_other_language(text):
    assert languages([text])[0] in ("en", None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_gets_one_answer_the_same_in_any_company(texts):
    together = languages(texts)
    assert len(together) == len(texts)
    assert together == [languages([text])[0] for text in texts]
