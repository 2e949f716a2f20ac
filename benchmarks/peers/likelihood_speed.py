# SPDX-License-Identifier: MIT
"""Compares log-likelihoods with PyTorch and SciPy on the CPU: the same network, points, probe, solver and tolerance, alternating.

    python3 benchmarks/peers/likelihood_speed.py build/benchmarks/benchmark_likelihood

Needs PyTorch, an optimized BLAS for it (see network_speed.py) and SciPy. Each row is one batch, solved alternately by both sides in separate
processes; the program ends if a log-likelihood differs by more than 1e-3 bits per dimension. PyTorch runs as score_sde does, with two forward
passes and one backward pass per evaluation ("separate"), and with one forward pass ("shared"), each in the faster of its two memory formats.
Ratios are PyTorch's seconds per evaluation over ours, because two solvers can differ by a step: above 1 the library is faster.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import statistics
import sys
import tempfile

from network_speed import FORMATS, line, report, require_torch, run, run_torch, show

PEER = pathlib.Path(__file__).resolve().parent / "torch_likelihood.py"
CHECKPOINT = pathlib.Path(__file__).resolve().parents[2] / "examples/cifar10/cifar10_small.safetensors"
TOLERANCE = 1e-3
HEADER = ("passes", "threads", "batch", "ours, s", "nfe", "forward, backward per nfe", "PyTorch, s", "nfe", "forward, backward per nfe",
          "PyTorch / ours, per nfe", "bits/dim apart", "PyTorch format")


def peer(options, file, threads, passes, memory_format, tolerance):
    words = [file, "--passes", passes, "--format", memory_format, "--threads", threads, "--eps", options.eps, "--tolerance", tolerance]
    return run_torch(PEER, *words, threads=threads)


def per_evaluation(found):
    return found["seconds"] / found["nfe"]


class Row:
    def __init__(self, options, file, passes, threads, batch):
        self.key = {"passes": passes, "threads": threads, "batch": batch}
        ours = [options.program, "--checkpoint", options.checkpoint, "--batch", batch, "--threads", threads, "--eps", options.eps,
                "--tolerance", options.tolerance, "--export", file]
        self.ours, self.theirs = [json.loads(run(ours, threads))], []
        # The faster format, by a solve of few steps.
        rough = {name: per_evaluation(peer(options, file, threads, passes, name, 1e-1)) for name in FORMATS}
        self.key["format"] = min(rough, key=rough.get)
        for i in range(options.rounds):
            if i > 0:
                self.ours.append(json.loads(run(ours, threads)))
            self.theirs.append(peer(options, file, threads, passes, self.key["format"], options.tolerance))
            self.check(options)

    def bits_apart(self):
        dim = 3 * 32 * 32
        pairs = zip(self.ours[-1]["log_p"], self.theirs[-1]["log_p"])
        return max(abs(a - b) for a, b in pairs) / (dim * math.log(2))

    def check(self, options):
        if not self.bits_apart() <= max(TOLERANCE, options.tolerance):
            sys.exit(f"{self.key}: log-likelihoods differ by {self.bits_apart():.1e} bits/dim: the two are not the same flow")

    def ratio(self):
        ours, theirs = (min(map(per_evaluation, side)) for side in (self.ours, self.theirs))
        return theirs / ours

    def cells(self):
        def side(found):
            least, middle = min(f["seconds"] for f in found), statistics.median(f["seconds"] for f in found)
            last = found[-1]
            passes = f"{last['forward'] / last['nfe']:.2f}, {last['backward'] / last['nfe']:.2f}"
            return f"{least:.1f} ({middle:.1f})", last["nfe"], passes

        return (self.key["passes"], self.key["threads"], self.key["batch"], *side(self.ours), *side(self.theirs), f"{self.ratio():.2f}",
                f"{self.bits_apart():.0e}", self.key["format"])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="benchmark_likelihood, built")
    parser.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT, help="network of a VP SDE, 3x32x32 (default: the bundled)")
    parser.add_argument("--passes", nargs="+", choices=("separate", "shared"), default=("separate", "shared"))
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--batches", nargs="+", type=int, default=(4,))
    parser.add_argument("--eps", type=float, default=1e-3)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--rounds", type=int, default=2, help="alternations per row")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file, Markdown")
    parser.add_argument("--json", type=pathlib.Path, help="write all measurements to this file")
    return parser.parse_args()


def main():
    options = arguments()
    require_torch()
    if importlib.util.find_spec("scipy") is None:
        print("skipped: SciPy is not installed (Debian: python3-scipy)")
        sys.exit(77)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for passes in options.passes:
            for threads in options.threads:
                for batch in options.batches:
                    rows.append(Row(options, pathlib.Path(folder) / "run.safetensors", passes, threads, batch))
                    show("  " + line(rows[-1].cells()))
    report(options, f"Minimum of all runs (median), rtol = atol = {options.tolerance:g}, float32", HEADER, rows)


if __name__ == "__main__":
    main()
