# SPDX-License-Identifier: MIT
"""Writes tests/sampler/diffusers_to_data_table.hpp: runs of diffusers' schedulers to noise-free data (final_sigmas_type zero).

    python3 tests/golden/diffusers_to_data.py > tests/sampler/diffusers_to_data_table.hpp

The schedulers run in float64 on the exact noise prediction of the mixture 0.3 N(1.2, 0.04) + 0.7 N(-0.5, 0.3) under x = a x0 + s z,
a^2 + s^2 = 1, from sigma = s/a = 20 down to 0.05, evenly in ln(sigma), and then to 0. Their own sigmas, which they take from
float32 levels, are replaced.
"""

import math

import torch

torch.set_default_dtype(torch.float64)
torch.float32 = torch.float64  # the schedulers' casts

import diffusers  # noqa: E402
from diffusers import DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, UniPCMultistepScheduler  # noqa: E402

WEIGHTS, MEANS, VARIANCES = [0.3, 0.7], [1.2, -0.5], [0.04, 0.3]
START = [-1.7, -0.4, 0.1, 0.9, 2.3]


def noise(x, sigma):
    """eps = -s * score of p_t."""
    a = 1 / math.sqrt(1 + sigma * sigma)
    s = sigma * a
    logs, scores = [], []
    for w, m, v in zip(WEIGHTS, MEANS, VARIANCES):
        spread = a * a * v + s * s
        logs.append(math.log(w) - 0.5 * math.log(spread) - 0.5 * (x - a * m) ** 2 / spread)
        scores.append((a * m - x) / spread)
    share = torch.softmax(torch.stack(logs), 0)
    return -s * (share * torch.stack(scores)).sum(0)


def run(scheduler, steps):
    scheduler.set_timesteps(steps)
    sigmas = [20 * (0.05 / 20) ** (i / max(steps - 1, 1)) for i in range(steps)] + [0.0]
    scheduler.sigmas = torch.tensor(sigmas)
    x = torch.tensor(START)[:, None]  # a batch of one-dimensional samples
    for sigma, t in zip(sigmas, scheduler.timesteps):
        x = scheduler.step(noise(x, sigma), t, x).prev_sample
    assert torch.isfinite(x).all(), (type(scheduler).__name__, steps)
    return x[:, 0]


def cases():
    for order in (1, 2, 3):
        for steps in (5, 8, 20):
            yield f"unipc bh2 {order}", order, steps, UniPCMultistepScheduler(solver_order=order)
    for order in (2, 3):
        for steps in (5, 8, 14, 15, 20):
            yield f"dpm-solver++ {order}m", order, steps, DPMSolverMultistepScheduler(solver_order=order)
    for order, all_steps in ((2, (5, 8)), (3, (6, 7, 10, 13))):
        for steps in all_steps:
            scheduler = DPMSolverSinglestepScheduler(solver_order=order, solver_type="heun", final_sigmas_type="zero", lower_order_final=True)
            yield f"dpm-solver++ {order}s", order, steps, scheduler


def numbers(values):
    return "{" + ", ".join(float(v).hex() for v in values) + "}"


print("// SPDX-License-Identifier: MIT")
print(f"/// What the schedulers of diffusers {diffusers.__version__} do; written by tests/golden/diffusers_to_data.py.")
print("#pragma once\n\n#include <cstddef>\n#include <string>\n#include <vector>\n\n// clang-format off")
print("struct DiffusersCase {\n  std::string name;\n  int order;\n  std::size_t steps;\n  std::vector<double> x;\n};\n")
print(f"inline const std::vector<double> diffusers_start{numbers(START)};")
print("inline const std::vector<DiffusersCase> diffusers_cases{")
for name, order, steps, scheduler in cases():
    print(f'    {{"{name}", {order}, {steps},\n     {numbers(run(scheduler, steps))}}},')
print("};\n// clang-format on")
