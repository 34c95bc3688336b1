# %% [markdown]
# # 00 Start
#
# Click on the cell below and press **Shift+Enter**. That runs it and moves on.

# %%
import torch

from course import check, hint, predict, ready, solution

# %% [markdown]
# ### Exercise 00.1: episode_return
# Difficulty 1 of 5 · 2 minutes · 1 line
#
# You play a game, and each step pays a *reward*. When it is over, the *score* is the
# sum of all rewards. Replace the line `raise ...` by your own; `rewards` is a torch
# tensor such as `tensor([1., 2., 3.])`.

# %%
predict("00.1", "What is the score for the rewards 1, 2 and 3?", guess=None)


# %%
def episode_return(rewards):
    """The score of an episode, r_0 + r_1 + ... + r_{T-1}: one number.

    rewards: tensor of shape [T], one entry for each step.
    """
    ### BEGIN SOLUTION
    return rewards.sum()
    ### END SOLUTION


# %%
check(episode_return)

# %%
# hint(episode_return)

# %% [markdown]
# A green box: done. Anything else says what to look at; *not attempted* only means that
# the stub is still there. Change your function, run its cell, run the check again, as
# often as you like. If you are stuck, delete the `#` in front of `hint`: each run says
# one thing more, and `solution(episode_return)` shows the course's own. What you have
# passed is kept in a file, so you may close the browser and come back.

# %%
if ready(episode_return):
    predict("00.1", happened=float(episode_return(torch.tensor([1.0, 2.0, 3.0]))))

# %% [markdown]
# **Why?** Why is the score a sum, and not the mean reward of a step?
#
# ### BEGIN SOLUTION
# Because the length of an episode is part of how good it was. In CartPole each step pays
# 1, so every episode, however short, has the same mean of 1; the sum tells them apart.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 00.2: discounted_return
# Difficulty 1 of 5 · 5 minutes · 3 lines
#
# While it learns, an agent prefers what comes soon. Each step of waiting multiplies a
# reward by the *discount* γ (gamma), a number from 0 to 1:
#
# $$G = r_0 + \gamma\, r_1 + \gamma^2 r_2 + \dots = \sum_{i=0}^{T-1} \gamma^i r_i$$
#
# By hand, with γ = 0.5 and the rewards 1, 1, 1: 1 + 0.5 + 0.25 = 1.75. As a strip:
# above, the rewards as they came; below, what is left of each after its weight γ^i. The
# return is the sum of the lower strip.

# %%
from course.experiments import return_strip

return_strip.picture([1.0, 1.0, 1.0], gamma=0.5)

# %%
predict("00.2", "With gamma = 0.5 and rewards 0, 0, 8: what is G?", guess=None)


# %%
def discounted_return(rewards, gamma):
    """The discounted return of the first step: sum over i of gamma^i r_i, one number.

    rewards: tensor of shape [T]. gamma: a number from 0 to 1.
    """
    ### BEGIN SOLUTION
    total = 0.0
    for i, reward in enumerate(rewards):
        total = total + gamma**i * reward
    return total
    ### END SOLUTION


# %%
check(discounted_return)

# %%
# hint(discounted_return)

# %%
if ready(discounted_return):
    later = torch.tensor([0.0, 0.0, 8.0])
    predict("00.2", happened=float(discounted_return(later, 0.5)))

# %% [markdown]
# **What you should see:** 2. A reward of 8, two steps away, is worth a quarter of itself.
#
# **Why?** Scores are reported without discount. Why does an agent learn with one?
#
# ### BEGIN SOLUTION
# The score is what we want to know, and nobody pays a player less for a late goal. But
# the sum of everything that may still come is hard to learn: it may be infinite, if no
# end is in sight, and it varies wildly, for it depends on hundreds of later actions.
# With a discount the far future fades: for γ = 0.99, rewards 100 steps away count about
# a third. The price is that an agent looks only so far ahead.
# ### END SOLUTION

# %% [markdown]
# ## Agent and environment
#
# In each step the *agent* sees an *observation*, chooses an *action*, and the
# *environment* answers with a reward and the next observation. From a start to an end is
# an *episode*. It may end in two ways: *terminated*, the game is over; or *truncated*,
# it was only cut off, by a time limit for instance. Lesson 01 shows how much hangs on
# the difference. Here the agent is in a row of five states; action 1 goes right, action
# 0 left, and only the step off the right end pays. It acts at random.

# %%
import gymnasium

import course.environments  # registers the course's own small environments

chain = gymnasium.make("course/Chain-v0")
observation, _ = chain.reset(seed=0)
chain.action_space.seed(0)
rewards, over = [], False
names = ("state", "action", "reward", "terminated", "truncated")
print(*(f"{name:>11}" for name in names))
while not over:
    action = chain.action_space.sample()
    after, reward, terminated, truncated, _ = chain.step(action)
    over = terminated or truncated
    if len(rewards) < 5 or over:
        row = (observation, action, reward, terminated, truncated)
        print(*(f"{entry!s:>11}" for entry in row))
    observation = after
    rewards.append(reward)
print(f"The episode had {len(rewards)} steps.")

# %% [markdown]
# The first five steps and the last one. How long it took is chance, and shows in one of
# your two numbers only:

# %%
predict("00.3", "The agent's G with gamma = 0.9, from 0 to 1?", guess=None)

# %%
if ready(episode_return, discounted_return):
    strip = torch.tensor(rewards)
    print("score:", float(episode_return(strip)))
    predict("00.3", happened=float(discounted_return(strip, 0.9)))

# %% [markdown]
# ## The paper, in five sentences
#
# 1. *Asynchronous Methods for Deep Reinforcement Learning* (Mnih et al., 2016) lets many
#    *actor-learners* run at once: each plays its own copy of the environment, computes
#    gradients from what it sees, and none waits for another.
# 2. All of them write into one shared set of weights without a lock, an idea taken from
#    *Hogwild!* (lesson 02).
# 3. No step is stored to be replayed later, as the earlier method DQN does: learners in
#    different places of the game are to make up for it (lesson 04 measures that).
# 4. So trained are four algorithms: one-step Q-learning, one-step Sarsa, n-step
#    Q-learning, and *asynchronous advantage actor-critic*, A3C.
# 5. Table 1 gives A3C, after one day on 16 CPU cores of one machine without a GPU, a
#    median of 68.2 over the Atari games, on a scale where random play is 0 and a human
#    100; DQN, after eight days on a GPU, 47.5 (lesson 09 takes that table apart).
#
# ## A taste
#
# Two processes of your computer, one shared set of weights, no lock. The task is
# CartPole: balance a pole on a cart; each step pays 1, at most 500 in an episode. The
# functions are still the course's own. By lesson 06 they will be yours.

# %%
predict("00.4", "How many thousand steps until the mean score is 300?", guess=None)

# %% tags=["train"]
# About 5 seconds on two quiet cores; the stop button ends it and keeps what was learned.
from course import A3C
from course.notebook import train_live

result = train_live(
    A3C,
    "CartPole-v1",
    name="00-taste",
    workers=2,
    until_return=300,
    total_steps=150_000,
)
if result.solved_at:  # not if it was stopped, or the goal never reached
    predict("00.4", happened=round(result.solved_at["step"] / 1000))

# %% [markdown]
# Each dot is an episode, the line the mean of the last 100. Run the cell again: the
# curve is another one, for which process writes first is decided by your operating
# system. Lesson 02 makes that repeatable.
#
# ## The map
#
# | Lesson | You write |
# |---|---|
# | 01 Returns | what the values of a rollout should have been |
# | 02 Hogwild | updates without a lock, and what gets lost |
# | 03 One-step Q · 04 Sarsa · 05 n-step Q | the three methods of values |
# | 06 A3C | policy, value and entropy in one loss |
# | 07 Memory and continuous actions · 08 Atari | LSTM, Gaussians, pixels |
# | 09 Measuring · 10 Beyond A3C | scores and doubts; what came after |
#
# **Three lines for yourself:** What was clear? What was not? What do you want to know?
#
# *In this lesson:* the score counts every reward in full; the discounted return is what
# Algorithm S3 builds up step by step, with R ← r_i + γR. Next: [01 Returns](01_returns.ipynb).
