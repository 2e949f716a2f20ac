# SPDX-License-Identifier: MIT
"""One score network of torch_unet.py in one process: the PyTorch counterpart of benchmark_network_step.

    torch_network_step.py compare FILE     FILE of benchmark_network_step --export: prints relative errors as a line of JSON
    torch_network_step.py time JSON ...    JSON: the network's settings; prints seconds and peak memory as a line of JSON

A training step is forward with dropout and backward of sum(y v) to all parameters; between steps gradients are set to None.
"""

import argparse
import contextlib
import json
import math
import resource
import statistics
import sys
import time
import types

import torch

import torch_unet

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def relative(found, wanted, least=0.0):
    return float((found - wanted).norm() / wanted.norm().clamp(min=least))


def compare(options):
    """Errors in norm relative to the file: of y and dx, of the gradient as a whole, and of its worst tensor, relative to the larger of its
    norm and 1e-4 of the whole: some gradients are zero up to rounding."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # its default for convolutions: 10 bits
    metadata, tensors = torch_unet.read_safetensors(options.file)
    settings = torch_unet.settings_of(metadata)
    network = torch_unet.UNet(settings)
    network.load_state_dict(torch_unet.weights_of(tensors))
    dtype, memory_format = TYPES[options.dtype], FORMATS[options.format]
    torch_unet.place(network, options.device, dtype, memory_format).eval()
    tensors = {name: tensor.to(options.device) for name, tensor in tensors.items()}
    x = tensors["x"].to(dtype).clone(memory_format=memory_format).requires_grad_()
    with torch.inference_mode():
        inference = network(x, tensors["labels"])
    y = network(x, tensors["labels"])
    (y * tensors["v"]).sum().backward()
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    wanted = {name: tensors["grad." + name] for name in trained}
    whole = math.sqrt(sum(float(g.norm()) ** 2 for g in wanted.values()))
    difference = math.sqrt(sum(float((p.grad - wanted[name]).norm()) ** 2 for name, p in trained.items()))
    worst, worst_name = max((relative(p.grad, wanted[name], 1e-4 * whole), name) for name, p in trained.items())
    y = y.detach()
    print(json.dumps({
        "y": max(relative(a, b) for found in (y, inference) for a, b in zip(found, tensors["y"])),
        "dx": max(relative(a, b) for a, b in zip(x.grad, tensors["dx"])), "gradient": difference / whole,
        "worst_gradient": worst, "worst_gradient_name": worst_name, "settings": vars(settings), "torch": torch.__version__}))


def make_step(network, options):
    """A function that runs one forward pass or one training step of a random batch."""
    s = network.settings
    device, dtype, memory_format = options.device, TYPES[options.dtype], FORMATS[options.format]
    torch_unet.place(network, device, dtype, memory_format).train(options.what == "training")
    shape = (options.batch, s.num_channels, s.image_size, s.image_size)
    x = torch.randn(shape).to(device=device, dtype=dtype, memory_format=memory_format)
    labels = torch.linspace(s.sigma_min, s.sigma_max, options.batch, dtype=torch.float64, device=device)
    run = torch.compile(network, mode=options.compile) if options.compile else network
    v = torch.randn_like(x)

    def forward():
        with torch.inference_mode():
            run(x, labels)

    def training():
        (run(x, labels) * v).sum().backward()
        for p in network.parameters():
            p.grad = None

    return training if options.what == "training" else forward


def time_runs(step, options):
    """Seconds of single runs after one that is not counted: at least `runs`, and as many as take at least `seconds` in total."""
    finish = torch.cuda.synchronize if options.device != "cpu" else contextlib.nullcontext
    times = []
    step()
    finish()
    while len(times) < options.runs or sum(times) < options.seconds:
        times.append(timed(lambda: (step(), finish())))
    return times


def product_gflops():
    """GFLOP/s of a product of two float matrices, the best of ten: low if PyTorch's BLAS is not optimized."""
    a, b = torch.randn(2, 512, 512)
    return max(2e-9 * 512**3 / timed(lambda: a @ b) for _ in range(10))


def timed(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def measure(options):
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    before = peak_bytes()
    network = torch_unet.UNet(types.SimpleNamespace(**json.loads(options.settings)))
    times = time_runs(make_step(network, options), options)
    found = {"what": options.what, "batch": options.batch, "threads": options.threads, "format": options.format, "runs": len(times),
             "least_seconds": min(times), "median_seconds": statistics.median(times), "peak_bytes": peak_bytes(), "import_bytes": before}
    if options.device == "cpu":
        found |= {"gemm_gflops": product_gflops()}
    else:
        found |= {"device": torch.cuda.get_device_name(), "device_peak_bytes": torch.cuda.max_memory_allocated()}
    print(json.dumps(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    comparing = commands.add_parser("compare")
    comparing.add_argument("file")
    comparing.set_defaults(run=compare)
    timing = commands.add_parser("time")
    timing.add_argument("settings", help="the network's settings, JSON")
    timing.add_argument("--what", choices=("forward", "training"), default="forward")
    timing.add_argument("--batch", type=int, default=4)
    timing.add_argument("--threads", type=int, default=1)
    timing.add_argument("--seconds", type=float, default=1.0, help="minimum total time")
    timing.add_argument("--runs", type=int, default=3, help="minimum number of runs")
    timing.add_argument("--seed", type=int, default=1)
    timing.add_argument("--compile", metavar="MODE", help="mode of torch.compile in PyTorch 2: default, reduce-overhead, max-autotune")
    timing.set_defaults(run=measure)
    for command in (comparing, timing):
        command.add_argument("--format", choices=FORMATS, default="contiguous")
        command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        command.add_argument("--dtype", choices=TYPES, default="float32", help="type in PyTorch; the file is float32")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
