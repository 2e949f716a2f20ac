# SPDX-License-Identifier: MIT
"""Converts folders of diffusers by scoresde_convert and back, and reads them by diffusers: the network is bit-identical.

    python3 tests/golden/diffusers_reads.py <scoresde_convert>        status 77 where diffusers is not installed
"""

import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    from diffusers import UNet2DModel
except ImportError:
    print("skipped: diffusers is not installed (pip install diffusers torch)")
    sys.exit(77)

FOLDERS = pathlib.Path(__file__).resolve().parent / "diffusers"


def main():
    tensors = 0
    for folder in sorted(path for path in FOLDERS.iterdir() if path.is_dir()):
        with tempfile.TemporaryDirectory() as name:
            run, back = pathlib.Path(name) / "weights.safetensors", pathlib.Path(name) / "back"
            levels = ["--set", "sde.name=ve", "--set", "sde.sigma_min=0.01", "--set", "sde.sigma_max=348", "--set", "sde.t_min=1e-5"]
            convert = lambda *words: subprocess.run([sys.argv[1], *map(str, words)], check=True, stdout=subprocess.DEVNULL)
            convert(folder, run, *(levels if folder.name.startswith("ncsnpp") else []))
            convert(run, back)
            wanted = UNet2DModel.from_pretrained(folder, torch_dtype=torch.float32)
            found = UNet2DModel.from_pretrained(back)
        state = found.state_dict()
        assert list(state) == list(wanted.state_dict()), folder
        for key, tensor in wanted.state_dict().items():
            assert tensor.numpy().tobytes() == state[key].numpy().tobytes(), (folder, key)
        tensors += len(state)
        for key, value in wanted.config.items():
            same = key.startswith("_") or found.config[key] == value or (key == "act_fn" and value == "swish")
            unused = key == "downsample_padding" and "Skip" in str(wanted.config.down_block_types)
            unused |= key in ("flip_sin_to_cos", "freq_shift") and wanted.config.time_embedding_type == "fourier"
            assert same or unused, (folder, key, value, found.config[key])
    print(f"{tensors} tensors of {len(list(FOLDERS.iterdir()))} networks are bit-identical to diffusers'")


if __name__ == "__main__":
    main()
