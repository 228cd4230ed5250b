"""Transformer encoders in torch and how they are fitted: what the accurate tier's networks are made with.

Two shapes: the small one that is shipped (all-MiniLM-L6-v2) and a larger one that only teaches it (all-mpnet-base-v2;
Song et al., 2020, MPNet; Apache-2.0). Both read the same word pieces. Word and position embeddings stay as they are.

The same rows, schedule, thread count and machine give the same weights on a processor. On a graphics card, or on
another machine, sums differ in their last bits, and so the weights by a little.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from moderation.encoder import HEADS, WINDOW
from moderation.errors import InputError

__all__ = [
    "LARGE",
    "OPPOSED",
    "SMALL",
    "Base",
    "Network",
    "Progress",
    "Rows",
    "Schedule",
    "Shape",
    "Table",
    "device",
    "fit",
    "large_base",
    "said",
    "small_base",
]

OPPOSED: Final = ("incitement", "identity_attack", "toxicity", "threat")
"""Labels by which the two of a pair are told apart."""
PAIR_WEIGHT: Final = 0.5
SOFT_WEIGHT: Final = 0.5
"""What a teacher's answer counts where nobody judged; a judged row counts 1 in the middle."""
AVERAGED_EVERY: Final = 5
"""Steps between two looks at the weights for their running average."""
LONGEST: Final = WINDOW + 2
AT_ONCE: Final = 256

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of an encoder; `relative`: positions are also told by their distance (MPNet)."""

    width: int
    layers: int
    heads: int = 12
    epsilon: float = 1e-12
    relative: bool = False


SMALL: Final = Shape(384, 6)
LARGE: Final = Shape(768, 12, epsilon=1e-5, relative=True)


@dataclass(frozen=True, slots=True)
class Base:
    """Where fitting begins: a state for `Network`, word embeddings and position embeddings by the small one's ids."""

    shape: Shape
    state: dict[str, Tensor]
    words: Tensor
    places: Tensor


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: passes over the rows, rows per step, the highest learning rate, threads, seed.

    `shares`: how much of a source a pass reads; `pairs`: how often it reads the pairs of opposite stance; `soft`: the
    share of a teacher's answer in that of rows that people judged too; `fold`: the rows that are not read.
    """

    passes: float = 1
    batch_rows: int = 64
    rate: float = 1.5e-4
    warm_up: float = 0.06
    decay: float = 0.01
    average: float = 0.99
    threads: int = 2
    seed: int = 20071125
    shares: Mapping[str, float] = field(default_factory=dict)
    pairs: int = 1
    soft: float = 0.0
    fold: int | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What is fitted: token ids per row, truth and weight (n, len(HEADS)), the source, and the pair (-1: none).

    `fold`: a number of at least 0 by which rows are left out together, -1 where nobody judged anything; `soft`: logits
    of a teacher (n, len(HEADS)), NaN where it was not asked.
    """

    tokens: list[list[int]]
    truth: Floats
    weight: Floats
    source: npt.NDArray[np.object_]
    pair: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    soft: Floats

    def taught(self, soft: Floats) -> "Rows":
        """Return the same rows with a teacher's answers."""
        return replace(self, soft=soft)


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width, eps=shape.epsilon)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=shape.epsilon)
        self.drop = 0.1

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, width = x.shape
        query, key, value = self.qkv(x).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = self.out(seen.transpose(1, 2).reshape(rows, length, width))
        x = self.norm_attention(x + functional.dropout(seen, self.drop, self.training))
        return self.norm(x + functional.dropout(self.down(functional.gelu(self.up(x))), self.drop, self.training))


class Network(nn.Module):
    """Embedded tokens (rows, length, width) in, mean-pooled hidden states out; with `heads`, logits instead."""

    def __init__(self, shape: Shape = SMALL, heads: int = 0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.layers = nn.ModuleList([_Layer(shape) for _ in range(shape.layers)])
        self.distance = nn.Embedding(32, shape.heads) if shape.relative else None
        self.dense = nn.Linear(2 * shape.width, shape.width) if heads else None
        self.heads = nn.Linear(shape.width, heads) if heads else None

    def forward(self, embedded: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the mean of the hidden states, or the logits; `mask` (rows, length) is false where a row has ended."""
        x = self.norm(embedded)
        attention = None if mask is None else mask[:, None, None, :]
        if self.distance is not None:
            bias = self.distance(_distances(x.shape[1], x.device)).permute(2, 0, 1)[None]
            if attention is not None:
                bias = bias.masked_fill(~attention, -torch.inf)
            attention = bias.to(torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled() else x.dtype)
        for layer in self.layers:
            x = layer(x, attention)
        if mask is None:
            mean = x.mean(1)
        else:
            kept = mask[:, :, None].to(x.dtype)
            mean = (x * kept).sum(1) / kept.sum(1)
        if self.dense is None or self.heads is None:
            return mean
        hidden = functional.gelu(self.dense(torch.cat([x[:, 0], mean], 1).float()))
        logits: Tensor = self.heads(functional.dropout(hidden, 0.1, self.training))
        return logits


def _distances(length: int, where: torch.device) -> Tensor:
    """Return the bucket of the distance of every two places (length, length), as T5 and MPNet count them."""
    place = torch.arange(length, device=where)
    behind = place[:, None] - place[None, :]
    far = behind.abs()
    logarithmic = 8 + (torch.log(far.clamp_min(1).float() / 8) / math.log(16) * 8).long()
    return (behind < 0).long() * 16 + torch.where(far < 8, far, logarithmic.clamp(8, 15))


def device() -> torch.device:
    """Return where to compute: a graphics card if there is one."""
    # It would plan anew for each number of rows and length, which takes longer than what is planned.
    torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, slots=True)
class Table:
    """Token ids (n, LONGEST), filled up with 0, and the embeddings, all on one device; lengths (n,) here."""

    ids: Tensor
    lengths: npt.NDArray[np.int64]
    lengths_there: Tensor
    words: Tensor
    places: Tensor

    @classmethod
    def of(cls, tokens: list[list[int]], base: Base, where: torch.device) -> "Table":
        """Return the table of rows of at most `LONGEST` ids."""
        lengths = np.array([len(row) for row in tokens], np.int64)
        ids = np.zeros((len(tokens), LONGEST), np.int32)
        for i, row in enumerate(tokens):
            ids[i, : len(row)] = row
        return cls(
            torch.from_numpy(ids).to(where),
            lengths,
            torch.from_numpy(lengths).to(where),
            base.words.to(where),
            base.places[:LONGEST].to(where),
        )

    def embedded(self, at: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """Return what a `Network` reads of the rows `at`, the longest of which has `longest` ids, and its mask."""
        # Few different lengths: a graphics card makes ready for each, and its attention wants eights.
        length = min(LONGEST, -(-longest // 8) * 8)
        ids = self.ids[at, :length].long()
        mask = torch.arange(length, device=ids.device)[None, :] < self.lengths_there[at][:, None]
        return self.words[ids].float() + self.places[:length], mask


def _steps(rows: Rows, schedule: Schedule) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the row numbers of every step: rows of like length together; in steps of pairs, yes beside no."""
    chance = np.random.default_rng(schedule.seed)
    lengths = np.array([len(ids) for ids in rows.tokens])
    useful: npt.NDArray[np.bool_] = np.asarray((rows.weight > 0).any(1) | ~np.isnan(rows.soft).all(1))
    if schedule.fold is not None:
        useful &= rows.fold != schedule.fold
    share = np.array([schedule.shares.get(str(name), 1.0) for name in rows.source])
    members: list[npt.NDArray[np.int64]] = []
    for name in np.unique(rows.pair[rows.pair >= 0]):
        both = np.flatnonzero(rows.pair == name)
        if len(both) == 2 and useful[both].all():
            members.append(both)
    for number in range(math.ceil(schedule.passes)):
        chosen = np.flatnonzero(useful & (rows.pair < 0) & (chance.random(len(share)) < share))
        chance.shuffle(chosen)
        batches = []
        stretch = schedule.batch_rows * 100
        for begin in range(0, len(chosen), stretch):
            part = chosen[begin : begin + stretch]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += [part[i : i + schedule.batch_rows] for i in range(0, len(part), schedule.batch_rows)]
        for _ in range(schedule.pairs):
            order = chance.permutation(len(members))
            order = order[np.argsort(np.array([lengths[members[i]].max() for i in order]) // 16, kind="stable")]
            for begin in range(0, len(order), schedule.batch_rows // 2):
                batches.append(np.concatenate([members[i] for i in order[begin : begin + schedule.batch_rows // 2]]))
        for i in chance.permutation(len(batches))[: math.ceil(len(batches) * min(1.0, schedule.passes - number))]:
            yield batches[i]


def _targets(rows: Rows, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Return what is to be answered, as probabilities, and its weight: people's word, a teacher's, or of both a share.

    A teacher's answer is of use where nobody judged; where somebody did, it says how sure one can be of it.
    """
    judged, asked = rows.weight > 0, ~np.isnan(rows.soft)
    soft = 1 / (1 + np.exp(-np.nan_to_num(rows.soft)))
    target = np.where(
        judged, np.where(asked, (1 - schedule.soft) * rows.truth + schedule.soft * soft, rows.truth), soft
    )
    weight = np.where(judged, rows.weight, np.where(asked, SOFT_WEIGHT, 0.0))
    return torch.from_numpy(target.astype(np.float32)), torch.from_numpy(weight.astype(np.float32))


def fit(
    rows: Rows,
    base: Base,
    schedule: Schedule,
    progress: Progress,
    *,
    start: Mapping[str, Tensor] | None = None,
) -> Network:
    """Return a network fitted on `rows`, from `start` or else from the base: the running average of its weights."""
    where = device()
    torch.manual_seed(schedule.seed)
    if where.type == "cpu":
        torch.set_num_threads(schedule.threads)
    model = Network(base.shape, len(HEADS))
    model.load_state_dict(start or base.state, strict=False)
    model.to(where)
    weights = list(model.parameters())
    average = [weight.detach().clone() for weight in weights]
    named = list(model.named_parameters())
    plain = [p for name, p in named if "norm" in name or name.endswith("bias")]
    heavy = [p for name, p in named if not ("norm" in name or name.endswith("bias"))]
    groups = [{"params": heavy, "weight_decay": schedule.decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.98), fused=True)
    table = Table.of(rows.tokens, base, where)
    steps = list(_steps(rows, schedule))
    order = torch.from_numpy(np.concatenate(steps)).to(where)
    ends = np.cumsum([len(step) for step in steps])
    target, weight = (each.to(where) for each in _targets(rows, schedule))
    truth = torch.from_numpy(np.where(rows.weight > 0, rows.truth, np.nan)).to(where)
    opposed = torch.tensor([HEADS.index(label) for label in OPPOSED], device=where)
    warm = max(1, int(schedule.warm_up * len(steps)))
    model.train()
    begun, losses = time.monotonic(), torch.zeros((), device=where)
    for number, chosen in enumerate(steps):
        factor = min((number + 1) / warm, 0.02 + 0.98 * (1 - (number - warm) / max(1, len(steps) - warm)))
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * factor
        at = order[ends[number] - len(chosen) : ends[number]]
        with torch.autocast(where.type, torch.bfloat16):
            logits = model(*table.embedded(at, int(table.lengths[chosen].max()))).float()
        each = functional.binary_cross_entropy_with_logits(logits, target[at], reduction="none") * weight[at]
        loss = each.sum() / len(chosen)
        if rows.pair[chosen[0]] >= 0:
            loss = loss + PAIR_WEIGHT * _pair_loss(logits[:, opposed], truth[at][:, opposed])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        losses += loss.detach()
        if number % AVERAGED_EVERY == 0:
            share = min(schedule.average, (number + 1) / (number + 10 * AVERAGED_EVERY))
            with torch.no_grad():
                torch._foreach_lerp_(average, weights, 1 - share)
        if number % 100 == 99:
            spent = time.monotonic() - begun
            progress(number + 1, len(steps), f"loss {float(losses) / 100:.4f}, {spent:.0f} s")
            losses.zero_()
    with torch.no_grad():
        for old, new in zip(weights, average, strict=True):
            old.copy_(new)
    return model.eval()  # type: ignore[no-any-return]  # torch is not there where types are checked


def _pair_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return how far, on average, the yes of pairs (rows 2i, 2i + 1) is from standing above the no, summed over labels.

    `truth` is NaN where nobody judged; pairs without one yes and one no tell nothing.
    """
    side = torch.nan_to_num(truth[0::2] - truth[1::2])
    far = functional.softplus(-side * (logits[0::2] - logits[1::2])) * (side != 0)
    lost: Tensor = (far.sum(0) / (side != 0).sum(0).clamp_min(1)).sum()
    return lost


@torch.no_grad()
def said(model: Network, base: Base, tokens: list[list[int]]) -> Floats:
    """Return the logits of `HEADS` (n, 7) of rows of at most `LONGEST` tokens."""
    where = next(model.parameters()).device
    table = Table.of(tokens, base, where)
    order = np.argsort(table.lengths, kind="stable")
    found = np.zeros((len(tokens), len(HEADS)), np.float32)
    for begin in range(0, len(order), AT_ONCE):
        chosen = order[begin : begin + AT_ONCE]
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda"):
            logits = model(*table.embedded(torch.from_numpy(chosen).to(where), int(table.lengths[chosen].max())))
        found[chosen] = logits.float().cpu().numpy()
    return found


LARGE_DIGEST: Final = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""SHA-256 of `model.safetensors` as all-mpnet-base-v2 was published."""


def small_base(folder: Path) -> Base:
    """Return all-MiniLM-L6-v2, whose files lie in `folder`."""
    stored = _stored(folder / "model.safetensors", "bert.")
    places = stored["embeddings.position_embeddings.weight"] + stored["embeddings.token_type_embeddings.weight"][0]
    state = _state(stored, SMALL, "encoder.layer.{}.attention.self.{}", ("query", "key", "value"), "output.dense")
    return Base(SMALL, state, stored["embeddings.word_embeddings.weight"], places)


def large_base(folder: Path) -> Base:
    """Return all-mpnet-base-v2, whose files lie in `folder`, with embeddings in the order of the small one's ids.

    Raises `InputError` where they are not there, or are others.
    """
    path = folder / "model.safetensors"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the folder of all-mpnet-base-v2") from error
    if digest != LARGE_DIGEST:
        raise InputError(f"{path}: not the weights of all-mpnet-base-v2 (their digest differs); fetch them again")
    stored = _stored(path, "mpnet.")
    state = _state(stored, LARGE, "encoder.layer.{}.attention.attn.{}", ("q", "k", "v"), "attn.o")
    state["distance.weight"] = stored["encoder.relative_attention_bias.weight"]
    words = stored["embeddings.word_embeddings.weight"]
    # Four names stand before the vocabulary that both share; begin and end are two of them.
    ids = torch.arange(4, len(words) - 1)
    ids[101], ids[102] = 0, 2
    return Base(LARGE, state, words[ids], stored["embeddings.position_embeddings.weight"][2:])


def _stored(path: Path, prefix: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = import_module("safetensors.torch").load_file(path)
    return {name.removeprefix(prefix): each.float() for name, each in found.items() if each.dtype.is_floating_point}


def _state(
    stored: Mapping[str, Tensor], shape: Shape, attention: str, three: tuple[str, str, str], out: str
) -> dict[str, Any]:
    """Return the state of a `Network` from the names that its makers gave the weights."""
    state = {"norm.weight": stored["embeddings.LayerNorm.weight"], "norm.bias": stored["embeddings.LayerNorm.bias"]}
    norm = "attention.output.LayerNorm" if out == "output.dense" else "attention.LayerNorm"
    for i in range(shape.layers):
        old, new = f"encoder.layer.{i}.", f"layers.{i}."
        for part in ("weight", "bias"):
            state[f"{new}qkv.{part}"] = torch.cat([stored[f"{attention.format(i, name)}.{part}"] for name in three])
            state[f"{new}out.{part}"] = stored[f"{old}attention.{out}.{part}"]
            state[f"{new}norm_attention.{part}"] = stored[f"{old}{norm}.{part}"]
            state[f"{new}up.{part}"] = stored[f"{old}intermediate.dense.{part}"]
            state[f"{new}down.{part}"] = stored[f"{old}output.dense.{part}"]
            state[f"{new}norm.{part}"] = stored[f"{old}output.LayerNorm.{part}"]
    return state
