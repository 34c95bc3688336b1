# %% [markdown]
# # 01 Returns
#
# An agent must know what its actions were worth, although the later rewards have not come
# yet. After this lesson you can
#
# * compute one-step targets, n-step returns and advantages, by hand and in code;
# * tell an episode that *ended* from one that was *cut off*, and say what the mistake
#   costs;
# * say why a rollout mixes returns of different length, and what is gained by it.
#
# About 60 minutes. It needs `episode_return` and `discounted_return` of lesson 00 in your
# head, not in code.
#
# ## Three steps by hand
#
# The *return* from a state $s_i$ is the discounted sum of all rewards from there on. The
# mean of this return, over all that chance may bring, is the *value* of the state. The
# learner does not know it; its guess is written $V(s_i)$.
#
# How can a learner use rewards that have not come yet? It waits. It acts for a few steps,
# the *rollout*, and keeps what it saw; only then does it look back and learn. What lies
# behind the rollout it does not wait for: there it takes V of the state it has reached.
# That is called to *bootstrap*.
#
# Here is a rollout of three steps on a chain of four states, from the second one to the
# right; only the step off the right end pays. Suppose that V is 0.5 everywhere, and
# γ = 0.9.

# %%
import gymnasium
import torch

import course.environments  # registers the course's own small environments
from course import check, hint, predict, ready, solution
from course.experiments import bias_variance, propagation, return_strip

chain = gymnasium.make("course/Chain-v0", length=4)
chain.reset(seed=0, options={"state": 1})
gamma, guess, known = 0.9, 0.5, 0.0
for i in range(3):
    after, reward, terminated, truncated, _ = chain.step(1)  # go right
    known += gamma**i * reward
    rest = 0.0 if terminated else gamma ** (i + 1) * guess
    print(f"r_{i} = {reward:g}: known {known:.3f} + guessed {rest:.3f}", end="")
    print(f" = {known + rest:.3f}", "(terminated)" if terminated else "")

# %% [markdown]
# Each line is an estimate of the return from the second of the four states, where the
# rollout begins: from one reward, from two, from three. The guess fades as rewards come
# in; after the true end nothing is guessed.
#
# ### Exercise 01.1: one_step_targets
# Difficulty 2 of 5 · 8 minutes · 2 lines
#
# The shortest look ahead is one step, as in the first line above: one reward that was
# seen, and for the rest V of the next state,
#
# $$y_i = r_i + \gamma\, V(s_{i+1}), \qquad y_i = r_i \text{ if } s_{i+1}
# \text{ is terminal.}$$
#
# $y_i$ is a *target*: what $V(s_i)$ should move towards.
#
# `terminated` is a tensor of flags, True or False. In torch, `~terminated` turns the
# flags round; when you multiply by them, True counts as 1 and False as 0. (Do not write
# `1 - terminated`: torch refuses it.) Or use `torch.where(terminated, a, b)`: an entry of
# a where the flag is True, and of b elsewhere.

# %%
predict("01.1", "r_0 = 1, V(s_1) = 10, gamma = 0.5, terminated: y_0?", guess=None)


# %%
def one_step_targets(rewards, next_values, terminated, gamma):
    """y_i = r_i + gamma V(s_{i+1}), or r_i alone where s_{i+1} is terminal.

    rewards, next_values: float tensors [T]. terminated: boolean tensor [T].
    Returns a tensor [T].
    """
    ### BEGIN SOLUTION
    return rewards + gamma * next_values * ~terminated
    ### END SOLUTION


# %%
check(one_step_targets)

# %%
# hint(one_step_targets)

# %%
if ready(one_step_targets):
    ends = torch.tensor([False, True])
    ones, tens = torch.ones(2), torch.full((2,), 10.0)
    on, ended = one_step_targets(ones, tens, ends, 0.5)
    print(f"the game goes on: {float(on):g}; it terminated: {float(ended):g}")
    predict("01.1", happened=float(ended))

# %% [markdown]
# **What you should see:** the same reward, and two targets, 6 and 1.
#
# **Why?** $V(s_{i+1})$ is only a guess. Why can the target be better than $V(s_i)$
# itself?
#
# ### BEGIN SOLUTION
# It holds one reward that was seen, and the guess counts less, by the factor γ. An error
# of V enters the target multiplied by γ, so step by step the errors shrink.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 01.2: n_step_returns
# Difficulty 3 of 5 · 12 minutes · 5 lines
#
# Now for a whole rollout of T steps. Whoever knows the return of a step knows that of
# the step before it:
#
# $$R_i = r_i + \gamma\, R_{i+1}, \qquad R_T = \texttt{bootstrap\_value}$$
#
# So begin at the end and walk back. The last step gets a one-step return, the first one a
# T-step return: each the longest that the rollout allows. This is the loop at the heart
# of Algorithms S2 and S3 of the paper. In code, `reversed(rewards)` walks back (a tensor
# knows no `[::-1]`), and you may return a tensor or a list of numbers.
#
# As a strip, with T = 3, V(s₃) = 4 and γ = 0.5 (hatched: V, which is a guess):

# %%
return_strip.picture([1.0, 1.0, 1.0], gamma=0.5, bootstrap_value=4.0)

# %%
predict(
    "01.2",
    "With gamma = 0.5 and rewards 0, 0, 8, then a cut with V(s_3) = 16: R_0?",
    guess=None,
)


# %%
def n_step_returns(rewards, bootstrap_value, gamma):
    """R_i = r_i + gamma R_{i+1}, backwards from R_T = bootstrap_value.

    rewards: float tensor [T]. bootstrap_value: one number.
    Returns R_0 ... R_{T-1}, [T]: a tensor, or a list of numbers.
    """
    ### BEGIN SOLUTION
    R, returns = bootstrap_value, []
    for reward in reversed(rewards):
        R = reward + gamma * R
        returns.insert(0, R)
    return torch.stack(returns)
    ### END SOLUTION


# %%
check(n_step_returns)

# %%
# hint(n_step_returns)

# %%
if ready(n_step_returns):
    returns = torch.as_tensor(n_step_returns(torch.tensor([0.0, 0.0, 8.0]), 16.0, 0.5))
    print("R_0, R_1, R_2 =", returns.tolist())
    predict("01.2", happened=float(returns[0]))

# %% [markdown]
# ## How fast does a reward spread?
#
# A chain of nine states, of which only the last step pays, and an agent that always goes
# right. With your function it learns the values, from rollouts of 1, 3 and 5 steps. Each
# row is an episode; watch where the numbers begin.

# %%
if ready(n_step_returns):
    display(
        propagation.picture([propagation.run(n, n_step_returns) for n in (1, 3, 5)])
    )

# %% [markdown]
# **What you should see:** with one-step returns, a reward moves back by a single state in
# an episode, for a target looks only one step ahead: nine episodes until the first state
# has heard of it. With n-step returns it reaches up to n states at once.
#
# **Why?** Why not always take the longest possible rollout, then?
#
# ### BEGIN SOLUTION
# A long rollout delays the update, and its return is made of many rewards that depend on
# chance: it varies more from one time to the next. On this chain nothing is left to
# chance, so only the gain is seen. The experiment below shows the price.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 01.3: bootstrap_value
# Difficulty 2 of 5 · 6 minutes · 1 line
#
# A rollout stops for one of three reasons. The episode *terminated*: the pole fell, and
# nothing more will come. The episode was *truncated*: somebody stopped the clock, after
# 500 steps in CartPole. Or t_max steps are over, the longest rollout that the learner
# allows itself. In the last two the game would have gone on.
#
# Your function is told only whether the episode terminated. Why is that enough?

# %%
predict("01.3", "CartPole is cut at step 500, V(s_500) = 40: what is R_T?", guess=None)


# %%
def bootstrap_value(last_value, terminated):
    """R_T, the value of what follows a rollout: 0 after a true end, else V(s_T).

    last_value: V(s_T), a tensor with one number. terminated: a tensor with one boolean.
    Returns one number, a float or a tensor.
    """
    ### BEGIN SOLUTION
    return 0.0 if terminated else last_value
    ### END SOLUTION


# %%
check(bootstrap_value)

# %%
# hint(bootstrap_value)

# %%
if ready(bootstrap_value):
    forty = torch.tensor(40.0)
    for ending, terminated in (("the pole fell", True), ("the clock stopped", False)):
        print(f"{ending}: {float(bootstrap_value(forty, torch.tensor(terminated))):g}")
    predict("01.3", happened=float(bootstrap_value(forty, torch.tensor(False))))

# %% [markdown]
# **What you should see:** 0 and 40: two ends that look alike to a program that knows only
# a single flag, `done`.
#
# **Why?** The paper's pseudocode says only "terminal". Why does the course treat a time
# limit differently?
#
# ### BEGIN SOLUTION
# The time limit is no property of the state: the same cart in the same position may come
# at step 10 or at step 499, and V sees no clock. If it were taken for an end, one state
# would be told both that much is to come and that nothing is.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 01.4: advantages
# Difficulty 2 of 5 · 6 minutes · 1 line
#
# Was the step better than expected? The *advantage* compares the return with the value:
#
# $$A_i = R_i - V(s_i)$$
#
# A3C makes actions with a positive advantage more likely. In later lessons `values` come
# out of a network, and torch remembers how, so that learning can flow back through them.
# Here it must not: an advantage is a plain number. `values.detach()` has the same entries
# and no memory.

# %%
predict("01.4", "R = 3 where V = 5 was expected: what is A?", guess=None)


# %%
def advantages(returns, values):
    """A_i = R_i - V(s_i), as constants: no gradient flows back into the values.

    returns, values: float tensors [T]. Returns a tensor [T].
    """
    ### BEGIN SOLUTION
    return returns - values.detach()
    ### END SOLUTION


# %%
check(advantages)

# %%
# hint(advantages)

# %%
if ready(advantages):
    remembers = torch.tensor([5.0], requires_grad=True)
    result = torch.as_tensor(advantages(torch.tensor([3.0]), remembers))
    print("A =", result.tolist(), "· a gradient can flow back:", result.requires_grad)
    predict("01.4", happened=float(result[0]))

# %% [markdown]
# **What you should see:** −2, worse than expected, and no way back for a gradient.
#
# **Why?** Why subtract V at all, if only the best action is to be found?
#
# ### BEGIN SOLUTION
# In a good state every return is high, whatever was done; without V, every action tried
# there would be encouraged. The difference keeps what the action itself has added, and it
# varies less.
# ### END SOLUTION

# %% [markdown]
# ## The experiment: how wrong is a return?
#
# In one rollout of t_max steps stand returns of 1 to t_max steps. Is that a muddle, or a
# virtue? The task is a race on a circle of ten states, with a *finishing line* behind the
# tenth. Crossing it pays 1, and there the race ends with probability ½, or else the next
# lap begins; one step in ten fails. The exact values can be computed. Of thousands of
# rollouts, *your* functions compute the returns, and at each place in the rollout we
# measure
#
# * **bias²**: how far the *mean* return lies from the exact value, squared. It comes from
#   the guess V behind the rollout;
# * **variance**: how far single returns lie from their mean, squared. It comes from the
#   rewards and states, which depend on chance;
# * **rms error**: the root of their sum.
#
# V is *half learned*: right in the eight states before the finishing line, and still 0 in
# the other two, to which the reward has not spread yet.

# %%
predict(
    "01.5",
    "Least rms error, over all steps of the rollouts: t_max = 1, 5 or 20?",
    guess=None,
)

# %% tags=["train"]
# About 3 seconds.
if ready(n_step_returns, bootstrap_value):
    measured = bias_variance.run(n_step_returns, bootstrap_value, known=8)
    best = min(measured, key=lambda errors: errors.means[-1])
    predict("01.5", happened=best.t_max)
    print(bias_variance.table(measured))
    display(bias_variance.picture(measured))

# %% [markdown]
# **What you should see** (the last three columns are means over all steps): the longer
# the rollout, the less bias and the more variance; five steps lie between. (Whole
# episodes guess nothing: their bias² of 0.002 is chance, for only finitely many returns
# are averaged.) Within a rollout, the first place has the long return with its variance,
# the last one the short return with its bias. The mixture needs no choice of n, and no
# step has to wait for steps behind the rollout. (This is seed 0. Over the seeds 0 to 4
# the errors move by at most 0.025, and t_max = 5 is best with each.)
#
# Is 5 the right number, then? Change the guess: first V is 0 everywhere, as in a fresh
# network, then it is right in all ten states.

# %% tags=["train"]
# About 5 seconds.
if ready(n_step_returns, bootstrap_value):
    for known, stage in ((0, "fresh: 0 everywhere"), (10, "learned: right everywhere")):
        measured = bias_variance.run(n_step_returns, bootstrap_value, known=known)
        print(f"V is {stage}\n{bias_variance.table(measured)}\n")

# %% [markdown]
# **Why?** Which rollouts are best at the beginning of training, and which at its end?
#
# ### BEGIN SOLUTION
# At the beginning V says nothing, and what it says is bias: the whole episode is best. At
# the end V is right, so a single step brings no bias and the least variance. In between
# something in the middle is best. One t_max for all of training is a compromise.
# ### END SOLUTION

# %% [markdown]
# ## Bug hunt
#
# Every step of this task pays 1, for ever; somebody stops the clock after five steps.
# With γ = 0.8 each state is worth 1 + 0.8 + 0.8² + … = 1 / (1 − 0.8) = 5. The functions
# are yours and right, and yet the learner below comes to something else. Run it; then
# find the line in `returns_of` and repair it.


# %%
def returns_of(rewards, value, terminated, truncated, gamma):
    done = terminated or truncated
    rest = bootstrap_value(torch.tensor(value), torch.tensor(done))
    return torch.as_tensor(n_step_returns(torch.tensor(rewards), rest, gamma))


# %%
if ready(n_step_returns, bootstrap_value, advantages):
    task, value = gymnasium.make("course/ProbeTruncation-v0"), 0.0
    for _ in range(300):
        task.reset()
        rewards, over = [], False
        while not over:
            _, reward, terminated, truncated, _ = task.step(0)
            rewards.append(reward)
            over = terminated or truncated
        returns = returns_of(rewards, value, terminated, truncated, gamma=0.8)
        surprise = torch.as_tensor(advantages(returns, torch.full((5,), value)))
        value += 0.1 * float(surprise.mean())
    print(f"learned {value:.2f}, exact {1 / (1 - 0.8):.2f}")

# %% [markdown]
# **Which line is it, and why is the learned value so low?**
#
# ### BEGIN SOLUTION
# `done = terminated or truncated` takes the stopped clock for an end. Then R_T = 0 in
# every rollout, the returns hold 1 to 5 rewards and nothing behind them, and the value
# comes to their mean, 2.31, less than half of 5. With `done = terminated` it comes to
# 5.00. Where rewards are negative, the same bug makes states look better than they are.
# ### END SOLUTION

# %% [markdown]
# ## To take along
#
# **Three lines for yourself:** What surprised you? What would you explain differently?
# What is still open?
#
# | You wrote | In the paper |
# |---|---|
# | `one_step_targets` | y in Algorithm 1, with V in the place of max Q |
# | `bootstrap_value` | R = 0 for terminal $s_t$, else $V(s_t)$, in Algorithm S3 |
# | `n_step_returns` | R ← r_i + γR in Algorithms S2 and S3 |
# | `advantages` | R − V(s_i) in Algorithm S3 |
#
# The course's own are in `course/returns.py`, a page worth reading now. Next:
# [02 Hogwild](02_hogwild.ipynb), where several learners write into one memory at once.
