// SPDX-License-Identifier: MIT
/// ByteCursor: little-endian numbers and byte ranges, read in order and never past the end.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>

namespace scoresde::io::detail {

using scoresde::text;

static_assert(std::endian::native == std::endian::little,
              "ByteCursor supports little-endian platforms only");

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes, std::size_t position = 0)
      : bytes_(bytes), position_(position) {
    require(position <= bytes.size(), "byte ", position, " is past the end, ", bytes.size());
  }

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

  /// The next `count` bytes, without a copy. Throws Error when there are fewer.
  [[nodiscard]] std::span<const std::byte> take(std::size_t count) {
    require(count <= left(), "it ends at byte ", bytes_.size(), "; ", count,
            " bytes are needed from byte ", position_);
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  /// The next number in the stored format. Throws Error at the end.
  template <class Number>
  requires std::is_arithmetic_v<Number>
  [[nodiscard]] Number number() {
    Number value;
    std::memcpy(&value, take(sizeof(Number)).data(), sizeof(Number));
    return value;
  }

  /// The characters up to the next line feed, which is skipped. Throws Error when there is none.
  [[nodiscard]] std::string_view line() {
    const std::string_view rest = characters(bytes_.subspan(position_));
    const std::size_t length = rest.find('\n');
    require(length != std::string_view::npos, "the line at byte ", position_, " is not terminated");
    position_ += length + 1;
    return rest.substr(0, length);
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_;
};

}  // namespace scoresde::io::detail
