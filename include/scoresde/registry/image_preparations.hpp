// SPDX-License-Identifier: MIT
/// Published conventions of preparing images for data sets, and the names of their parts.
///
///   exact             the image as it is; all must have the size of the data set
///   square            center square, Pillow's Lanczos filter: EDM's and StyleGAN's dataset_tool
///   score_sde_celeba  center 140 x 140, antialiased bilinear: score_sde's CelebA, 64 x 64 pixels
///   score_sde_lsun    center square, antialiased bicubic, truncated to bytes: score_sde's LSUN,
///                     256 x 256 pixels
///   celeba_178        center 178 x 178, Pillow's bilinear filter: CelebA with the hair, 64 x 64 pixels
///
/// score_sde (Song et al. 2021, arXiv:2011.13456), datasets.py: tf.image.resize(antialias=True) is
/// Pillow's filter without its rounding between the axes; its CelebA images stay floating-point,
/// here they are rounded to bytes. CelebA-HQ, which is published at its size, is exact.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/data/image_preparation.hpp>
#include <scoresde/nearest_name.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/resize.hpp>

namespace scoresde {

template <>
inline constexpr auto published_names<data::CenterCrop> =
    std::to_array<PublishedName<data::CenterCrop>>({{data::CenterCrop::none, "none"},
                                                    {data::CenterCrop::square, "square"},
                                                    {data::CenterCrop::square_140, "140"},
                                                    {data::CenterCrop::square_178, "178"}});

template <>
inline constexpr auto published_names<data::ByteRounding> =
    std::to_array<PublishedName<data::ByteRounding>>({{data::ByteRounding::nearest, "nearest"},
                                                      {data::ByteRounding::truncated, "truncated"},
                                                      {data::ByteRounding::each_axis,
                                                       "each_axis"}});

template <>
inline constexpr auto published_names<ResizeRule> = std::to_array<PublishedName<ResizeRule>>(
    {{ResizeRule::pil_lanczos, "pil_lanczos"},
     {ResizeRule::pil_bicubic, "pil_bicubic"},
     {ResizeRule::pil_bilinear, "pil_bilinear"},
     {ResizeRule::pil_box, "pil_box"},
     {ResizeRule::half_pixel_bilinear, "half_pixel_bilinear"},
     {ResizeRule::tf1_bilinear, "tf1_bilinear"},
     {ResizeRule::grid_sample, "grid_sample"}});

/// A convention; its `preparation.size` is none.
struct NamedPreparation {
  std::string_view name;
  data::ImagePreparation preparation;
};

/// Every convention, the default first.
inline constexpr std::array<NamedPreparation, 5> image_preparations{
    {{"square",
      {data::CenterCrop::square, ResizeRule::pil_lanczos, data::ByteRounding::each_axis, {}}},
     {"exact",
      {data::CenterCrop::none, ResizeRule::pil_lanczos, data::ByteRounding::each_axis, {}}},
     {"score_sde_celeba",
      {data::CenterCrop::square_140, ResizeRule::pil_bilinear, data::ByteRounding::nearest, {}}},
     {"score_sde_lsun",
      {data::CenterCrop::square, ResizeRule::pil_bicubic, data::ByteRounding::truncated, {}}},
     {"celeba_178",
      {data::CenterCrop::square_178,
       ResizeRule::pil_bilinear,
       data::ByteRounding::each_axis,
       {}}}}};

/// Throws Error for another name, with the nearest one.
[[nodiscard]] inline data::ImagePreparation image_preparation(std::string_view argument,
                                                              std::string_view name) {
  std::vector<std::string> names;
  for (const NamedPreparation& known : image_preparations) {
    if (known.name == name) return known.preparation;
    names.emplace_back(known.name);
  }
  throw Error(text(argument, " is '", name, "'", allowed_names(name, names, names)));
}

}  // namespace scoresde
