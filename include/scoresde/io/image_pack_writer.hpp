// SPDX-License-Identifier: MIT
/// ImagePackWriter: writes an image pack block by block; a run that was stopped is continued.
///
/// Until it is complete, a pack is two files in its target's folder: NAME.packing, the header's
/// space and the pixels so far, and NAME.packing.log, text lines:
///
///   pack <CRC-32 of the description>   once, at the beginning
///   image <label> <CRC-32>             for each image
///   broken <name>\t<reason>            for each source that is left out
///   block <sources> <images>           after each block: everything before it is on the disk
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/image_pack.hpp>

namespace scoresde::io {

/// A source that is not in the pack, and why.
struct BrokenImage {
  std::string name, reason;
};

/// The results of consecutive sources.
struct PackBlock {
  std::size_t sources = 0;  ///< their number, broken ones included
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint32_t> labels;
  std::vector<BrokenImage> broken;
};

class ImagePackWriter {
 public:
  /// Begins a pack, or continues one that was begun with the same contents and `description` of
  /// everything that determines it. `contents.images` is ignored. Throws Error when the files
  /// cannot be written, when another process writes them, and when they were begun for other
  /// contents.
  ImagePackWriter(const std::filesystem::path& target, PackContents contents,
                  const std::string& description)
      : target_(target),
        part_(target.string() + ".packing"),
        log_(part_.string() + ".log"),
        contents_(std::move(contents)) {
    contents_.images = 0;
    std::string identity = description;
    for (const std::string& name : contents_.classes) identity += '\n' + name;
    identity += text('\n', contents_.channels, ' ', contents_.height, ' ', contents_.width);
    first_line_ = text("pack ", detail::checksum(std::as_bytes(std::span(identity))));
    open();
    try {
      resume();
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  }
  ImagePackWriter(const ImagePackWriter&) = delete;
  ImagePackWriter& operator=(const ImagePackWriter&) = delete;
  ~ImagePackWriter() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  /// Sources that are done, broken ones included; images in the pack so far.
  [[nodiscard]] std::size_t sources() const { return sources_; }
  [[nodiscard]] std::size_t images() const { return labels_.size(); }
  /// Sources left out so far, those of earlier runs included.
  [[nodiscard]] const std::vector<BrokenImage>& broken() const { return broken_; }

  /// Writes the next block; it is kept from then on. Throws Error when the disk is full.
  void append(const PackBlock& block) {
    const std::size_t dim = image_bytes();
    require(block.pixels.size() == dim * block.labels.size() &&
                block.labels.size() + block.broken.size() == block.sources,
            "image pack: a block has ", block.pixels.size(), " bytes, ", block.labels.size(),
            " labels and ", block.broken.size(), " broken images for ", block.sources, " sources");
    write(std::as_bytes(std::span(block.pixels)), detail::pack_header_size + dim * images());
    std::string lines;
    for (std::size_t k = 0; k < block.labels.size(); ++k) {
      checksums_.push_back(
          detail::checksum(std::as_bytes(std::span(block.pixels).subspan(k * dim, dim))));
      labels_.push_back(block.labels[k]);
      lines += text("image ", labels_.back(), ' ', checksums_.back(), '\n');
    }
    for (const BrokenImage& image : block.broken) {
      broken_.push_back({printable_name(image.name), printable(image.reason)});
      lines += "broken " + broken_.back().name + '\t' + broken_.back().reason + '\n';
    }
    sources_ += block.sources;
    lines += text("block ", sources_, ' ', images(), '\n');
    if (::fdatasync(descriptor_) != 0) fail("cannot be flushed");
    log_stream_ << lines << std::flush;
    require(log_stream_.good(), "file ", log_.string(), " cannot be written");
  }

  /// Completes the pack under its name. Throws Error for a pack without images.
  void finish() {
    require(!labels_.empty(), "image pack ", target_.string(), ": there is no image to pack");
    std::string tables(8 * images(), '\0');
    std::memcpy(tables.data(), labels_.data(), 4 * images());
    std::memcpy(tables.data() + 4 * images(), checksums_.data(), 4 * images());
    for (const std::string& name : contents_.classes) tables += name + '\n';
    tables += contents_.source;
    const auto bytes = std::as_bytes(std::span(tables));
    write(bytes, detail::pack_header_size + image_bytes() * images());
    const std::string begin = header(bytes);
    write(std::as_bytes(std::span(begin)), 0);
    if (::fsync(descriptor_) != 0) fail("cannot be flushed");
    if (std::rename(part_.c_str(), target_.c_str()) != 0) fail("cannot be renamed to its target");
    std::error_code ignored;
    std::filesystem::remove(log_, ignored);
  }

 private:
  [[nodiscard]] std::size_t image_bytes() const {
    return contents_.channels * contents_.height * contents_.width;
  }
  /// Names are paths: everything but the characters that separate lines and fields.
  [[nodiscard]] static std::string printable_name(std::string name) {
    for (char& c : name)
      if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
    return name;
  }

  [[nodiscard]] std::string header(std::span<const std::byte> tables) const {
    std::string out(detail::pack_mark);
    const auto put = [&](auto number) {
      out.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    put(detail::pack_version);
    for (const std::size_t extent : {contents_.channels, contents_.height, contents_.width})
      put(static_cast<std::uint32_t>(extent));
    put(std::uint64_t{images()});
    put(std::uint64_t{tables.size() - 8 * images()});
    put(static_cast<std::uint32_t>(contents_.classes.size()));
    put(detail::checksum(tables));
    put(detail::checksum(std::as_bytes(std::span(out))));
    out.resize(detail::pack_header_size);
    return out;
  }

  void open() {
    descriptor_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) fail("cannot be created");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(descriptor_);
      throw Error(text("image pack ", target_.string(), " is being written by another process"));
    }
  }

  /// Reads the log up to its last complete block and cuts both files there.
  void resume() {
    struct ::stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("cannot be read");
    std::ifstream log(log_, std::ios::binary);
    std::string line;
    std::uintmax_t kept = 0;
    if (status.st_size > 0 && std::getline(log, line) && !log.eof()) {
      require(line == first_line_, "image pack ", target_.string(), ": ", part_.string(),
              " was begun from other images or with other options; remove it and ", log_.string(),
              " to begin again");
      kept = line.size() + 1 + read_blocks(log);
    }
    log.close();
    const std::size_t size = detail::pack_header_size + image_bytes() * images();
    require(images() == 0 || static_cast<std::size_t>(status.st_size) >= size, "image pack ",
            target_.string(), ": ", part_.string(), " has ", status.st_size, " bytes, and ",
            log_.string(), " lists ", size, "; remove both to begin again");
    if (::ftruncate(descriptor_, static_cast<::off_t>(size)) != 0) fail("cannot be truncated");
    std::error_code failure;
    if (kept > 0) std::filesystem::resize_file(log_, kept, failure);
    log_stream_.open(log_, std::ios::binary | (kept > 0 ? std::ios::app : std::ios::trunc));
    if (kept == 0) log_stream_ << first_line_ << '\n' << std::flush;
    require(!failure && log_stream_.good(), "file ", log_.string(), " cannot be written");
  }

  /// Reads the lines of all complete blocks and returns their bytes.
  std::uintmax_t read_blocks(std::ifstream& log) {
    std::string line;
    std::uintmax_t read = 0, kept = 0;
    std::size_t complete = 0, complete_broken = 0;
    while (std::getline(log, line) && !log.eof() && read_line(line)) {
      read += line.size() + 1;
      if (!line.starts_with("block ")) continue;
      kept = read;
      complete = labels_.size();
      complete_broken = broken_.size();
    }
    labels_.resize(complete);
    checksums_.resize(complete);
    broken_.resize(complete_broken);
    sources_ = complete + complete_broken;
    return kept;
  }

  /// Whether the line is one of a log, and the numbers of a block are those of the lines before it.
  bool read_line(const std::string& line) {
    if (line.starts_with("broken ")) {
      const std::size_t tab = line.find('\t');
      if (tab != std::string::npos)
        broken_.push_back({line.substr(7, tab - 7), line.substr(tab + 1)});
      return tab != std::string::npos;
    }
    std::istringstream words(line);
    std::string word;
    std::size_t first = 0, second = 0;
    if (!(words >> word >> first >> second)) return false;
    if (word == "block")
      return second == labels_.size() && first == labels_.size() + broken_.size();
    labels_.push_back(static_cast<std::uint32_t>(first));
    checksums_.push_back(static_cast<std::uint32_t>(second));
    return word == "image";
  }

  void write(std::span<const std::byte> bytes, std::size_t at) {
    while (!bytes.empty()) {
      const ::ssize_t count =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<::off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      at += static_cast<std::size_t>(count);
    }
  }

  [[noreturn]] void fail(const char* what) const {
    throw Error(text("file ", part_.string(), ' ', what, ": ", std::strerror(errno)));
  }

  std::filesystem::path target_, part_, log_;
  PackContents contents_;
  std::string first_line_;
  int descriptor_ = -1;
  std::ofstream log_stream_;
  std::size_t sources_ = 0;
  std::vector<std::uint32_t> labels_, checksums_;
  std::vector<BrokenImage> broken_;
};

}  // namespace scoresde::io
