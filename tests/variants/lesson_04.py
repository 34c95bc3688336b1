"""Right answers to lesson 04, as different students would write them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

# --- sarsa_targets ---------------------------------------------------------------


def with_a_loop(rewards, terminated, next_q_values, next_actions, gamma):
    targets = []
    for i in range(len(rewards)):
        target = rewards[i]
        if not terminated[i]:
            target = target + gamma * next_q_values[i, next_actions[i]]
        targets.append(target)
    return torch.stack(targets)


def with_gather(rewards, terminated, next_q_values, next_actions, gamma):
    chosen = next_q_values.gather(-1, next_actions.unsqueeze(-1)).squeeze(-1)
    return rewards + gamma * chosen * ~terminated


def with_pairs_of_indices(r, done, q, a, gamma):
    values = q[torch.arange(len(a)), a]
    values[done] = 0.0
    return r + gamma * values


def as_a_list_of_numbers(rewards, terminated, next_q_values, next_actions, gamma):
    return [
        float(r) if end else float(r + gamma * q[a])
        for r, end, q, a in zip(
            rewards, terminated, next_q_values, next_actions, strict=True
        )
    ]


def in_numpy_float64(rewards, terminated, next_q_values, next_actions, gamma):
    q = next_q_values.numpy().astype(np.float64)
    chosen = np.take_along_axis(q, next_actions.numpy()[:, None], axis=1)[:, 0]
    alive = 1.0 - terminated.numpy().astype(np.float64)
    return rewards.numpy().astype(np.float64) + gamma * alive * chosen


def with_one_hot(rewards, terminated, next_q_values, next_actions, gamma):
    mask = functional.one_hot(next_actions, next_q_values.shape[-1])
    chosen = (next_q_values * mask).sum(-1)
    return torch.where(terminated, rewards, rewards + gamma * chosen)


# --- epsilon_greedy_probabilities ------------------------------------------------


def fills_and_adds(q_values, epsilon):
    probabilities = torch.full((len(q_values),), epsilon / len(q_values))
    probabilities[torch.argmax(q_values)] += 1 - epsilon
    return probabilities


def mixes_with_one_hot(q_values, epsilon):
    greedy = functional.one_hot(q_values.argmax(), len(q_values)).float()
    return (1 - epsilon) * greedy + epsilon / len(q_values)


def with_an_identity_matrix(q_values, epsilon):
    count = q_values.shape[-1]
    return (1 - epsilon) * torch.eye(count)[q_values.argmax()] + epsilon / count


def as_a_list_with_if(q_values, epsilon):
    best = int(q_values.argmax())
    share = epsilon / len(q_values)
    return [
        1 - epsilon + share if action == best else share
        for action in range(len(q_values))
    ]


def in_numpy(q_values, epsilon):
    result = np.full(len(q_values), epsilon / len(q_values))
    result[np.argmax(q_values.numpy())] = 1 - epsilon + epsilon / len(q_values)
    return result


def by_what_is_left(q_values, epsilon):
    share = torch.full_like(q_values, epsilon / q_values.numel(), dtype=torch.float64)
    best = q_values.argmax()
    share[best] = 1 - (share.sum() - share[best])
    return share


# --- expected_sarsa_targets ------------------------------------------------------


def maximum_and_mean(rewards, terminated, next_q_values, epsilon, gamma):
    expected = (1 - epsilon) * next_q_values.max(-1).values
    expected = expected + epsilon * next_q_values.mean(-1)
    return rewards + gamma * expected * ~terminated


def weighs_each_row(rewards, terminated, next_q_values, epsilon, gamma):
    targets = torch.zeros(len(rewards))
    for i, row in enumerate(next_q_values):
        expected = (fills_and_adds(row, epsilon) * row).sum()
        targets[i] = rewards[i] + (0.0 if terminated[i] else gamma * expected)
    return targets


def as_a_matrix_of_probabilities(rewards, terminated, next_q, epsilon, gamma):
    actions = next_q.shape[-1]
    policy = torch.full_like(next_q, epsilon / actions)
    policy.scatter_add_(
        1, next_q.argmax(-1, keepdim=True), torch.full((len(rewards), 1), 1 - epsilon)
    )
    return rewards + gamma * torch.einsum("ta,ta->t", policy, next_q) * ~terminated


def numpy_in_float64(rewards, terminated, next_q_values, epsilon, gamma):
    q = np.asarray(next_q_values, dtype=np.float64)
    r, end = rewards.numpy(), terminated.numpy()
    expected = (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)
    return np.where(end, r, r + gamma * expected)


def plain_lists(rewards, terminated, next_q_values, epsilon, gamma):
    targets = []
    for r, end, row in zip(
        rewards.tolist(), terminated.tolist(), next_q_values.tolist(), strict=True
    ):
        expected = (1 - epsilon) * max(row) + epsilon * sum(row) / len(row)
        targets.append(r if end else r + gamma * expected)
    return targets


# --- sarsa_loss ------------------------------------------------------------------


def under_no_grad(network, target_network, rollout, gamma):
    with torch.no_grad():
        next_q_values = target_network(rollout.next_observations)
        targets = with_gather(
            rollout.rewards,
            rollout.terminated,
            next_q_values,
            rollout.next_actions,
            gamma,
        )
    taken = network(rollout.observations)[torch.arange(len(targets)), rollout.actions]
    return ((targets - taken) ** 2).sum()


def detached_at_the_end(network, target_network, rollout, gamma):
    targets = with_gather(
        rollout.rewards,
        rollout.terminated,
        target_network(rollout.next_observations),
        rollout.next_actions,
        gamma,
    )
    q_values = network(rollout.observations)
    taken = q_values.gather(1, rollout.actions[:, None])[:, 0]
    return torch.sum((taken - targets.detach()).pow(2))


def step_by_step(network, target_network, rollout, gamma):
    loss = torch.tensor(0.0)
    for i in range(len(rollout.rewards)):
        y = rollout.rewards[i]
        if not rollout.terminated[i]:
            with torch.no_grad():
                after = target_network(rollout.next_observations[i])
            y = y + gamma * after[rollout.next_actions[i]]
        guess = network(rollout.observations[i])[rollout.actions[i]]
        loss = loss + (y - guess) ** 2
    return loss


def with_torch_mse(network, target_network, rollout, gamma):
    with torch.inference_mode():
        after = target_network(rollout.next_observations)
        chosen = after[torch.arange(len(after)), rollout.next_actions]
    targets = rollout.rewards + gamma * chosen.clone() * (
        1 - rollout.terminated.float()
    )
    mask = functional.one_hot(rollout.actions, after.shape[-1])
    taken = (network(rollout.observations) * mask).sum(-1)
    return functional.mse_loss(taken, targets, reduction="sum")


def in_float64(network, target_network, rollout, gamma):
    after = target_network(rollout.next_observations).detach().double()
    y = with_pairs_of_indices(
        rollout.rewards.double(),
        rollout.terminated,
        after,
        rollout.next_actions,
        gamma,
    )
    q = network(rollout.observations).double()
    errors = y - q.gather(-1, rollout.actions.unsqueeze(-1)).squeeze(-1)
    return errors @ errors


RIGHT = {
    "sarsa_targets": [
        with_a_loop,
        with_gather,
        with_pairs_of_indices,
        as_a_list_of_numbers,
        in_numpy_float64,
        with_one_hot,
    ],
    "epsilon_greedy_probabilities": [
        fills_and_adds,
        mixes_with_one_hot,
        with_an_identity_matrix,
        as_a_list_with_if,
        in_numpy,
        by_what_is_left,
    ],
    "expected_sarsa_targets": [
        maximum_and_mean,
        weighs_each_row,
        as_a_matrix_of_probabilities,
        numpy_in_float64,
        plain_lists,
    ],
    "sarsa_loss": [
        under_no_grad,
        detached_at_the_end,
        step_by_step,
        with_torch_mse,
        in_float64,
    ],
}
