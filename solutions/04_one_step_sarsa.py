# %% [markdown]
# # 04 One-step Sarsa
#
# Sarsa is one-step Q-learning with one thing changed: the target. That single change
# decides whether a learner counts its own mistakes. After this lesson you can
#
# * write Sarsa's target, and say which action a′ (“a prime”, the next action) is in it,
# * say what Q-learning, Sarsa and Expected Sarsa have in common,
# * write the whole loss from two networks, and say which of them learns,
# * explain why the two methods walk different paths along a cliff,
# * show what many learners do to the order in which gradients arrive.
#
# About 65 minutes. The letters: s is a state, a an action, r the reward that follows
# it, s′ and a′ the next state and action, γ the discount. Q(s, a) is the value of an
# action: the discounted sum of rewards to be expected after it. θ stands for all
# weights that learn, θ⁻ for their older copy, from which targets are computed. The
# index i counts the steps of a rollout, and y_i is the target of step i.
#
# ## The smallest example, by hand
#
# You stand at s′, on a ledge. Going on is worth −12, stepping off −113. The last step
# gave r = −1, and γ = 1. You are ε-greedy: mostly you take the best action, but with
# probability ε any one at random. This time the dice say: step off.
#
# * **Q-learning**: y = r + γ max_a Q(s′, a) = −1 − 12 = −13. The slip does not count.
# * **Sarsa**: y = r + γ Q(s′, a′) = −1 − 113 = −114, for a′ is the action that you
#   take.
#
# The name lists what one target needs: s, a, r, s′, a′. Q-learning learns what the best
# policy would earn (it is *off-policy*), Sarsa what the policy earns that acts, slips
# and all (*on-policy*). Here is the place: x is you, C the cliff, G the goal.

# %%
import numpy as np
import torch
from IPython.display import display

from course import ONE_STEP_SARSA, check, hint, predict, ready, solution
from course.environments.tabular import CliffWalk
from course.experiments import cliff, cliff_pictures, decorrelation
from course.exploration import epsilon_greedy
from course.notebook import climb, train_live
from course.returns import one_step_q_targets

walk = CliffWalk(render_mode="ansi")
walk.reset()
print(walk.render())

# %% [markdown]
# ### Exercise 04.1: sarsa_targets
#
# Difficulty 2 of 5 · 8 minutes · 3 lines
#
# The target of section 4: y_i = r_i where s_{i+1} is terminal, else r_i + γ Q(s_{i+1},
# a_{i+1}; θ⁻). Stuck after the check? Remove the # of the hint cell: three hints, one
# more each time.

# %%
predict(
    "04.1", "r = 1, γ = 0.5, values [2, 6, 4] in s′ and a′ = 2: what is y?", guess=None
)


# %%
def sarsa_targets(rewards, terminated, next_q_values, next_actions, gamma):
    """Sarsa's targets y_i.

    rewards        [T]     r_i
    terminated     [T]     True where s_{i+1} is a true end
    next_q_values  [T, A]  Q(s_{i+1}, ·; θ⁻), one column for each of the A actions
    next_actions   [T]     a_{i+1}, the action that is taken in s_{i+1}
    gamma                  the discount
    returns        [T]
    """
    ### BEGIN SOLUTION
    chosen = next_q_values.gather(-1, next_actions.unsqueeze(-1)).squeeze(-1)
    return rewards + gamma * chosen * ~terminated
    ### END SOLUTION


# %%
check(sarsa_targets)

# %%
# hint(sarsa_targets)

# %%
# You should see the two targets of the ledge, −13 and −114, and your prediction.
if ready(sarsa_targets):
    reward, ended = torch.tensor([-1.0]), torch.tensor([False])
    ledge = torch.tensor([[-12.0, -113.0]])
    slip = torch.tensor([1])
    print("Q-learning:", one_step_q_targets(reward, ended, ledge, 1.0).item())
    print("Sarsa:     ", float(sarsa_targets(reward, ended, ledge, slip, 1.0)[0]))
    values = torch.tensor([[2.0, 6.0, 4.0]])
    y = sarsa_targets(torch.tensor([1.0]), ended, values, torch.tensor([2]), 0.5)
    predict("04.1", happened=float(y[0]))

# %% [markdown]
# **Why?** Why must a′ be chosen *before* the update, and not after it?
#
# ### BEGIN SOLUTION
# The target needs Q(s′, a′), and Sarsa promises that this a′ is then executed. The
# update can change the values, so a choice made after it could be another action, and
# the target would speak of a step that was never made.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 04.2: epsilon_greedy_probabilities
#
# Difficulty 2 of 5 · 6 minutes · 3 lines
#
# To average over a′ we need π(a|s), the probability of each action under the ε-greedy
# policy. The random action may also be the greedy one (`argmax`, the first of equals).

# %%
predict("04.2", "Four actions, ε = 0.1: how likely is the greedy one?", guess=None)


# %%
def epsilon_greedy_probabilities(q_values, epsilon):
    """π(a|s) of the policy that acts.

    q_values  [A]  Q(s, ·)
    epsilon        probability of a random action
    returns   [A]  one probability for each action
    """
    ### BEGIN SOLUTION
    probabilities = torch.full_like(q_values, epsilon / len(q_values))
    probabilities[q_values.argmax()] += 1 - epsilon
    return probabilities
    ### END SOLUTION


# %%
check(epsilon_greedy_probabilities)

# %%
# hint(epsilon_greedy_probabilities)

# %%
# You should see your probabilities beside the frequencies of 20,000 draws. They differ
# in the third digit, as draws do.
if ready(epsilon_greedy_probabilities):
    q_values = torch.tensor([0.0, 3.0, 1.0, -2.0])
    dice = torch.Generator().manual_seed(0)
    draws = epsilon_greedy(q_values.expand(20_000, 4), 0.1, dice)
    mine = torch.as_tensor(epsilon_greedy_probabilities(q_values, 0.1))
    print("yours:", mine.numpy().round(3))
    print("drawn:", (torch.bincount(draws, minlength=4) / len(draws)).numpy())
    predict("04.2", happened=float(mine[1]))

# %% [markdown]
# **Why?** Why does the greedy action get more than 1 − ε?
#
# ### BEGIN SOLUTION
# There are two ways to it: on purpose, with probability 1 − ε, and by chance when the
# policy explores, with probability ε / A.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 04.3: expected_sarsa_targets
#
# Difficulty 3 of 5 · 8 minutes · 4 lines
#
# Sarsa's target depends on a draw, a′. Its mean over this draw needs no a′ at all: y_i
# = r_i + γ Σ_a π(a|s_{i+1}) Q(s_{i+1}, a; θ⁻), and again r_i at a true end. This is
# *Expected Sarsa*. It is not in the paper; it stands between the paper's two one-step
# methods, which is why we write it. Your 04.2 serves one row. Here all rows come at
# once: which two numbers of a row are mixed, and with which weights?

# %%
predict(
    "04.3", "Values [0, 8] in s′, r = 1, γ = 0.5, ε = 0.5: the mean target?", guess=None
)


# %%
def expected_sarsa_targets(rewards, terminated, next_q_values, epsilon, gamma):
    """The mean of Sarsa's targets over the next action.

    rewards, terminated, next_q_values, gamma as in sarsa_targets
    epsilon        of the policy that acts
    returns   [T]
    """
    ### BEGIN SOLUTION
    greedy = next_q_values.max(-1).values
    uniform = next_q_values.mean(-1)
    expected = (1 - epsilon) * greedy + epsilon * uniform
    return rewards + gamma * expected * ~terminated
    ### END SOLUTION


# %%
check(expected_sarsa_targets)

# %%
# hint(expected_sarsa_targets)

# %%
# You should see that ε = 0 gives Q-learning's −13, and that the mean of 20,000 targets
# of your Sarsa comes close to your expected one. Look at the standard deviation too:
# one target of Sarsa says little.
if ready(sarsa_targets, expected_sarsa_targets):
    many = 20_000
    rewards, ended = torch.full((many,), -1.0), torch.zeros(many, dtype=torch.bool)
    ledges = ledge.expand(many, 2)
    for epsilon in (0.0, 0.1, 0.5):
        dice = torch.Generator().manual_seed(0)
        next_actions = epsilon_greedy(ledges, epsilon, dice)
        drawn = torch.as_tensor(
            sarsa_targets(rewards, ended, ledges, next_actions, 1.0)
        )
        expected = expected_sarsa_targets(rewards, ended, ledges, epsilon, 1.0)[0]
        print(
            f"ε = {epsilon}: expected {float(expected):7.2f}, Sarsa's mean "
            f"{drawn.mean():7.2f} with standard deviation {drawn.std():5.2f}"
        )
    value = torch.tensor([[0.0, 8.0]])
    y = expected_sarsa_targets(torch.ones(1), ended[:1], value, 0.5, 0.5)
    predict("04.3", happened=float(y[0]))

# %% [markdown]
# **Why?** What does Expected Sarsa need to know that Sarsa does not?
#
# ### BEGIN SOLUTION
# The policy: the probability of every action in s′. Sarsa needs only the action that
# was taken, whoever chose it and however. In return the mean is free of the draw's
# noise.
# ### END SOLUTION

# %% [markdown]
# ## Experiment: the cliff
#
# A step costs 1, a fall 100, and a fall leads back to the start. With ε = 0.1 for the
# whole training, 30 independent runs walk 20,000 steps each, every run with a table of
# values. Afterwards, the numbers on the grids say how many percent of the runs have a
# *greedy* path, one without exploration, through that cell.

# %%
predict(
    "04-cliff",
    "Which earns more while it explores: 'q', 'sarsa' or 'no clear winner'?",
    guess=None,
)

# %% tags=["train"]
# About 10 seconds on a quiet machine; a bar for each method.
if ready(sarsa_targets, expected_sarsa_targets):

    def expected_targets(rewards, terminated, next_q_values, next_actions, gamma):
        return expected_sarsa_targets(rewards, terminated, next_q_values, 0.1, gamma)

    walks = [
        cliff.learn("Q-learning", cliff.q_learning_targets),
        cliff.learn("Sarsa", sarsa_targets),
        cliff.learn("Expected Sarsa", expected_targets),
    ]
    for each in walks:
        last = each.online_return[:, -1]
        print(
            f"{each.name:<15} return while exploring {last.mean():6.1f} "
            f"(runs {last.min():.1f} to {last.max():.1f}), falls in 1,000 steps "
            f"{each.falls.mean():.1f} "
            f"({each.falls.min():.1f} to {each.falls.max():.1f})"
        )
    display(cliff_pictures.paths(walks), cliff_pictures.online_returns(walks))
    q, sarsa, _ = (each.online_return[:, -1] for each in walks)
    winner = "sarsa" if sarsa.min() > q.max() else "no clear winner"
    predict("04-cliff", happened="q" if q.min() > sarsa.max() else winner)

# %% [markdown]
# Q-learning's path is the shortest, and its walkers keep falling off it. **Why** does
# Sarsa go round? No learning is needed to answer: the table of the cliff is known, so
# the mean return of any policy can be solved for. Three walkers, each along one row,
# explore with probability ε:

# %%
for epsilon in (0.0, 0.01, 0.1):
    values = [
        cliff.exact_start_value(cliff.row_policy(row), epsilon) for row in (2, 1, 0)
    ]
    text = "edge {:.1f}, one row higher {:.1f}, top {:.1f}".format(*values)
    print(f"ε = {epsilon}: {text}")
cliff_pictures.why()

# %% [markdown]
# At ε = 0 the edge is best, and that is the question that Q-learning answers. At ε =
# 0.1 it is by far the worst. So both methods are right, each about another policy. Look
# at the grids again: at ε = 0.1 the middle row is a little better than the top.
# Expected Sarsa finds it; most of Sarsa's runs keep to the top, for each fall moves a
# value by a fifth of its size and frightens for a long time. That is the noise of a
# single a′.
#
# ### Exercise 04.4: sarsa_loss
#
# Difficulty 4 of 5 · 15 minutes · 6 lines
#
# Now with networks: the sum over the rollout of (y_i − Q(s_i, a_i; θ))². `network`
# holds θ and `target_network` θ⁻; each turns observations `[T, ...]` into values
# `[T, A]`. The rollout has `observations`, `actions`, `rewards`, `terminated`,
# `next_observations` and `next_actions`. The target is a constant. Use your
# `sarsa_targets`.

# %%
predict(
    "04.4",
    "Two states, two actions, one step: how many of θ's 4 weights get a gradient?",
    guess=None,
)


# %%
def sarsa_loss(network, target_network, rollout, gamma):
    """The sum of squared one-step errors of Sarsa, one number.

    Σ_i (y_i − Q(s_i, a_i; θ))²
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        next_q_values = target_network(rollout.next_observations)
        targets = sarsa_targets(
            rollout.rewards,
            rollout.terminated,
            next_q_values,
            rollout.next_actions,
            gamma,
        )
    q_values = network(rollout.observations)
    taken = q_values.gather(-1, rollout.actions.unsqueeze(-1)).squeeze(-1)
    return (targets - taken).square().sum()
    ### END SOLUTION


# %%
check(sarsa_loss)

# %%
# hint(sarsa_loss)

# %%
# You should see a gradient in the weights of θ at one place only, state 0 and action 0,
# and none in those of θ⁻. A row is an action, a column a state.
if ready(sarsa_targets, sarsa_loss):
    from course.exercises.networks import tiny_q_network, tiny_rollout

    theta = tiny_q_network([[1.0, 0.0], [3.0, 5.0]])
    theta_minus = tiny_q_network([[2.0, 4.0], [7.0, 8.0]])
    step = tiny_rollout([[1.0, 0.0]], [0], [1.0], [False], [False], [[0.0, 1.0]], [0])
    loss = sarsa_loss(theta, theta_minus, step, 0.5)
    loss.backward()
    print("loss", loss.item())
    print("gradient in θ\n", theta.weight.grad.numpy())
    print("gradient in θ⁻", theta_minus.weight.grad)
    predict("04.4", happened=int(theta.weight.grad.count_nonzero()))

# %% [markdown]
# **Why?** Why is the target a constant, though it is computed from weights?
#
# ### BEGIN SOLUTION
# The formula differentiates by θ, and y comes from θ⁻: it stands for what the value
# should be. A gradient in θ⁻ would be applied by nobody. Were y computed from θ itself,
# a gradient through it would also move the target towards the guess, instead of only
# the guess towards the target.
# ### END SOLUTION

# %% [markdown]
# ## Your own Sarsa
#
# First the probe ladder: tiny environments that isolate one fault each. Then Catch,
# where a ball falls and a paddle must be under it: +1 for a catch, −1 for a miss. Your
# targets take their place in the course's algorithm, and then your whole loss does:
# first in the sequential simulation, then in two real processes that write into one θ
# without a lock (*Hogwild!*), where no two runs are alike. Not every run reaches 0.7 in
# 60,000 steps.


# %% tags=["train"]
# About 25 seconds on a quiet machine, in the simulation; the stop button keeps what was
# learned.
def my_objective(algorithm, network, target_network, rollout, config):
    return sarsa_loss(network, target_network, rollout, config.gamma)


my_targets = ONE_STEP_SARSA.replace(targets=sarsa_targets)
my_sarsa = ONE_STEP_SARSA.replace(objective=my_objective)

catch = {"total_steps": 60_000, "epsilon_anneal_steps": 20_000, "seed": 0}

if ready(sarsa_targets, sarsa_loss) and climb(my_targets):
    alone = train_live(
        my_sarsa,
        "course/Catch-v0",
        name="04-sequential",
        backend="sequential",
        until_return=0.7,
        **catch,
    )
    print(alone)

# %% tags=["train"]
# About 10 seconds on a quiet machine, up to 40 on a busy one.
if ready(sarsa_targets, sarsa_loss):
    together = train_live(
        my_sarsa,
        "course/Catch-v0",
        name="04-hogwild",
        workers=2,
        until_return=0.7,
        **catch,
    )
    print(together)

# %% [markdown]
# ## Does it matter that there are many learners?
#
# DQN learns from a replay memory: old steps, drawn at random, so that neighbouring
# gradients are not correlated. Sarsa cannot use old steps: their a′ was chosen by an
# old policy. The paper's answer (section 4) is to run many learners, each in another
# part of its own game. Below, 1 to 16 learners play CartPole with weights that are held
# still, and their gradients are written down in the order of their arrival. The
# autocorrelation at lag k asks, **after the mean of all gradients has been taken
# away**, how much a gradient resembles the one k places before: 1 the same, 0 nothing
# more than the mean, negative: it deviates in the opposite direction.

# %%
predict(
    "04-lag",
    "With 4 learners: at which of the lags 1 to 8 is the correlation strongest?",
    guess=None,
)

# %% tags=["train"]
# About 15 seconds on a quiet machine, three seeds for each number of learners.
if ready(sarsa_targets):
    weights = decorrelation.trained_weights(my_targets)
    correlations = decorrelation.measure(weights, algorithm=my_targets)
    four = correlations[2].by_lag.mean(axis=0)
    predict("04-lag", happened=int(np.abs(four[:8]).argmax()) + 1)
    display(decorrelation.picture(correlations))

# %% [markdown]
# One learner's gradients have a rhythm of three: here an episode is about ten steps, so
# two or three updates of five steps, and the start, the middle and the fall of an
# episode ask for different things. With N learners neighbours share the mean gradient
# and next to nothing besides. But the rhythm is not gone: it comes back N places later.
# Drawing from a replay memory breaks the order up; parallel learners interleave. They
# must be out of step, too: in Catch all episodes have one length, so that learners
# which begin together stay together.
#
# And does Sarsa train better with sixteen? One learner, and sixteen that share the
# work, take the same 60,000 steps of CartPole with the same number of updates.

# %% tags=["train"]
# About 40 seconds on a quiet machine, for one seed; with seeds=(0, 1, 2, 3) four times
# as long.
if ready(sarsa_targets):
    for row in decorrelation.stability(my_targets, (1, 16), seeds=(0,)):
        for seed, last, fall in zip(row.seeds, row.last, row.fall, strict=True):
            print(
                f"learners {row.learners:>2}, seed {seed}: last 100 episodes "
                f"{last:.1f}, largest fall from the best 100 before {fall:.1f}"
            )

# %% [markdown]
# We ran the seeds 0 to 3: one learner ended at 24, 10, 10 and 62, sixteen at 81, 44, 33
# and 58. Three of four single learners came to nothing, none of the sixteens did; yet
# the ranges overlap, and four seeds are few. It was not steadier: the largest falls
# were 17 to 25 with one, 18 to 48 with sixteen. With 30,000 steps, or with the course's
# own limit on the length of a gradient (0.5; here 10), there was no clear difference.
# And each of the sixteen has lived through a sixteenth of the steps. So decorrelation
# is a good reason to expect better training, and this is a hint of it, no proof.
#
# ## Bug hunt: a′ drawn twice
#
# This loop learns on the cliff, and its return looks as good as Sarsa's. Find the line
# that makes it another method.
#
#     next_action = act(q[next_state])
#     q[state, action] += 0.2 * (reward + q[next_state, next_action] - q[state, action])
#     action = act(q[next_state])
#     state = next_state
#
# The last but one: the action is drawn again, so the one in the target need not be the
# one that is executed. What does it do? First the returns of 30 runs; then a finer
# measure. Take a finished table, leave it as it is, walk an episode, and add up the
# errors r + Q(s′, a′) − Q(s, a). Each Q(s′, a′) is added once and taken away by the
# next step, so the sum is the episode's return minus the Q of its first step. Whatever
# is left over, the errors do not explain.

# %% tags=["train"]
# About 8 seconds on a quiet machine.
if ready(sarsa_targets):
    twice = cliff.learn("drawn twice", sarsa_targets, resample=True)
    sarsa = cliff.learn("Sarsa", sarsa_targets)
    for each in (sarsa, twice):
        last = each.online_return[:, -1]
        print(
            f"{each.name:<12} return {last.mean():.1f} (runs {last.min():.1f} to "
            f"{last.max():.1f}), as promised {100 * each.same_action:.0f} % of steps"
        )
    for each in (False, True):
        left = cliff.unexplained(sarsa.q_values[0], resample=each)
        error = left.std() / len(left) ** 0.5
        print(
            f"drawn {'twice' if each else 'once '}: left over {left.mean():5.2f} ± "
            f"{error:.2f} on average, {np.abs(left).max():5.1f} at worst"
        )

# %% [markdown]
# The means hardly differ: a second draw from the *same* policy is as likely to be any
# action as the first. What is lost is the link to what happened. An episode pays for
# falls that it did not have, and does not pay for those that it had; only over many
# episodes does this cancel. It cancels only while both draws come from one policy: were
# the second taken with another ε, or after others have changed θ a lot, the target
# would be that of a policy that nobody follows. So the course's learner chooses a′
# before the update and carries it over (`look_ahead` in `course/rollout.py`).
#
# ## Reflection
#
# Write three lines: what surprised you, what you would try next, what is still unclear.
#
# ### BEGIN SOLUTION
# For instance: that a better greedy path can earn less. I would let ε fade to 0 and see
# whether Sarsa's path moves to the edge. Unclear: how late a′ may be chosen when
# sixteen learners write at once.
# ### END SOLUTION

# %% [markdown]
# ## Summary
#
# | Method | Target, after r and a state s′ that is no end | Of which policy? |
# |---|---|---|
# | one-step Q-learning (Algorithm 1) | r + γ max_a Q(s′, a; θ⁻) | the greedy one |
# | one-step Sarsa (section 4) | r + γ Q(s′, a′; θ⁻), a′ is executed | the acting one |
# | Expected Sarsa | r + γ Σ_a π(a∣s′) Q(s′, a; θ⁻) | the acting one, noise-free |
#
# Asynchronous one-step Sarsa is Algorithm 1 with Sarsa's target; all else is the same:
# the shared θ, θ⁻, the gradients added up. Many learners in different places take over
# what replay did against correlation, so a method that cannot use replay, because it is
# on-policy, can be trained too.
# `course/algorithms/one_step_sarsa.py` is now a file that you could have written. Next:
# n steps at once.
