# SPDX-License-Identifier: MIT
"""Every C++ block of README.md and docs/quick_start.md is a program that compiles as a single file.

    pasted.py <compiler> [option]...
"""

import re
import subprocess
import sys
import tempfile

import tree

DOCUMENTS = ("README.md", "docs/quick_start.md")


def main():
    command = [*sys.argv[1:2], "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               *(f"-I{tree.ROOT / path}" for path in tree.INCLUDE_FOLDERS), *sys.argv[2:]]
    violations, compiled = [], set()
    for document in DOCUMENTS:
        blocks = re.findall(r"^```(?:cpp|c\+\+)\n(.*?)^```$", tree.read(document), re.M | re.S)
        if not blocks:
            violations.append(f"{document} has no C++ block")
        for number, block in enumerate(blocks, 1):
            if block in compiled:
                continue
            compiled.add(block)
            with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
                source.write(block)
                source.flush()
                run = subprocess.run([*command, source.name], capture_output=True, text=True, check=False)
            errors = [line for line in run.stderr.splitlines() if "error" in line]
            if run.returncode:
                violations.append(f"{document}: block {number}: {(errors or ['the compiler failed'])[0]}")
            elif not re.search(r"^int main\(", block, re.M):
                violations.append(f"{document}: block {number} has no main")
    tree.report("pasted", f"{len(compiled)} programs in {len(DOCUMENTS)} documents", violations)


if __name__ == "__main__":
    main()
