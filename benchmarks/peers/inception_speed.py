# SPDX-License-Identifier: MIT
"""Compares Inception features with PyTorch on the CPU: values first, then time, alternating, one process per measurement.

    python3 benchmarks/peers/inception_speed.py build/benchmarks/benchmark_inception

PyTorch runs the network as pytorch-fid and torch-fidelity do, convolution, batch normalization and ReLU one after the other, and with the
normalizations as a part of the convolutions, each in both memory formats; the ratio is to the fastest of them. Ratios are PyTorch's time over
ours: above 1 the library is faster. CPU seconds are of all threads, which a loaded machine changes less than the time that passes.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

PEER = pathlib.Path(__file__).resolve().parent / "torch_inception.py"
VARIANTS = ((), ("--channels-last",), ("--folded",), ("--folded", "--channels-last"))
TOLERANCE = 2e-5


def run(command, threads):
    """Output of a process as JSON."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive", MALLOC_MMAP_THRESHOLD_=str(1 << 40),
                       MALLOC_TRIM_THRESHOLD_=str(1 << 40))
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"status {done.returncode} from: {' '.join(map(str, command))}")
    return json.loads(done.stdout)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("--images", type=int, default=256)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--batch", type=int, default=32, help="of PyTorch")
    arguments.add_argument("--python", default=sys.executable)
    options = arguments.parse_args()
    if subprocess.run([options.python, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("PyTorch is not installed", file=sys.stderr)
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        few, file = pathlib.Path(folder) / "few.safetensors", pathlib.Path(folder) / "all.safetensors"
        ours = [options.program, "--threads", options.threads]
        run([*ours, "--images", 4, "--export", few], options.threads)
        for variant in VARIANTS:
            found = run([options.python, "-B", PEER, "compare", few, *variant], options.threads)
            print(f"PyTorch {found['torch']} {' '.join(variant)}: relative difference {found['error']:.1e}", flush=True)
            if found["error"] > TOLERANCE:
                sys.exit("the features differ")
        run([*ours, "--images", options.images, "--export", file], options.threads)
        peer = [options.python, "-B", PEER, "time", file, "--batch", options.batch]
        times = {variant: [] for variant in (None, *VARIANTS)}
        for _ in range(options.rounds):
            for variant in times:
                found = run([*ours, "--images", options.images] if variant is None else [*peer, *variant], options.threads)
                seconds = found["least_seconds"] if variant is None else found["seconds"]
                times[variant].append((seconds, found["cpu_seconds"]))
                print(f"  {'ours' if variant is None else 'PyTorch ' + ' '.join(variant)}: {seconds:.2f} s, {found['cpu_seconds']:.2f} s of CPU",
                      flush=True)
    least = {variant: min(values) for variant, values in times.items()}
    print(f"\n{options.images} images, {options.threads} threads, the fastest of {options.rounds} rounds")
    print("| program | ms/image | CPU ms/image, median | PyTorch / ours |\n|---|---|---|---|")
    for variant, (seconds, _) in least.items():
        name = "scoresde" if variant is None else "PyTorch " + (" ".join(variant) or "as published")
        cpu = statistics.median(cpu for _, cpu in times[variant])
        print(f"| {name} | {1e3 * seconds / options.images:.1f} | {1e3 * cpu / options.images:.1f} | {seconds / least[None][0]:.2f} |")


if __name__ == "__main__":
    main()
