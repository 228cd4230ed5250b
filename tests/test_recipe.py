"""The recipe: what may teach what, how sources are weighed and left out, and that the manifest is kept."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moderation import recipe
from moderation.classifier import head_logits
from moderation.errors import InputError
from moderation.features import N_BUCKETS
from moderation.labels import LABELS
from moderation.registry import Registry
from moderation.settings import seeds_folder, shipped_models
from moderation.tables import ARTICLES, COMMENTS, Batch, batch_of, conform

DATA = Path(os.environ.get("MODERATION_DATA", Path(__file__).parents[2] / "shared" / "data"))


def manifest(folder, *files):
    path = folder / "recipe.json"
    path.write_text(json.dumps({"files": [{"path": name, "sha256": digest} for name, digest in files]}))
    return path


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.parquet: missing"):
        recipe.verify(tmp_path, manifest(tmp_path, ("a.parquet", "0")))


def test_a_changed_data_set_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"other")
    with pytest.raises(InputError, match="its digest differs"):
        recipe.verify(tmp_path, manifest(tmp_path, ("a.parquet", "0" * 64)))


def test_the_manifest_names_use_licence_and_source_of_every_file():
    for entry in json.loads(recipe.MANIFEST.read_text("utf-8"))["files"]:
        assert set(entry) == {"path", "sha256", "rows", "use", "what", "licence", "provenance"}
        assert ("measure" in entry["use"]) == (not entry["path"].startswith("abuse/") or "/dev/" in entry["path"])


@pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not here; name their folder in MODERATION_DATA")
def test_the_data_sets_are_those_of_the_manifest():
    assert recipe.verify(DATA)["files"]


def test_a_source_with_one_answer_teaches_nothing_and_a_large_one_does_not_rule():
    source = np.array(["big"] * 1000 + ["small"] * 20 + ["one-sided"] * 100, dtype=object)
    answers = np.array([0.0, 1.0] * 500 + [0.0, 1.0] * 10 + [1.0] * 100)
    answers[:3] = np.nan
    weights = recipe.source_weights(answers, source, np.ones(len(source)))
    assert not weights[source == "one-sided"].any()
    assert not weights[:3].any()
    big, small = weights[source == "big"].sum(), weights[source == "small"].sum()
    assert 1 < big / small < 997 / 20


def test_each_source_with_both_answers_is_left_out_alone_and_own_sentences_never():
    source = np.array(["a"] * 20 + ["b"] * 20 + ["blog/ham"] * 20 + ["own notices"] * 20, dtype=object)
    answers = np.array([0.0, 1.0] * 20 + [0.0] * 20 + [0.0, 1.0] * 10)
    folds = dict(recipe._folds(source, answers))
    assert {"a", "b"} <= set(folds)
    assert folds["a"].tolist() == list(range(20))
    others = np.concatenate([rows for name, rows in folds.items() if name.startswith("others")])
    assert others.tolist() == list(range(40, 60))


def test_calibration_is_for_the_base_rate_asked_for():
    random = np.random.default_rng(0)
    answers = (random.random(20_000) < 0.5).astype(float)
    logits = random.normal(2 * answers, 1)
    slope, intercept = recipe.calibration(logits, answers, np.ones(20_000), 0.02)
    probability = 1 / (1 + np.exp(-(slope * logits + intercept)))
    expected = 0.02 * probability[answers == 1].mean() + 0.98 * probability[answers == 0].mean()
    assert expected == pytest.approx(0.02, rel=0.05)


def blog_thread():
    rows = [
        {"id": f"{blog}:{post}-{i}", "article_id": f"{blog}:{post}", "parent_id": None, "text": f"{blog} {post} {i}"}
        for blog in ("x/one", "y/two")
        for post in range(4)
        for i in range(25)
    ]
    rows.append({"id": "z/lone:0-0", "article_id": "z/lone:0", "parent_id": None, "text": "only post"})
    posts = pd.DataFrame({"id": sorted({row["article_id"] for row in rows}), "title": "t", "text": "b"})
    return Batch(conform(pd.DataFrame(rows), COMMENTS), conform(posts, ARTICLES, "articles"))


def test_swapping_moves_comments_within_their_blog_only_and_loses_none():
    thread = blog_thread()
    moved, is_moved, blog = recipe.swapped(thread)
    before = thread.comments.set_index("id")["article_id"]
    after = moved.comments.set_index("id")["article_id"]
    assert sorted(before.index) == sorted(after.index)
    changed = (after != before.reindex(after.index)).to_numpy(dtype=bool)
    assert np.array_equal(changed, is_moved.astype(bool))
    assert 0.1 < is_moved.mean() < 0.4
    assert (after.str.split(":").str[0].to_numpy(dtype=object) == blog).all()
    assert not is_moved[blog == "z/lone"].any()  # nowhere to go
    again, _, _ = recipe.swapped(thread)
    pd.testing.assert_frame_equal(moved.comments, again.comments)


# --- the shipped model -----------------------------------------------------------------------------------------------


def test_of_menaces_only_the_harmless_ones_teach_what_incitement_is():
    rows = recipe.menace_rows(seeds_folder())
    answers = {label: rows.truth[:, j] for j, label in enumerate(LABELS)}
    told = {label: set(each[~np.isnan(each)]) for label, each in answers.items()}
    assert told.pop("incitement") == {0.0}
    assert told.pop("toxicity") == told.pop("threat") == {0.0, 1.0}
    assert not any(told.values())
    menace = rows.truth[:, LABELS.index("toxicity")] == 1
    assert set(rows.weight[menace]) == {recipe.MENACES_WEIGHT}
    assert len(rows.batch) == len(set(rows.batch.comments["text"])) > 1200


def test_training_goes_on_from_a_base_model_only(tmp_path):
    registry = Registry(tmp_path, shipped_models())
    base = registry.load(registry.champion())
    bare = replace(base, card={"kind": "retrained"})
    with pytest.raises(InputError, match="give --from a base model"):
        recipe.train(tmp_path, seeds_folder(), base=bare)
    with pytest.raises(InputError, match="missing; the recipe needs it"):
        recipe.train(tmp_path, seeds_folder(), base=base)


def test_labels_are_fitted_further_only_to_sentences_that_are_new(card):
    known = card["settings"]["own_sentences"]
    assert recipe._to_go_on(card, known) == ()
    assert recipe._to_go_on(card, {**known, recipe.MENACES: "other"}) == recipe.FURTHER
    assert recipe._to_go_on({}, known) == recipe.FURTHER


def test_a_head_fitted_further_says_what_is_new_and_still_what_it_said(tmp_path):
    registry = Registry(tmp_path, shipped_models())
    base = registry.load(registry.champion())
    known = recipe.own_rows(seeds_folder(), "test", ("contrast", "neutral"))
    new = ["the stove rattles at the latch", "a latch, a stove, a kettle", "who rattles the kettle"] * 3
    batch = Batch(pd.concat([known.batch.comments, batch_of(new).comments], ignore_index=True))
    asked = np.arange(len(batch)) < len(known.batch)
    answers, weights = np.where(asked, 0.0, 1.0), np.full(len(batch), 100.0)
    matrix, j = base.matrix(batch), base.labels.index("threat")
    head, report = recipe._further(base, "threat", matrix, answers, weights, asked=asked, scaling=np.ones(N_BUCKETS))
    every = np.arange(len(batch))
    before, after = head_logits(base.head("threat"), matrix, every), head_logits(head, matrix, every)
    assert np.corrcoef(before[asked], after[asked])[0, 1] > 0.9
    assert (after[~asked] > before[~asked] + 1).all()
    assert report["further"] == {"from": base.version, "asked": int(asked.sum()), "own_rows": len(new)}
    assert report["left_out"] == base.card["labels_report"]["threat"]["left_out"]
    assert np.allclose(before[:50], base.logits(Batch(batch.comments.head(50)))[:, j], atol=0.6)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("home"), shipped_models())
    return registry.card(registry.champion())


def test_the_shipped_card_says_where_the_model_comes_from_and_what_it_is_not_for(card):
    assert card["data"] == json.loads(recipe.MANIFEST.read_text("utf-8"))["files"]
    assert card["not_for"]
    assert card["weaknesses"]
    assert set(card["settings"]["own_sentences"]) == set(recipe.OWN)
    for name, digest in card["settings"]["own_sentences"].items():
        assert recipe._digest(seeds_folder() / f"{name}.jsonl") == digest, f"{name}.jsonl changed since the training"


def test_every_label_the_shipped_model_claims_beats_chance_on_sources_it_never_saw(card):
    for label in LABELS:
        report = card["labels_report"][label]
        pooled = report["left_out_pooled"]["auc"]
        assert pooled["low"] > 0.55, label
        assert report["left_out"], label


def test_the_card_is_readable(card):
    text = recipe.card_markdown(card, "base")
    assert "Not for:" in text
    assert all(f"**{label}**" in text for label in LABELS)
