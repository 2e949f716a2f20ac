# SPDX-License-Identifier: MIT
"""The include graph of the public headers: includes point down only, without cycles between files or rooms."""

import re

import tree

FOUNDATION = {"foundation"}
SCALAR = FOUNDATION | {"time", "sde", "predictor", "corrector", "solver", "tableaux"}
MEMORY = FOUNDATION | {"noise", "state"}
ALGORITHM = SCALAR | MEMORY

# The rooms that a room may include in addition to itself. A room that is not listed is an error: add it here.
MAY_INCLUDE = {
    "foundation": set(),
    "time": FOUNDATION,
    "sde": FOUNDATION | {"time"},
    "predictor": FOUNDATION | {"time", "sde"},
    "corrector": FOUNDATION | {"time", "sde", "predictor"},
    "solver": FOUNDATION | {"time", "sde", "predictor"},
    "tableaux": FOUNDATION,
    "noise": FOUNDATION,
    "state": FOUNDATION | {"noise"},
    "score": FOUNDATION | {"time", "sde", "noise", "state"},
    "ode": FOUNDATION | {"time", "tableaux", "noise", "state", "score"},
    "nn": FOUNDATION | {"time", "sde", "noise", "state", "score"},
    "registry": ALGORITHM | {"score", "nn", "loss", "train"},
    "sampler": ALGORITHM | {"score", "ode"},
    "likelihood": ALGORITHM | {"score", "ode", "sampler"},
    "inverse": ALGORITHM | {"score", "ode", "sampler"},
    "loss": ALGORITHM | {"score", "nn"},
    "train": ALGORITHM | {"score", "nn", "loss"},
    "checkpoint": ALGORITHM | {"score", "nn", "loss", "train", "registry", "io"},
    "evaluate": ALGORITHM,
    "testing": ALGORITHM | {"score", "ode", "nn", "sampler", "loss"},
    "io": FOUNDATION | {"noise"},
    "eigen": ALGORITHM | {"score", "nn"},
    "xtensor": ALGORITHM | {"score", "io"},
    "cuda": ALGORITHM | {"score", "nn", "sampler", "train", "loss", "io"},
    "cuda checkpoint": ALGORITHM | {"score", "nn", "train", "registry", "checkpoint", "cuda"},
}
SCALAR_OF_ODE = {"butcher_tableau.hpp", "tableaux.hpp", "step_size_controller.hpp"}
STANDARD_ONLY = set(MAY_INCLUDE) - {"io", "checkpoint", "eigen", "xtensor", "cuda", "cuda checkpoint"}
PACKAGES = {"eigen": r"Eigen/|omp\.h", "xtensor": r"xtensor/|xtl/", "io": r"nlohmann/|png\.h|zlib\.h|sys/|fcntl\.h|unistd\.h",
            "checkpoint": r"nlohmann/"}


def room(header):
    parts = header.split("/")[1:]
    if len(parts) == 1:
        return "umbrella" if parts[0] in ("scoresde.hpp", "networks.hpp") else "foundation"
    if parts[0] == "ode" and parts[1] in SCALAR_OF_ODE:
        return "tableaux"
    if parts[0] == "train" and parts[1].startswith(("checkpoint", "score_sde", "diffusers")):
        return "checkpoint"
    if parts == ["cuda", "unet.hpp"]:
        return "cuda checkpoint"
    return parts[0]


def cycle(graph):
    """One cycle of {node: successors}, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for successor in sorted(graph.get(node, ())):
            if found := visit(successor):
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        if found := visit(node):
            return found
    return None


def main():
    headers = tree.headers()
    violations, file_graph, room_graph = [], {}, {}
    for header, path in headers.items():
        here = room(header)
        if here not in MAY_INCLUDE and here != "umbrella":
            violations.append(f"{path}: the room '{here}' is not listed in tests/checks/layers.py")
            continue
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            if not (match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)):
                continue
            quote, included = match.groups()
            where = f"{path}:{number}"
            if quote == '"':
                violations.append(f'{where}: public headers include with angle brackets, not "{included}"')
            if not included.startswith("scoresde/"):
                standard = re.fullmatch(r"[a-z_0-9]+", included)
                if not standard and not re.match(PACKAGES.get(here, "$.") , included):
                    violations.append(f"{where}: the room '{here}' may not include <{included}>")
                continue
            if included not in headers:
                violations.append(f"{where}: <{included}> does not exist")
                continue
            file_graph.setdefault(header, set()).add(included)
            there = room(included)
            if there == here or here == "umbrella":
                continue
            room_graph.setdefault(here, set()).add(there)
            if there not in MAY_INCLUDE[here]:
                violations.append(f"{where}: '{here}' may not include <{included}> of '{there}'")
    for name, graph in (("files", file_graph), ("rooms", room_graph)):
        if found := cycle(graph):
            violations.append(f"cycle of {name}: " + " -> ".join(found))
    edges = sum(map(len, file_graph.values()))
    tree.report("layers", f"{len(headers)} headers, {edges} includes", violations)


if __name__ == "__main__":
    main()
