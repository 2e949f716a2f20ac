// SPDX-License-Identifier: MIT
/// ZipArchive: the entries of a zip archive, stored or compressed with deflate.
///
///   entries (local header | data) … | central directory | [zip64 end | locator] | end
///
/// APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.4.5. torch.save and
/// numpy.savez store entries uncompressed; numpy.savez_compressed and zip programs deflate them. As
/// in other readers, the central directory is authoritative.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

#include <scoresde/error.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/inflate.hpp>
#include <scoresde/io/pickle_value.hpp>

namespace scoresde::io {

/// Whether an entry's CRC-32 is checked when its bytes are read.
enum class ZipChecksums : std::uint8_t { compared, ignored };

/// An entry's bytes: a view of the archive's where it is stored, else an inflated copy.
class ZipBytes {
 public:
  explicit ZipBytes(std::span<const std::byte> stored) : view_(stored) {}
  explicit ZipBytes(std::vector<std::byte> inflated) : owned_(std::move(inflated)) {}

  /// Valid during the lifetime of the archive's bytes and of this object.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return owned_.empty() ? view_ : std::span<const std::byte>(owned_);
  }

 private:
  std::span<const std::byte> view_;
  std::vector<std::byte> owned_;
};

class ZipArchive {
 public:
  /// The archive in `bytes`, which must outlive it. Throws Error naming entry and position for any
  /// violation of the format, and for split archives.
  explicit ZipArchive(std::span<const std::byte> bytes,
                      ZipChecksums checksums = ZipChecksums::compared)
      : bytes_(bytes), checksums_(checksums) {
    const Directory directory = find_directory();
    require(directory.offset <= bytes.size() && directory.size <= bytes.size() - directory.offset,
            "zip: its directory is at bytes ", directory.offset, " + ", directory.size,
            "; the file has ", bytes.size());
    const auto place = static_cast<std::size_t>(directory.offset);
    detail::ByteCursor in(bytes.subspan(place, static_cast<std::size_t>(directory.size)));
    std::uint64_t left = bytes.size();
    for (std::uint64_t i = 0; i < directory.entries; ++i) read_entry(in, left);
  }

  /// Names of all entries, sorted.
  template <class Visitor>
  void for_each_name(Visitor&& visit) const {
    for (const auto& [name, entry] : entries_) visit(name);
  }

  [[nodiscard]] bool contains(std::string_view name) const { return entries_.contains(name); }

  /// An entry's bytes, inflated where they are compressed, to at most 1032 bytes per compressed
  /// byte. Throws Error when the entry does not exist, is encrypted, is compressed by a method
  /// other than deflate, or does not match its stored size and checksum.
  [[nodiscard]] ZipBytes read(std::string_view name) const {
    const Entry& entry = entry_of(name);
    ZipBytes read = unpacked(name, entry);
    if (checksums_ == ZipChecksums::ignored) return read;
    const auto* first = reinterpret_cast<const unsigned char*>(read.bytes().data());
    const auto checksum = ::crc32_z(::crc32_z(0, nullptr, 0), first, read.bytes().size());
    require(checksum == entry.crc, "zip: entry ", printable(name),
            " is damaged: its bytes do not have the checksum that was stored");
    return read;
  }

  /// Total size of all entries in bytes; of compressed entries the inflated size, bounded by what
  /// deflate can reach.
  [[nodiscard]] std::size_t unpacked_size() const {
    std::size_t size = 0;
    for (const auto& [name, entry] : entries_)
      size += static_cast<std::size_t>(
          std::min(entry.size, std::min<std::uint64_t>(entry.packed, bytes_.size()) *
                                   (entry.method == stored ? 1 : detail::largest_expansion)));
    return size;
  }

  /// The declared size of an entry, and its size in the archive. Throws Error when it does not
  /// exist.
  [[nodiscard]] std::size_t size_of(std::string_view name) const { return entry_of(name).size; }
  [[nodiscard]] std::size_t packed_size_of(std::string_view name) const {
    return entry_of(name).packed;
  }

 private:
  struct Directory {
    std::uint64_t entries = 0, size = 0, offset = 0;
  };
  struct Entry {
    std::uint64_t offset = 0, size = 0, packed = 0;
    std::uint32_t crc = 0;
    std::uint16_t flags = 0, method = 0;
  };
  static constexpr std::uint16_t stored = 0, deflated = 8;
  static constexpr std::uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50,
                                 locator_mark = 0x07064b50, entry_mark = 0x02014b50,
                                 local_mark = 0x04034b50;
  static constexpr std::uint32_t see_zip64 = 0xffffffff;

  [[nodiscard]] Directory find_directory() const {
    constexpr std::size_t size = 22, longest_comment = 65535;
    require(bytes_.size() >= size, "zip: it has ", bytes_.size(), "; it must have at least ", size,
            " bytes");
    const std::size_t last = bytes_.size() - size;
    const std::size_t first = last > longest_comment ? last - longest_comment : 0;
    for (std::size_t at = last + 1; at-- > first;) {
      detail::ByteCursor in(bytes_, at);
      if (in.number<std::uint32_t>() != end_mark) continue;
      const auto disk = in.number<std::uint16_t>(), directory_disk = in.number<std::uint16_t>();
      const auto here = in.number<std::uint16_t>(), entries = in.number<std::uint16_t>();
      const auto length = in.number<std::uint32_t>(), offset = in.number<std::uint32_t>();
      if (in.number<std::uint16_t>() != in.left()) continue;  // not the end record, but data
      if (entries == 0xffff || length == see_zip64 || offset == see_zip64)
        return find_zip64_directory(at);
      require(disk == 0 && directory_disk == 0 && here == entries,
              "zip: it is one part of a split archive; only complete archives are supported");
      return {entries, length, offset};
    }
    throw Error("zip: its end record is missing; the file is truncated or is not a zip archive");
  }

  [[nodiscard]] Directory find_zip64_directory(std::size_t end) const {
    require(end >= 20, "zip: its zip64 locator is missing");
    detail::ByteCursor locator(bytes_, end - 20);
    require(locator.number<std::uint32_t>() == locator_mark, "zip: its zip64 locator is missing");
    static_cast<void>(locator.take(4));
    const auto at = locator.number<std::uint64_t>();
    require(at <= end, "zip: its zip64 end is at byte ", at, ", after its end record");
    detail::ByteCursor in(bytes_, static_cast<std::size_t>(at));
    require(in.number<std::uint32_t>() == end64_mark, "zip: there is no zip64 end at byte ", at);
    static_cast<void>(in.take(8 + 2 + 2 + 4 + 4 + 8));
    Directory directory;
    directory.entries = in.number<std::uint64_t>();
    directory.size = in.number<std::uint64_t>();
    directory.offset = in.number<std::uint64_t>();
    return directory;
  }

  /// The next entry of the central directory. `left` is the part of the file not used by the
  /// entries before it: overlapping entries could inflate the same bytes many times.
  void read_entry(detail::ByteCursor& in, std::uint64_t& left) {
    require(in.number<std::uint32_t>() == entry_mark, "zip: there is no directory entry at byte ",
            in.position() - 4, " of the directory");
    static_cast<void>(in.take(4));
    Entry entry;
    entry.flags = in.number<std::uint16_t>();
    entry.method = in.number<std::uint16_t>();
    static_cast<void>(in.take(4));
    entry.crc = in.number<std::uint32_t>();
    entry.packed = in.number<std::uint32_t>();
    entry.size = in.number<std::uint32_t>();
    const std::size_t name_size = in.number<std::uint16_t>();
    const std::size_t extra_size = in.number<std::uint16_t>();
    const std::size_t comment_size = in.number<std::uint16_t>();
    static_cast<void>(in.take(2 + 2 + 4));
    entry.offset = in.number<std::uint32_t>();
    const std::string_view name = characters(in.take(name_size));
    read_zip64_sizes(in.take(extra_size), entry);
    static_cast<void>(in.take(comment_size));
    require(entry.packed <= left, "zip: entry ", printable(name), " has ", entry.packed,
            " bytes; this and the entries before it exceed the file");
    left -= entry.packed;
    require(entries_.emplace(name, entry).second, "zip: entry ", printable(name), " appears twice");
  }

  /// Sizes that do not fit 32 bits are in an extra field, in this order.
  static void read_zip64_sizes(std::span<const std::byte> extra, Entry& entry) {
    detail::ByteCursor in(extra);
    while (in.left() >= 4) {
      const auto tag = in.number<std::uint16_t>();
      const auto field = in.take(in.number<std::uint16_t>());
      if (tag != 1) continue;
      detail::ByteCursor values(field);
      for (std::uint64_t* value : {&entry.size, &entry.packed, &entry.offset})
        if (*value == see_zip64) *value = values.number<std::uint64_t>();
    }
  }

  [[nodiscard]] const Entry& entry_of(std::string_view name) const {
    const auto found = entries_.find(name);
    require(found != entries_.end(), "zip: there is no entry ", printable(name));
    return found->second;
  }

  [[nodiscard]] ZipBytes unpacked(std::string_view name, const Entry& entry) const {
    const std::string shown = printable(name);
    require((entry.flags & 1) == 0, "zip: entry ", shown, " is encrypted");
    require(entry.method == stored || entry.method == deflated, "zip: entry ", shown,
            " is compressed by method ", entry.method,
            "; it must be stored or compressed with deflate (method 8)");
    const auto data = data_of(shown, entry);
    if (entry.method == stored) {
      require(entry.packed == entry.size, "zip: entry ", shown, " has ", entry.packed,
              " bytes; its declared size is ", entry.size);
      return ZipBytes(data);
    }
    try {
      return ZipBytes(detail::inflated(data, static_cast<std::size_t>(entry.size)));
    } catch (const Error& failure) {
      throw Error(scoresde::text("zip: entry ", shown, ' ', failure.what()));
    }
  }

  /// The bytes of an entry as stored in the archive.
  [[nodiscard]] std::span<const std::byte> data_of(const std::string& shown,
                                                   const Entry& entry) const {
    require(entry.offset < bytes_.size(), "zip: entry ", shown, " is at byte ", entry.offset,
            "; the file has ", bytes_.size());
    detail::ByteCursor in(bytes_, static_cast<std::size_t>(entry.offset));
    require(in.number<std::uint32_t>() == local_mark, "zip: entry ", shown,
            " does not begin at byte ", entry.offset);
    static_cast<void>(in.take(22));
    const std::size_t name_size = in.number<std::uint16_t>();
    const std::size_t extra_size = in.number<std::uint16_t>();
    static_cast<void>(in.take(name_size + extra_size));
    require(entry.packed <= in.left(), "zip: entry ", shown, " has ", entry.packed,
            " bytes; the file has ", in.left(), " from its position on");
    return in.take(static_cast<std::size_t>(entry.packed));
  }

  std::span<const std::byte> bytes_;
  ZipChecksums checksums_;
  std::map<std::string_view, Entry> entries_;
};

}  // namespace scoresde::io
