# SPDX-License-Identifier: MIT
"""The score networks DDPM, DDPM++ and NCSN++ in PyTorch, written for this project: the peer of the library's networks.

Ho et al. 2020 (arXiv:2006.11239), appendix B; Song et al. 2021 (arXiv:2011.13456), appendix H; the filters of Karras et al. 2020
(arXiv:1912.04958), appendix B. Parameters are named and numbered as in score_sde's state_dict, and the settings are those of a file of
the library (`network.nf`, ...), so that its weights load by name. It supports every setting of the CIFAR-10 presets and rejects
others. Runs on PyTorch 1.13 and later, on a CPU or a GPU, in any floating type and either memory format, also under torch.compile.
"""

import json
import math
import types

import numpy
import torch
from torch import nn
from torch.nn import functional as F

LISTS = {"ch_mult", "attn_resolutions", "fir_kernel"}
# Supported values of the settings.
SUPPORTED = {"nonlinearity": ("swish",), "progressive": ("none",), "progressive_input": ("none", "residual"), "attn_up": ("once",),
             "num_class_embeds": (0,), "fir_kernel": ([1, 3, 3, 1],), "image_width": (0,), "name": ("ddpm", "ncsnpp"),
             "embedding_type": ("positional", "fourier"), "resblock_type": ("biggan", "ddpm")}
DTYPES = {"F64": "<f8", "F32": "<f4"}


def read_safetensors(path):
    """The metadata and the tensors of a safetensors file of floating-point numbers."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data, DTYPES[entry["dtype"]], offset=begin, count=math.prod(entry["shape"]))
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return metadata, tensors


def weights_of(tensors):
    """The entries of a network's state_dict."""
    return {name: value for name, value in tensors.items() if name.startswith("all_modules.")}


def settings_of(metadata):
    """The `network.` settings of a file's metadata, in which every value is a string."""
    def value(key, text):
        if key in LISTS:
            return [float(word) if "." in word else int(word) for word in text.split(",") if word]
        if text in ("true", "false"):
            return text == "true"
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                pass
        return text

    prefix = "network."
    found = {key[len(prefix):]: value(key[len(prefix):], text) for key, text in metadata.items() if key.startswith(prefix)}
    if not found:
        raise ValueError("no key of the metadata begins with 'network.'; the file does not identify its network")
    for key, allowed in SUPPORTED.items():
        if found[key] not in allowed:
            raise ValueError(f"{key} is {found[key]!r}; supported: {' and '.join(map(repr, allowed))}")
    return types.SimpleNamespace(**found)


def silu(x):
    """SiLU, in place unless autograd needs the input; the caller must not use the tensor again."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def group_norm(settings, channels):
    groups = 32 if settings.name == "ddpm" else min(channels // 4, 32)
    return nn.GroupNorm(groups, channels, settings.norm_eps)


class Dense(nn.Linear):
    """A dense layer between vectors of shape (N, C, 1, 1)."""

    def forward(self, x):
        return F.linear(x[:, :, 0, 0], self.weight, self.bias)[:, :, None, None]


class Nin(nn.Module):
    """A pointwise layer with weights (in, out)."""

    def __init__(self, channels, out_channels):
        super().__init__()
        self.W = nn.Parameter(torch.randn(channels, out_channels) * math.sqrt(0.2 / (channels + out_channels)))
        self.b = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x):
        return pointwise(x, self.W, self.b)


def pointwise(x, weight, bias):
    return F.conv2d(x, weight.t()[:, :, None, None], bias)


class Fourier(nn.Module):
    """Sines and cosines of 2 pi w ln sigma; w is drawn once. Phases reach thousands of radians and need double."""

    def __init__(self, count, scale):
        super().__init__()
        self.W = nn.Parameter(torch.randn(count) * scale, requires_grad=False)

    def forward(self, sigma):
        return waves(sigma.double().log()[:, None] * self.W.double() * (2 * math.pi))


def positional(labels, channels):
    """Sines and cosines of label exp(-ln(10^4) k/(half - 1))."""
    half = channels // 2
    k = torch.arange(half, dtype=torch.float64, device=labels.device)
    return waves(labels.double()[:, None] * torch.exp(k * (-math.log(10000) / (half - 1))))


def waves(phases):
    return torch.cat([phases.sin(), phases.cos()], 1)[:, :, None, None]


class Resample(nn.Module):
    """Twice or half the resolution: nearest neighbors and means, or the filter (1 3 3 1) as a depthwise convolution. Upsampling with it
    equals (1 2 1) on doubled pixels, three times as fast as a transposed convolution. With `margin` the filter leaves an additional pixel
    on each side and does not downsample, for a convolution that follows."""

    def __init__(self, settings, channels, how, margin=0):
        super().__init__()
        self.how, self.margin, self.channels = how, margin, channels
        kernel = None
        if settings.fir and settings.name != "ddpm":
            taps = torch.tensor([1.0, 2.0, 1.0] if how == "up" else [1.0, 3.0, 3.0, 1.0])
            kernel = (torch.outer(taps, taps) / taps.sum()**2).repeat(channels, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x):
        if self.how == "up":
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.kernel is None:
            return x if self.how == "up" else F.avg_pool2d(x, 2)
        stride = 2 if self.how == "down" and self.margin == 0 else 1
        return F.conv2d(x, self.kernel.to(x.dtype), stride=stride, padding=1 + self.margin, groups=self.channels)


class ResampleWithConvolution(nn.Module):
    """The same with a 3x3 convolution: after upsampling, or with stride 2 for downsampling."""

    def __init__(self, settings, channels, out_channels, how):
        super().__init__()
        self.how, self.fir = how, settings.fir and settings.name != "ddpm"
        self.resample = Resample(settings, channels, how, margin=1) if self.fir or how == "up" else None
        stride = 2 if how == "down" else 1
        convolution = nn.Conv2d(channels, out_channels, 3, stride, padding=0 if self.fir or how == "down" else 1)
        self.name = "Conv2d_0" if self.fir else "Conv_0"
        self.add_module(self.name, convolution)

    def forward(self, x):
        x = self.resample(x) if self.resample else F.pad(x, (0, 1, 0, 1))
        return getattr(self, self.name)(x)


class Block(nn.Module):
    """h = Conv_0(resample(silu(GN_0(x)))) + Dense_0(e); y = (shortcut(resample(x)) + Conv_1(dropout(silu(GN_1(h)))))s."""

    def __init__(self, settings, channels, out_channels, how=None):
        super().__init__()
        self.dropout, self.how = settings.dropout, how
        self.scale = 1 / math.sqrt(2) if settings.skip_rescale and settings.name != "ddpm" else 1
        self.GroupNorm_0 = group_norm(settings, channels)
        self.Conv_0 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.Dense_0 = Dense(4 * settings.nf, out_channels) if settings.conditional else None
        self.GroupNorm_1 = group_norm(settings, out_channels)
        self.Conv_1 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.resample = Resample(settings, channels, how) if how else None
        self.project = how is not None or channels != out_channels
        self.biggan = is_biggan(settings)
        if self.project and self.biggan:
            self.Conv_2 = nn.Conv2d(channels, out_channels, 1)
        elif self.project:
            self.NIN_0 = Nin(channels, out_channels)

    def forward(self, x, e):
        h = silu(self.GroupNorm_0(x))
        if self.resample:
            h = self.resample(h)
        h = self.Conv_0(h)
        if self.Dense_0 is not None:
            h += self.Dense_0(e)
        h = silu(self.GroupNorm_1(h))
        h = self.Conv_1(F.dropout(h, self.dropout, self.training, inplace=True))
        h += self.shortcut(x)
        return h if self.scale == 1 else h.mul_(self.scale)

    def shortcut(self, x):
        if self.how == "up" and self.resample.kernel is None:
            return self.resample(self.Conv_2(x))  # pixels are copied afterwards: a quarter of the work
        if self.resample:
            x = self.resample(x)
        if not self.project:
            return x
        return self.Conv_2(x) if self.biggan else self.NIN_0(x)


class Attention(nn.Module):
    """(q, k, v) = NIN_0,1,2(GN(x)); y = (x + NIN_3(v softmax(q^T k/sqrt C)^T))s, one head over all pixels."""

    def __init__(self, settings, channels):
        super().__init__()
        self.scale = 1 / math.sqrt(2) if settings.skip_rescale and settings.name != "ddpm" else 1
        self.GroupNorm_0 = group_norm(settings, channels)
        for i in range(4):
            self.add_module(f"NIN_{i}", Nin(channels, channels))

    def forward(self, x):
        h = self.GroupNorm_0(x)
        weight = torch.cat([self.NIN_0.W, self.NIN_1.W, self.NIN_2.W], 1)
        bias = torch.cat([self.NIN_0.b, self.NIN_1.b, self.NIN_2.b])
        q, k, v = pointwise(h, weight, bias).chunk(3, 1)
        # The product is channels_last, and convolutions of a contiguous network would keep that format.
        channels_last = x.is_contiguous(memory_format=torch.channels_last)
        y = attention(q, k, v).contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        h = self.NIN_3(y)
        h += x
        return h if self.scale == 1 else h.mul_(self.scale)


def attention(q, k, v):
    """v softmax(q^T k/sqrt C)^T over the pixels of (N, C, H, W)."""
    n, c, height, width = q.shape
    q, k, v = (a.flatten(2).transpose(1, 2) for a in (q, k, v))
    if hasattr(F, "scaled_dot_product_attention"):
        y = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
    else:
        y = torch.bmm(torch.softmax(torch.bmm(q * c**-0.5, k.transpose(1, 2)), -1), v)
    return y.transpose(1, 2).reshape(n, c, height, width)


def is_biggan(settings):
    return settings.name != "ddpm" and settings.resblock_type == "biggan"


class UNet(nn.Module):
    """F(x, labels): x (N, C, H, W); labels (N) are noise levels sigma for a Fourier embedding, otherwise the argument of the sines."""

    def __init__(self, settings):
        super().__init__()
        self.settings = s = settings
        self.all_modules = nn.ModuleList()  # owns the modules; the lists below define their use
        self.fourier = s.name != "ddpm" and s.embedding_type == "fourier"
        self.pyramid = s.name != "ddpm" and s.progressive_input == "residual"
        self.frequencies = [self.add(Fourier(s.nf, s.fourier_scale))] if self.fourier else []
        if s.conditional:
            self.dense = [self.add(Dense((2 if self.fourier else 1) * s.nf, 4 * s.nf)), self.add(Dense(4 * s.nf, 4 * s.nf))]
        self.first = [self.add(nn.Conv2d(s.num_channels, s.nf, 3, padding=1))]
        kept = [s.nf]
        self.down = [self.level_down(level, kept) for level in range(len(s.ch_mult))]
        c = kept[-1]
        self.middle = [self.add(Block(s, c, c)), self.add(Attention(s, c)), self.add(Block(s, c, c))]
        self.up = []
        for level in reversed(range(len(s.ch_mult))):
            blocks, c = self.level_up(level, c, kept)
            self.up.append(blocks)
        self.last = [self.add(group_norm(s, c)), self.add(nn.Conv2d(c, s.num_channels, 3, padding=1))]

    def add(self, module):
        self.all_modules.append(module)
        return module

    def attends(self, level):
        return self.settings.image_size >> level in self.settings.attn_resolutions

    def change(self, channels, how):
        s = self.settings
        if is_biggan(s):
            return self.add(Block(s, channels, channels, how))
        return self.add(ResampleWithConvolution(s, channels, channels, how) if s.resamp_with_conv else Resample(s, channels, how))

    def level_down(self, level, kept):
        """[(block, attention)...], the downsampling, and the convolution that adds the image pyramid."""
        s, blocks, pyramid = self.settings, [], None
        channels = s.nf * s.ch_mult[level]
        for _ in range(s.num_res_blocks):
            block = self.add(Block(s, kept[-1], channels))
            blocks.append((block, self.add(Attention(s, channels)) if self.attends(level) else None))
            kept.append(channels)
        if level + 1 == len(s.ch_mult):
            return blocks, None, None
        change = self.change(channels, "down")
        if self.pyramid:
            before = s.num_channels if level == 0 else s.nf * s.ch_mult[level - 1]
            pyramid = self.add(ResampleWithConvolution(s, before, channels, "down"))
        kept.append(channels)
        return blocks, change, pyramid

    def level_up(self, level, channels, kept):
        s, blocks = self.settings, []
        for _ in range(s.num_res_blocks + 1):
            blocks.append(self.add(Block(s, channels + kept.pop(), s.nf * s.ch_mult[level])))
            channels = s.nf * s.ch_mult[level]
        attention = self.add(Attention(s, channels)) if self.attends(level) else None
        return (blocks, attention, self.change(channels, "up") if level > 0 else None), channels

    def embedding(self, labels, dtype):
        e = self.frequencies[0](labels) if self.fourier else positional(labels, self.settings.nf)
        for layer in self.dense:
            e = silu(layer(e.to(dtype)))
        return e

    def sigma(self, labels):
        """The noise level of a label: the label itself, or level floor(label) between sigma_max and sigma_min, in decreasing order."""
        s = self.settings
        if self.fourier:
            return labels.double()
        u = labels.double().floor() / (s.num_scales - 1)
        return torch.exp(math.log(s.sigma_max) + u * (math.log(s.sigma_min) - math.log(s.sigma_max)))

    def change_resolution(self, change, h, e):
        return change(h, e) if isinstance(change, Block) else change(h)

    def forward(self, x, labels):
        e = self.embedding(labels, x.dtype) if self.settings.conditional else None
        image = x if self.settings.centered else 2 * x - 1
        h = self.first[0](image)
        kept = [h]
        for blocks, change, pyramid in self.down:
            for block, attend in blocks:
                h = block(h, e)
                if attend is not None:
                    h = attend(h)
                kept.append(h)
            if change is None:
                continue
            h = self.change_resolution(change, h, e)
            if pyramid is not None:
                h += pyramid(image)
                image = h = h.mul_(1 / math.sqrt(2)) if self.settings.skip_rescale else h
            kept.append(h)
        h = self.middle[2](self.middle[1](self.middle[0](h, e)), e)
        for blocks, attend, change in self.up:
            for block in blocks:
                h = block(torch.cat([h, kept.pop()], 1), e)
            if attend is not None:
                h = attend(h)
            if change is not None:
                h = self.change_resolution(change, h, e)
        h = self.last[1](silu(self.last[0](h)))
        return h / self.sigma(labels)[:, None, None, None].to(h.dtype) if self.settings.scale_by_sigma else h


def place(network, device="cpu", dtype=torch.float32, memory_format=torch.contiguous_format):
    """Moves the network; the random frequencies stay in float32, which their phases require."""
    network.to(device=device)
    for module in network.all_modules:
        if not isinstance(module, Fourier):
            module.to(dtype=dtype, memory_format=memory_format)
    return network
