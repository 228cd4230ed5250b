"""Numbers and their intervals, against scikit-learn, against hand counts, and against chance."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from moderation.errors import TableError
from moderation.evaluation import (
    METRICS,
    Comparison,
    Evaluation,
    Interval,
    _Sample,
    _weights,
    area,
    best_share,
    best_threshold,
    bias,
    calibration_curve,
    compare,
    ece_at,
    evaluate,
    f1_spread,
    share,
)
from moderation.labels import LABELS


def frames(n: int, seed: int = 0, *, digits: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return truth and calibrated scores of all labels; few digits make ties."""
    generator = np.random.default_rng(seed)
    index = pd.Index([f"c{number}" for number in range(n)], name="id")
    scores = pd.DataFrame(
        {label: generator.beta(0.6, 1.5, n).round(digits).astype(np.float32) for label in LABELS}, index=index
    )
    truth = pd.DataFrame({label: (generator.random(n) < scores[label]).astype("Int8") for label in LABELS}, index=index)
    return truth, scores.assign(model="1")


def column(answers: list[int | None], probabilities: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return (
        pd.DataFrame({"spam": pd.Series(answers, dtype="Int8")}),
        pd.DataFrame({"spam": np.array(probabilities, dtype=np.float32)}),
    )


# Values.


@pytest.mark.parametrize("digits", [1, 2, 7])
def test_values_are_those_of_scikit_learn(digits: int) -> None:
    truth, scores = frames(800, digits=digits)
    found = evaluate(truth, scores, thresholds={"spam": 0.5}, resamples=1)["spam"]
    y, p = truth["spam"].to_numpy(int), np.clip(scores["spam"].to_numpy(float), 1e-7, 1 - 1e-7)
    said = p >= 0.5
    expected = {
        "auc": roc_auc_score(y, p),
        "average_precision": average_precision_score(y, p),
        "log_loss": log_loss(y, p),
        "base_log_loss": log_loss(y, np.full(len(y), y.mean())),
        "brier": brier_score_loss(y, p),
        "precision": precision_score(y, said),
        "recall": recall_score(y, said),
        "f1": f1_score(y, said),
    }
    values = {name: getattr(found, name).value for name in expected}
    assert values == pytest.approx(expected, abs=1e-9)
    assert (found.n, found.positives, found.unscored) == (800, y.sum(), 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])), min_size=2, max_size=20))
def test_ranking_numbers_are_those_of_scikit_learn_on_any_ties(pairs: list[tuple[bool, float]]) -> None:
    truth, scores = column([int(answer) for answer, _ in pairs], [p for _, p in pairs])
    found = evaluate(truth, scores, resamples=1)["spam"]
    y, p = truth["spam"].to_numpy(int), scores["spam"].to_numpy(float)
    if 0 < y.sum() < len(y):
        assert found.auc is not None
        assert found.average_precision is not None
        assert found.auc.value == pytest.approx(roc_auc_score(y, p))
        assert found.average_precision.value == pytest.approx(average_precision_score(y, p))
    else:
        assert found.auc is None


def test_calibration_error_by_hand() -> None:
    # 30 comments, two a bin: only the first bin (0.0, 0.1 | no, yes) is off, by |0.5 - 0.05|
    probabilities = [0.0, 0.1] + [0.5 + number / 100 for number in range(28)]
    answers: list[int | None] = [0, 1] + [0, 1] * 14
    expected = abs(1 - 0.1) + sum(abs(1 - probabilities[at] - probabilities[at + 1]) for at in range(2, 30, 2))
    found = evaluate(*column(answers, probabilities), resamples=1)["spam"].ece
    assert found is not None
    assert found.value == pytest.approx(expected / 30, abs=1e-6)


def test_equal_probabilities_share_a_bin() -> None:
    found = evaluate(*column([1, 0, 0, 0] * 25, [0.25] * 100), resamples=1)["spam"].ece
    assert found is not None
    assert found.value == pytest.approx(0, abs=1e-12)


def test_the_order_of_rows_does_not_matter() -> None:
    truth, scores = frames(200)
    shuffled = truth.sample(frac=1, random_state=1)
    assert evaluate(truth, scores, resamples=1).table()["auc"].tolist() == (
        evaluate(shuffled, scores, resamples=1).table()["auc"].tolist()
    )


def test_a_sure_error_is_dear_but_not_infinite() -> None:
    found = evaluate(*column([1, 0, 1, 0], [0.0, 0.0, 1.0, 1.0]), resamples=1)["spam"].log_loss
    assert found is not None
    assert found.value == pytest.approx(-np.log(1e-7) / 2, rel=1e-6)


def test_thresholds_reach_their_own_value() -> None:
    found = evaluate(*column([1, 0], [0.7, 0.1]), thresholds={"spam": 0.7}, resamples=1)["spam"]
    assert found.recall == Interval(1.0, 1.0, 1.0)


# What cannot be had.


def given_numbers(evaluation: Evaluation, label: str = "spam") -> set[str]:
    return {name for name in METRICS if getattr(evaluation[label], name) is not None}


@pytest.mark.parametrize(
    ("answers", "probabilities", "given"),
    [
        ([], [], set()),
        ([None, None], [0.1, 0.2], set()),
        ([1, 0], [np.nan, np.nan], set()),
        ([0, 0], [0.1, 0.2], {"log_loss", "brier", "ece"}),
        ([1, 1], [0.1, 0.2], {"log_loss", "brier", "ece", "recall", "f1"}),
        ([1, 1], [0.1, 0.9], {"log_loss", "brier", "ece", "precision", "recall", "f1"}),
        ([1, 0], [0.1, 0.2], set(METRICS) - {"precision"}),
        ([1, 0], [0.1, 0.9], set(METRICS)),
        ([0, 0], [0.1, 0.9], {"log_loss", "brier", "ece", "precision", "f1"}),
    ],
)
def test_what_cannot_be_had_is_none(answers: list[int | None], probabilities: list[float], given: set[str]) -> None:
    found = evaluate(*column(answers, probabilities), thresholds={"spam": 0.5}, resamples=20)
    assert given_numbers(found) == given


def test_no_threshold_no_precision() -> None:
    truth, scores = frames(100)
    found = evaluate(truth, scores, thresholds={"threat": 0.5}, resamples=2)
    assert given_numbers(found) == set(METRICS) - {"precision", "recall", "f1"}
    assert given_numbers(found, "threat") == set(METRICS)
    assert (found["spam"].threshold, found["threat"].threshold) == (None, 0.5)


def test_rows_without_answer_or_score_are_counted_apart() -> None:
    found = evaluate(*column([1, 0, None, 1], [0.9, 0.1, 0.5, np.nan]), resamples=1)["spam"]
    assert (found.n, found.positives, found.unscored) == (2, 1, 1)


def test_labels_are_those_of_the_truth() -> None:
    truth, scores = frames(50)
    found = evaluate(truth[["threat", "spam"]], scores.drop(columns="threat"), resamples=1)
    assert [each.label for each in found.labels] == ["spam", "threat"]
    assert (found["threat"].n, found["threat"].unscored) == (0, 50)
    with pytest.raises(KeyError):
        found["insult"]


# Intervals.


def test_intervals_are_the_same_in_every_run_and_move_with_the_seed() -> None:
    truth, scores = frames(300)
    first = evaluate(truth, scores, seed=1)
    assert evaluate(truth, scores, seed=1) == first
    assert evaluate(truth, scores, seed=2) != first


def test_leaving_out_a_label_does_not_move_the_others() -> None:
    truth, scores = frames(200)
    assert evaluate(truth[["threat"]], scores)["threat"] == evaluate(truth, scores)["threat"]


def test_intervals_hold_their_value_and_narrow_with_more_rows() -> None:
    few, many = (evaluate(*frames(n), thresholds=dict.fromkeys(LABELS, 0.5)) for n in (300, 6000))
    for label in LABELS:
        for name in set(METRICS) - {"ece", "base_log_loss"}:
            narrow, wide = getattr(many[label], name), getattr(few[label], name)
            for each in (narrow, wide):
                assert each.low <= each.value <= each.high
            assert narrow.high - narrow.low < wide.high - wide.low


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # the AUC of the whole from which the samples come, in 95 of 100 samples; 10 below is chance of about 1 in 10,000
    whole = evaluate(*frames(50_000, seed=99, digits=7), resamples=1)
    covered = [
        interval.low <= whole[label].auc.value <= interval.high
        for seed in range(10)
        for found in [evaluate(*frames(300, seed=seed, digits=7), seed=seed)]
        for label in LABELS
        for interval in [found[label].auc]
    ]
    assert sum(covered) >= 85


def test_resamples_keep_the_share_of_yes() -> None:
    # one yes among a thousand: unstratified, a third of the resamples would hold none
    found = evaluate(*column([1] + [0] * 999, [0.9] + [0.1] * 999))["spam"]
    assert found.auc == Interval(1.0, 1.0, 1.0)
    assert found.base_log_loss is not None
    assert found.base_log_loss.low == found.base_log_loss.value == found.base_log_loss.high


def test_resamples_come_in_blocks_that_fit_into_memory() -> None:
    truth, scores = frames(50_000)
    y = truth["spam"].to_numpy(float)
    sample = _Sample(y, scores["spam"].to_numpy(float))
    blocks = list(_weights(sample, np.random.default_rng(0), 100))
    assert [len(block) for block in blocks] == [80, 20]
    for block in blocks:
        assert set(block.sum(axis=1)) == {50_000}
        assert set(block[:, y == 1].sum(axis=1)) == {y.sum()}


def test_no_resamples_no_interval() -> None:
    with pytest.raises(ValueError, match="resamples must be 1 or more"):
        evaluate(*frames(10), resamples=0)


# Comparing.


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {each.label: each.verdict for each in comparison.labels}


def changed(scores: pd.DataFrame, **columns: Mapping[str, object]) -> pd.DataFrame:
    return scores.assign(**columns)


def test_the_same_scores_are_the_same() -> None:
    truth, scores = frames(500)
    found = compare(truth, scores, scores)
    assert set(verdicts(found).values()) == {"same"}
    assert found["spam"].log_loss == found["spam"].auc == Interval(0.0, 0.0, 0.0)
    assert found.worse == found.better == ()


def test_noise_is_worse_and_its_removal_better() -> None:
    truth, scores = frames(1000)
    noise = np.random.default_rng(5).random(len(scores)).astype(np.float32)
    noisy = scores.assign(spam=(scores["spam"] + noise) / 2, threat=noise)
    harmed, healed = compare(truth, scores, noisy), compare(truth, noisy, scores)
    assert harmed.worse == healed.better == ("spam", "threat")
    assert harmed.better == healed.worse == ()
    assert harmed["spam"].log_loss.value == pytest.approx(-healed["spam"].log_loss.value)
    assert harmed["threat"].auc.high < 0 < harmed["threat"].log_loss.low


def test_worse_probabilities_in_the_same_order_are_worse() -> None:
    truth, scores = frames(1000)
    found = compare(truth, scores, scores.assign(spam=scores["spam"] ** 3))["spam"]
    assert found.verdict == "worse"
    assert found.log_loss.low > 0


def test_better_in_one_and_worse_in_the_other_is_worse() -> None:
    truth, _ = frames(400)
    y = truth["spam"].to_numpy(float)
    ranked = pd.DataFrame({"spam": np.where(y == 1, 0.02, 0.01).astype(np.float32)}, index=truth.index)
    flat = pd.DataFrame({"spam": np.full(len(y), y.mean(), np.float32)}, index=truth.index)
    found = compare(truth[["spam"]], flat, ranked)["spam"]
    assert found.auc.low > 0
    assert found.log_loss.low > 0
    assert found.verdict == "worse"
    back = compare(truth[["spam"]], ranked, flat)["spam"]
    assert back.auc.high < 0
    assert back.log_loss.high < 0
    assert back.verdict == "worse"


def test_a_difference_that_chance_explains_is_none() -> None:
    truth, scores = frames(60)
    nudged = scores.assign(spam=(scores["spam"] + np.random.default_rng(0).normal(0, 0.02, 60)).clip(0, 1).astype("f4"))
    assert verdicts(compare(truth, scores, nudged))["spam"] == "same"


def test_a_certain_difference_that_does_not_matter_is_none() -> None:
    truth, _ = frames(3000)
    y = truth["spam"].to_numpy(float)
    scores, nudged = (pd.DataFrame({"spam": 0.5 + (y - 0.5) * by}, index=truth.index) for by in (0.5, 0.4999))
    found = compare(truth[["spam"]], scores, nudged)["spam"]
    assert found.log_loss.low > 0, "the difference is certain"
    assert found.verdict == "same"


@pytest.mark.parametrize(
    ("yes", "no", "verdict"), [(4, 100, "not measured"), (100, 4, "not measured"), (5, 5, "worse")]
)
def test_too_few_answers_are_not_measured(yes: int, no: int, verdict: str) -> None:
    answers: list[int | None] = [1] * yes + [0] * no
    truth, good = column(answers, [0.9] * yes + [0.1] * no)
    _, bad = column(answers, [0.1] * yes + [0.9] * no)
    found = compare(truth, good, bad)["spam"]
    assert found.verdict == verdict
    assert (found.auc is None) == (verdict == "not measured")
    assert (found.n, found.positives) == (yes + no, yes)


def test_only_rows_that_both_have_scored_are_compared() -> None:
    truth, scores = frames(300)
    half = scores["spam"].where(np.arange(300) < 150)
    found = compare(truth, scores, scores.assign(spam=half))
    assert found["spam"].n == 150
    assert found["threat"].n == 300
    nothing = compare(truth, scores, scores.assign(spam=np.float32(np.nan)))["spam"]
    assert (nothing.n, nothing.verdict) == (0, "not measured")


# Inputs.


def test_rows_are_joined_by_id() -> None:
    truth, scores = frames(200)
    other = scores.sample(frac=1, random_state=3)
    assert evaluate(truth, other, resamples=2) == evaluate(truth, scores, resamples=2)
    assert evaluate(truth.iloc[:50], scores, resamples=2)["spam"].n == 50


@pytest.mark.parametrize("dtype", ["Int8", "Int64", "float64", "boolean", "object"])
def test_truth_may_have_any_dtype_of_yes_and_no(dtype: str) -> None:
    truth = pd.DataFrame({"spam": pd.Series([1, 0, None], dtype=dtype)})
    scores = pd.DataFrame({"spam": np.array([0.9, 0.1, 0.5], np.float32)})
    found = evaluate(truth, scores, resamples=1)["spam"]
    assert (found.n, found.positives, found.auc) == (2, 1, Interval(1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ({"a": 1, "b": 0}, {"a": 0.5}, "truth: row 1 has no row in scores; score its comment first"),
        ({"a": 2}, {"a": 0.5}, "truth: row 0, column 'spam': value is not 1, 0 or missing"),
        ({"a": 1}, {"a": 1.5}, "scores: column 'spam': a value is outside 0..1; give probabilities"),
    ],
)
def test_what_is_refused(truth: dict[str, float], scores: dict[str, float], message: str) -> None:
    with pytest.raises(TableError) as refused:
        evaluate(pd.DataFrame({"spam": pd.Series(truth)}), pd.DataFrame({"spam": pd.Series(scores)}))
    assert str(refused.value) == message


def test_an_id_twice_is_refused() -> None:
    truth, scores = frames(3)
    with pytest.raises(TableError, match=r"^truth: row 3 repeats an earlier row's id; give one row per comment$"):
        evaluate(pd.concat([truth, truth.iloc[:1]]), scores)
    with pytest.raises(TableError, match=r"^scores: row 3 repeats an earlier row's id; give one row per comment$"):
        compare(truth, scores, pd.concat([scores, scores.iloc[:1]]))


# Written down.


def test_an_evaluation_travels_as_json() -> None:
    truth, scores = frames(100)
    truth["insult"] = pd.NA
    found = evaluate(truth, scores, thresholds={"spam": 0.5}, resamples=5)
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_a_comparison_travels_as_json() -> None:
    truth, scores = frames(100)
    truth["insult"] = pd.NA
    found = compare(truth, scores, scores.assign(spam=np.float32(0.5)), resamples=5)
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_tables() -> None:
    truth, scores = frames(100)
    truth["insult"] = pd.NA
    table = evaluate(truth, scores, resamples=5).table()
    assert table.index.tolist() == list(LABELS)
    assert list(table.columns[:7]) == ["n", "positives", "unscored", "threshold", "auc", "auc_low", "auc_high"]
    assert table.loc["insult", ["auc", "f1"]].isna().all()
    assert table.loc["insult", "n"] == 0
    assert len(evaluate(truth[[]], scores).table()) == 0
    compared = compare(truth, scores, scores, resamples=5).table()
    assert compared.loc["insult", "verdict"] == "not measured"
    assert compared.loc["spam", ["log_loss", "auc_high"]].tolist() == [0.0, 0.0]


def test_an_interval_reads_as_one() -> None:
    assert str(Interval(0.91234, 0.9, 0.9251)) == "0.912 (0.900 to 0.925)"


# The curve.


def test_the_calibration_curve_of_calibrated_scores_is_the_diagonal() -> None:
    truth, scores = frames(20_000, digits=7)
    curve = calibration_curve(truth["spam"], scores["spam"])
    assert len(curve) == 15
    assert curve["n"].sum() == 20_000
    assert curve["n"].max() - curve["n"].min() <= 2
    assert curve["probability"].is_monotonic_increasing
    assert curve["share"].to_numpy() == pytest.approx(curve["probability"].to_numpy(), abs=0.05)


def test_the_curve_has_the_bins_of_the_calibration_error() -> None:
    truth, scores = frames(1000)
    scores["spam"] = scores["spam"] ** 2
    curve = calibration_curve(truth["spam"], scores["spam"])
    by_curve = (curve["n"] * (curve["share"] - curve["probability"]).abs()).sum() / 1000
    found = evaluate(truth, scores, resamples=1)["spam"].ece
    assert found is not None
    assert by_curve == pytest.approx(found.value)


def test_the_curve_of_nothing_and_of_one_score() -> None:
    truth, scores = column([None], [0.5])
    assert calibration_curve(truth["spam"], scores["spam"]).empty
    truth, scores = column([1, 0, 1, 1], [0.5] * 4)
    curve = calibration_curve(truth["spam"], scores["spam"], bins=3)
    assert curve.to_dict("records") == [{"probability": 0.5, "share": 0.75, "n": 4}]


# Over groups, by group, and at another base rate.


def test_the_area_of_logits_is_that_of_their_probabilities() -> None:
    generator = np.random.default_rng(3)
    y = (generator.random(300) < 0.4).astype(float)
    logits = y + generator.normal(0, 2, 300)
    found = area(y, logits)
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(y, logits))
    assert found.low < found.value < found.high
    assert area(np.ones(5), logits[:5]) is None


def test_a_share_has_the_interval_of_its_draws() -> None:
    found = share(np.array([True] * 30 + [False] * 70), resamples=2000)
    assert found is not None
    assert found.value == 0.3
    assert (found.low, found.high) == pytest.approx((0.21, 0.39), abs=0.02)
    assert share(np.zeros(0, bool)) is None


def test_weighing_answers_to_a_base_rate_finds_what_a_natural_set_would() -> None:
    # probabilities that are right where one in ten is a yes, on a set where half is
    generator = np.random.default_rng(5)
    p = generator.beta(0.5, 4.5, 60_000).astype(np.float32)
    y = generator.random(60_000) < p
    rows = np.r_[np.flatnonzero(y), np.flatnonzero(~y)[: int(y.sum())]]
    index = pd.Index(rows.astype(str))
    truth = pd.Series(y[rows].astype(int), index=index, name="spam", dtype="Int8")
    scores = pd.Series(p[rows], index=index, name="spam")
    as_it_is = evaluate(truth.to_frame(), scores.to_frame(), resamples=1)["spam"].ece
    natural = ece_at(truth, scores, 0.1, resamples=20)
    assert as_it_is is not None
    assert natural is not None
    assert natural.value < 0.02
    assert as_it_is.value > 0.2
    assert ece_at(truth[truth == 1], scores, 0.1) is None


def test_a_group_whose_name_raises_scores_has_a_low_bpsn() -> None:
    # group: neutral .7 and hostile .9; others: neutral .1 and hostile .5
    answers = np.array([0.0, 1.0, 0.0, 1.0] * 5)
    scores = np.array([0.7, 0.9, 0.1, 0.5] * 5)
    member = np.array([True, True, False, False] * 5)
    found = bias("g", answers, scores, member, resamples=5)
    assert (found.n, found.group) == (10, "g")
    values = [each.value for each in (found.subgroup, found.bpsn, found.bnsp) if each is not None]
    assert values == [1.0, 0.0, 1.0]


def test_the_best_threshold_gives_each_group_the_same_say() -> None:
    # the large group is split best at 0.8, the small ones at 0.4
    large = (np.array([0.0] * 700 + [1.0] * 300), np.array([0.5] * 700 + [0.8] * 300))
    small = (np.array([0.0] * 6 + [1.0] * 4), np.array([0.1] * 6 + [0.4] * 4))
    assert best_threshold([large]) == pytest.approx(0.65)
    assert best_threshold([large, small, small]) == pytest.approx(0.25)


def test_the_best_share_is_found_within_groups_whatever_their_level() -> None:
    answers = np.array([0.0, 1.0] * 20)
    noise = np.random.default_rng(0).normal(size=40)
    group = np.repeat(["a", "b"], 20)
    level = np.where(group == "a", -9.0, 9.0)  # the fits that left out one group or the other differ in it
    assert best_share(group, answers, noise + level, 3 * answers) == 1.0
    assert best_share(group, answers, answers + level, noise) == 0.0
    assert best_share(group, answers, answers + level, np.full(40, np.nan)) == 0.0


def test_the_best_threshold_for_another_share_of_yes() -> None:
    # nearly all yes: saying yes to everything is best here, and nowhere else
    answers = np.array([1.0] * 980 + [0.0] * 20)
    scores = np.array([0.9] * 800 + [0.2] * 180 + [0.2] * 20)
    assert best_threshold([(answers, scores)]) == pytest.approx(0.2)
    assert best_threshold([(answers, scores)], rate=0.5) == pytest.approx(0.55)


def test_of_thresholds_within_the_standard_error_of_the_best_the_middle_one_is_taken() -> None:
    # The best by a hair is 1.5, beside the no's of one group; up to 8 it costs a yes of another group at most.
    first = (np.array([0.0] * 50 + [1.0] * 50), np.array([1.0] * 50 + [9.0] * 50))
    second = (np.array([0.0] * 50 + [1.0] * 50), np.array([1.0] * 50 + [2.0] + [9.0] * 49))
    third = (np.array([0.0] * 50 + [1.0] * 50), np.array([1.0] * 48 + [9.0] * 52))
    found = best_threshold([first, second, third])
    assert found == pytest.approx((1.5 + 5.5) / 2)
    worse = (np.array([0.0] * 50 + [1.0] * 50), np.array([1.0] * 50 + [2.0] * 25 + [9.0] * 25))
    assert best_threshold([first, worse, worse]) == pytest.approx(1.5)


def test_the_best_threshold_is_the_one_that_counting_finds() -> None:
    generator = np.random.default_rng(9)
    scores = generator.random(60).round(2)
    answers = (generator.random(60) < scores).astype(float)
    best = max(f1_score(answers, scores >= limit) for limit in np.unique(scores))
    assert f1_score(answers, scores >= best_threshold([(answers, scores)])) == pytest.approx(best)


def test_a_spread_names_median_mean_and_worst_of_its_groups() -> None:
    answers = np.array([1.0, 1.0, 0.0, 0.0])
    groups = {
        "right": (answers, np.array([0.9, 0.8, 0.1, 0.2])),
        "half": (answers, np.array([0.9, 0.1, 0.1, 0.2])),
        "wrong": (answers, np.array([0.1, 0.1, 0.9, 0.9])),
    }
    found = f1_spread(groups, dict.fromkeys(groups, 0.5), resamples=50)
    assert {name: round(each.value, 3) for name, each in found.groups.items()} == {
        "right": 1.0,
        "half": 0.667,
        "wrong": 0.0,
    }
    assert (found.median.value, found.worst.value) == (pytest.approx(2 / 3), 0.0)
    assert found.mean.value == pytest.approx(5 / 9)
    assert found.worst.low <= found.median.low <= found.median.high
    with pytest.raises(ValueError, match="no yes"):
        f1_spread({"none": (np.zeros(3), np.ones(3))}, {"none": 0.5})
