# SPDX-License-Identifier: MIT
"""Features of the Inception network in PyTorch: the peer of benchmark_inception. One process measures one pass.

    torch_inception.py compare FILE          relative error of the features in FILE, which benchmark_inception --export writes
    torch_inception.py time FILE             seconds of one pass over the images in FILE, as JSON

The network is that of pytorch-fid and torch-fidelity (TensorFlow, 2015-12-05) with convolution, batch normalization and ReLU as separate
modules, as both packages run it, or with --folded with the normalizations as a part of the convolutions, which is faster than both.
"""

import argparse
import json
import struct
import sys
import time

import torch
from torch.nn import functional

BLOCKS_35 = (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64))
BLOCKS_17 = ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")


def read(path):
    """The tensors of a safetensors file."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    types = {"F32": torch.float32, "U8": torch.uint8, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]]).reshape(entry["shape"]).clone()
    return tensors


class Convolution(torch.nn.Module):
    """Convolution, normalization by fixed statistics, ReLU."""

    def __init__(self, weights, module, folded):
        super().__init__()
        kernel = weights[f"{module}.conv.weight"]
        rows, columns = kernel.shape[2:]
        # The reductions to half the extents and the stem have no padding, nor has Conv2d_4a.
        self.stride = 2 if module in STRIDED else 1
        self.padding = (0, 0) if module in STRIDED or module in UNPADDED else (rows // 2, columns // 2)
        normalization = [weights[f"{module}.bn.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
        gamma, beta, mean, variance = normalization
        self.folded = folded
        if folded:
            factor = gamma / torch.sqrt(variance + 1e-3)
            self.kernel = kernel * factor.reshape(-1, 1, 1, 1)
            self.bias = beta - mean * factor
        else:
            self.kernel, self.normalization = kernel, normalization

    def forward(self, x):
        if self.folded:
            return functional.relu_(functional.conv2d(x, self.kernel, self.bias, self.stride, self.padding))
        gamma, beta, mean, variance = self.normalization
        x = functional.conv2d(x, self.kernel, None, self.stride, self.padding)
        return functional.relu(functional.batch_norm(x, mean, variance, gamma, beta, False, 0.0, 1e-3), inplace=True)


STRIDED = {"Conv2d_1a_3x3", "Mixed_6a.branch3x3", "Mixed_6a.branch3x3dbl_3", "Mixed_7a.branch3x3_2", "Mixed_7a.branch7x7x3_4"}
UNPADDED = {"Conv2d_2a_3x3", "Conv2d_4a_3x3"}


class Inception:
    """Pool features of pixels in 0 … 255 resized to 299 × 299 (half-pixel bilinear, 2x/255 − 1: the preprocessing of pytorch-fid)."""

    def __init__(self, weights, folded):
        modules = sorted({name.split(".conv.")[0] for name in weights if ".conv." in name})
        self.layers = {module: Convolution(weights, module, folded) for module in modules}

    def chain(self, x, block, *names):
        for name in names:
            x = self.layers[f"{block}.{name}" if block else name](x)
        return x

    def pooled(self, x, block, maximum=False):
        pool = functional.max_pool2d(x, 3, 1, 1) if maximum else functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return self.chain(pool, block, "branch_pool")

    def wide(self, x, block, maximum):
        once = self.chain(x, block, "branch3x3_1")
        twice = self.chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2")
        parts = [self.chain(x, block, "branch1x1"), self.chain(once, block, "branch3x3_2a"), self.chain(once, block, "branch3x3_2b"),
                 self.chain(twice, block, "branch3x3dbl_3a"), self.chain(twice, block, "branch3x3dbl_3b"),
                 self.pooled(x, block, maximum)]
        return torch.cat(parts, 1)

    def __call__(self, pixels):
        x = functional.interpolate(pixels.float() / 255, size=(299, 299), mode="bilinear", align_corners=False)
        x = self.chain(2 * x - 1, "", "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")
        x = self.chain(functional.max_pool2d(x, 3, 2), "", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
        x = functional.max_pool2d(x, 3, 2)
        for block, _ in BLOCKS_35:
            x = torch.cat([self.chain(x, block, "branch1x1"), self.chain(x, block, "branch5x5_1", "branch5x5_2"),
                           self.chain(x, block, *(f"branch3x3dbl_{i}" for i in (1, 2, 3))), self.pooled(x, block)], 1)
        x = torch.cat([self.chain(x, "Mixed_6a", "branch3x3"), self.chain(x, "Mixed_6a", *(f"branch3x3dbl_{i}" for i in (1, 2, 3))),
                       functional.max_pool2d(x, 3, 2)], 1)
        for block in BLOCKS_17:
            x = torch.cat([self.chain(x, block, "branch1x1"), self.chain(x, block, *(f"branch7x7_{i}" for i in (1, 2, 3))),
                           self.chain(x, block, *(f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))), self.pooled(x, block)], 1)
        x = torch.cat([self.chain(x, "Mixed_7a", "branch3x3_1", "branch3x3_2"),
                       self.chain(x, "Mixed_7a", *(f"branch7x7x3_{i}" for i in (1, 2, 3, 4))), functional.max_pool2d(x, 3, 2)], 1)
        x = self.wide(self.wide(x, "Mixed_7b", False), "Mixed_7c", True)
        return x.mean((2, 3))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("action", choices=("compare", "time"))
    arguments.add_argument("file")
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--folded", action="store_true")
    arguments.add_argument("--channels-last", action="store_true")
    options = arguments.parse_args()
    tensors = read(options.file)
    images = tensors["images"]
    network = Inception(tensors, options.folded)
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    for layer in network.layers.values():
        layer.kernel = layer.kernel.contiguous(memory_format=layout)

    def features():
        batches = [images[k:k + options.batch].contiguous(memory_format=layout) for k in range(0, len(images), options.batch)]
        return torch.cat([network(batch) for batch in batches])

    with torch.inference_mode():
        if options.action == "compare":
            difference = (features() - tensors["features"]).norm(dim=1) / tensors["features"].norm(dim=1)
            print(json.dumps({"torch": torch.__version__, "error": difference.max().item()}))
            return
        network(images[:options.batch])
        begin, cpu = time.perf_counter(), time.process_time()
        features()
        print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "seconds": time.perf_counter() - begin,
                          "cpu_seconds": time.process_time() - cpu, "images": len(images)}))


if __name__ == "__main__":
    sys.exit(main())
