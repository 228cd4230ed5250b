"""What a browser tells in, what it should hold out: acts into the store, cards into the browser.

The browser decides at once, for the card that is on its screen, and tells its whole unacknowledged log each time. Here
each act goes through the store by compare-and-set, under a token that names it, so that an act told twice counts once
and one that no longer fits changes nothing; then it is acknowledged by its number. What the browser tells is only ever
a wish: everything in it is checked.

Cards are numbered as they are handed out, and sent again until the browser says that it has them. None of this is
truth: a server that starts anew learns from the browser's log what was decided, and hands out cards afresh.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from moderation import triage
from moderation.desk import markup
from moderation.desk.answers import LABEL_BY_NAME, Action, answers, question, spoken
from moderation.desk.card import SHOWN, face
from moderation.desk.context import Thinker, beside, thought
from moderation.desk.kindness import Exposure, Kindness, covered
from moderation.desk.words import say
from moderation.errors import Conflict, ModelError, NotAllowed, StoreError
from moderation.labels import LABELS
from moderation.lookalikes import LookAlikes
from moderation.store import ACTIONS, Filter, Review, Store
from moderation.tables import clean_text
from moderation.tiers import Scorer
from moderation.triage import Around, Card, Lens

__all__ = ["AUDIT_EVERY", "FULL", "LOW", "Place", "Stream"]

AUDIT_EVERY: Final = 20  # every so many answers, one comment is drawn at random from all
FULL: Final = 80  # cards that a browser holds when it has just been filled
LOW: Final = 40  # and when it is filled again: more than anybody decides while an answer travels
FIRST: Final = 12  # cards of the very first answer: something to read at once, the rest behind it
HEAVY: Final = 400_000  # characters sent ahead at most, so that a store of novels does not choke the browser
LEASE_S: Final = 180.0
BEAT: Final = timedelta(seconds=60)  # how often what the browser holds is claimed anew
NEAR: Final = 5  # cards whose surroundings are worked out ahead
UNNAMED_UNDO: Final = timedelta(minutes=10)  # one that does not name its act means the newest one, and lapses
NEWS: Final = 20
PASSED: Final = 500  # hard cards passed over in search of lighter ones, before it is left at that


@dataclass(frozen=True)
class Place:
    """Where a turn happens: whose store, who is at the keys, what is looked for and how it is said."""

    store: Store
    moderator: str
    model: str
    classifier: Callable[[], Scorer]
    thinker: Thinker
    alikes: LookAlikes
    thresholds: Mapping[str, float]
    lens: Lens
    actions: tuple[str, ...] | None
    matching: Filter
    with_skipped: bool
    now: datetime
    midnight: datetime
    language: str
    when: Callable[[object], str]
    kindness: Kindness
    elsewhere: AbstractSet[str] = frozenset()

    @property
    def generation(self) -> str:
        """Name what is looked for: a browser drops what it holds when this changes."""
        narrowed = (
            self.actions,
            self.matching,
            self.with_skipped,
            self.model,
            self.kindness.veil == "slurs",
            self.kindness.budget,
        )
        return f"{self.lens} {hashlib.blake2b(repr(narrowed).encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class Act:
    """One key that was pressed, as the browser tells it."""

    seq: int
    action: str
    comment_id: str = ""
    seen: int = 0
    after: int | None = None
    lens: str = ""
    asked: str | None = None
    touched: Mapping[str, bool | None] = field(default_factory=dict)
    note: str = ""
    of: int | None = None
    at_ms: int = 0


@dataclass
class Stream:
    """One browser page: what was handed to it, and what it has told."""

    session: str
    moderator: str = ""
    page: str = ""
    generation: str = ""
    run: int = 0
    number: int = 0
    heard: int = -1
    held: dict[str, Card] = field(default_factory=dict)
    unconfirmed: dict[int, dict[str, Any]] = field(default_factory=dict)
    acked: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    news: list[dict[str, Any]] = field(default_factory=list)
    news_number: int = 0
    ended: bool = False
    around: dict[str, Around] = field(default_factory=dict)
    anew: set[str] = field(default_factory=set)
    beaten: datetime | None = None
    passed: set[str] = field(default_factory=set)
    exposure: Exposure | None = None
    spent: tuple[str, ...] = ()

    def turn(self, told: Any, place: Place, *, in_front: str | None = None) -> dict[str, Any]:
        """Take what the browser tells, and return what it should know; `in_front` is a comment to show first."""
        told = told if isinstance(told, Mapping) else {}
        self.run += 1
        if self.exposure is None:
            self.exposure = Exposure(place.thresholds)
        self.exposure.begin(place.store, place.moderator, place.model, place.midnight)
        page = _text(told.get("page"), 64)
        if (page, place.generation, place.moderator) != (self.page, self.generation, self.moderator):
            self._begin_anew(page, place)
        self.heard = _whole(told.get("tick"))
        for client, act in _told_acts(told.get("logs")):
            if act.seq > self.acked.get(client, 0) and not self._apply(client, act, place):
                break
        if told.get("session") == self.session:
            got = _whole(told.get("got"))
            self.unconfirmed = {number: one for number, one in self.unconfirmed.items() if number > got}
        gone = [*self._beat(place), *self._turn_to_lighter(place)]
        if page and in_front is not None:
            self.put_in_front(in_front, place)
        if page:
            self._fill(place, first=not self.number)
        contexts = self._contexts(told.get("lacks"), place)
        return {
            "session": self.session,
            "run": self.run,
            "page": self.page,
            "generation": self.generation,
            "heard": self.heard,
            "cards": list(self.unconfirmed.values()),
            "contexts": contexts,
            "gone": gone,
            "acked": dict(list(self.acked.items())[-50:]),
            "versions": dict(list(self.versions.items())[-100:]),
            "news": self.news[-NEWS:],
            "ended": self.ended,
            "low": LOW,
        }

    def _begin_anew(self, page: str, place: Place) -> None:
        if self.held:
            place.store.release(place.moderator, list(self.held))
        self.page, self.generation, self.moderator = page, place.generation, place.moderator
        self.number = 0
        self.held.clear()
        self.unconfirmed.clear()
        self.around.clear()
        self.anew.clear()
        self.passed.clear()
        self.ended = False
        self.session = f"{self.session.partition('.')[0]}.{self.run}"  # card numbers begin again under a new name

    def tell(self, kind: str, **words: Any) -> None:
        """Add something that the browser says once."""
        self.news_number += 1
        self.news = [*self.news[-NEWS:], {"n": self.news_number, "kind": kind, **words}]

    # --- Acts

    def _apply(self, client: str, act: Act, place: Place) -> bool:
        """Do one act; False where it has to be told again, because the store could not take it now."""
        try:
            if act.action == "undo":
                self._undo(client, act, place)
            else:
                self._answer(client, act, place)
        except NotAllowed as error:
            self.tell("refused", text=say("queue.refused", place.language, why=str(error)))
        except StoreError as error:
            if not self._hopeless(act, place):
                if not self.news or self.news[-1].get("text") != str(error):  # it is told again and again
                    self.tell("fault", text=str(error))
                return False
            self.tell("refused", text=say("queue.refused", place.language, why=str(error)))
        self.acked[client] = act.seq
        return True

    @staticmethod
    def _hopeless(act: Act, place: Place) -> bool:
        """Say whether telling the act again would change nothing: the store answers, and does not know its comment."""
        try:
            place.store.counts()
        except StoreError:
            return False
        try:
            place.store.version(act.comment_id)
        except StoreError:
            return True
        return act.action not in (*ACTIONS, "undo")

    def _answer(self, client: str, act: Act, place: Place) -> None:
        token = f"{client}:{act.seq}"
        card = self.held.pop(act.comment_id, None)
        review = Review(
            comment_id=act.comment_id,
            moderator=place.moderator,
            action=act.action,
            labels=answers(cast("Action", act.action), act.asked, act.touched),
            seen=act.seen if act.after is None else self._version_after(client, act, place),
            at=place.now,
            lens=act.lens,
            note=act.note,
            token=token,
        )
        try:
            triage.give(place.store, review)
        except Conflict as clash:
            self._tell_conflict(review, clash.standing, place)
        self._let_go([act.comment_id])
        if card is not None and self.exposure is not None:
            self.exposure.add(card)
        if card is not None and (author := markup.plain(card.comment["author"])) is not None:
            # What was just answered belongs to its author's history: that author's next card is to be read anew.
            for name, one in self.held.items():
                if name in self.around and markup.plain(one.comment["author"]) == author:
                    del self.around[name]
                    self.anew.add(name)

    def _version_after(self, client: str, act: Act, place: Place) -> int:
        """Return the version that an undo left: the browser could not know it when the next key was pressed."""
        token = f"{client}:{act.after}"
        if token not in self.versions:
            events = place.store.reviews(standing=False, comment_id=act.comment_id)
            self.versions[token] = next((one.id or 0 for one in events if one.token == token), act.seen)
        return self.versions[token]

    def _tell_conflict(self, mine: Review, standing: Review | None, place: Place) -> None:
        if standing is None:  # answered and taken back, or passed on, since the card was drawn
            self.tell("refused", text=say("queue.overtaken", place.language))
            return
        text = place.store.batch([mine.comment_id]).comments["text"].iloc[0]
        self.tell(
            "conflict",
            id=mine.comment_id,
            text=markup.shortened(text, 200),
            mine=say(f"queue.did_{mine.action}", place.language),
            mine_labels=_said(mine),
            theirs={
                "who": standing.moderator,
                "did": say(f"queue.did_{standing.action}", place.language),
                "labels": _said(standing),
                "when": place.when(standing.at),
            },
        )

    def _undo(self, client: str, act: Act, place: Place) -> None:
        token = f"{client}:{act.seq}"
        store = place.store
        if act.of is None:
            told_at = timedelta(milliseconds=act.at_ms) + datetime.fromtimestamp(0, tz=place.now.tzinfo)
            if abs(place.now - told_at) > UNNAMED_UNDO:
                self.tell("notice", text=say("queue.undo_lapsed", place.language))
                return
        else:
            events = store.reviews(standing=False, comment_id=act.comment_id)
            done = next((one for one in events if one.token == token), None)
            named = f"{client}:{act.of}"
            if done is None and store.latest_token(place.moderator) != named:
                self.versions[token] = store.version(act.comment_id)
                self.tell("notice", text=say("queue.undo_elsewhere", place.language))
                return
        event = store.undo(place.moderator, at=place.now, token=token)
        if event is None:
            self.tell("notice", text=say("queue.undo_nothing", place.language))
            return
        self.versions[token] = event.id or 0
        if event.act is not None:
            size = next((one.size for one in store.acts(place.moderator, limit=20) if one.id == event.act), 0)
            self.tell("notice", text=say("queue.undone_many", place.language, n=size))
        elif act.of is not None:
            self._hold_again(event.comment_id, place)
        else:
            self.put_in_front(event.comment_id, place)
            self.tell("notice", text=say("queue.undone", place.language))

    def _hold_again(self, comment_id: str, place: Place) -> Card:
        """Hold a card that the browser has already: one that was taken back, or that an earlier server handed out."""
        place.store.claim(comment_id, place.moderator, now=place.now, lease_s=LEASE_S)
        (card,) = triage.cards_for(place.store, [comment_id], place.model, lens=place.lens)
        self.held[comment_id] = card
        return card

    def put_in_front(self, comment_id: str, place: Place) -> None:
        """Hand out a card that the browser shows at once, with what was said about it before."""
        card = self._hold_again(comment_id, place)
        events = place.store.reviews(standing=False, comment_id=comment_id)
        last = next((one for one in events if one.undoes is None and one.moderator == place.moderator), None)
        more = (
            {}
            if last is None
            else {"note": last.note, "touched": spoken(last.action, last.labels, asked_of(card, place))}
        )
        self._hand_out([card], place, front=True, **more)

    # --- Cards

    def _hand_out(self, cards: Sequence[Card], place: Place, **more: Any) -> None:
        hidden = {}
        if place.kindness.veil == "slurs":
            try:
                hidden = covered(cards, place.classifier(), place.thresholds, SHOWN)
            except ModelError:  # which words they are cannot be told: then all of them
                hidden = {card.comment_id: [(0, 2 * SHOWN)] for card in cards}
        for card in cards:
            self.number += 1
            self.held[card.comment_id] = card
            shown = face(
                card,
                place.lens.label,
                place.thresholds,
                language=place.language,
                when=place.when,
                before=_before(card, place),
            )
            veiled = hidden.get(card.comment_id, [])
            self.unconfirmed[self.number] = {"n": self.number, **shown, "veiled": veiled, **more}

    def _fill(self, place: Place, *, first: bool) -> None:
        if self.held and len(self.held) > LOW:
            return
        heavy = sum(one["size"] for one in self.unconfirmed.values())
        wanted = FIRST if first else FULL - len(self.held)
        while wanted > 0 and heavy < HEAVY:
            count = min(wanted, FIRST)
            cards = triage.next_for(
                place.moderator,
                place.store,
                place.lens,
                count,
                model=place.model,
                now=place.now,
                threshold=place.thresholds.get(place.lens.label or "", 0.5),
                hold=self.held.keys() | self.passed | place.elsewhere,
                ahead=len(self.held),
                lease_s=LEASE_S,
                audit_every=AUDIT_EVERY,
                actions=place.actions,
                matching=place.matching,
                with_skipped=place.with_skipped,
            )
            bearable = [card for card in cards if self._bearable(card, place)]
            if len(bearable) < len(cards):
                kept = {card.comment_id for card in bearable}
                hard = [card.comment_id for card in cards if card.comment_id not in kept]
                self.passed.update(hard)
                place.store.release(place.moderator, hard)
            self._hand_out(bearable, place)
            heavy += sum(min(SHOWN, len(card.comment["text"])) for card in bearable)
            self.ended = len(cards) < count
            if self.ended or len(self.passed) > PASSED:
                return
            wanted -= len(bearable)

    def _bearable(self, card: Card, place: Place) -> bool:
        return self.exposure is None or self.exposure.bearable(card, place.kindness.budget)

    def _turn_to_lighter(self, place: Place) -> list[dict[str, Any]]:
        """Take the hard cards off a browser whose person has had enough of them today; return what is taken."""
        spent = () if self.exposure is None else self.exposure.spent(place.kindness.budget)
        if set(spent) <= set(self.spent):
            self.spent = spent
            return []
        self.spent = spent
        hard = [name for name, card in self.held.items() if not self._bearable(card, place)]
        self.passed.update(hard)
        self._let_go(hard)
        place.store.release(place.moderator, hard)
        titles = ", ".join(LABEL_BY_NAME[name].title for name in spent)
        self.tell("break", text=say("kind.spent", place.language, n=place.kindness.budget, labels=titles))
        return [{"id": name, "text": say("kind.gone", place.language)} for name in hard]

    def _let_go(self, names: Sequence[str]) -> None:
        for name in names:
            self.held.pop(name, None)
        self.unconfirmed = {number: one for number, one in self.unconfirmed.items() if one["id"] not in names}

    def _beat(self, place: Place) -> list[dict[str, Any]]:
        """Claim anew what the browser holds, now and then; return what somebody else has answered or opened since."""
        if self.beaten is not None and place.now - self.beaten < BEAT:
            return []
        self.beaten = place.now
        versions = place.store.versions(list(self.held))
        gone = []
        for name, card in list(self.held.items()):
            answered = versions[name] != card.seen
            if answered or not place.store.claim(name, place.moderator, now=place.now, lease_s=LEASE_S):
                self._let_go([name])
                words = say("queue.gone_answered" if answered else "queue.gone_open", place.language)
                gone.append({"id": name, "text": words})
        return gone

    # --- What stands beside a card

    def _contexts(self, lacks: Any, place: Place) -> dict[str, dict[str, Any]]:
        asked = _lacking(lacks)
        anew, self.anew = self.anew & self.held.keys(), set()
        wanted = {**asked, **dict.fromkeys(sorted(anew)[:NEAR], 0)}
        found: dict[str, dict[str, Any]] = {}
        questions = []
        for name, has in wanted.items():
            card = self.held.get(name)
            if card is None:
                with suppress(StoreError):  # a name that a browser made up
                    card = self._hold_again(name, place)
            if card is None:
                continue
            if name not in self.around:
                self.around[name] = triage.around(place.store, card)
                while len(self.around) > 4 * NEAR:
                    self.around.pop(next(iter(self.around)))
            if not has:
                found[name] = beside(card, self.around[name], place.language, place.when)
            questions.append((name, card, self.around[name]))
        if not questions:
            return found
        try:
            classifier = place.classifier()
        except ModelError as error:
            # Stored scores and a person's own eyes are enough to decide by; that the model is damaged must be said.
            for name, _, _ in questions:
                found.setdefault(name, {}).update(fault=str(error), whole=True)
            return found

        def work(card: Card, around: Around) -> Callable[[], dict[str, Any]]:
            return lambda: thought(
                place.store,
                classifier,
                card,
                around,
                asked_of(card, place),
                alikes=place.alikes,
                thresholds=place.thresholds,
                language=place.language,
                when=place.when,
            )

        keyed = {(name, card.seen, place.model, str(place.lens), place.language): name for name, card, _ in questions}
        jobs = [(key, work(card, near)) for key, (_, card, near) in zip(keyed, questions, strict=True)]
        for key, answer in place.thinker.answers(self.session, jobs).items():
            found.setdefault(keyed[cast("tuple[str, int, str, str, str]", key)], {}).update(answer, whole=True)
        return found


def asked_of(card: Card, place: Place) -> str | None:
    """Return the label that this card asks about."""
    return question(place.lens.label, card.probabilities)


def _before(card: Card, place: Place) -> str:
    if not card.seen or card.second:
        return ""
    standing = next(iter(place.store.reviews(comment_id=card.comment_id, limit=1)), None)
    if standing is None:
        return ""
    did = say(f"queue.did_{standing.action}", place.language)
    return say("queue.before", place.language, did=did, who=standing.moderator, when=place.when(standing.at))


def _said(review: Review) -> dict[str, bool]:
    return {name: value for name in LABELS if (value := review.labels.get(name)) is not None}


# --- What a browser sends is only ever a wish ------------------------------------------------------------------------


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _text(value: Any, longest: int) -> str:
    return clean_text(value)[:longest] if isinstance(value, str) else ""


def _told_acts(logs: Any) -> Iterator[tuple[str, Act]]:
    """Yield the acts of each browser page's log, in order; what is no act is passed over."""
    if not isinstance(logs, Mapping):
        return
    for client, log in list(logs.items())[:50]:
        if not isinstance(client, str) or not isinstance(log, list) or not 8 <= len(client) <= 64:
            continue
        acts = [act for one in log[:5000] if (act := _act(one)) is not None]
        for act in sorted(acts, key=lambda act: act.seq):
            yield client, act


def _act(told: Any) -> Act | None:
    if not isinstance(told, Mapping) or not _whole(told.get("seq")):
        return None
    touched = told.get("touched")
    asked, after, of = told.get("asked"), told.get("after"), told.get("of")
    return Act(
        seq=_whole(told["seq"]),
        action=_text(told.get("action"), 20),
        comment_id=told["id"] if isinstance(told.get("id"), str) else "",
        seen=_whole(told.get("seen")),
        after=None if after is None else _whole(after),
        lens=_text(told.get("lens"), 200),
        asked=asked if asked in LABELS else None,
        touched={
            name: value
            for name, value in (touched if isinstance(touched, Mapping) else {}).items()
            if name in LABELS and (value is None or isinstance(value, bool))
        },
        note=_text(told.get("note"), 2000),
        of=None if of is None else _whole(of),
        at_ms=_whole(told.get("at")),
    )


def _lacking(lacks: Any) -> dict[str, int]:
    if not isinstance(lacks, list):
        return {}
    pairs = (one for one in lacks[: NEAR + 1] if isinstance(one, list) and len(one) == 2)
    return {name: _whole(has) for name, has in pairs if isinstance(name, str)}
