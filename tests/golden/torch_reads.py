# SPDX-License-Identifier: MIT
"""Converts PyTorch's file by scoresde_convert and back, and reads it by PyTorch: the tensors are bit-identical.

    python3 tests/golden/torch_reads.py <scoresde_convert>        status 77 where PyTorch is not installed
"""

import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    debian = "/usr/bin/python3"
    if os.path.exists(debian) and os.environ.get("SCORESDE_SECOND_PYTHON") is None:
        os.execve(debian, [debian, *sys.argv], dict(os.environ, SCORESDE_SECOND_PYTHON="1"))
    print("skipped: PyTorch is not installed (Debian: python3-torch)")
    sys.exit(77)

FILES = pathlib.Path(__file__).resolve().parent / "checkpoints"
SETTINGS = {
    "network.image_size": 8, "network.nf": 4, "network.ch_mult": [1, 1], "network.num_res_blocks": 1,
    "network.attn_resolutions": [], "network.embedding_type": "fourier", "network.fir": True, "network.centered": False,
    "network.progressive": "output_skip", "network.progressive_input": "input_skip", "network.scale_by_sigma": True,
    "network.num_scales": 10, "network.sigma_max": 1, "network.sigma_min": 0.36787944117144233, "sde.name": "ve",
    "sde.sigma_min": 0.01, "sde.sigma_max": 50, "sde.t_min": 1e-5, "training.ema_decay": 0.999,
    "training.warm_up": 0, "training.learning_rate": 2e-4,
}


def compare(wanted, found, path=""):
    """Compares the tensors, strings and numbers in `wanted`; returns the number of tensors."""
    if isinstance(wanted, torch.Tensor):
        if path.endswith("/step"):  # a number in either form
            assert float(wanted) == float(found), path
            return 0
        assert wanted.dtype == found.dtype and wanted.shape == found.shape, path
        if path.endswith("sigmas"):  # by formula
            assert torch.allclose(wanted, found, rtol=1e-14, atol=0), path
        else:
            assert wanted.numpy().tobytes() == found.numpy().tobytes(), path
        return 1
    if isinstance(wanted, dict):
        return sum(compare(value, found[key], f"{path}/{key}") for key, value in wanted.items() if key != "param_groups")
    if isinstance(wanted, (list, tuple)):
        assert len(wanted) == len(found), path
        return sum(compare(a, b, f"{path}/{i}") for i, (a, b) in enumerate(zip(wanted, found)))
    assert wanted == found, path
    return 0


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "settings.json").write_text(json.dumps(SETTINGS))
        convert = lambda *words: subprocess.run([sys.argv[1], *map(str, words)], check=True)
        convert(FILES / "tiny.pth", folder / "run.safetensors", "--config", folder / "settings.json")
        convert(folder / "run.safetensors", folder / "back.pth")
        wanted, found = torch.load(FILES / "tiny.pth"), torch.load(folder / "back.pth")
        tensors = compare(wanted, found)
        assert list(wanted["model"]) == list(found["model"]), "the model's order"

        parameters = [torch.nn.Parameter(tensor.clone()) for key, tensor in found["model"].items() if key != "module.sigmas"]
        optimizer = torch.optim.Adam(parameters, lr=1)
        optimizer.load_state_dict(found["optimizer"])
        group = optimizer.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (2e-4, (0.9, 0.999), 1e-8), group
        for p in parameters[1:]:
            p.grad = torch.ones_like(p)
        optimizer.step()

        safe = "weights_only" in inspect.signature(torch.load).parameters
        if safe and tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 0):  # 1.13 rejects every float, including its own
            compare(wanted, torch.load(folder / "back.pth", weights_only=True))
        print(f"{tensors} tensors are bit-identical to PyTorch {torch.__version__}'s, which continues training from them")


if __name__ == "__main__":
    main()
