// SPDX-License-Identifier: MIT
/// A run of diffusers or k-diffusion in tests/golden/peers.safetensors, and its repetition here
/// with a given sampler.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/solver/dpm_solver.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>

namespace peers {

using X = scoresde::HostState<double>;
using nlohmann::json;

/// A run of a peer.
struct Case {
  json entry;
  const scoresde::io::TensorFile* file = nullptr;

  [[nodiscard]] std::string name() const { return entry.at("name"); }
  [[nodiscard]] std::string scheduler() const { return entry.at("scheduler"); }
  [[nodiscard]] std::size_t steps() const { return entry.at("steps"); }
  [[nodiscard]] const json& settings() const { return entry.at("settings"); }
  template <class T>
  [[nodiscard]] T get(const char* key, T fallback) const {
    return settings().value(key, fallback);
  }
  [[nodiscard]] bool is(const char* key, const char* value, const char* fallback = "") const {
    return get<std::string>(key, fallback) == value;
  }
  [[nodiscard]] std::vector<double> tensor(const std::string& what) const {
    return file->at(name() + "." + what).as<double>();
  }
  [[nodiscard]] X state(const std::string& what) const {
    const std::size_t rows = file->at(name() + "." + what).shape.at(0);
    const std::vector<double> values = tensor(what);
    return {{rows, values.size() / rows}, values};
  }
};

/// The result here.
struct Agreement {
  double error = std::numeric_limits<double>::infinity();  ///< max |ours − theirs| / max |theirs|
  std::string ours = "";
  double bound = 1e-10;  ///< on the error
};

/// Whether the scheduler derives the noise from the clipped data, as ClippedDenoiser does.
[[nodiscard]] inline bool clips_both(const Case& c) {
  return c.get("use_clipped_model_output", false) ||
         (c.scheduler() == "DDPMScheduler" && c.get("clip_sample", true));
}

/// Runs a sampler from the case's start over its normals.
template <class Sampler>
[[nodiscard]] Agreement run(const Case& c, std::string ours, const Sampler& sampler) {
  scoresde::GaussianMixture model(sampler.sde(), c.file->at("weights").as<double>(),
                                  c.file->at("means").as<double>(),
                                  c.file->at("variances").as<double>());
  X x = c.state("x_T");
  // Draw 0 is the prior; steps without noise have an index, too.
  std::vector<X> draws(2 * sampler.grid().size() + 3, x);
  if (c.file->contains(c.name() + ".z")) {
    const std::vector<double> z = c.tensor("z");
    for (std::size_t i = 0; (i + 1) * x.size() <= z.size(); ++i)
      std::copy_n(z.begin() + std::ptrdiff_t(i * x.size()), x.size(), draws[i + 1].data());
  }
  scoresde::Workspace<X, Sampler::buffers> work(x);
  const scoresde::RecordedNoise<X> noise{draws};
  if (c.get("thresholding", false)) {
    const scoresde::DynamicThreshold threshold{
        .quantile = c.get("dynamic_thresholding_ratio", 0.995),
        .cap = c.get("sample_max_value", 1.0)};
    scoresde::DynamicallyThresholdedDenoiser limited(model, sampler.sde(), threshold);
    sampler.integrate(limited, x, noise, work);
  } else if (clips_both(c)) {
    const double range = c.get("clip_sample_range", 1.0);
    scoresde::ClippedDenoiser clipped(model, sampler.sde(), {-range, range});
    sampler.integrate(clipped, x, noise, work);
  } else {
    sampler.integrate(model, x, noise, work);
  }
  const std::vector<double> wanted = c.tensor("x_0");
  double off = 0, size = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    off = std::max(off, std::abs(x.data()[i] - wanted[i]));
    size = std::max(size, std::abs(wanted[i]));
  }
  return {std::isfinite(off) ? off / size : off, std::move(ours)};
}

/// Runs a solver, as a table, to the grid's end or to the data where it ends there.
template <scoresde::Sde S, class R>
[[nodiscard]] Agreement solve(const Case& c, std::string ours, const S& sde,
                              const scoresde::TimeGrid& grid, const R& solver) {
  scoresde::SolverTable table{solver.order, solver.prediction, {}, {}};
  if (grid.back().t_next > 0) {
    table.to_eps = solver.stages(sde, grid);
    return run(
        c, std::move(ours),
        scoresde::SolverSampler{sde, table, grid, {.final_step = scoresde::FinalStep::keep_noise}});
  }
  table.to_data = scoresde::stages_to_data(solver, sde, grid);
  return run(c, std::move(ours), scoresde::SolverSampler{sde, table, grid});
}

/// Runs a predictor over the grid, with the noise of its last step.
template <scoresde::Sde S, class P>
[[nodiscard]] Agreement predict(const Case& c, std::string ours, const S& sde,
                                const scoresde::TimeGrid& grid, const P& predictor) {
  return run(c, std::move(ours),
             scoresde::PredictorCorrector{sde, predictor, grid,
                                          scoresde::PredictorCorrectorOptions{
                                              .final_step = scoresde::FinalStep::keep_noise}});
}

/// solver_type midpoint or heun.
[[nodiscard]] inline scoresde::SolverForm form_of(const Case& c) {
  return c.is("solver_type", "heun", "midpoint") ? scoresde::SolverForm::taylor
                                                 : scoresde::SolverForm::dpm_solver;
}

}  // namespace peers
