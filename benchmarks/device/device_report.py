# SPDX-License-Identifier: MIT
"""The report of device.sh: device.md and device.json from the logs of its parts.

    device_report.py WORK OUT     WORK holds parts.tsv (name, budget, seconds, status, command), <name>.log, pytorch.md and pytorch.json
"""

import json
import pathlib
import re
import sys

# Key in the JSON line, column header, factor, digits.
NETWORK = (("what", "", None, 0), ("precision", "", None, 0), ("batch", "", None, 0), ("median_seconds", "ms", 1e3, 3),
           ("eager_median_seconds", "eager, ms", 1e3, 3), ("images_per_second", "images/s", 1, 0), ("gflops", "TFLOP/s", 1e-3, 1),
           ("of_gemm", "% of matrix product", 100, 1), ("of_copy", "% of copy bandwidth", 100, 1), ("device_peak_bytes", "GB used", 1e-9, 2))
ASSIGN = (("batch", "", None, 0), ("terms", "", None, 0), ("noise", "", None, 0), ("median_seconds", "us", 1e6, 2),
          ("eager_seconds", "eager, us", 1e6, 2), ("gbs", "GB/s", 1, 0), ("of_copy", "% of copy bandwidth", 100, 1))
SAMPLER = (("preset", "", None, 0), ("batch", "", None, 0), ("steps", "", None, 0), ("evaluations", "", None, 0), ("graphs", "", None, 0),
           ("run_seconds", "run, s", 1, 3), ("forward_seconds", "forward pass, ms", 1e3, 3), ("outside", "% outside the network", 100, 1),
           ("step_seconds", "step without network, us", 1e6, 2), ("images_per_second", "images/s", 1, 1))
SECTIONS = (("Network", "network_", NETWORK), ("Whole training step", "train", NETWORK), ("Step of a sampler", "assign", ASSIGN),
            ("Sampling runs", "sampler", SAMPLER))


def lines_of(log):
    """The JSON objects in a log, one per line."""
    found = []
    for text in log.splitlines():
        if text.startswith("{"):
            try:
                found.append(json.loads(text))
            except ValueError:
                pass
    return found


def tests_of(log):
    """The final summary of Catch2 or compute-sanitizer."""
    ends = re.findall(r"^(All tests passed.*|test cases:.*|assertions:.*|Skipped:.*|.*ERROR SUMMARY:.*|.*RACECHECK SUMMARY:.*)$", log, re.M)
    ended = len(re.findall(r"^\d+\.\d+ s: ", log, re.M))
    return [re.sub(r"\s+", " ", end.strip("= ")) for end in ends] + ([f"{ended} tests finished"] if ended else [])


def table(columns, rows):
    columns = [column for column in columns if any(column[0] in row for row in rows)]
    text = ["| " + " | ".join(head or key for key, head, _, _ in columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        text.append("| " + " | ".join(cell(row.get(key), scale, digits) for key, _, scale, digits in columns) + " |")
    return "\n".join(text)


def cell(value, scale, digits):
    if value is None:
        return ""
    return str(value) if scale is None else f"{value * scale:.{digits}f}"


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def parts_of(work):
    parts = []
    for text in read(work / "parts.tsv").splitlines():
        name, budget, seconds, status, command = text.split("\t")
        log = read(work / f"{name}.log")
        parts.append({"name": name, "budget": int(budget), "seconds": int(seconds), "status": status, "command": command,
                      "summary": tests_of(log), "lines": lines_of(log), "log": log})
    return parts


def outcome(part):
    words = {"0": "done", "77": "skipped: no device", "124": "stopped: timeout", "137": "killed: timeout",
             "skipped": "skipped: no time left"}
    if part["status"] in words:
        return words[part["status"]]
    last = [text for text in part["log"].splitlines() if text.strip()]
    return f"status {part['status']}: {last[-1][:160] if last else 'no output'}".replace("|", "\\|")


def markdown(parts, work):
    lines = [line for part in parts for line in part["lines"]]
    device = next((line["device"] for line in lines if "device" in line), "no device found")
    text = ["# scoresde on a device", "", device, ""]
    for line in lines:
        if "gemm_gflops" in line:
            text += [f"A product of 8192 x 8192 x 8192 in bfloat16: {line['gemm_gflops'] / 1e3:.0f} TFLOP/s; a copy: {line['copy_gbs']:.0f} GB/s read and "
                     "written.", ""]
            break
    text += ["| part | outcome | s | summary |", "|---|---|---|---|"]
    text += [f"| {p['name']} | {outcome(p)} | {p['seconds']} | {'; '.join(p['summary'])} |" for p in parts]
    for title, prefix, columns in SECTIONS:
        rows = [line for part in parts if part["name"].startswith(prefix) for line in part["lines"]]
        if rows:
            text += ["", f"## {title}", "", table(columns, rows)]
    peers = read(work / "pytorch.md")
    if peers:
        text += ["", "## Comparison with compiled PyTorch", "", peers.strip()]
    return "\n".join(text) + "\n"


def main():
    work, out = map(pathlib.Path, sys.argv[1:3])
    parts = parts_of(work)
    (out / "device.md").write_text(markdown(parts, work))
    peers = read(work / "pytorch.json")
    numbers = {"parts": [{key: value for key, value in part.items() if key != "log"} for part in parts],
               "pytorch": json.loads(peers) if peers else None}
    (out / "device.json").write_text(json.dumps(numbers, indent=1) + "\n")
    # The end of a log contains the reason of its end.
    (out / "log.txt").write_text("".join(f"===== {p['name']}: {p['command']}\n{p['log'][-200000:]}\n" for p in parts))


if __name__ == "__main__":
    main()
