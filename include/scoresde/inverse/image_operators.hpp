// SPDX-License-Identifier: MIT
/// Operators on images: mask, gray, block mean and blur.
///
///   mask       y = the known elements                            A Aᵀ = I
///   gray       y = mean over the C channels                      A Aᵀ = I/C
///   block mean y = mean over blocks of f×f pixels                A Aᵀ = I/f²
///   blur       Y = B_H X B_W, B symmetric Toeplitz or circulant  B = Qᵀ diag(λ) Q
///
/// The singular values of the blur are |λ_H λ_W|, its U and V the Kronecker products of the Q up to
/// the sign of λ_H λ_W.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/score/symmetric_eigen.hpp>

namespace scoresde {

/// The elements of x whose mask is not 0, in their order; the same mask for every sample
/// (Inpainting takes one per sample).
class Mask : public detail::ScaledCoisometry<Mask> {
 public:
  static constexpr bool orthonormal_rows = true;
  static constexpr const char* name = "mask";

  /// Throws Error for a mask without a known element.
  template <class T>
  explicit Mask(const std::vector<T>& mask) : Mask(known_in(mask), mask.size()) {}

  template <class T>
  void apply_sample(const T* x, T* y) const {
    for (const std::size_t e : known_) *y++ = x[e];
  }
  template <class T>
  void invert_sample(const T* y, T* x) const {
    std::fill_n(x, columns(), T(0));
    for (const std::size_t e : known_) x[e] = *y++;
  }

 private:
  Mask(std::vector<std::size_t> known, std::size_t columns)
      : ScaledCoisometry(known.size(), columns, 1), known_(std::move(known)) {}
  template <class T>
  static std::vector<std::size_t> known_in(const std::vector<T>& mask) {
    std::vector<std::size_t> known;
    for (std::size_t e = 0; e < mask.size(); ++e)
      if (mask[e] != T(0)) known.push_back(e);
    require(!known.empty(), "mask: none of its ", mask.size(),
            " elements is known; at least 1 must be");
    return known;
  }
  std::vector<std::size_t> known_;
};

/// The mean of an image over its channels.
class Gray : public detail::ScaledCoisometry<Gray> {
 public:
  static constexpr bool orthonormal_rows = false;
  static constexpr const char* name = "gray";

  /// Throws Error for an empty shape.
  explicit Gray(ImageShape shape)
      : ScaledCoisometry(shape.height * shape.width, shape.size(),
                         1 / std::sqrt(static_cast<double>(shape.channels))),
        channels_(shape.channels) {
    require(shape.size() > 0, "gray: the image has ", shape.channels, " x ", shape.height, " x ",
            shape.width, " elements; it must not be empty");
  }

  template <class T>
  void apply_sample(const T* x, T* y) const {
    for (std::size_t i = 0; i < rows(); ++i) {
      double sum = 0;
      for (std::size_t c = 0; c < channels_; ++c) sum += static_cast<double>(x[c * rows() + i]);
      y[i] = static_cast<T>(sum / static_cast<double>(channels_));
    }
  }
  template <class T>
  void invert_sample(const T* y, T* x) const {
    for (std::size_t c = 0; c < channels_; ++c) std::copy_n(y, rows(), x + c * rows());
  }

 private:
  std::size_t channels_;
};

/// The mean over blocks of factor × factor pixels of each channel: an image of lower resolution.
class BlockMean : public detail::ScaledCoisometry<BlockMean> {
 public:
  static constexpr bool orthonormal_rows = false;
  static constexpr const char* name = "block mean";

  /// Throws Error unless the factor is positive and divides height and width.
  BlockMean(ImageShape shape, std::size_t factor)
      : ScaledCoisometry(checked(shape, factor).size() / (factor * factor), shape.size(),
                         1 / static_cast<double>(factor)),
        shape_(shape),
        factor_(factor) {}

  template <class T>
  void apply_sample(const T* x, T* y) const {
    const auto pixels = static_cast<double>(factor_ * factor_);
    for_blocks([&](std::size_t i, const auto& for_pixels) {
      double sum = 0;
      for_pixels([&](std::size_t e) { sum += static_cast<double>(x[e]); });
      y[i] = static_cast<T>(sum / pixels);
    });
  }
  template <class T>
  void invert_sample(const T* y, T* x) const {
    for_blocks([&](std::size_t i, const auto& for_pixels) {
      for_pixels([&](std::size_t e) { x[e] = y[i]; });
    });
  }

 private:
  static ImageShape checked(ImageShape shape, std::size_t factor) {
    require(
        shape.size() > 0 && factor > 0 && shape.height % factor == 0 && shape.width % factor == 0,
        "block mean: factor is ", factor, " for an image of ", shape.channels, " x ", shape.height,
        " x ", shape.width, "; it must divide height and width of an image that is not empty");
    return shape;
  }
  /// visit(i, for_pixels) of every block i; for_pixels(f) calls f with the block's elements.
  template <class Visit>
  void for_blocks(const Visit& visit) const {
    const std::size_t columns = shape_.width / factor_;
    for (std::size_t i = 0; i < rows(); ++i) {
      // A row of blocks of a channel starts factor·width elements after the last one.
      const std::size_t first = i / columns * factor_ * shape_.width + i % columns * factor_;
      visit(i, [&](const auto& f) {
        for (std::size_t h = 0; h < factor_; ++h)
          for (std::size_t w = 0; w < factor_; ++w) f(first + h * shape_.width + w);
      });
    }
  }
  ImageShape shape_;
  std::size_t factor_;
};

/// What lies outside an image.
enum class Boundary { zero, periodic };

/// A Gaussian kernel of 2·radius + 1 numbers of sum 1. Throws Error unless std is positive.
[[nodiscard]] inline std::vector<double> gaussian_kernel(std::size_t radius, double std) {
  require(std > 0 && std::isfinite(std), "gaussian kernel: std is ", std,
          "; it must be positive and finite");
  std::vector<double> kernel(2 * radius + 1);
  double sum = 0;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const double at = (static_cast<double>(i) - static_cast<double>(radius)) / std;
    sum += kernel[i] = std::exp(-0.5 * at * at);
  }
  for (double& value : kernel) value /= sum;
  return kernel;
}

/// A separable blur of every channel, by the same symmetric kernel in both directions. Not
/// thread-safe, as it has scratch memory: use a copy per thread.
class Blur {
 public:
  static constexpr bool orthonormal_rows = false;

  /// Throws Error for an empty image and a kernel that is not symmetric and of odd length.
  Blur(ImageShape shape, const std::vector<double>& kernel, Boundary boundary = Boundary::zero)
      : shape_(shape), across_(shape.height * shape.width) {
    require(shape.size() > 0, "blur: the image has ", shape.channels, " x ", shape.height, " x ",
            shape.width, " elements; it must not be empty");
    require(kernel.size() % 2 == 1, "blur: the kernel has ", kernel.size(),
            " numbers; it must have an odd number");
    for (std::size_t i = 0; i < kernel.size(); ++i)
      require(std::isfinite(kernel[i]) && kernel[i] == kernel[kernel.size() - 1 - i],
              "blur: number ", i, " of the kernel is ", kernel[i],
              "; the kernel must be finite and symmetric");
    height_ = factor(shape.height, kernel, boundary);
    width_ = factor(shape.width, kernel, boundary);
    for (std::size_t c = 0; c < shape.channels; ++c)
      for (const double h : height_.eigen.values)
        for (const double w : width_.eigen.values) {
          values_.push_back(std::abs(h * w));
          signs_.push_back(h * w < 0 ? -1 : 1);
        }
  }

  [[nodiscard]] std::size_t rows() const { return shape_.size(); }
  [[nodiscard]] std::size_t columns() const { return shape_.size(); }
  [[nodiscard]] std::span<const double> singular_values() const { return values_; }

  template <ContiguousState X>
  void apply(const X& x, X& y) const {
    separable(x, y, height_.matrix, width_.matrix, false);
  }
  /// The same map: A is symmetric.
  template <ContiguousState X>
  void adjoint(const X& y, X& x) const {
    apply(y, x);
  }
  template <ContiguousState X>
  void pseudo_inverse(const X& y, X& x) const {
    separable(y, x, height_.inverse, width_.inverse, false);
  }
  template <ContiguousState X>
  void left_coordinates(const X& y, X& c) const {
    right_coordinates(y, c);
    assign_by_element(c, {{signs_, c}});
  }
  template <ContiguousState X>
  void right_coordinates(const X& x, X& c) const {
    separable(x, c, height_.eigen.vectors, width_.eigen.vectors, false);
  }
  template <ContiguousState X>
  void from_right_coordinates(const X& c, X& x) const {
    separable(c, x, height_.eigen.vectors, width_.eigen.vectors, true);
  }

 private:
  /// B, its eigenvectors and eigenvalues, and B⁺.
  struct Factor {
    std::vector<double> matrix;
    SymmetricEigen eigen;
    std::vector<double> inverse;
  };

  static Factor factor(std::size_t n, const std::vector<double>& kernel, Boundary boundary) {
    std::vector<double> b(n * n);
    const auto size = static_cast<std::ptrdiff_t>(n);
    const auto radius = static_cast<std::ptrdiff_t>(kernel.size() / 2);
    for (std::ptrdiff_t i = 0; i < size; ++i)
      for (std::ptrdiff_t j = -radius; j <= radius; ++j) {
        std::ptrdiff_t at = i + j;
        if (boundary == Boundary::periodic) at = ((at % size) + size) % size;
        if (at >= 0 && at < size)
          b[static_cast<std::size_t>(i * size + at)] +=
              kernel[static_cast<std::size_t>(j + radius)];
      }
    SymmetricEigen eigen = symmetric_eigen(b, n);
    std::vector<double> inverse = pseudo_inverse(eigen, n);
    return {std::move(b), std::move(eigen), std::move(inverse)};
  }
  /// Qᵀ diag(1/λ) Q without the λ that are 0 up to rounding.
  static std::vector<double> pseudo_inverse(const SymmetricEigen& eigen, std::size_t n) {
    double largest = 0;
    for (const double value : eigen.values) largest = std::max(largest, std::abs(value));
    std::vector<double> inverse(n * n);
    for (std::size_t l = 0; l < n; ++l)
      if (std::abs(eigen.values[l]) > 1e-14 * largest)
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j)
            inverse[i * n + j] +=
                eigen.vectors[l * n + i] * eigen.vectors[l * n + j] / eigen.values[l];
    return inverse;
  }

  /// Y = P X Qᵀ of every channel, or Pᵀ X Q.
  template <class X>
  void separable(const X& in, X& out, const std::vector<double>& p, const std::vector<double>& q,
                 bool transposed) const {
    const auto [channels, height, width] = shape_;
    const auto entry = [transposed](const std::vector<double>& m, std::size_t n, std::size_t i,
                                    std::size_t j) {
      return m[transposed ? j * n + i : i * n + j];
    };
    const auto map = [&, height = height, width = width](const auto* x, auto* y) {
      using T = std::remove_cvref_t<decltype(*y)>;
      for (std::size_t h = 0; h < height; ++h)
        for (std::size_t j = 0; j < width; ++j) {
          double sum = 0;
          for (std::size_t w = 0; w < width; ++w)
            sum += entry(q, width, j, w) * static_cast<double>(x[h * width + w]);
          across_[h * width + j] = sum;
        }
      for (std::size_t i = 0; i < height; ++i)
        for (std::size_t j = 0; j < width; ++j) {
          double sum = 0;
          for (std::size_t h = 0; h < height; ++h)
            sum += entry(p, height, i, h) * across_[h * width + j];
          y[i * width + j] = static_cast<T>(sum);
        }
    };
    const std::size_t plane = height * width;
    detail::map_samples("blur", in, rows(), out, rows(),
                        [&, channels = channels](const auto* x, auto* y) {
                          for (std::size_t c = 0; c < channels; ++c)
                            map(x + c * plane, y + c * plane);
                        });
  }

  ImageShape shape_;
  Factor height_, width_;
  std::vector<double> values_, signs_;
  mutable std::vector<double> across_;
};

}  // namespace scoresde
