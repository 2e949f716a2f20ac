// SPDX-License-Identifier: MIT
#include "cli/evaluated_images.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/npy.hpp>

#include "cli/data_set.hpp"

namespace programs {
namespace {

using scoresde::require;
using scoresde::text;

EvaluatedImages of_images(std::string name, const scoresde::data::SharedImages& images) {
  const scoresde::data::ImageView& view = images.view();
  return {std::move(name),
          view.size(),
          view.channels,
          view.height,
          view.width,
          {view.labels.begin(), view.labels.end()},
          [images](std::size_t first, std::span<std::uint8_t> pixels) {
            const auto* const begin = images.view().image(first).data();
            std::copy(begin, begin + pixels.size(), pixels.begin());
          }};
}

EvaluatedImages of_npy(const std::string& option, const std::filesystem::path& path) {
  const scoresde::io::MappedFile file(path);
  const auto array = [&] {
    try {
      return scoresde::io::parse_npy(file.bytes());
    } catch (const scoresde::Error& failure) {
      throw scoresde::Error(text(option, ": ", path.string(), ": ", failure.what()));
    }
  }();
  require(array.shape.size() == 4, option, ": ", path.string(), " has ", array.shape.size(),
          " dimensions; it must have 4, (n, channels, height, width)");
  scoresde::data::ImageSet set{array.shape[1], array.shape[2], array.shape[3], {}, {}};
  require(array.size() > 0, option, ": ", path.string(), " has no images");
  if (array.dtype == "U8") {
    set.pixels = array.as<std::uint8_t>();
    return of_images(path.string(), std::move(set));
  }
  set.pixels.reserve(array.size());
  for (const float value : array.as<float>()) {
    require(value >= -0.5F && value <= 1.5F, option, ": ", path.string(), " holds ", value,
            "; images must lie in [0, 1], up to the excess of a sampler, or have 8 bits");
    set.pixels.push_back(scoresde::io::byte_of_unit(value));
  }
  return of_images(path.string(), std::move(set));
}

/// A tensor in a mapped safetensors file.
struct MappedTensor {
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;
};

MappedTensor mapped_tensor(const nlohmann::json& header, const char* name, const char* type,
                           std::span<const std::byte> data) {
  const nlohmann::json& entry = header.at(name);
  const auto offsets = entry.at("data_offsets").get<std::array<std::uint64_t, 2>>();
  MappedTensor tensor{entry.at("shape").get<std::vector<std::size_t>>(), {}};
  std::size_t values = 1;
  for (const std::size_t extent : tensor.shape) {
    require(extent > 0 && extent <= data.size(), "it has an extent of ", extent);
    values *= extent;
    require(values <= data.size(), "it has fewer values than its shape");
  }
  require(entry.at("dtype") == type, "'", name, "' is ", entry.at("dtype").dump(), "; it must be ",
          type);
  require(offsets[0] <= offsets[1] && offsets[1] <= data.size() &&
              offsets[1] - offsets[0] == 4 * values,
          "'", name, "' does not lie in the file");
  tensor.bytes = data.subspan(offsets[0], 4 * values);
  return tensor;
}

/// Float32 values in [0, 1] as bytes. Throws Error for one that is not finite.
void round_values(const std::string& name, std::size_t first, std::span<const std::byte> bytes,
                  std::span<std::uint8_t> pixels) {
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + sizeof value * (first + i), sizeof value);
    if (!std::isfinite(value))
      throw scoresde::Error(
          text(name, ": value ", first + i, " is ", value, "; samples must be finite"));
    pixels[i] = scoresde::io::byte_of_unit(value);
  }
}

/// Maps the file, so that samples are read when they are needed.
EvaluatedImages of_safetensors(const std::string& option, const std::filesystem::path& path) {
  const auto file = std::make_shared<scoresde::io::MappedFile>(path);
  try {
    const auto all = file->bytes();
    std::uint64_t length = 0;
    require(all.size() >= sizeof length, "it ends within its header");
    std::memcpy(&length, all.data(), sizeof length);
    require(length <= all.size() - sizeof length, "it ends within its header");
    const auto* const begin = reinterpret_cast<const char*>(all.data()) + sizeof length;
    const auto header = scoresde::io::parse_json({begin, static_cast<std::size_t>(length)}, 8);
    const auto data = all.subspan(sizeof length + length);
    const MappedTensor samples = mapped_tensor(header, "samples", "F32", data);
    require(samples.shape.size() == 4, "'samples' has ", samples.shape.size(),
            " dimensions; it must have 4, (n, channels, height, width)");
    const auto& s = samples.shape;
    EvaluatedImages images{path.string(), s[0], s[1], s[2], s[3], {}, {}};
    if (header.contains("classes")) {
      const MappedTensor classes = mapped_tensor(header, "classes", "U32", data);
      images.labels.resize(s[0]);
      require(classes.bytes.size() == 4 * s[0], "'classes' must have one value per sample");
      std::memcpy(images.labels.data(), classes.bytes.data(), classes.bytes.size());
    }
    images.read = [file, bytes = samples.bytes, name = option + ": " + path.string(),
                   dim = images.dim()](std::size_t first, std::span<std::uint8_t> pixels) {
      round_values(name, first * dim, bytes, pixels);
    };
    return images;
  } catch (const nlohmann::json::exception& failure) {
    throw scoresde::Error(text(option, ": ", path.string(),
                               " is not a file of samples by cifar10_sample: ", failure.what()));
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(text(option, ": ", path.string(), ": ", failure.what()));
  }
}

}  // namespace

EvaluatedImages open_images(const std::string& option, const std::filesystem::path& path,
                            scoresde::data::Split split) {
  std::error_code failure;
  require(std::filesystem::exists(path, failure), option, ": ", path.string(), " does not exist");
  if (path.extension() == ".npy") return of_npy(option, path);
  if (path.extension() == ".safetensors") return of_safetensors(option, path);
  if (std::filesystem::exists(path / "samples.safetensors", failure))
    return of_safetensors(option, path / "samples.safetensors");
  try {
    return of_images(path.string(), read_data(path, split));
  } catch (const scoresde::Error& error) {
    throw scoresde::Error(text(option, ": ", error.what()));
  }
}

}  // namespace programs
