// SPDX-License-Identifier: MIT
/// Inflates deflate data (RFC 1951) of known size with zlib.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <zlib.h>

#include <scoresde/error.hpp>

namespace scoresde::io::detail {

/// Largest number of output bytes per byte of deflate: matches of 258 bytes in codes of 2 bits.
inline constexpr std::size_t largest_expansion = 1032;

/// zlib's state of one raw deflate stream, released by the destructor.
class Inflater {
 public:
  Inflater() {
    constexpr int without_header = -15;  // the largest window, no zlib or gzip header
    scoresde::require(::inflateInit2(&stream_, without_header) == Z_OK,
                      "zlib cannot be initialized");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }

  /// Consumes `packed` and fills `bytes` until either is exhausted; both are advanced to what is
  /// left. Returns whether the stream has ended. Throws Error for invalid deflate data.
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
    scoresde::require(
        sound, "is damaged: ", stream_.msg != nullptr ? stream_.msg : "it is not deflate data");
    const bool moved = stream_.avail_in < in || stream_.avail_out < out;
    scoresde::require(moved || status == Z_STREAM_END, "is truncated");
    packed = packed.subspan(in - stream_.avail_in);
    bytes = bytes.subspan(out - stream_.avail_out);
    return status == Z_STREAM_END;
  }

 private:
  ::z_stream stream_{};
};

/// The `size` bytes that `packed` inflates to. Memory grows with the actual output, and a size that
/// deflate cannot reach is rejected first. Throws Error when they are damaged or of another size;
/// the message continues a sentence that begins with the name of the data.
[[nodiscard]] inline std::vector<std::byte> inflated(std::span<const std::byte> packed,
                                                     std::size_t size) {
  constexpr std::size_t most = largest_expansion;
  scoresde::require(size / most <= packed.size(), "has a declared size of ", size, " bytes; its ",
                    packed.size(), " compressed bytes inflate to at most ", packed.size() * most);
  Inflater stream;
  std::vector<std::byte> bytes;
  std::size_t made = 0;
  for (bool ended = false; !ended;) {
    // One byte more than the declared size detects a longer stream.
    bytes.resize(std::min(size + 1, std::max(2 * made, packed.size() + 64)));
    std::span<std::byte> room = std::span(bytes).subspan(made);
    ended = stream.run(packed, room);
    made = bytes.size() - room.size();
    scoresde::require(made <= size, "is longer than its declared size of ", size, " bytes");
  }
  scoresde::require(made == size, "has ", made, " bytes; its declared size is ", size);
  bytes.resize(size);
  return bytes;
}

}  // namespace scoresde::io::detail
