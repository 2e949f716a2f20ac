// SPDX-License-Identifier: MIT
/// Presets: score_sde's published configurations under their names, and a small one for CPUs.
///
/// Song et al. 2021, arXiv:2011.13456, appendices C, D and H, and the configuration files of its
/// code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/nn/unet_config.hpp>

namespace scoresde::nn {

/// Everything that one configuration file says, in score_sde's words.
struct Preset {
  std::string name;
  UNetConfig network;
  // sde
  std::string sde = "vp";  ///< "vp", "ve" or "subvp"
  double beta_min = 0.1, beta_max = 20;
  double sigma_min = 0.01, sigma_max = 50;
  std::size_t num_scales = 1000;
  // training
  bool continuous = true;
  bool likelihood_weighting = false;
  bool reduce_mean = true;
  double ema_rate = 0.9999;
  std::size_t batch_size = 128;
  std::uint64_t n_iters = 1300001;
  // optim: Adam
  double lr = 2e-4, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  std::uint64_t warmup = 5000;  ///< steps of linear learning-rate growth
  double grad_clip = 1;         ///< largest norm of the gradient
  // sampling
  std::string predictor = "euler_maruyama";
  std::string corrector = "none";
  double snr = 0.16;
  std::size_t n_steps_each = 1;
  double sampling_eps = 1e-3;  ///< smallest time when sampling
  // data
  bool random_flip = true;
  bool uniform_dequantization = false;
};

namespace detail {

[[nodiscard]] inline Preset ddpmpp(std::string name, std::string sde, std::size_t num_res_blocks,
                                   std::uint64_t n_iters) {
  Preset p{.name = std::move(name), .network = {}, .sde = std::move(sde), .n_iters = n_iters};
  p.network.num_res_blocks = num_res_blocks;
  return p;
}

/// Learns recognisable shapes on two CPU cores within an hour.
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

}  // namespace detail

/// All presets.
[[nodiscard]] inline const std::vector<Preset>& presets() {
  static const std::vector<Preset> table{
      detail::ddpmpp("vp/cifar10_ddpmpp_continuous", "vp", 4, 1300001),
      detail::ddpmpp("vp/cifar10_ddpmpp_deep_continuous", "vp", 8, 950001),
      detail::ddpmpp("subvp/cifar10_ddpmpp_continuous", "subvp", 4, 1300001),
      detail::ddpmpp("subvp/cifar10_ddpmpp_deep_continuous", "subvp", 8, 950001),
      detail::cifar10_small(),
  };
  return table;
}

/// The preset of that name. Throws Error, listing the names, when there is none.
[[nodiscard]] inline const Preset& preset(std::string_view name) {
  const auto& all = presets();
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const Preset& p) { return p.name == name; });
  std::string names;
  for (const Preset& p : all) names += (names.empty() ? "" : ", ") + p.name;
  detail::require(at != all.end(), "preset: there is no '", name, "'; there are ", names);
  return *at;
}

}  // namespace scoresde::nn
