# SPDX-License-Identifier: MIT
"""Writes tests/golden/checkpoints/diffusers_pipelines.safetensors: DDIM runs of diffusers' own UNet2DModel and DDIMScheduler.

    python3 tests/golden/make_diffusers_pipelines.py          (pip install torch diffusers safetensors)

One run for each kind of betas and predictions in scheduler_config.json. The network is not stored: element e of
tensor k of the sorted state_dict is v = ((131 k + 29 e) mod 2001 - 1000) / 512, divided by the root of its fan-in where it
has one, v/16 in a bias and 1 + v/8 in a normalization's weight, rounded to float32.

`NAME.end` is the run in float64 with betas in float64; only the embedding of the timestep is float32.
`NAME.end_float32` is the run entirely in float32, as for users.
"""

import json
import math
import pathlib

import diffusers
import numpy
import torch
from diffusers.schedulers.scheduling_ddim import betas_for_alpha_bar, rescale_zero_terminal_snr
from safetensors.numpy import save_file

FILE = pathlib.Path(__file__).resolve().parent / "checkpoints" / "diffusers_pipelines.safetensors"
NETWORK = dict(sample_size=8, in_channels=3, out_channels=3, center_input_sample=False, time_embedding_type="positional",
               freq_shift=1, flip_sin_to_cos=False, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
               up_block_types=("AttnUpBlock2D", "UpBlock2D"), block_out_channels=(32, 32), layers_per_block=1,
               downsample_padding=0, attention_head_dim=None, norm_num_groups=32, norm_eps=1e-6)
SAMPLES = 1

trained = [1e-3 + 0.12 * (i / 99) ** 2 for i in range(100)]
CASES = {
    "ddpm": dict(),
    "cosine_v": dict(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"),
    "latent_sample": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="sample"),
    "trained": dict(trained_betas=trained, num_train_timesteps=100),
    "zero_snr_v": dict(rescale_betas_zero_snr=True, prediction_type="v_prediction"),
}
RUNS = [(name, spacing, steps) for name in CASES for spacing, steps in (("trailing", 10), ("leading", 50))
        # The first level of a trailing run has no signal, so its score has no finite form.
        if (name, spacing) != ("zero_snr_v", "trailing")]


def network():
    unet = diffusers.UNet2DModel(**NETWORK)
    state = {}
    for k, (name, tensor) in enumerate(sorted(unet.state_dict().items())):
        v = ((131 * k + 29 * numpy.arange(tensor.numel(), dtype=numpy.int64)) % 2001 - 1000) / 512
        if tensor.dim() > 1:
            v = v / math.sqrt(tensor[0].numel())
        else:
            v = 1 + v / 8 if name.endswith("weight") else v / 16
        state[name] = torch.tensor(v.astype(numpy.float32).reshape(tensor.shape))
    unet.load_state_dict(state)
    return unet.eval()


def double_betas(config):
    """The betas in double, before the scheduler rounds them to float32."""
    n, start, end = config["num_train_timesteps"], config["beta_start"], config["beta_end"]
    if config["trained_betas"] is not None:
        return torch.tensor(config["trained_betas"], dtype=torch.float64)
    if config["beta_schedule"] == "linear":
        return torch.linspace(start, end, n, dtype=torch.float64)
    if config["beta_schedule"] == "scaled_linear":
        return torch.linspace(start**0.5, end**0.5, n, dtype=torch.float64) ** 2
    bar = lambda t: math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return torch.tensor([min(1 - bar((i + 1) / n) / bar(i / n), 0.999) for i in range(n)], dtype=torch.float64)


def run(unet, scheduler, steps, x):
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        with torch.no_grad():
            x = scheduler.step(unet(x, t).sample, t, x).prev_sample
    return x.numpy()


def main():
    start = torch.tensor(numpy.random.default_rng(7).standard_normal((SAMPLES, 3, 8, 8)))
    tensors, cases = {"start": start.numpy()}, []
    for name, spacing, steps in RUNS:
        scheduler = diffusers.DDIMScheduler(clip_sample=False, timestep_spacing=spacing, **CASES[name])
        key = f"{name}.{spacing}.{steps}"
        single = run(network(), scheduler, steps, start.float())
        betas = double_betas(scheduler.config)
        if scheduler.config.rescale_betas_zero_snr:
            betas = rescale_zero_terminal_snr(betas)
        alphas_cumprod = torch.cumprod(1 - betas, 0)
        assert (alphas_cumprod - scheduler.alphas_cumprod).abs().max() < 1e-5
        scheduler.alphas_cumprod = alphas_cumprod
        tensors[key + ".end"] = run(network().double(), scheduler, steps, start)
        tensors[key + ".end_float32"] = single
        cases.append({"name": key, "spacing": spacing, "steps": steps, "scheduler": scheduler.to_json_string()})
        difference = numpy.abs(single - tensors[key + ".end"])
        print(key, "rms", numpy.sqrt((tensors[key + ".end"] ** 2).mean()), "float32 off by", difference.max())
    config = json.loads(diffusers.UNet2DModel(**NETWORK).to_json_string())
    del config["time_embedding_dim"]  # null; unknown to releases before 0.32
    metadata = {"what": "diffusers_pipelines", "config": json.dumps(config), "cases": json.dumps(cases),
                "diffusers": diffusers.__version__}
    save_file({name: numpy.ascontiguousarray(value) for name, value in tensors.items()}, FILE, metadata)
    FILE.chmod(0o644)


if __name__ == "__main__":
    main()
