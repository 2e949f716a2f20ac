// SPDX-License-Identifier: MIT
#include "cli/edit_input.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/data/cifar10.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/state/backend.hpp>

#include "cli/array_file.hpp"
#include "cli/data_set.hpp"

namespace programs {
namespace {

using scoresde::ImageShape;
using scoresde::require;
using scoresde::require_usage;
using State = EditOperator::State;

/// Images in [0, 1], one after the other: from image `first` of `there`.
struct UnitImages {
  ImageShape shape;
  std::size_t there = 0, first = 0;
  std::vector<float> values;
};

UnitImages images_of_npy(const std::filesystem::path& path) {
  const auto array = read_array("--data", path);
  require(array.shape.size() == 4, "--data: ", path.string(), " has ", array.shape.size(),
          " dimensions; it must have 4, (n, channels, height, width)");
  UnitImages images{
      {array.shape[1], array.shape[2], array.shape[3]}, array.shape[0], 0, array.as<float>()};
  const float scale = array.dtype == "U8" ? 1.0F / 255 : 1.0F;
  for (float& value : images.values) {
    value *= scale;
    require(value >= -0.5F && value <= 1.5F, "--data: ", path.string(), " holds ", value,
            "; images must lie in [0, 1], up to what a sampler leaves beyond, or have 8 bits");
  }
  return images;
}

/// The images that the options select, or that are left.
UnitImages images_of_set(const EditOptions& o) {
  const auto images = read_data(o.data, scoresde::data::Split::test);
  const auto& set = images.view();
  const std::size_t first = std::min(o.first_image, set.size());
  const std::size_t left = set.size() - first, most = std::max<std::size_t>(o.images, 4);
  UnitImages selected{{set.channels, set.height, set.width}, set.size(), first, {}};
  for (const auto pixel : set.part(first, std::min(left, most)).pixels)
    selected.values.push_back(static_cast<float>(pixel) / 255);
  return selected;
}

State read_images(const EditOptions& o, const ImageShape& wanted, bool centered) {
  const UnitImages all = o.data.extension() == ".npy" ? images_of_npy(o.data) : images_of_set(o);
  require(all.shape.channels == wanted.channels && all.shape.height == wanted.height &&
              all.shape.width == wanted.width,
          "--data: the images have ", all.shape.channels, " x ", all.shape.height, " x ",
          all.shape.width, " values; the network's have ", wanted.channels, " x ", wanted.height,
          " x ", wanted.width);
  const std::size_t dim = wanted.size(), there = all.there;
  require_usage(o.first_image < there, "--first-image is ", o.first_image, "; --data has ", there,
                " images, counted from 0");
  const std::size_t left = there - o.first_image;
  const std::size_t count = o.images > 0 ? o.images : std::min<std::size_t>(4, left);
  require_usage(count <= left, "--images is ", count, "; --data has ", left,
                " images from --first-image on");
  require_usage(o.task() != EditTask::interpolate || count > 1, "--images is ", count,
                "; interpolate needs at least 2 images");
  State images({count, dim});
  for (std::size_t i = 0; i < images.size(); ++i) {
    const float value = all.values[(o.first_image - all.first) * dim + i];
    images.data()[i] = centered ? 2 * value - 1 : value;
  }
  return images;
}

/// 1 where a pixel is known, (height, width).
std::vector<float> known_pixels(const EditOptions& o, const ImageShape& shape) {
  const auto [channels, height, width] = shape;
  if (!o.mask.empty()) {
    const auto array = read_array("--mask", o.mask);
    std::string found;
    for (const std::size_t extent : array.shape)
      found += (found.empty() ? "" : " x ") + std::to_string(extent);
    require(array.shape == std::vector<std::size_t>{height, width}, "--mask: ", o.mask.string(),
            " has the shape ", found, "; it must be ", height, " x ", width, ", as the images");
    std::vector<float> known = array.as<float>();
    for (const float value : known)
      require(std::isfinite(value), "--mask: ", o.mask.string(), " holds ", value,
              "; values must be finite, 0 where a pixel is unknown");
    return known;
  }
  const std::vector<std::size_t> box =
      o.box.empty() ? std::vector<std::size_t>{height / 4, width / 4, height / 2, width / 2}
                    : o.box;
  require_usage(box[0] + box[2] <= height && box[1] + box[3] <= width, "--box: it reaches row ",
                box[0] + box[2], " and column ", box[1] + box[3], "; the images have ", height,
                " and ", width);
  std::vector<float> known(height * width, 1);
  for (std::size_t h = box[0]; h < box[0] + box[2]; ++h)
    std::fill_n(known.begin() + static_cast<std::ptrdiff_t>(h * width + box[1]), box[3], 0.0F);
  return known;
}

scoresde::Mask mask_of(const EditOptions& o, const ImageShape& shape) {
  const std::vector<float> known = known_pixels(o, shape);
  const auto unknown = static_cast<std::size_t>(std::count(known.begin(), known.end(), 0.0F));
  require_usage(unknown > 0 && unknown < known.size(), o.mask.empty() ? "--box" : "--mask", ": ",
                unknown, " of ", known.size(),
                " pixels are unknown; some must be known and some unknown");
  std::vector<float> elements;
  for (std::size_t c = 0; c < shape.channels; ++c)
    elements.insert(elements.end(), known.begin(), known.end());
  return scoresde::Mask(elements);
}

EditOperator operator_of(const EditOptions& o, const ImageShape& shape) {
  if (o.task() == EditTask::inpaint) return EditOperator(mask_of(o, shape));
  if (o.task() == EditTask::colorize) return EditOperator(scoresde::Gray(shape));
  if (o.task() == EditTask::super_resolve) {
    require_usage(shape.height % o.factor == 0 && shape.width % o.factor == 0, "--factor is ",
                  o.factor, "; it must divide the height and width of the images, ", shape.height,
                  " and ", shape.width);
    return EditOperator(scoresde::BlockMean(shape, o.factor));
  }
  const auto radius = static_cast<std::size_t>(std::ceil(3 * std::min(o.blur, 100.0)));
  return EditOperator(scoresde::Blur(shape, scoresde::gaussian_kernel(radius, o.blur)));
}

EditMeasurement measure(const EditOptions& o, const EditInput& input, bool centered) {
  const std::size_t images = input.images.extents().samples;
  const EditOperator op = operator_of(o, input.shape);
  EditMeasurement m{op, State({images, op.rows()}), State({images, op.columns()}),
                    centered ? 2 * o.noise : o.noise};
  m.op.apply(input.images, m.y);
  const scoresde::Noise noise{.seed = o.sampling.seed,
                              .first_sample = static_cast<std::uint32_t>(o.first_image),
                              .purpose = scoresde::Purpose::data};
  assign(m.y, {{1, m.y}}, {m.noise_std, noise.draw(0)});
  if (o.task() == EditTask::deblur)
    m.seen = m.y;
  else
    m.op.pseudo_inverse(m.y, m.seen);
  return m;
}

}  // namespace

EditInput read_edit_input(const EditOptions& options, const scoresde::nn::UNetConfig& network) {
  EditInput input{{network.num_channels, network.height(), network.width()}, {}, {}};
  require_usage(network.num_channels <= scoresde::io::most_png_channels,
                "--checkpoint: the network's images have ", network.num_channels,
                " channels; a PNG has 1 to ", scoresde::io::most_png_channels);
  if (options.data.empty()) return input;
  input.images = read_images(options, input.shape, network.centered);
  if (options.measures()) input.measurement = measure(options, input, network.centered);
  return input;
}

}  // namespace programs
