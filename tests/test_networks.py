"""How the accurate tier's networks are fitted: what is read, what is answered, who teaches. Needs torch."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'comment-moderation[train]')")

from moderation import finetuning, networks, recipe, rounding  # noqa: E402
from moderation.encoder import HEADS, TUNED, WINDOW  # noqa: E402
from moderation.errors import InputError  # noqa: E402

SHAPE = networks.Shape(24, 1, heads=2)
K = HEADS.index("incitement")


def base(shape=SHAPE):
    torch.manual_seed(0)
    state = networks.Network(shape).state_dict()
    return networks.Base(shape, state, torch.randn(200, shape.width), torch.randn(WINDOW + 2, shape.width) / 9)


def rows_of(n=240, seed=3):
    """Rows whose incitement is told by the token 150, a third of them in pairs, some that nobody judged."""
    chance = np.random.default_rng(seed)
    tokens = [[101, *chance.integers(110, 140, chance.integers(3, 20)).tolist(), 102] for _ in range(n)]
    truth, weight = np.zeros((n, len(HEADS)), np.float32), np.zeros((n, len(HEADS)), np.float32)
    truth[:, K] = np.arange(n) % 2 == 0
    for i in range(0, n, 2):
        tokens[i].insert(2, 150)
    weight[: n - 40, K] = 1
    pair = np.full(n, -1)
    pair[: n // 3] = np.arange(n // 3) // 2
    fold = np.arange(n) // 2 % 3
    fold[n - 40 :] = -1
    source = np.array(["a"] * (n - 40) + ["unjudged"] * 40, object)
    return networks.Rows(tokens, truth, weight, source, pair, fold, np.full(truth.shape, np.nan, np.float32))


def model_of(state):
    model = networks.Network(SHAPE, len(HEADS))
    model.load_state_dict(state)
    return model.eval()


def silent(*_):
    pass


def test_a_network_learns_what_tells_rows_apart_and_the_same_again():
    rows, where = rows_of(), base()
    schedule = networks.Schedule(passes=12, batch_rows=16, rate=3e-3, average=0.9, threads=1)
    told = [networks.said(networks.fit(rows, where, schedule, silent), where, rows.tokens)[:, K] for _ in range(2)]
    assert np.array_equal(*told)
    yes, no = told[0][rows.truth[:, K] == 1], told[0][rows.truth[:, K] == 0]
    assert np.mean(yes[:, None] > no[None]) > 0.95


def test_what_a_network_says_does_not_depend_on_what_is_said_beside_it():
    rows, where = rows_of(), base()
    model = networks.Network(SHAPE, len(HEADS)).eval()
    together = networks.said(model, where, rows.tokens)
    alone = np.concatenate([networks.said(model, where, [row]) for row in rows.tokens[:20]])
    assert np.allclose(together[:20], alone, atol=1e-5)


def test_a_fold_and_an_unread_source_are_in_no_step_and_pairs_stand_side_by_side():
    rows = rows_of()
    schedule = networks.Schedule(passes=2, batch_rows=16, fold=1, shares={"unjudged": 0.0})
    steps = list(networks._steps(rows, schedule))
    seen = np.concatenate(steps)
    assert not (rows.fold[seen] == 1).any()
    assert not (rows.source[seen] == "unjudged").any()
    assert set(seen) == set(np.flatnonzero((rows.fold != 1) & (rows.weight > 0).any(1)))
    for step in steps:
        pairs = rows.pair[step]
        assert (pairs < 0).all() or np.array_equal(pairs[0::2], pairs[1::2])


def test_a_part_of_a_pass_is_a_part_of_its_steps():
    rows = rows_of()
    whole = len(list(networks._steps(rows, networks.Schedule(passes=1, batch_rows=16))))
    assert len(list(networks._steps(rows, networks.Schedule(passes=1.5, batch_rows=16)))) == whole + -(-whole // 2)


def test_people_and_teacher_share_an_answer_and_the_teacher_alone_answers_what_nobody_judged():
    rows = rows_of(n=60)
    soft = np.full(rows.truth.shape, np.nan, np.float32)
    soft[0, K], soft[1, K], soft[-1, K] = 0.0, 0.0, 3.0
    target, weight = (each.numpy() for each in networks._targets(rows.taught(soft), networks.Schedule(soft=0.6)))
    assert target[0, K] == pytest.approx(0.4 * 1 + 0.6 * 0.5)
    assert target[1, K] == pytest.approx(0.6 * 0.5)
    assert target[2, K] == 1
    assert target[-1, K] == pytest.approx(1 / (1 + np.exp(-3.0)))
    assert weight[:3, K].tolist() == [1, 1, 1]
    assert weight[-1, K] == networks.SOFT_WEIGHT
    assert not weight[-2].any()


def test_a_pair_is_judged_by_the_label_in_which_its_two_differ():
    truth = torch.tensor([[1.0, 1.0], [0.0, 1.0], [torch.nan, 0.0], [1.0, 0.0]])
    near = networks._pair_loss(torch.tensor([[5.0, 0.0], [-5.0, 9.0], [0.0, 0.0], [0.0, 0.0]]), truth)
    far = networks._pair_loss(torch.tensor([[-5.0, 0.0], [5.0, 9.0], [0.0, 0.0], [0.0, 0.0]]), truth)
    assert float(near) < 0.01
    assert float(far) == pytest.approx(10, abs=0.01)
    assert float(networks._pair_loss(torch.zeros(2, 2), torch.ones(2, 2))) == 0


def test_distances_are_counted_as_in_t5():
    # Raffel et al., 2020: 16 buckets to either side, eight of them exact, the others ever wider up to 128 places.
    found = networks._distances(96, torch.device("cpu"))
    assert found[0, 0] == 0
    assert [int(found[9, 9 - k]) for k in range(8)] == list(range(8))
    assert [int(found[0, k]) for k in range(1, 8)] == [16 + k for k in range(1, 8)]
    assert int(found[95, 0]) == 15
    assert int(found.max()) < 32
    assert (np.diff(found[95].numpy()[::-1]) >= 0).all()


def test_other_weights_than_the_teachers_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        networks.large_base(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match="digest differs"):
        networks.large_base(tmp_path)


def test_a_teacher_is_asked_only_for_what_it_did_not_see(monkeypatch):
    rows, read = rows_of(), []

    def fit(rows, base, schedule, progress, **_):
        read.append(schedule.fold)
        return schedule.fold

    monkeypatch.setattr(finetuning, "fit", fit)
    monkeypatch.setattr(
        finetuning, "said", lambda model, _base, tokens: np.full((len(tokens), len(HEADS)), model, np.float32)
    )
    soft = finetuning.asked(rows, base(), silent)
    assert sorted(read) == list(range(finetuning.FOLDS))
    judged = rows.fold >= 0
    assert np.array_equal(soft[judged][:, K], rows.fold[judged])
    assert (soft[~judged] == np.mean(range(finetuning.FOLDS))).all()


def test_a_source_left_out_is_told_as_the_card_shows_it(monkeypatch):
    rows = rows_of()
    monkeypatch.setattr(finetuning, "fit", lambda *_, **__: None)
    monkeypatch.setattr(finetuning, "said", lambda _model, _base, tokens: rows.truth[: len(tokens)])
    found = finetuning.source_left_out(rows, base(), "a", silent)
    assert set(found) == {"incitement"}
    assert found["incitement"]["auc"]["value"] == 1
    assert "| 1.000 (" in recipe._unseen_lines({"a": found})[-1]


def test_what_was_made_is_kept_and_read_again_and_other_files_are_refused(tmp_path):
    states = tuple(networks.Network(networks.SMALL, len(HEADS)).state_dict() for _ in range(2))
    made = finetuning.Made(states, np.array([[0.5] * 7, [np.nan] * 7], np.float32), {"rows": 2})
    made.keep(tmp_path / "kept")
    again = finetuning.Made.kept(tmp_path / "kept")
    assert again.told == {"rows": 2}
    assert np.array_equal(again.soft, made.soft, equal_nan=True)
    for old, new in zip(made.states, again.states, strict=True):
        assert old.keys() == new.keys()
        assert all(torch.allclose(old[name], new[name], atol=1e-3) for name in old)
    (tmp_path / "kept/made.json").unlink()
    with pytest.raises(InputError, match="not a folder of fine-tuned networks"):
        finetuning.Made.kept(tmp_path / "kept")


def test_of_an_earlier_model_a_part_of_the_rows_is_read_again_and_own_sentences_whole():
    rows = rows_of()
    part = finetuning.some_of(rows, {"unjudged": 0.5, "a": 0.0})
    assert set(part.source) == {"unjudged"}
    assert 8 < len(part.tokens) < 32
    again = finetuning.some_of(rows, {"unjudged": 0.5, "a": 0.0})
    assert again.tokens == part.tokens
    assert len(finetuning.some_of(rows, {"unjudged": 0.0}).tokens) == 200


def test_networks_that_go_on_are_told_what_they_said_but_of_own_sentences(tmp_path, monkeypatch):
    where, seen = base(), []
    rows = rows_of()
    rows.source[:20] = "own contrast"
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(networks.Network(SHAPE, len(HEADS)).state_dict())
    said = [networks.said(model_of(state), where, rows.tokens) for state in states]
    soft = finetuning.answered(rows, where, states)
    assert np.isnan(soft[:20]).all()
    assert np.allclose(soft[20:], (said[0] + said[1])[20:] / 2, atol=1e-5)

    def fit(read, _base, schedule, _progress, *, start):
        seen.append((schedule, start, read))
        return model_of({name: value + 1 for name, value in start.items()})

    monkeypatch.setattr(finetuning, "fit", fit)
    monkeypatch.setattr(finetuning, "base_folder", lambda: tmp_path)
    monkeypatch.setattr(finetuning, "evened", lambda read, _: read)
    monkeypatch.setattr(finetuning, "weights_in", dict(zip([tmp_path / n for n in TUNED], states, strict=True)).get)
    told = {"teacher": "a teacher", "rows": 7, "left_out": {}, "schedules": {"students": []}, "labels": []}
    (tmp_path / "card.json").write_text(json.dumps({"encoder": told}))
    made = finetuning.go_on(rows, where, tmp_path, silent)
    assert [start is state for (_, start, _), state in zip(seen, states, strict=True)] == [True, True]
    assert all(np.array_equal(read.soft, soft, equal_nan=True) for _, _, read in seen)
    assert made.told["teacher"] == "a teacher"
    assert list(made.told["schedules"]) == ["students", "further", "shares", "new_share"]
    half = {name: value + finetuning.NEW_SHARE for name, value in states[0].items()}
    assert all(torch.allclose(made.states[0][name], value) for name, value in half.items())
    assert len(made.soft) == len(rows.tokens)


def test_a_piece_is_some_of_the_sentences_always_the_same():
    text = (
        "The first one says little. The second one says more than that! Does the third one ask? The fourth one ends it."
    )
    piece = finetuning._piece(text)
    assert piece is not None
    assert piece == finetuning._piece(text)
    assert piece in text
    assert len(piece) < len(text)
    assert finetuning._piece("One sentence is no piece of itself") is None


def test_names_are_exchanged_for_others_of_their_kind_and_nothing_else_is():
    files = finetuning.base_folder()
    tokenizer = finetuning.tokenizer_of(files / "tokenizer.json")
    texts = ["my neighbour is polish and grows tomatoes", "no name stands here", "they came from iran by ship"]
    rows = rows_of(n=60)
    rows.tokens[:3] = [tokenizer.encode(text).ids for text in texts]
    rows.truth[:3], rows.weight[:3] = 0, 1
    even = finetuning.evened(rows, files)
    copies = [tokenizer.decode(ids).split() for ids in even.tokens[60:]]
    assert len(copies) == 2
    assert (even.source[60:] == finetuning.EVEN).all()
    for copy in copies:
        text = next(text.split() for text in texts if text.split()[0] == copy[0])
        (changed,) = [(old, new) for old, new in zip(text, copy, strict=True) if old != new]
        (kind,) = [names for names in finetuning.EXCHANGED if changed[0] in names]
        assert changed[1] in kind


def test_a_source_of_one_kind_teaches_nothing():
    answers = np.full((40, len(HEADS)), np.nan)
    answers[:20, K] = 1.0
    answers[20:, K] = np.arange(20) % 2
    source = np.array(["one-sided"] * 20 + ["both"] * 20, object)
    weight = finetuning._weights(answers, source)
    assert not weight[:20].any()
    assert (weight[20:, K] > 0).all()


def test_rounded_weights_lie_on_a_grid_that_they_tell_and_err_less_than_each_rounded_alone():
    where = base(networks.Shape(48, 2, heads=2))
    torch.manual_seed(5)
    model = networks.Network(where.shape, len(HEADS)).eval()
    rows, others = rows_of(seed=3).tokens, rows_of(seed=4).tokens
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    told = networks.said(model, where, others)
    rounding.round_weights(model, where, rows)
    alone = {}
    for name, weight in model.state_dict().items():
        if weight.dim() < 2:
            assert torch.equal(weight, before[name])
            alone[name] = weight
            continue
        largest = before[name].abs().amax(1, keepdim=True)
        assert torch.allclose(weight.abs().amax(1, keepdim=True), largest)
        steps = weight / largest * rounding.STEPS
        assert torch.allclose(steps, steps.round(), atol=1e-3)
        alone[name] = torch.round(before[name] / largest * rounding.STEPS) * largest / rounding.STEPS
    plain = networks.Network(where.shape, len(HEADS)).eval()
    plain.load_state_dict(alone)
    errors = [np.abs(networks.said(each, where, others) - told).mean() for each in (model, plain)]
    assert errors[0] < 0.7 * errors[1]
