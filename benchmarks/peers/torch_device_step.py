# SPDX-License-Identifier: MIT
"""One score network of torch_unet.py on a GPU in PyTorch's fastest mode, alternating with a program of ours: a line of JSON.

    torch_device_step.py FILE --what WHAT --batch N -- PROGRAM ARGUMENTS...

FILE of benchmark_network_step --export contains settings and weights; PROGRAM prints the line of JSON of our side. PyTorch runs in one
process, so that torch.compile searches once: channels_last, max-autotune, and the whole step captured in a CUDA graph.

    forward    one pass of a sampler, weights and activations in bfloat16
    training   forward with dropout and the gradient of all parameters of sum(y v): float32 weights under autocast to bfloat16
    step       training with the denoising loss, then clip_grad_norm_, fused Adam and the moving average

A mode that fails is listed in `failed`, and the next one is used: compiled and captured, compiled with the graphs of torch.compile, eager
and captured, eager. On a CPU the mode is eager in float32, for testing this file.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time

import torch

import torch_unet

MODE, MODE_UNCAPTURED = "max-autotune", "max-autotune-no-cudagraphs"


def autocast(options):
    if options.device == "cpu":
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False)


def lerp(averages, parameters, weight):
    if hasattr(torch, "_foreach_lerp_"):
        torch._foreach_lerp_(averages, parameters, weight)
    else:
        for average, p in zip(averages, parameters):
            average.lerp_(p, weight)


class Step:
    """A network and the inputs of one run."""

    def __init__(self, options, mode):
        metadata, tensors = torch_unet.read_safetensors(options.file)
        self.options = options
        settings = torch_unet.settings_of(metadata)
        self.network = torch_unet.UNet(settings)
        self.network.load_state_dict(torch_unet.weights_of(tensors))
        forward = options.what == "forward"
        dtype = torch.bfloat16 if forward and options.device == "cuda" else torch.float32
        torch_unet.place(self.network, options.device, dtype, torch.channels_last).train(not forward)
        shape = (options.batch, settings.num_channels, settings.image_size, settings.image_size)
        self.x, self.v = (torch.randn(shape).to(options.device, dtype, memory_format=torch.channels_last) for _ in range(2))
        self.labels = torch.linspace(settings.sigma_min, settings.sigma_max, options.batch, dtype=torch.float64, device=options.device)
        self.run = torch.compile(self.network, mode=mode) if mode else self.network
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        if options.what == "step":
            fast = {"fused": True, "capturable": True} if options.device == "cuda" else {}
            self.optimizer = torch.optim.Adam(self.parameters, lr=2e-4, **fast)
            self.averages = [p.detach().clone() for p in self.parameters]

    def __call__(self):
        getattr(self, self.options.what)()

    def forward(self):
        with torch.inference_mode():
            self.run(self.x, self.labels)

    def gradient(self, loss_of):
        for p in self.parameters:
            p.grad = None
        with autocast(self.options):
            y = self.run(self.x, self.labels)
        loss_of(y).backward()

    def training(self):
        self.gradient(lambda y: (y.float() * self.v).sum())

    def step(self):
        clean, z = self.v, torch.randn_like(self.v)
        std = 0.01 + 0.98 * torch.rand(len(clean), 1, 1, 1, device=clean.device)
        self.x = torch.sqrt(1 - std * std) * clean + std * z
        self.gradient(lambda y: (y.float() - z).square().sum((1, 2, 3)).mean())
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            lerp(self.averages, self.parameters, 1e-4)


def captured(step):
    """The replay of a captured step, after runs that allocate and tune."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    keep.append((step, graph))
    return graph.replay


keep = []  # keeps the memory that replays write to


def warmed(step):
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    return step


def fastest(options):
    """(a run, its mode, the modes that failed)."""
    if options.device == "cpu":
        return Step(options, None), "eager", []
    ways = [("eager, captured", lambda: captured(Step(options, None))), ("eager", lambda: warmed(Step(options, None)))]
    if options.compile:
        ways = [("compiled, captured", lambda: captured(Step(options, MODE_UNCAPTURED))),
                ("compiled", lambda: warmed(Step(options, MODE)))] + ways
    failed = []
    for name, make in ways:
        try:
            return make(), name, failed
        except Exception as error:  # any failure of PyTorch: the next mode may work
            failed.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            torch.cuda.empty_cache()
    sys.exit("PyTorch does not run the network: " + "; ".join(failed))


def run_times(run, options):
    """Seconds of single runs, timed like ours: by events between consecutive runs."""
    times = []
    run()
    while sum(times) < options.seconds or len(times) < options.runs:
        if options.device == "cpu":
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
            continue
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(11)]
        marks[0].record()
        for mark in marks[1:]:
            run()
            mark.record()
        marks[-1].synchronize()
        times += [1e-3 * a.elapsed_time(b) for a, b in zip(marks, marks[1:])]
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--what", choices=("forward", "training", "step"), default="forward")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="minimum time per alternation")
    parser.add_argument("--runs", type=int, default=20, help="minimum number of runs per alternation")
    parser.add_argument("ours", nargs="+", help="our program and its arguments")
    options = parser.parse_args()
    torch.manual_seed(1)
    # Convolutions without generated code are tuned as well, and float32 operations may use tensor cores.
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    run, way, failed = fastest(options)
    ours, theirs = [], []
    for _ in range(options.rounds):
        theirs.append(statistics.median(run_times(run, options)))
        done = subprocess.run(options.ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed.append("ours: " + done.stderr.strip()[-300:])
            break
        ours.append(json.loads(done.stdout.splitlines()[-1]))
    found = {"what": options.what, "batch": options.batch, "way": way, "failed": failed, "torch": torch.__version__,
             "ours": ours, "pytorch_median_seconds": theirs}
    if options.device == "cuda":
        found |= {"device": torch.cuda.get_device_name(), "pytorch_device_peak_bytes": torch.cuda.max_memory_reserved()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
