# %% [markdown]
# # 05 n-step Q-learning
#
# One-step Q-learning moves a reward back by one state per visit. n-step Q-learning
# waits a few steps, and then moves it back by all of them at once. In this lesson you
#
# * compute the targets of a whole rollout, and trace by hand when each reward is known,
# * write the loss of Algorithm S2 and train with it, alone and in parallel,
# * see why a learner works on a copy θ′ of the shared weights, and what it cannot give,
# * write the other way to hand out credit, eligibility traces, and see that it comes to
#   the same.
#
# You need lessons 01 (returns) and 03 (one-step Q, the target network θ⁻). The lesson
# takes about 70 minutes. Beside it, open `course/algorithms/n_step_q.py`.

# %%
import torch
from IPython.display import display

import course
from course import N_STEP_Q, check, hint, predict, ready, solution
from course.environments.tabular import Chain, optimal_q_values
from course.exercises.networks import tiny_q_network, tiny_rollout
from course.experiments import eligibility_traces, propagation, snapshot
from course.notebook import climb, train_live

# %% [markdown]
# ## The smallest example, by hand
#
# A **rollout** is a run of consecutive steps: in state $s_0$ the learner takes action
# $a_0$, receives the reward $r_0$ and comes to $s_1$, and so on, for at most $t_{max}$
# steps. Readers of the paper often ask: the target of step 0 contains $r_1$ and $r_2$.
# How are these known at step 0? They are not. **The update waits** until the rollout is
# over, and then goes through it from its last step back to its first.
#
# Here the rewards are 0, 0, 8 and the discount γ is 0.5. Then the rollout is cut: the
# episode goes on, but $t_{max} = 3$. What is still to come is estimated, by the best
# action value behind the rollout, say 4. This estimate is the **bootstrap**.

# %%
rewards, gamma, behind = [0.0, 0.0, 8.0], 0.5, 4.0

for t, reward in enumerate(rewards):
    print(f"step {t}: received r_{t} = {reward:g}; no target is known yet")
R = behind
for i in reversed(range(len(rewards))):
    line = f"R_{i} = {rewards[i]:g} + {gamma} · {R:g}"
    R = rewards[i] + gamma * R
    print(f"afterwards: {line} = {R:g}, a {len(rewards) - i}-step return")

# %% [markdown]
# Each step gets the longest return that the rollout allows: the last one a 1-step
# return, the first one a 3-step return. In Algorithm S2 all of them are mixed in one
# update.
#
# ### Exercise 05.1: n_step_q_targets
#
# Difficulty 2 of 5 · 10 minutes · 6 lines
#
# The targets of a rollout of $T$ steps are
#
# $$R_T = \begin{cases}0 & \text{if } s_T \text{ is terminal}\\
# \max_a Q(s_T, a; \theta^-) & \text{otherwise}\end{cases}
# \qquad R_i = r_i + \gamma R_{i+1}$$
#
# `terminated` is true only for a true end. A rollout that was cut, by $t_{max}$ or by a
# time limit, bootstraps.
#
# `hint` stands behind a `#`: remove it for a hint, and run the cell again for the next.
#
# Before you write it: on a chain of 9 states only the step off the right end is
# rewarded. A learner who always walks right, and updates after every step (n = 1), has
# the right value for the first state after 73 updates. All values are 0 at first, and
# each update sets the value of every state of its rollout to its target.

# %%
predict(
    "05.1",
    "After how many updates is V(s_0) right if each update covers n = 3 steps?",
    guess=None,
)


# %%
def n_step_q_targets(rewards, bootstrap_q_values, terminated, gamma):
    """R_i = r_i + gamma R_{i+1}, from R_T = 0 after a true end, else max_a Q(s_T, a).

    rewards: r_0 to r_{T-1}, a tensor [T]
    bootstrap_q_values: Q(s_T, .; theta^-), [A]
    terminated: whether s_T is terminal, a tensor with one boolean
    gamma: the discount
    returns: R_0 to R_{T-1}, a tensor [T]
    """
    ### BEGIN SOLUTION
    R = torch.tensor(0.0) if terminated else bootstrap_q_values.max()
    targets = []
    for reward in reversed(rewards):
        R = reward + gamma * R
        targets.append(R)
    return torch.stack(targets[::-1])
    ### END SOLUTION


# %%
check(n_step_q_targets)

# %%
# hint(n_step_q_targets)

# %%
# What you should see: with your function, a reward fills the chain in steps of n
# states. Each row is the table of values after one more episode.
if ready(n_step_q_targets):

    def chain_returns(rewards, bootstrap_value, gamma):
        """Your targets, for a chain whose next state has one value only."""
        return n_step_q_targets(
            rewards, bootstrap_value.reshape(1), torch.tensor(False), gamma
        )

    runs = [propagation.run(n, chain_returns) for n in (1, 3, 5)]
    predict("05.1", happened=runs[1].updates)
    display(propagation.picture(runs))

# %% [markdown]
# **Why?** With n = 1 an episode needs 9 updates, with n = 3 only 3. So why is the
# number of updates for n = 3 not a third of 73, but about a tenth?
#
# ### BEGIN SOLUTION
# Two savings multiply: an episode has a third of the updates, and a third of the
# episodes is enough, because each one carries the reward back by three states. (The
# last episode counts only up to its first update: 8 · 9 + 1 = 73, and 2 · 3 + 1 = 7.)
# ### END SOLUTION

# %% [markdown]
# ### Exercise 05.2: n_step_q_loss
#
# Difficulty 3 of 5 · 12 minutes · 6 lines
#
# Three sets of weights take part. **θ** is shared by all learners. **θ′** is the
# learner's own copy, taken when the rollout begins: it chooses the actions, and the
# gradient is taken at it. **θ⁻** is an old copy of θ, from which the bootstrap comes.
# The loss of a rollout is
#
# $$\sum_{i=0}^{T-1} \bigl(R_i - Q(s_i, a_i; \theta')\bigr)^2$$
#
# where $R_i$ is a constant. `network` computes $Q(s, \cdot; θ')$ and `target_network`
# $Q(s, \cdot; θ^-)$, for one state or for a batch. The rollout has
# `observations[i]` ($s_i$), `actions[i]`, `rewards[i]`, `terminated[i]`, `truncated[i]`
# and `next_observations[i]` ($s_{i+1}$).

# %%
predict(
    "05.2",
    "A rollout of 5 steps was cut. How many of its 5 targets change if θ⁻ changes?",
    guess=None,
)


# %%
def n_step_q_loss(network, target_network, rollout, gamma):
    """The sum over i of (R_i - Q(s_i, a_i; theta'))^2.

    Its gradient is Algorithm S2's dθ.

    network: from observations [T, features] to action values [T, A], at theta'
    target_network: the same at theta^-; no gradient flows into it
    rollout: T steps of one environment
    gamma: the discount
    returns: one number, a tensor
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        bootstrap_q_values = target_network(rollout.next_observations[-1])
    targets = n_step_q_targets(
        rollout.rewards, bootstrap_q_values, rollout.terminated[-1], gamma
    )
    q_values = network(rollout.observations)
    taken = q_values.gather(1, rollout.actions[:, None])[:, 0]
    return (targets - taken).square().sum()
    ### END SOLUTION


# %%
check(n_step_q_loss)

# %%
# hint(n_step_q_loss)

# %%
# What you should see: θ⁻ is asked about one state only, and all targets lean on what it
# says there, the early ones least: γ fades it. A one-step loss asks about every next
# state.
if ready(n_step_q_targets, n_step_q_loss):
    five_steps = tiny_rollout(
        observations=[[1.0, float(i)] for i in range(5)],
        actions=[0, 1, 0, 1, 0],
        rewards=[0.0, 0.0, 0.0, 0.0, 1.0],
        terminated=[False] * 5,
        truncated=[False] * 5,
        next_observations=[[1.0, float(i + 1)] for i in range(5)],
    )
    old = tiny_q_network([[0.0, 0.2], [0.2, 0.0]])
    behind_it = old(five_steps.next_observations[-1]).detach()
    ended = five_steps.terminated[-1]
    one, other = (
        torch.as_tensor(
            n_step_q_targets(five_steps.rewards, times * behind_it, ended, 0.9)
        )
        for times in (1.0, 2.0)
    )
    predict("05.2", happened=int((one != other).sum()))
    for i in range(5):
        print(
            f"the target of step {i}: {5 - i} rewards, then gamma^{5 - i} · bootstrap"
        )

# %% [markdown]
# The five targets reach 5, 4, 3, 2 and 1 steps ahead. Long returns lean less on
# estimates (less bias), but more random rewards and actions go into them (more
# variance). Lesson 01 measured that trade-off.
#
# **Why?** Algorithm S2 adds up dθ step by step in a loop. Why may you compute one sum
# over the batch instead, and its gradient once?
#
# ### BEGIN SOLUTION
# The gradient of a sum is the sum of the gradients, if all are taken at the same
# parameters. They are: θ′ stands still from the rollout's first step to the gradient.
# ### END SOLUTION

# %% [markdown]
# ## Why θ′, and why not in the one-step methods?
#
# Algorithm 1 (one-step) has no θ′: it acts and differentiates at the shared θ itself.
# Algorithms S2 and S3 copy θ before each rollout. The paper gives no reason for the
# difference. **Our reading:** a one-step update is about one moment, and its target
# comes from θ⁻, which nobody is changing. An n-step update belongs to a whole rollout.
# Without a copy, other learners write into θ in mid-rollout: every $Q(s_i, a_i)$ then
# comes from other weights, and the gradient runs backwards through weights that have
# changed since. (That is a learner which keeps the values it acted by; so does our
# experiment, and both learners take the same actions. One that recomputes them at the
# end has a whole and fresh gradient, but of weights that did not choose the actions.)
#
# We can measure it. One learner plays a rollout on Catch, others update θ in between.
# Its gradient is compared with the *true* one: that of the same loss at the θ which
# chose the actions. The cosine of the angle is 1 for the same direction, 0 for a right
# angle.

# %%
predict(
    "05 snapshot",
    "Without θ′ and with 1 update by others in a rollout: the median cosine is …",
    guess=None,
)

# %% tags=["train"]
# About 6 seconds: 3 seeds, 20 rollouts of each kind.
measured = snapshot.measure()
without = torch.as_tensor(measured.without_snapshot)
predict("05 snapshot", happened=round(without[:, 1].median().item(), 3))
print(snapshot.table(measured))
snapshot.picture(measured)

# %% [markdown]
# The numbers are medians over the rollouts; a tenth of them lies below the number in
# brackets. Read them from the top.
#
# * With θ′ the gradient is the true one by definition; the column is a test of the
#   code.
# * Without it the usual rollout loses little: one update by others, which is what two
#   learners of the same speed bring, hardly shows. With many learners the bad cases are
#   bad.
# * The last two columns compare with the gradient at the θ that the update is added to.
#   There the copy is no better: both are late, which is staleness, the subject of
#   lesson 02. What θ′ buys is a gradient of *one* function, at the weights that chose
#   the actions; for A3C (lesson 06) that makes it the gradient of the policy that
#   acted.
#
# **Why?** A programmer adds a copy θ′ to one-step Q as well, with one step for each
# update. What does it change?
#
# ### BEGIN SOLUTION
# Next to nothing: the action and the gradient of one step lie a moment apart, so there
# is hardly time for others to write in between. With updates that gather many steps
# (`update_period`) the actions come from a θ that moves while they are gathered; but
# here the gradient of the batch is taken at one θ, and each target needs one reward
# only.
# ### END SOLUTION

# %% [markdown]
# ## Two views of the same credit
#
# n-step returns look **forward**: wait, then give each step what came after it. There
# is an older way that never waits: keep a fading trace of the states visited, and when
# something surprising happens, hand out credit **backward**. To compare them we need
# state values $V(s)$ in a table, and a number λ between 0 and 1.
#
# ### Exercise 05.3: lambda_returns
#
# Difficulty 3 of 5 · 10 minutes · 6 lines
#
# The λ-return mixes the value of the next state with the return that really followed:
#
# $$G_i = r_i + \gamma\bigl((1-\lambda)\,V(s_{i+1}) + \lambda\, G_{i+1}\bigr),
# \qquad G_T = V(s_T)$$
#
# and $V(s_T)$ counts as 0 if $s_T$ is terminal.

# %%
predict(
    "05.3",
    "Rewards 1, 4; values of the next states 2, 8; cut; γ = 0.5, λ = 1: what is G_0?",
    guess=None,
)


# %%
def lambda_returns(rewards, next_values, terminated, gamma, lam):
    """G_i = r_i + gamma ((1 - lam) V(s_{i+1}) + lam G_{i+1}), from G_T = V(s_T).

    rewards: r_0 to r_{T-1}, a tensor [T]
    next_values: V(s_1) to V(s_T), [T]; V(s_T) counts as 0 if s_T is terminal
    terminated: whether s_T is terminal, a tensor with one boolean
    returns: G_0 to G_{T-1}, a tensor [T]
    """
    ### BEGIN SOLUTION
    values = next_values.clone()
    if terminated:
        values[-1] = 0.0
    G = values[-1]
    returns = torch.zeros_like(rewards)
    for i in reversed(range(len(rewards))):
        G = rewards[i] + gamma * ((1 - lam) * values[i] + lam * G)
        returns[i] = G
    return returns
    ### END SOLUTION


# %%
check(lambda_returns)

# %%
# hint(lambda_returns)

# %%
# What you should see: λ = 0 gives one-step targets and λ = 1 the targets of 05.1. So
# the paper's rollouts are the case λ = 1, cut after t_max steps.
if ready(n_step_q_targets, lambda_returns):
    r, v, cut = torch.tensor([1.0, 4.0]), torch.tensor([2.0, 8.0]), torch.tensor(False)
    predict("05.3", happened=float(lambda_returns(r, v, cut, 0.5, 1.0)[0]))
    print("one-step targets:   ", r + 0.5 * v)
    print("lambda = 0:         ", lambda_returns(r, v, cut, 0.5, 0.0))
    print("lambda = 0.5:       ", lambda_returns(r, v, cut, 0.5, 0.5))
    print("lambda = 1:         ", lambda_returns(r, v, cut, 0.5, 1.0))
    print("your targets (05.1):", n_step_q_targets(r, v[-1:], cut, 0.5))

# %% [markdown]
# **Why?** What would a learner lose if it used λ-returns with λ = 0.99 in an endless
# task, without ever cutting a rollout?
#
# ### BEGIN SOLUTION
# The forward view needs the future before it can update. Without a cut the learner
# would wait for ever; $t_{max}$ is the cut, and the bootstrap stands for what lies
# behind it.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 05.4: trace_update
#
# Difficulty 2 of 5 · 8 minutes · 3 lines
#
# Each state has a trace $e(s)$, 0 at an episode's start. At every step, with the TD
# error $\delta = r + \gamma V(s') - V(s)$ and a step size α:
#
# $$e \leftarrow \gamma\lambda\, e, \qquad e(s) \leftarrow e(s) + 1, \qquad
# V \leftarrow V + \alpha\,\delta\, e$$
#
# The first and the last act on all states at once. Change both tables in place.

# %%
predict(
    "05.4",
    "γ = 0.8, λ = 0.5. A state was visited once, two steps ago. What is its trace?",
    guess=None,
)


# %%
def trace_update(values, traces, state, td_error, step_size, gamma, lam):
    """One step of TD(lambda) with accumulating traces, in place.

    values: V, a tensor [S], changed
    traces: e, [S], as the step before left it; changed
    state: the number of the state just left
    td_error, step_size, gamma, lam: numbers
    """
    ### BEGIN SOLUTION
    traces.mul_(gamma * lam)
    traces[state] += 1.0
    values.add_(step_size * td_error * traces)
    ### END SOLUTION


# %%
check(trace_update)

# %%
# hint(trace_update)

# %%
# What you should see: one episode on a chain of six states, in both views. While the
# values hold still ("offline"), bars (forward) and diamonds (backward) agree in every
# state. If the backward view changes them at once ("online"), the two part, by little.
if ready(lambda_returns, trace_update):
    values, traces = torch.zeros(3), torch.zeros(3)
    for state in (0, 1, 2):
        trace_update(values, traces, state, 0.0, 0.1, 0.8, 0.5)
    predict("05.4", happened=traces[0].item())
    print("states visited:", eligibility_traces.walk().states)
    views = [
        eligibility_traces.compare(lam, lambda_returns, trace_update)
        for lam in (0.0, 0.5, 1.0)
    ]
    for view in views:
        print(f"offline, lambda {view.lam}: they differ by {view.offline_gap:.0e}")
    display(eligibility_traces.picture(views))
    for step_size in (0.4, 0.2, 0.1, 0.05):
        view = eligibility_traces.compare(0.9, lambda_returns, trace_update, step_size)
        print(f"online, step size {step_size:<4}: they differ by {view.online_gap:.4f}")

# %% [markdown]
# Halve the step size, and the online difference falls to about a quarter. So the two
# views are one method for small steps: the change itself only halves. The paper takes
# the forward view, because it goes more easily with momentum and with backpropagation
# through time (section 4).
#
# **Why?** A trace holds one number for each state. What would it hold for a network?
#
# ### BEGIN SOLUTION
# One number for each parameter: the fading sum of the gradients of the values visited.
# The step is then always δ times that sum, and an optimiser with momentum would average
# it a second time. A rollout gives an ordinary gradient, which suits any optimiser.
# ### END SOLUTION

# %% [markdown]
# ## The experiment: your n-step Q-learning
#
# Your loss is the whole algorithm; the course adds the loop, the workers and RMSProp.
# First comes the probe ladder: tiny tasks with known answers.
#
# Then the chain again, five states long, now with a network and θ⁻. One learner in the
# simulation trains until the best action value of the first state is within a tenth of
# the exact one. θ⁻ is copied every 500 steps and holds still in between. How many
# copies does it take?

# %%
predict(
    "05-copies",
    "Copies of θ⁻ with rollouts of 1, 3 and 5 steps, the middle of 3 seeds: [_, _, _]?",
    guess=None,
)


# %% tags=["train"]
# About 20 seconds on a quiet machine: the ladder, then seeds 0, 1 and 2 for each length
# of the rollout.
def my_objective(algorithm, network, target_network, rollout, config):
    """Your loss, in the place of the course's own."""
    return n_step_q_loss(network, target_network, rollout, config.gamma)


mine = N_STEP_Q.replace(objective=my_objective)

if ready(n_step_q_targets, n_step_q_loss):
    climb(mine)
    middle = []
    for t_max in (1, 3, 5):
        crossings = [propagation.learn(mine, t_max, seed) for seed in (0, 1, 2)]
        copies = [c.copies for c in crossings]
        middle.append(sorted(copies)[1])
        print(
            f"t_max {t_max}: right at step {[c.step for c in crossings]}, after "
            f"{[c.updates for c in crossings]} updates and {copies} copies of θ⁻"
        )
    predict("05-copies", happened=middle)

# %% [markdown]
# While θ⁻ holds still, a reward gets no further than one rollout: each copy lets it
# cross one more bootstrap. The last state needs none; with one-step rollouts each state
# before it needs one more copy, so the first of five needs at least 4. With three-step
# rollouts one copy is enough, and with five-step ones none is needed: a straight walk
# reaches the end. What comes on top is exploration: straight walks must happen, and
# random moves lower the returns.
#
# And in parallel: real processes, each with its own CartPole and its own θ′, write into
# one θ without a lock (Hogwild).

# %% tags=["train"]
# About 10 seconds on a quiet machine, up to 60 on a busy one; the stop button ends it
# and keeps what was learned.
if ready(n_step_q_targets, n_step_q_loss):
    result = train_live(
        mine, "CartPole-v1", name="05-n-step-q", workers=2, until_return=475
    )
    print(result)

# %% [markdown]
# ## Bug hunt
#
# The loss below has one wrong line, seen in real code. The ladder comes first, and
# every rung passes! In its tasks a rollout ends with its episode, or behind it lies the
# very state in which it began. A chain shows more: five states, rollouts of two steps,
# and values that are known exactly.


# %% tags=["train"]
# About 20 seconds on a quiet machine: the ladder, then two trainings.
def hunted_loss(network, target_network, rollout, gamma):
    """Squared n-step errors, with a bug."""
    targets = n_step_q_targets(
        rollout.rewards,
        target_network(rollout.observations[0]).detach(),
        rollout.terminated[-1],
        gamma,
    )
    q_values = network(rollout.observations)
    return N_STEP_Q.loss(q_values, rollout.actions, targets)


def hunted_objective(algorithm, network, target_network, rollout, config):
    """The hunted loss as an algorithm's objective."""
    return hunted_loss(network, target_network, rollout, config.gamma)


if ready(n_step_q_targets, n_step_q_loss):
    hunted = N_STEP_Q.replace(objective=hunted_objective)
    climb(hunted)
    exact = torch.as_tensor(optimal_q_values(Chain(5), 0.9)).amax(1)
    print("exact ", [f"{value:.2f}" for value in exact])
    for name, algorithm in (("mine  ", mine), ("hunted", hunted)):
        result = course.train(
            algorithm,
            "course/Chain-v0",
            backend="sequential",
            workers=1,
            gamma=0.9,
            t_max=2,
            total_steps=6_000,
            target_period=100,
            epsilon_anneal_steps=3_000,
            final_epsilon=0.3,
            reward_scale=1.0,
            progress=False,
        )
        learned = result.network(torch.eye(5)).detach().amax(1)
        print(name, [f"{value:.2f}" for value in learned])

# %% [markdown]
# (Yours is a little low, too: the actions tried at random, with ε = 0.3 at the end, go
# into its returns.)
#
# **Which line is wrong, and why are the values so low?** Mend it, and run
# the cell again.
#
# ### BEGIN SOLUTION
# `rollout.observations[0]` is the state in which the rollout began; the bootstrap must
# come from the one behind it, `rollout.next_observations[-1]`. A rollout without a
# reward then says that a state is worth γ² times itself, so it sinks to 0. Only
# rollouts that reach the end still teach something. A test that passes says only what
# it tests.
# ### END SOLUTION

# %% [markdown]
# ## Reflection
#
# Three lines: When would you choose a small $t_{max}$? What does θ′ protect, and what
# not? What will A3C, in the next lesson, take over from here, and what will it drop?
#
# ### BEGIN SOLUTION
# A small t_max where rewards are frequent or very noisy, or estimates already good. θ′
# protects the unity of one gradient, not its freshness. A3C keeps the rollout, the
# backward recursion and θ′; it drops θ⁻ and ε, and bootstraps from its own critic.
# ### END SOLUTION

# %% [markdown]
# ## Summary
#
# * n-step Q-learning is **Algorithm S2** of the paper: copy θ′ ← θ, play up to
#   $t_{max}$ steps, go back through them with $R \leftarrow r_i + \gamma R$, add up the
#   gradients of $(R - Q(s_i, a_i; \theta'))^2$, write them into θ.
# * It bootstraps once, from θ⁻ at the state behind the rollout, and not after a true
#   end.
# * One reward moves back by n states in one update.
# * θ′ makes the gradient that of one function; it does not make it fresh.
# * The forward view (returns) and the backward view (traces) give the same credit while
#   the values hold still.
