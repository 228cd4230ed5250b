"""The report: what it measures on own sentences and small data sets, what it says, and what it never shows."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from moderation import recipe
from moderation.classifier import Classifier, fit_head, head_logits
from moderation.encoder import VECTOR
from moderation.errors import InputError
from moderation.features import STRUCTURE
from moderation.labels import LABELS
from moderation.recipe import Corpus
from moderation.registry import Registry
from moderation.report import Options, Peers, fit_peers, mask, measure, write
from moderation.report.cascade import cascade_curve, knee
from moderation.report.evasion import EVASIONS, evasion_table
from moderation.report.fairness import load_templates, name_shifts, summary, term_biases
from moderation.report.gallery import worst_errors
from moderation.report.left_out import Prepared, off_topic, spam, trackback
from moderation.report.markdown import markdown
from moderation.report.peers import alt_profanity_check, embedding_peer, sampled, tfidf_peer
from moderation.report.plots import precision_recall, roc
from moderation.report.sets import Measured, development_sets, own_sets, score_set, text_batch
from moderation.report.targets import TARGETS, target_rows
from moderation.settings import seeds_folder, shipped_models
from moderation.tables import validate_scores
from moderation.tiers import BY_SENTENCE

DATA = Path(os.environ.get("MODERATION_DATA", Path(__file__).parents[2] / "shared" / "data"))
THRESHOLDS = {"incitement": 0.1, "toxicity": 0.5, "identity_attack": 0.2, "spam": 0.5, "trackback": 0.5}


class Words:
    """A scorer whose probabilities are known: high where one of the words of a label stands in the text."""

    def __init__(self, version="words", **words):
        self.version = version
        self.words = words
        self.labels = tuple(label for label in LABELS if label in words)
        self.sizes = []

    def score(self, batch, earlier=None):  # noqa: ARG002
        self.sizes.append(len(batch))
        texts = [str(text).lower() for text in batch.comments["text"]]
        missing = [np.nan] * len(texts)
        columns = {
            label: [0.9 if any(word in text for word in self.words[label]) else 0.01 for text in texts]
            if label in self.words
            else missing
            for label in LABELS
        }
        scores = pd.DataFrame(columns, index=pd.Index(batch.comments["id"], name="id"), dtype=np.float32)
        scores["model"] = pd.Series(self.version, index=scores.index, dtype="string[pyarrow]")
        return validate_scores(scores)


def clock():
    return itertools.count(0.0, 0.5).__next__


def one_set(rows, label="incitement", name="edos_devtest"):
    batch = text_batch([text for text, _ in rows], name)
    index = pd.Index(batch.comments["id"], name="id")
    truth = pd.DataFrame({label: pd.array([answer for _, answer in rows], dtype="Int8")}, index=index)
    return Measured(name, "development", batch, truth, pd.Series("g", index=index, name="group"))


# --- Masks and the gallery -------------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_nothing_that_was_written_can_be_read_in_a_mask(text):
    masked = mask(text)
    assert len(masked) <= 161
    assert "\n" not in masked
    assert not any(character.isalpha() or character.isnumeric() for character in masked)
    assert all(character.isascii() or character in "▇•⏎…" for character in masked)


def test_a_mask_keeps_the_shape():
    assert mask("Go home, NOW!!! 24 times 🔪\nok") == "▇▇ ▇▇▇▇, ▇▇▇!!! ## ▇▇▇▇▇ •⏎▇▇"
    assert mask("word " * 100).endswith("…")


def test_the_worst_errors_come_first_and_unknown_is_no_error():
    rows = [("a calm remark", 0), ("kill them", 0), ("leave them be", 1), ("kill", 1), ("kill?", None)]
    measured = one_set(rows)
    scores = Words(incitement=["kill"]).score(measured.batch)
    found = worst_errors(measured, scores, "incitement", count=1)
    assert [(one.answer, round(one.probability, 2), one.masked) for one in found] == [
        (0, 0.9, "▇▇▇▇ ▇▇▇▇"),
        (1, 0.01, "▇▇▇▇▇ ▇▇▇▇ ▇▇"),
    ]


# --- Sets ------------------------------------------------------------------------------------------------------------


def test_only_halves_that_nothing_was_fitted_on_are_measured():
    found = {each.name: each for each in own_sets(seeds_folder())}
    halves = pd.read_json(seeds_folder() / "contrast.jsonl", lines=True).set_index("id")["half"]
    assert set(halves.reindex(found["contrast"].truth.index)) == {"test"}
    assert list(found["contrast"].truth.index) == list(found["contrast"].batch.comments["id"])


def test_a_sample_is_a_part_with_both_answers_and_the_same_every_time():
    whole, part = ({each.name: each for each in own_sets(seeds_folder(), size)} for size in (None, 20))
    again = {each.name: each for each in own_sets(seeds_folder(), 20)}
    for name, each in part.items():
        assert len(each.batch) == 20
        assert set(each.truth.index) < set(whole[name].truth.index)
        assert list(each.truth.index) == list(again[name].truth.index) == list(each.batch.comments["id"])
    assert set(part["contrast"].truth["incitement"]) == {0, 1}


def test_scoring_in_chunks_gives_every_row_once_and_first_use_is_not_timed():
    batch = text_batch(["kill"] * 4500, "x")
    scorer = Words(incitement=["kill"])
    timed = score_set(scorer, batch, clock())
    assert list(timed.scores.index) == list(batch.comments["id"])
    assert scorer.sizes == [32, 2000, 2000, 500]
    assert timed.seconds == 0.5


# --- Evasion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("leetspeak", "K1ll the m0r0n5, not the skill"),
        ("zero-width characters", "K\u200bi\u200bl\u200bl the m\u200bo\u200br\u200bo\u200bn\u200bs, not the skill"),
        ("look-alike letters", "K\u0456ll the m\u043er\u043en\u0455, not the skill"),
        ("spacing", "K i l l the m o r o n s, not the skill"),
        ("dots", "K.i.l.l the m.o.r.o.n.s, not the skill"),
        ("repeated letters", "Kiiiill the mooooroooons, not the skill"),
        ("a letter starred", "K*ll the m*rons, not the skill"),
        ("emoji", "🔪 the morons, not the skill"),
    ],
)
def test_a_disguise_hides_the_telling_words_and_leaves_the_others(kind, expected):
    assert EVASIONS[kind]("Kill the morons, not the skill") == expected


@given(st.text())
def test_a_disguise_never_fails(text):
    for evade in EVASIONS.values():
        assert isinstance(evade(text), str)


def test_a_disguise_that_works_shows_in_the_table():
    rows = [(f"kill number {i}", 1) for i in range(6)] + [(f"a walk on day {i}", 0) for i in range(6)]
    measured = one_set(rows)
    scorer = Words(incitement=["kill"])
    found = evasion_table(scorer, measured, scorer.score(measured.batch), "incitement", threshold=0.5, resamples=10)
    by_kind = {row.kind: row for row in found}
    assert set(by_kind) == set(EVASIONS)
    for row in found:
        assert (row.n, row.auc_before.value, row.found_before.value) == (6, 1.0, 1.0)
        assert (row.auc_after.value, row.found_after.value) == (0.5, 0.0)


def test_a_disguise_that_changes_few_texts_is_no_row():
    measured = one_set([("kill him", 1), ("away with him", 1), ("good day", 0)])
    scorer = Words(incitement=["kill"])
    assert evasion_table(scorer, measured, scorer.score(measured.batch), "incitement") == []


# --- Fairness --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def templates():
    return load_templates(seeds_folder() / "templates.json")


def test_the_templates_are_many_enough_and_fill_without_a_gap(templates):
    assert len({term for term, *_ in templates.terms}) == len(templates.terms) >= 40
    axes = {"nationality", "religion", "ethnicity", "gender", "orientation", "disability", "age"}
    assert {axis for _, axis, *_ in templates.terms} == axes
    assert len(set(templates.neutral)) >= 30
    assert len({text for text, _ in templates.hostile}) >= 15
    rows = templates.filled()
    assert len(rows) == len(templates.terms) * (len(templates.neutral) + len(templates.hostile))
    assert not rows["text"].str.contains("[{}]").any()
    assert rows["text"].str[0].str.isupper().all()
    for _, names, sentences in templates.swaps:
        assert len(names) >= 8
        assert all("{name}" in sentence for sentence in sentences)


def test_a_broken_template_file_is_named(tmp_path):
    path = tmp_path / "templates.json"
    path.write_text('{"terms": []}')
    with pytest.raises(InputError, match=r"templates\.json"):
        load_templates(path)


def test_a_name_that_raises_scores_by_itself_is_found(templates):
    biased = Words(identity_attack=["kurd", "kill", "vermin"])
    biases = term_biases(biased, templates, resamples=5)
    assert set(biases) == {"identity_attack"}
    worst = summary(biases)["identity_attack"]["bpsn"]
    assert worst["worst_term"] == "Kurdish"
    assert worst["worst"] < 0.2 < worst["median"]


def test_the_shift_of_an_exchanged_name_is_the_largest_over_sentences(templates):
    shifts = {(s.kind, s.label): s for s in name_shifts(Words(toxicity=["iran"]), templates, ["toxicity", "spam"])}
    assert set(shifts) == {("country", "toxicity"), ("faith", "toxicity")}
    country = shifts["country", "toxicity"]
    assert country.highest_name == "Iran"
    assert country.largest == pytest.approx(0.89, abs=1e-6)
    assert shifts["faith", "toxicity"].largest == 0


# --- Cascade ---------------------------------------------------------------------------------------------------------


def test_the_cascade_ends_where_the_accurate_tier_begins():
    generator = np.random.default_rng(0)
    answers = (generator.random(400) < 0.3).astype(float)
    fast = 1 / (1 + np.exp(-(answers + generator.normal(0, 1.5, 400))))
    accurate = 1 / (1 + np.exp(-(3 * answers + generator.normal(0, 1.5, 400))))
    curve = cascade_curve({"k": (answers, fast, accurate)}, {"k": 0.5}, {"k": 0.3}, fast_s=1e-4, accurate_s=1e-2)
    assert curve["k"].iloc[0] == pytest.approx(roc_auc_score(answers, fast))
    assert curve["k"].iloc[-1] == pytest.approx(roc_auc_score(answers, accurate))
    assert curve["share"].is_monotonic_increasing
    assert (curve["share"].iloc[0], curve["share"].iloc[-1]) == (0.0, 1.0)
    assert curve["comments_per_s"].iloc[0] == pytest.approx(1e4)
    assert curve["errors"].iloc[0] == 1.0

    def cost(scores):
        return 0.3 * (scores < 0.5)[answers == 1].mean() + 0.7 * (scores >= 0.5)[answers == 0].mean()

    assert curve["errors"].iloc[-1] == pytest.approx(cost(accurate) / cost(fast))
    assert curve["errors"].iloc[-1] < 1.0
    assert 0 < knee(curve) < np.inf


def test_a_band_costs_what_it_takes_of_comments_as_they_come():
    answers = np.array([0.0, 1.0] * 10)
    fast, accurate = np.full(20, 0.5), np.where(answers == 1, 0.9, 0.1)
    natural = np.array([0.5] + [0.001] * 99)
    curve = cascade_curve(
        {"k": (answers, fast, accurate)}, {"k": 0.4}, {"k": 0.1}, fast_s=1e-4, accurate_s=1e-2, natural=natural
    )
    assert curve["share"].tolist()[:3] == [0.0, 0.0, 0.01]
    assert curve["errors"].tolist()[:3] == [1.0, 1.0, 0.0]
    assert knee(curve) == 0.5


def test_where_the_accurate_tier_brings_nothing_the_band_is_empty():
    frame = pd.DataFrame({"width": [0.0, 1.0, np.inf], "seconds": [1.0, 2.0, 9.0], "errors": [1.0, 1.1, 1.2]})
    assert knee(frame) == 0.0


def test_the_knee_is_where_gain_lies_furthest_above_cost():
    frame = pd.DataFrame(
        {"width": [0.0, 1.0, 2.0, np.inf], "seconds": [1.0, 1.5, 5.0, 10.0], "errors": [1.0, 0.6, 0.55, 0.5]}
    )
    assert knee(frame) == 1.0


# --- Curves ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.3, 0.5, 0.9])), min_size=2, max_size=30))
def test_curves_are_those_of_scikit_learn(pairs):
    answers = np.array([float(answer) for answer, _ in pairs])
    scores = np.array([score for _, score in pairs])
    if len(set(answers)) < 2:
        return
    expected = roc_curve(answers, scores, drop_intermediate=False)
    found = roc(answers, scores)
    assert np.allclose(found[0], expected[0])
    assert np.allclose(found[1], expected[1])
    precision, recall, _ = precision_recall_curve(answers, scores)
    found = precision_recall(answers, scores)
    assert np.allclose(found[0], recall[:-1][::-1])
    assert np.allclose(found[1], precision[:-1][::-1])


# --- Left-out fits ---------------------------------------------------------------------------------------------------

NOTICE = "[...] {} wrote about the {} over at the harbour page, and there is more to read [...]"
REMARK = "I walked past the {} with {} yesterday and it was closed. Does anyone know the hours?"
ADVERT = "Cheap {} for {} at my channel, subscribe and win, visit http://deals.example/{} now"
THINGS = ("bridge", "market", "library", "ferry", "museum", "bakery", "tower", "garden")
PEOPLE = ("Ida", "Bo", "Ruth", "Sam", "Lea")


def small_data(folder):
    """Write data sets of our own in the form of the public ones: three blogs, two videos."""
    rows, posts = [], []
    for blog in ("a/one", "b/two", "c/three"):
        for post, thing in enumerate(THINGS[:4]):
            article = f"{blog}:{post}"
            posts.append((article, f"http://{blog}/{post}", f"The {thing}", f"About the {thing}. " + f"{thing} " * 90))
            for i in range(24):
                notice, spam = i % 4 == 0, i % 6 == 1
                words = NOTICE.format(PEOPLE[i % 5], thing) if notice else REMARK.format(thing, PEOPLE[i % 5])
                words = ADVERT.format(thing, PEOPLE[i % 5], i) if spam else f"{words} {i}"
                kind = "pingback" if notice else "comment"
                label = "spam" if spam else "ham"
                rows.append((blog, f"{post}-{i}", None, article, kind, label, PEOPLE[i % 5], None, words))
    names = [
        "source_repo", "comment_id", "parent_id", "article_id", "type", "label_spam", "author", "author_url", "content",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names).assign(lang="en", date="2010-01-01T00:00:00Z", type_source="declared")
    (folder / "blogs").mkdir(parents=True)
    (folder / "spam").mkdir()
    frame.to_parquet(folder / "blogs/comments.parquet")
    articles = pd.DataFrame(posts, columns=["article_id", "post_url", "post_title", "post_text"])
    articles["source_repo"] = articles["article_id"].str.split(":").str[0]
    articles.to_parquet(folder / "blogs/articles.parquet")
    videos = [
        (f"Youtube0{v}-{name}", PEOPLE[i % 5], (ADVERT if i % 2 else REMARK).format(THINGS[i % 8], name, i), i % 2)
        for v, name in enumerate(("Bo", "Lea"), 1)
        for i in range(40)
    ]
    pd.DataFrame(videos, columns=["video", "author", "content", "class"]).to_parquet(folder / "spam/youtube.parquet")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_blogs_left_out_by_text_and_author_alone(data, cache):
    found = trackback(data, seeds_folder(), cache=cache, resamples=20)
    assert set(found.f1.groups) == set(found.thresholds) == {"a/one", "b/two", "c/three"}
    # A ping marked as spam says nothing surely about either; all others of a blog are counted once, not with its copy.
    assert all(rows <= 96 and yes == 24 for rows, yes in found.counts.values())
    assert found.f1.worst.value == min(each.value for each in found.f1.groups.values()) > 0.9
    assert len(list(cache.glob("trackback-*.npz"))) == 1


def test_what_was_fitted_once_is_read_back_the_same(data, cache):
    first = trackback(data, seeds_folder(), cache=cache, resamples=20)
    assert trackback(data, seeds_folder(), cache=cache, resamples=20) == first
    assert not list(cache.glob("*.new.npz"))


def test_videos_left_out_and_blogs_alone(data, cache):
    found = spam(data, seeds_folder(), cache=cache, resamples=20)
    assert set(found.videos.groups) == {"youtube Bo", "youtube Lea"}
    assert found.videos.mean.value > 0.9
    assert found.across.low <= found.across.value <= found.across_ceiling


def test_swapped_articles_are_told_by_context_and_not_by_length(data, cache):
    found = off_topic(data, seeds_folder(), cache=cache, resamples=20)
    assert found.auc.value > 0.9
    assert found.length_only.low < 0.6
    assert 0.1 < found.positives / found.n < 0.4


class Told:
    """Further features that know the answer, or the opposite of it, and count what they were asked."""

    def __init__(self, begin, sign=1.0):
        self.begin, self.sign, self.asked = begin, sign, []
        self.version = f"{begin} {sign}"

    def __call__(self, batch):
        self.asked.append(len(batch))
        yes = batch.comments["text"].str.contains(self.begin, regex=False).to_numpy(dtype=float)
        return self.sign * np.column_stack([yes, 1 - yes])


def test_sentences_are_weighed_beside_the_left_out_logits_of_spam(data, cache):
    plain = spam(data, seeds_folder(), cache=cache, resamples=5)
    told = Told("subscribe")
    found = spam(data, seeds_folder(), extra=told, cache=cache, resamples=5)
    asked = list(told.asked)
    assert asked
    assert spam(data, seeds_folder(), extra=told, cache=cache, resamples=5) == found
    assert told.asked == asked, "kept from the first time"
    assert found.videos.mean.value >= plain.videos.mean.value
    assert found.across_auc.value >= plain.across_auc.value


def test_the_accurate_tier_s_weights_for_sentences_are_calibrated_and_helpful(data):
    def embed(texts):
        found = np.zeros((len(texts), VECTOR))
        found[:, 0] = ["subscribe" in text for text in texts]
        found[:, 1] = ["[...]" in text for text in texts]
        return found

    corpus = recipe.joined([recipe.blog_rows(data)[0], recipe.youtube_rows(data)])
    ids = corpus.batch.comments["id"].to_numpy(dtype=object)
    noise = np.random.default_rng(0).normal(0, 1, len(ids))
    left_out = {}
    for label in BY_SENTENCE:
        truth = corpus.truth[:, LABELS.index(label)]
        left_out[label] = pd.Series(np.nan_to_num(truth) + noise, index=ids)
    blank = Classifier.from_heads({}, np.zeros(1 << 18, np.uint8))
    weights, told, compared = recipe.weigh_sentences(embed, blank, data, seeds_folder(), left_out)
    assert weights.shape == (len(BY_SENTENCE), VECTOR + len(STRUCTURE) + 2)
    assert (weights[:, 0] > 0).all()
    assert told["spam"]["share"] > 0
    assert told["spam"]["left_out_auc"]["value"] > told["spam"]["left_out_auc_of_logit"]["value"]
    assert weights[0, 1] > 0
    assert weights[0, 1 + VECTOR :].any()
    answers, quick, slow = compared["spam"]
    assert len(answers) == told["spam"]["n"]
    assert roc_auc_score(answers, slow) > roc_auc_score(answers, quick)


def test_a_head_with_further_features_adds_them_and_cannot_be_shipped():
    batch = text_batch(["one"] * 20 + ["two"] * 20, "x")
    truth = np.array([0.0, 1.0] * 20)
    blank = Classifier.from_heads({}, np.zeros(1 << 18, np.uint8))
    matrix, scaling = blank.matrix(batch), np.ones(1 << 18)
    extra = truth[:, None].astype(np.float32)
    head = fit_head("spam", matrix, truth, np.ones(40), scaling, c=10.0, extra=extra)
    logits = head_logits(head, matrix, np.arange(40), extra)
    assert roc_auc_score(truth, logits) == 1.0
    with pytest.raises(ValueError, match="extra"):
        head_logits(head, matrix, np.arange(40))
    with pytest.raises(ValueError, match="extra"):
        Classifier.from_heads({"spam": head}, blank.rare)


def test_a_fold_without_both_answers_has_no_logits():
    batch = text_batch(["one", "two"], "x")
    blank = Classifier.from_heads({}, np.zeros(1 << 18, np.uint8))
    corpus = Corpus(batch, np.zeros((2, 10)), np.array(["a/b", "a/b"], object), np.ones(2))
    prepared = Prepared(corpus, blank.matrix(batch), np.ones(1 << 18), None)
    assert np.isnan(prepared.logits("spam", np.zeros(2), np.ones(2), np.array([0]), np.array([1]))).all()


def test_thresholds_are_never_chosen_on_the_blog_they_judge(data, cache, tmp_path):
    # One blog's logits moved far away: only the thresholds of the others may follow.
    kept = next(cache.glob("trackback-*.npz"))
    with np.load(kept) as stored:
        arrays = dict(stored)
    before = trackback(data, seeds_folder(), cache=cache, resamples=5)
    arrays["logits"] = np.where(arrays["group"] == "a/one", arrays["logits"] + 100, arrays["logits"])
    np.savez(tmp_path / kept.name, **arrays)
    after = trackback(data, seeds_folder(), cache=tmp_path, resamples=5)
    assert after.thresholds["a/one"] == before.thresholds["a/one"]
    assert after.thresholds["b/two"] != before.thresholds["b/two"]


# --- Peers -----------------------------------------------------------------------------------------------------------


def corpus_of(texts, label, answers):
    truth = np.full((len(texts), len(LABELS)), np.nan)
    truth[:, LABELS.index(label)] = answers
    return Corpus(text_batch(texts, "p"), truth, np.array(["s"] * len(texts), object), np.ones(len(texts)))


def test_peers_learn_and_claim_only_what_they_were_told():
    texts = [f"cheap lamps offer {i}" for i in range(30)] + [f"the old bridge was closed {i}" for i in range(30)]
    corpus = corpus_of(texts, "spam", [1.0] * 30 + [0.0] * 30)
    rows = np.arange(60)

    def embed(texts):
        return np.array([["lamps" in text, "bridge" in text] for text in texts], np.float32)

    for peer in (tfidf_peer(corpus, rows, LABELS), embedding_peer("words", embed, corpus, rows, LABELS)):
        assert tuple(peer.labels) == ("spam",)
        scores = peer.score(text_batch(["cheap lamps", "an old bridge"], "q"))
        assert scores["spam"].iloc[0] > 0.5 > scores["spam"].iloc[1]
        assert scores["toxicity"].isna().all()
        assert len(peer.score(text_batch([], "q"))) == 0


def test_alt_profanity_check_ranks_rude_above_kind():
    try:
        peer = alt_profanity_check()
    except ImportError:
        pytest.skip("alt-profanity-check is not installed; pip install 'comment-moderation[peers]'")
    scores = peer.score(text_batch(["you stupid idiot", "thank you for the map"], "q"))
    assert scores["toxicity"].iloc[0] > scores["toxicity"].iloc[1]
    assert scores["spam"].isna().all()


def test_peers_that_cannot_be_had_say_why(data):
    (data / "abuse").mkdir()
    texts = [f"{REMARK.format(thing, who)}" for thing in THINGS for who in PEOPLE]
    rows = pd.DataFrame({"source": "s", "text": texts, "toxicity": [0, 1] * 20, "insult": 0, "identity_attack": 0})
    rows.assign(incitement=None, group="none").to_parquet(data / "abuse/train.parquet")
    six = pd.DataFrame({"source": ["s"], "text": [texts[0]], "severe_toxic": [0], "obscene": [1], "threat": [0]})
    six.to_parquet(data / "abuse/jigsaw6.parquet")
    found = fit_peers(data, seeds_folder(), rows=10_000, embedders={"vectors": "not here; get them"})
    assert found.skipped["vectors"] == "not here; get them"
    assert set(found.scorers) | set(found.skipped) == {"alt-profanity-check", "TF-IDF", "vectors"}
    assert {"spam", "trackback", "toxicity"} <= set(found.scorers["TF-IDF"].labels)
    assert found.rows > 500


def test_a_sample_of_training_rows_keeps_copies_of_a_text_together():
    corpus = corpus_of([f"text {i % 500}" for i in range(1000)], "spam", [0.0] * 1000)
    rows = set(sampled(corpus, 300).tolist())
    assert 200 < len(rows) < 400
    assert all((i + 500 in rows) == (i in rows) for i in range(500))


# --- The whole report ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fast():
    registry = Registry(Path("nowhere"), shipped_models())
    return registry.load()


@pytest.fixture(scope="module")
def measured(fast):
    words = Words("peer", toxicity=["stupid", "idiot"], incitement=["kill", "bomb"])
    tiers = {"fast": fast, "accurate": Words("other", incitement=["kill"], identity_attack=["vermin"])}
    return measure(
        None,
        seeds_folder(),
        tiers,
        thresholds=THRESHOLDS,
        clock=clock(),
        peers=Peers({"words": words}, {"absent": "not installed; install it"}),
        cards={"fast": fast.card},
        options=Options(sample=60, resamples=5),
    )


def test_without_data_own_sentences_are_measured_and_nothing_is_made_up(measured):
    figures = measured.figures
    assert set(figures["sets"]) == {
        "contrast",
        "attacks",
        "insults",
        "menaces",
        "veiled",
        "neutral",
        "notices",
        "promotion",
        "checks",
    }
    assert figures["left_out"] == {}
    rows = {(row["label"], row["set"], row["measure"], row["scorer"]): row for row in figures["targets"]}
    unmeasured = rows["incitement", "edos_devtest", "auc", "fast"]
    assert (unmeasured["reached"], unmeasured["met"]) == (None, None)
    contrast = rows["incitement", "contrast", "auc", "fast"]
    assert contrast["reached"] == figures["sets"]["contrast"]["scorers"]["fast"]["incitement"]["auc"]
    assert contrast["met"] == (contrast["reached"]["value"] >= 0.65)
    assert rows["incitement", "contrast", "auc", "accurate"]["target"] == 0.9
    assert rows["incitement", "contrast", "auc", "words"]["target"] is None


def test_the_figures_are_json_and_the_report_names_everything(measured, tmp_path):
    written = write(measured, tmp_path / "out")
    assert {path.name for path in written} >= {"report.md", "report.json", "roc.png", "precision-recall.png"}
    assert all(path.stat().st_size > 0 for path in written)
    assert json.loads((tmp_path / "out/report.json").read_text("utf-8")) == measured.figures
    text = (tmp_path / "out/report.md").read_text("utf-8")
    for part in ("Targets", "Calibration", "Fairness", "Evasion", "Cascade", "Each source left out", "absent"):
        assert part in text
    for plot in written[2:]:
        assert f"(plots/{plot.name})" in text
    columns = {line.count("|") - line.count("\\|") for line in text.split("\n") if line.startswith("|---")}
    assert columns


def test_the_same_run_gives_the_same_figures(fast, measured):
    words = Words("peer", toxicity=["stupid", "idiot"], incitement=["kill", "bomb"])
    tiers = {"fast": fast, "accurate": Words("other", incitement=["kill"], identity_attack=["vermin"])}
    again = measure(
        None,
        seeds_folder(),
        tiers,
        thresholds=THRESHOLDS,
        clock=clock(),
        peers=Peers({"words": words}, {"absent": "not installed; install it"}),
        cards={"fast": fast.card},
        options=Options(sample=60, resamples=5),
    )
    assert again.figures == measured.figures


def test_no_text_of_a_set_stands_in_the_report(measured):
    everything = json.dumps(measured.figures, ensure_ascii=False) + markdown(measured.figures)
    for each in own_sets(seeds_folder(), 60):
        for text in each.batch.comments["text"]:
            assert len(text) < 12 or text[:40] not in everything


def test_a_target_is_met_by_its_value_and_surely_by_its_interval():
    at_most = next(target for target in TARGETS if target.at_most and target.measure == "false_alarms")
    figures = {
        "scorers": {"fast": {"kind": "tier"}, "cascade": {"kind": "tier"}, "peer": {"kind": "peer"}},
        "sets": {
            "edos_devtest": {
                "scorers": {
                    name: {"incitement": {"auc": {"value": 0.9, "low": 0.87, "high": 0.95}}}
                    for name in ("fast", "cascade", "peer")
                }
            }
        },
        "false_alarms": {at_most.dataset: {"fast": {"incitement": {"value": 0.01, "low": 0.0, "high": 0.02}}}},
        "left_out": {},
        "fairness": {},
        "calibration": [],
    }
    rows = {(row["set"], row["measure"], row["scorer"]): (row["met"], row["sure"]) for row in target_rows(figures)}
    assert rows["edos_devtest", "auc", "fast"] == (True, False)
    assert rows["edos_devtest", "auc", "cascade"] == (False, False)
    assert rows["edos_devtest", "auc", "peer"] == (None, None)
    assert rows["xstest", "false_alarms", "fast"] == (True, True)
    assert rows["ghc_test", "auc", "fast"] == (None, None)


def test_a_folder_that_cannot_be_written_is_one_line(measured, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(measured, tmp_path / "file" / "out")


@pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not here; name their folder in MODERATION_DATA")
def test_a_few_rows_of_the_public_sets(fast):
    found = measure(
        DATA,
        seeds_folder(),
        {"fast": fast},
        thresholds=THRESHOLDS,
        clock=clock(),
        options=Options(sample=40, resamples=5, refits=False),
    )
    reached = {(row["label"], row["set"], row["measure"]): row["reached"] for row in found.figures["targets"]}
    for target in TARGETS:
        if target.dataset in {each.name for each in development_sets(DATA, 20)}:
            assert reached[target.label, target.dataset, target.measure] is not None
    texts = pd.read_parquet(DATA / "abuse/dev/foxnews.parquet")["text"]
    everything = json.dumps(found.figures, ensure_ascii=False)
    assert not any(text[:30] in everything for text in texts if len(text) > 30)
    assert all(set(one["masked"]).isdisjoint("abcdefghijklmnopqrstuvwxyz") for one in found.figures["gallery"])
