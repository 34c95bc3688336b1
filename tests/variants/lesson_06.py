"""Right answers to lesson 06, as different students would write them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch.distributions import Categorical


def log_probs_by_indexing(logits, actions):
    rows = torch.arange(len(actions))
    return torch.log_softmax(logits, dim=1)[rows, actions]


def log_probs_by_distribution(logits, actions):
    return Categorical(logits=logits).log_prob(actions)


def log_probs_by_logsumexp(logits, actions):
    chosen = logits.gather(1, actions.unsqueeze(1)).squeeze(1)
    return chosen - torch.logsumexp(logits, dim=1)


def log_probs_by_cross_entropy(logits, actions):
    return -F.cross_entropy(logits, actions, reduction="none")


def log_probs_in_a_loop(logits, actions):
    result = []
    for row, action in zip(logits, actions, strict=True):
        result.append(F.log_softmax(row, dim=0)[action])
    return torch.stack(result)


def log_probs_in_double(logits, actions):
    one_hot = F.one_hot(actions, logits.shape[-1]).double()
    return (torch.log_softmax(logits.double(), -1) * one_hot).sum(-1)


def policy_loss_in_one_line(log_probs, advantages):
    return -(log_probs * advantages.detach()).sum()


def policy_loss_as_a_dot_product(log_probs, advantages):
    with torch.no_grad():
        weights = advantages.clone()
    return -torch.dot(log_probs, weights)


def policy_loss_in_a_loop(log_probs, advantages):
    total = 0.0
    for log_prob, advantage in zip(log_probs, advantages, strict=True):
        total = total - log_prob * advantage.item()
    return total


def policy_loss_by_surprise(log_probs, advantages):
    surprise = -log_probs
    return torch.sum(surprise * advantages.data)


def policy_loss_by_einsum(log_probs, advantages):
    constants = torch.tensor(advantages.tolist())
    return torch.einsum("t,t->", log_probs, -constants)


def policy_loss_recursive(log_probs, advantages):
    first = -log_probs[:1].sum() * advantages[0].detach()
    if len(log_probs) == 1:
        return first
    return first + policy_loss_recursive(log_probs[1:], advantages[1:])


def value_loss_in_one_line(values, returns):
    return ((returns.detach() - values) ** 2).sum()


def value_loss_the_other_way_round(values, returns):
    error = values - returns.detach()
    return (error * error).sum()


def value_loss_of_the_library(values, returns):
    return F.mse_loss(values, returns.detach(), reduction="sum")


def value_loss_in_a_loop(values, returns):
    total = torch.zeros(())
    for i in range(len(values)):
        total += (returns[i].item() - values[i]).pow(2)
    return total


def value_loss_as_a_dot_product(values, returns):
    errors = returns.detach().double() - values.double()
    return errors @ errors


def value_loss_from_the_mean(values, returns):
    with torch.no_grad():
        targets = returns * 1.0
    return F.mse_loss(values, targets) * len(values)


def entropy_in_two_lines(logits):
    log_probs = torch.log_softmax(logits, dim=-1)
    return -(log_probs.exp() * log_probs).sum()


def entropy_of_the_distribution(logits):
    return Categorical(logits=logits).entropy().sum()


def entropy_in_a_loop(logits):
    total = 0
    for row in logits:
        log_probs = F.log_softmax(row, dim=0)
        probs = F.softmax(row, dim=0)
        for p, log_p in zip(probs, log_probs, strict=True):
            total = total - p * log_p
    return total


def entropy_by_logsumexp(logits):
    mean_logit = (torch.softmax(logits, 1) * logits).sum(1)
    return (torch.logsumexp(logits, 1) - mean_logit).sum()


def entropy_by_xlogy(logits):
    probs = torch.softmax(logits.double(), -1)
    return -torch.special.xlogy(probs, probs.clamp(min=1e-300)).sum()


def entropy_against_uniform(logits):
    """log A minus the divergence from the uniform policy."""
    num_steps, num_actions = logits.shape
    log_probs = torch.log_softmax(logits, -1)
    divergence = (log_probs.exp() * (log_probs + math.log(num_actions))).sum()
    return num_steps * math.log(num_actions) - divergence


def a3c_loss_as_in_the_paper(network, rollout, gamma, value_coef, entropy_coef):
    """The loop of Algorithm S3, from the last step to the first."""
    logits, values = network(rollout.observations)
    if rollout.terminated[-1]:
        R = 0.0
    else:
        R = network(rollout.next_observations[-1])[1].item()
    loss = 0.0
    for i in reversed(range(len(rollout.rewards))):
        R = rollout.rewards[i] + gamma * R
        log_probs = torch.log_softmax(logits[i], -1)
        advantage = (R - values[i]).detach()
        loss = loss - log_probs[rollout.actions[i]] * advantage
        loss = loss + value_coef * (R - values[i]) ** 2
        loss = loss + entropy_coef * (log_probs.exp() * log_probs).sum()
    return loss


def a3c_loss_by_distribution(network, rollout, gamma, value_coef, entropy_coef):
    logits, values = network(rollout.observations)
    policy = Categorical(logits=logits)
    with torch.no_grad():
        R = network(rollout.next_observations[-1])[1] * (~rollout.terminated[-1])
        targets = torch.empty_like(rollout.rewards)
        for i in range(len(targets) - 1, -1, -1):
            R = rollout.rewards[i] + gamma * R
            targets[i] = R
    advantages = targets - values
    actor = -(policy.log_prob(rollout.actions) * advantages.detach()).sum()
    critic = advantages.pow(2).sum()
    return actor + value_coef * critic - entropy_coef * policy.entropy().sum()


def a3c_loss_in_one_pass(network, rollout, gamma, value_coef, entropy_coef):
    """One call of the network for all T + 1 observations."""
    last = rollout.next_observations[-1:]
    all_logits, all_values = network(torch.cat([rollout.observations, last]))
    logits, values = all_logits[:-1], all_values[:-1]
    future = 0.0 if bool(rollout.terminated[-1]) else all_values[-1].item()
    targets = []
    for reward in rollout.rewards.tolist()[::-1]:
        future = reward + gamma * future
        targets.insert(0, future)
    targets = torch.tensor(targets)
    log_probs = log_probs_by_indexing(logits, rollout.actions)
    actor = policy_loss_in_one_line(log_probs, targets - values)
    critic = value_loss_in_one_line(values, targets)
    bonus = entropy_in_two_lines(logits)
    return actor + value_coef * critic - entropy_coef * bonus


def a3c_loss_by_matrix(network, rollout, gamma, value_coef, entropy_coef):
    """Returns as a triangular matrix of powers of gamma times the rewards."""
    steps = len(rollout.rewards)
    ahead = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]
    powers = torch.where(ahead >= 0, gamma ** ahead.clamp(min=0).float(), 0.0)
    left = steps - torch.arange(steps)
    last = network(rollout.next_observations[-1])[1].detach()
    keep = 1.0 - rollout.terminated[-1].float()
    targets = powers @ rollout.rewards + gamma ** left.float() * last * keep
    logits, values = network(rollout.observations)
    log_pi = log_probs_by_logsumexp(logits, rollout.actions)
    loss = -(log_pi * (targets - values.detach())).sum()
    loss += value_coef * F.mse_loss(values, targets, reduction="sum")
    loss -= entropy_coef * entropy_by_logsumexp(logits)
    return loss


def a3c_loss_in_double(network, rollout, gamma, value_coef, entropy_coef):
    logits, values = network(rollout.observations)
    logits, values = logits.double(), values.double()
    with torch.inference_mode():
        _, after = network(rollout.next_observations)
    R = 0.0 if rollout.terminated[-1].item() else after[-1].item()
    losses = []
    for t in range(len(values))[::-1]:
        R = rollout.rewards[t].item() + gamma * R
        log_pi = F.log_softmax(logits[t], dim=-1)
        delta = R - values[t]
        losses.append(
            value_coef * delta.square()
            - log_pi[rollout.actions[t]] * delta.detach()
            - entropy_coef * -(log_pi.exp() * log_pi).sum()
        )
    return torch.stack(losses).sum()


RIGHT = {
    "log_probabilities": [
        log_probs_by_indexing,
        log_probs_by_distribution,
        log_probs_by_logsumexp,
        log_probs_by_cross_entropy,
        log_probs_in_a_loop,
        log_probs_in_double,
    ],
    "policy_loss": [
        policy_loss_in_one_line,
        policy_loss_as_a_dot_product,
        policy_loss_in_a_loop,
        policy_loss_by_surprise,
        policy_loss_by_einsum,
        policy_loss_recursive,
    ],
    "value_loss": [
        value_loss_in_one_line,
        value_loss_the_other_way_round,
        value_loss_of_the_library,
        value_loss_in_a_loop,
        value_loss_as_a_dot_product,
        value_loss_from_the_mean,
    ],
    "entropy": [
        entropy_in_two_lines,
        entropy_of_the_distribution,
        entropy_in_a_loop,
        entropy_by_logsumexp,
        entropy_by_xlogy,
        entropy_against_uniform,
    ],
    "a3c_loss": [
        a3c_loss_as_in_the_paper,
        a3c_loss_by_distribution,
        a3c_loss_in_one_pass,
        a3c_loss_by_matrix,
        a3c_loss_in_double,
    ],
}
