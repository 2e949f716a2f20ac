# SPDX-License-Identifier: MIT
"""Writes tests/golden/checkpoints with PyTorch: one tiny NCSN++ as score_sde and diffusers keep it, and odd tensors.

    python3 tests/golden/make_torch_checkpoint.py          (Debian: python3-torch)

Element e of parameter k is ((131 k + 29 e) mod 2001 - 1000) / 512 in the model, half of it in the average, a quarter in
Adam's first moment, and an eighth of its magnitude plus 1 in the second.
"""

import json
import pathlib
import struct
from collections import OrderedDict

import torch

FOLDER = pathlib.Path(__file__).resolve().parent / "checkpoints"
NF, EMBEDDED = 4, 16


def residual(a, b, projected):
    yield from [("GroupNorm_0.weight", (a,)), ("GroupNorm_0.bias", (a,)), ("Conv_0.weight", (b, a, 3, 3)), ("Conv_0.bias", (b,))]
    yield from [("Dense_0.weight", (b, EMBEDDED)), ("Dense_0.bias", (b,)), ("GroupNorm_1.weight", (b,)), ("GroupNorm_1.bias", (b,))]
    yield from [("Conv_1.weight", (b, b, 3, 3)), ("Conv_1.bias", (b,))]
    if projected:
        yield from [("Conv_2.weight", (b, a, 1, 1)), ("Conv_2.bias", (b,))]


def attention(c):
    yield from [("GroupNorm_0.weight", (c,)), ("GroupNorm_0.bias", (c,))]
    for i in range(4):
        yield from [(f"NIN_{i}.W", (c, c)), (f"NIN_{i}.b", (c,))]


def layer(*shape):
    return [("weight", shape), ("bias", shape[:1])]


# The modules of two levels of one block each: names in diffusers, tensors in the order of registration.
MODULES = [
    ("time_proj", [("W", (NF,))]),
    ("time_embedding.linear_1", layer(EMBEDDED, 2 * NF)),
    ("time_embedding.linear_2", layer(EMBEDDED, EMBEDDED)),
    ("conv_in", layer(NF, 3, 3, 3)),
    ("down_blocks.0.resnets.0", residual(NF, NF, False)),
    ("down_blocks.0.resnet_down", residual(NF, NF, True)),
    ("down_blocks.0.skip_conv", [("Conv_0.weight", (NF, 3, 1, 1)), ("Conv_0.bias", (NF,))]),
    ("down_blocks.1.resnets.0", residual(NF, NF, False)),
    ("mid_block.resnets.0", residual(NF, NF, False)),
    ("mid_block.attentions.0", attention(NF)),
    ("mid_block.resnets.1", residual(NF, NF, False)),
    ("up_blocks.0.resnets.0", residual(2 * NF, NF, True)),
    ("up_blocks.0.resnets.1", residual(2 * NF, NF, True)),
    ("up_blocks.0.skip_norm", layer(NF)),
    ("up_blocks.0.skip_conv", layer(3, NF, 3, 3)),
    ("up_blocks.0.resnet_up", residual(NF, NF, True)),
    ("up_blocks.1.resnets.0", residual(2 * NF, NF, True)),
    ("up_blocks.1.resnets.1", residual(2 * NF, NF, True)),
    ("conv_norm_out", layer(NF)),
    ("conv_out", layer(3, NF, 3, 3)),
]

CONFIG = {
    "_class_name": "UNet2DModel", "_diffusers_version": "0.4.0", "act_fn": "silu", "attention_head_dim": None,
    "block_out_channels": [NF, NF], "center_input_sample": True, "down_block_types": ["SkipDownBlock2D"] * 2,
    "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 3, "layers_per_block": 1,
    "mid_block_scale_factor": 2**0.5, "norm_eps": 1e-06, "norm_num_groups": None, "out_channels": 3, "sample_size": 8,
    "time_embedding_type": "fourier", "up_block_types": ["SkipUpBlock2D"] * 2,
}
PRESENT = {"GroupNorm_0": "norm1", "Conv_0": "conv1", "Dense_0": "time_emb_proj", "GroupNorm_1": "norm2", "Conv_1": "conv2",
           "Conv_2": "conv_shortcut"}
LEGACY = {"GroupNorm_0": "group_norm", "NIN_0": "query", "NIN_1": "key", "NIN_2": "value", "NIN_3": "proj_attn"}
NOW = dict(LEGACY, NIN_0="to_q", NIN_1="to_k", NIN_2="to_v", NIN_3="to_out.0")


def named():
    """(name in score_sde, module in diffusers, name within the module, tensor) in the order of registration."""
    found = []
    for number, (module, tensors) in enumerate(MODULES):
        for name, shape in tensors:
            count = int(torch.Size(shape).numel())
            values = [((131 * len(found) + 29 * e) % 2001 - 1000) / 512 for e in range(count)]
            found.append((f"all_modules.{number}.{name}", module, name, torch.tensor(values).reshape(shape)))
    return found


def score_sde(tensors):
    parameters = [torch.nn.Parameter(t, requires_grad=not name.endswith("0.W") or "NIN" in name) for name, _, _, t in tensors]
    optimizer = torch.optim.Adam(parameters, lr=2e-4)
    for p in parameters:
        if p.requires_grad:
            optimizer.state[p] = {"step": torch.tensor(70.0), "exp_avg": p.detach() / 4, "exp_avg_sq": p.detach().abs() / 8 + 1}
    model = OrderedDict({"module.sigmas": torch.exp(torch.linspace(0, -1, 10, dtype=torch.float64))})
    model.update(("module." + name, p.detach()) for (name, _, _, _), p in zip(tensors, parameters))
    model._metadata = OrderedDict({"": {"version": 1}, "module": {"version": 1}})
    averages = [p.detach() / 2 for p in parameters if p.requires_grad]
    return {"optimizer": optimizer.state_dict(), "model": model,
            "ema": {"decay": 0.999, "num_updates": 70, "shadow_params": averages}, "step": 70}


def diffusers(tensors, attention_names):
    state = OrderedDict()
    for _, module, name, tensor in tensors:
        layer_name, _, kind = name.rpartition(".")
        if ".attentions." in module:
            layer_name = attention_names[layer_name]
        elif "skip_conv" in module:
            layer_name = ""
        else:
            layer_name = PRESENT.get(layer_name, layer_name)
        if kind == "W" and layer_name:
            tensor = tensor.t().contiguous()
        kind = {"W": "weight", "b": "bias"}.get(kind, kind)
        state[".".join(filter(None, [module, layer_name, kind]))] = tensor
    return state


def save_safetensors(path, state):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in state.items():
        raw = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def odd_tensors():
    grid = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return {
        "f64": torch.tensor([0.1, -2.0], dtype=torch.float64), "f32": torch.tensor([[0.5], [-1.25]]),
        "f16": torch.tensor([1.5, -0.0, 65504.0]).half(), "bf16": torch.tensor([3.0, -0.0078125]).bfloat16(),
        "i64": torch.tensor([2**53 + 1, -5]), "i32": torch.tensor([-7], dtype=torch.int32),
        "i16": torch.tensor([300], dtype=torch.int16), "i8": torch.tensor([-128], dtype=torch.int8),
        "u8": torch.tensor([255], dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "transposed": grid.t(), "columns": grid[:, 1:3], "steps": grid[::2, ::3], "last": grid[2, 3],
        "scalar": torch.tensor(4.5), "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(torch.tensor([6.0])),
        "expanded": torch.tensor([1.0]).expand(5), "number": 3, "big": 2**40, "negative": -2**40, "text": "ä",
        "nothing": None, "nested": [(1, 2.5, True), {"deep": [grid]}],
    }


def main():
    (FOLDER / "diffusers").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    tensors = named()
    checkpoint = score_sde(tensors)
    torch.save(checkpoint, FOLDER / "tiny.pth")
    checkpoint["optimizer"]["state"] = {}
    torch.save(checkpoint, FOLDER / "tiny_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(odd_tensors(), FOLDER / "tensors.pth")
    torch.save(odd_tensors(), FOLDER / "tensors_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(diffusers(tensors, LEGACY), FOLDER / "diffusers" / "diffusion_pytorch_model.bin")
    save_safetensors(FOLDER / "diffusers" / "present_names.safetensors", diffusers(tensors, NOW))
    (FOLDER / "diffusers" / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


if __name__ == "__main__":
    main()
