// SPDX-License-Identifier: MIT
/// Golden updates and runs: cases in any file of the golden directory, selected by their keys.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/no_predictor.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/any_predictor.hpp"
#include "support/golden_directory.hpp"

namespace golden_sampling {

using nlohmann::json;

struct Case {
  std::string name;
  json entry;
  const scoresde::io::TensorFile* file;
};

/// Calls test(case) for every case in any file that has all these keys; returns their number.
template <class Test>
std::size_t for_each_case(const std::vector<std::string>& keys, Test test) {
  std::size_t count = 0;
  for (const auto& path : golden::files()) {
    const scoresde::io::TensorFile file = scoresde::io::read_safetensors(path.string());
    if (file.metadata.count("cases") == 0) continue;
    for (const json& entry : json::parse(file.metadata.at("cases"))) {
      const auto has = [&](const std::string& key) { return entry.contains(key); };
      if (!std::all_of(keys.begin(), keys.end(), has)) continue;
      test(Case{entry.at("name"), entry, &file});
      ++count;
    }
  }
  return count;
}

/// A tensor of one batch, (n, C, H, W) or (n, …), as a state.
template <class T>
scoresde::HostState<T> state(const Case& c, const std::string& what) {
  const auto& tensor = c.file->at(c.name + "." + what);
  const std::size_t n = tensor.shape.at(0);
  return {{n, tensor.size() / n}, tensor.template as<T>()};
}

/// A stack of batches as states of the shape of x. A tensor of the shape of x is a stack of one.
template <class T>
std::vector<scoresde::HostState<T>> states(const Case& c, const std::string& what,
                                           const scoresde::HostState<T>& x) {
  const auto values = c.file->at(c.name + "." + what).template as<T>();
  std::vector<scoresde::HostState<T>> stack;
  for (std::size_t begin = 0; begin + x.size() <= values.size(); begin += x.size())
    stack.emplace_back(x.extents(),
                       std::vector<T>(values.begin() + std::ptrdiff_t(begin),
                                      values.begin() + std::ptrdiff_t(begin + x.size())));
  return stack;
}

/// max |a − b| / max |b|.
template <class T>
double relative_error(const scoresde::HostState<T>& a, const std::vector<double>& b) {
  double difference = a.size() == b.size() ? 0 : 1e300, size = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = std::abs(static_cast<double>(a.data()[i]) - b[i]);
    difference = std::isfinite(d) ? std::max(difference, d) : 1e300;
    size = std::max(size, std::abs(b[i]));
  }
  return difference / size;
}

template <class T>
inline constexpr double tolerance = std::is_same_v<T, double> ? 1e-10 : 1e-4;

/// The chain of `levels` levels of score_sde that the case names.
inline scoresde::AnySde sde_of(const Case& c, std::size_t levels) {
  const std::string sde = c.entry.at("sde");
  const auto number = [&](const char* key, double fallback) {
    return c.entry.value(key, fallback);
  };
  const scoresde::BetaSchedule beta{.beta_min = number("beta_min", 0.1),
                                    .beta_max = number("beta_max", 20)};
  if (sde == "ve")
    return scoresde::AnySde(scoresde::DiscreteVeSde(
        levels, {.sigma_min = number("sigma_min", 0.01), .sigma_max = number("sigma_max", 50)}));
  if (sde == "vp") return scoresde::AnySde(scoresde::DiscreteVpSde(levels, beta));
  if (sde == "subvp") return scoresde::AnySde(scoresde::DiscreteSubVpSde(levels, beta));
  throw scoresde::Error("golden case " + c.name + ": unknown SDE " + sde);
}

/// Calls use(predictor) with the predictor that `method` names, in the conventions of score_sde.
template <class Use>
void with_predictor(const Case& c, const std::string& method, Use use) {
  const bool flow = c.entry.value("probability_flow", false);
  if (method == "euler_maruyama")
    use(AnyPredictor<>(scoresde::EulerMaruyama{.probability_flow = flow}));
  else if (method == "reverse_diffusion")
    use(AnyPredictor<>(scoresde::ReverseDiffusion{.probability_flow = flow}));
  else if (method == "ancestral_sampling")
    use(AnyPredictor<>(scoresde::Ancestral{.variance = c.entry.at("sde") == "ve"
                                                           ? scoresde::PosteriorVariance::small
                                                           : scoresde::PosteriorVariance::large}));
  else if (method == "none")
    use(scoresde::NoPredictor{});
  else
    throw scoresde::Error("golden case " + c.name + ": unknown predictor " + method);
}

/// The exact score of the file's data N(mu, diag(var)).
inline scoresde::Gaussian<scoresde::AnySde> data(const Case& c, const scoresde::AnySde& sde) {
  return {sde, c.file->at("mu").as<double>(), c.file->at("var").as<double>()};
}

}  // namespace golden_sampling
