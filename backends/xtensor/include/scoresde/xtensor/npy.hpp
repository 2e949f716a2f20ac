// SPDX-License-Identifier: MIT
/// NumPy's .npy files, float32 and float64, in and out.
///
///   "\x93NUMPY" version header-length {'descr': '<f4', 'fortran_order': False, 'shape': (…), }
///   data
///
/// NumPy Enhancement Proposal 1 (format versions 1.0 to 3.0). A file is written beside its target
/// and renamed, so a reader never sees half of one; anything but a whole little-endian file in C
/// order is refused.
#pragma once

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::xtensor_backend {

/// The values of a file in C order, and its shape.
template <std::floating_point T>
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

namespace detail {

static_assert(std::endian::native == std::endian::little, "npy: little-endian machines only");

inline constexpr std::string_view npy_magic = "\x93NUMPY";

template <class T>
constexpr std::string_view npy_type() {
  static_assert(std::same_as<T, float> || std::same_as<T, double>, "npy: float or double only");
  return std::same_as<T, float> ? "<f4" : "<f8";
}

struct NpyHeader {
  std::string type;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

/// Reads the literal dictionary of a header; throws Error at the first character that does not fit.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  NpyHeader parse() {
    NpyHeader header;
    bool type = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(type, true))
        header.type = quoted();
      else if (key == "fortran_order" && !std::exchange(order, true))
        header.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(shape, true))
        header.shape = numbers();
      else
        fail("the key '" + key + "' is unknown or comes twice");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("text follows the dictionary");
    if (!type || !order || !shape) fail("descr, fortran_order and shape are needed");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error("npy file " + file_ + ": broken header: " + why);
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("'" + std::string(1, c) + "' is missing at offset " + std::to_string(at_));
  }
  std::string quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a string has no end");
    std::string found(text_.substr(at_, end - at_));
    at_ = end + 1;
    return found;
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::strlen(word);
        return value;
      }
    fail("fortran_order is neither True nor False");
  }
  std::vector<std::size_t> numbers() {
    std::vector<std::size_t> shape;
    expect('(');
    while (!accept(')')) {
      std::size_t value = 0;
      const char* const begin = text_.data() + at_;
      const auto [end, failure] = std::from_chars(begin, text_.data() + text_.size(), value);
      if (failure != std::errc{}) fail("the shape holds something that is no size");
      at_ += static_cast<std::size_t>(end - begin);
      shape.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
      skip_space();
    }
    return shape;
  }

  std::string_view text_;
  std::string file_;
  std::size_t at_ = 0;
};

/// The number of bytes of the values; throws Error when it overflows.
inline std::size_t npy_bytes(std::span<const std::size_t> shape, std::size_t bytes,
                             const std::string& file) {
  if (std::find(shape.begin(), shape.end(), std::size_t{0}) != shape.end()) return 0;
  for (const std::size_t extent : shape) {
    scoresde::detail::require(extent <= std::numeric_limits<std::size_t>::max() / bytes,
                              "npy file ", file, ": its shape has more elements than memory");
    bytes *= extent;
  }
  return bytes;
}

/// The header's dictionary, and in `data` the offset of the first value.
inline std::string_view npy_dictionary(std::span<const std::byte> bytes, const std::string& file,
                                       std::size_t& data) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  scoresde::detail::require(text.starts_with(npy_magic), "file ", file, " is no npy file");
  scoresde::detail::require(text.size() >= 12, "npy file ", file, ": truncated after ", text.size(),
                            " bytes");
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  const std::size_t version = byte(6);
  scoresde::detail::require(version >= 1 && version <= 3, "npy file ", file, ": format version ",
                            version, "; 1, 2 and 3 are known");
  const std::size_t begin = version == 1 ? 10 : 12;
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  scoresde::detail::require(length <= text.size() - begin, "npy file ", file,
                            ": truncated: a header of ", length, " bytes in a file of ",
                            text.size());
  data = begin + length;
  return text.substr(begin, length);
}

}  // namespace detail

/// Writes values of a shape. Throws Error when the shape does not fit them or the file cannot be
/// put in place; the target is then as it was.
template <std::floating_point T>
void write_npy(const std::filesystem::path& path, std::span<const T> values,
               std::span<const std::size_t> shape) {
  const std::size_t bytes = detail::npy_bytes(shape, sizeof(T), path.string());
  scoresde::detail::require(bytes == values.size_bytes(), "npy file ", path.string(), ": ",
                            values.size(), " values do not fill the shape given");
  std::string dictionary =
      "{'descr': '" + std::string(detail::npy_type<T>()) + "', 'fortran_order': False, 'shape': (";
  for (const std::size_t extent : shape)
    dictionary += std::to_string(extent) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) dictionary.resize(dictionary.size() - 2);
  dictionary += "), }";
  constexpr std::size_t prefix = 10, alignment = 64;
  const std::size_t used = prefix + dictionary.size() + 1;
  dictionary.append((alignment - used % alignment) % alignment, ' ');
  dictionary += '\n';
  std::string file(detail::npy_magic);
  file += {'\1', '\0', static_cast<char>(dictionary.size() & 0xff),
           static_cast<char>(dictionary.size() >> 8)};
  file += dictionary;
  file.append(reinterpret_cast<const char*>(values.data()), bytes);
  io::write_file_atomically(path, std::string_view(file));
}

/// Reads a file of type T. Throws Error for a file that is missing, foreign, truncated, longer than
/// it says, in Fortran order or of another type.
template <std::floating_point T>
[[nodiscard]] NpyArray<T> read_npy(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = io::read_file(path);
  const std::string file = path.string();
  std::size_t data = 0;
  const std::string_view dictionary = detail::npy_dictionary(bytes, file, data);
  const detail::NpyHeader header = detail::NpyHeaderParser(dictionary, file).parse();
  scoresde::detail::require(header.type == detail::npy_type<T>(), "npy file ", file,
                            ": its values are ", header.type, "; ", detail::npy_type<T>(),
                            " is wanted");
  scoresde::detail::require(!header.fortran_order || header.shape.size() <= 1, "npy file ", file,
                            ": its values are in Fortran order; C order is wanted");
  const std::size_t wanted = detail::npy_bytes(header.shape, sizeof(T), file);
  scoresde::detail::require(bytes.size() - data == wanted, "npy file ", file, ": ",
                            bytes.size() - data, " bytes of values; the shape needs ", wanted);
  NpyArray<T> array{header.shape, std::vector<T>(wanted / sizeof(T))};
  if (wanted > 0) std::memcpy(array.values.data(), bytes.data() + data, wanted);
  return array;
}

/// Writes an xtensor state with its own shape. Throws Error as write_npy.
template <class X>
void save_npy(const std::filesystem::path& path, const X& x) {
  using T = typename X::value_type;
  const std::vector<std::size_t> shape(x.shape().begin(), x.shape().end());
  write_npy<T>(path, std::span<const T>(x.data(), x.size()), shape);
}

/// Reads an xt::xarray or xt::xtensor. Throws Error as read_npy, and for a file with another number
/// of axes than X has.
template <class X>
[[nodiscard]] X load_npy(const std::filesystem::path& path) {
  const NpyArray<typename X::value_type> file = read_npy<typename X::value_type>(path);
  typename X::shape_type shape{};
  if constexpr (requires { shape.resize(std::size_t{1}); })
    shape.resize(file.shape.size());
  else
    scoresde::detail::require(shape.size() == file.shape.size(), "npy file ", path.string(), ": ",
                              file.shape.size(), " axes; ", shape.size(), " are wanted");
  std::copy(file.shape.begin(), file.shape.end(), shape.begin());
  X x;
  x.resize(shape);
  std::copy(file.values.begin(), file.values.end(), x.data());
  return x;
}

}  // namespace scoresde::xtensor_backend
