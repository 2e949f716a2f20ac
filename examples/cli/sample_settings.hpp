// SPDX-License-Identifier: MIT
/// All settings that the images of a run depend on, as text, so that a resumed run can be compared
/// with the one that was stopped.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <zlib.h>

#include <scoresde/error.hpp>
#include <scoresde/io/mapped_file.hpp>

#include "cli/sample_options.hpp"

namespace programs {

/// "crc32 1a2b3c4d, 7234567 bytes", of the whole file.
[[nodiscard]] inline std::string file_identity(const std::filesystem::path& path) {
  const scoresde::io::MappedFile file(path);
  const auto bytes = file.bytes();
  const uLong sum =
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  char text[64];
  std::snprintf(text, sizeof text, "crc32 %08lx, %zu bytes", sum, bytes.size());
  return text;
}

namespace detail {

using Settings = std::map<std::string, std::string>;

inline void add_sampler_settings(const scoresde::SamplerChoice& s, Settings& settings) {
  using scoresde::text;
  settings.insert({{"--sampler", s.preset},
                   {"--solver", s.solver},
                   {"--predictor", s.predictor},
                   {"--corrector", s.corrector},
                   {"--corrector-steps", text(s.corrector_steps)},
                   {"--steps", text(s.steps)},
                   {"--grid", s.grid},
                   {"--final", s.final_step},
                   {"--variance", s.variance},
                   {"--control", s.control},
                   {"--eps", text(s.eps)}});
  const auto set = [&](const char* option, const std::optional<double>& value) {
    if (value) settings[option] = text(*value);
  };
  if (s.steps_offset > 0) settings["--steps-offset"] = text(s.steps_offset);
  set("--snr", s.snr);
  set("--rho", s.rho);
  set("--eta", s.eta);
  set("--tau", s.tau);
  set("--s-churn", s.s_churn);
  set("--s-tmin", s.s_tmin);
  set("--s-tmax", s.s_tmax);
  set("--s-noise", s.s_noise);
  set("--rtol", s.rtol);
  set("--atol", s.atol);
}

}  // namespace detail

/// The settings of model, noise and batches, with resolved classes. They do not include threads,
/// devices and output paths, but include the batch size, on which adaptive runs with Scope::batch
/// and the mean number of evaluations depend.
[[nodiscard]] inline std::map<std::string, std::string> model_settings(const SampleOptions& o) {
  using scoresde::text;
  detail::Settings settings{{"checkpoint", file_identity(o.checkpoint)},
                            {"--seed", text(o.seed)},
                            {"--batch", text(o.batch)},
                            {"--class", o.classes.name},
                            {"--guidance", text(o.classes.guidance)},
                            {"--clip-denoised", text(o.clip_denoised)},
                            {"--backend", o.backend.backend}};
  if (!o.sde.empty()) settings["--sde"] = o.sde;
  if (o.backend.on_device()) settings["--precision"] = o.backend.precision;
  for (std::size_t i = 0; i < o.classes.interval.size(); ++i)
    settings["--guidance-interval " + text(i)] = text(o.classes.interval[i]);
  return settings;
}

/// The settings of options with a resolved sampler.
[[nodiscard]] inline std::map<std::string, std::string> sample_settings(const SampleOptions& o) {
  using scoresde::text;
  detail::Settings settings = model_settings(o);
  settings.insert({{"--first-sample", text(o.first_sample)},
                   {"--samples", text(o.samples)},
                   {"--png", text(o.each_png)},
                   {"--columns", text(o.columns)}});
  detail::add_sampler_settings(o.sampler, settings);
  if (o.dynamic_threshold) settings["--dynamic-threshold"] = text(*o.dynamic_threshold);
  return settings;
}

}  // namespace programs
