# SPDX-License-Identifier: MIT
"""Writes tests/golden/peers.safetensors: runs of diffusers' schedulers and k-diffusion's samplers in float64.

    python3 tests/golden/peers.py tests/golden/peers.safetensors

The model is the exact noise (or data) prediction of a mixture of Gaussians, noise is injected, and float32 inside the schedulers is
float64. Every case has `<name>.x_T`, `<name>.x_0` and, where noise is drawn, `<name>.z`, the unit normals in the order drawn, and `<name>.labels`, what the network is conditioned on, where timesteps are rounded; its entry in
the metadata has the scheduler or function, its settings and the number of steps. x is in the scale of the SDE under which the case runs
here: VP for diffusers, sigma for k-diffusion, EDM's schedulers and VE, 1 - t for flow matching. tests/sampler/golden_peers_test.cpp runs
the same settings here, and `benchmark_peer_agreement` prints the differences.

Needs PyTorch, diffusers, SciPy, torchsde and safetensors; k-diffusion's cases are omitted where it is not installed.
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
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSDEScheduler,
    DPMSolverSinglestepScheduler,
    EDMDPMSolverMultistepScheduler,
    EDMEulerScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    IPNDMScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    SASolverScheduler,
    ScoreSdeVeScheduler,
    UniPCMultistepScheduler,
)
from safetensors.numpy import save_file  # noqa: E402

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[1.2, -0.4, 0.3, -1.1], [-0.7, 0.9, -1.3, 0.2], [0.1, -1.5, 0.8, 1.4]])
VARIANCES = np.array([0.09, 0.25, 0.04])
LEVELS, SHAPE = 1000, (3, 4)
ALONG_SIGMA = (
    EulerDiscreteScheduler,
    EulerAncestralDiscreteScheduler,
    HeunDiscreteScheduler,
    LMSDiscreteScheduler,
    KDPM2DiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    DPMSolverSDEScheduler,
)

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


def ancestral_step(sigma, sigma_next, eta):
    """The sigma to step down to, and the noise to add there."""
    up = min(sigma_next, eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2) ** 0.5)
    return (sigma_next**2 - up**2) ** 0.5, up


def whole_from_parts(sigma, middle, end, eta, first, second):
    """The normal of the whole step of dpmpp_sde that adds the noise of two parts: that of the first, carried on, and a second one."""
    (down_1, up_1), (down, up) = (ancestral_step(sigma, s, eta) for s in (middle, end))
    kept = down / down_1 * up_1
    return first if up == 0 else (kept * first + (up**2 - kept**2) ** 0.5 * second) / up


def noise_in_parts(case, eta):
    """A noise sampler for dpmpp_sde, which draws up to the middle of a step and then for the whole step."""
    calls = []

    def noise(sigma, sigma_next):
        calls.append((sigma_next, case.normal()))
        if len(calls) % 2:
            return calls[-1][1]
        (middle, first), (end, second) = calls[-2:]
        return whole_from_parts(sigma, middle, end, eta, first, second)

    return noise


def noise_ratio(scheduler):
    """sigma/alpha where a scheduler along sigma evaluates the model next, after scale_model_input."""
    index, first = scheduler.step_index, getattr(scheduler, "state_in_first_order", True)
    if not first and isinstance(scheduler, KDPM2DiscreteScheduler):
        return float(scheduler.sigmas_interpol[index])
    if not first and isinstance(scheduler, KDPM2AncestralDiscreteScheduler):
        return float(scheduler.sigmas_interpol[index - 1])
    if not first and isinstance(scheduler, DPMSolverSDEScheduler):
        return float(scheduler.mid_point_sigma)
    return float(scheduler.sigmas[index])


def diffusers_case(kind, steps, eta=None, use_clipped_model_output=None, **settings):
    """One run of a scheduler; eta and use_clipped_model_output are DDIM's."""
    extra = {"eta": eta, "use_clipped_model_output": use_clipped_model_output}
    extra = {name: value for name, value in extra.items() if value is not None}
    case = Case("diffusers", kind.__name__, steps, **settings, **extra)
    sys.modules[kind.__module__].randn_tensor = case.normal_like_sample
    if kind is SASolverScheduler and "tau" in settings:
        settings["tau_func"] = lambda t, tau=settings.pop("tau"): tau
    scheduler = kind(num_train_timesteps=LEVELS, **settings)
    scheduler.set_timesteps(steps)
    along_sigma = kind in ALONG_SIGMA
    if kind is DPMSolverSDEScheduler:
        parts = noise_in_parts(case, 1.0)
        scheduler.noise_sampler = lambda sigma, sigma_next: parts(sigma, sigma_next)[..., None]
    if settings.get("use_karras_sigmas"):
        tensors[case.name + ".labels"] = scheduler.timesteps.numpy()
    x = torch.from_numpy(case.start)
    if along_sigma:
        x = x * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
    for t in scheduler.timesteps:
        index = getattr(scheduler, "step_index", None) or 0
        seen = scheduler.scale_model_input(x, t).numpy() if along_sigma else x.numpy()
        if kind in (DDIMScheduler, DDPMScheduler, PNDMScheduler):
            bar = float(scheduler.alphas_cumprod[int(t)])
            alpha, sigma = math.sqrt(bar), math.sqrt(1 - bar)
        elif kind is IPNDMScheduler:
            alpha, sigma = float(scheduler.alphas[index]), float(scheduler.betas[index])
        else:
            ratio = noise_ratio(scheduler) if along_sigma else float(scheduler.sigmas[index])
            alpha = 1 - ratio if settings.get("use_flow_sigmas") else 1 / math.sqrt(1 + ratio**2)
            sigma = ratio if settings.get("use_flow_sigmas") else ratio * alpha
        noise = predicted_noise(seen, alpha, sigma)
        output = noise
        if settings.get("prediction_type") == "flow_prediction":
            output = noise - predicted_data(seen, alpha, sigma)
        if kind is IPNDMScheduler:
            output = (noise - sigma * seen) / alpha
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


def edm_case(kind, steps, **settings):
    """A run of an EDM scheduler, whose network predicts F with D = c_skip x + c_out F(c_in x)."""
    case = Case("diffusers", kind.__name__, steps, **settings)
    sys.modules[kind.__module__].randn_tensor = case.normal_like_sample
    scheduler = kind(**settings)
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(case.start) * scheduler.sigmas[0]
    case.start = x.numpy()
    for t in scheduler.timesteps:
        scheduler.scale_model_input(x, t)
        sigma = float(scheduler.sigmas[scheduler.step_index])
        zero, one = torch.zeros(()), torch.ones(())
        skip, out = (float(scheduler.precondition_outputs(*pair, sigma)) for pair in ((one, zero), (zero, one)))
        output = (predicted_data(x.numpy(), 1.0, sigma) - skip * x.numpy()) / out
        x = scheduler.step(torch.from_numpy(output)[..., None], t, x[..., None]).prev_sample[..., 0]
    case.keep(x.numpy())


def flow_match_case(steps, sigmas=None, mu=None, **settings):
    """A run of FlowMatchEulerDiscreteScheduler; sigmas and mu are those of its set_timesteps."""
    extra = {name: value for name, value in (("sigmas", sigmas), ("mu", mu)) if value is not None}
    case = Case("diffusers", FlowMatchEulerDiscreteScheduler.__name__, steps, **settings, **extra)
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=LEVELS, **settings)
    scheduler.set_timesteps(steps, **extra)
    x = torch.from_numpy(case.start)
    for i, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[i])
        output = predicted_noise(x.numpy(), 1 - sigma, sigma) - predicted_data(x.numpy(), 1 - sigma, sigma)
        x = scheduler.step(torch.from_numpy(output), t, x).prev_sample
    case.keep(x.numpy())


def score_sde_ve_case(steps, **settings):
    """A run of ScoreSdeVeScheduler as its pipeline calls it, without clamping the result."""
    case = Case("diffusers", ScoreSdeVeScheduler.__name__, steps, **settings)
    sys.modules[ScoreSdeVeScheduler.__module__].randn_tensor = case.normal
    scheduler = ScoreSdeVeScheduler(**settings)
    scheduler.set_timesteps(steps)
    scheduler.set_sigmas(steps)
    x = torch.from_numpy(case.start) * scheduler.init_noise_sigma
    case.start = x.numpy()
    for sigma, t in zip(scheduler.sigmas.tolist(), scheduler.timesteps):
        score = lambda y: torch.from_numpy(-predicted_noise(y.numpy(), 1.0, sigma) / sigma)  # noqa: B023, E731
        for _ in range(scheduler.config.correct_steps):
            x = scheduler.step_correct(score(x), x).prev_sample
        output = scheduler.step_pred(score(x), t, x)
        x = output.prev_sample
    case.keep(output.prev_sample_mean.numpy())


def further_diffusers_cases():
    for kind in (HeunDiscreteScheduler, LMSDiscreteScheduler, KDPM2DiscreteScheduler, KDPM2AncestralDiscreteScheduler, DPMSolverSDEScheduler):
        for spacing in ("leading", "linspace", "trailing"):
            diffusers_case(kind, 24, beta_start=1e-4, beta_end=0.02, timestep_spacing=spacing, steps_offset=int(spacing == "leading"))
    for variance in ("fixed_small", "fixed_small_log", "fixed_large"):
        for spacing in ("leading", "linspace"):
            diffusers_case(DDPMScheduler, 30, variance_type=variance, timestep_spacing=spacing, clip_sample=False)
    diffusers_case(DDPMScheduler, 30, variance_type="fixed_large", timestep_spacing="trailing", clip_sample=False)
    diffusers_case(DDPMScheduler, 30, variance_type="fixed_large", steps_offset=1, clip_sample=False)
    for variance in ("fixed_small", "fixed_large"):
        diffusers_case(DDPMScheduler, 30, variance_type=variance, clip_sample=True, clip_sample_range=0.7)
    for eta in (0.0, 0.6):
        diffusers_case(DDIMScheduler, 20, eta, use_clipped_model_output=True, clip_sample=True, clip_sample_range=0.7)
    for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver++"):
        diffusers_case(DPMSolverMultistepScheduler, 20, algorithm_type=algorithm, solver_type="heun", final_sigmas_type="sigma_min")
    for order in (2, 3):
        for lower in (True, False):
            diffusers_case(DPMSolverMultistepScheduler, 10, solver_order=order, lower_order_final=lower, final_sigmas_type="sigma_min")
    for kind in (EDMEulerScheduler, EDMDPMSolverMultistepScheduler):
        for schedule in ("karras", "exponential"):
            edm_case(kind, 20, sigma_schedule=schedule)
        edm_case(kind, 20, final_sigmas_type="sigma_min", prediction_type="v_prediction")
    for order, form in ((2, "heun"), (3, "midpoint")):
        edm_case(EDMDPMSolverMultistepScheduler, 20, solver_order=order, solver_type=form)
    for order, form in ((1, "midpoint"), (2, "midpoint"), (2, "heun")):
        edm_case(EDMDPMSolverMultistepScheduler, 20, algorithm_type="sde-dpmsolver++", solver_order=order, solver_type=form)
    below_one = np.linspace(0.99, 0.05, 20).tolist()
    for shift in (1.0, 3.0):
        flow_match_case(20, shift=shift, sigmas=below_one)
        flow_match_case(20, shift=shift)
    for kind in ("exponential", "linear"):
        flow_match_case(20, sigmas=below_one, mu=0.8, use_dynamic_shifting=True, time_shift_type=kind)
    flow_match_case(20, shift=3.0, sigmas=np.linspace(1.0, 0.05, 20).tolist())
    score_sde_ve_case(40)


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


def k_diffusion_case(k, function, sigmas, grid, **settings):
    case = Case("k-diffusion", function, len(sigmas) - 1, grid=grid, **settings)
    sampler, x = getattr(k, "sample_" + function), torch.from_numpy(case.start) * sigmas[0]
    case.start = x.numpy()
    model = lambda y, sigma: torch.from_numpy(predicted_data(y.numpy(), 1.0, float(sigma[0])))  # noqa: E731
    if "noise_sampler" in inspect.signature(sampler).parameters:
        settings["noise_sampler"] = noise_in_parts(case, settings["eta"]) if function == "dpmpp_sde" else case.normal
    if "s_churn" in settings:
        torch.randn_like = case.normal
    case.keep(sampler(model, x, sigmas, disable=True, **settings).numpy())


def dpm_fast_case(k, evaluations, low, high):
    case = Case("k-diffusion", "dpm_fast", evaluations)
    x = torch.from_numpy(case.start) * high
    case.start = x.numpy()
    model = lambda y, sigma: torch.from_numpy(predicted_data(y.numpy(), 1.0, float(sigma[0])))  # noqa: E731
    case.keep(k.sample_dpm_fast(model, x, low, high, evaluations, disable=True).numpy())


def k_diffusion_cases(k):
    n, low, high = 20, 0.01, 40.0
    karras = k.get_sigmas_karras(n, low, high)
    for eta in (0.0, 0.5, 1.0):
        k_diffusion_case(k, "dpm_2_ancestral", karras, "karras", eta=eta)
        k_diffusion_case(k, "dpmpp_sde", karras, "karras", eta=eta)
    k_diffusion_case(k, "dpmpp_sde", karras, "karras", eta=1.0, r=0.3)
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_exponential(n, low, high), "exponential")
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_polyexponential(n, low, high, 1.7), "polyexponential")
    k_diffusion_case(k, "dpmpp_2m", k.get_sigmas_vp(n), "vp")


def further_k_diffusion_cases(k):
    n, low, high = 20, 0.01, 40.0
    karras = k.get_sigmas_karras(n, low, high)
    churn = {"s_churn": 5.0, "s_tmin": 0.05, "s_tmax": 30.0, "s_noise": 1.007}
    for function in ("euler", "heun", "dpm_2"):
        k_diffusion_case(k, function, karras, "karras")
        k_diffusion_case(k, function, karras, "karras", **churn)
    for order in (1, 2, 3, 4):
        k_diffusion_case(k, "lms", karras, "karras", order=order)
    for eta in (0.0, 0.5, 1.0):
        k_diffusion_case(k, "euler_ancestral", karras, "karras", eta=eta)
        k_diffusion_case(k, "dpmpp_2s_ancestral", karras, "karras", eta=eta)
        for form in ("midpoint", "heun"):
            k_diffusion_case(k, "dpmpp_2m_sde", karras, "karras", eta=eta, solver_type=form)
        k_diffusion_case(k, "dpmpp_3m_sde", karras, "karras", eta=eta)
    k_diffusion_case(k, "dpmpp_2m", karras, "karras")
    for evaluations in (19, 20, 21):
        dpm_fast_case(k, evaluations, low, high)


sampling = k_diffusion_sampling()
diffusers_cases()
if sampling is None:
    print("k-diffusion is not installed: its cases are omitted", file=sys.stderr)
else:
    k_diffusion_cases(sampling)
further_diffusers_cases()
if sampling is not None:
    further_k_diffusion_cases(sampling)
metadata = {"what": "peer runs", "diffusers": diffusers.__version__, "torch": torch.__version__, "cases": json.dumps(cases)}
save_file({name: np.ascontiguousarray(value, dtype=float) for name, value in tensors.items()}, sys.argv[1], metadata)
print(f"{len(cases)} cases")
