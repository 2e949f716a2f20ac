// SPDX-License-Identifier: MIT
#include "cli/evaluate_input.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/run_lock.hpp"
#include "cli/sample_settings.hpp"
#include "cli/sample_store.hpp"
#include "cli/sampling_options.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

using scoresde::require_usage;

/// Leaves out the images before `first`.
void skip_before(const char* option, std::size_t first, EvaluatedImages& images) {
  if (first == 0) return;
  require_usage(first < images.count, option, " is ", first, "; ", images.name, " has ",
                images.count, " images");
  images.count -= first;
  if (!images.labels.empty())
    images.labels.erase(images.labels.begin(),
                        images.labels.begin() + static_cast<std::ptrdiff_t>(first));
  images.read = [first, all = std::move(images.read)](
                    std::size_t at, std::span<std::uint8_t> pixels) { all(first + at, pixels); };
}

/// `count` of the images, or all for 0.
void take_first(const char* option, std::size_t count, EvaluatedImages& images) {
  require_usage(count <= images.count, option, " is ", count, "; ", images.name, " has ",
                images.count, " images");
  if (count > 0) images.count = count;
  require_usage(images.count >= fewest_evaluated, option, " leaves ", images.count, " images of ",
                images.name, "; at least ", fewest_evaluated, " are required");
}

}  // namespace

void open_reference(const EvaluateOptions& o, EvaluationInput& input) {
  using scoresde::data::Split;
  if (!o.statistics.empty()) {
    input.statistics = scoresde::read_feature_moments(o.statistics);
    return;
  }
  input.reference = open_images("--data", o.data, o.test_split ? Split::test : Split::train);
  auto& real = *input.reference;
  skip_before("--first-reference-image", o.first_reference_image, real);
  take_first("--reference-images", o.reference_images, real);
  require_usage(
      real.channels == input.channels && real.height == input.height && real.width == input.width,
      "--data: the images have ", real.channels, " x ", real.height, " x ", real.width,
      " values; the samples have ", input.channels, " x ", input.height, " x ", input.width);
}

EvaluationInput finished_samples(const EvaluateOptions& o) {
  EvaluatedImages images =
      open_images("--from", o.from, scoresde::data::Split::test);  // of a data set's folder
  take_first("--samples", o.sampling.samples, images);
  EvaluationInput input{images.name,
                        images.count,
                        images.channels,
                        images.height,
                        images.width,
                        {},
                        {},
                        {},
                        {{"--from", o.from.string()}}};
  if (std::filesystem::is_regular_file(o.from)) input.settings["--from"] = file_identity(o.from);
  input.open_samples = [images = std::move(images)] { return std::optional(images); };
  return input;
}

EvaluationInput samples_of_checkpoint(const std::vector<std::string>& given, EvaluateOptions& o,
                                      const SampleEngines& engines) {
  SampleOptions& s = o.sampling;
  s.out = o.out / "samples";
  if (s.samples == 0) s.samples = 1000;
  s.overwrite = o.overwrite;
  const scoresde::Metadata configuration = resolve_sampling(s, given);
  const auto network = scoresde::network_of(configuration);
  EvaluationInput input{s.checkpoint.string(),
                        s.samples,
                        network.num_channels,
                        network.height(),
                        network.width(),
                        {},
                        {},
                        {},
                        sample_settings(s)};
  input.remove_replaced = [s, resume = o.resume] {
    std::error_code failure;
    if (!s.overwrite || resume) return;
    for (const char* name : SampleStore::finished_names)
      std::filesystem::remove(s.out / name, failure);
  };
  input.open_samples = [s, resume = o.resume, configuration,
                        &engines]() mutable -> std::optional<EvaluatedImages> {
    const auto finished = s.out / SampleStore::finished_names.front();
    if (!resume || !std::filesystem::exists(finished)) {
      s.resume = std::filesystem::exists(s.out / SampleStore::progress_name(SampleStore::name));
      const RunLock lock(s.out);
      engines.of(s.backend)(s, configuration);
    }
    if (stop_requested()) return {};
    return open_images("--checkpoint", finished, scoresde::data::Split::test);
  };
  return input;
}

}  // namespace programs
