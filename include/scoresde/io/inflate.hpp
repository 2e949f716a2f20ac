// SPDX-License-Identifier: MIT
/// Data compressed with deflate (RFC 1951), unpacked with zlib within a size that is known before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <zlib.h>

#include <scoresde/error.hpp>

namespace scoresde::io::detail {

/// Bytes that one byte of deflate can stand for: matches of 258 bytes in codes of 2 bits.
inline constexpr std::size_t largest_expansion = 1032;

/// zlib's state of one stream without header, released with it.
class Inflater {
 public:
  Inflater() {
    constexpr int without_header = -15;  // the largest window, no zlib or gzip header
    scoresde::detail::require(::inflateInit2(&stream_, without_header) == Z_OK,
                              "there is no memory for zlib");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }

  /// Takes from `packed` and fills `bytes` until either is used up; both become what is left.
  /// Returns whether the stream has ended. Throws Error for what is not deflate.
  [[nodiscard]] bool run(std::span<const std::byte>& packed, std::span<std::byte>& bytes) {
    constexpr std::size_t most = std::size_t{1} << 30;  // zlib counts in 32 bits
    const auto in = static_cast<::uInt>(std::min(packed.size(), most));
    const auto out = static_cast<::uInt>(std::min(bytes.size(), most));
    stream_.next_in = reinterpret_cast<::Bytef*>(const_cast<std::byte*>(packed.data()));
    stream_.next_out = reinterpret_cast<::Bytef*>(bytes.data());
    stream_.avail_in = in;
    stream_.avail_out = out;
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    const bool sound = status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
    scoresde::detail::require(
        sound, "is damaged: ", stream_.msg != nullptr ? stream_.msg : "it is not deflate's format");
    const bool moved = stream_.avail_in < in || stream_.avail_out < out;
    scoresde::detail::require(moved || status == Z_STREAM_END, "is cut off");
    packed = packed.subspan(in - stream_.avail_in);
    bytes = bytes.subspan(out - stream_.avail_out);
    return status == Z_STREAM_END;
  }

 private:
  ::z_stream stream_{};
};

/// The `size` bytes that `packed` stands for. Memory grows with what comes out, and a size that
/// deflate cannot reach is rejected before. Throws Error, to be read after the name of the data,
/// when they are damaged or of another size.
[[nodiscard]] inline std::vector<std::byte> inflated(std::span<const std::byte> packed,
                                                     std::size_t size) {
  constexpr std::size_t most = largest_expansion;
  scoresde::detail::require(size / most <= packed.size(), "says that it has ", size, " bytes; its ",
                            packed.size(), " compressed ones hold at most ", packed.size() * most);
  Inflater stream;
  std::vector<std::byte> bytes;
  std::size_t made = 0;
  for (bool ended = false; !ended;) {
    // One byte more than there shall be shows a stream that is longer.
    bytes.resize(std::min(size + 1, std::max(2 * made, packed.size() + 64)));
    std::span<std::byte> room = std::span(bytes).subspan(made);
    ended = stream.run(packed, room);
    made = bytes.size() - room.size();
    scoresde::detail::require(made <= size, "is longer than the ", size, " bytes it says");
  }
  scoresde::detail::require(made == size, "has ", made, " bytes and says ", size);
  bytes.resize(size);
  return bytes;
}

}  // namespace scoresde::io::detail
