# %% [markdown]
# # 02 Hogwild!
#
# Several learners write into one shared vector of parameters θ, and nobody takes a
# lock. Mnih et al. (2016) take this idea from *Hogwild!* (Recht et al., 2011). Is it
# allowed? What gets lost, and what comes late?
#
# After this lesson you can
#
# - write down an order of events in which an update is lost,
# - read the lag of every update from a log,
# - write the paper's optimiser, shared RMSProp, in two lines that change shared memory,
# - say which conditions of the Hogwild! theorem a neural network breaks, and
# - spot a well-known bug in handing gradients to shared parameters.
#
# About 65 minutes. A *learner* plays its own copy of the environment. It *pulls* θ,
# *acts*, *computes* a gradient Δθ, and *pushes* it: θ changes.
#
# ## The smallest example: a counter
#
# A shared counter stands at 0. Learners A and B each add 1. But `counter += 1` is not
# one action: a learner *reads* the counter, adds in memory of its own, and *writes* the
# sum back. If they take turns, all is well:

# %%
import torch
from IPython.display import display

from course import A3C, check, hint, predict, ready, solution, train
from course.experiments import lanes, lock_free_sgd, lost_update, optimizers
from course.experiments.paper_tables import speed_up_picture
from course.notebook import train_live

lost_update.picture(lost_update.simulate("A.read A.write B.read B.write"))

# %% [markdown]
# ### Exercise 02.1: losing_schedule
#
# Difficulty 1 of 5 · 5 minutes · 1 line
#
# Write a schedule of the same four words in which an update is lost, so that the
# counter ends at 1. First a guess: A must read before it writes, and so must B, which
# leaves six orders.

# %%
predict("02.1", "Of the six possible orders, how many lose an update?", guess=None)


# %%
def losing_schedule():
    """A schedule in which an update is lost, written like

        "A.read A.write B.read B.write"

    Returns: one string; A and B each read once and write once.
    """
    ### BEGIN SOLUTION
    return "A.read B.read A.write B.write"
    ### END SOLUTION


# %%
check(losing_schedule)

# %%
# hint(losing_schedule)

# %% tags=["train"]
# About 5 seconds, most of them to start the processes.
if ready(losing_schedule):
    display(lost_update.picture(lost_update.simulate(losing_schedule())))
    outcomes = [lost_update.simulate(order) for order in lost_update.all_orders()]
    print(lost_update.table(outcomes))
    predict("02.1", happened=sum(outcome.lost for outcome in outcomes))
for how in ("in turn", "threads", "processes"):
    run = lock_free_sgd.count_together(how, workers=2, increments=200_000)
    lost = run.updates - run.theta[0]
    speed = f"{run.updates_per_second / 1e6:.1f} million additions a second"
    print(f"{how:>10}: {speed}, {lost:,.0f} of {run.updates:,} lost")

# %% [markdown]
# In your picture the last writer wins; what the other wrote is gone. On a real machine
# nobody chooses the order. The last lines come from two learners that really do add 1,
# 200,000 times each: in turn, as threads of one Python process, as two processes that
# map the same memory.
#
# *Asynchronous* means that nobody waits for anybody, *parallel* that things happen at
# the same moment. Python's threads are asynchronous but hardly parallel: one
# interpreter lock lets one run at a time, and they change over only between certain
# instructions, so little or nothing is lost, and little time is won. Processes are
# both (and twice as fast if two cores are free).
#
# **Why?** Why is a lost update less bad here than in a bank's ledger?
#
# ### BEGIN SOLUTION
# A gradient is a noisy estimate of a direction, and the next one is computed at
# whatever θ is then: it makes up for a missing step. A ledger is never computed anew,
# so a lost deposit stays lost. (Counters of steps are ledgers too: in this course each
# learner counts in a row of its own, and the total is their sum.)
# ### END SOLUTION

# %% [markdown]
# ### Exercise 02.2: lags
#
# Difficulty 2 of 5 · 10 minutes · 7 lines
#
# The other harm is *lag*: a gradient computed at an old θ is applied to a newer one.
# The lag of an update is the number of updates by others between its pull and its push.
#
# The course's trainer logs every event of every learner. From such a log, compute the
# lag of each push. `version` is the number of updates that θ has had once the event is
# over, a push itself included.

# %%
predict(
    "02.2",
    "A pulls. B pulls, pushes, pulls, pushes. Then A pushes: what is A's lag?",
    guess=None,
)


# %%
def lags(events):
    """The lag of every push: updates by others between its learner's pull and it.

    events: list of (worker_id, kind, version) in order of time, where kind is "pull",
        "act", "compute" or "push", and the learners A, B, ... are 0, 1, ...
    Returns: a list with one lag for each push, in the order of the pushes.

    [(0, "pull", 0), (1, "pull", 0), (1, "push", 1), (0, "push", 2)] gives [0, 1].
    """
    ### BEGIN SOLUTION
    pulled = {}
    result = []
    for worker_id, kind, version in events:
        if kind == "pull":
            pulled[worker_id] = version
        elif kind == "push":
            result.append(version - 1 - pulled[worker_id])
    return result
    ### END SOLUTION


# %%
check(lags)

# %%
# hint(lags)

# %% tags=["train"]
# About 5 seconds: 2,000 steps of A3C on Catch, simulated and by two processes.
if ready(lags):
    log = [(0, "pull", 0), (1, "pull", 0), (1, "push", 1), (1, "pull", 1)]
    log += [(1, "push", 2), (0, "push", 3)]
    predict("02.2", happened=lags(log)[-1])
    game = "course/Catch-v0"
    settings = {"total_steps": 2_000, "workers": 2, "progress": False}
    turns = "A.pull B.pull A.push B.push"
    simulated = train("a3c", game, backend="sequential", schedule=turns, **settings)
    real = train("a3c", game, **settings)
    for result, first in ((simulated, 0), (real, 60)):
        events = sorted(result.events, key=lambda event: event.time)
        yours = lags([(e.worker_id, e.kind, e.version) for e in events])
        logged = [e.lag for e in events if e.kind == "push"]
        same = sum(a == b for a, b in zip(yours, logged, strict=True))
        print(f"{result.backend}: mean lag {sum(yours) / len(yours):.2f}, ", end="")
        print(f"{same} of {len(logged)} as the trainer counted them, ", end="")
        print(f"{result.steps_per_second:,.0f} steps a second, start included")
        display(lanes.picture(events, count=32, first=first))

# %% [markdown]
# Above, the simulation follows its schedule: B is always one update late. Below, two
# processes: the lag changes from push to push. (A few may differ from the trainer's
# count: others may push while one writes its line of the log.)
#
# Does running the learners one after the other simulate the parallel code? It keeps the
# algorithm and its several environments, and gives the same bits in every run. It loses
# the speed and the lost writes, and under round robin the lag as well: there each
# learner pushes before the next one pulls. So lag is put in, by a schedule or a queue.
#
# **Why?** Two learners of equal speed have a lag near 1. What do you expect of sixteen?
#
# ### BEGIN SOLUTION
# Near 15: while one learner works on its rollout, each of the fifteen others pushes
# about once. Lag grows with the number of learners.
# ### END SOLUTION

# %% [markdown]
# ## How much lag is too much?
#
# Take least squares: a sample has features x (a vector of length 1) and a target y, and
# one update of stochastic gradient descent (SGD) moves θ along x:
# θ ← θ − η (x·θ − y) x, with the learning rate η = 0.2. Two samples are in each other's
# way as far as their features overlap. Three kinds of features, with 100 numbers in θ:
# *sparse* (3 of them are not 0), *dense with mixed signs*, and *dense with one sign*, as
# pixels are, or the outputs of a ReLU.

# %%
predict(
    "02.lag",
    "Dense features of one sign: from which lag (1, 2, 4, ... 64) on does SGD diverge?",
    guess=None,
)

# %% tags=["train"]
# About 10 seconds: five seeds, 4,000 updates in each run, then two real processes.
for kind in lock_free_sgd.KINDS:
    common, product = lock_free_sgd.make_problem(kind, seed=0).overlap()
    print(f"{kind}: {common:.0%} of pairs touch a common number, ", end="")
    print(f"mean x_i · x_j = {abs(product):.2f}")
rows = lock_free_sgd.lag_sweep()
display(lock_free_sgd.lag_picture(rows))
predict("02.lag", happened=min(r.lag for r in rows if max(r.losses) == float("inf")))
for kind in lock_free_sgd.KINDS:
    problem = lock_free_sgd.make_problem(kind, seed=0)
    run = lock_free_sgd.run_together(problem, "processes", workers=2)
    print(f"two processes, {kind}: loss {problem.loss(run.theta):.0e} of the first")

# %% [markdown]
# Sparse features bear every lag shown: fewer than one in ten of the updates in between
# touch a common number, and those pull one way as often as the other. *Dense with mixed
# signs* do as well. (Neither bears any lag: at 1,000 both diverge.) What hurts here is
# not that updates touch the same numbers but that they *agree*: sixteen learners that
# see the same error each correct it, and together overshoot. A smaller learning rate is
# the remedy. Two real processes solve all three problems, lost updates and all.
#
# What did Hogwild! prove? Its theorem asks for a loss that is a sum of *convex* parts
# and *strongly convex* as a whole, with a *Lipschitz* and *bounded* gradient, for a
# *bounded delay*, and for *sparse* updates. A network promises none of what concerns the
# loss, and the delay is up to the machine. Convexity falls first: take the smallest
# network, y = w₂ w₁ x, to fit y = x. Two of its perfect solutions, (1, 1) and (−1, −1),
# have a bad point half-way between them, where a convex loss could not exceed both.
#
# And sparseness? We stand in the place of an A3C optimiser and catch the gradients.
# (Catch, a small ball game, shows two lit pixels out of 50: sparse input.)

# %% tags=["train"]
# About 3 seconds.
one, other = torch.tensor([1.0, 1.0]), torch.tensor([-1.0, -1.0])
for w in (one, other, (one + other) / 2):
    print(f"w = {w.tolist()}: loss {(w[1] * w[0] * 1.0 - 1.0) ** 2:.0f}")  # x = y = 1

gradients = []


def keep(theta, statistics, gradient, learning_rate, alpha, eps):
    gradients.append(gradient.clone())
    A3C.update(theta, statistics, gradient, learning_rate, alpha, eps)


short = {"backend": "sequential", "total_steps": 1_000, "progress": False}
train(A3C.replace(update=keep), "course/Catch-v0", **short)
touched = torch.stack(gradients) != 0
common = (touched[1:] & touched[:-1]).sum() / touched[1:].sum()
print(
    f"a gradient touches {touched.double().mean():.0%} of {touched.shape[1]:,} numbers"
)
print(f"the update before had touched {common:.0%} of them as well")

# %% [markdown]
# About two thirds of θ in each update, most of it touched by the one before: not sparse,
# though the input is. So the theorem does not cover A3C; that it learns is an
# observation.
#
# ### Exercise 02.3: shared_rmsprop_update
#
# Difficulty 3 of 5 · 12 minutes · 2 lines
#
# The paper compares three optimisers (section 4): SGD with momentum, RMSProp with each
# learner's own statistics, and RMSProp with shared statistics. RMSProp keeps g, a running
# mean of squared gradients, one number for each parameter:
#
# $$g \leftarrow \alpha g + (1 - \alpha)\,\Delta\theta^2 \qquad
# \theta \leftarrow \theta - \eta\,\frac{\Delta\theta}{\sqrt{g + \epsilon}}$$
#
# α says how much of the old g stays; ε keeps the root away from 0. Write both lines
# *in place*, for `theta` and `square_avg` are shared memory: `x.mul_(2)`, `x.add_(1)` and
# `x -= 1` change x itself; `x = x - 1` only gives the name to a new tensor, which nobody
# else sees.

# %%
predict(
    "02.3",
    "g = 0, α = 0.99, ε = 0, η = 1: how far does the first gradient, 5, move θ?",
    guess=None,
)


# %%
def shared_rmsprop_update(theta, square_avg, gradient, learning_rate, alpha, eps):
    """One RMSProp update, in place: g ← α g + (1 − α) Δθ², θ ← θ − η Δθ / √(g + ε).

    theta: parameters [P]; square_avg: g [P]; both are changed in place.
    gradient: Δθ [P], of the loss to be minimised. learning_rate: η. Returns nothing.
    """
    ### BEGIN SOLUTION
    square_avg.mul_(alpha).add_((1 - alpha) * gradient**2)
    theta.sub_(learning_rate * gradient / (square_avg + eps).sqrt())
    ### END SOLUTION


# %%
check(shared_rmsprop_update)

# %%
# hint(shared_rmsprop_update)

# %%
if ready(shared_rmsprop_update):
    theta, square_avg = torch.zeros(1), torch.zeros(1)
    shared_rmsprop_update(theta, square_avg, torch.tensor([5.0]), 1.0, 0.99, 0.0)
    predict("02.3", happened=round(abs(theta.item()), 2))
    display(optimizers.eps_picture(shared_rmsprop_update))

right, misprinted = 0.0, 0.0
for _ in range(100):
    right = 0.9 * right + 0.1 * 2.0**2
    misprinted = 0.9 * misprinted + 0.1 * misprinted * 2.0**2
print(f"after 100 gradients of 2: right {right:.3f}, misprinted {misprinted:.3f}")

# %% [markdown]
# The first step is 1/√(1 − α) = 10 times η, whatever the gradient. The curves are for
# later, when the gradient has long had the same size (so g = Δθ²), and show what ε does:
# below √ε the step shrinks with the gradient, as in plain SGD; above it, every gradient
# moves θ by about η. The paper does not print its ε. 0.1 is relayed in public
# (miyosuda/async_deep_reinforce, issue 1) from an e-mail of the first author;
# reimplementations put it inside the root. With 1e-8 even a gradient of 0.001 moves θ in
# full.
#
# **Spot the typo.** One reader's notes print
# $g \leftarrow \alpha g + (1 - \alpha)\,g\,\Delta\theta^2$. The last line above feeds
# both formulas with the gradient 2; a mean square should then be 4.
#
# **Why?** Why would it not help to begin the misprinted formula at g = 1?
#
# ### BEGIN SOLUTION
# With a gradient of 2 each update multiplies g by 0.9 + 0.1 · 4 = 1.3, so it grows
# without end; with gradients below 1 it dies away. A product with itself has no size to
# settle at, while a running mean settles at the mean of what it is fed.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 02.4: momentum_sgd_update
#
# Difficulty 2 of 5 · 6 minutes · 2 lines
#
# The rival: each learner keeps m, a running mean of its gradients, and moves θ along
# it. There is no root; `eps` stands there only so that both optimisers are called alike.
#
# $$m \leftarrow \alpha m + (1 - \alpha)\,\Delta\theta \qquad
# \theta \leftarrow \theta - \eta\,m$$

# %%
predict("02.4", "m = 4, α = 0.5, gradient 0, η = 0.5: how far does θ move?", guess=None)


# %%
def momentum_sgd_update(theta, momentum, gradient, learning_rate, alpha, eps):
    """One update of SGD with momentum, in place: m ← α m + (1 − α) Δθ, θ ← θ − η m.

    theta: parameters [P]; momentum: m [P]; both are changed in place.
    gradient: Δθ [P]. learning_rate: η. eps: not used. Returns nothing.
    """
    ### BEGIN SOLUTION
    momentum.mul_(alpha).add_((1 - alpha) * gradient)
    theta.sub_(learning_rate * momentum)
    ### END SOLUTION


# %%
check(momentum_sgd_update)

# %%
# hint(momentum_sgd_update)

# %% tags=["train"]
# About 10 seconds: your functions as three optimisers, ten learning rates, five seeds.
if ready(momentum_sgd_update):
    theta, momentum = torch.zeros(1), torch.tensor([4.0])
    momentum_sgd_update(theta, momentum, torch.zeros(1), 0.5, 0.5, 0.0)
    predict("02.4", happened=abs(theta.item()))
if ready(shared_rmsprop_update, momentum_sgd_update):
    three = optimizers.the_three(shared_rmsprop_update, momentum_sgd_update)
    rows = optimizers.compare(three)
    display(optimizers.picture(rows))
    for name in three:
        rates = optimizers.good_range(rows, name, good=0.5)
        print(f"{name}: all seeds below 0.5 with η =", [round(r, 3) for r in rates])

# %% [markdown]
# Sixteen simulated learners, least squares, features of different sizes (ε = 1e-8);
# lower is better. The shared g has the deepest valley, which reaches to larger rates than
# that of a g of each learner's own, but by the printed measure it is no wider. The paper
# found the shared g "considerably more robust" on Atari games; our toy neither proves nor
# refutes that.
#
# **Why?** With own statistics, each g sees one gradient in sixteen. What does that do
# in the first round?
#
# ### BEGIN SOLUTION
# Every learner's g begins at 0, so each of the sixteen makes a first step of about
# 10 η, all from the same θ and in much the same direction. The shared g has been fed
# by the first push, so the later steps are shorter. And when g is shared, a large
# gradient that one learner meets shortens everybody's steps.
# ### END SOLUTION

# %% [markdown]
# ### Exercise 02.5: clip_by_global_norm
#
# Difficulty 2 of 5 · 6 minutes · 4 lines
#
# One freak gradient can throw θ far off, for all learners at once. So a gradient longer
# than `max_norm` is shortened without being turned, all its numbers by one factor. (40
# is relayed from the same e-mail; the paper gives no threshold.)

# %%
predict("02.5", "(3, 4) is clipped with max_norm 2: the first number?", guess=None)


# %%
def clip_by_global_norm(gradient, max_norm):
    """Δθ · max_norm / |Δθ| if |Δθ| > max_norm, else Δθ; |Δθ| is the Euclidean norm.

    gradient: Δθ [P], left as it is. max_norm: a number above 0.
    Returns: the pair (gradient, norm), in this order: the gradient to apply [P], and
    its norm before clipping (a number).
    """
    ### BEGIN SOLUTION
    norm = gradient.norm().item()
    if norm > max_norm:
        gradient = gradient * (max_norm / norm)
    return gradient, norm
    ### END SOLUTION


# %%
check(clip_by_global_norm)

# %%
# hint(clip_by_global_norm)

# %%
if ready(clip_by_global_norm):
    clipped, norm = clip_by_global_norm(torch.tensor([3.0, 4.0]), 2.0)
    print(f"clipped from length {norm:g} to {clipped.norm():g}: {clipped.tolist()}")
    predict("02.5", happened=float(clipped[0]))

# %% [markdown]
# **Why?** Clipping keeps the direction. Why does RMSProp, right after it, not keep it?
#
# ### BEGIN SOLUTION
# It divides each number by a root of its own, √(g + ε): parameters whose gradients are
# usually small move as far as the others. That is its purpose, and turns the step.
# ### END SOLUTION

# %% [markdown]
# ## Your functions at work
#
# Your optimiser and your clipping, inside A3C (lesson 06): first simulated, with the
# interleaved schedule; then by two processes: Hogwild! On Catch the return is 1 for a
# ball that was caught, else −1.


# %% tags=["train"]
# About 20 seconds; the stop button ends a run and keeps what was learned.
def my_update(theta, square_avg, gradient, learning_rate, alpha, eps):
    gradient, _ = clip_by_global_norm(gradient, 0.5)
    shared_rmsprop_update(theta, square_avg, gradient, learning_rate, alpha, eps)


if ready(shared_rmsprop_update, clip_by_global_norm):
    mine = A3C.replace(update=my_update)
    goal = {"until_return": 0.9, "total_steps": 150_000, "environments_per_worker": 4}
    goal["max_grad_norm"] = 1e9  # the trainer's own clipping is off: yours does it
    turns = {"backend": "sequential", "schedule": "A.pull B.pull A.push B.push"}
    print(train_live(mine, "course/Catch-v0", name="02-simulated", **turns, **goal))
    print(train_live(mine, "course/Catch-v0", name="02-hogwild", workers=2, **goal))
    display(speed_up_picture())

# %% [markdown]
# No locks, late updates, some perhaps lost, and no theorem: it learns all the same. In
# our trials (seeds 0 to 2) the simulation took 43,000 to 44,000 steps, and the processes,
# with two runs each, 39,000 to 59,000. (Your clipping had little to do: it shortened 2
# to 4 of some 1,200 gradients.)
#
# The last figure is the paper's Table 2, over seven Atari games: speed relative to one
# thread; above the grey line is more than linear. The two one-step methods stay well
# above it; A3C falls below it from 4 threads on.
#
# ## Bug hunt: the gradient that never changes
#
# Public A3C programs use the idiom below: after `backward()`, the local `.grad` tensors
# are handed to the shared network *once*; from then on, so the belief, both have the
# same gradient. Here a network is one number w and the loss w · x, so the gradient is x:
# 1, then 10, then 100. With learning rate 1 these should be w's steps.


# %%
def ensure_shared_grads(local, shared):
    for mine, theirs in zip(local.parameters(), shared.parameters(), strict=True):
        if theirs.grad is not None:
            return
        theirs.grad = mine.grad


def three_steps(clears):
    """What is subtracted from the shared w; `clears` says whose gradient is cleared."""
    local, shared = (torch.nn.Linear(1, 1, bias=False) for _ in range(2))
    optimiser = torch.optim.SGD(shared.parameters(), lr=1.0)
    steps = []
    for x in (1.0, 10.0, 100.0):
        local.load_state_dict(shared.state_dict())
        {"local": local, "shared": optimiser}[clears].zero_grad()
        local(torch.tensor([x])).sum().backward()
        ensure_shared_grads(local, shared)
        before = shared.weight.item()
        optimiser.step()
        steps.append(round(before - shared.weight.item()))
    return steps


print("clearing the local gradients: ", three_steps("local"))
print("clearing the shared gradients:", three_steps("shared"))
network = torch.nn.Linear(1, 1).share_memory()
network(torch.ones(1)).sum().backward()
print("parameters shared?", network.weight.is_shared())
print("gradients shared? ", network.weight.grad.is_shared())

# %% [markdown]
# Neither row is 1, 10, 100. The last two lines show a second belief to be wrong: `.grad`
# is made at the first backward, in private memory, shared parameters or not.
#
# **Why?** Explain both rows. (What does `zero_grad` do, by its default `set_to_none`?)
#
# ### BEGIN SOLUTION
# `zero_grad()` once filled the gradient with zeros in the same memory, so a tensor
# handed over once stayed the right one. Today it sets `.grad` to None.
#
# First row: the local network gets a new `.grad` at each backward, while the shared one
# still holds the first, which is applied for ever. Second row: only the shared `.grad`
# becomes None; the local gradients are never cleared and pile up: 1, 11, 111. Such
# programs run without an error, which makes the bug hard to find.
# ### END SOLUTION

# %% [markdown]
# In this course the gradient is one vector, computed afresh by `torch.autograd.grad` and
# given to the update as an argument (`course/actor_learner.py`): nothing can go stale.
#
# ## Reflection
#
# Three lines: what surprised you, what you would measure next, and what you would tell a
# colleague who wants a lock around θ.
#
# ## Summary
#
# - Updates without a lock can be lost and can come late. The Hogwild! theorem does not
#   cover networks; whether lag hurts depends on the learning rate and on how much the
#   gradients agree.
# - Shared RMSProp (section 4): g, then θ, in place, without a lock, with one g for all.
# - In Algorithms 1, S2 and S3 all of this is one line: the asynchronous update of θ.
#   Next: lesson 03, one-step Q-learning.
