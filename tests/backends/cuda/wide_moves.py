# SPDX-License-Identifier: MIT
"""The step update moves 16 bytes at a time and keeps nothing in local memory: in the PTX of its kernels.

    wide_moves.py <nvcc> <assign.cu> <include folder>...
"""

import re
import subprocess
import sys
import tempfile

# In the name of a kernel: what its text must hold, and how often at least.
WANTED = {
    "AssignKernelIfLj3E": {"ld.global.v4.f32": 3, "st.global.v4.f32": 1},
    "AssignKernelIfLj8E": {"ld.global.v4.f32": 8, "st.global.v4.f32": 1},
    "AssignKernelIdLj3E": {"ld.global.v2.f64": 6, "st.global.v2.f64": 2},
    "DrawSumKernelIf": {"st.global.v4.f32": 1},
}


def main():
    nvcc, source, *folders = sys.argv[1:]
    with tempfile.NamedTemporaryFile(suffix=".ptx") as ptx:
        subprocess.run([nvcc, "-std=c++20", "-O3", "-arch=compute_90", "-ptx", *(f"-I{folder}" for folder in folders),
                        source, "-o", ptx.name], check=True)
        text = open(ptx.name, encoding="utf-8").read()
    kernels = dict(re.findall(r"\.entry (\w+)\((.*?)\n\}", text, flags=re.S))
    violations = []
    for part, wanted in WANTED.items():
        bodies = {name: body for name, body in kernels.items() if part in name}
        if not bodies:
            violations.append(f"{part}: no such kernel")
        for name, body in bodies.items():
            for instruction, count in wanted.items():
                if (found := body.count(instruction)) < count:
                    violations.append(f"{name}: {found} {instruction}, {count} are needed")
    for name, body in kernels.items():
        if re.search(r"\b(ld|st)\.local|\.local \.align", body):
            violations.append(f"{name}: uses local memory")
    for violation in violations:
        print(violation)
    print(f"wide moves: {len(kernels)} kernels, {len(violations)} violations")
    sys.exit(1 if violations or not kernels else 0)


if __name__ == "__main__":
    main()
