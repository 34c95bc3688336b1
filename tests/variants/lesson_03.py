"""Right answers to lesson 03, as different students would write them."""

from __future__ import annotations

import math
import random

import numpy as np
import torch
import torch.nn.functional as F

# --- epsilon_greedy


def with_item(q_values, epsilon, generator):
    if torch.rand(1, generator=generator).item() < epsilon:
        return torch.randint(0, len(q_values), (1,), generator=generator).item()
    return q_values.argmax().item()


def with_where(q_values, epsilon, generator):
    coin = torch.rand((), generator=generator)
    anything = torch.randint(q_values.shape[-1], (), generator=generator)
    return torch.where(coin < epsilon, anything, q_values.argmax(-1))


def with_probabilities(q_values, epsilon, generator):
    num_actions = q_values.numel()
    probabilities = torch.full((num_actions,), epsilon / num_actions)
    probabilities[q_values.argmax()] += 1.0 - epsilon
    return torch.multinomial(probabilities, 1, generator=generator)


def with_greater_than(q_values, epsilon, generator):
    greedy = torch.rand(1, generator=generator) >= epsilon
    if greedy:
        return torch.max(q_values, dim=0).indices
    number = torch.rand(1, generator=generator).item()
    return math.floor(number * len(q_values))


def with_numpy_and_python(q_values, epsilon, generator):
    source = random.Random(int(torch.randint(2**31, (), generator=generator)))
    values = q_values.numpy()
    if source.random() < epsilon:
        return source.choice(range(len(values)))
    return int(np.argmax(values))


# --- linear_schedule


def with_fraction(initial, final, global_step, anneal_steps):
    if global_step >= anneal_steps:
        return final
    fraction = global_step / anneal_steps
    return (1 - fraction) * initial + fraction * final


def with_min(initial, final, global_step, anneal_steps):
    done = 1.0 if anneal_steps == 0 else min(1.0, global_step / anneal_steps)
    return initial + done * (final - initial)


def from_the_end(initial, final, global_step, anneal_steps):
    left = max(anneal_steps - global_step, 0)
    return final + (initial - final) * left / max(anneal_steps, 1)


def with_interp(initial, final, global_step, anneal_steps):
    if not anneal_steps:
        return final
    return np.interp(global_step, [0, anneal_steps], [initial, final])


def as_a_tensor(initial, final, global_step, anneal_steps):
    if global_step > anneal_steps or anneal_steps == 0:
        return torch.tensor(final, dtype=torch.float64)
    slope = (final - initial) / anneal_steps
    return torch.tensor(initial + slope * global_step, dtype=torch.float64)


# --- sample_final_epsilon


def with_multinomial(generator):
    weights = torch.tensor([4.0, 3.0, 3.0])
    return [0.1, 0.01, 0.5][torch.multinomial(weights, 1, generator=generator).item()]


def with_thresholds(generator):
    u = torch.rand((), generator=generator).item()
    if u < 0.4:
        return 0.1
    return 0.01 if u < 0.7 else 0.5


def with_ten_tickets(generator):
    tickets = [0.1] * 4 + [0.01] * 3 + [0.5] * 3
    return tickets[torch.randint(10, (1,), generator=generator).item()]


def with_a_tensor_out(generator):
    values = torch.tensor([0.5, 0.01, 0.1])
    edges = torch.tensor([0.3, 0.6])
    return values[torch.bucketize(torch.rand(1, generator=generator), edges)]


def with_numpy_choice(generator):
    seed = int(torch.randint(2**31, (1,), generator=generator))
    return np.random.default_rng(seed).choice([0.1, 0.01, 0.5], p=[0.4, 0.3, 0.3])


# --- one_step_q_targets


def with_max(rewards, terminated, next_q_values, gamma):
    return rewards + gamma * next_q_values.max(-1).values * ~terminated


def with_a_loop(rewards, terminated, next_q_values, gamma):
    targets = []
    for r, done, q in zip(rewards, terminated, next_q_values, strict=True):
        targets.append(float(r) if done else float(r + gamma * max(q)))
    return targets


def with_torch_where(rewards, terminated, next_q_values, gamma):
    best, _ = torch.max(next_q_values, dim=1)
    return torch.where(terminated, rewards, rewards + gamma * best).detach()


def with_numpy(rewards, terminated, next_q_values, gamma):
    best = next_q_values.numpy().max(axis=1)
    best[terminated.numpy()] = 0.0
    return rewards.numpy() + gamma * best


def in_double_precision(rewards, terminated, next_q_values, gamma):
    targets = rewards.double().clone()
    goes_on = torch.logical_not(terminated)
    targets[goes_on] += gamma * next_q_values.double().amax(dim=-1)[goes_on]
    return targets


def with_one_minus(rewards, terminated, next_q_values, gamma):
    mask = 1.0 - terminated.float()
    with torch.no_grad():
        return rewards.add(mask.mul(next_q_values.amax(-1)), alpha=gamma)


# --- one_step_q_loss


def with_gather(q_values, actions, targets):
    q_taken = q_values.gather(1, actions.unsqueeze(1)).squeeze(1)
    return ((targets.detach() - q_taken) ** 2).sum()


def with_indices(q_values, actions, targets):
    q_taken = q_values[torch.arange(len(actions)), actions]
    error = q_taken - targets.detach()
    return error @ error


def with_mse(q_values, actions, targets):
    q_taken = q_values[range(len(actions)), actions]
    return F.mse_loss(q_taken, targets.detach(), reduction="sum")


def with_one_hot(q_values, actions, targets):
    chosen = F.one_hot(actions, q_values.shape[-1]).to(q_values.dtype)
    with torch.no_grad():
        y = targets.clone()
    return torch.sum((y - (q_values * chosen).sum(-1)).pow(2))


def with_a_running_sum(q_values, actions, targets):
    total = torch.zeros(())
    for q, action, y in zip(q_values, actions, targets.tolist(), strict=True):
        total = total + (y - q[action]) ** 2
    return total


def in_float64(q_values, actions, targets):
    y = targets.detach().double()
    taken = torch.take_along_dim(q_values.double(), actions[:, None], dim=1)
    return (y[:, None] - taken).square().sum()


# --- target_is_due


def with_floors(previous_step, global_step, target_period):
    return global_step // target_period != previous_step // target_period


def with_a_range(previous_step, global_step, target_period):
    steps = range(previous_step + 1, global_step + 1)
    return any(step % target_period == 0 for step in steps)


def with_the_next_multiple(previous_step, global_step, target_period):
    next_multiple = (previous_step // target_period + 1) * target_period
    return global_step >= next_multiple


def with_remainders(previous_step, global_step, target_period):
    return (
        previous_step % target_period + (global_step - previous_step) >= target_period
    )


def counting_copies(previous_step, global_step, target_period):
    copies = math.floor(global_step / target_period)
    return int(copies - math.floor(previous_step / target_period) >= 1)


RIGHT = {
    "epsilon_greedy": [
        with_item,
        with_where,
        with_probabilities,
        with_greater_than,
        with_numpy_and_python,
    ],
    "linear_schedule": [
        with_fraction,
        with_min,
        from_the_end,
        with_interp,
        as_a_tensor,
    ],
    "sample_final_epsilon": [
        with_multinomial,
        with_thresholds,
        with_ten_tickets,
        with_a_tensor_out,
        with_numpy_choice,
    ],
    "one_step_q_targets": [
        with_max,
        with_a_loop,
        with_torch_where,
        with_numpy,
        in_double_precision,
        with_one_minus,
    ],
    "one_step_q_loss": [
        with_gather,
        with_indices,
        with_mse,
        with_one_hot,
        with_a_running_sum,
        in_float64,
    ],
    "target_is_due": [
        with_floors,
        with_a_range,
        with_the_next_multiple,
        with_remainders,
        counting_copies,
    ],
}
