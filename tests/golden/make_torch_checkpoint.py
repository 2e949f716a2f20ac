# SPDX-License-Identifier: MIT
"""Writes tests/golden/checkpoints with PyTorch: one tiny NCSN++ as stored by score_sde and diffusers, unusual tensors, and files
with objects other than weights.

    python3 tests/golden/make_torch_checkpoint.py          (Debian: python3-torch)
    python3 tests/golden/make_torch_checkpoint.py foreign  (only the last; PyTorch 2.3 or later, NumPy)

Element e of parameter k is ((131 k + 29 e) mod 2001 - 1000) / 512 in the model, half of it in the average, a quarter in
Adam's first moment, and an eighth of its magnitude plus 1 in the second.
"""

import argparse
import json
import pathlib
import struct
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict

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


def config_object():
    """An object of the class of score_sde's configurations, without the package ml_collections."""
    name = "ml_collections.config_dict.config_dict"
    for parent in ("ml_collections", "ml_collections.config_dict", name):
        module = sys.modules.setdefault(parent, types.ModuleType(parent))
    module.ConfigDict = type("ConfigDict", (), {"__module__": name})
    config = module.ConfigDict()
    config.model = {"nf": NF, "weights": torch.zeros(2)}
    return config


def foreign_objects():
    import numpy as np
    return {
        "best_fid": np.float64(3.5), "args": argparse.Namespace(lr=2e-4, tags=["a"]), "config": config_object(),
        "dtype": torch.float32, "device": torch.device("cpu"), "path": pathlib.PurePosixPath("/runs/1"), "big": 2**70,
        "counts": defaultdict(int, {"updates": 70}), "seen": {1, 2}, "raw": b"bytes", "array": np.arange(3.0),
        "complex": torch.tensor([1 + 2j]), "double_complex": torch.tensor([1 + 2j], dtype=torch.complex128),
        "fp8": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn), "sparse": torch.eye(2).to_sparse(),
        "u16": torch.tensor([65535, 1], dtype=torch.uint16), "weights": OrderedDict(w=torch.tensor([0.5, -1.25])),
    }


def deflate(path):
    """Recompresses a file of torch.save as a zip program would."""
    with zipfile.ZipFile(path) as old:
        entries = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries:
            entry = zipfile.ZipInfo(name)  # with a fixed date
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, data)


def write_foreign():
    """The weights among other objects, in every protocol; and the tiny model with the names of torch.compile and DataParallel, in
    another order, without averages, with its step as a tensor."""
    for protocol in (2, 3, 4, 5):
        torch.save(foreign_objects(), FOLDER / f"foreign_{protocol}.pth", pickle_protocol=protocol)
    torch.save(foreign_objects(), FOLDER / "foreign_legacy.pth", pickle_protocol=4, _use_new_zipfile_serialization=False)
    torch.save({"zeros": torch.zeros(1000)}, FOLDER / "zeros.pth")
    for name in ("foreign_3.pth", "zeros.pth"):
        deflate(FOLDER / name)
    model = OrderedDict(("_orig_mod.module." + name, tensor) for name, _, _, tensor in reversed(named()))
    model["_orig_mod.extra"] = torch.tensor([1j])
    torch.save({"model": model, "step": torch.tensor(70), **foreign_objects()}, FOLDER / "tiny_foreign.pth")
    deflate(FOLDER / "tiny_foreign.pth")


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
    if sys.argv[1:] != ["foreign"]:
        main()
    write_foreign()
