// SPDX-License-Identifier: MIT
/// The headers of samples.safetensors and samples.npy, written before the first sample.
///
///   safetensors: 8 bytes header length | JSON, filled up with spaces | classes | samples
///   npy:         "\x93NUMPY" 1 0 | 2 bytes header length | dictionary, filled up with spaces |
///   samples
///
/// The published format (github.com/huggingface/safetensors) and NumPy Enhancement Proposal 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>

namespace programs {

/// Number and shape of the samples, float32, with a class each if the network is conditional.
struct SampleLayout {
  std::size_t samples = 0, channels = 3, height = 32, width = 32;
  bool classes = false;

  [[nodiscard]] std::size_t dim() const { return channels * height * width; }
  [[nodiscard]] std::uint64_t image_bytes() const { return sizeof(float) * std::uint64_t{dim()}; }
  [[nodiscard]] std::uint64_t class_bytes() const {
    return classes ? sizeof(std::uint32_t) * std::uint64_t{samples} : 0;
  }
  [[nodiscard]] std::uint64_t all_bytes() const { return samples * image_bytes(); }
};

using Metadata = std::map<std::string, std::string>;

/// The length and JSON of samples.safetensors. `nfe` has at most 32 characters and is padded,
/// because it is known only at the end; the length of the header does not depend on it.
[[nodiscard]] inline std::string safetensors_header(const SampleLayout& layout, Metadata metadata,
                                                    const std::string& nfe) {
  constexpr std::size_t room = 32, alignment = 8;
  scoresde::require(nfe.size() <= room, "samples: nfe is '", nfe, "'; it must have at most ", room,
                    " characters");
  const auto json_with = [&](const std::string& text) {
    metadata["nfe"] = text;
    nlohmann::ordered_json json;
    json["__metadata__"] = metadata;
    const std::uint64_t first = layout.class_bytes(), end = first + layout.all_bytes();
    using List = std::vector<std::uint64_t>;
    if (layout.classes)
      json["classes"] = {
          {"dtype", "U32"}, {"shape", List{layout.samples}}, {"data_offsets", List{0, first}}};
    json["samples"] = {
        {"dtype", "F32"},
        {"shape", List{layout.samples, layout.channels, layout.height, layout.width}},
        {"data_offsets", List{first, end}}};
    return json.dump();
  };
  const std::size_t longest = json_with(std::string(room, '0')).size();
  std::string header = json_with(nfe);
  header.resize((longest + alignment - 1) / alignment * alignment, ' ');
  const std::uint64_t size = header.size();
  std::string length(sizeof size, '\0');
  std::memcpy(length.data(), &size, sizeof size);
  return length + header;
}

[[nodiscard]] inline std::string npy_header(const SampleLayout& layout) {
  using scoresde::text;
  constexpr std::size_t prefix = 10, alignment = 64;
  std::string dictionary =
      text("{'descr': '<f4', 'fortran_order': False, 'shape': (", layout.samples, ", ",
           layout.channels, ", ", layout.height, ", ", layout.width, "), }");
  const std::size_t used = prefix + dictionary.size() + 1;
  dictionary.append((alignment - used % alignment) % alignment, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY");
  header += {'\1', '\0', static_cast<char>(dictionary.size() & 0xff),
             static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

}  // namespace programs
