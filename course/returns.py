"""Returns and targets: what the values of a rollout should have been.

A rollout is a run of consecutive steps, and to bootstrap is to put an estimated value
in the place of rewards that were not seen. In shapes, T is the rollout's length (not
the paper's counter T of all steps), K the number of environments, A that of actions.

A rollout has T steps, and `rewards[i]` is r_i, received after `actions[i]`. Arrays have
shape [T], or [T, K] for K environments side by side, and may be whatever
`torch.as_tensor` takes. The first argument sets the precision: float64 stays float64,
lists and integers become float32. `gamma` is the discount for one step, from 0 to 1.

Nothing here crosses the end of an episode: rollouts are cut there beforehand. The
results are constants, for no gradient flows through a target.

Source: Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning",
section 4 and Algorithms 1, S2 and S3.
"""

from __future__ import annotations

import torch

from course import validate
from course.validate import TensorLike


@torch.no_grad()
def discounted_return(rewards: TensorLike, gamma: float) -> torch.Tensor:
    """The return of the first step with no bootstrap: sum over i of gamma^i r_i.

    Args:
        rewards: r_0 to r_{T-1}, [T] or [T, K].
        gamma: discount.

    Returns:
        0-d tensor, or [K].

    Raises:
        ValueError: for a wrong shape, a NaN, or a gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    gamma = validate.probability("gamma", gamma)
    powers = gamma ** torch.arange(len(rewards), dtype=rewards.dtype)
    return powers @ rewards


@torch.no_grad()
def bootstrap_value(last_value: TensorLike, terminated: TensorLike) -> torch.Tensor:
    """The value of what follows a rollout: 0 after a true end, else V(s_T).

    A truncated episode would have gone on, so it keeps its value, as a rollout cut
    after t_max steps does; only `terminated` makes it 0 (Algorithms S2 and S3).

    Args:
        last_value: V(s_T), or max_a Q(s_T, a), of any shape.
        terminated: whether the episode truly ended there, same shape.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: for shapes that differ, a NaN, or flags other than 0 and 1.
    """
    last_value = validate.float_tensor("last_value", last_value)
    terminated = validate.flags("terminated", terminated, last_value.shape)
    # Filled, not multiplied by (1 - terminated): 0 times infinity would be NaN.
    return last_value.masked_fill(terminated, 0.0)


@torch.no_grad()
def one_step_targets(
    rewards: TensorLike, next_values: TensorLike, terminated: TensorLike, gamma: float
) -> torch.Tensor:
    """One-step targets: y_i = r_i + gamma V(s_{i+1}) (1 - terminated_i).

    Args:
        rewards: r_i, [T] or [T, K].
        next_values: V(s_{i+1}), same shape.
        terminated: whether s_{i+1} is terminal, same shape.
        gamma: discount.

    Returns:
        Targets of the same shape.

    Raises:
        ValueError: for a wrong shape, a NaN, or a gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    gamma = validate.probability("gamma", gamma)
    next_values = validate.float_tensor("next_values", next_values, like=rewards)
    return rewards + gamma * bootstrap_value(next_values, terminated)


@torch.no_grad()
def n_step_returns(
    rewards: TensorLike, bootstrap_value: TensorLike, gamma: float
) -> torch.Tensor:
    """The longest possible return of each step (Algorithms S2 and S3).

    R_i = r_i + gamma R_{i+1}, backwards from R_T = `bootstrap_value`: the last step
    gets a one-step return, the first a T-step return.

    Args:
        rewards: r_0 to r_{T-1}, [T] or [T, K].
        bootstrap_value: R_T, one number or [K]; already 0 where the episode
            terminated (see the function of that name).
        gamma: discount.

    Returns:
        R_0 to R_{T-1}, of the shape of `rewards`.

    Raises:
        ValueError: for a wrong shape, a NaN, or a gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    gamma = validate.probability("gamma", gamma)
    steps = rewards.unbind()
    following = validate.float_tensor("bootstrap_value", bootstrap_value, like=steps[0])
    backwards = []
    for reward in reversed(steps):
        following = reward + gamma * following
        backwards.append(following)
    return torch.stack(backwards[::-1])


@torch.no_grad()
def advantages(returns: TensorLike, values: TensorLike) -> torch.Tensor:
    """How much better it went than expected: A_i = R_i - V(s_i) (Algorithm S3).

    Args:
        returns: R_i, [T] or [T, K].
        values: V(s_i), same shape; no gradient flows back into them.

    Returns:
        Advantages of the same shape.

    Raises:
        ValueError: for a wrong shape or a NaN.
    """
    returns = validate.rollout_tensor("returns", returns)
    values = validate.float_tensor("values", values, like=returns)
    return returns - values


@torch.no_grad()
def one_step_q_targets(
    rewards: TensorLike, terminated: TensorLike, next_q_values: TensorLike, gamma: float
) -> torch.Tensor:
    """Targets of one-step Q-learning (Algorithm 1).

    y_i = r_i where s_{i+1} is terminal, else r_i + gamma max_a Q(s_{i+1}, a; theta^-).

    Args:
        rewards: r_i, [T] or [T, K].
        terminated: whether s_{i+1} is terminal, same shape.
        next_q_values: Q(s_{i+1}, .; theta^-), [T, A] or [T, K, A].
        gamma: discount.

    Returns:
        Targets of the shape of `rewards`.

    Raises:
        ValueError: for a wrong shape, a NaN, or a gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    next_q_values = validate.action_tensor("next_q_values", next_q_values, like=rewards)
    return one_step_targets(rewards, next_q_values.amax(-1), terminated, gamma)


@torch.no_grad()
def sarsa_targets(
    rewards: TensorLike,
    terminated: TensorLike,
    next_q_values: TensorLike,
    next_actions: TensorLike,
    gamma: float,
) -> torch.Tensor:
    """Targets of one-step Sarsa: a_{i+1} is the action executed next (section 4).

    y_i = r_i where s_{i+1} is terminal, else r_i + gamma Q(s_{i+1}, a_{i+1}; theta^-).

    Args:
        rewards: r_i, [T] or [T, K].
        terminated: whether s_{i+1} is terminal, same shape.
        next_q_values: Q(s_{i+1}, .; theta^-), [T, A] or [T, K, A].
        next_actions: a_{i+1}, integers of the shape of `rewards`; any action does
            where the episode terminated.
        gamma: discount.

    Returns:
        Targets of the shape of `rewards`.

    Raises:
        ValueError: for a wrong shape, a NaN, an action that does not exist, or a
            gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    next_q_values = validate.action_tensor("next_q_values", next_q_values, like=rewards)
    next_actions = validate.action_indices("next_actions", next_actions, next_q_values)
    next_values = next_q_values.gather(-1, next_actions.unsqueeze(-1)).squeeze(-1)
    return one_step_targets(rewards, next_values, terminated, gamma)


@torch.no_grad()
def n_step_q_targets(
    rewards: TensorLike,
    bootstrap_q_values: TensorLike,
    terminated: TensorLike,
    gamma: float,
) -> torch.Tensor:
    """Targets of n-step Q-learning (Algorithm S2).

    The n-step returns from R_T = 0 if s_T is terminal, else max_a Q(s_T, a; theta^-).

    Args:
        rewards: r_0 to r_{T-1}, [T] or [T, K].
        bootstrap_q_values: Q(s_T, .; theta^-), [A] or [K, A].
        terminated: whether s_T is terminal, one boolean or [K].
        gamma: discount.

    Returns:
        Targets of the shape of `rewards`.

    Raises:
        ValueError: for a wrong shape, a NaN, or a gamma outside [0, 1].
    """
    rewards = validate.rollout_tensor("rewards", rewards)
    q_values = validate.action_tensor(
        "bootstrap_q_values", bootstrap_q_values, like=rewards[0]
    )
    last_value = bootstrap_value(q_values.amax(-1), terminated)
    return n_step_returns(rewards, last_value, gamma)
