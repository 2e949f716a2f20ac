# SPDX-License-Identifier: MIT
"""Compares whole score networks with compiled PyTorch on one GPU: outputs and gradients first, then times, alternating, in one table.

    python3 benchmarks/peers/device_speed.py build/benchmarks/benchmark_network_step --out table.md --json rows.json

Outputs and gradients of our program in float32 and in bfloat16 are recomputed by PyTorch in float32; a network that differs is not
timed. Each row is a process of torch_device_step.py, where PyTorch compiles once and both sides are then timed alternately. The table is
written after every row; rows that do not fit into --budget are listed. Ratios are PyTorch's time over ours: above 1 the library is faster.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from network_speed import line, require_torch, show, table

FOLDER = pathlib.Path(__file__).resolve().parent
# Allowed relative errors in norm of the output and of the gradients, compared with PyTorch in float32. PyTorch 2.11 in bfloat16
# differs from that by 0.022 and 0.083 on a CPU (DDPM++ of 64 channels: torch_network_step.py compare FILE --dtype bfloat16), and the
# bounds are 2.4 times that; tf32 has three bits more. In float32 5e-6 and 1e-5 are typical, and a different network would differ by 1.
TOLERANCES = {"fp32": (1e-3, 1e-2), "tf32": (5e-3, 5e-2), "bf16": (5e-2, 2e-1)}
ROWS = ("forward:64", "training:128", "forward:1", "forward:512", "step:128")
HEADER = ("network", "what", "batch", "ours, ms", "PyTorch, ms", "PyTorch / ours", "ours, images/s", "PyTorch, images/s", "ours, TFLOP/s",
          "% of matrix product", "% of copy bandwidth", "ours, GB used", "PyTorch, GB", "PyTorch mode")


class Rows:
    def __init__(self, options):
        self.options, self.begin = options, time.monotonic()
        self.rows, self.notes, self.errors = [], [], {}

    def left(self):
        return self.options.budget - (time.monotonic() - self.begin)

    def run(self, command, share=1.0):
        """The command's last line of output, parsed as JSON; None, and a note, if it fails or takes more than that share of the time left."""
        words = [str(word) for word in command]
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=max(share * self.left(), 1))
        except subprocess.TimeoutExpired:
            return self.note(f"out of time: {' '.join(words[-12:])}")
        if done.returncode:
            return self.note(f"status {done.returncode} from {' '.join(words[-12:])}: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}

    def note(self, text):
        self.notes.append(text)
        show(text)

    def ours(self, preset, *words):
        o = self.options
        return [o.program, "--preset", preset, "--backend", o.backend, *o.width, *o.plans, *words]

    def peer(self, script, *words):
        return [sys.executable, "-B", FOLDER / script, *words]

    def compare(self, preset, file):
        """Whether outputs and gradients agree; keeps the file of the last precision."""
        for precision in self.options.precisions:
            if self.run(self.ours(preset, "--batch", 2, "--precision", precision, "--export", file)) is None:
                return False
            found = self.run(self.peer("torch_network_step.py", "compare", file, "--device", self.options.device))
            if found is None:
                return False
            self.errors[f"{preset} {precision}"] = {key: found[key] for key in ("y", "dx", "gradient", "worst_gradient")}
            show(f"{preset} {precision}: relative errors {found['y']:.1e} of y, {found['dx']:.1e} of dx, {found['gradient']:.1e} of the gradient")
            output, gradients = TOLERANCES[precision]
            if not (found["y"] <= output and max(found["dx"], found["gradient"]) <= gradients):
                self.note(f"{preset} {precision}: differs from PyTorch by more than {output:.0e} or {gradients:.0e}; it is not timed")
                return False
        return True

    def measure(self, preset, what, batch, file):
        o = self.options
        if what == "step" and o.train_program is None:
            return self.note(f"skipped: {preset} {what} at batch {batch}; --train-program is not given")
        if self.left() < o.least_seconds:
            return self.note(f"skipped, no time left: {preset} {what} at batch {batch}")
        ours = self.ours(preset, "--batch", batch, "--seconds", o.seconds)
        ours = [o.train_program, *ours[1:]] if what == "step" else [*ours, "--what", what]
        def turns(*more, share):
            return self.run(self.peer("torch_device_step.py", file, "--what", what, "--batch", batch, "--device", o.device, "--rounds", o.rounds,
                                      "--seconds", o.seconds, *more, "--", *ours), share)

        # The search of torch.compile may take longer than the time left; eager mode in a graph is the fallback.
        found = (turns(share=0.7) if o.compile else None) or turns("--no-compile", share=1.0)
        if found is not None:
            self.rows.append({"preset": preset} | found)
            self.notes += [f"{preset} {what} at batch {batch}, {failure}" for failure in found["failed"]]
            show("  " + line(cells(self.rows[-1])))
        self.write()
        return None

    def table(self):
        return table(HEADER, map(cells, self.rows)) + "".join(f"\n\n{note}" for note in self.notes) + "\n"

    def write(self):
        if self.options.out:
            self.options.out.write_text(self.table())
        if self.options.json:
            self.options.json.write_text(json.dumps({"rows": self.rows, "errors": self.errors, "notes": self.notes}, indent=1) + "\n")


def cells(row):
    theirs = statistics.median(row["pytorch_median_seconds"])
    left = (row["preset"], row["what"], row["batch"])
    right = (number(row.get("pytorch_device_peak_bytes"), 1e-9, 2), row["way"])
    if not row["ours"]:
        return (*left, "", f"{1e3 * theirs:.3f}", "", "", f"{row['batch'] / theirs:.0f}", "", "", "", "", *right)
    ours = statistics.median(one["median_seconds"] for one in row["ours"])
    last = row["ours"][-1]
    gflops = last["gflop"] / ours if "gflop" in last else None
    gemm = max(one.get("gemm_gflops", 0) for one in row["ours"])
    return (*left, f"{1e3 * ours:.3f}", f"{1e3 * theirs:.3f}", f"{theirs / ours:.2f}", f"{row['batch'] / ours:.0f}",
            f"{row['batch'] / theirs:.0f}", number(gflops, 1e-3, 1), number(gflops, 100 / gemm, 1) if gemm else "",
            number(last.get("of_copy"), 100, 1), number(last.get("device_peak_bytes"), 1e-9, 2), *right)


def number(value, scale, digits):
    return "" if value is None else f"{value * scale:.{digits}f}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="benchmark_network_step, built")
    parser.add_argument("--train-program", help="benchmark_train, built, for rows `step`")
    parser.add_argument("--presets", nargs="+", default=("vp/cifar10_ddpmpp_continuous",))
    parser.add_argument("--rows", nargs="+", default=ROWS, help="WHAT:BATCH, the most important first")
    parser.add_argument("--backend", choices=("cpu", "cuda"), default="cuda", help="backend of our program")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda", help="device of PyTorch")
    parser.add_argument("--precisions", nargs="+", default=("fp32", "bf16"), help="precisions to compare; the last one is timed")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--plan-cache")
    parser.add_argument("--nf", type=int, help="channels of the first level, for a quick run (default: the preset's)")
    parser.add_argument("--rounds", type=int, default=3, help="alternations per row")
    parser.add_argument("--seconds", type=float, default=0.5, help="minimum time per alternation")
    parser.add_argument("--budget", type=float, default=1e6, help="seconds in total")
    parser.add_argument("--least-seconds", type=float, default=40, help="no row begins with less than this budget left")
    parser.add_argument("--out", type=pathlib.Path, help="write the table to this file, Markdown")
    parser.add_argument("--json", type=pathlib.Path, help="write all measurements to this file")
    options = parser.parse_args()
    options.width = ["--nf", options.nf] if options.nf else []
    options.plans = ["--plan-cache", options.plan_cache] if options.plan_cache else []
    return options


def main():
    options = arguments()
    require_torch()
    rows = Rows(options)
    with tempfile.TemporaryDirectory() as folder:
        for preset in options.presets:
            file = pathlib.Path(folder) / "passes.safetensors"
            if not rows.compare(preset, file):
                continue
            for row in options.rows:
                what, batch = row.split(":")
                rows.measure(preset, what, int(batch), file)
    rows.write()
    print(rows.table())
    sys.exit(0 if rows.rows else 1)


if __name__ == "__main__":
    main()
