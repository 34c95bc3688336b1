"""One optimiser update on flat vectors: shared RMSProp and momentum SGD.

All parameters of a network lie in one flat vector theta, shared by the actor-learners.
The functions write into theta and into the optimiser's vector in place and take no
lock: with several learners at work, that is Hogwild, and updates may overlap.

Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning",
section 4 and the supplement's section on optimisation.
"""

from __future__ import annotations

import math

import torch

from course import validate


@torch.no_grad()
def shared_rmsprop_update(
    theta: torch.Tensor,
    square_avg: torch.Tensor,
    gradient: torch.Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    """Apply one RMSProp update, in place and without a lock.

    g <- alpha g + (1 - alpha) d^2, then theta <- theta - eta d / sqrt(g + eps). Note
    that eps stands inside the root, and that the new g is used.

    "Shared" says only whose `square_avg` it is: pass the one vector of all learners
    for shared RMSProp, or the learner's own for RMSProp per learner. The paper found
    the shared one the more robust.

    Args:
        theta: parameters, [P]; changed in place.
        square_avg: g, running mean of the squared gradients, [P]; changed in place.
        gradient: d, the gradient that a descent subtracts, [P].
        learning_rate: eta, not negative.
        alpha: how much of the old g stays, at least 0 and below 1.
        eps: added to g against division by zero, not negative; with 0, an entry
            whose gradient has always been 0 becomes 0 / 0, NaN.

    Raises:
        ValueError: for vectors that are not tensors of one shape [P], or numbers
            outside these ranges.
    """
    _check(theta, "square_avg", square_avg, gradient, learning_rate, alpha, eps)
    square_avg.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
    root = (square_avg + eps).sqrt_()
    theta.addcdiv_(gradient, root, value=-learning_rate)


@torch.no_grad()
def momentum_sgd_update(
    theta: torch.Tensor,
    momentum: torch.Tensor,
    gradient: torch.Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    """Apply one update of SGD with momentum, in place and without a lock.

    m <- alpha m + (1 - alpha) d, then theta <- theta - eta m. In the paper each learner
    keeps a momentum of its own.

    Args:
        theta: parameters, [P]; changed in place.
        momentum: m, running mean of the gradients, [P]; changed in place.
        gradient: d, the gradient that a descent subtracts, [P].
        learning_rate: eta, not negative.
        alpha: how much of the old m stays, at least 0 and below 1.
        eps: not used; it stands here so that both updates are called alike.

    Raises:
        ValueError: for vectors that are not tensors of one shape [P], or numbers
            outside these ranges.
    """
    _check(theta, "momentum", momentum, gradient, learning_rate, alpha, eps)
    momentum.mul_(alpha).add_(gradient, alpha=1 - alpha)
    theta.sub_(momentum, alpha=learning_rate)


@torch.no_grad()
def clip_by_global_norm(
    gradient: torch.Tensor, max_norm: float
) -> tuple[torch.Tensor, float]:
    """Shorten a gradient longer than `max_norm`, keeping its direction.

    d max_norm / |d| if |d| > max_norm, else d, where |d| is the Euclidean norm over all
    parameters together, as in `torch.nn.utils.clip_grad_norm_`.

    Args:
        gradient: d, one flat vector, [P]; left as it is.
        max_norm: the greatest norm allowed, above 0; `math.inf` clips nothing.

    Returns:
        The gradient to apply, and the norm |d| before clipping. If that norm is NaN or
        infinite, the gradient comes back unclipped, for the caller to refuse.

    Raises:
        ValueError: if `gradient` is not a flat tensor or `max_norm` is not above 0.
    """
    _check_flat("gradient", gradient)
    max_norm = validate.number("max_norm", max_norm)
    if max_norm <= 0.0:
        raise ValueError(
            f"max_norm must be above 0, got {max_norm}; use math.inf not to clip"
        )
    norm = torch.linalg.vector_norm(gradient).item()
    if math.isfinite(norm) and norm > max_norm:
        gradient = gradient * (max_norm / norm)
    return gradient, norm


def _check(
    theta: torch.Tensor,
    state_name: str,
    state: torch.Tensor,
    gradient: torch.Tensor,
    learning_rate: float,
    alpha: float,
    eps: float,
) -> None:
    """Check shapes and numbers only: a NaN gradient is refused by the caller."""
    for name, vector in (("theta", theta), (state_name, state), ("gradient", gradient)):
        _check_flat(name, vector)
        if vector.shape != theta.shape:
            raise ValueError(
                f"{name} must have shape {list(theta.shape)} to match theta, "
                f"got shape {list(vector.shape)}"
            )
    validate.non_negative("learning_rate", learning_rate)
    validate.non_negative("eps", eps)
    if not 0.0 <= validate.number("alpha", alpha) < 1.0:
        raise ValueError(f"alpha must be at least 0 and below 1, got {alpha}")


def _check_flat(name: str, vector: torch.Tensor) -> None:
    """Refuse what cannot be updated in place, and anything but one long vector."""
    if not isinstance(vector, torch.Tensor) or vector.ndim != 1:
        got = getattr(vector, "shape", type(vector).__name__)
        raise ValueError(f"{name} must be a flat tensor of shape [P], got {got}")
