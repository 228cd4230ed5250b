"""The fast tier: calibrated scores that do not depend on the batch, exact explanations, safe loading, learning."""

import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from moderation.classifier import (
    Classifier,
    Head,
    _fit_shares,
    fit_head,
    fit_line,
    head_logits,
    sigmoid,
    usable_features,
)
from moderation.errors import ModelError
from moderation.features import DENSE, N_BUCKETS
from moderation.labels import LABELS
from moderation.tables import Batch, batch_of, validate_scores

ARTICLE = {"article_title": "Ashgrove bridge to close", "article_text": "The council will close it until spring."}
TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def model():
    random = np.random.default_rng(7)
    heads = {
        label: Head(random.normal(0, 2, N_BUCKETS), random.normal(0, 0.5, len(DENSE)), float(random.normal()))
        for label in ("off_topic", "spam", "incitement", "toxicity", "profanity")
    }
    return Classifier.from_heads(heads, np.full(N_BUCKETS, 100, np.uint8))


def one_by_one(model, batch):
    parts = []
    for i in range(len(batch)):
        part = Batch(batch.comments.iloc[[i]].reset_index(drop=True), batch.articles)
        parts.append(model.score(part, earlier=batch.comments.iloc[:i]))
    return pd.concat(parts)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.booleans())
def test_scores_keep_rows_order_and_schema_whatever_the_batch(model, texts, with_article):
    batch = batch_of(texts, authors=[*texts[1:], None], **(ARTICLE if with_article else {}))
    scores = validate_scores(model.score(batch))
    assert scores.index.tolist() == batch.comments["id"].tolist()
    assert scores["off_topic"].notna().all() == with_article
    assert scores["threat"].isna().all()  # a label the model does not claim is not judged
    pd.testing.assert_frame_equal(scores, one_by_one(model, batch), check_exact=True)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.sampled_from(["off_topic", "spam", "incitement"]))
def test_an_explanation_adds_up_to_the_logit(model, texts, label):
    batch = batch_of(texts, authors=[*texts[1:], "Ann » Blog"], **ARTICLE)
    scores = model.score(batch)
    for text, explanation, score in zip(texts, model.explain(batch, label), scores[label], strict=True):
        total = explanation.bias + sum(span.weight for span in explanation.spans)
        assert total == pytest.approx(explanation.logit, abs=1e-6)
        assert explanation.probability == pytest.approx(float(score), abs=1e-6)
        for span in explanation.spans:
            assert (span.begin is None) == (span.source != "text")
            if span.begin is not None:
                assert 0 <= span.begin < span.end <= len(text)


def test_spans_point_at_the_words_in_code_points(model):
    text = "Héllo 😀 wörld"
    spans = model.explain(batch_of([text]), "incitement")[0].spans
    pieces = {text[span.begin : span.end] for span in spans if span.source == "text"}
    assert {"Héllo", "😀", "wörld"} <= pieces


def test_an_unclaimed_label_cannot_be_explained(model):
    with pytest.raises(ModelError, match="no head for 'threat'"):
        model.explain(batch_of(["x"]), "threat")


def test_an_empty_batch_gives_an_empty_table(model):
    assert len(model.score(batch_of([]))) == 0
    assert model.explain(batch_of([]), "spam") == []


def test_saving_twice_gives_the_same_bytes_and_loading_the_same_scores(model, tmp_path):
    model.save(tmp_path / "a", {"note": 1})
    model.save(tmp_path / "b", {"note": 1})
    for name in ("weights.npz", "card.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    loaded = Classifier.load(tmp_path / "a")
    batch = batch_of(["one two", "kill", ""], **ARTICLE)
    assert loaded.version == "a"
    assert loaded.card["note"] == 1
    pd.testing.assert_frame_equal(
        loaded.score(batch).drop(columns="model"), model.score(batch).drop(columns="model"), check_exact=True
    )


class _Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a model ran code')",))


def _break_archive(folder):
    (folder / "weights.npz").write_bytes(b"PK\x03\x04 not an archive")


def _pickled(folder):
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        header = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(127) + b"\n"
        for name in ("bias", "dense", "rare", "scale", "weights"):
            archive.writestr(f"{name}.npy", header + pickle.dumps([_Trap()]))


def _foreign_shape(folder):
    with np.load(folder / "weights.npz") as stored:
        arrays = dict(stored)
    np.savez(folder / "weights.npz", **{**arrays, "bias": np.zeros(2)})


@pytest.mark.parametrize("harm", [_break_archive, _pickled, _foreign_shape])
def test_a_harmed_archive_is_refused_and_runs_nothing(model, tmp_path, harm):
    folder = tmp_path / "m"
    model.save(folder, {})
    harm(folder)
    with pytest.raises(ModelError, match="damaged"):
        Classifier.load(folder)
    # even if the card vouches for it
    card = json.loads((folder / "card.json").read_text())
    import hashlib

    card["weights_sha256"] = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"not a model archive|do not fit"):
        Classifier.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(features="0-18-abc"), "made for features 0-18-abc"),
        (lambda card: card.update(labels=["spam"]), "do not fit"),
        (lambda card: card.update(labels=["spam", "nonsense", "incitement", "toxicity", "profanity"]), "do not fit"),
        (lambda card: card.update(weights_sha256="0"), "damaged"),
    ],
)
def test_a_foreign_card_is_refused(model, tmp_path, change, message):
    folder = tmp_path / "m"
    model.save(folder, {})
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=message):
        Classifier.load(folder)


def test_a_missing_or_unreadable_model_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="no model here"):
        Classifier.load(tmp_path / "nothing")
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "card.json").write_bytes(b"\xff\xfe{")
    (folder / "weights.npz").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be read"):
        Classifier.load(folder)


# --- readings and languages -------------------------------------------------------------------------------------------


def parted(model, label, text, article=True):
    explanation = model.explain(batch_of([text], **(ARTICLE if article else {})), label)[0]
    assert explanation.bias + sum(span.weight for span in explanation.spans) == pytest.approx(
        explanation.logit, abs=1e-6
    )
    return explanation


HIDDEN = ["you k.i.l.l them", "k1ll 🔪 them", "sh\u200bit hаppens", "f**k off " * 300, "Plain words here. " * 200]


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize("label", ["incitement", "spam"])
def test_a_reading_is_explained_at_the_places_of_what_was_typed(model, label, text):
    explanation = parted(model, label, text)
    for span in explanation.spans:
        assert (span.begin is None) == (span.source not in ("text", "window"))
        if span.begin is not None:
            assert 0 <= span.begin < span.end <= len(text)
    windows = [span for span in explanation.spans if span.source == "window"]
    assert len(windows) == (label == "incitement" and len(text) > 1500)
    for window in windows:
        inside = [span for span in explanation.spans if span.source == "text"]
        assert all(window.begin <= span.begin and span.end <= window.end for span in inside)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from([*HIDDEN, "plain", "Bonjour à tous, je ne suis pas du tout d'accord avec vous."]), max_size=4
    )
)
def test_readings_do_not_depend_on_the_batch(model, texts):
    alone = [model.logits(batch_of([text]))[0] for text in texts]
    for row, logits in zip(model.logits(batch_of(texts)), alone, strict=True):
        assert np.array_equal(row, logits, equal_nan=True)


def test_a_disguise_never_lowers_a_label_that_one_sentence_earns(model):
    j = model.labels.index("toxicity")
    plain, hidden = model.logits(batch_of(["you kill them", "you k.i.l.l them"]))[:, j]
    assert hidden >= plain - 1e-9


def test_the_strongest_window_speaks_for_a_long_text(model):
    page = "The council met again on Tuesday and talked about the bridge. " * 40
    texts = [page, "kill", page + "kill kill murder. " + page]
    j = model.labels.index("incitement")
    long = model.explain(batch_of([texts[2]]), "incitement")[0]
    window = next(span for span in long.spans if span.source == "window")
    piece = texts[2][window.begin : window.end]
    assert model.logits(batch_of([piece]))[0, j] == pytest.approx(long.logit)
    assert len(piece) <= 1500


FRENCH = "Je ne suis pas du tout d'accord avec cet article, la mairie devrait avoir honte."


def test_another_language_is_not_judged_but_structure_and_context_are(model):
    scores = model.score(batch_of([FRENCH, "I do not agree with this article at all."], **ARTICLE))
    assert scores.iloc[0][["incitement", "toxicity", "profanity"]].isna().all()
    assert scores.iloc[0][["spam", "off_topic"]].notna().all()
    assert scores.iloc[1][["incitement", "toxicity", "profanity", "spam", "off_topic"]].notna().all()
    assert np.isnan(model.explain(batch_of([FRENCH]), "toxicity")[0].probability)


def test_a_comment_in_another_language_goes_to_a_person(model):
    from datetime import UTC, datetime

    from moderation.policy import decide, load_policy
    from moderation.settings import seeds_folder

    batch = batch_of([FRENCH], **ARTICLE)
    decided = decide(batch, model.score(batch), load_policy(seeds_folder() / "policy.toml"), datetime.now(UTC))
    assert decided["decision"].iloc[0] in ("review", "reject")
    assert "unscored" in {reason.code for reason in decided["reasons"].iloc[0]}


def test_the_card_says_which_languages_are_judged(model, tmp_path):
    model.save(tmp_path / "m", {})
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert card["languages"]["toxicity"] == ["en"]
    assert "spam" not in card["languages"]
    card["languages"]["toxicity"] = ["en", "fr"]
    (tmp_path / "m" / "card.json").write_text(json.dumps(card))
    scores = Classifier.load(tmp_path / "m").score(batch_of([FRENCH]))
    assert scores["toxicity"].notna().all()
    assert scores["incitement"].isna().all()
    card["languages"] = ["en"]
    (tmp_path / "m" / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="languages"):
        Classifier.load(tmp_path / "m")


def test_an_answer_on_a_disguised_text_teaches_what_was_meant(model):
    batch = batch_of(["you k.i.l.l herons"])
    j = model.labels.index("incitement")
    wrong = 1 if model.logits(batch)[0, j] < 0 else 0
    learnt = model.adapt(batch, answers(batch, incitement=[wrong]))
    meant = batch_of(["you kill herons"])
    moved = learnt.logits(meant)[0, j] - model.logits(meant)[0, j]
    assert moved * (1 if wrong else -1) > 0.1


# --- learning --------------------------------------------------------------------------------------------------------


def answers(batch, **labels):
    index = pd.Index(batch.comments["id"], name="id")
    return pd.DataFrame({name: pd.array(values, dtype="Int8") for name, values in labels.items()}, index=index)


def same_weights(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("weights", "scale", "dense", "bias", "rare")
    )


def test_learning_moves_the_answered_comment_and_its_likes_but_hardly_others(model):
    batch = batch_of(["the heron waits by the reeds", "bridge tolls doubled again", "good morning all"])
    before = model.logits(batch)
    column = model.labels.index("spam")
    wrong = 1 if before[0, column] < 0 else 0
    learnt = model.adapt(batch, answers(batch, spam=[wrong, None, None]))
    after = learnt.logits(batch_of(["the heron waits by the reeds", "bridge tolls doubled again"]))
    like = batch_of(["a heron waits by some reeds"])
    direction = 1 if wrong else -1
    moved = direction * (after[0, column] - before[0, column])
    moved_like = direction * (learnt.logits(like)[0, column] - model.logits(like)[0, column])
    moved_other = abs(after[1, column] - before[1, column])
    assert moved > moved_like > 2 * moved_other
    assert moved > 0.3


def test_labels_nobody_answered_keep_their_weights_bit_for_bit(model):
    batch = batch_of(["one", "two"])
    learnt = model.adapt(batch, answers(batch, spam=[1, 0]))
    others = [j for j, label in enumerate(model.labels) if label != "spam"]
    assert np.array_equal(learnt.weights[:, others], model.weights[:, others])
    assert np.array_equal(learnt.dense[:, others], model.dense[:, others])
    assert same_weights(model.adapt(batch, answers(batch, spam=[None, None])), model)


def test_the_order_of_reviews_does_not_change_a_bit(model):
    texts = [f"comment number {i} about {'watches' if i % 2 else 'bridges'}" for i in range(12)]
    batch = batch_of(texts)
    truth = answers(batch, spam=[i % 2 for i in range(12)], incitement=[1, 0, None] * 4)
    order = np.random.default_rng(3).permutation(12)
    shuffled = Batch(batch.comments.iloc[order].reset_index(drop=True))
    assert same_weights(model.adapt(batch, truth), model.adapt(shuffled, truth.iloc[order[::-1]]))


def test_leaving_a_review_out_is_never_having_seen_it(model):
    batch = batch_of(["first", "second", "third"])
    whole = answers(batch, spam=[1, 0, 1])
    without = whole.iloc[:2]
    seen_two = Batch(batch.comments.iloc[:2].reset_index(drop=True))
    assert same_weights(model.adapt(batch, without), model.adapt(seen_two, without))


def test_off_topic_without_an_article_teaches_nothing(model):
    batch = batch_of(["no article here"])
    assert same_weights(model.adapt(batch, answers(batch, off_topic=[1])), model)


# --- fitting ---------------------------------------------------------------------------------------------------------


def test_a_head_is_fitted_where_truth_is_known_and_only_on_features_it_may_use():
    blank = Classifier.from_heads({}, np.full(N_BUCKETS, 50, np.uint8))
    good = [f"the river path was lovely on day {i}" for i in range(40)]
    bad = [f"cheap watches for sale number {i}" for i in range(40)]
    matrix = blank.matrix(batch_of([*good, *bad, *["unknown"] * 10], authors=["Ann"] * 90))
    truth = np.array([0.0] * 40 + [1.0] * 40 + [np.nan] * 10)
    head = fit_head("incitement", matrix, truth, np.ones(90), np.ones(N_BUCKETS), c=10.0)
    logits = head_logits(head, matrix, np.arange(80))
    assert (logits[:40] < 0).all()
    assert (logits[40:] > 0).all()
    assert not head.dense[~usable_features("incitement")].any()


def test_an_answer_between_yes_and_no_is_a_yes_and_a_no_each_by_its_share():
    chance = np.random.default_rng(5)
    features = csr_matrix(chance.normal(size=(80, 6)) * (chance.random((80, 6)) < 0.5))
    shares, weights = chance.random(80), chance.random(80) + 0.1
    shares[:20] = 1.0
    coefficients, intercept = _fit_shares(features, shares, weights, 0.3)
    # scikit-learn takes whole answers only: each row twice, weighed by the share of either.
    model = LogisticRegression(C=0.3, tol=1e-8, max_iter=2000)
    model.fit(vstack([features, features]), np.repeat([1, 0], 80), np.r_[weights * shares, weights * (1 - shares)])
    assert np.allclose(coefficients, model.coef_[0], atol=2e-3)
    assert intercept == pytest.approx(model.intercept_[0], abs=2e-3)


def test_off_topic_is_judged_by_context_and_not_by_words():
    assert not usable_features("off_topic")[DENSE.index("a link")]
    assert usable_features("off_topic")[DENSE.index("closeness to the article")]
    assert not usable_features("toxicity")[DENSE.index("length")]
    assert set(LABELS) >= {"off_topic", "toxicity"}


def test_a_head_is_replaced_and_the_others_stay_bit_for_bit(model):
    other = Head(np.full(N_BUCKETS, 0.5), np.full(len(DENSE), 0.25), -3.0)
    mixed = model.replaced(Classifier.from_heads({"spam": other}, np.zeros(N_BUCKETS, np.uint8)))
    assert mixed.labels == model.labels
    batch = batch_of(
        ["You are a fool, buy my watches", "Keep the bridge open"], article_title="A", article_text="bridge"
    )
    before, after = model.logits(batch), mixed.logits(batch)
    spam = model.labels.index("spam")
    assert np.array_equal(np.delete(after, spam, axis=1), np.delete(before, spam, axis=1), equal_nan=True)
    assert (after[:, spam] != before[:, spam]).all()
    assert mixed.bias[spam] == -3.0
    assert mixed.dense[:, spam].tolist() == [0.25] * len(DENSE)


def test_a_fitted_line_calibrates():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, 20_000)
    truth = (random.random(20_000) < sigmoid(0.5 * logits - 1)).astype(float)
    slope, intercept = fit_line(logits, truth, np.ones(20_000))
    assert slope == pytest.approx(0.5, abs=0.05)
    assert intercept == pytest.approx(-1, abs=0.08)


def test_sigmoid_has_no_overflow():
    with np.errstate(over="raise", invalid="raise"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
