# SPDX-License-Identifier: MIT
"""Checks the PTX of the step update: 128-bit accesses, no local memory, and no multiply-add left for ptxas to contract.

    update_ptx.py <nvcc> <assign.cu> <include folder>...

Noise and update are bit-identical to the host's only if every fused multiply-add is explicit in the source. A kernel must have the
fused operations of its terms and, with noise, of two Box-Muller transforms, and no others; and no sum may use a product that ptxas
could contract with it (ptxas does not contract products with an explicit .rn).
"""

import re
import subprocess
import sys
import tempfile

# Part of a kernel's name: instructions that it must have, and their minimum counts.
WIDE = {
    "AssignKernelIfLj3E": {"ld.global.v4.f32": 3, "st.global.v4.f32": 1},
    "AssignKernelIfLj8E": {"ld.global.v4.f32": 8, "st.global.v4.f32": 1},
    "AssignKernelIdLj3E": {"ld.global.v2.f64": 6, "st.global.v2.f64": 2},
    "DrawSumKernelIf": {"st.global.v4.f32": 1},
}
# noise/normal.hpp: uniform 1, logarithm 9, square root 5, cosine and sine 7; two transforms per thread.
FUSED_IN_NOISE = 2 * (1 + 9 + 5 + 7)


def compiled(nvcc, source, folders):
    with tempfile.NamedTemporaryFile(suffix=".ptx") as ptx:
        subprocess.run([nvcc, "-std=c++20", "-O3", "-arch=compute_90", "-ptx", *(f"-I{folder}" for folder in folders),
                        source, "-o", ptx.name], check=True)
        text = open(ptx.name, encoding="utf-8").read()
    return dict(re.findall(r"\.entry (\w+)\((.*?)\n\}", text, flags=re.S))


def check_wide(kernels, violations):
    for part, wanted in WIDE.items():
        bodies = {name: body for name, body in kernels.items() if part in name}
        if not bodies:
            violations.append(f"{part}: kernel not found")
        for name, body in bodies.items():
            for instruction, count in wanted.items():
                if (found := body.count(instruction)) < count:
                    violations.append(f"{name}: {found} {instruction}; at least {count} are required")


def check_rounding(name, body, violations):
    products = set(re.findall(r"\bmul\.f(?:32|64)\s+(%\w+),", body))
    for line in re.findall(r"\b(?:add|sub)\.f(?:32|64)\s+[^;]+;", body):
        if taken := products & set(re.findall(r"%\w+", line)[1:]):
            violations.append(f"{name}: '{line}' uses the product {', '.join(taken)}: ptxas may contract them")


def check_fused(name, body, violations):
    masked = "MaskedAssign" in name  # two terms, and noise if its coefficient is not 0
    noisy = masked or "DrawSum" in name or "Lb1E" in name
    terms = 2 if masked else int(match[1]) if (match := re.search(r"AssignKernelI\wLj(\d)E", name)) else 0
    wanted = 4 * terms + (FUSED_IN_NOISE if noisy else 0)
    found = len(re.findall(r"\bfma\.rn\.f(?:32|64)", body))
    if found != wanted:
        violations.append(f"{name}: {found} fused operations; the source has {wanted}")


def main():
    nvcc, source, *folders = sys.argv[1:]
    kernels = compiled(nvcc, source, folders)
    violations = []
    check_wide(kernels, violations)
    for name, body in kernels.items():
        check_fused(name, body, violations)
        check_rounding(name, body, violations)
        if re.search(r"\b(ld|st)\.local|\.local \.align", body):
            violations.append(f"{name}: uses local memory")
    for violation in violations:
        print(violation)
    print(f"PTX of the update: {len(kernels)} kernels, {len(violations)} violations")
    sys.exit(1 if violations or not kernels else 0)


if __name__ == "__main__":
    main()
