# SPDX-License-Identifier: MIT
"""Log-likelihoods of a batch in PyTorch and SciPy in one process: the counterpart of benchmark_likelihood.

    torch_likelihood.py FILE --passes separate     FILE of benchmark_likelihood --export: prints seconds and log p as a line of JSON

The probability flow of a VP SDE and its divergence by one probe, integrated by scipy's RK45 over the flattened (x, log p) from eps to 1: Song
et al. 2021 (arXiv:2011.13456), eq. 39 and appendix D.2. With separate passes the drift and the divergence each evaluate the network, as in
score_sde: two forward passes and one backward pass per evaluation. With shared passes the divergence's forward pass is also the drift's.
"""

import argparse
import json
import math
import resource
import sys
import time

import numpy
import torch
from scipy import integrate

import torch_unet

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Flow:
    """dx/dt and the divergence of the flow; counts the passes of the network."""

    def __init__(self, network, metadata, probe, options):
        self.network, self.probe, self.options = network, probe, options
        self.beta_min, self.beta_max = float(metadata["sde.beta_min"]), float(metadata["sde.beta_max"])
        self.forward = self.backward = 0

    def drift(self, x, t):
        """f x - g^2 s/2 with s = -F/std."""
        self.forward += 1
        beta = self.beta_min + t * (self.beta_max - self.beta_min)
        integral = t * self.beta_min + 0.5 * t * t * (self.beta_max - self.beta_min)
        std = math.sqrt(-math.expm1(-integral))
        output = self.network(x, torch.full((len(x),), 999 * t, dtype=torch.float64))
        return -0.5 * beta * x + (0.5 * beta / std) * output

    def slopes(self, x, t):
        with torch.enable_grad():
            x.requires_grad_(True)
            drift = self.drift(x, t)
            product = torch.autograd.grad((drift * self.probe).sum(), x)[0]
            self.backward += 1
        x.requires_grad_(False)
        divergence = (product * self.probe).flatten(1).sum(1)
        if self.options.passes == "separate":
            with torch.no_grad():
                drift = self.drift(x, t)
        return drift.detach(), divergence

    def __call__(self, t, flat):
        n, shape = len(self.probe), self.probe.shape
        x = torch.from_numpy(flat[:-n].astype(numpy.float32)).reshape(shape).contiguous(memory_format=FORMATS[self.options.format])
        drift, divergence = self.slopes(x, t)
        return numpy.concatenate([drift.contiguous().numpy().reshape(-1), divergence.numpy()]).astype(numpy.float64)


def log_likelihood(flow, x, options):
    """log p and the number of evaluations."""
    start = numpy.concatenate([x.numpy().reshape(-1).astype(numpy.float64), numpy.zeros(len(x))])
    solution = integrate.solve_ivp(flow, (options.eps, 1.0), start, method="RK45", rtol=options.tolerance, atol=options.tolerance)
    end = solution.y[:, -1]
    z = end[:-len(x)].reshape(len(x), -1)
    prior = -0.5 * z.shape[1] * math.log(2 * math.pi) - 0.5 * (z**2).sum(1)
    return prior + end[-len(x):], solution.nfev


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--passes", choices=("separate", "shared"), default="separate")
    parser.add_argument("--format", choices=FORMATS, default="contiguous")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--eps", type=float, default=1e-3)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    metadata, tensors = torch_unet.read_safetensors(options.file)
    if metadata["sde.name"] != "vp":
        sys.exit(f"{options.file}: the SDE is {metadata['sde.name']}; it must be vp")
    network = torch_unet.UNet(torch_unet.settings_of(metadata))
    network.load_state_dict(torch_unet.weights_of(tensors))
    memory_format = FORMATS[options.format]
    torch_unet.place(network, memory_format=memory_format).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)  # only the input's gradient is computed
    x, probe = (tensors[name].contiguous(memory_format=memory_format) for name in ("x", "probe"))
    flow = Flow(network, metadata, probe, options)
    flow.slopes(x.clone(), 0.5)
    flow.forward = flow.backward = 0
    begin = time.perf_counter()
    log_p, nfe = log_likelihood(flow, x.contiguous(), options)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "nfe": nfe, "forward": flow.forward, "backward": flow.backward, "log_p": log_p.tolist(),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
