"""Right answers to lesson 05, as different students would write them."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

# ------------------------------------------------------------ n_step_q_targets


def targets_by_a_loop_over_indices(rewards, bootstrap_q_values, terminated, gamma):
    out = torch.zeros_like(rewards)
    following = 0.0 if terminated else bootstrap_q_values.max().item()
    for i in range(len(rewards) - 1, -1, -1):
        following = rewards[i] + gamma * following
        out[i] = following
    return out


def targets_by_recursion(r, q, done, g):
    if len(r) == 0:
        return torch.zeros(0)
    rest = targets_by_recursion(r[1:], q, done, g)
    behind = rest[0] if len(rest) else q.max() * (1.0 - float(done))
    return torch.cat([(r[0] + g * behind).reshape(1), rest])


def targets_by_powers_of_gamma(rewards, bootstrap_q_values, terminated, gamma):
    steps = len(rewards)
    ahead = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]
    weights = torch.where(ahead >= 0, gamma ** ahead.clamp(min=0).float(), 0.0)
    best = bootstrap_q_values.max() * ~terminated
    return weights @ rewards + best * gamma ** torch.arange(steps, 0, -1)


def targets_in_double_precision(rewards, bootstrap_q_values, terminated, gamma):
    behind = bootstrap_q_values.double().amax(-1).masked_fill(terminated, 0.0)
    backwards = []
    for reward in rewards.double().flip(0):
        behind = reward + gamma * behind
        backwards.append(behind)
    return torch.stack(backwards).flip(0)


def targets_as_a_list(rewards, bootstrap_q_values, terminated, gamma):
    behind = 0.0 if bool(terminated) else max(bootstrap_q_values.tolist())
    out = []
    for reward in reversed(rewards.tolist()):
        behind = reward + gamma * behind
        out.insert(0, behind)
    return out


def targets_in_numpy(rewards, bootstrap_q_values, terminated, gamma):
    out = np.append(rewards.numpy(), bootstrap_q_values.numpy().max())
    if terminated:
        out[-1] = 0.0
    for i in reversed(range(len(out) - 1)):
        out[i] += gamma * out[i + 1]
    return out[:-1]


# --------------------------------------------------------------- n_step_q_loss


def loss_by_the_papers_loop(network, target_network, rollout, gamma):
    if rollout.terminated[-1]:
        R = torch.tensor(0.0)
    else:
        R = target_network(rollout.next_observations[-1]).max().detach()
    loss = torch.tensor(0.0)
    for i in reversed(range(len(rollout.rewards))):
        R = rollout.rewards[i] + gamma * R
        q_value = network(rollout.observations[i])[rollout.actions[i]]
        loss = loss + (R - q_value) ** 2
    return loss


def loss_by_mse(network, target_network, rollout, gamma):
    with torch.no_grad():
        q_values = target_network(rollout.next_observations)[-1]
        targets = targets_in_double_precision(
            rollout.rewards, q_values, rollout.terminated[-1], gamma
        ).float()
    taken = network(rollout.observations).gather(-1, rollout.actions.unsqueeze(-1))
    return F.mse_loss(taken.squeeze(-1), targets, reduction="sum")


def loss_by_one_hot(net, target_net, rollout, gamma):
    q_values = net(rollout.observations)
    chosen = F.one_hot(rollout.actions, q_values.shape[-1])
    best = target_net(rollout.next_observations[-1:]).detach().max(dim=1).values[0]
    targets = targets_by_powers_of_gamma(
        rollout.rewards, best.reshape(1), rollout.terminated[-1], gamma
    )
    return torch.sum(torch.square((q_values * chosen).sum(-1) - targets))


def loss_by_indexing(network, target_network, rollout, gamma):
    steps = torch.arange(len(rollout.actions))
    taken = network(rollout.observations)[steps, rollout.actions]
    last = target_network(rollout.next_observations[-1])
    targets = targets_by_recursion(
        rollout.rewards, last, rollout.terminated[-1], gamma
    ).detach()
    errors = taken - targets
    return errors @ errors


def loss_with_a_list_of_targets(network, target_network, rollout, gamma):
    last = target_network(rollout.next_observations[-1]).detach()
    targets = torch.tensor(
        targets_as_a_list(rollout.rewards, last, rollout.terminated[-1], gamma)
    )
    q_values = network(rollout.observations)
    return sum(
        (y - q[a]) ** 2
        for y, q, a in zip(targets, q_values, rollout.actions, strict=True)
    )


# -------------------------------------------------------------- lambda_returns


def lambda_by_a_loop(rewards, next_values, terminated, gamma, lam):
    returns = []
    last = 0.0 if terminated else next_values[-1].item()
    following = last
    for i in reversed(range(len(rewards))):
        value = last if i == len(rewards) - 1 else next_values[i].item()
        mix = (1 - lam) * value + lam * following
        following = rewards[i].item() + gamma * mix
        returns.append(following)
    return returns[::-1]


def lambda_by_td_errors(rewards, next_values, terminated, gamma, lam):
    # G_i - V(s_{i+1}) fades by gamma lam: the sum of later TD errors.
    values = next_values.clone()
    values[-1] = values[-1] * ~terminated
    ahead = torch.zeros(())
    out = torch.empty_like(rewards)
    for i in reversed(range(len(rewards))):
        one_step = rewards[i] + gamma * values[i]
        out[i] = one_step + gamma * lam * ahead
        if i > 0:
            ahead = out[i] - values[i - 1]
    return out


def lambda_by_recursion(r, v, end, gamma, lam):
    if len(r) == 1:
        return r + gamma * v * (0.0 if end else 1.0)
    rest = lambda_by_recursion(r[1:], v[1:], end, gamma, lam)
    first = r[0] + gamma * (v[0] + lam * (rest[0] - v[0]))
    return torch.cat([first[None], rest])


def lambda_by_the_weighted_sum(rewards, next_values, terminated, gamma, lam):
    """Its definition: a mix of n-step returns with weights (1 - lam) lam^(n-1)."""
    values = next_values.masked_fill(
        terminated & (torch.arange(len(rewards)) == len(rewards) - 1), 0.0
    )
    out = []
    for i in range(len(rewards)):
        total, left = 0.0, 1.0
        for n in range(1, len(rewards) - i + 1):
            known = sum(gamma**k * rewards[i + k] for k in range(n))
            n_step = known + gamma**n * values[i + n - 1]
            is_last = i + n == len(rewards)
            weight = left if is_last else (1 - lam) * left
            total = total + weight * n_step
            left *= lam
        out.append(total)
    return torch.stack(out)


def lambda_in_numpy(rewards, next_values, terminated, gamma, lam):
    values = next_values.numpy().astype(np.float64)
    values[-1] *= not terminated
    out = np.zeros(len(rewards) + 1)
    out[-1] = values[-1]
    for i in range(len(rewards) - 1, -1, -1):
        mix = (1 - lam) * values[i] + lam * out[i + 1]
        out[i] = rewards[i].item() + gamma * mix
    return out[:-1]


# ---------------------------------------------------------------- trace_update


def traces_by_operators(values, traces, state, td_error, step_size, gamma, lam):
    traces *= gamma * lam
    traces[state] += 1
    values += step_size * td_error * traces


def traces_by_slices(values, traces, state, td_error, step_size, gamma, lam):
    traces[:] = gamma * lam * traces
    traces[state] = traces[state] + 1
    values[:] = values + step_size * td_error * traces


def traces_by_one_hot(v, e, s, delta, alpha, gamma, lam):
    e.copy_(gamma * lam * e + F.one_hot(torch.tensor(s), len(e)))
    v.add_(e, alpha=alpha * delta)
    return v, e


def traces_by_a_loop(values, traces, state, td_error, step_size, gamma, lam):
    for s in range(len(traces)):
        traces[s] = gamma * lam * traces[s] + (1.0 if s == state else 0.0)
        values[s] += step_size * td_error * traces[s]


def traces_through_numpy(values, traces, state, td_error, step_size, gamma, lam):
    table, trace = values.numpy(), traces.numpy()  # the same memory
    trace *= gamma * lam
    trace[state] += 1.0
    table += step_size * td_error * trace
    return values


RIGHT = {
    "n_step_q_targets": [
        targets_by_a_loop_over_indices,
        targets_by_recursion,
        targets_by_powers_of_gamma,
        targets_in_double_precision,
        targets_as_a_list,
        targets_in_numpy,
    ],
    "n_step_q_loss": [
        loss_by_the_papers_loop,
        loss_by_mse,
        loss_by_one_hot,
        loss_by_indexing,
        loss_with_a_list_of_targets,
    ],
    "lambda_returns": [
        lambda_by_a_loop,
        lambda_by_td_errors,
        lambda_by_recursion,
        lambda_by_the_weighted_sum,
        lambda_in_numpy,
    ],
    "trace_update": [
        traces_by_operators,
        traces_by_slices,
        traces_by_one_hot,
        traces_by_a_loop,
        traces_through_numpy,
    ],
}
