// SPDX-License-Identifier: MIT
/// Golden cases selected by their kind, and their target distribution.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/ddpm_sde.hpp>

#include "support/golden_sampling.hpp"

namespace golden_cases {

using golden_sampling::Case;
using Batch = scoresde::HostState<double>;

/// Calls test(case) for every case of a kind; returns their number.
template <class Test>
std::size_t for_each(const std::string& what, Test test) {
  std::size_t count = 0;
  golden_sampling::for_each_case({"what", "name"}, [&](const Case& c) {
    if (c.entry.at("what") != what) return;
    INFO(c.name);
    test(c);
    ++count;
  });
  return count;
}

inline std::vector<double> tensor(const Case& c, const std::string& what) {
  return c.file->at(c.name + "." + what).as<double>();
}
inline std::vector<double> shared(const Case& c, const std::string& name) {
  return c.file->at(name).as<double>();
}
inline Batch state(const Case& c, const std::string& what) {
  return golden_sampling::state<double>(c, what);
}
/// Element i of a stack of states shaped like `like`.
inline Batch state_of(const std::vector<double>& stack, std::size_t i, scoresde::Extents like) {
  const auto first = stack.begin() + static_cast<std::ptrdiff_t>(i * like.size());
  return {like, std::vector<double>(first, first + static_cast<std::ptrdiff_t>(like.size()))};
}

/// The exact score of the case's Gaussian target.
template <class S>
scoresde::Gaussian<S> gaussian(const Case& c, const S& sde) {
  const std::string target = c.entry.at("target");
  return {sde, shared(c, target + ".mu"), shared(c, target + (target == "full" ? ".cov" : ".var"))};
}

/// The discrete chain of a DDPM with linear betas.
inline scoresde::DdpmSde chain(const Case& c) {
  return scoresde::DdpmSde(scoresde::linear_betas(
      c.entry.at("levels"), c.entry.at("ddpm_beta_first"), c.entry.at("ddpm_beta_last")));
}

/// The steps between ascending indices of the chain, downwards, the last to the data.
inline scoresde::TimeGrid grid(const Case& c) {
  const double levels = c.entry.at("levels");
  std::vector<double> times;
  const auto indices = c.entry.at("indices").get<std::vector<double>>();
  for (auto index = indices.rbegin(); index != indices.rend(); ++index)
    times.push_back((*index + 1) / levels);
  times.push_back(0);
  return scoresde::TimeGrid(times);
}

/// max |a − b|/max |b|.
inline void check_close(const Batch& found, const std::vector<double>& wanted) {
  CHECK(golden_sampling::relative_error(found, wanted) <= 1e-10);
}

}  // namespace golden_cases
