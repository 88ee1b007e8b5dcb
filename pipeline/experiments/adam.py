"""The logistic regression of Wei et al. 2025 (eq. 9) as they fit it, by gradient steps (table II, third column).

Adam with a learning rate of 5e-4, batches of 32, 30 epochs of cross-entropy, gradients clipped to a norm of 1, and an
end when the macro-F1 on the validation part "remains stable for 5 epochs", which is taken for: does not get better.
The weights of the best epoch are kept, of equal ones the first. How the weights start the paper does not say: here from
zero, as what so few and small steps reach would else depend on a random start more than on the data. It is far from the
optimum still, which scikit-learn's solver finds: on a few hundred utterances it scores some points less. Theirs is
fitted to float32, ours to float64.
"""

import numpy as np

from pipeline.arithmetic import is_portable
from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import Examples, Layout
from pipeline.experiments.fusion_methods import Linear
from pipeline.jobs.executors import single_thread

CLIP_NORM = 1.0


def adam(params: FusionParams, examples: Examples, validation: Examples, seed: int) -> Linear:
    """Fit `Linear`.

    Args:
        params: `learning_rate`, `batch_size`, `epochs`, and `patience`, epochs without a better macro-F1.
        examples: what is fitted to.
        validation: what judges the epochs.
        seed: of the batches.
    """
    import torch

    layout = Layout.of(examples)
    z, codes = torch.from_numpy(np.hstack(examples.branches)), torch.from_numpy(layout.codes(examples.y))
    generator = torch.Generator().manual_seed(seed)
    weight, bias = (
        torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((len(layout.fitted), layout.dims), (len(layout.fitted),))
    )
    optimizer = torch.optim.Adam([weight, bias], lr=params.learning_rate, fused=is_portable() or None)
    best, kept, since = -1.0, Linear(np.zeros(0), np.zeros(0), layout), 0
    with single_thread():
        for _ in range(params.epochs):
            for batch in torch.randperm(len(codes), generator=generator).split(params.batch_size):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(z[batch] @ weight.T + bias, codes[batch]).backward()
                torch.nn.utils.clip_grad_norm_([weight, bias], CLIP_NORM)
                optimizer.step()
            now = Linear(weight.detach().numpy().copy(), bias.detach().numpy().copy(), layout)
            score, since = macro_f1(now, validation), since + 1
            if score > best:
                best, kept, since = score, now, 0
            if since == params.patience > 0:
                break
    return kept


def macro_f1(combiner: Linear, examples: Examples) -> float:
    """Of the classes that are there or are predicted."""
    from sklearn.metrics import f1_score

    predicted = combiner(examples.branches).argmax(axis=1)
    return float(f1_score(examples.y, predicted, average="macro", zero_division=0))
