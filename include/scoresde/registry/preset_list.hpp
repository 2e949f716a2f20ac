// SPDX-License-Identifier: MIT
/// The presets as a table.
#pragma once

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <string>
#include <vector>

#include <scoresde/registry/names.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_names.hpp>

namespace scoresde {

namespace detail {

/// 61804419 as "61,804,419".
inline std::string grouped(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

}  // namespace detail

/// One line per preset: name, trainable parameters, SDE, times, image size, sampler.
inline void list_presets(std::ostream& out) {
  std::size_t width = 0;
  std::vector<nn::Preset> all = nn::presets();
  all.insert(all.end(), nn::classifier_presets().begin(), nn::classifier_presets().end());
  for (const auto& p : all) width = std::max(width, p.name.size());
  const auto row = [&](const std::string& name, const std::string& parameters,
                       const std::string& sde, const std::string& times, const std::string& pixels,
                       const std::string& sampler) {
    out << std::left << std::setw(int(width) + 2) << name << std::right << std::setw(11)
        << parameters << "  " << std::left << std::setw(8) << sde << std::setw(12) << times
        << std::setw(11) << pixels << sampler << '\n';
  };
  row("preset", "parameters", "SDE", "times", "images", "sampler");
  for (const auto& p : all) {
    const auto& n = p.network;
    row(p.name, detail::grouped(graph_of(p).parameters().trainable_size()), name_of(p.sde),
        p.continuous ? "continuous" : "discrete",
        std::to_string(n.width()) + "x" + std::to_string(n.height()),
        p.classifier ? "classifier"
        : p.solver == SolverKind::predictor_corrector
            ? name_of(p.predictor) + " + " + name_of(p.corrector)
            : name_of(p.solver));
  }
}

}  // namespace scoresde
