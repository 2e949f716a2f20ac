// SPDX-License-Identifier: MIT
/// The options of cifar10_edit.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/sample_options.hpp"

namespace programs {

/// What is done to the images; guide makes images of a class.
enum class EditTask { inpaint, colorize, super_resolve, deblur, interpolate, vary, guide };

inline constexpr std::array<std::pair<const char*, EditTask>, 7> edit_tasks{
    {{"inpaint", EditTask::inpaint},
     {"colorize", EditTask::colorize},
     {"super-resolve", EditTask::super_resolve},
     {"deblur", EditTask::deblur},
     {"interpolate", EditTask::interpolate},
     {"vary", EditTask::vary},
     {"guide", EditTask::guide}}};

/// How what is measured of an image is taken into account.
inline constexpr std::array edit_methods{"known", "ddrm", "dps", "pigdm", "twisted_smc"};

/// Empty names and zero numbers stand for the defaults of the task and of the checkpoint.
struct EditOptions {
  SampleOptions sampling;  ///< checkpoint, folder, classes, seed, batch and backend
  std::string task_name;
  std::filesystem::path data, mask, classifier;
  std::size_t first_image = 0, images = 0, results = 0;
  std::vector<std::size_t> box;  ///< unknown pixels: top, left, height, width
  std::size_t factor = 4;        ///< of super-resolve
  double blur = 1;               ///< standard deviation of deblur, in pixels
  std::string method;            ///< of edit_methods
  double noise = 0;              ///< standard deviation of the measurement, in [0, 1]
  std::optional<double> strength;
  std::vector<double> temperatures;
  double classifier_scale = 1;
  std::size_t steps = 200, corrector_steps = 1;
  double dps_scale = 0.5;
  std::size_t particles = 64;  ///< of twisted_smc, for each result

  [[nodiscard]] EditTask task() const {
    for (const auto& [name, task] : edit_tasks)
      if (task_name == name) return task;
    return EditTask::guide;
  }
  /// Whether the images are known by a linear measurement.
  [[nodiscard]] bool measures() const { return task() <= EditTask::deblur; }
  /// Whether the method needs the derivative of the network.
  [[nodiscard]] bool differentiates() const {
    return measures() && method != "known" && method != "ddrm";
  }
  /// Samples that each result is made of.
  [[nodiscard]] std::size_t samples_per_result() const {
    return measures() && method == "twisted_smc" ? particles : 1;
  }
};

}  // namespace programs
