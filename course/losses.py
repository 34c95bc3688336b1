"""The losses whose gradients the paper accumulates over a rollout.

All are sums over the steps, as the paper adds up d theta step by step, never means:
`loss.backward()` on such a sum is the backward loop of Algorithms S2 and S3. Arguments
are whatever `torch.as_tensor` takes; the first one sets the precision.

The paper climbs for the policy (d theta) and descends for the values (d theta_v). Here
everything descends, hence the minus sign in `policy_loss`.

Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning".
"""

from __future__ import annotations

import torch

from course import validate
from course.validate import TensorLike


def td_loss(
    q_values: TensorLike, actions: TensorLike, targets: TensorLike
) -> torch.Tensor:
    """Squared TD errors: sum over i of (y_i - Q(s_i, a_i))^2 (Algorithms 1 and S2).

    There is no factor 1/2, so the gradient at Q(s_i, a_i) is -2 (y_i - Q(s_i, a_i)),
    and 0 at every other action. The targets are constants.

    Args:
        q_values: Q(s_i, .; theta), [..., A].
        actions: a_i, integers, [...].
        targets: y_i, [...].

    Returns:
        0-d tensor.

    Raises:
        ValueError: for shapes that differ, a NaN, or actions which do not exist.
    """
    q_values = validate.action_tensor("q_values", q_values)
    actions = validate.action_indices("actions", actions, q_values)
    taken = q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    targets = validate.float_tensor("targets", targets, like=taken)
    td_errors = targets.detach() - taken
    return td_errors.square().sum()


def log_probabilities(logits: TensorLike, actions: TensorLike) -> torch.Tensor:
    """The log probability of each action, log pi(a_i | s_i), pi being a softmax.

    Args:
        logits: the policy's unnormalised scores, [..., A]; -inf forbids an action.
        actions: a_i, integers, [...].

    Returns:
        Log probabilities, [...].

    Raises:
        ValueError: for shapes that differ, a NaN, or actions which do not exist.
    """
    logits = validate.action_tensor("logits", logits)
    actions = validate.action_indices("actions", actions, logits)
    # log(softmax(x)) would be log(0) as soon as two logits are some 100 apart.
    log_probs = torch.log_softmax(logits, -1)
    return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def policy_loss(log_probs: TensorLike, advantages: TensorLike) -> torch.Tensor:
    """Minus the sum over i of log pi(a_i | s_i) (R_i - V(s_i)) (Algorithm S3).

    The advantages are constants: the values learn from `value_loss` alone.

    Args:
        log_probs: log pi(a_i | s_i), [...].
        advantages: R_i - V(s_i), same shape.

    Returns:
        0-d tensor.

    Raises:
        ValueError: for shapes that differ, an empty rollout, or a NaN.
    """
    log_probs = _steps("log_probs", log_probs)
    advantages = validate.float_tensor("advantages", advantages, like=log_probs)
    return -(log_probs * advantages.detach()).sum()


def value_loss(values: TensorLike, returns: TensorLike) -> torch.Tensor:
    """Squared errors of the critic: sum over i of (R_i - V(s_i))^2 (Algorithm S3).

    There is no factor 1/2. The returns are constants.

    Args:
        values: V(s_i; theta_v), [...].
        returns: R_i, same shape.

    Returns:
        0-d tensor.

    Raises:
        ValueError: for shapes that differ, an empty rollout, or a NaN.
    """
    values = _steps("values", values)
    returns = validate.float_tensor("returns", returns, like=values)
    return (returns.detach() - values).square().sum()


def entropy(logits: TensorLike) -> torch.Tensor:
    """Sum over the rollout of H(pi) = -sum_a pi(a) log pi(a) (section 4).

    In nats: 0 for a certain action, log A for a uniform policy. The paper adds
    beta H to what is climbed, so a loss subtracts it.

    Args:
        logits: the policy's unnormalised scores, [..., A]; -inf forbids an action.

    Returns:
        0-d tensor.

    Raises:
        ValueError: for a wrong shape or a NaN.
    """
    logits = validate.action_tensor("logits", logits)
    log_probs = torch.log_softmax(logits, -1)
    # A forbidden action counts 0, but 0 x -inf would be NaN.
    finite_log_probs = log_probs.clamp(min=torch.finfo(logits.dtype).min)
    return -(log_probs.exp() * finite_log_probs).sum()


def _steps(name: str, value: TensorLike) -> torch.Tensor:
    """Return `value` as a float tensor that holds at least one step."""
    tensor = validate.float_tensor(name, value)
    if tensor.numel() == 0:
        raise ValueError(f"{name} must hold at least one step, got an empty rollout")
    return tensor
