// SPDX-License-Identifier: MIT
/// Reads and writes NumPy's .npy files.
///
///   "\x93NUMPY" version header-length {'descr': '<f4', 'fortran_order': False, 'shape': (…), }
///   data
///
/// NumPy Enhancement Proposal 1 (format versions 1.0 to 3.0). Read: little-endian floating-point
/// numbers, integers and booleans, in C or Fortran order. Written: float32 and float64, C order.
#pragma once

#include <array>
#include <cctype>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/tensor_file.hpp>

namespace scoresde::io {

/// The values of a file in C order, and their shape.
template <std::floating_point T>
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// NumPy's names of the stored types.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 12> npy_types{
    {{"<f8", "F64"},
     {"<f4", "F32"},
     {"<f2", "F16"},
     {"<i8", "I64"},
     {"<i4", "I32"},
     {"<i2", "I16"},
     {"|i1", "I8"},
     {"<u8", "U64"},
     {"<u4", "U32"},
     {"<u2", "U16"},
     {"|u1", "U8"},
     {"|b1", "BOOL"}}};

struct NpyHeader {
  std::string type;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

/// Parses the dictionary literal of a header; throws Error at the first invalid character.
class NpyHeaderParser {
 public:
  explicit NpyHeaderParser(std::string_view text) : text_(text) {}

  [[nodiscard]] NpyHeader parse() {
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
        fail("the key '" + key + "' is unknown or duplicated");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("text follows the dictionary");
    if (!type || !order || !shape) fail("descr, fortran_order and shape are required");
    return header;
  }

 private:
  [[noreturn]] static void fail(const std::string& why) { throw Error("broken header: " + why); }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  [[nodiscard]] bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("'" + std::string(1, c) + "' is missing at offset " + std::to_string(at_));
  }
  [[nodiscard]] std::string quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a string is not terminated");
    std::string found(text_.substr(at_, end - at_));
    at_ = end + 1;
    return found;
  }
  [[nodiscard]] bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::strlen(word);
        return value;
      }
    fail("fortran_order is neither True nor False");
  }
  /// Python 2 writes a long integer with the suffix L.
  [[nodiscard]] std::vector<std::size_t> numbers() {
    std::vector<std::size_t> shape;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::size_t value = 0;
      const char* const begin = text_.data() + at_;
      const auto [end, failure] = std::from_chars(begin, text_.data() + text_.size(), value);
      if (failure != std::errc{}) fail("the shape has an entry that is not a size");
      at_ += static_cast<std::size_t>(end - begin);
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;
      shape.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// The header's dictionary; afterwards the cursor is at the first value.
[[nodiscard]] inline std::string_view npy_dictionary(ByteCursor& in) {
  require(in.left() >= npy_magic.size() && characters(in.take(npy_magic.size())) == npy_magic,
          "it is not an npy file");
  const auto version = in.number<std::uint8_t>();
  static_cast<void>(in.number<std::uint8_t>());
  require(version >= 1 && version <= 3, "format version ", int{version},
          "; 1, 2 and 3 are supported");
  const std::size_t length = version == 1 ? in.number<std::uint16_t>() : in.number<std::uint32_t>();
  require(length <= in.left(), "truncated: its header has ", length, " bytes; the file has ",
          in.left(), " left");
  return characters(in.take(length));
}

[[nodiscard]] inline std::string_view stored_type_of_npy(std::string_view type) {
  for (const auto& [name, dtype] : npy_types)
    if (name == type) return dtype;
  std::string known;
  for (const auto& [name, dtype] : npy_types) known.append(" ").append(name);
  throw Error(text("its values are of type ", type, "; supported types are", known));
}

/// The header of float32 or float64 values in C order, padded as NumPy pads it.
[[nodiscard]] inline std::string npy_header(std::string_view type,
                                            std::span<const std::size_t> shape) {
  std::string dictionary =
      "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (";
  for (const std::size_t extent : shape)
    dictionary += std::to_string(extent) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) dictionary.resize(dictionary.size() - 2);
  dictionary += "), }";
  constexpr std::size_t prefix = 10, alignment = 64;
  const std::size_t used = prefix + dictionary.size() + 1;
  dictionary.append((alignment - used % alignment) % alignment, ' ');
  dictionary += '\n';
  std::string header(npy_magic);
  header += {'\1', '\0', static_cast<char>(dictionary.size() & 0xff),
             static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

}  // namespace detail

/// The array in the bytes of a complete .npy file, converted to C order. Throws Error for a file
/// that is not npy, truncated, longer than its header declares, or of a type that npy_types does
/// not list (big-endian numbers, objects); the message is to be prefixed with the file's name.
[[nodiscard]] inline TensorFile::Tensor parse_npy(std::span<const std::byte> bytes) {
  detail::ByteCursor in(bytes);
  const detail::NpyHeader header = detail::NpyHeaderParser(detail::npy_dictionary(in)).parse();
  TensorFile::Tensor array{std::string(detail::stored_type_of_npy(header.type)), header.shape, {}};
  const std::size_t element = stored_size(array.dtype);
  const std::size_t wanted = detail::byte_count(array.shape, element);
  require(in.left() == wanted, in.left(), " bytes of values; the shape requires ", wanted);
  const auto values = in.take(wanted);
  array.bytes.resize(wanted);
  std::vector<std::size_t> strides(array.shape.size(), 1);
  for (std::size_t d = 1; d < strides.size(); ++d) strides[d] = strides[d - 1] * array.shape[d - 1];
  if (header.fortran_order)
    detail::copy_strided(values.data(), element, array.shape, strides, array.bytes.data(),
                         wanted / element);
  else if (wanted > 0)
    std::memcpy(array.bytes.data(), values.data(), wanted);
  return array;
}

/// Reads a file of type T. Throws Error naming the file as parse_npy does, when it is missing, and
/// when its values are of another type.
template <std::floating_point T>
[[nodiscard]] NpyArray<T> read_npy(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  try {
    TensorFile::Tensor array = parse_npy(bytes);
    require(array.dtype == stored_type_of<T>(), "its values are of type ", array.dtype, "; ",
            stored_type_of<T>(), " is required");
    return {std::move(array.shape), array.template as<T>()};
  } catch (const Error& failure) {
    throw Error(scoresde::text("npy file ", path.string(), ": ", failure.what()));
  }
}

/// Writes values of a shape as write_file_atomically does. Throws Error when the shape does not
/// match their number or the file cannot be written; an existing file is then unchanged.
template <std::floating_point T>
void write_npy(const std::filesystem::path& path, std::span<const T> values,
               std::span<const std::size_t> shape) {
  static_assert(std::same_as<T, float> || std::same_as<T, double>,
                "write_npy: T must be float or double");
  const std::size_t bytes = detail::byte_count({shape.begin(), shape.end()}, sizeof(T));
  require(bytes == values.size_bytes(), "npy file ", path.string(), ": ", values.size(),
          " values do not match the shape");
  const std::string header = detail::npy_header(sizeof(T) == 8 ? "<f8" : "<f4", shape);
  detail::TemporaryFile target(path);
  target.write(std::as_bytes(std::span(header)));
  target.write(std::as_bytes(values));
  target.rename_to_target();
}

}  // namespace scoresde::io
