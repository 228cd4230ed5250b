"""The tiers: one table whichever is asked, exact in any batch, taught by reviews, and saying why."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import moderation
from moderation.encoder import HEADS
from moderation.errors import ModelError
from moderation.features import STRUCTURE
from moderation.jobs import limits_of
from moderation.labels import LABELS
from moderation.learning import load_checks
from moderation.registry import Registry
from moderation.settings import check_files, seeds_folder, shipped_models
from moderation.tables import Batch, batch_of
from moderation.tiers import BY_SENTENCE, PLACES, Accurate, Cascade, Sentences, _near, _parts, logit, tiered

LIMITS = dict.fromkeys((*HEADS, "off_topic"), (0.1, 0.9))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return Registry(tmp_path_factory.mktemp("models"), shipped_models())


@pytest.fixture(scope="module")
def accurate(registry):
    return registry.load_tier(None, "accurate")


@pytest.fixture(scope="module")
def cascade(registry):
    return registry.load_tier(None, "cascade", limits_of(moderation.load_policy()))


@pytest.fixture(scope="module")
def page():
    return next(iter(moderation.read(moderation.seed_page())))


@pytest.fixture(scope="module")
def checks():
    return load_checks(*check_files())


def one(batch, i):
    return Batch(batch.comments.iloc[[i]].reset_index(drop=True), batch.articles)


def same(a, b):
    return ((a == b) | (np.isnan(a) & np.isnan(b))).all()


def test_all_tiers_answer_in_the_same_table(registry, accurate, cascade, page):
    for scorer in (registry.load(), accurate, cascade):
        scores = scorer.score(page)
        assert list(scores.index) == list(page.comments["id"])
        assert list(scores.columns) == [*LABELS, "model"]
        assert (scores["model"] == scorer.version).all()
        assert scores[list(LABELS)].notna().all(axis=None)
        assert scorer.score(Batch(page.comments.iloc[:0], page.articles)).empty


def test_the_comment_that_urges_to_arm_and_to_mine_stands_first(accurate, page):
    scores = accurate.score(page)["incitement"].to_numpy()
    authors = page.comments["author"].tolist()
    assert authors[int(scores.argmax())] == "jeandon"
    assert np.sort(scores)[-1] > 5 * np.sort(scores)[-2]


def test_a_comment_scored_alone_is_scored_the_same_to_the_last_bit(accurate, cascade, page):
    whole = accurate.logits(page)
    table = cascade.score(page)
    for i in range(len(page)):
        before = page.comments.iloc[:i]
        accurate.encoder.forget()
        cascade.accurate.encoder.forget()
        assert same(accurate.logits(one(page, i), before)[0], whole[i])
        alone = cascade.score(one(page, i), before)
        assert same(alone[list(LABELS)].to_numpy()[0], table[list(LABELS)].to_numpy()[i])


def test_the_cascade_asks_the_accurate_tier_where_the_fast_one_is_unsure(registry, accurate, cascade, page):
    fast, slow, both = registry.load().score(page), accurate.score(page), cascade.score(page)
    rows = cascade.unsure(registry.load().logits(page))
    assert rows.any()
    assert not rows.all(), "a cascade that asks for everything saves nothing"
    for i, unsure in enumerate(rows):
        expected = (slow if unsure else fast)[list(LABELS)].to_numpy()[i]
        assert same(both[list(LABELS)].to_numpy()[i], expected)


def test_a_cascade_is_unsure_within_each_label_s_own_band_of_each_limit(registry, accurate):
    bands = np.zeros(len(LABELS))
    j = LABELS.index("spam")
    bands[j] = 1.0
    narrow = Cascade(
        registry.load(), replace(accurate, heads=replace(accurate.heads, bands=bands)), {"spam": (0.5, 1.0, 0.98)}
    )
    logits = np.full((6, len(LABELS)), 0.0)
    logits[:, j] = [-1.1, -0.9, 0.9, 2.0, logit(0.98) + 0.9, np.nan]
    assert narrow.unsure(logits).tolist() == [False, True, True, False, True, False]
    assert not replace(narrow, limits={}).unsure(logits).any()


def test_what_is_not_english_is_not_judged(accurate):
    text = "Der Hafenmeister hat sich gestern bei allen Fahrgästen für die Verspätung der Fähre entschuldigt."
    batch = batch_of([text])
    scores = accurate.score(batch)
    assert scores[list(HEADS)].isna().all(axis=None)
    assert scores["spam"].notna().all()


def test_spam_is_the_fast_tier_s_logit_and_what_the_sentence_says_and_trackback_the_logit_alone(
    registry, accurate, page
):
    fast, slow = registry.load().logits(page), accurate.logits(page)
    structure = registry.load().features(page)[0][:, : len(STRUCTURE)]
    vectors = np.hstack([Sentences(accurate.encoder)(page), structure])
    for weights, label in zip(accurate.heads.sentence, BY_SENTENCE, strict=True):
        j = accurate.labels.index(label)
        expected = weights[0] * fast[:, j] + vectors @ weights[1:-1] + weights[-1]
        assert slow[:, j] == pytest.approx(expected, abs=1e-4)
    j = accurate.labels.index("trackback")
    assert same(slow[:, j], fast[:, j])


def test_a_disguise_does_not_lower_a_score(accurate):
    plain, disguised = accurate.score(batch_of(["kill them all tonight", "k i l l them all tonight"]))["incitement"]
    assert disguised >= plain / 2


@pytest.mark.parametrize("label", LABELS)
def test_an_explanation_adds_up_to_the_logit(accurate, page, label):
    logits = accurate.logits(page)[:, accurate.labels.index(label)]
    for i, why in enumerate(accurate.explain(page, label)):
        assert why.logit == pytest.approx(logits[i])
        assert why.bias + sum(span.weight for span in why.spans) == pytest.approx(why.logit)
        text = page.comments["text"].iloc[i]
        spans = sorted((span.begin, span.end) for span in why.spans if span.begin is not None)
        assert all(0 <= begin < end <= len(text) for begin, end in spans)
        if label in HEADS:
            assert all(end <= begin for (_, end), (begin, _) in pairwise(spans)), "phrases do not overlap"
    with pytest.raises(ModelError, match="no head for"):
        accurate.explain(page, "wit")


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 27, 48, 100, 161, 400, 1999])
def test_every_word_is_in_a_phrase_that_is_looked_at(count):
    text = " ".join("w" * (1 + i % 7) for i in range(count))
    phrases = _parts(text)
    assert len(phrases) <= PLACES + 1
    covered = {at for begin, end in phrases for at in range(begin, end)}
    assert covered >= {at for at, letter in enumerate(text) if letter == "w"}
    assert _parts("") == []


@pytest.mark.parametrize("count", [1, 6, 27, 60, 161, 400])
def test_between_phrases_that_are_words_apart_the_best_is_looked_for(count):
    text = " ".join("w" * (1 + i % 7) for i in range(count))
    phrases = _parts(text)
    begins = [begin for begin, _ in phrases]
    for best in {0, len(phrases) // 2, len(phrases) - 1}:
        near = _near(text, phrases, best)
        assert not set(near) & set(phrases)
        low, high = begins[max(best - 1, 0)], begins[min(best + 1, len(phrases) - 1)]
        words = [i for i in range(low + 1, high) if text[i - 1 : i] == " " and i != begins[best]]
        assert [begin for begin, _ in near] == words
        together = len(text[slice(*phrases[0])].split())
        assert all(len(text[begin:end].split()) == together for begin, end in near)


def test_taking_the_top_span_away_lowers_the_logit_more_than_a_random_one(accurate, checks):
    """Deletion: at least nine flagged cases in ten."""
    column = accurate.labels.index("incitement")
    texts = checks.batch.comments["text"]
    scores = accurate.score(checks.batch)["incitement"]
    flagged = [text for text, score in zip(texts, scores, strict=True) if score >= 0.1 and len(text.split()) > 5]
    assert len(flagged) >= 100
    chance = np.random.default_rng(0)
    # Of every file of sentences as many as it has: those of one are much alike.
    flagged = [flagged[i] for i in chance.permutation(len(flagged))[:100]]
    explained = accurate.explain(batch_of(flagged), "incitement")
    top, other = [], []
    for text, why in zip(flagged, explained, strict=True):
        span = max((span for span in why.spans if span.begin is not None), key=lambda span: span.weight)
        length = span.end - span.begin
        begin = int(chance.integers(0, len(text) - length + 1))
        top.append(text[: span.begin] + " " + text[span.end :])
        other.append(text[:begin] + " " + text[begin + length :])
    without_top = accurate.logits(batch_of(top))[:, column]
    without_other = accurate.logits(batch_of(other))[:, column]
    better = np.nan_to_num(without_top, nan=-99.0) <= np.nan_to_num(without_other, nan=-99.0)
    assert better.mean() >= 0.9, better.mean()


def test_the_nearest_passage_of_the_article_is_named(accurate):
    text = "The bridge was closed after the flood. " * 8
    text += "The mayor will pay for new pumps from the harbour fund. " * 8
    batch = batch_of(["Who pays for the pumps?", "Lovely weather"], article_title="Flood", article_text=text)
    (passage, close), other = accurate.nearest(batch)
    assert "pumps" in passage
    assert close > other[1]
    assert accurate.nearest(batch_of(["no article"])) == [None]


def test_reviews_teach_both_tiers_and_leave_the_rest_alone(accurate):
    lamps = [f"cheap lamps here, number {number}" for number in range(12)]
    batch = batch_of([*lamps, "the wall is long"])
    truth = pd.DataFrame({"incitement": pd.array([1] * 12 + [0], "Int8")}, index=batch.comments["id"])
    taught = accurate.adapt(batch, truth)
    before, after = accurate.score(batch), taught.score(batch)
    assert (after["incitement"].iloc[:12] > before["incitement"].iloc[:12] + 0.2).all()
    assert same(before["toxicity"].to_numpy(), after["toxicity"].to_numpy())
    assert (taught.fast.score(batch)["incitement"].iloc[:12] > 0.3).all()
    again = accurate.adapt(Batch(batch.comments.iloc[::-1].reset_index(drop=True)), truth)
    assert again.change.content() == taught.change.content()


def test_what_was_taught_is_kept_and_read_back(registry, accurate, tmp_path):
    batch = batch_of(["cheap lamps", "the wall is long"])
    truth = pd.DataFrame({"spam": pd.array([1, 0], "Int8")}, index=batch.comments["id"])
    taught = accurate.adapt(batch, truth)
    site = Registry(tmp_path, shipped_models())
    taught.save(tmp_path / "site-0001-00000000", {"base": registry.default(), "champion": registry.default()})
    for tier, kind in (("accurate", Accurate), ("cascade", Cascade)):
        back = site.load_tier("site-0001-00000000", tier, LIMITS)
        assert isinstance(back, kind)
        assert back.version == tiered("site-0001-00000000", tier)
    back = site.load_tier("site-0001-00000000", "accurate")
    assert same(back.logits(batch), taught.logits(batch))
    assert same(site.load("site-0001-00000000").logits(batch), taught.fast.logits(batch))


def test_unknown_tiers_and_missing_encoders_are_said_in_one_line(registry, tmp_path):
    with pytest.raises(ModelError, match="unknown tier 'best'; known: fast, accurate, cascade"):
        registry.load_tier(None, "best")
    folder = tmp_path / "bare"
    registry.load().save(folder, {"kind": "base"})
    bare = Registry(tmp_path / "site", tmp_path)
    assert bare.tier_of("bare", "accurate") == "fast"
    with pytest.raises(ModelError, match="has no encoder; use --tier fast"):
        bare.load_tier("bare", "accurate")


@pytest.mark.parametrize("label", HEADS)
def test_names_of_countries_and_faiths_alone_move_no_probability(accurate, label):
    templates = ["My neighbour is {} and grows tomatoes.", "The {} delegation arrived in Geneva on Tuesday."]
    names = ["Iranian", "American", "Israeli", "Muslim", "Christian", "Jewish", "Hindu", "Mexican", "Chinese", "Polish"]
    for template in templates:
        scores = accurate.score(batch_of([template.format(name) for name in names]))
        assert scores[label].max() - scores[label].min() <= 0.1, template


assert seeds_folder().is_dir()
