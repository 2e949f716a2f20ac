# SPDX-License-Identifier: MIT
"""Checks that no kernel spills, that registers and stack stay within the limits on every architecture, and that nvcc does not warn.

    kernel_limits.py <table> <folder of *.ptxas files> <c++filt> [--print]

The files hold ptxas's output from building the library (backends/cuda/keep_resources.sh). Every kernel must be in the
table and every line of the table must be a kernel. --print prints the measured table.
"""

import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(sm_\w+)'")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def measured(folder):
    """(mangled name, architecture, registers, stack, spills) of every kernel."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.ptxas")):
        if not path.with_suffix("").exists():
            continue  # of a removed source
        name = architecture = stack = spills = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := ENTRY.search(line):
                name, architecture = match.groups()
            elif name and (match := MEMORY.search(line)):
                stack, spills = int(match[1]), int(match[2]) + int(match[3])
            elif name and (match := REGISTERS.search(line)):
                found.append((name, architecture, int(match[1]), stack, spills))
                name = None
    return found


def warnings(folder):
    """Warnings of compilers and assembler for existing sources."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.ptxas")):
        if path.with_suffix("").exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [f"{path.name[:-len('.o.ptxas')]}: {line}" for line in lines if "warning" in line.lower()]
    return found


def short_names(mangled, demangler):
    """"AssignKernel<float, 3u, true>" for scoresde::cuda::run_kernel<scoresde::cuda::AssignKernel<…>>(…)."""
    names = sorted(set(mangled))
    run = subprocess.run([demangler], input="\n".join(names), capture_output=True, text=True, check=True)
    short = {}
    for name, full in zip(names, run.stdout.splitlines()):
        match = re.fullmatch(r"void scoresde::cuda::run_kernel<(.*)>\(.*\)", full)
        short[name] = re.sub(r"scoresde::cuda::|scoresde::|\(anonymous namespace\)::", "", match[1]) if match else full
        short[name] = short[name].replace(" >", ">").replace("(bool)1", "true").replace("(bool)0", "false").strip()
    return short


def read_table(path):
    limits = {}
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"(\S.*?)\s{2,}(\d+)\s+(\d+)", line)
            if not match:
                sys.exit(f"{path}:{number}: not '<kernel>  <registers> <stack>'")
            limits[match[1]] = int(match[2]), int(match[3])
    return limits


def main():
    table, folder, demangler = sys.argv[1:4]
    kernels = measured(folder)
    if not kernels:
        sys.exit(f"{folder}: no output of ptxas; is scoresde_cuda built?")
    names = short_names([kernel[0] for kernel in kernels], demangler)
    worst = {}
    for mangled, architecture, registers, stack, spills in kernels:
        most = worst.setdefault(names[mangled], [0, 0, 0, set()])
        most[:3] = max(most[0], registers), max(most[1], stack), max(most[2], spills)
        most[3].add(architecture)
    if "--print" in sys.argv:
        width = max(map(len, worst)) + 2
        for name, (registers, stack, _, _) in sorted(worst.items()):
            print(f"{name:{width}}{registers:3} {stack:3}")
        return
    limits = read_table(table)
    violations = [f"{name}: {spills} bytes are spilled; no spills are allowed" for name, (_, _, spills, _) in worst.items() if spills]
    for name, (registers, stack, _, _) in sorted(worst.items()):
        if name not in limits:
            violations.append(f"{name}: not in the table; it uses {registers} registers and {stack} bytes of stack")
        elif registers > limits[name][0] or stack > limits[name][1]:
            violations.append(f"{name}: {registers} registers and {stack} bytes of stack; "
                              f"{limits[name][0]} and {limits[name][1]} are allowed")
    violations += [f"{name}: in the table, but not a kernel" for name in sorted(limits.keys() - worst.keys())]
    violations += warnings(folder)
    for violation in violations:
        print(violation)
    architectures = sorted(set.union(*(most[3] for most in worst.values())))
    print(f"kernel limits: {len(worst)} kernels for {', '.join(architectures)}, {len(violations)} violations")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
