# SPDX-License-Identifier: MIT
"""Writes tests/ode/scipy_rk45_table.hpp: what scipy.integrate.RK45 does on a nonlinear field.

    python3 tests/golden/scipy_rk45.py > tests/ode/scipy_rk45_table.hpp

dx/dt = -t x + (1 + t/2) (sin(3x) + (e + 1) cos(k t)) for element e of a flat vector of 6, x(start) = cos(e).

Then two fields whose trials are not finite, from x = 1: dx/dt = x + 0 sqrt(20 - x), which leaves its domain above 20, from 0 to ln 19.9; and
dx/dt = 0 before t = 5, -1000 x^9 after, which overflows, from 1 to 6.
"""

import warnings

import numpy as np
import scipy
from scipy.integrate import RK45

CASES = [(0.0, 2.0, 1e-5, 1e-5, 5.0), (2.0, 0.0, 1e-5, 1e-5, 5.0), (0.0, 2.0, 1e-9, 1e-8, 5.0), (0.0, 2.0, 1e-3, 1e-2, 40.0),
         (1.0, 1e-3, 0.0, 1e-6, 15.0)]


def field(k):
    element = np.arange(6)
    return lambda t, x: -t * x + (1 + t / 2) * (np.sin(3 * x) + (element + 1) * np.cos(k * t))


def solve(start, end, rtol, atol, k):
    solver = RK45(field(k), start, np.cos(np.arange(6.0)), end, rtol=max(rtol, 1e-12), atol=atol)
    times = []
    while solver.status == "running":
        solver.step()
        times.append(solver.t)
    assert solver.status == "finished"
    return times, solver.nfev, solver.y


def wall(t, x):
    return x + 0 * np.sqrt(20 - x)


def jump(t, x):
    return 0 * x if t < 5 else -1000 * x**9


def solve_from_one(field, start, end, tolerance):
    warnings.simplefilter("ignore")  # the trials that are rejected
    solver = RK45(field, start, np.array([1.0]), end, rtol=tolerance, atol=tolerance)
    times = []
    while solver.status == "running":
        solver.step()
        times.append(solver.t)
    assert solver.status == "finished"
    return times, solver.nfev, solver.y


def numbers(values):
    return "{" + ", ".join(float(v).hex() for v in values) + "}"


print("// SPDX-License-Identifier: MIT")
print(f"/// What scipy {scipy.__version__}'s RK45 does; written by tests/golden/scipy_rk45.py.")
print("#pragma once\n\n#include <vector>\n\n// clang-format off")
print("struct ScipyCase {\n  double start, end, rtol, atol, frequency;\n  int nfe;\n  std::vector<double> times, x;\n};\n")
print("inline const std::vector<ScipyCase> scipy_cases{")
for start, end, rtol, atol, k in CASES:
    times, nfe, x = solve(start, end, rtol, atol, k)
    print(f"    {{{start}, {end}, {max(rtol, 1e-12)}, {atol}, {k}, {nfe},\n     {numbers(times)},\n     {numbers(x)}}},")
print("};\n")
print("/// Fields whose trials are not finite.\nstruct ScipyWall {\n  bool jumps;\n  double start, end, tolerance;\n  int nfe;\n  std::vector<double> times;\n  double x;\n};\n")
print("inline const std::vector<ScipyWall> scipy_walls{")
for jumps, start, end in [(False, 0.0, float(np.log(19.9))), (True, 1.0, 6.0)]:
    for tolerance in (1e-4, 1e-6):
        times, nfe, x = solve_from_one(jump if jumps else wall, start, end, tolerance)
        print(f"    {{{str(jumps).lower()}, {start}, {end.hex()}, {tolerance}, {nfe},\n     {numbers(times)},\n     {x[0].hex()}}},")
print("};\n// clang-format on")
