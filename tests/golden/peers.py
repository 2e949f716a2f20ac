# SPDX-License-Identifier: MIT
"""Writes tests/golden/peers.safetensors: runs of diffusers' schedulers and k-diffusion's samplers in float64.

    python3 tests/golden/peers.py tests/golden/peers.safetensors

The model is the exact noise (or data) prediction of a mixture of Gaussians, noise is injected, and float32 inside the schedulers is
float64. Every case has `<name>.x_T`, `<name>.x_0` and, where noise is drawn, `<name>.z`, the unit normals in the order drawn, and `<name>.labels`, what the network is conditioned on, where timesteps are rounded; its entry in
the metadata has the scheduler or function, its settings and the number of steps. x is in VP's scale for diffusers, in sigma's for
k-diffusion. tests/sampler/golden_peers_test.cpp runs the same settings here, and `benchmark_peer_agreement` prints the differences.

Needs PyTorch, diffusers, SciPy and safetensors; k-diffusion's cases are omitted where it is not installed.
"""

import importlib.util
import inspect
import json
import math
import sys
import types

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.float32 = torch.float64
np.float32 = np.float64

import diffusers  # noqa: E402
from diffusers import (  # noqa: E402
    DDIMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    IPNDMScheduler,
    PNDMScheduler,
    SASolverScheduler,
    UniPCMultistepScheduler,
)
from safetensors.numpy import save_file  # noqa: E402

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[1.2, -0.4, 0.3, -1.1], [-0.7, 0.9, -1.3, 0.2], [0.1, -1.5, 0.8, 1.4]])
VARIANCES = np.array([0.09, 0.25, 0.04])
LEVELS, SHAPE = 1000, (3, 4)

tensors = {"weights": WEIGHTS, "means": MEANS, "variances": VARIANCES}
cases = []


def predicted_data(x, alpha, sigma):
    """E[x_0 | x_t = x] for x_t = alpha x_0 + sigma noise."""
    v = alpha**2 * VARIANCES + sigma**2
    off = x[:, None, :] - alpha * MEANS
    log = np.log(WEIGHTS) - 0.5 * SHAPE[1] * np.log(v) - 0.5 * (off**2).sum(-1) / v
    r = np.exp(log - log.max(1, keepdims=True))
    r /= r.sum(1, keepdims=True)
    return (r[..., None] * (MEANS + (alpha * VARIANCES / v)[:, None] * off)).sum(1)


def predicted_noise(x, alpha, sigma):
    return (x - alpha * predicted_data(x, alpha, sigma)) / sigma


class Case:
    """A case with its initial state and its normals."""

    def __init__(self, peer, scheduler, steps, **settings):
        self.name = f"{peer}_{len(cases):03d}"
        self.random = np.random.default_rng(len(cases))
        self.normals = []
        self.start = self.random.standard_normal(SHAPE)
        self.entry = {"name": self.name, "peer": peer, "scheduler": scheduler, "steps": steps, "settings": settings}

    def normal(self, *_, **__):
        self.normals.append(self.random.standard_normal(SHAPE))
        return torch.from_numpy(self.normals[-1])

    def normal_like_sample(self, *_, **__):
        return self.normal()[..., None]

    def keep(self, end):
        assert np.isfinite(end).all(), self.entry
        tensors[self.name + ".x_T"] = self.start
        tensors[self.name + ".x_0"] = np.asarray(end)
        if self.normals:
            tensors[self.name + ".z"] = np.stack(self.normals)
        cases.append(self.entry)


def diffusers_case(kind, steps, eta=None, **settings):
    """One run of a scheduler; eta is DDIM's."""
    case = Case("diffusers", kind.__name__, steps, **settings, **({} if eta is None else {"eta": eta}))
    sys.modules[kind.__module__].randn_tensor = case.normal_like_sample
    if kind is SASolverScheduler and "tau" in settings:
        settings["tau_func"] = lambda t, tau=settings.pop("tau"): tau
    scheduler = kind(num_train_timesteps=LEVELS, **settings)
    scheduler.set_timesteps(steps)
    along_sigma = kind in (EulerDiscreteScheduler, EulerAncestralDiscreteScheduler)
    if settings.get("use_karras_sigmas"):
        tensors[case.name + ".labels"] = scheduler.timesteps.numpy()
    x = torch.from_numpy(case.start)
    if along_sigma:
        x = x * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
    for t in scheduler.timesteps:
        index = getattr(scheduler, "step_index", None) or 0
        if kind in (DDIMScheduler, PNDMScheduler):
            bar = float(scheduler.alphas_cumprod[int(t)])
            alpha, sigma = math.sqrt(bar), math.sqrt(1 - bar)
        elif kind is IPNDMScheduler:
            alpha, sigma = float(scheduler.alphas[index]), float(scheduler.betas[index])
        else:
            ratio = float(scheduler.sigmas[index])
            alpha = 1 - ratio if settings.get("use_flow_sigmas") else 1 / math.sqrt(1 + ratio**2)
            sigma = ratio if settings.get("use_flow_sigmas") else ratio * alpha
        seen = scheduler.scale_model_input(x, t).numpy() if along_sigma else x.numpy()
        noise = predicted_noise(seen, alpha, sigma)
        output = noise
        if settings.get("prediction_type") == "flow_prediction":
            output = noise - predicted_data(seen, alpha, sigma)
        if kind is IPNDMScheduler:
            output = (noise - sigma * seen) / alpha
        extra = {} if eta is None else {"eta": eta}
        # Dynamic thresholding requires a third dimension.
        x = scheduler.step(torch.from_numpy(output)[..., None], t, x[..., None], **extra).prev_sample[..., 0]
    case.keep(x.numpy())


def diffusers_cases():
    for spacing in ("leading", "linspace", "trailing"):
        for offset, to_one, eta in ((0, True, 0.0), (0, False, 0.5), (1, True, 1.0), (1, False, 0.0)):
            if spacing != "leading" and offset:
                continue
            diffusers_case(DDIMScheduler, 30, eta, timestep_spacing=spacing, steps_offset=offset, set_alpha_to_one=to_one, clip_sample=False)
    for eta in (0.0, 0.6):
        diffusers_case(DDIMScheduler, 20, eta, clip_sample=True, clip_sample_range=0.7)
    for spacing in ("leading", "linspace", "trailing"):
        for final in ("zero", "sigma_min"):
            diffusers_case(DPMSolverMultistepScheduler, 20, timestep_spacing=spacing, final_sigmas_type=final, steps_offset=int(spacing == "leading"))
        diffusers_case(EulerDiscreteScheduler, 24, timestep_spacing=spacing, steps_offset=int(spacing == "leading"))
    for algorithm in ("dpmsolver", "dpmsolver++"):
        for order in (2, 3):
            diffusers_case(DPMSolverMultistepScheduler, 20, algorithm_type=algorithm, solver_order=order, final_sigmas_type="sigma_min", euler_at_final=True)
    for order, form in ((1, "midpoint"), (2, "midpoint"), (2, "heun")):
        diffusers_case(DPMSolverMultistepScheduler, 20, algorithm_type="sde-dpmsolver", solver_order=order, solver_type=form, final_sigmas_type="sigma_min")
    diffusers_case(DPMSolverMultistepScheduler, 20, algorithm_type="sde-dpmsolver++", final_sigmas_type="sigma_min", euler_at_final=True)
    for sigmas in ("karras", "exponential", "lu", "beta"):
        name = "use_lu_lambdas" if sigmas == "lu" else f"use_{sigmas}_sigmas"
        diffusers_case(DPMSolverMultistepScheduler, 20, **{name: True})
    for cap in (1.2, 100.0):
        diffusers_case(DPMSolverMultistepScheduler, 20, thresholding=True, dynamic_thresholding_ratio=0.6, sample_max_value=cap)
    for order in (2, 3):
        diffusers_case(DEISMultistepScheduler, 20, solver_order=order)
        diffusers_case(UniPCMultistepScheduler, 20, solver_order=order, final_sigmas_type="sigma_min")
    diffusers_case(EulerAncestralDiscreteScheduler, 24)
    for shift in (1.0, 3.0):
        diffusers_case(DPMSolverMultistepScheduler, 20, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    for order, steps, form in ((2, 20, "midpoint"), (2, 21, "heun"), (3, 20, "midpoint"), (3, 21, "midpoint"), (3, 21, "heun")):
        diffusers_case(DPMSolverSinglestepScheduler, steps, solver_order=order, solver_type=form, final_sigmas_type="sigma_min", lower_order_final=True)
    for orders in ((2, 2), (3, 3), (1, 2)):
        for tau in (None, 0.0, 1.0):
            chosen = {} if tau is None else {"tau": tau}
            diffusers_case(SASolverScheduler, 20, predictor_order=orders[0], corrector_order=orders[1], **chosen)
    diffusers_case(PNDMScheduler, 25, skip_prk_steps=False, set_alpha_to_one=False)
    for offset in (0, 1):
        diffusers_case(PNDMScheduler, 25, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=offset)
    for steps in (3, 12):
        t = 1 - (1 - 1e-3) * np.arange(steps + 1) / steps
        std = np.sqrt(-np.expm1(-0.5 * t**2 * 19.9 - t * 0.1))
        diffusers_case(IPNDMScheduler, steps, trained_betas=std.tolist())


def k_diffusion_sampling():
    """k_diffusion.sampling without the package's training code and what only its likelihoods need; None where it is not installed."""
    found = importlib.util.find_spec("k_diffusion")
    if found is None:
        return None
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(found.submodule_search_locations)
    package.utils = types.ModuleType("k_diffusion.utils")
    package.utils.append_dims = lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)]
    sys.modules.update({"k_diffusion": package, "k_diffusion.utils": package.utils})
    for name in ("torchdiffeq", "torchsde"):
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].odeint = None
    return importlib.import_module("k_diffusion.sampling")


def whole_from_parts(k, sigma, middle, end, eta, first, second):
    """The normal of the whole step of dpmpp_sde that adds the noise of two parts: that of the first, carried on, and a second one."""
    (down_1, up_1), (down, up) = (k.get_ancestral_step(sigma, s, eta) for s in (middle, end))
    kept = down / down_1 * up_1
    return first if up == 0 else (kept * first + (up**2 - kept**2) ** 0.5 * second) / up


def k_diffusion_case(k, function, sigmas, grid, **settings):
    case = Case("k-diffusion", function, len(sigmas) - 1, grid=grid, **settings)
    sampler, x = getattr(k, "sample_" + function), torch.from_numpy(case.start) * sigmas[0]
    case.start = x.numpy()
    model = lambda y, sigma: torch.from_numpy(predicted_data(y.numpy(), 1.0, float(sigma[0])))  # noqa: E731
    noise = case.normal
    if function == "dpmpp_sde":
        calls = []

        def noise(sigma, sigma_next):
            calls.append((sigma_next, case.normal()))
            if len(calls) % 2:
                return calls[-1][1]
            (middle, first), (end, second) = calls[-2:]
            return whole_from_parts(k, sigma, middle, end, settings["eta"], first, second)

    if "noise_sampler" in inspect.signature(sampler).parameters:
        settings["noise_sampler"] = noise
    case.keep(sampler(model, x, sigmas, disable=True, **settings).numpy())


def k_diffusion_cases():
    k = k_diffusion_sampling()
    if k is None:
        print("k-diffusion is not installed: its cases are omitted", file=sys.stderr)
        return
    n, low, high = 20, 0.01, 40.0
    karras = k.get_sigmas_karras(n, low, high)
    for eta in (0.0, 0.5, 1.0):
        k_diffusion_case(k, "dpm_2_ancestral", karras, "karras", eta=eta)
        k_diffusion_case(k, "dpmpp_sde", karras, "karras", eta=eta)
    k_diffusion_case(k, "dpmpp_sde", karras, "karras", eta=1.0, r=0.3)
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_exponential(n, low, high), "exponential")
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_polyexponential(n, low, high, 1.7), "polyexponential")
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_vp(n), "vp")


diffusers_cases()
k_diffusion_cases()
metadata = {"what": "peer runs", "diffusers": diffusers.__version__, "torch": torch.__version__, "cases": json.dumps(cases)}
save_file({name: np.ascontiguousarray(value, dtype=float) for name, value in tensors.items()}, sys.argv[1], metadata)
print(f"{len(cases)} cases")
