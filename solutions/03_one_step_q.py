# %% [markdown]
# # 03 One-step Q-learning
#
# The first of the paper's four methods, Algorithm 1. In this lesson you
#
# * choose actions that are mostly the best known and sometimes any (ε-greedy), and let
#   every learner explore in its own way,
# * write the target and the loss of one-step Q-learning, and see where the gradient goes,
# * see who reads and writes the shared weights θ and their older copy θ⁻,
# * climb a ladder of tiny tests, and train your own one-step Q, alone and in parallel.
#
# You need lesson 02. The lesson takes about 70 minutes. Beside it, open
# `course/algorithms/one_step_q.py`.
#
# ## The smallest example, by hand
#
# In a **state** $s$ the learner takes an **action** $a$, receives a **reward** $r$ and
# comes to the next state $s'$. The **action value** $Q(s, a)$ is the mean of all reward
# still to come, where a reward one step later counts only γ times as much (γ, the
# discount, is a number from 0 to 1); the learner holds a guess at it, which is also
# written $Q(s, a)$. If the guesses at $s'$ are good, a better guess for $Q(s, a)$ can be
# made of them: the reward, and γ times the best that $s'$ offers. This is the **target**
# $y$. The difference $y - Q(s, a)$ is the **TD error**.

# %%
import torch
from IPython.display import display

from course import ONE_STEP_Q, check, hint, predict, ready, solution
from course.experiments import accumulation, exploration_mix, target_period
from course.notebook import climb, train_live

Q = {"here": [1.0, 3.0], "there": [4.0, 8.0]}  # values of two actions in two states
a, r, gamma = 1, 2.0, 0.5  # in "here" we take action 1, get 2, and come to "there"
y = r + gamma * max(Q["there"])
print(f"target y = {r:g} + {gamma} · {max(Q['there']):g} = {y:g}")
print(f"TD error = {y:g} - {Q['here'][a]:g} = {y - Q['here'][a]:g}: our guess was low")

# %% [markdown]
# ### Exercise 03.1: epsilon_greedy
#
# Difficulty 2 of 5 · 10 minutes · 4 lines
#
# A learner that always takes the best known action never finds out what the others lead
# to. So with probability ε it takes any of the A actions, all equally likely, and else
# the greedy one, $\arg\max_a Q(s, a)$. All random numbers come from `generator`, so that
# a run can be repeated: `torch.rand((), generator=generator)` is a number from 0 to 1,
# `torch.randint(n, (), generator=generator)` a whole number below n.
#
# The cell after each check holds a hint: remove its # and run it.

# %%
predict(
    "03.1", "ε = 0.5, two actions: how often the greedy one, from 0 to 1?", guess=None
)


# %%
def epsilon_greedy(q_values, epsilon, generator):
    """An action: any with probability epsilon, else the one of the largest value.

    q_values: Q(s, .), a tensor of shape [A]. epsilon: from 0 to 1.
    Returns an action from 0 to A - 1, as an int or a 0-d tensor.
    """
    ### BEGIN SOLUTION
    if torch.rand((), generator=generator) < epsilon:
        return torch.randint(len(q_values), (), generator=generator)
    return q_values.argmax()
    ### END SOLUTION


# %%
check(epsilon_greedy)

# %%
# hint(epsilon_greedy)

# %%
if ready(epsilon_greedy):
    generator = torch.Generator().manual_seed(0)
    actions = [
        int(epsilon_greedy(torch.tensor([2.0, 1.0]), 0.5, generator))
        for _ in range(20_000)
    ]
    predict("03.1", happened=round(actions.count(0) / len(actions), 2))

# %% [markdown]
# **Why?** Half of the steps are to be greedy. Why does the greedy action come more often?
#
# ### BEGIN SOLUTION
# Half of the steps are greedy, and of the other half every second one takes the greedy
# action by chance: 3 of 4. In general the probability is 1 − ε + ε/A.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 03.2: linear_schedule
#
# Difficulty 2 of 5 · 6 minutes · 3 lines
#
# In the beginning all values are wrong and all should be tried; later the good ones
# should be used. So ε falls in a straight line from 1 to a final value and stays there.
# $T$, here `global_step`, counts the steps of **all** learners together:
#
# $$\epsilon(T) = \text{initial} + (\text{final} - \text{initial}) \,
# \frac{T}{\text{anneal steps}} \quad \text{for } T < \text{anneal steps, else final}$$

# %%
predict("03.2", "From 1 to 0.2 in 100 steps: what is ε at step 50?", guess=None)


# %%
def linear_schedule(initial, final, global_step, anneal_steps):
    """A straight line from initial, at step 0, to final, at anneal_steps; then final.

    With anneal_steps = 0 the value is final at once. Returns a number.
    """
    ### BEGIN SOLUTION
    if global_step >= anneal_steps:
        return final
    return initial + (final - initial) * global_step / anneal_steps
    ### END SOLUTION


# %%
check(linear_schedule)

# %%
# hint(linear_schedule)

# %%
if ready(linear_schedule):
    for step in (0, 25, 50, 100, 200):
        print(f"T = {step:>3}: ε = {float(linear_schedule(1.0, 0.2, step, 100)):.2f}")
    predict("03.2", happened=float(linear_schedule(1.0, 0.2, 50, 100)))

# %% [markdown]
# **Why?** The same function serves the learning rate, from η to 0. If you double the
# number of learners, does ε fall sooner for each of them, counted in its own steps?
#
# ### BEGIN SOLUTION
# Yes, twice as soon: T counts the steps of all, so it runs twice as fast as seen by one
# learner. The same number of steps has been learned from, however.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 03.3: sample_final_epsilon
#
# Difficulty 2 of 5 · 6 minutes · 3 lines
#
# The paper lets its learners explore differently: the final ε is 0.1, 0.01 or 0.5, drawn
# with probabilities 0.4, 0.3 and 0.3, and drawn anew from time to time. (Here each
# learner draws once, see `docs/deviations.md`.) Does this mix help?
#
# Three learners will walk a **chain** of ten states; only its far end is rewarded, and a
# wrong step leads back. Each learner keeps its ε from the first step on (no annealing).
# The score is the reward per 100 steps in the second half of the run; the best possible
# is 10. The three ε are fixed here; what your `linear_schedule` and
# `sample_final_epsilon` give is only printed.

# %%
predict(
    "03.3",
    "Four runs with ε of 0.1, 0.01 and 0.5 for the three learners: in how many of them "
    "does the score end above 1 reward in 100 steps?",
    guess=None,
)


# %%
def sample_final_epsilon(generator):
    """0.1, 0.01 or 0.5, with the probabilities 0.4, 0.3 and 0.3. Returns a float."""
    ### BEGIN SOLUTION
    u = torch.rand((), generator=generator).item()
    if u < 0.4:
        return 0.1
    return 0.01 if u < 0.7 else 0.5
    ### END SOLUTION


# %%
check(sample_final_epsilon)

# %%
# hint(sample_final_epsilon)

# %% tags=["train"]
# About 20 seconds: 16 runs of 3,000 steps, four for each choice of epsilons.
if ready(epsilon_greedy, linear_schedule, sample_final_epsilon):
    generator = torch.Generator().manual_seed(3)
    finals = [sample_final_epsilon(generator) for _ in range(16)]
    print("16 learners would end at", finals)
    print(
        "and be, half-way, at", [linear_schedule(1.0, e, 50, 100) for e in finals[:3]]
    )
    explored = exploration_mix.compare(algorithm=ONE_STEP_Q.replace(act=epsilon_greedy))
    print(exploration_mix.table(explored))
    mix = next(each for each in explored if each.name == "the mix")
    predict("03.3", happened=sum(score > 1 for score in mix.scores))
    display(exploration_mix.picture(explored))

# %% [markdown]
# What you should see: with one ε for all, a run can fail (a score near 0), and a large ε
# costs score for ever. (Your function may draw its numbers in another order than ours,
# and then single runs differ.) The **overlap** of visited states is how far the shares of
# time that two learners spend in each state agree, 1 for the same.
#
# **Why?** Look at both panels. Does the mix make the learners see different states here?
# What else can it help against?
#
# ### BEGIN SOLUTION
# Hardly: the overlap is near 1 for all, as the three share θ and so walk much the same
# way. It can help against failure: in our eight runs of each kind (four seeds, two ways
# of drawing ε-greedy's random numbers) 0.01 for all ended near 0 three times, 0.1 and 0.5
# once each, the mix never. The column *found* says that every run came upon the reward
# at least once; those near 0 did not go on finding it. In the mix the learner with
# ε = 0.5 keeps coming upon it, which may be why none of its runs failed; we have not
# tested that. Its median score was no better than that of 0.1 for all. Eight runs on one
# chain prove little more.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 03.4: one_step_q_targets
#
# Difficulty 2 of 5 · 8 minutes · 2 lines
#
# All weights of the network together are θ. Targets made with θ itself would move with
# every update. So they are made with an older copy, θ⁻ ("theta minus"), which holds
# still; the network with these weights is called the **target network**:
#
# $$y_i = r_i \text{ if } s_{i+1} \text{ is terminal, else }
# r_i + \gamma \max_a Q(s_{i+1}, a; \theta^-)$$
#
# A state is terminal if the episode truly ends there, and no reward follows it.
#
# In torch, `x.amax(-1)` is the largest entry along the last axis: of a table [T, A] the
# largest of each row, [T]. (`x.max(-1)` gives two things, values and places.) And
# `~terminated`, in a product, is 1 where the game goes on and 0 where it ended.

# %%
predict(
    "03.4", "r = 2, gamma = 0.5, values 6 and 1 behind it, terminated. y?", guess=None
)


# %%
def one_step_q_targets(rewards, terminated, next_q_values, gamma):
    """The targets y_i of T steps.

    rewards: r_i, [T]. terminated: booleans, [T]. next_q_values: Q(s_{i+1}, .; theta
    minus), [T, A]. Returns a tensor of shape [T].
    """
    ### BEGIN SOLUTION
    best = next_q_values.amax(-1)
    return rewards + gamma * best * ~terminated
    ### END SOLUTION


# %%
check(one_step_q_targets)

# %%
# hint(one_step_q_targets)

# %%
if ready(one_step_q_targets):
    values, ends = torch.tensor([[6.0, 1.0]] * 2), torch.tensor([False, True])
    on, ended = one_step_q_targets(torch.tensor([2.0, 2.0]), ends, values, 0.5)
    print(f"the game goes on: {float(on):g}; it terminated: {float(ended):g}")
    predict("03.4", happened=float(ended))

# %% [markdown]
# **Why?** The maximum is also taken over actions that have hardly been tried. What
# happens to the targets if these values are wrong by chance, some too high, some too low?
#
# ### BEGIN SOLUTION
# The maximum picks the ones that are too high, so targets are too high on average.
# Trying those actions corrects them: another reason to explore.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 03.5: one_step_q_loss
#
# Difficulty 3 of 5 · 10 minutes · 3 lines
#
# Algorithm 1 adds up the gradients of $(y_i - Q(s_i, a_i; \theta))^2$ over a few steps,
# which is the gradient of the sum:
#
# $$L(\theta) = \sum_i \big(y_i - Q(s_i, a_i; \theta)\big)^2, \qquad y_i \text{ constant}$$
#
# Only the value of the action taken is compared: the step has shown nothing about the
# others. In torch, `x[rows, columns]` with two tensors of whole numbers picks one entry
# for each pair, and `torch.arange(n)` is 0, 1, ..., n − 1.
#
# Readers often ask whether the gradient goes to the target network. The cell below the
# check answers it.

# %%
predict("03.5", "Two steps, with the errors 2 and -3: what is the loss?", guess=None)


# %%
def one_step_q_loss(q_values, actions, targets):
    """The sum of the squared TD errors.

    q_values: Q(s_i, .; theta), [T, A]. actions: a_i, [T]. targets: y_i, [T], constants.
    Returns a 0-d tensor.
    """
    ### BEGIN SOLUTION
    taken = q_values[torch.arange(len(actions)), actions]
    return (targets.detach() - taken).square().sum()
    ### END SOLUTION


# %%
check(one_step_q_loss)

# %%
# hint(one_step_q_loss)

# %%
if ready(one_step_q_targets, one_step_q_loss):
    theta, theta_minus = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    states, next_states = torch.rand(2, 3), torch.rand(2, 3)
    ends = torch.tensor([False, True])
    targets = one_step_q_targets(torch.ones(2), ends, theta_minus(next_states), 0.9)
    one_step_q_loss(theta(states), torch.tensor([0, 1]), targets).backward()
    print("gradient at θ: ", theta.weight.grad)
    print("gradient at θ⁻:", theta_minus.weight.grad)
    values, taken = torch.tensor([[1.0, 9.0], [9.0, 5.0]]), torch.tensor([0, 1])
    loss = one_step_q_loss(values, taken, torch.tensor([1.0 + 2.0, 5.0 - 3.0]))
    predict("03.5", happened=float(loss))

# %% [markdown]
# **Why?** What would training do if the gradient did reach θ⁻, and θ⁻ were trained too?
#
# ### BEGIN SOLUTION
# The error can be made small from both ends: Q moves to the target, and the target to Q.
# The second says nothing about rewards. θ⁻ changes in one way only: by a copy of θ.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 03.6: target_is_due
#
# Difficulty 3 of 5 · 8 minutes · 1 line
#
# Both networks are shared: there is one θ and one θ⁻ for all learners. Algorithm 1 copies
# θ⁻ ← θ when $T \bmod I_{target} = 0$, where $I_{target}$ is the **target period**. In
# this course a learner looks at $T$ once per rollout, and others count as well: $T$ may
# go from 8 to 13 between two looks, over the multiple 10. So ask whether $T$ has come to
# or over a multiple since the last look.
#
# Then comes the chain again, with eight states. Behind the last one is the reward. With
# θ⁻ at rest, the last state can learn its value, but the one before it must wait until a
# copy of θ knows it.

# %%
predict(
    "03.6",
    "6,000 steps, a copy every 2,500: how many of the 8 values, counted back from the "
    "reward, are right (within 10%) in the end?",
    guess=None,
)


# %%
def target_is_due(previous_step, global_step, target_period):
    """Whether T has come to or over a multiple of target_period since the last look.

    T was previous_step then and is global_step now. All three count agent steps.
    Returns True or False.
    """
    ### BEGIN SOLUTION
    return global_step // target_period > previous_step // target_period
    ### END SOLUTION


# %%
check(target_is_due)

# %%
# hint(target_is_due)

# %% tags=["train"]
# About 15 seconds. First: what two learners touch in each event of a short simulation.
print(target_period.state_text(target_period.state_table()))
if ready(epsilon_greedy, one_step_q_targets, one_step_q_loss, target_is_due):
    looks = range(0, 10_000, 7)  # T at each look of one learner
    yours = sum(target_is_due(T, T + 7, 500) for T in looks)
    exact = sum((T + 7) % 500 == 0 for T in looks)
    print(f"copies due in 10,000 steps: {yours} by yours, {exact} by T mod 500 == 0")
    mine = ONE_STEP_Q.replace(
        act=epsilon_greedy, targets=one_step_q_targets, loss=one_step_q_loss
    )
    swept = target_period.sweep([10, 250, 1_000, 2_500], algorithm=mine)
    print(target_period.table(swept))
    predict("03.6", happened=swept[-1].states_right[0])
    display(target_period.picture(swept))

# %% [markdown]
# In the first table, `pull` takes no copy: one-step learners act and differentiate at the
# shared θ itself. θ is written in `push` alone. θ⁻ is read for targets, and written only
# when a copy is due.
#
# In the second, look at the period 2,500. Two copies could bring the reward's news to
# three states; the third had only the last 1,000 steps, with a learning rate almost 0.
#
# **Why?** A copy every 10 steps did no harm on this chain. Why have a period at all?
#
# ### BEGIN SOLUTION
# Values of a small chain are easy to learn: few states, few steps to the reward. In a
# large network one update also changes the values of s', and a target that follows each
# update can run away. Holding still costs time (at most one state for each copy) and buys
# calm.
# This run shows the cost, not the gain.
# ### END SOLUTION

# %% [markdown]
# ## Put together
#
# **Adding up first.** A learner adds up its gradients over $I_{AsyncUpdate}$ steps (the
# **update period**) or until the episode ends, and writes once. One of the paper's
# reasons: learners overwrite each other less. Next, in the simulation, a write takes as
# long as one step, and all that others wrote in between is lost. This is harsher than
# real memory, where only single numbers can be lost. What you should see: the longer the
# period, the fewer updates are overwritten (an episode's end also writes, so the period
# counts for little beyond an episode's length). The score hardly differs in these three
# seeds, although period 20 makes a sixth of the updates of period 1: here the losses cost
# work, not learning. (The trainer here divides the sum of the losses by the number of
# steps, so a longer period also means fewer, less noisy updates; the run cannot tell the
# two apart.)
#
# **The ladder.** Then comes your own algorithm, first on tiny environments that isolate
# one fault each. For comparison climbs one whose targets bootstrap through the end: see
# on which rung it fails, and what the ladder advises.
#
# **Catch.** A ball falls, a paddle catches it: +1, or −1. First the simulation, then real
# processes, which share θ without a lock (Hogwild).

# %% tags=["train"]
# About 20 seconds: 12 runs of 2,000 steps with four learners.
if ready(epsilon_greedy, one_step_q_targets, one_step_q_loss):
    mine = ONE_STEP_Q.replace(
        act=epsilon_greedy, targets=one_step_q_targets, loss=one_step_q_loss
    )
    accumulated = accumulation.sweep(algorithm=mine)
    print(accumulation.table(accumulated))
    display(accumulation.picture(accumulated))

# %% tags=["train"]
# About 20 seconds: the ladder twice, with your functions and with a planted fault.
if ready(epsilon_greedy, one_step_q_targets, one_step_q_loss):
    mine = ONE_STEP_Q.replace(
        act=epsilon_greedy, targets=one_step_q_targets, loss=one_step_q_loss
    )

    def through_the_end(rewards, terminated, next_q_values, gamma):
        """The fault: whether the episode terminated is not asked."""
        return rewards + gamma * next_q_values.amax(-1)

    print("yours passes every rung:", climb(mine))
    print("the faulty one does:", climb(mine.replace(targets=through_the_end)))

# %% tags=["train"]
# About 30 seconds; the stop button ends it and keeps what was learned.
if ready(epsilon_greedy, one_step_q_targets, one_step_q_loss):
    mine = ONE_STEP_Q.replace(
        act=epsilon_greedy, targets=one_step_q_targets, loss=one_step_q_loss
    )
    settings = {
        **{"total_steps": 40_000, "until_return": 0.8, "workers": 2, "gamma": 0.95},
        **{"update_period": 9, "target_period": 250, "learning_rate": 2e-3},
        **{"max_grad_norm": 10.0, "reward_scale": 1.0, "eps": 1e-3},
        "epsilon_anneal_steps": 8_000,
    }
    for backend in ("sequential", "hogwild"):
        name = f"03-catch-{backend}"
        result = train_live(
            mine, "course/Catch-v0", name=name, backend=backend, **settings
        )
        print(result)
    # For a longer run, one minute or two, remove the # of the next line.
    # train_live(mine, "CartPole-v1", name="03-cartpole", until_return=300)

# %% [markdown]
# ## Bug hunt
#
# "The paper copies θ⁻ every 40,000, so here it is." The cell below carries that number
# over. An Atari action is repeated for four **frames**, and the paper counts frames; $T$
# here counts **agent steps**, one for each choice of an action. Run the cell, then put in
# the number that should stand there, and run it again.

# %%
copied = {"target_period": 40_000, "action_repeat": 4}
if ready(target_is_due):
    period = copied["target_period"]  # which number should stand here?
    looks = range(0, 1_000_000, 5)
    copies = sum(target_is_due(T, T + 5, period) for T in looks)
    print(f"target_period = {period:,}: {copies} copies in 1,000,000 agent steps")

# %% [markdown]
# **What is wrong, and what does it do to training?** (Look at the periods 250 and 1,000
# in the figure of 03.6, which differ by the same factor.)
#
# ### BEGIN SOLUTION
# 40,000 frames are 10,000 agent steps. Counted as steps, the period is four times too
# long: 25 copies instead of 100. Nothing crashes; news travels four times more slowly,
# and on the chain the far states learn nothing in time. At least one public
# implementation counts 40,000 of its own steps.
# ### END SOLUTION
#
# ## Reflection and summary
#
# In three lines: what surprised you, what you would test next, what is still unclear?
#
# You have written the parts of Algorithm 1 of the paper: ε-greedy at the shared θ, the
# target $r + \gamma \max_a Q(s', a; \theta^-)$, the loss whose gradients are added up
# over $I_{AsyncUpdate}$ steps, and θ⁻ ← θ once in $I_{target}$ steps. The loop around
# them, which writes to θ without a lock, is `course/actor_learner.py`. The mix of final ε
# is the paper's own. In lesson 04 only the target changes.
