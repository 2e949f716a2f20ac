# SPDX-License-Identifier: MIT
"""The include graph of the public headers and of the CUDA kernels: includes point down only, without cycles between
files or rooms. Nothing public includes a kernel."""

import re

import tree

FOUNDATION = {"foundation"}
SCALAR = FOUNDATION | {"time", "sde", "predictor", "corrector", "solver", "tableaux"}
MEMORY = FOUNDATION | {"noise", "state"}
ALGORITHM = SCALAR | MEMORY | {"brownian", "score", "ode", "observer"}
NETWORKS = {"nn/graph", "nn/layers", "nn/networks", "nn/runtime", "model"}

# What a room may include in addition to itself. A room that is not listed is an error: give it its place here.
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
    "brownian": MEMORY | {"time"},
    "score": MEMORY | {"time", "sde"},
    "ode": MEMORY | {"time", "tableaux", "score"},
    "observer": MEMORY | {"time", "score", "ode", "tableaux"},
    "nn/graph": MEMORY,
    "nn/layers": MEMORY | {"nn/graph"},
    "nn/networks": MEMORY | {"nn/graph", "nn/layers"},
    "nn/runtime": MEMORY | {"nn/graph"},
    "model": MEMORY | {"time", "sde", "score", "nn/graph", "nn/networks", "nn/runtime"},
    "sampler": ALGORITHM,
    "general_sde": ALGORITHM | {"sampler"},
    "likelihood": ALGORITHM | {"sampler"},
    "inverse": ALGORITHM | {"sampler"},
    "loss": ALGORITHM | NETWORKS,
    "optim": MEMORY | {"nn/graph"},
    "data": MEMORY,
    "train": ALGORITHM | NETWORKS | {"loss", "optim", "data"},
    "evaluate": ALGORITHM | NETWORKS | {"data"},
    "registry": ALGORITHM | NETWORKS | {"sampler", "loss", "optim", "data", "train", "evaluate"},
    "io": MEMORY | {"data"},
    "checkpoint": ALGORITHM | NETWORKS | {"loss", "optim", "train", "io", "registry", "evaluate"},
    "testing": ALGORITHM | NETWORKS | {"sampler", "loss"},
    "eigen": ALGORITHM | NETWORKS,
    "xtensor": ALGORITHM,
    "mpi": FOUNDATION | {"optim"},
    "cuda": ALGORITHM | NETWORKS | {"sampler", "inverse", "train", "optim", "loss", "data"},
    "cuda kernels": MEMORY | {"time", "sde", "predictor", "corrector", "brownian", "nn/graph", "optim", "data", "cuda"},
}
SCALAR_OF_ODE = {"butcher_tableau.hpp", "tableaux.hpp", "step_size_controller.hpp"}
PACKAGES = {"eigen": r"Eigen/|omp\.h", "xtensor": r"xtensor/|xtl/", "mpi": r"mpi\.h", "io": r"nlohmann/|png\.h|jerror\.h|jpeglib\.h|webp/|zlib\.h|sys/|fcntl\.h|unistd\.h",
            "checkpoint": r"nlohmann/"}


def room(header):
    """The first folder of a header, below nn/ the first two; parts of a room in detail/ belong to it."""
    if header.startswith("kernels/"):
        return "cuda kernels"
    parts = [part for part in header.split("/")[1:] if part != "detail"]
    if len(parts) == 1:
        return "umbrella" if parts[0] in ("scoresde.hpp", "networks.hpp") else "foundation"
    if parts[0] == "ode" and parts[1] in SCALAR_OF_ODE:
        return "tableaux"
    return "/".join(parts[:2]) if parts[0] == "nn" else parts[0]


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
    headers = tree.headers() | tree.kernels()
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
            if quote == '"' and not (here == "cuda kernels" and included.startswith("kernels/")):
                violations.append(f'{where}: public headers include with angle brackets, not "{included}"')
            if not included.startswith(("scoresde/", "kernels/")):
                standard = re.fullmatch(r"[a-z_0-9]+", included)
                if not standard and not re.match(PACKAGES.get(here, "$.") , included):
                    violations.append(f"{where}: the room '{here}' may not include <{included}>")
                continue
            if included not in headers:
                violations.append(f"{where}: <{included}> does not exist")
                continue
            file_graph.setdefault(header, set()).add(included)
            there = room(included)
            if "/detail/" in included and there != here and (here, there) != ("cuda kernels", "cuda"):
                violations.append(f"{where}: <{included}> is a part of '{there}' alone")
            if there == here or here == "umbrella":
                continue
            room_graph.setdefault(here, set()).add(there)
            if there not in MAY_INCLUDE[here]:
                violations.append(f"{where}: '{here}' may not include <{included}> of '{there}'")
    for name, graph in (("files", file_graph), ("rooms", room_graph)):
        if found := cycle(graph):
            violations.append(f"cycle of {name}: " + " -> ".join(found))
    edges = sum(map(len, file_graph.values()))
    tree.report("layers", f"{len(headers)} headers and kernels, {edges} includes", violations)


if __name__ == "__main__":
    main()
