"""The words that page templates print around comments, as tables, in the languages that blog engines speak.

To teach the page reader another template, add a row here. Rows are regular expressions, matched without regard to case
against whole short lines; `_` in a list of words stands for the space inside a phrase.
"""

import re
from collections.abc import Iterable
from typing import Final

__all__ = [
    "ARTICLE_ENDS",
    "BARE_HEADINGS",
    "BOILERPLATE",
    "BY",
    "CAPTIONS",
    "COMMENT_WORDS",
    "CONJUNCTIONS",
    "FOOTER",
    "GLUED",
    "KINDS",
    "LEADS",
    "LITTLE",
    "NEVER",
    "NUMBERS",
    "OF",
    "ON",
    "POSTED",
    "REPLYING",
    "SAYS",
    "TAIL",
    "TAIL_WORDS",
    "TALK",
]


def _words(*rows: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for row in rows for word in row.split())


def _any(rows: Iterable[str]) -> str:
    return "|".join(rows)


# How templates let a commenter speak.
SAYS: Final = _words(
    "says said writes wrote replies replied responds responded answers answered comments commented",
    "asks asked adds added remarks remarked",
    "dit a_dit écrit a_écrit répond a_répondu commente a_commenté",  # French
    "sagt sagte schreibt schrieb meint meinte antwortet antwortete kommentiert kommentierte hat_geschrieben",  # German
    "dice dijo escribe escribió responde respondió comenta comentó ha_dicho ha_escrito",  # Spanish
    "diz disse escreve escreveu respondeu comentou",  # Portuguese
    "scrive ha_scritto ha_detto ha_commentato risponde",  # Italian
    "zegt zei schrijft schreef antwoordt reageerde",  # Dutch
    "säger sade skriver skrev siger sagde sier kirjoitti kirjoittaa sanoo sanoi",  # Swedish, Danish, Norwegian, Finnish
    "pisze napisał napisała mówi powiedział powiedziała píše napsal napsala",  # Polish, Czech
    "пишет писал писала написал написала говорит говорил говорила сказал сказала",
    "комментирует ответил ответила",  # Russian
    "пише писав писала написав каже сказав відповів відповіла",  # Ukrainian
    "diyor_ki dedi_ki diyor dedi yazdı yazıyor szerint írta mondta",  # Turkish, Hungarian
    "λέει είπε γράφει έγραψε spune a_spus zice a_zis scrie a_scris",  # Greek, Romanian
    "說 说 写道 寫道 說道 说道 表示",  # Chinese
    "さん_より さんより より さんの発言 の発言 さんのコメント のコメント さん 님의_말 님",  # Japanese, Korean
)
# Those of them that may follow a name without a space.
GLUED: Final = _words(
    "さん_より 說 说 写道 寫道 說道 说道 さんより さんの発言 の発言 さんのコメント のコメント さん 님의_말 님"
)
POSTED: Final = _words(
    "posted written submitted added tracked left published comment_left comment commented sent",
    "publié posté écrit geschrieben verfasst erstellt eingereicht kommentiert",
    "publicado enviado escrito pubblicato inviato scritto geplaatst skrivet skrevet dodany dodane napisane",
    "rédigé commentaire kommentar comentario comentário commento reactie kommentarz komentarz комментарий",
    "опубликовано добавлено 投稿者",
)
BY: Final = _words("by from par von por da door av af przez od")
# "By" as it stands only behind a word of the row above: in front of a name it could be the name's own.
OF: Final = (*BY, *_words("de di do du van от autor"))
ON: Final = _words("on at le am el em il op den dne dnia vom @")
REPLYING: Final = (
    r"replying to(?: a comment from)?",
    *_words("in_reply_to in_response_to replied_to reply_to responding_to responded_to"),
    *_words("en_réponse_à en_respuesta_a als_antwort_auf antwortet_auf em_resposta_a in_risposta_a als_reactie_op ↳ →"),
)
# What a notice calls itself -> what we call it.
KINDS: Final = {"pingback": "pingback", "trackback": "trackback", "ping": "pingback", "rückverweis": "pingback"}

# "6 Comments", "Comments (6)", "6 Responses to …": what stands over comments, beside a number.
COMMENT_WORDS: Final = (
    *("comments?", "responses?", "replies", "reply", "thoughts?", "reactions?", "opinions", "notes", "feedback"),
    *("discussion", "(?:reader|user|all|latest) comments"),
    *("gedanken?", "pensier[io]", "gedachten?", "tank(?:er|ar)", "myśli", "pensées?", "ideas?"),
    *("kommentt?i[at]?", "kommentaria", "отзыв[аыов]*", "коментар\\w{0,3}", "yorum(?:lar)?", "hozzászólás(?:ok)?"),
    *("σχόλι[οα]", "comentarii", "評論", "留言", "댓글", "コメント数"),
    *("commentaires?", "réponses?", "réactions?", "kommentare?", "antworten", "reaktionen", "meinungen"),
    *(
        "comentarios?",
        "respuestas?",
        "comentários?",
        "respostas?",
        "comment[io]",
        "risposte",
        "reacties?",
        "opmerkingen",
    ),
    *(
        "kommentarer",
        "svar",
        "kommentit",
        "komentarz[ey]",
        "komentář[eů]",
        "комментари[йяеив]+",
        "ответов",
        "评论",
        "コメント",
    ),
)
# The ones that head a list of comments even without a number.
BARE_HEADINGS: Final = (
    *("comments", "responses", "discussion", "(?:reader|user|all|latest) comments", "reactions", "join the discussion"),
    *("what people are saying", "commentaires", "réactions", "kommentare", "reaktionen", "comentarios", "comentários"),
    *("commenti", "reacties", "kommentarer", "komentarze", "komentáře", "комментарии", "评论", "コメント"),
    *("評論", "留言", "댓글", "yorumlar", "hozzászólások", "σχόλια", "comentarii", "коментарі", "отзывы", "kommentit"),
)
_NUMBER_WORDS: Final = (
    *(
        "no none zero keine aucun ningún geen",
        "one un ein eine uno een",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
    ),
    *("eight", "nine", "ten", "eleven", "twelve"),
)
NUMBERS: Final = {word: number for number, words in enumerate(_NUMBER_WORDS) for word in words.split()}

# Lines after the article's last paragraph; the comments begin below them. Matched at the beginning of a line.
ARTICLE_ENDS: Final = re.compile(
    _any(
        (
            (
                r"(?:tags?|tagged(?: (?:as|with))?|filed (?:under|in)|posted in|categor(?:y|ies)|labels|keywords|"
                r"topics|share(?: this)?|bookmark|permalink|trackback(?: url)?|printer.friendly|email this|"
                r"schlagw[oö]rte?r?|"
                r"kategorien?|étiquettes|mots.clés|classé dans|etiquetas|archivado en|categorias?|arquivado em)"
                r"\b\s*(?::|\(|»|$)"
            ),
            r"this entry was posted",
            r"you can follow any responses",
            r"both comments and pings",
            r"posted (?:by|at) .{1,80}\| ?(?:permalink|comments?)",
            (
                r"(?:e-?mail|print|share|tweet|facebook|twitter|digg|reddit|stumbleupon|del\.icio\.us)"
                r"(?:\s*[|·,]\s*[\w.-]+){0,8}$"
            ),
        )
    ),
    re.IGNORECASE,
)
# Lines after the last comment; what stands below them belongs to the page.
FOOTER: Final = re.compile(
    _any(
        (
            (
                r"(?:leave|post|add|write|submit|make) (?:(?:a|your|another|new)(?: own)? )?"
                r"(?:reply|comment|response|feedback)"
                r"(?: cancel reply| here| below| now| on this \w+| to .{1,60})?[:.!»]*"
            ),
            r"(?:the )?comments? (?:to this entry |for this (?:post|thread|entry) )?(?:are|is) (?:now )?closed.{0,60}",
            r"comments on this (?:entry|article|post|thread) are (?:now )?closed.{0,40}",
            r"commenting (?:is|has been) (?:now )?closed.{0,40}",
            r"your e?-?mail (?:address )?will not be published.{0,120}",
            r"sorry,? (?:the comment form|comments).{0,80}",
            r"you must be (?:logged|signed) in to.{0,60}",
            r"log ?in to (?:post|leave|reply to).{0,60}",
            r"sign in to comment.{0,60}",
            r"(?:subscribe|comments) (?:to|via|rss|feed).{0,80}",
            r"trackbacks?(?: url.{0,120}|s? ?\(\d+\))?",
            r"listed below are links to weblogs.{0,120}",
            r"(?:older|newer|previous|next|earlier|more) (?:comment|post|entr(?:y|ie)|article|stor(?:y|ie))s?\b.{0,80}",
            r"[«←‹<]+ .{1,100}",
            r".{1,100} [»→›>]+",
            r"recent (?:posts?|comments?|entries|articles)",
            r"most (?:popular|read|commented).{0,40}",
            r"related (?:posts?|articles?|stories|entries|links|content).{0,40}",
            r"you (?:may|might) also (?:like|enjoy).{0,40}",
            r"(?:copyright|©|\(c\)) ?.{0,120}",
            r"all rights reserved.{0,60}",
            r"powered by .{1,80}",
            r"blogroll|archives|categories|about the author",
            r"schreibe? einen kommentar.{0,60}|antwort hinterlassen.{0,60}",
            r"kommentar (?:schreiben|hinterlassen|abgeben)",
            r"kommentarfunktion .{0,60}",
            r"laisser un commentaire.{0,60}|ajouter un commentaire.{0,40}|poster un commentaire.{0,40}",
            r"les commentaires sont fermés.{0,40}",
            r"deja (?:un comentario|una respuesta).{0,60}|escribe un comentario.{0,40}|publicar un comentario.{0,40}",
            r"los comentarios están cerrados.{0,40}",
            r"deixe (?:um comentário|uma resposta).{0,60}|(?:enviar|postar) um comentário.{0,40}",
            r"lascia un commento.{0,60}|scrivi un commento.{0,40}",
            r"kommentar verfassen.{0,40}|lämna (?:ett|en) (?:svar|kommentar).{0,40}|kommentera",
            r"skriv (?:et|en) (?:svar|kommentar)",
            r"legg igjen (?:en|et) (?:kommentar|svar).{0,40}|vastaa|jätä kommentti.{0,40}|dodaj komentarz.{0,40}",
            r"(?:napsat|přidat) komentář.{0,40}|(?:добавить|оставить|написать) комментарий.{0,40}",
            r"залишити відповідь.{0,40}",
            r"コメントを(?:残す|投稿|書く|追加).{0,20}|[发發]表(?:评论|回复|評論|回覆|迴響).{0,20}",
            r"댓글 (?:남기기|쓰기).{0,20}",
            r"bir (?:cevap|yanıt) yazın.{0,40}|yorum yap.{0,20}|vélemény, hozzászólás\\?.{0,20}|rispondi",
            r"αφήστε (?:μια απάντηση|ένα σχόλιο).{0,40}|(?:lasă|lăsați) un (?:răspuns|comentariu).{0,40}",
            r"os comentários estão fechados.{0,40}|i commenti sono chiusi.{0,40}|kommentarer inaktiverade.{0,40}",
            r"(?:die )?kommentare sind geschlossen.{0,40}|комментарии закрыты.{0,40}",
            r"möglichkeit zu kommentieren.{0,40}",
            r"geef een reactie.{0,60}|laat een (?:reactie|antwoord) achter.{0,60}",
        )
    ),
    re.IGNORECASE,
)
# Buttons that dumps leave at the edges of a comment.
BOILERPLATE: Final = re.compile(
    r"(?:reply|quote|report(?: (?:abuse|spam|comment|this(?: comment)?))?|flag|like|likes?:? ?\d*|dislike|edit|delete|"
    r"share|link|permalink|permanent link|reply to this(?: comment)?|reply to .{1,60}|log in to reply|in reply|"
    r"see all replies|show replies|hide replies|replies|\d+ (?:likes?|replies|reply)|recommend(?: \(\d+\))?|upvote|"
    r"downvote|reageren|besvar|vastaa|odpovědět|відповісти|回覆|답글|답변|yanıtla|cevapla|válasz|απάντηση|räspunde|"
    r"răspunde|citer|citar|cita|citeren|cytuj|цитировать|引用|通報|举报|신고|signaler|melden|denunciar|segnala|zgłoś|"
    r"gefällt mir|j['’]aime|me gusta|mi piace|curtir|vind ik leuk|lubię to!?|нравится|いいね！?|赞|좋아요|permalien|"
    r"enlace permanente|permanenter link|link permanente|accedi per rispondere|connectez-vous pour répondre|"
    r"melde dich an, um zu antworten|inicia sesión para responder|log in om te reageren|logga in för att svara|"
    r"[↓↑#¶]|répondre|antworten|zitieren|responder|rispondi|beantwoorden|svara?|odpowiedz|ответить|回复|返信)"
    r"(?: ?[↓↑»·|] ?(?:reply|quote|report|link|permalink|#|share|edit|like)?){0,4}"
    r"|.{1,60}['’]s picture|\(not verified\)|your comment is awaiting moderation\.?",
    re.IGNORECASE,
)
# What may stand behind a byline's last word, and the words that this can end in.
TAIL: Final = re.compile(
    r"(?:[\s|·•,/-]*(?:permalink|permanent link|link(?: to this comment)?|reply|quote|flag|report(?: abuse)?|edit|#\d*|"
    r"\(#\d+\)|\(edit\)|\[edit\]|homepage|journal|log in to reply|[↓¶]|antworten|répondre|responder|[|·•]|"
    r"\s@\w{2,30}))+$",
    re.IGNORECASE,
)
TAIL_WORDS: Final = frozenset(
    _words("permalink link comment reply quote flag report abuse edit homepage journal antworten répondre responder")
)

# Words that begin a sentence rather than a name.
LEADS: Final = frozenset(
    _words(
        "as he she they i we you it who and but or so if then when while because although though what which that this",
        "these those my his her our their your its one someone somebody everyone everybody nobody people like also the",
        "a an there here yesterday today tomorrow in on at for after before since last until to with without under",
        "over is was are were not no yes just now later earlier meanwhile however first second another other some any",
        "all er sie wir ich es und aber der die das ein eine il elle ils elles je nous vous et mais le la les un une",
        "él ella yo nosotros y pero el los las como ele ela eu e mas o os",
    )
)
CONJUNCTIONS: Final = frozenset(_words("as and but if because when while although though since und aber wie et mais"))
# Words that are nobody's whole name.
NEVER: Final = frozenset(
    _words(
        "he she they i we you it who updated update published posted modified date edited created copyright last filed",
        "source via photo image credit read more page and but in re",
    )
)

# Small words that titles have and names have not.
LITTLE: Final = frozenset(
    _words(
        "a an the of to and or in on for with from at by is are was be how what why when where who your you my our",
        "this that it its as not no vs new le la les et des du der die das und mit für auf el los las y por para il di",
        "che",
        "o os e um uma het een voor och att för i na do и в на с",
    )
)
# Words of people who talk to each other; articles have few of them.
TALK: Final = frozenset(
    _words(
        "i i'm i've i'd i'll im me my mine myself you you're you've your yours u thanks thank thx please sorry hi",
        "hello hey lol haha yes yeah yep nope ok okay wow agree agreed congrats awesome cool love amazing glad hope",
        "guys",
        "wish guess maybe anyone btw imo imho",
        "je j'ai moi mon ma mes tu vous votre vos merci bonjour bravo salut ich mir mich mein meine du dir dein deine",
        "euch danke hallo yo mi mis me tú te tu usted gracias hola felicidades io mio mia ti tuo grazie ciao",
        "eu meu minha você obrigado obrigada olá ik mijn jij je jouw bedankt jag mig min mitt dig din tack hej jeg",
        "meg mig deg takk",
        "ja mnie mój moja ty ciebie twój dziękuję dzięki cześć já můj díky я меня мне мой моя ты вы вас вам",
        "спасибо привет",
    )
)
# First words of lines that caption a picture or a list.
CAPTIONS: Final = frozenset(
    _words(
        "source sources via photo photos image images picture pictures courtesy credit credits related",
        "update correction note tags tagged labels category categories video audio figure fig step part chapter",
        "day week photograph",
        "foto fotos bild quelle crédit légende fuente imagen fonte immagine bron zdjęcie źródło фото источник",
    )
)
