"""Right answers to lesson 01, as different students would write them."""

from __future__ import annotations

import numpy as np
import torch

# One-step targets


def targets_by_mask(rewards, next_values, terminated, gamma):
    return rewards + gamma * next_values * ~terminated


def targets_by_float_mask(rewards, next_values, terminated, gamma):
    return rewards + gamma * next_values * (1 - terminated.float())


def targets_by_where(rewards, next_values, terminated, gamma):
    return torch.where(terminated, rewards, rewards + gamma * next_values)


def targets_by_loop(rewards, next_values, terminated, gamma):
    targets = []
    for reward, value, ended in zip(rewards, next_values, terminated, strict=True):
        targets.append(reward if ended else reward + gamma * value)
    return torch.stack(targets)


def targets_in_place(rewards, next_values, terminated, gamma):
    targets = rewards.clone()
    going_on = terminated.logical_not()
    targets[going_on] += gamma * next_values[going_on]
    return targets


def targets_as_a_list(r, v, done, g):
    return [float(r[i]) + (0.0 if done[i] else g * float(v[i])) for i in range(len(r))]


def targets_in_numpy_float64(rewards, next_values, terminated, gamma):
    rewards, values = rewards.numpy().astype(np.float64), next_values.numpy()
    return rewards + gamma * np.where(terminated.numpy(), 0.0, values)


# n-step returns


def returns_inserted_in_front(rewards, bootstrap_value, gamma):
    R, returns = bootstrap_value, []
    for reward in reversed(rewards):
        R = reward + gamma * R
        returns.insert(0, R)
    return torch.stack(returns)


def returns_turned_round(rewards, bootstrap_value, gamma):
    following = bootstrap_value
    backwards = []
    for i in range(len(rewards) - 1, -1, -1):
        following = rewards[i] + gamma * following
        backwards.append(following)
    return torch.stack(backwards).flip(0)


def returns_in_place(rewards, bootstrap_value, gamma):
    returns = torch.zeros_like(rewards)
    R = bootstrap_value
    for i in reversed(range(len(rewards))):
        R = rewards[i] + gamma * R
        returns[i] = R
    return returns


def returns_recursive(rewards, bootstrap_value, gamma):
    if len(rewards) == 0:
        return []
    rest = returns_recursive(rewards[1:], bootstrap_value, gamma)
    following = rest[0] if rest else bootstrap_value
    return [rewards[0] + gamma * following, *rest]


def returns_by_powers(rewards, bootstrap_value, gamma):
    T = len(rewards)
    all_of_them = []
    for i in range(T):
        R = gamma ** (T - i) * bootstrap_value
        for j in range(i, T):
            R += gamma ** (j - i) * rewards[j].item()
        all_of_them.append(R)
    return torch.tensor(all_of_them)


def returns_by_matrix(rewards, bootstrap_value, gamma):
    steps = torch.arange(len(rewards) + 1)
    distance = steps[None, :] - steps[:-1, None]
    weights = torch.where(distance >= 0, float(gamma) ** distance.clamp(min=0), 0.0)
    return weights @ torch.cat([rewards, torch.as_tensor([float(bootstrap_value)])])


def returns_as_floats(r, last, g):
    result = [float(last)]
    for x in r.flip(0).tolist():
        result.append(x + g * result[-1])
    return result[:0:-1]


def returns_in_float64(rewards, bootstrap_value, gamma):
    extended = np.append(rewards.numpy().astype(np.float64), float(bootstrap_value))
    for i in range(len(rewards) - 1, -1, -1):
        extended[i] += gamma * extended[i + 1]
    return torch.from_numpy(extended[:-1].copy())


# What follows a rollout


def value_by_choice(last_value, terminated):
    return 0.0 if terminated else last_value


def value_by_early_return(last_value, terminated):
    if terminated:
        return torch.tensor(0.0)
    return last_value


def value_by_mask(last_value, terminated):
    return last_value * ~terminated


def value_by_float_mask(last_value, terminated):
    return (1.0 - terminated.float()) * last_value


def value_by_where(last_value, terminated):
    return torch.where(terminated, torch.zeros_like(last_value), last_value)


def value_as_a_float(v, ended):
    return float(v) * (not bool(ended))


def value_filled(last_value, terminated):
    result = last_value.clone()
    result[terminated] = 0.0
    return result


# Advantages


def advantages_detached(returns, values):
    return returns - values.detach()


def advantages_detached_afterwards(returns, values):
    return (returns - values).detach()


@torch.no_grad()
def advantages_without_gradient(returns, values):
    return returns - values


def advantages_in_a_block(returns, values):
    with torch.no_grad():
        return torch.sub(returns, values)


def advantages_by_loop(returns, values):
    return torch.stack([R - V.detach() for R, V in zip(returns, values, strict=True)])


def advantages_in_numpy(returns, values):
    return torch.tensor(returns.numpy() - values.detach().numpy())


def advantages_as_a_list(returns, values):
    return [a - b for a, b in zip(returns.tolist(), values.tolist(), strict=True)]


RIGHT = {
    "one_step_targets": [
        targets_by_mask,
        targets_by_float_mask,
        targets_by_where,
        targets_by_loop,
        targets_in_place,
        targets_as_a_list,
        targets_in_numpy_float64,
    ],
    "n_step_returns": [
        returns_inserted_in_front,
        returns_turned_round,
        returns_in_place,
        returns_recursive,
        returns_by_powers,
        returns_by_matrix,
        returns_as_floats,
        returns_in_float64,
    ],
    "bootstrap_value": [
        value_by_choice,
        value_by_early_return,
        value_by_mask,
        value_by_float_mask,
        value_by_where,
        value_as_a_float,
        value_filled,
    ],
    "advantages": [
        advantages_detached,
        advantages_detached_afterwards,
        advantages_without_gradient,
        advantages_in_a_block,
        advantages_by_loop,
        advantages_in_numpy,
        advantages_as_a_list,
    ],
}
