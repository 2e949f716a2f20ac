// SPDX-License-Identifier: MIT
/// Presets: score_sde's published configurations under their names, EDM's training, and small
/// configurations for CPUs.
///
/// Song et al. 2021, arXiv:2011.13456, appendices C, D and H, and the configuration files of its
/// code; Karras et al. 2022, arXiv:2206.00364, table 1 and appendix F.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/optim/schedule.hpp>
#include <scoresde/sde/sde_kind.hpp>

namespace scoresde {

/// The sampler of a preset: predictor and corrector, or Heun's method of Karras et al.
/// (solver/edm.hpp).
enum class SolverKind { predictor_corrector, karras_heun };

/// The predictors that presets use.
enum class PredictorKind { euler_maruyama, reverse_diffusion, ancestral, none };

/// The correctors that presets use.
enum class CorrectorKind { none, langevin };

}  // namespace scoresde

namespace scoresde::nn {

/// The values of one configuration file, with score_sde's names.
struct Preset {
  std::string name;
  UNetConfig network;
  // sde
  SdeKind sde = SdeKind::vp;  ///< edm requires EDM's loss; ddpm is not supported
  double beta_min = 0.1, beta_max = 20;
  double sigma_min = 0.01, sigma_max = 50;
  std::size_t num_scales = 1000;
  // training
  bool continuous = true;
  bool likelihood_weighting = false;
  bool reduce_mean = true;
  double ema_rate = 0.9999;
  std::vector<double> ema_tracks{};  ///< σ_rel of additional power-function averages
  std::vector<double> ema_rates{};   ///< of additional averages with the ramp of ema_rate
  double p_mean = -1.2, p_std = 1.2, sigma_data = 0.5;  ///< of EDM's loss
  double label_dropout = 0;  ///< fraction of samples trained without their class
  std::size_t batch_size = 128;
  std::uint64_t n_iters = 1300001;
  // optim: Adam
  double lr = 2e-4, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  std::uint64_t warmup = 5000;                     ///< steps of linear learning-rate growth
  std::uint64_t decay_first = 0, decay_steps = 0;  ///< of the decay to 0; decay_steps 0: no decay
  LearningRateSchedule schedule{};                 ///< of the rate after the warm-up
  double grad_clip = 1;                            ///< maximum norm of the gradient
  // sampling
  SolverKind solver = SolverKind::predictor_corrector;
  PredictorKind predictor = PredictorKind::euler_maruyama;
  CorrectorKind corrector = CorrectorKind::none;
  double snr = 0.16;
  std::size_t n_steps_each = 1;
  double sampling_eps = 1e-3;  ///< smallest time when sampling
  // data
  bool random_flip = true;
  bool uniform_dequantization = false;
  std::uint32_t random_shift = 0;  ///< of ImageTransform, in pixels
  // of a classifier, whose network is the way down
  std::optional<ClassifierHead> classifier{};
  bool noised = true;     ///< trained at all times of the SDE; otherwise on clean images
  double time_power = 1;  ///< of CrossEntropy
};

/// The preset with a network conditioned on one of `classes` classes, as classifier-free guidance
/// requires. A label dropout of 0.1 is one of the rates of Ho and Salimans 2022 (arXiv:2207.12598),
/// section 4.
[[nodiscard]] inline Preset class_conditional(Preset p, std::size_t classes) {
  p.network.num_class_embeds = classes;
  p.label_dropout = 0.1;
  return p;
}

namespace detail {

/// Values of all published VE configurations: data in [0, 1], and the network's output is divided
/// by σ.
inline void make_variance_exploding(Preset& p) {
  p.sde = SdeKind::ve;
  p.reduce_mean = false;
  p.ema_rate = 0.999;
  p.predictor = PredictorKind::reverse_diffusion;
  p.corrector = CorrectorKind::langevin;
  p.sampling_eps = 1e-5;
  p.network.centered = false;
  p.network.scale_by_sigma = true;
}

/// Sets the noise levels of the SDE and of the network.
inline void set_noise_levels(Preset& p, double sigma_max, std::size_t count) {
  p.sigma_max = p.network.sigma_max = sigma_max;
  p.num_scales = p.network.num_scales = count;
}

/// The networks of Song et al. 2021, table 1.
enum class NetworkFamily { ddpm, ddpmpp, ncsnpp };

/// A CIFAR-10 configuration.
[[nodiscard]] inline Preset cifar10(SdeKind sde, NetworkFamily family, bool continuous,
                                    std::string name, bool deep = false) {
  Preset p{.name = std::move(name), .network = {}, .sde = sde};
  p.continuous = continuous;
  p.predictor = continuous ? PredictorKind::euler_maruyama : PredictorKind::ancestral;
  if (sde == SdeKind::ve) make_variance_exploding(p);
  if (deep) p.n_iters = 950001;
  UNetConfig& n = p.network;
  const bool ddpm = family == NetworkFamily::ddpm;
  n.architecture = ddpm ? Architecture::ddpm : Architecture::ncsnpp;
  n.num_res_blocks = ddpm ? 2 : deep ? 8 : 4;
  n.fir = family == NetworkFamily::ncsnpp;
  if (n.fir) n.progressive_input = ProgressiveInput::residual;
  if (n.fir && sde == SdeKind::ve && continuous) n.embedding_type = EmbeddingType::fourier;
  return p;
}

/// VE with CIFAR-10's NCSN++ and discrete levels, for CelebA's images of 64×64 pixels.
[[nodiscard]] inline Preset celeba_ncsnpp() {
  Preset p = cifar10(SdeKind::ve, NetworkFamily::ncsnpp, false, "ve/celeba_ncsnpp");
  set_noise_levels(p, 90, 1000);
  p.snr = 0.17;
  p.network.image_size = 64;
  return p;
}

/// VE with NCSN++ with input and output pyramids, for images of 256×256 pixels.
[[nodiscard]] inline Preset ncsnpp_256(std::string name, double sigma_max) {
  Preset p{.name = std::move(name), .network = {}};
  make_variance_exploding(p);
  set_noise_levels(p, sigma_max, 2000);
  p.batch_size = 64;
  p.n_iters = 2400001;
  p.snr = 0.075;
  UNetConfig& n = p.network;
  n.image_size = 256;
  n.ch_mult = {1, 1, 2, 2, 2, 2, 2};
  n.num_res_blocks = 2;
  n.dropout = 0;
  n.fir = true;
  n.progressive = ProgressiveOutput::output_skip;
  n.progressive_input = ProgressiveInput::input_skip;
  n.embedding_type = EmbeddingType::fourier;
  return p;
}

/// The same for 1024×1024 pixels.
[[nodiscard]] inline Preset ncsnpp_1024(std::string name, bool reduce_mean) {
  Preset p = ncsnpp_256(std::move(name), 1348);
  p.reduce_mean = reduce_mean;
  p.batch_size = 8;
  p.ema_rate = 0.9999;
  p.snr = 0.15;
  p.network.image_size = 1024;
  p.network.nf = 16;
  p.network.ch_mult = {1, 2, 4, 8, 16, 32, 32, 32};
  p.network.num_res_blocks = 1;
  return p;
}

/// DDPM for 256×256 pixels.
[[nodiscard]] inline Preset ddpm_256(std::string name) {
  Preset p = cifar10(SdeKind::vp, NetworkFamily::ddpm, false, std::move(name));
  p.batch_size = 64;
  p.n_iters = 2400001;
  p.lr = 2e-5;
  p.snr = 0.075;
  p.network.image_size = 256;
  p.network.ch_mult = {1, 1, 2, 2, 4, 4};
  p.network.dropout = 0;
  return p;
}

/// Learns recognizable shapes within an hour on two CPU cores.
[[nodiscard]] inline Preset cifar10_small() {
  Preset p{.name = "cifar10_small",
           .network = {},
           .ema_rate = 0.9995,
           .batch_size = 32,
           .n_iters = 20000,
           .lr = 1e-3,
           .warmup = 500};
  p.network.nf = 32;
  p.network.ch_mult = {1, 2, 2, 2};
  p.network.num_res_blocks = 1;
  p.network.attn_resolutions = {16, 8};
  p.network.dropout = 0;
  return p;
}

/// The published VE configuration with NCSN++ in the size of cifar10_small, the base of
/// ablations() (registry/ablation.hpp). The loss is a mean: a sum of 3072 squares would always be
/// clipped.
[[nodiscard]] inline Preset cifar10_small_ve_ncsnpp() {
  Preset p = cifar10(SdeKind::ve, NetworkFamily::ncsnpp, true, "cifar10_small_ve_ncsnpp");
  const Preset small = cifar10_small();
  p.reduce_mean = true;
  p.batch_size = small.batch_size;
  p.n_iters = small.n_iters;
  p.lr = small.lr;
  p.warmup = small.warmup;
  p.network.nf = small.network.nf;
  p.network.ch_mult = small.network.ch_mult;
  p.network.num_res_blocks = small.network.num_res_blocks;
  p.network.attn_resolutions = small.network.attn_resolutions;
  p.network.dropout = small.network.dropout;
  return p;
}

/// The time is σ, the network is preconditioned and trained with EDM's loss, and Heun's method is
/// the sampler: table 1, column "ours".
inline void make_edm(Preset& p) {
  p.sde = SdeKind::edm;
  p.reduce_mean = false;
  p.solver = SolverKind::karras_heun;
  p.sigma_min = p.sampling_eps = p.network.sigma_min = 0.002;
  p.sigma_max = p.network.sigma_max = 80;
}

/// Presets of this library.
[[nodiscard]] inline std::vector<Preset> small_presets() {
  Preset of_classes = class_conditional(cifar10_small(), 10);
  of_classes.name = "cifar10_small_class_conditional";
  Preset karras = cifar10_small();
  make_edm(karras);
  karras.name = "cifar10_small_karras";
  karras.reduce_mean = true;  // a sum of 3072 squares would always be clipped
  return {cifar10_small(), std::move(of_classes), std::move(karras), cifar10_small_ve_ncsnpp()};
}

/// EDM's training of DDPM++ on CIFAR-10, configuration E of table 2: their best configuration
/// without augmentation. Batches of 512 for 200 million images, the first 10 million for warm-up;
/// an average of half-life 0.5 million images; no level at 4×4 pixels, and twice the channels at
/// 32×32.
[[nodiscard]] inline Preset karras_cifar10() {
  Preset p{.name = "karras/cifar10_ddpmpp", .network = {}};
  make_edm(p);
  p.batch_size = 512;
  p.n_iters = 200'000'000 / 512;
  p.warmup = 10'000'000 / 512;
  p.ema_rate = std::exp2(-512 / 0.5e6);
  p.lr = 1e-3;
  p.grad_clip = std::numeric_limits<double>::infinity();
  p.network.ch_mult = {2, 2, 2};
  p.network.dropout = 0.13;
  return p;
}

/// Configurations that differ in one value from the others of their family.
[[nodiscard]] inline std::vector<Preset> cifar10_exceptions() {
  Preset unconditional =
      cifar10(SdeKind::vp, NetworkFamily::ddpm, false, "vp/ddpm/cifar10_unconditional");
  unconditional.network.conditional = false;
  Preset reverse = cifar10(SdeKind::vp, NetworkFamily::ncsnpp, false, "vp/cifar10_ncsnpp");
  reverse.predictor = PredictorKind::reverse_diffusion;
  return {std::move(unconditional), std::move(reverse)};
}

[[nodiscard]] inline std::vector<Preset> published_presets() {
  const bool discrete = false, continuous = true, deep = true;
  using enum NetworkFamily;
  constexpr SdeKind ve = SdeKind::ve, vp = SdeKind::vp, sub_vp = SdeKind::sub_vp;
  std::vector<Preset> all{
      cifar10(ve, ddpm, discrete, "ve/cifar10_ddpm"),
      cifar10(ve, ncsnpp, discrete, "ve/cifar10_ncsnpp"),
      cifar10(ve, ncsnpp, continuous, "ve/cifar10_ncsnpp_continuous"),
      cifar10(ve, ncsnpp, continuous, "ve/cifar10_ncsnpp_deep_continuous", deep),
      cifar10(vp, ddpm, discrete, "vp/ddpm/cifar10"),
      cifar10(vp, ddpm, continuous, "vp/ddpm/cifar10_continuous"),
      cifar10(vp, ddpmpp, discrete, "vp/cifar10_ddpmpp"),
      cifar10(vp, ddpmpp, continuous, "vp/cifar10_ddpmpp_continuous"),
      cifar10(vp, ddpmpp, continuous, "vp/cifar10_ddpmpp_deep_continuous", deep),
      cifar10(vp, ncsnpp, continuous, "vp/cifar10_ncsnpp_continuous"),
      cifar10(vp, ncsnpp, continuous, "vp/cifar10_ncsnpp_deep_continuous", deep),
      cifar10(sub_vp, ddpm, continuous, "subvp/cifar10_ddpm_continuous"),
      cifar10(sub_vp, ddpmpp, continuous, "subvp/cifar10_ddpmpp_continuous"),
      cifar10(sub_vp, ddpmpp, continuous, "subvp/cifar10_ddpmpp_deep_continuous", deep),
      cifar10(sub_vp, ncsnpp, continuous, "subvp/cifar10_ncsnpp_continuous"),
      cifar10(sub_vp, ncsnpp, continuous, "subvp/cifar10_ncsnpp_deep_continuous", deep),
      celeba_ncsnpp(),
      ddpm_256("vp/ddpm/bedroom"),
      ddpm_256("vp/ddpm/church"),
      ddpm_256("vp/ddpm/celebahq"),
      ncsnpp_256("ve/bedroom_ncsnpp_continuous", 378),
      ncsnpp_256("ve/church_ncsnpp_continuous", 380),
      ncsnpp_256("ve/celebahq_256_ncsnpp_continuous", 348),
      ncsnpp_256("ve/ffhq_256_ncsnpp_continuous", 348),
      ncsnpp_1024("ve/celebahq_ncsnpp_continuous", false),
      ncsnpp_1024("ve/ffhq_ncsnpp_continuous", true),
  };
  for (Preset& p : cifar10_exceptions()) all.push_back(std::move(p));
  std::sort(all.begin(), all.end(),
            [](const Preset& a, const Preset& b) { return a.name < b.name; });
  return all;
}

[[nodiscard]] inline std::vector<Preset> all_presets() {
  std::vector<Preset> all = small_presets();
  all.push_back(karras_cifar10());
  for (Preset& p : published_presets()) all.push_back(std::move(p));
  return all;
}

}  // namespace detail

/// All presets: this library's small ones, EDM's, then score_sde's by name.
[[nodiscard]] inline const std::vector<Preset>& presets() {
  static const std::vector<Preset> table = detail::all_presets();
  return table;
}

/// The name of a preset with `edm` where names in files have `karras`.
[[nodiscard]] inline std::string edm_name(const Preset& p) {
  constexpr std::string_view written = "karras";
  std::string name = p.name;
  if (const auto at = name.find(written); at != name.npos) name.replace(at, written.size(), "edm");
  return name;
}

/// The classifiers of this library for CIFAR-10, which train on a CPU: that of guidance, for all
/// noise levels of the VP SDE, and one of clean images alone, for evaluation. Three levels of noise
/// in five at guidance's time power have a ratio std/mean below 0.7.
[[nodiscard]] inline const std::vector<Preset>& classifier_presets() {
  static const std::vector<Preset> table = [] {
    Preset guidance{.name = "cifar10_classifier_small", .network = {}, .ema_rate = 0.9995};
    guidance.n_iters = 40000;
    guidance.batch_size = 64;
    guidance.lr = 1e-3;
    guidance.warmup = 500;
    guidance.network.nf = 32;
    guidance.network.ch_mult = {1, 2, 3, 3};
    guidance.network.num_res_blocks = 1;
    guidance.network.attn_resolutions = {8};
    guidance.network.attention_head_dim = 32;
    guidance.classifier = ClassifierHead{};
    guidance.time_power = 3;
    guidance.random_shift = 4;
    Preset clean = guidance;
    clean.name = "cifar10_classifier_small_clean";
    clean.network.nf = 28;
    clean.network.ch_mult = {1, 2, 4};
    clean.network.num_res_blocks = 2;
    clean.network.attention_head_dim = 28;
    clean.noised = false;
    clean.time_power = 1;
    clean.random_shift = 0;
    return std::vector<Preset>{std::move(guidance), std::move(clean)};
  }();
  return table;
}

/// The preset with that name or edm_name, of a score network or of a classifier. Throws Error,
/// listing the names, if there is none.
[[nodiscard]] inline const Preset& preset(std::string_view name) {
  for (const Preset& p : classifier_presets())
    if (p.name == name) return p;
  const auto& all = presets();
  const auto at = std::find_if(all.begin(), all.end(), [&](const Preset& p) {
    return p.name == name || edm_name(p) == name;
  });
  std::string names;
  for (const Preset& p : all) names += (names.empty() ? "" : ", ") + p.name;
  for (const Preset& p : classifier_presets()) names += ", " + p.name;
  scoresde::require(at != all.end(), "preset: there is no '", name, "'; it must be one of ", names);
  return *at;
}

}  // namespace scoresde::nn
