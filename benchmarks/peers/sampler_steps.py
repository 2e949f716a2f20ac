# SPDX-License-Identifier: MIT
"""Compares the cost of a sampler's step with PyTorch's eager mode, one thread each, alternating.

    python3 benchmarks/peers/sampler_steps.py build/benchmarks/benchmark_sampler

The updates are those of Song et al. 2021 (arXiv:2011.13456, appendices D to F), DDIM (arXiv:2010.02502, eq. 12) and DPM-Solver++(2M)
(arXiv:2211.01095, algorithm 2), in two implementations of our own. "tensors" evaluates the SDE as the published samplers do: a time per sample,
drift, diffusion and marginal as functions of (x, t) on tensors, the score from the network's output by the marginal's standard deviation.
"numbers" has all coefficients as Python numbers, the minimum for eager mode. The score costs nothing on either side. The programs
alternate; the minimum time of each is reported.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: E402

STEPS, BATCHES, SHAPE = 20, (1, 64, 512), (3, 32, 32)
BETA_MIN, BETA_MAX = 0.1, 20.0


def grid():
    return [0.5 - 0.4 * i / STEPS for i in range(STEPS + 1)]


def beta(t):
    return BETA_MIN + t * (BETA_MAX - BETA_MIN)


def marginal(t):
    log_mean = -0.25 * t * t * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN
    return math.exp(log_mean), math.sqrt(-math.expm1(2 * log_mean))


class TensorSde:
    """VP with a time per sample: every function maps tensors to tensors."""

    def __init__(self, steps=1000):
        self.steps = steps
        self.betas = torch.linspace(BETA_MIN / steps, BETA_MAX / steps, steps)
        self.alphas = 1 - self.betas

    def index(self, t):
        return (t * (self.steps - 1)).long()

    def drift_diffusion(self, x, t):
        b = beta(t)
        return -0.5 * wide(b) * x, torch.sqrt(b)

    def marginal(self, x, t):
        log_mean = -0.25 * t**2 * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN
        return torch.exp(wide(log_mean)) * x, torch.sqrt(1 - torch.exp(2 * log_mean))

    def score(self, x, output, t):
        return -output / wide(self.marginal(torch.zeros_like(x), t)[1])


def wide(values):
    return values[:, None, None, None]


def euler_maruyama(sde, x, output, t):
    dt = -1 / sde.steps
    drift, diffusion = sde.drift_diffusion(x, t)
    drift = drift - wide(diffusion) ** 2 * sde.score(x, output, t)
    return x + drift * dt + wide(diffusion) * math.sqrt(-dt) * torch.randn_like(x)


def reverse_diffusion(sde, x, output, t):
    i = sde.index(t)
    f = wide(torch.sqrt(sde.alphas[i])) * x - x
    g = wide(torch.sqrt(sde.betas[i]))
    return x - (f - g**2 * sde.score(x, output, t)) + g * torch.randn_like(x)


def ancestral(sde, x, output, t):
    b = sde.betas[sde.index(t)]
    mean = (x + wide(b) * sde.score(x, output, t)) / wide(torch.sqrt(1 - b))
    return mean + wide(torch.sqrt(b)) * torch.randn_like(x)


def norm_mean(x):
    return torch.norm(x.reshape(x.shape[0], -1), dim=-1).mean()


def langevin(sde, x, output, t):
    score, noise = sde.score(x, output, t), torch.randn_like(x)
    size = (0.1 * norm_mean(noise) / norm_mean(score)) ** 2 * 2 * sde.alphas[sde.index(t)]
    return x + wide(size) * score + wide(torch.sqrt(2 * size)) * noise


def tensors(update):
    sde = TensorSde()

    def run(x, output):
        for t in grid()[:-1]:
            x = update(sde, x, output, torch.ones(x.shape[0]) * t)
        return x
    return run


def linear(coefficients):
    """x <- a x + b F + c z, numbers a, b, c from (t, t_next)."""
    def run(x, output):
        times = grid()
        for t, t_next in zip(times, times[1:]):
            a, b, c = coefficients(t, t_next)
            x = a * x + b * output
            if c:
                x = x + c * torch.randn_like(x)
        return x
    return run


def euler_maruyama_numbers(t, t_next):
    h = t - t_next
    return 1 + 0.5 * beta(t) * h, -beta(t) * h / marginal(t)[1], math.sqrt(beta(t) * h)


def reverse_diffusion_numbers(t, t_next):
    b = beta(t) * (t - t_next)
    return 2 - math.sqrt(1 - b), -b / marginal(t)[1], math.sqrt(b)


def ancestral_numbers(t, t_next):
    b = beta(t) * (t - t_next)
    root = math.sqrt(1 - b)
    return 1 / root, -b / marginal(t)[1] / root, math.sqrt(b)


def langevin_numbers(x, output):
    for t in grid()[:-1]:
        std, noise = marginal(t)[1], torch.randn_like(x)
        size = 2 * (0.1 * std * norm_mean(noise) / norm_mean(output)) ** 2
        x = x - size / std * output + torch.sqrt(2 * size) * noise
    return x


def ddim(t, t_next):
    (mean, std), (mean_next, std_next) = marginal(t), marginal(t_next)
    return mean_next / mean, std_next - mean_next * std / mean, 0


def dpm_solver_pp_2m(x, output):
    times = grid()
    last, h_last = None, None
    for t, t_next in zip(times, times[1:]):
        (mean, std), (mean_next, std_next) = marginal(t), marginal(t_next)
        h = math.log(mean_next / std_next) - math.log(mean / std)
        data = (x - std * output) / mean
        d = data
        if last is not None:
            r = h_last / h
            d = (1 + 1 / (2 * r)) * data - 1 / (2 * r) * last
        x = std_next / std * x - mean_next * math.expm1(-h) * d
        last, h_last = data, h
    return x


# Name in benchmark_sampler, and the same in PyTorch with tensors (stochastic ones only) and with numbers.
SAMPLERS = [
    ("Euler-Maruyama", tensors(euler_maruyama), linear(euler_maruyama_numbers)),
    ("reverse diffusion", tensors(reverse_diffusion), linear(reverse_diffusion_numbers)),
    ("ancestral", tensors(ancestral), linear(ancestral_numbers)),
    ("Langevin", tensors(langevin), langevin_numbers),
    ("ddim", None, linear(ddim)),
    ("dpm-solver++-2m", None, dpm_solver_pp_2m),
]


def torch_ns(run, batch, least_seconds):
    x, output = torch.full((batch, *SHAPE), 0.5), torch.full((batch, *SHAPE), 0.5)
    best, begin = math.inf, time.perf_counter()
    with torch.no_grad():
        while time.perf_counter() - begin < least_seconds:
            start = time.thread_time()
            run(x, output)
            best = min(best, time.thread_time() - start)
    return best * 1e9 / (STEPS * x.numel())


def our_ns(program, name, batch):
    command = [program, "--benchmark_format=json", f"--benchmark_filter=^{name.replace('+', '[+]')}/batch:{batch}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["benchmarks"]
    if len(found) != 1:
        sys.exit(f"{program} has {len(found)} rows for {name} and batch {batch}; 1 is needed")
    return found[0]["ns_per_element"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="benchmark_sampler, built")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="minimum time of each round of PyTorch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread; ns per element and step, 3x32x32 float32\n")
    print("| sampler | batch | scoresde | PyTorch, tensors | ratio | PyTorch, numbers | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, *texts in SAMPLERS:
        for batch in BATCHES:
            ours, theirs = math.inf, [math.inf, math.inf]
            for _ in range(options.rounds):
                ours = min(ours, our_ns(options.program, name, batch))
                for i, run in enumerate(texts):
                    if run:
                        theirs[i] = min(theirs[i], torch_ns(run, batch, options.seconds))
            cells = [f"{t:.1f} | {t / ours:.1f}" if t < math.inf else " | " for t in theirs]
            print(f"| {name} | {batch} | {ours:.2f} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
