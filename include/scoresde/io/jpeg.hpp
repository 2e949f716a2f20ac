// SPDX-License-Identifier: MIT
/// Reads JPEG images as 8-bit RGB.
///
/// Gray images become RGB. The inverse transform is the accurate integer one and chroma is
/// interpolated, as in Pillow; EXIF orientation is ignored. ISO/IEC 10918-1 (JPEG) and JFIF 1.02,
/// through libjpeg-turbo.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

#include <jerror.h>
#include <jpeglib.h>

#include <scoresde/data/rgb_image.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/detail/image_extents.hpp>

namespace scoresde::io {

namespace detail {

/// libjpeg's decompressor. After an error of libjpeg control returns to the latest setjmp, so no
/// object with a destructor is made between a setjmp and libjpeg's functions.
class JpegReader {
 public:
  explicit JpegReader(std::span<const std::byte> bytes) {
    decoder_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = &fail;
    errors_.base.emit_message = &warn;
    if (setjmp(errors_.jump) != 0) reject();
    jpeg_create_decompress(&decoder_);
    monitor_.progress_monitor = &limit_scans;
    decoder_.progress = &monitor_;
    jpeg_mem_src(&decoder_, reinterpret_cast<const unsigned char*>(bytes.data()),
                 static_cast<unsigned long>(bytes.size()));
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&decoder_); }

  void read_header() {
    if (setjmp(errors_.jump) != 0) reject();
    jpeg_read_header(&decoder_, TRUE);
  }
  [[nodiscard]] std::size_t height() const { return decoder_.image_height; }
  [[nodiscard]] std::size_t width() const { return decoder_.image_width; }
  [[nodiscard]] int components() const { return decoder_.num_components; }

  void read_rows(std::uint8_t* pixels) {
    if (setjmp(errors_.jump) != 0) reject();
    decoder_.out_color_space = JCS_RGB;
    decoder_.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&decoder_);
    const std::size_t row = 3 * width();
    while (decoder_.output_scanline < decoder_.output_height) {
      JSAMPROW at = pixels + decoder_.output_scanline * row;
      jpeg_read_scanlines(&decoder_, &at, 1);
    }
    jpeg_finish_decompress(&decoder_);
  }

 private:
  struct Errors {
    jpeg_error_mgr base{};
    std::jmp_buf jump{};
  };
  /// Progressive files have about 10; each costs a pass over the image.
  static constexpr int most_scans = 100;

  [[noreturn]] static void fail(j_common_ptr decoder) {
    std::longjmp(reinterpret_cast<Errors*>(decoder->err)->jump, 1);
  }
  /// Warnings are about damaged data, after which libjpeg guesses; bytes between two segments are
  /// harmless.
  static void warn(j_common_ptr decoder, int level) {
    if (level < 0 && decoder->err->msg_code != JWRN_EXTRANEOUS_DATA) fail(decoder);
  }
  static void limit_scans(j_common_ptr decoder) {
    const auto* reader = reinterpret_cast<j_decompress_ptr>(decoder);
    if (reader->input_scan_number <= most_scans) return;
    decoder->err->msg_code = JERR_BAD_PROGRESSION;
    fail(decoder);
  }
  [[noreturn]] void reject() {
    char message[JMSG_LENGTH_MAX] = {};
    errors_.base.format_message(reinterpret_cast<j_common_ptr>(&decoder_), message);
    jpeg_destroy_decompress(&decoder_);  // the destructor does not run if the constructor throws
    throw Error(text("jpeg: ", message));
  }

  jpeg_decompress_struct decoder_{};
  Errors errors_;
  jpeg_progress_mgr monitor_{};
};

}  // namespace detail

/// Whether the bytes begin as a JPEG file does.
[[nodiscard]] inline bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8} &&
         bytes[2] == std::byte{0xff};
}

/// The image in the bytes of a JPEG file. Throws Error for damaged or truncated files, for other
/// color spaces than gray and those of three components, and for images beyond the limits.
[[nodiscard]] inline data::RgbImage decode_jpeg(std::span<const std::byte> bytes,
                                                const data::ImageLimits& limits = {}) {
  require(is_jpeg(bytes), "jpeg: it does not begin with JPEG's markers");
  detail::JpegReader reader(bytes);
  reader.read_header();
  require(reader.components() == 1 || reader.components() == 3, "jpeg: the image has ",
          reader.components(), " components; it must have 1 (gray) or 3");
  data::RgbImage image = detail::allocate_image("jpeg", reader.height(), reader.width(), limits);
  reader.read_rows(image.pixels.data());
  return image;
}

}  // namespace scoresde::io
