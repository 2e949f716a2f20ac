// SPDX-License-Identifier: MIT
/// TensorFile: named tensors with their stored type, and text metadata, as in safetensors files.
///
/// Bytes are little-endian, C order. Stored types: F64 F32 F16 BF16, I64 I32 I16 I8, U64 U32 U16
/// U8, BOOL.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde::io {

static_assert(std::endian::native == std::endian::little,
              "scoresde::io supports little-endian platforms only");

namespace detail {

using scoresde::text;

/// IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of fraction.
inline float float_of_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  float magnitude = 0;
  if (exponent == 31)
    magnitude = fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                              : std::numeric_limits<float>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  else
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

/// The binary16 nearest to a value, ties to even. Throws Error for a finite value of magnitude
/// 65520 or more, which binary16 cannot represent.
inline std::uint16_t half_of_float(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00u;
  if (std::isinf(value)) return sign | 0x7c00u;
  require(magnitude < 65520.0f, "tensor element ", value,
          " exceeds the range of float16; it must be at most 65504 in magnitude");
  // Subnormals: a multiple of 2^-24. Others: 11 bits of significand.
  if (magnitude < 0x1p-14f)
    return sign | static_cast<std::uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  const std::uint32_t rest = bits & 0x7fffffffu;
  const std::uint32_t rounded = rest + 0x0fffu + ((rest >> 13) & 1u);
  return sign | static_cast<std::uint16_t>((rounded >> 13) - (112u << 10));
}

/// bfloat16: the upper half of a float.
inline float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline constexpr std::string_view stored_types =
    "F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL";

}  // namespace detail

/// Bytes of one element; 0 for a name that is not a stored type.
constexpr std::size_t stored_size(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

namespace detail {

/// The product of the extents times `element_size`. Throws Error when it overflows.
inline std::size_t byte_count(const std::vector<std::size_t>& shape, std::size_t element_size) {
  std::size_t bytes = element_size;
  for (const std::size_t extent : shape)
    if (extent == 0) return 0;
  for (const std::size_t extent : shape) {
    require(bytes <= std::numeric_limits<std::size_t>::max() / extent,
            "the product of the shape overflows");
    bytes *= extent;
  }
  return bytes;
}

/// Copies a strided tensor into C order. All indices have been checked.
inline void copy_strided(const std::byte* source, std::size_t element,
                         const std::vector<std::size_t>& shape,
                         const std::vector<std::size_t>& strides, std::byte* target,
                         std::size_t count) {
  std::vector<std::size_t> index(shape.size());
  for (std::size_t n = 0, at = 0; n < count; ++n) {
    std::memcpy(target + n * element, source + at * element, element);
    for (std::size_t d = shape.size(); d-- > 0;) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace detail

/// An IEEE 754 binary16 number, stored as F16.
class Half {
 public:
  Half() = default;
  /// Rounds to nearest, ties to even. Throws Error for a finite value of magnitude 65520 or more.
  explicit Half(float value) : bits_(detail::half_of_float(value)) {}
  [[nodiscard]] std::uint16_t bits() const { return bits_; }
  explicit operator float() const { return detail::float_of_half(bits_); }

 private:
  std::uint16_t bits_ = 0;
};

/// The stored type of a C++ scalar.
template <class T>
[[nodiscard]] constexpr std::string_view stored_type_of() {
  static_assert(std::is_same_v<T, Half> || (std::is_arithmetic_v<T> && sizeof(T) <= 8),
                "tensor elements must be Half or an arithmetic type of at most 8 bytes");
  if constexpr (std::is_same_v<T, Half>)
    return "F16";
  else if constexpr (std::is_same_v<T, bool>)
    return "BOOL";
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 8 ? "F64" : "F32";
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 8 ? "I64" : sizeof(T) == 4 ? "I32" : sizeof(T) == 2 ? "I16" : "I8";
  else
    return sizeof(T) == 8 ? "U64" : sizeof(T) == 4 ? "U32" : sizeof(T) == 2 ? "U16" : "U8";
}

/// A shape as messages show it: "(64, 3, 3, 3)".
[[nodiscard]] inline std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "(";
  for (const std::size_t extent : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + ")";
}

/// The contents of a safetensors file.
struct TensorFile {
  /// One tensor: `bytes` are its elements in C order in the stored format.
  struct Tensor {
    std::string dtype;
    std::vector<std::size_t> shape;
    std::vector<std::byte> bytes;

    [[nodiscard]] std::size_t size() const {
      const std::size_t element = stored_size(dtype);
      return element == 0 ? 0 : bytes.size() / element;
    }

    /// The elements converted to T from any stored type. Throws Error for an unknown type, and
    /// where an integer T cannot represent a value exactly.
    template <class T>
    [[nodiscard]] std::vector<T> as() const;

    /// A tensor of these elements in T's stored type. Throws Error when shape and count differ.
    template <class T>
    [[nodiscard]] static Tensor of(std::vector<std::size_t> shape, std::span<const T> elements);
  };

  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;

  [[nodiscard]] bool contains(const std::string& name) const { return tensors.count(name) != 0; }

  /// The tensor of this name. Throws Error when it does not exist.
  [[nodiscard]] const Tensor& at(const std::string& name) const {
    const auto found = tensors.find(name);
    require(found != tensors.end(), "tensor ", name, " is not among the file's ", tensors.size(),
            " tensors");
    return found->second;
  }

  /// Adds a tensor, replacing one of the same name.
  template <class T>
  void set(const std::string& name, std::vector<std::size_t> shape, std::span<const T> elements) {
    tensors[name] = Tensor::of(std::move(shape), elements);
  }
};

namespace detail {

template <class T, class Stored>
T converted(Stored value) {
  if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, bool>) {
    return static_cast<T>(value);
  } else if constexpr (std::is_floating_point_v<Stored>) {
    // The bounds are powers of two, exact in every floating type.
    constexpr double end = std::is_signed_v<T>
                               ? -static_cast<double>(std::numeric_limits<T>::min())
                               : 2.0 * static_cast<double>(T(1) << (8 * sizeof(T) - 1));
    const auto number = static_cast<double>(value);
    require(number >= static_cast<double>(std::numeric_limits<T>::min()) && number < end &&
                std::trunc(number) == number,
            "element ", number, " cannot be represented by type ", stored_type_of<T>());
    return static_cast<T>(value);
  } else {
    const T result = static_cast<T>(value);
    require(static_cast<Stored>(result) == value && (result < T(0)) == (value < Stored(0)),
            "element ", +value, " cannot be represented by type ", stored_type_of<T>());
    return result;
  }
}

template <class T, class Raw, class Decode>
std::vector<T> decoded(std::span<const std::byte> bytes, Decode decode) {
  std::vector<T> elements(bytes.size() / sizeof(Raw));
  for (std::size_t i = 0; i < elements.size(); ++i) {
    Raw raw;
    std::memcpy(&raw, bytes.data() + i * sizeof(Raw), sizeof(Raw));
    elements[i] = converted<T>(decode(raw));
  }
  return elements;
}

template <class T, class Raw>
std::vector<T> decoded(std::span<const std::byte> bytes) {
  return decoded<T, Raw>(bytes, [](Raw raw) { return raw; });
}

}  // namespace detail

template <class T>
std::vector<T> TensorFile::Tensor::as() const {
  if (dtype == "F64") return detail::decoded<T, double>(bytes);
  if (dtype == "F32") return detail::decoded<T, float>(bytes);
  if (dtype == "F16") return detail::decoded<T, std::uint16_t>(bytes, detail::float_of_half);
  if (dtype == "BF16") return detail::decoded<T, std::uint16_t>(bytes, detail::float_of_bfloat16);
  if (dtype == "I64") return detail::decoded<T, std::int64_t>(bytes);
  if (dtype == "I32") return detail::decoded<T, std::int32_t>(bytes);
  if (dtype == "I16") return detail::decoded<T, std::int16_t>(bytes);
  if (dtype == "I8") return detail::decoded<T, std::int8_t>(bytes);
  if (dtype == "U64") return detail::decoded<T, std::uint64_t>(bytes);
  if (dtype == "U32") return detail::decoded<T, std::uint32_t>(bytes);
  if (dtype == "U16") return detail::decoded<T, std::uint16_t>(bytes);
  if (dtype == "U8" || dtype == "BOOL") return detail::decoded<T, std::uint8_t>(bytes);
  throw Error(
      scoresde::text("tensor type is ", dtype, "; it must be one of ", detail::stored_types));
}

template <class T>
TensorFile::Tensor TensorFile::Tensor::of(std::vector<std::size_t> shape,
                                          std::span<const T> elements) {
  const std::size_t bytes = detail::byte_count(shape, sizeof(T));
  require(bytes == elements.size_bytes(), "tensor has ", elements.size(),
          " elements; its shape holds ", bytes / sizeof(T));
  Tensor tensor{std::string(stored_type_of<T>()), std::move(shape), std::vector<std::byte>(bytes)};
  if (bytes != 0) std::memcpy(tensor.bytes.data(), elements.data(), bytes);
  return tensor;
}

}  // namespace scoresde::io
