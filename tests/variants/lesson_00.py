"""Right answers to lesson 00, as different students would write them."""

from __future__ import annotations

import numpy as np
import torch

# The score of an episode


def with_a_method(rewards):
    return rewards.sum()


def with_the_builtin(rewards):
    return sum(rewards)


def with_a_loop(rewards):
    total = 0.0
    for reward in rewards:
        total += reward
    return total


def as_a_plain_float(rewards):
    return float(torch.sum(rewards))


def with_numpy(rewards):
    return np.sum(rewards.numpy())


def by_recursion(rewards):
    if len(rewards) == 0:
        return 0.0
    return rewards[0] + by_recursion(rewards[1:])


def from_a_list(r):
    return sum(r.tolist())


# The discounted return of the first step


def loop_with_powers(rewards, gamma):
    total = 0
    for i, reward in enumerate(rewards):
        total = total + gamma**i * reward
    return total


def backwards(rewards, gamma):
    total = 0.0
    for reward in reversed(rewards):
        total = reward + gamma * total
    return total


def with_a_running_weight(rewards, gamma):
    total, weight = 0.0, 1.0
    for reward in rewards:
        total += weight * reward
        weight *= gamma
    return total


def vectorised(rewards, gamma):
    return (gamma ** torch.arange(len(rewards)) * rewards).sum()


def dot_product_in_float64(rewards, gamma):
    powers = torch.tensor([gamma**i for i in range(len(rewards))], dtype=torch.float64)
    return powers @ rewards.double()


def numpy_with_a_float(rewards, gamma):
    rewards = rewards.numpy()
    return float(np.sum(rewards * np.power(gamma, np.arange(rewards.shape[0]))))


def recursive(rewards, gamma):
    if len(rewards) == 1:
        return rewards[0]
    return rewards[0] + gamma * recursive(rewards[1:], gamma)


def as_a_sum_of_a_generator(r, g):
    return sum(g**k * x for k, x in enumerate(r.tolist()))


def of_shape_one(rewards, gamma):
    total = torch.zeros(1)
    for i in range(len(rewards)):
        total += gamma**i * rewards[i]
    return total


RIGHT = {
    "episode_return": [
        with_a_method,
        with_the_builtin,
        with_a_loop,
        as_a_plain_float,
        with_numpy,
        by_recursion,
        from_a_list,
    ],
    "discounted_return": [
        loop_with_powers,
        backwards,
        with_a_running_weight,
        vectorised,
        dot_product_in_float64,
        numpy_with_a_float,
        recursive,
        as_a_sum_of_a_generator,
        of_shape_one,
    ],
}
