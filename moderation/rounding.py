"""Weights of a network as 8-bit numbers, each so rounded that it makes up for what those before it lost (needs torch).

Rounded one by one, every weight errs by up to half a step, and so does what comes out, by sums of thousands of such
errors. Here a matrix is rounded column by column, and what a column errs is taken out of the columns that are still to
be rounded, as far as its inputs go up and down with theirs (GPTQ: Frantar et al., 2022, after Hassibi & Stork, 1993).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from moderation.networks import Base, Network, Table

__all__ = ["STEPS", "round_weights"]

STEPS: Final = 64
"""Steps from 0 to the largest weight of an output: as many as onnxruntime makes where it uses seven bits of eight."""
DAMPED: Final = 0.01
"""What is added to each input's mean square, as a share of their mean: few rows do not tell all."""
AT_ONCE: Final = 128


@torch.no_grad()
def round_weights(model: Network, base: Base, tokens: list[list[int]]) -> None:
    """Round the matrices of `model`, in their order, to whole multiples of 1 / `STEPS` of each output's largest weight.

    `tokens`: rows as they come, some hundreds of at most `LONGEST` ids; each matrix is rounded by what reaches it once
    those before it are rounded. The largest weight of each output stays, so the grid can be found again from the
    weights alone.
    """
    table = Table.of(tokens, base, torch.device("cpu"))
    order = np.argsort(table.lengths, kind="stable")
    steps = [order[begin : begin + AT_ONCE] for begin in range(0, len(order), AT_ONCE)]
    for layer in [each for each in model.modules() if isinstance(each, nn.Linear)]:
        layer.weight.copy_(_rounded(layer.weight.double(), _products(model, layer, table, steps)))


def _products(model: Network, layer: nn.Linear, table: Table, steps: list[npt.NDArray[np.int64]]) -> Tensor:
    """Return the mean products of the inputs of a layer (n_in, n_in), over all tokens."""
    total = torch.zeros(layer.in_features, layer.in_features, dtype=torch.float64)
    count = 0
    mask = torch.ones(0)

    def heard(_: nn.Module, given: tuple[Tensor]) -> None:
        nonlocal count
        x = given[0][mask] if given[0].dim() == 3 else given[0]
        total.addmm_(x.T.double(), x.double())
        count += len(x)

    hook = layer.register_forward_pre_hook(heard)
    for chosen in steps:
        embedded, mask = table.embedded(torch.from_numpy(chosen), int(table.lengths[chosen].max()))
        model(embedded, mask)
    hook.remove()
    return total / count


def _rounded(weight: Tensor, products: Tensor) -> Tensor:
    """Return a matrix (n_out, n_in) on its grid; `products` (n_in, n_in) are changed."""
    left, found = weight.clone(), torch.zeros_like(weight)
    scale = (weight.abs().amax(1) / STEPS).clamp_min(1e-12)
    largest = weight.abs().argmax(1)
    signs = weight.sign()
    diagonal = products.diagonal()
    diagonal += DAMPED * diagonal.mean() + 1e-12
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(products)), upper=True)
    for i in range(weight.shape[1]):
        number = torch.round(left[:, i] / scale).clamp(-STEPS, STEPS)
        number = torch.where(largest == i, signs[:, i] * STEPS, number)
        found[:, i] = number * scale
        lost = (left[:, i] - found[:, i]) / factor[i, i]
        left[:, i:] -= lost[:, None] * factor[i, i:]
    return found
