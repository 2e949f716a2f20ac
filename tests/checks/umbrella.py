# SPDX-License-Identifier: MIT
"""The umbrella headers include every header of the core, sorted: scoresde/scoresde.hpp those for sampling and scores,
scoresde/networks.hpp those for building and training networks. --write generates them.

There are two because every file pays for the headers it includes: networks are a third of the compile time, and most programs have none.
What measures data for training, and suggests names in files, is with networks. testing/ is excluded: it is for tests of user-defined components. So are samplers by name, registry/sampler_*: they include every sampler. So are metrics,
evaluate/: few programs that sample also measure.

io/io.hpp and the header of each backend include every public header of their folder, directly or through another.
"""

import re
import sys

import public_names
import tree

FOLDER = "include/scoresde/"
NETWORKS = r"(nn|model|loss|optim|train|data|registry(?!/solver_registry))/.*|sde/suggest_sigma_max\.hpp|(nearest_name|resize)\.hpp"
LEFT_OUT = r"scoresde\.hpp|networks\.hpp|(io|checkpoint|evaluate|testing)/.*|registry/(sampler_|evaluation_).*|(.*/)?detail/.*|observer/progress\.hpp"
COMPONENTS = ("io", "eigen", "xtensor", "mpi", "cuda")
LEFT_OUT_OF_COMPONENTS = {"scoresde/io/xarray_npy.hpp"}  # it requires xtensor
HEADS = {
    "scoresde.hpp": """// SPDX-License-Identifier: MIT
/// Includes everything in the core for sampling and scoring. Depends on the standard library only.
/// Networks and training are in networks.hpp; io/, testing/, and observer/progress.hpp, which adds
/// compile time for a clock, are included separately. `python3 tests/checks/umbrella.py --write`
/// updates this list.
#pragma once

""",
    "networks.hpp": """// SPDX-License-Identifier: MIT
/// Includes everything in the core for building and training networks. Depends on the standard
/// library only; checkpoints, which need scoresde::io, and samplers by name (registry/sampler_*),
/// which take time to compile, are included separately. `python3 tests/checks/umbrella.py --write`
/// updates this list.
#pragma once

""",
}


def expected(umbrella):
    names = [path.removeprefix(FOLDER) for path in tree.files(".hpp", folders=("include",))]
    networks = umbrella == "networks.hpp"
    names = [name for name in names
             if not re.fullmatch(LEFT_OUT, name) and bool(re.fullmatch(NETWORKS, name)) == networks]
    return HEADS[umbrella] + "".join(f"#include <scoresde/{name}>\n" for name in sorted(names))


def check(umbrella, violations):
    path = FOLDER + umbrella
    wanted = expected(umbrella)
    if "--write" in sys.argv:
        (tree.ROOT / path).write_text(wanted, encoding="utf-8")
    found = tree.read(path) if (tree.ROOT / path).exists() else ""
    if found != wanted:
        lines, expected_lines = found.splitlines(), wanted.splitlines()
        violations += [f"{path} lacks: {line}" for line in expected_lines if line not in lines]
        violations += [f"{path} must not contain: {line}" for line in lines if line not in expected_lines]
        violations.append(f"{path} differs; run python3 tests/checks/umbrella.py --write")
    return wanted.count("#include")


def check_component(component, headers, reach, violations):
    umbrella = f"scoresde/{component}/{component}.hpp"
    wanted = {name for name in headers if name.startswith(f"scoresde/{component}/") and "/detail/" not in name}
    wanted -= LEFT_OUT_OF_COMPONENTS | {umbrella}
    violations += [f"{headers[umbrella]} does not include {name}" for name in sorted(wanted - reach[umbrella])]
    return len(wanted)


def main():
    violations = []
    count = sum(check(umbrella, violations) for umbrella in HEADS)
    headers = tree.headers()
    reach = public_names.included(headers)
    count += sum(check_component(component, headers, reach, violations) for component in COMPONENTS)
    tree.report("umbrella", f"{count} headers in {len(HEADS) + len(COMPONENTS)} umbrellas", violations)


if __name__ == "__main__":
    main()
