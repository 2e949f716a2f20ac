# SPDX-License-Identifier: MIT
"""The umbrella scoresde/scoresde.hpp names every header of the core, sorted. --write makes it so.

testing/ stays outside: it is for those who check a part of their own, and costs a tenth of the umbrella's compile time.
"""

import re
import sys

import tree

UMBRELLA = "include/scoresde/scoresde.hpp"
HEAD = """// SPDX-License-Identifier: MIT
/// All of the core that a program includes and that needs the standard library only; not io/, the
/// checkpoints of train/, testing/, and sampler/progress.hpp, which costs compile time for a clock.
/// `python3 tests/checks/umbrella.py --write` keeps it complete.
#pragma once

"""


def expected():
    names = [path.removeprefix("include/") for path in tree.files(".hpp", folders=("include",))]
    left_out = (r"scoresde/(scoresde\.hpp|(io|testing)/.*|train/(checkpoint|score_sde|diffusers)\w*\.hpp|"
                r"sampler/progress\.hpp)")
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
