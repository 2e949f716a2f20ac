// SPDX-License-Identifier: MIT
/// ZipWriter: a zip archive of stored entries, their data aligned to 64 bytes, written in one pass.
///
/// APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3.7, 4.3.12 and 4.3.16; below 4 GiB, without zip64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

namespace scoresde::io::detail {

class ZipWriter {
 public:
  explicit ZipWriter(TemporaryFile& target) : target_(target) {}

  /// Appends an entry. Throws Error when the archive would exceed 4 GiB, and as TemporaryFile does.
  void add(std::string_view name, std::span<const std::byte> data) {
    constexpr std::size_t header = 30, field = 4, alignment = 64;
    const std::size_t unaligned = (written_ + header + name.size() + field) % alignment;
    const std::size_t padding = (alignment - unaligned) % alignment;
    require(data.size() < largest && written_ + data.size() + header + name.size() < largest,
            "zip: ", name, " makes the archive exceed 4 GiB, the maximum");
    const auto* first = reinterpret_cast<const unsigned char*>(data.data());
    const auto crc =
        static_cast<std::uint32_t>(::crc32_z(::crc32_z(0, nullptr, 0), first, data.size()));
    Entry entry{std::string(name), crc, data.size(), written_};
    Record local;
    local.add<std::uint32_t>(0x04034b50);
    describe(local, entry, field + padding);
    local.text += name;
    local.add<std::uint16_t>('F' | 'B' << 8);
    local.add<std::uint16_t>(padding);
    local.text.append(padding, 'Z');
    write(std::as_bytes(std::span(local.text)));
    write(data);
    entries_.push_back(std::move(entry));
  }

  /// Appends the central directory; no entry may be added afterwards.
  void finish() {
    const std::size_t begin = written_;
    for (const Entry& entry : entries_) {
      Record record;
      record.add<std::uint32_t>(0x02014b50);
      record.add<std::uint16_t>(version);
      describe(record, entry, 0);
      for (int i = 0; i < 3; ++i) record.add<std::uint16_t>(0);  // comment, disk, attributes
      record.add<std::uint32_t>(0);
      record.add<std::uint32_t>(entry.offset);
      record.text += entry.name;
      write(std::as_bytes(std::span(record.text)));
    }
    require(written_ < largest && entries_.size() < 0xffff, "zip: the archive has ",
            entries_.size(), " entries in ", written_,
            " bytes; the maximum is 65534 entries in 4 GiB");
    Record end;
    end.add<std::uint32_t>(0x06054b50);
    end.add<std::uint32_t>(0);  // this disk and the directory's
    end.add<std::uint16_t>(entries_.size());
    end.add<std::uint16_t>(entries_.size());
    end.add<std::uint32_t>(written_ - begin);
    end.add<std::uint32_t>(begin);
    end.add<std::uint16_t>(0);
    write(std::as_bytes(std::span(end.text)));
  }

 private:
  static constexpr std::size_t largest = 0xffffffff;
  static constexpr std::uint16_t version = 20;

  struct Entry {
    std::string name;
    std::uint32_t crc = 0;
    std::size_t size = 0, offset = 0;
  };
  /// A sequence of little-endian numbers.
  struct Record {
    std::string text;
    template <class Number>
    void add(std::size_t value) {
      for (std::size_t i = 0; i < sizeof(Number); ++i)
        text += static_cast<char>(value >> (8 * i) & 255);
    }
  };

  /// The common part of local and central headers: version to the length of the extra field. Times
  /// are fixed to 1980-01-01, so that the same tensors give the same file.
  static void describe(Record& record, const Entry& entry, std::size_t extra) {
    record.add<std::uint16_t>(version);
    record.add<std::uint16_t>(0);
    record.add<std::uint16_t>(0);  // stored
    record.add<std::uint16_t>(0);
    record.add<std::uint16_t>(1 << 5 | 1);
    record.add<std::uint32_t>(entry.crc);
    record.add<std::uint32_t>(entry.size);
    record.add<std::uint32_t>(entry.size);
    record.add<std::uint16_t>(entry.name.size());
    record.add<std::uint16_t>(extra);
  }

  void write(std::span<const std::byte> bytes) {
    target_.write(bytes);
    written_ += bytes.size();
  }

  TemporaryFile& target_;
  std::vector<Entry> entries_;
  std::size_t written_ = 0;
};

}  // namespace scoresde::io::detail
