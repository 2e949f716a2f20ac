# SPDX-License-Identifier: MIT
"""Writes tests/golden/diffusers: small UNet2DModel folders of diffusers, and PyTorch's outputs.

    python3 tests/golden/make_diffusers_unets.py [folder]          (diffusers 0.42, torch, safetensors)

Each folder has config.json and diffusion_pytorch_model.safetensors as written by save_pretrained (bfloat16), and
outputs.safetensors: x, t, the classes, if any, and y = UNet2DModel(x, t) in double with the same weights.
The first label is 0, where diffusers' float32 sines are exact; Fourier networks take noise levels.
"""

import pathlib
import shutil
import sys

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parent / "diffusers"
SMALL = {"sample_size": 8, "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4,
         "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
SKIP = {"sample_size": 8, "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": None, "attention_head_dim": 4,
        "down_block_types": ("SkipDownBlock2D", "SkipDownBlock2D"), "up_block_types": ("SkipUpBlock2D", "SkipUpBlock2D"),
        "time_embedding_type": "fourier", "mid_block_scale_factor": 2**0.5}

# Differences from SMALL (or SKIP); everything else is at diffusers' defaults.
CASES = {
    # diffusers' script for unconditional training, narrower: six levels, attention at the fifth.
    "training_script": {
        "sample_size": 32, "layers_per_block": 2, "norm_num_groups": 4, "attention_head_dim": 4,
        "block_out_channels": (4, 4, 4, 4, 8, 8),
        "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4},
    "ddpm_conventions": {"flip_sin_to_cos": False, "freq_shift": 1, "downsample_padding": 0, "attention_head_dim": None,
                         "norm_eps": 1e-6},
    "other_conventions": {"flip_sin_to_cos": True, "freq_shift": 0.5, "downsample_padding": 0, "time_embedding_dim": 20},
    "any_channels": {"block_out_channels": (12, 8, 4), "in_channels": 5, "out_channels": 2, "norm_num_groups": 2,
                     "attn_norm_num_groups": 4, "num_class_embeds": 3, "center_input_sample": True,
                     "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
                     "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D")},
    "scale_shift": {"resnet_time_scale_shift": "scale_shift"},
    "scale_shift_groups": {"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 2, "act_fn": "swish",
                           "dropout": 0.1},
    "no_middle_attention": {"add_attention": False},
    "no_middle": {"mid_block_type": None},
    "attention_down_only": {"up_block_types": ("UpBlock2D", "UpBlock2D")},
    "attention_crossed": {"up_block_types": ("UpBlock2D", "AttnUpBlock2D"), "sample_size": (8, 12)},
    "ncsnpp_scale_shift": dict(SKIP, norm_eps=1e-6, resnet_time_scale_shift="scale_shift"),
}


def randomize(model):
    """Parameters representable in bfloat16, without zero biases or unit gains."""
    for p in model.parameters():
        p.data = (p.data + 0.1 * torch.randn_like(p)).bfloat16().to(p.dtype)


def write(name, changes, folder):
    torch.manual_seed(len(name))
    config = dict({} if "Skip" in str(changes) else SMALL, **changes)
    model = UNet2DModel(**config).eval()
    randomize(model)
    model.bfloat16().save_pretrained(folder)
    model.double()
    size = config["sample_size"]
    height, width = size if isinstance(size, tuple) else (size, size)
    x = torch.randn(2, model.config.in_channels, height, width, dtype=torch.float64)
    fourier = model.config.time_embedding_type == "fourier"
    t = torch.tensor([0.02, 12.5] if fourier else [0.0, 371.0], dtype=torch.float64)
    tensors = {"x": x, "t": t}
    if model.config.num_class_embeds is not None:
        tensors["classes"] = torch.tensor([2, 0])
    with torch.no_grad():
        tensors["y"] = model(x, t, class_labels=tensors.get("classes")).sample
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / "outputs.safetensors")
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, |y| up to {tensors['y'].abs().max():.3}")


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, changes in CASES.items():
        shutil.rmtree(root / name, ignore_errors=True)
        write(name, changes, root / name)


if __name__ == "__main__":
    main()
