// SPDX-License-Identifier: MIT
/// A classifier, real images and samples for tests of cifar10_evaluate.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_features.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_classifier.hpp"

namespace scoresde::test::evaluating {

using Json = nlohmann::json;

inline constexpr std::size_t evaluated_dim = 3 * 8 * 8;

/// Levels 0 … 255 of images, brighter with `shift`.
inline std::vector<std::uint8_t> levels(std::size_t images, std::uint32_t seed,
                                        std::uint32_t shift) {
  std::vector<std::uint8_t> values(images * evaluated_dim);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint8_t>(
        ((static_cast<std::uint32_t>(i) + seed) * 2654435761U >> 25) + shift);
  return values;
}

inline std::string write_npy(const std::filesystem::path& path,
                             const std::vector<std::uint8_t>& levels) {
  std::vector<float> values(levels.size());
  std::transform(levels.begin(), levels.end(), values.begin(),
                 [](std::uint8_t u) { return static_cast<float>(u) / 255; });
  const std::array<std::size_t, 4> shape{values.size() / evaluated_dim, 3, 8, 8};
  io::write_npy(path, std::span<const float>(values), shape);
  return path.string();
}

/// The value of a metric in evaluation.json.
inline Json metric(const std::filesystem::path& out, const std::string& key) {
  const Json evaluation = Json::parse(text_of(out / "evaluation.json"));
  for (const Json& entry : evaluation.at("metrics"))
    if (entry.at("key") == key) return entry;
  return {};
}

/// A classifier, real images and samples.
class Evaluating {
 public:
  TemporaryFolder folder;
  std::vector<std::uint8_t> real = levels(60, 1, 40), made = levels(20, 99999, 80);

  /// Changes the weights of `parameter` to `value`, if it is named.
  std::string classifier(const std::string& name, const std::string& parameter = {},
                         float value = 0) const {
    nn::ClassifierConfig config = tiny_classifier();
    config.encoder.num_channels = 3;
    config.head.classes = 10;
    const nn::Graph graph = nn::classifier(config);
    std::vector<float> weights(graph.parameters().size());
    nn::initialize(graph.parameters(), std::span<float>(weights), 5);
    for (const auto& entry : graph.parameters().entries())
      if (entry.name == parameter)
        std::fill_n(weights.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.size, value);
    auto settings =
        run_configuration(config.encoder, VpSde(), TrainingConfigurationWith<CrossEntropy>{});
    settings.merge(describe(config.head));
    save_weights(folder / name, graph.parameters(), std::span<const float>(weights), settings, 0);
    return (folder / name).string();
  }
  [[nodiscard]] std::string data() const { return write_npy(folder / "real.npy", real); }
  [[nodiscard]] std::string samples() const { return write_npy(folder / "made.npy", made); }
  [[nodiscard]] std::filesystem::path out(const std::string& name) const { return folder / name; }
  /// Of finished samples.
  [[nodiscard]] Words options(const std::string& name) const {
    return {
        "--from", samples(),          "--data",    data(), "--features", classifier("classifier"),
        "--out",  out(name).string(), "--threads", "1"};
  }
  [[nodiscard]] Features<double> features(const std::vector<std::uint8_t>& pixels,
                                          std::vector<double>& values) const {
    auto extractor = load_classifier_features<eigen::Ops<float>>(classifier("classifier"));
    values = extractor.features(pixels, {pixels.size() / evaluated_dim, 3, 8, 8});
    return {values, extractor.description().dim};
  }
};

/// Names of tags without an end, in an error; empty for a page whose tags are balanced.
inline std::string unbalanced_tags(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag has no >";
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.front() == '!' || tag.back() == '/') continue;
    const std::size_t begin = tag.front() == '/' ? 1 : 0;
    std::string name;
    for (std::size_t i = begin; i < tag.size() && std::isalnum(static_cast<unsigned char>(tag[i]));
         ++i)
      name += tag[i];
    if (begin == 0) {
      open.push_back(name);
      continue;
    }
    if (open.empty() || open.back() != name) return "</" + name + ">";
    open.pop_back();
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

}  // namespace scoresde::test::evaluating
