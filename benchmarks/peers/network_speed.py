# SPDX-License-Identifier: MIT
"""Compares whole score networks with PyTorch on the CPU: outputs first, then time and memory, alternating, one process per measurement.

    python3 benchmarks/peers/network_speed.py build/benchmarks/benchmark_network_step

Needs PyTorch and an optimized BLAS for it (Debian: python3-torch, libopenblas0-openmp): with the reference BLAS that Debian installs by
default, PyTorch's small convolutions and attention run at 2 GFLOP/s, and the comparison is rejected. For each preset the weights, one input,
and its output and gradients are exported and recomputed by torch_unet.py; the program ends if an output differs by more than 1e-4. Then both
sides of each row run alternately in separate processes. PyTorch uses the better of its two memory formats. Ratios are PyTorch's time over
ours: above 1 the library is faster.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PEER = pathlib.Path(__file__).resolve().parent / "torch_network_step.py"
PRESETS = ("vp/ddpm/cifar10_continuous", "vp/cifar10_ddpmpp_continuous", "ve/cifar10_ncsnpp_continuous")
FORMATS = ("contiguous", "channels_last")
TOLERANCE = 1e-4
HEADER = ("network", "what", "threads", "batch", "ours, ms/image", "PyTorch, ms/image", "PyTorch / ours", "ours, GFLOP/s",
          "% of GEMM peak", "ours, peak MB", "PyTorch, peak MB", "PyTorch format")


def show(text):
    print(text, file=sys.stderr, flush=True)


# This process must not import large modules: the peak memory of a child begins with that of its parent.
def run(command, threads, **variables):
    environment = {"OPENBLAS_NUM_THREADS": str(threads)} | dict(os.environ, OMP_NUM_THREADS=str(threads)) | variables
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"status {done.returncode} from: {' '.join(map(str, command))}")
    return done.stdout


def run_torch(script, *words, threads):
    """PyTorch allocates in every step; a heap that keeps its memory avoids page faults, 5 % of a forward pass."""
    kept = {f"MALLOC_{name}_": str(1 << 40) for name in ("MMAP_THRESHOLD", "TRIM_THRESHOLD")}
    return json.loads(run([sys.executable, "-B", script, *words], threads, **kept))


def peer(*words, threads):
    return run_torch(PEER, *words, threads=threads)


def compare(options, preset):
    """Compares outputs and gradients in both formats; returns the network's settings."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "passes.safetensors"
        threads = max(options.threads)
        run([options.program, "--preset", preset, "--batch", 2, "--threads", threads, "--export", file, *options.width], threads)
        for name in FORMATS:
            found = peer("compare", file, "--format", name, threads=threads)
            show(f"{preset}, PyTorch {found['torch']} {name}: relative errors {found['y']:.1e} of the output, {found['dx']:.1e} of the "
                f"input's gradient, {found['gradient']:.1e} of the parameters', at most {found['worst_gradient']:.1e} of one of them")
            if not found["y"] <= TOLERANCE:
                sys.exit(f"{preset}: outputs differ by {found['y']:.1e}, more than {TOLERANCE:.0e}: the two are not the same network")
            if not max(found["dx"], found["gradient"], found["worst_gradient"]) <= 10 * TOLERANCE:
                sys.exit(f"{preset}: gradients differ by more than {10 * TOLERANCE:.0e}, {found['worst_gradient_name']} most")
    return found["settings"]


class Row:
    """One row of the table: both sides alternately, `rounds` times or until `row_seconds` have passed."""

    def __init__(self, options, preset, settings, memory_format, what, threads, batch):
        self.key = {"preset": preset, "what": what, "threads": threads, "batch": batch, "format": memory_format}
        words = ["--what", what, "--threads", threads, "--batch", batch, "--seconds", options.seconds, "--runs", 1]
        self.ours, self.theirs = [], []
        begin = time.perf_counter()
        while len(self.ours) < options.rounds and time.perf_counter() - begin < options.row_seconds:
            self.ours.append(json.loads(run([options.program, "--preset", preset, *options.width, *words], threads)))
            self.theirs.append(peer("time", json.dumps(settings), "--format", memory_format, *words, threads=threads))
            self.check_blas(options)

    def check_blas(self, options):
        ours, theirs = self.ours[-1]["gemm_gflops"], self.theirs[-1]["gemm_gflops"]
        if theirs < ours / 4 and not options.any_blas:
            sys.exit(f"PyTorch's matrix product reaches {theirs:.0f} GFLOP/s, Eigen's {ours:.0f}: its BLAS is not optimized (Debian: "
                     "libopenblas0-openmp), and its times would be meaningless; --any-blas measures it anyway")

    def cells(self):
        batch, threads = self.key["batch"], self.key["threads"]
        ours, theirs = (min(r["least_seconds"] for r in side) for side in (self.ours, self.theirs))
        middle = [statistics.median(r["median_seconds"] for r in side) for side in (self.ours, self.theirs)]
        peak = max(r["gemm_gflops"] for r in self.ours)
        gflops = max(r["gflops"] for r in self.ours)
        memory = [max(r["peak_bytes"] for r in side) / 1e6 for side in (self.ours, self.theirs)]
        ms = [f"{1e3 * least / batch:.1f} ({1e3 * median / batch:.1f})" for least, median in zip((ours, theirs), middle)]
        return (self.key["preset"], self.key["what"], threads, batch, *ms, f"{theirs / ours:.2f}", f"{gflops:.0f}",
                f"{100 * gflops / peak:.0f}", f"{memory[0]:.0f}", f"{memory[1]:.0f}", self.key["format"])


def better_format(options, settings, what):
    """The memory format in which PyTorch is faster, at the middle batch and with most threads."""
    batch = sorted(options.batches)[len(options.batches) // 2]
    threads = max(options.threads)
    words = ["--what", what, "--threads", threads, "--batch", batch, "--seconds", options.seconds, "--runs", 1]
    found = {name: peer("time", json.dumps(settings), "--format", name, *words, threads=threads) for name in FORMATS}
    seconds = {name: one["least_seconds"] for name, one in found.items()}
    show(f"  PyTorch, {what}: " + ", ".join(f"{name} {1e3 * t / batch:.1f} ms/image" for name, t in seconds.items()))
    return min(FORMATS, key=seconds.get)


def line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def table(header, rows):
    return "\n".join([line(header), "|" + "---|" * len(header), *map(line, rows)])


def report(options, title, header, rows):
    """Prints the table of the rows, and writes the files of --out and --json."""
    text = table(header, [row.cells() for row in rows])
    print(f"{title}:\n\n{text}")
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        options.json.write_text(json.dumps([row.key | {"ours": row.ours, "pytorch": row.theirs} for row in rows], indent=1) + "\n")


def measure(options, settings):
    rows = []
    for preset in options.presets:
        for what in options.what:
            memory_format = better_format(options, settings[preset], what)
            for threads in options.threads:
                for batch in options.batches:
                    rows.append(Row(options, preset, settings[preset], memory_format, what, threads, batch))
                    show("  " + line(rows[-1].cells()))
    return rows


def require_torch():
    """Continues in this process or in Debian's Python, whichever has PyTorch; otherwise exits with 77."""
    if importlib.util.find_spec("torch") is not None:
        return
    debian = "/usr/bin/python3"
    if os.path.exists(debian) and os.environ.get("SCORESDE_SECOND_PYTHON") is None:
        os.execve(debian, [debian, "-B", *sys.argv], dict(os.environ, SCORESDE_SECOND_PYTHON="1"))
    print("skipped: PyTorch is not installed (Debian: python3-torch)")
    sys.exit(77)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="benchmark_network_step, built")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 4, 16))
    parser.add_argument("--what", nargs="+", choices=("forward", "training"), default=("forward", "training"))
    parser.add_argument("--rounds", type=int, default=3, help="maximum number of alternations per row")
    parser.add_argument("--row-seconds", type=float, default=8, help="no further alternation of a row begins after this time")
    parser.add_argument("--seconds", type=float, default=1, help="minimum time per alternation; at least one run, after one not counted")
    parser.add_argument("--nf", type=int, help="channels of the first level, for a quick run (default: the preset's)")
    parser.add_argument("--any-blas", action="store_true", help="measure PyTorch even if its BLAS is slow")
    parser.add_argument("--compare-only", action="store_true", help="exit after the comparison of outputs and gradients")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file, Markdown")
    parser.add_argument("--json", type=pathlib.Path, help="write all measurements to this file")
    options = parser.parse_args()
    options.width = ["--nf", options.nf] if options.nf else []
    return options


def main():
    options = arguments()
    require_torch()
    settings = {preset: compare(options, preset) for preset in options.presets}
    if options.compare_only:
        return
    rows = measure(options, settings)
    report(options, f"Minimum of all runs (median), 3x{settings[options.presets[0]]['image_size']} pixels float32", HEADER, rows)


if __name__ == "__main__":
    main()
