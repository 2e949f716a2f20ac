# SPDX-License-Identifier: MIT
"""The umbrella scoresde/scoresde.hpp names every header of the core, sorted. --write makes it so."""

import re
import sys

import tree

UMBRELLA = "include/scoresde/scoresde.hpp"
HEAD = """// SPDX-License-Identifier: MIT
/// Everything that needs the standard library only: all of the core but scoresde/io and
/// scoresde/train/checkpoint.hpp. `python3 tests/checks/umbrella.py --write` keeps it complete.
#pragma once

"""


def expected():
    names = [path.removeprefix("include/") for path in tree.files(".hpp", folders=("include",))]
    left_out = r"scoresde/(scoresde\.hpp|io/.*|train/checkpoint\.hpp)"
    names = [name for name in names if not re.fullmatch(left_out, name)]
    return HEAD + "".join(f"#include <{name}>\n" for name in sorted(names))


def main():
    if "--write" in sys.argv:
        (tree.ROOT / UMBRELLA).write_text(expected(), encoding="utf-8")
    found = tree.read(UMBRELLA) if (tree.ROOT / UMBRELLA).exists() else ""
    wanted = expected()
    violations = []
    if found != wanted:
        lines, want = found.splitlines(), wanted.splitlines()
        violations += [f"{UMBRELLA} lacks: {line}" for line in want if line not in lines]
        violations += [f"{UMBRELLA} should not hold: {line}" for line in lines if line not in want]
        violations.append(f"{UMBRELLA} differs; run python3 tests/checks/umbrella.py --write")
    tree.report("umbrella", f"{wanted.count('#include')} headers", violations)


if __name__ == "__main__":
    main()
