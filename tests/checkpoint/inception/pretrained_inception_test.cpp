// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <scoresde/checkpoint/inception_weights.hpp>
#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/registry/inception_names.hpp>

#include "support/catch.hpp"
#include "support/golden_directory.hpp"
#include "support/inception_weights.hpp"

using namespace scoresde;
using nn::InceptionConvention;
using nn::InceptionOutput;

namespace {

/// The cases of all files: the file and the name of the convention.
struct Case {
  io::TensorFile file;
  std::string name;
};

std::vector<Case> cases() {
  std::vector<Case> found;
  for (const auto& path : golden::files()) {
    const auto file = io::read_safetensors(path);
    if (file.metadata.count("cases") == 0) continue;
    for (const auto& c : nlohmann::json::parse(file.metadata.at("cases")))
      if (c.is_object() && c.value("what", "") == "inception")
        found.push_back({file, c.at("name").get<std::string>()});
  }
  return found;
}

const InceptionWeights& formula_weights() {
  static const InceptionWeights weights{test::inception_state_dict(), "formula", ""};
  return weights;
}

/// The outputs, with the end of their names in golden files.
const std::vector<std::pair<InceptionOutput, std::string>> outputs = {
    {InceptionOutput::features_64, ".64"},
    {InceptionOutput::features_192, ".192"},
    {InceptionOutput::features_768, ".768"},
    {InceptionOutput::features_2048, ".2048"},
    {InceptionOutput::logits_unbiased, ".logits_unbiased"},
    {InceptionOutput::logits, ".logits"}};

std::vector<InceptionOutput> all_outputs() {
  std::vector<InceptionOutput> all;
  for (const auto& [output, name] : outputs) all.push_back(output);
  return all;
}

/// |found − wanted|/|wanted| of one image.
template <class T>
double relative_error(std::span<const T> found, std::span<const double> wanted) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    error += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
    norm += wanted[i] * wanted[i];
  }
  return std::sqrt(error / norm);
}

/// Compares all outputs of the first `most` images with the values in double.
template <class T>
void compare(const Case& c, std::size_t most, double tolerance) {
  const auto& images = c.file.at("pictures");
  const std::size_t n = std::min(most, images.shape.at(0));
  const auto bytes = images.as<std::uint8_t>();
  const nn::InceptionConfig config{
      .height = images.shape.at(2),
      .width = images.shape.at(3),
      .convention = from_name<InceptionConvention>("convention", c.name),
      .outputs = all_outputs()};
  PretrainedInception<eigen::Ops<T>> inception(formula_weights(), {.batch = n, .config = config});
  std::vector<T> values(n * inception.dimension());
  inception.features(std::span(bytes).first(n * inception.image_size()), values);
  std::size_t at = 0;
  for (const auto& [output, name] : outputs) {
    const std::size_t size = nn::size_of(output);
    const auto wanted = c.file.at(c.name + name + ".float64").template as<double>();
    for (std::size_t k = 0; k < n; ++k) {
      INFO(c.name << name << " of image " << k);
      const double error =
          relative_error(std::span<const T>(values).subspan(k * inception.dimension() + at, size),
                         std::span(wanted).subspan(k * size, size));
      CHECK(error <= tolerance);
    }
    at += size;
  }
}

}  // namespace

TEST_CASE("weights by formula have the published checksums", "[golden]") {
  const auto all = cases();
  golden::require_cases(all.size(), "Inception networks");
  if (all.empty()) return;
  const auto wanted = nlohmann::json::parse(all.front().file.metadata.at("parameter_crc32"));
  for (const auto& [name, sum] : wanted.items()) {
    const auto& bytes = formula_weights().tensors.at(name).bytes;
    const auto found =
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    char text[9];
    std::snprintf(text, sizeof text, "%08lx", found);
    CHECK(text == sum.get<std::string>());
  }
  CHECK(wanted.size() == 472);
}

TEST_CASE("features and logits in float are those of the published programs", "[golden][slow]") {
  for (const Case& c : cases()) compare<float>(c, 7, 2e-5);
}

TEST_CASE("features and logits in double are those of the published programs", "[golden][slow]") {
  for (const Case& c : cases()) compare<double>(c, 2, 1e-10);
}
