"""Right answers to lesson 02, as different students would write them."""

from __future__ import annotations

import math

import numpy as np
import torch

# A schedule that loses an update


def a_reads_first():
    return "A.read B.read A.write B.write"


def b_writes_first():
    return "A.read B.read B.write A.write"


def b_reads_first():
    return "B.read A.read A.write B.write"


def all_of_b_first():
    return "B.read A.read B.write A.write"


def with_generous_spaces():
    return "  A.read   B.read\nA.write\tB.write "


def joined_from_a_list():
    return " ".join(f"{name}.{kind}" for kind in ("read", "write") for name in "AB")


# The lag of every push


def with_a_dictionary(events):
    snapshot, answer = {}, []
    for who, what, version in events:
        if what == "pull":
            snapshot[who] = version
        if what == "push":
            answer.append(version - snapshot[who] - 1)
    return answer


def counting_pushes_of_others(events):
    answer = []
    for place, (who, what, _) in enumerate(events):
        if what != "push":
            continue
        start = max(k for k in range(place) if events[k][:2] == (who, "pull"))
        between = events[start:place]
        answer.append(
            sum(kind == "push" and other != who for other, kind, _ in between)
        )
    return answer


def looking_back(events):
    answer = []
    for place, event in enumerate(events):
        if event[1] == "push":
            before = place
            while events[before][0] != event[0] or events[before][1] != "pull":
                before -= 1
            answer.append(event[2] - 1 - events[before][2])
    return answer


def with_counters(events):
    since, answer = {}, []
    for who, what, _ in events:
        if what == "pull":
            since[who] = 0
        elif what == "push":
            answer.append(since[who])
            for other in since:
                since[other] += 1
    return answer


def as_an_array(events):
    return np.array(with_a_dictionary(events))


def as_a_tensor(events):
    return torch.tensor(with_counters(events))


def as_a_generator_in_a_tuple(events):
    pulled = {}
    for index, (who, what, version) in enumerate(events):
        if what == "pull":
            pulled[index] = (who, version)

    def version_at_pull(index, who):
        return next(
            v for i, (w, v) in reversed(pulled.items()) if i < index and w == who
        )

    return tuple(
        version - 1 - version_at_pull(index, who)
        for index, (who, what, version) in enumerate(events)
        if what == "push"
    )


# One update of shared RMSProp


def in_place_methods(theta, square_avg, gradient, learning_rate, alpha, eps):
    square_avg.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
    theta.addcdiv_(gradient, (square_avg + eps).sqrt(), value=-learning_rate)


def augmented_assignment(theta, square_avg, gradient, learning_rate, alpha, eps):
    square_avg *= alpha
    square_avg += (1 - alpha) * gradient**2
    theta -= learning_rate * gradient / torch.sqrt(square_avg + eps)


def slices(theta, g, d, eta, alpha, eps):
    g[:] = alpha * g + (1 - alpha) * d * d
    theta[:] = theta - eta * d / (g + eps) ** 0.5


def one_number_at_a_time(theta, square_avg, gradient, learning_rate, alpha, eps):
    for i in range(len(theta)):
        square_avg[i] = alpha * square_avg[i] + (1 - alpha) * gradient[i] ** 2
        theta[i] -= learning_rate * gradient[i] / math.sqrt(square_avg[i] + eps)


def through_numpy(theta, square_avg, gradient, learning_rate, alpha, eps):
    weights, g, d = theta.numpy(), square_avg.numpy(), gradient.numpy()
    g += (1 - alpha) * (d**2 - g)
    weights -= learning_rate * d / np.sqrt(g + eps)


def in_float64_and_returned(theta, square_avg, gradient, learning_rate, alpha, eps):
    new = alpha * square_avg.double() + (1 - alpha) * gradient.double().square()
    square_avg.copy_(new)
    theta.copy_(
        theta.double() - learning_rate * gradient.double() * (new + eps).rsqrt()
    )
    return theta, square_avg


def by_interpolation(theta, square_avg, gradient, learning_rate, alpha, eps):
    square_avg.lerp_(gradient.pow(2), 1 - alpha)
    with torch.no_grad():
        theta.sub_(gradient.div(square_avg.add(eps).sqrt()).mul(learning_rate))


# One update of SGD with momentum


def momentum_in_place(theta, momentum, gradient, learning_rate, alpha, eps):
    momentum.mul_(alpha).add_(gradient, alpha=1 - alpha)
    theta.sub_(momentum, alpha=learning_rate)


def momentum_augmented(theta, momentum, gradient, learning_rate, alpha, eps):
    momentum *= alpha
    momentum += (1 - alpha) * gradient
    theta -= learning_rate * momentum


def momentum_slices(theta, m, d, eta, alpha, _):
    m[:] = alpha * m + (1 - alpha) * d
    theta[:] = theta - eta * m


def momentum_one_by_one(theta, momentum, gradient, learning_rate, alpha, eps):
    for i, each in enumerate(gradient.tolist()):
        momentum[i] += (1 - alpha) * (each - momentum[i].item())
        theta[i] -= learning_rate * momentum[i].item()


def momentum_through_numpy(theta, momentum, gradient, learning_rate, alpha, eps):
    m = momentum.numpy()
    m[...] = alpha * m + (1 - alpha) * gradient.numpy()
    theta.numpy()[...] -= learning_rate * m


def momentum_by_copies(theta, momentum, gradient, learning_rate, alpha, eps):
    mean = alpha * momentum.double() + (1 - alpha) * gradient.double()
    momentum.data.copy_(mean)
    theta.data.copy_(theta.double() - learning_rate * mean)
    return theta


# Clipping


def with_an_if(gradient, max_norm):
    norm = float(torch.sqrt((gradient**2).sum()))
    if norm > max_norm:
        return gradient * (max_norm / norm), norm
    return gradient, norm


def with_a_factor(gradient, max_norm):
    norm = torch.linalg.vector_norm(gradient)
    factor = torch.clamp(max_norm / norm, max=1.0) if norm > 0 else 1.0
    return gradient * factor, norm


def divided_by_a_maximum(gradient, max_norm):
    norm = gradient.norm()
    return gradient / max(1.0, norm.item() / max_norm), norm


def with_numpy(gradient, max_norm):
    vector = gradient.numpy().astype(np.float64)
    norm = np.linalg.norm(vector)
    return (vector if norm <= max_norm else vector / norm * max_norm), norm


def with_plain_python(gradient, max_norm):
    length = math.hypot(*gradient.tolist())
    shrink = max_norm / length if length > max_norm else 1.0
    return [shrink * each for each in gradient.tolist()], length


def as_a_list_of_two(gradient, max_norm):
    clipped = gradient.double().clone()
    norm = clipped.dot(clipped).sqrt().item()
    if norm > max_norm:
        clipped.mul_(max_norm).div_(norm)
    return [clipped, norm]


RIGHT = {
    "losing_schedule": [
        a_reads_first,
        b_writes_first,
        b_reads_first,
        all_of_b_first,
        with_generous_spaces,
        joined_from_a_list,
    ],
    "lags": [
        with_a_dictionary,
        counting_pushes_of_others,
        looking_back,
        with_counters,
        as_an_array,
        as_a_tensor,
        as_a_generator_in_a_tuple,
    ],
    "shared_rmsprop_update": [
        in_place_methods,
        augmented_assignment,
        slices,
        one_number_at_a_time,
        through_numpy,
        in_float64_and_returned,
        by_interpolation,
    ],
    "momentum_sgd_update": [
        momentum_in_place,
        momentum_augmented,
        momentum_slices,
        momentum_one_by_one,
        momentum_through_numpy,
        momentum_by_copies,
    ],
    "clip_by_global_norm": [
        with_an_if,
        with_a_factor,
        divided_by_a_maximum,
        with_numpy,
        with_plain_python,
        as_a_list_of_two,
    ],
}
