// SPDX-License-Identifier: MIT
/// ImagePack: a data set of images in one file, which is mapped into memory, so that a set larger
/// than memory can be trained on.
///
///   header, 4096 bytes | pixels, n × C × H × W bytes | labels, n × u32 | checksums, n × u32 | text
///
///   header: "SDEPACK\0" | u32 version (1) | u32 C | u32 H | u32 W | u64 n | u64 bytes of the text |
///           u32 number of classes | u32 CRC-32 of the labels, checksums and text |
///           u32 CRC-32 of all bytes of the header before it | zeros
///
/// Numbers are little-endian. A checksum is the CRC-32 of an image. The labels are below the number
/// of classes; 0 classes: the images have no labels, and their entries are 0. The text is lines:
/// the name of each class in the order of the labels, then what the images were made from.
/// io/image_pack_writer.hpp writes packs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

#include <scoresde/data/image_set.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/mapped_file.hpp>

namespace scoresde::io {

/// What a pack holds in addition to pixels and labels.
struct PackContents {
  std::size_t channels = 3, height = 0, width = 0, images = 0;
  std::vector<std::string> classes;  ///< the name of each; empty: no labels
  std::string source;                ///< what the images were made from
};

namespace detail {

inline constexpr std::string_view pack_mark{"SDEPACK\0", 8};
inline constexpr std::uint32_t pack_version = 1;
inline constexpr std::size_t pack_header_size = 4096;
/// Bytes of the header before its own checksum.
inline constexpr std::size_t pack_header_used = 8 + 4 * 4 + 2 * 8 + 2 * 4;

[[nodiscard]] inline std::uint32_t checksum(std::span<const std::byte> bytes) {
  const auto* first = reinterpret_cast<const unsigned char*>(bytes.data());
  return static_cast<std::uint32_t>(::crc32_z(::crc32_z(0, nullptr, 0), first, bytes.size()));
}

struct PackHeader {
  std::uint32_t channels = 0, height = 0, width = 0;
  std::uint64_t images = 0, text = 0;
  std::uint32_t classes = 0, tables_checksum = 0;

  [[nodiscard]] std::uint64_t dim() const { return std::uint64_t{channels} * height * width; }
  [[nodiscard]] std::uint64_t tables() const { return 8 * images + text; }
  [[nodiscard]] std::uint64_t file_size() const {
    return pack_header_size + images * dim() + tables();
  }
};

/// Throws Error for anything but a header whose file size fits 64 bits.
[[nodiscard]] inline PackHeader read_pack_header(std::span<const std::byte> bytes) {
  require(characters(bytes).starts_with(pack_mark),
          "it does not begin with SDEPACK, so it is not an image pack");
  require(bytes.size() >= pack_header_size, "it is truncated: it has ", bytes.size(),
          " bytes, and the header of an image pack has ", pack_header_size);
  ByteCursor in(bytes, pack_mark.size());
  const auto version = in.number<std::uint32_t>();
  require(version == pack_version, "its version is ", version, "; this program reads version ",
          pack_version);
  PackHeader h;
  for (std::uint32_t* number : {&h.channels, &h.height, &h.width})
    *number = in.number<std::uint32_t>();
  for (std::uint64_t* number : {&h.images, &h.text}) *number = in.number<std::uint64_t>();
  for (std::uint32_t* number : {&h.classes, &h.tables_checksum})
    *number = in.number<std::uint32_t>();
  require(in.number<std::uint32_t>() == checksum(bytes.first(pack_header_used)),
          "its header is damaged: it does not have its checksum");
  constexpr std::uint32_t most_extent = 1 << 16;
  require(h.channels >= 1 && h.channels <= 4 && h.height >= 1 && h.height <= most_extent &&
              h.width >= 1 && h.width <= most_extent,
          "its images have ", h.channels, " x ", h.height, " x ", h.width,
          " values; they must have 1 to 4 channels and extents of 1 to ", most_extent);
  require(h.images >= 1 && h.images <= bytes.size() / h.dim() && h.text <= bytes.size(),
          "it is truncated: it has ", bytes.size(), " bytes for ", h.images, " images of ", h.dim(),
          " bytes and ", h.text, " bytes of text");
  return h;
}

}  // namespace detail

/// A view of the bytes of a pack. Header, labels, checksums and text are checked by the
/// constructor; the pixels by find_damage().
class ImagePackView {
 public:
  /// `bytes` must outlive the view. Throws Error for another kind of file, another
  /// version, size or checksum, or a label that is not a class.
  explicit ImagePackView(std::span<const std::byte> bytes) {
    const detail::PackHeader header = detail::read_pack_header(bytes);
    require(bytes.size() == header.file_size(), "it has ", bytes.size(), " bytes, and ",
            header.images, " images of ", header.channels, " x ", header.height, " x ",
            header.width, " need ", header.file_size(), "; it is truncated or was appended to");
    detail::ByteCursor in(bytes, detail::pack_header_size);
    const auto images = static_cast<std::size_t>(header.images);
    const auto pixels = in.take(images * static_cast<std::size_t>(header.dim()));
    const auto tables = bytes.subspan(in.position());
    require(detail::checksum(tables) == header.tables_checksum,
            "its labels are damaged: they do not have their checksum");
    labels_.resize(images);
    std::memcpy(labels_.data(), in.take(4 * images).data(), 4 * images);
    checksums_ = in.take(4 * images);
    for (const std::uint32_t label : labels_)
      require(header.classes == 0 ? label == 0 : label < header.classes, "it has label ", label,
              " and ", header.classes, " classes");
    read_text(in, header.classes);
    contents_.channels = header.channels;
    contents_.height = header.height;
    contents_.width = header.width;
    contents_.images = images;
    pixels_ = {reinterpret_cast<const std::uint8_t*>(pixels.data()), pixels.size()};
  }

  [[nodiscard]] const PackContents& contents() const { return contents_; }
  /// Valid during the lifetime of the view and of its bytes.
  [[nodiscard]] data::ImageView images() const {
    return {contents_.channels, contents_.height, contents_.width, pixels_,
            contents_.classes.empty() ? std::span<const std::uint32_t>()
                                      : std::span<const std::uint32_t>(labels_)};
  }

  /// The first of images first, …, last − 1 whose pixels do not have their checksum; `last` if all
  /// have. Reads all of their bytes.
  [[nodiscard]] std::size_t find_damage(std::size_t first, std::size_t last) const {
    for (std::size_t i = first; i < last; ++i) {
      std::uint32_t wanted = 0;
      std::memcpy(&wanted, checksums_.data() + 4 * i, 4);
      if (detail::checksum(std::as_bytes(images().image(i))) != wanted) return i;
    }
    return last;
  }

 private:
  void read_text(detail::ByteCursor& in, std::uint32_t classes) {
    require(classes <= in.left(), "it has ", classes, " classes and ", in.left(),
            " bytes of names");
    for (std::uint32_t c = 0; c < classes; ++c) contents_.classes.emplace_back(in.line());
    contents_.source = characters(in.take(in.left()));
  }

  PackContents contents_;
  std::span<const std::uint8_t> pixels_;
  std::vector<std::uint32_t> labels_;
  std::span<const std::byte> checksums_;
};

/// A pack whose file is mapped. Copies share it.
class ImagePack {
 public:
  /// Throws Error, which names the file, when it cannot be read and as ImagePackView does.
  explicit ImagePack(const std::filesystem::path& path) : path_(path) {
    try {
      auto storage = std::make_shared<Storage>(path);
      storage_ = std::move(storage);
    } catch (const Error& failure) {
      throw Error(text("image pack ", path.string(), ": ", failure.what()));
    }
  }

  [[nodiscard]] const PackContents& contents() const { return storage_->view.contents(); }
  /// Keep the file mapped.
  [[nodiscard]] data::SharedImages images() const { return {storage_->view.images(), storage_}; }
  /// Bytes of the pixels.
  [[nodiscard]] std::size_t pixel_bytes() const { return storage_->view.images().pixels.size(); }

  /// Compares the checksums of images first, …, last − 1. Throws Error that names the first whose
  /// pixels are damaged. Thread-safe.
  void check_images(std::size_t first, std::size_t last) const {
    const std::size_t damaged = storage_->view.find_damage(first, last);
    require(damaged == last, "image pack ", path_.string(), ": image ", damaged,
            " is damaged: its pixels do not have their checksum");
  }

 private:
  struct Storage {
    explicit Storage(const std::filesystem::path& path) : file(path), view(file.bytes()) {}
    MappedFile file;
    ImagePackView view;
  };

  std::filesystem::path path_;
  std::shared_ptr<const Storage> storage_;
};

/// Whether a file begins as a pack does; false if it cannot be read.
[[nodiscard]] inline bool is_image_pack(const std::filesystem::path& path) {
  std::array<char, detail::pack_mark.size()> begin{};
  std::ifstream stream(path, std::ios::binary);
  stream.read(begin.data(), begin.size());
  return stream.gcount() == static_cast<std::streamsize>(begin.size()) &&
         std::string_view(begin.data(), begin.size()) == detail::pack_mark;
}

}  // namespace scoresde::io
