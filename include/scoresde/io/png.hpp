// SPDX-License-Identifier: MIT
/// Reads PNG images as 8-bit RGB.
///
/// Gray and palette images become RGB, 16-bit samples their upper byte, and alpha is dropped, as in
/// Pillow's convert("RGB") of 8-bit images; the gamma of a file is ignored. Portable Network
/// Graphics, ISO/IEC 15948, through libpng. io/image_grid.hpp writes PNG files.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <png.h>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/detail/image_extents.hpp>

namespace scoresde::io {

/// Whether the bytes begin with PNG's signature.
[[nodiscard]] inline bool is_png(std::span<const std::byte> bytes) {
  constexpr std::size_t size = 8;
  return bytes.size() >= size &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, size) == 0;
}

namespace detail {

/// libpng's structures for reading. After an error of libpng control returns to the latest setjmp,
/// so no object with a destructor is made between a setjmp and libpng's functions.
class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> bytes) : bytes_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &fail, &ignore);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw Error("png: libpng cannot allocate memory");
    }
    png_set_read_fn(png_, this, &read);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// Reads the header and prepares the conversion to RGB.
  void read_header(const data::ImageLimits& limits) {
    if (setjmp(png_jmpbuf(png_)) != 0) throw Error(text("png: ", message_));
    png_set_user_limits(png_, static_cast<png_uint_32>(std::min<std::size_t>(limits.pixels, most)),
                        static_cast<png_uint_32>(std::min<std::size_t>(limits.pixels, most)));
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_chunk_cache_max(png_, 16);
    png_set_chunk_malloc_max(png_, png_alloc_size_t{1} << 20);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_read_info(png_, info_);
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }
  [[nodiscard]] std::size_t height() const { return png_get_image_height(png_, info_); }
  [[nodiscard]] std::size_t width() const { return png_get_image_width(png_, info_); }

  /// Reads the rows and the end of the file.
  void read_rows(std::uint8_t* pixels) {
    const std::size_t rows = height(), row = 3 * width();
    if (png_get_rowbytes(png_, info_) != row) throw Error("png: its rows are not RGB");
    if (setjmp(png_jmpbuf(png_)) != 0) throw Error(text("png: ", message_));
    for (int pass = 0; pass < passes_; ++pass)
      for (std::size_t y = 0; y < rows; ++y) png_read_row(png_, pixels + y * row, nullptr);
    png_read_end(png_, nullptr);
  }

 private:
  static constexpr std::size_t most = 0x7fffffff;

  [[noreturn]] static void fail(png_structp png, png_const_charp message) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader->message_, message, sizeof reader->message_ - 1);
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void read(png_structp png, png_bytep out, std::size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->bytes_.size() - reader->position_) png_error(png, "it is truncated");
    std::memcpy(out, reader->bytes_.data() + reader->position_, count);
    reader->position_ += count;
  }

  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  char message_[160] = {};
};

}  // namespace detail

/// The image in the bytes of a PNG file. Throws Error for damaged or truncated files, for a
/// checksum that does not match, and for images beyond the limits.
[[nodiscard]] inline data::RgbImage decode_png(std::span<const std::byte> bytes,
                                               const data::ImageLimits& limits = {}) {
  require(is_png(bytes), "png: it does not begin with PNG's signature");
  detail::PngReader reader(bytes);
  reader.read_header(limits);
  data::RgbImage image = detail::allocate_image("png", reader.height(), reader.width(), limits);
  reader.read_rows(image.pixels.data());
  return image;
}

}  // namespace scoresde::io
