// SPDX-License-Identifier: MIT
/// Data sets of images: ImageSet owns its pixels, ImageView refers to those of any storage, and
/// SharedImages keeps the storage alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/data/image_transform.hpp>

namespace scoresde::data {

/// Images of 8-bit pixels, (n, channels, height, width), in memory that another object owns: an
/// ImageSet, or a file that is mapped.
struct ImageView {
  std::size_t channels = 0, height = 0, width = 0;
  std::span<const std::uint8_t> pixels;
  std::span<const std::uint32_t> labels;  ///< one per image, or none

  /// Bytes per image.
  [[nodiscard]] std::size_t dim() const { return channels * height * width; }
  [[nodiscard]] ImageExtents extents() const {
    return {static_cast<std::uint32_t>(channels), static_cast<std::uint32_t>(height),
            static_cast<std::uint32_t>(width)};
  }
  [[nodiscard]] std::size_t size() const { return dim() == 0 ? 0 : pixels.size() / dim(); }
  /// Image i, (channels, height, width).
  [[nodiscard]] std::span<const std::uint8_t> image(std::size_t i) const {
    return pixels.subspan(i * dim(), dim());
  }
  /// Images first, …, first + count − 1.
  [[nodiscard]] ImageView part(std::size_t first, std::size_t count) const {
    return {channels, height, width, pixels.subspan(first * dim(), count * dim()),
            labels.empty() ? labels : labels.subspan(first, count)};
  }
};

/// The same in host memory of its own.
struct ImageSet {
  std::size_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint32_t> labels;  ///< one per image, or none

  [[nodiscard]] std::size_t dim() const { return channels * height * width; }
  [[nodiscard]] std::size_t size() const { return ImageView(*this).size(); }
  [[nodiscard]] std::span<const std::uint8_t> image(std::size_t i) const {
    return ImageView(*this).image(i);
  }
  operator ImageView() const { return {channels, height, width, pixels, labels}; }
};

/// Images together with what owns them, copied without their pixels.
class SharedImages {
 public:
  SharedImages() = default;
  SharedImages(ImageSet images) {  // implicit: a set is one kind of storage
    auto owner = std::make_shared<const ImageSet>(std::move(images));
    view_ = *owner;
    owner_ = std::move(owner);
  }
  /// `view` is valid during the lifetime of `owner`.
  SharedImages(const ImageView& view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}

  [[nodiscard]] const ImageView& view() const { return view_; }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] SharedImages part(std::size_t first, std::size_t count) const {
    return {view_.part(first, count), owner_};
  }

 private:
  ImageView view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace scoresde::data
