// SPDX-License-Identifier: MIT
/// LmdbFile: the keys and values of a Lightning Memory-Mapped Database, such as LSUN's, whose
/// values are JPEG or WebP files.
///
///   page 0, page 1: meta (the newer one counts) | branch, leaf and overflow pages: a B+ tree
///   page = u64 number | u16 | u16 flags | u16 lower | u16 upper | u16 node offsets … | … nodes
///   node = u16 low, u16 high | u16 flags | u16 key size | key | value, or number of its page
///
/// The file format of LMDB 0.9 (mdb.c: MDB_page, MDB_node, MDB_meta) on 64-bit little-endian
/// machines; named databases and duplicate keys are not supported. Pages are read by this file, not
/// by liblmdb, which trusts their contents: every offset is checked, so that a damaged database is
/// rejected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/mapped_file.hpp>

namespace scoresde::io {

/// The entries of a database in the order of their keys.
class LmdbView {
 public:
  struct Entry {
    std::string_view key;
    std::span<const std::byte> value;
  };

  /// `bytes`, those of data.mdb, must outlive the view. Throws Error that names the page for any
  /// violation of the format.
  explicit LmdbView(std::span<const std::byte> bytes) : bytes_(bytes) {
    const Meta first = read_meta(0), second = read_meta(first.page_size);
    const Meta& meta = second.transaction > first.transaction ? second : first;
    page_size_ = first.page_size;
    require(second.page_size == page_size_, "lmdb: its meta pages have the page sizes ", page_size_,
            " and ", second.page_size);
    require((meta.flags & duplicate_keys) == 0,
            "lmdb: its keys have several values each, which are not supported");
    visited_.resize(bytes.size() / page_size_);
    if (meta.root != no_page) visit(meta.root, 0);
    require(entries_.size() == meta.entries, "lmdb: it has ", entries_.size(),
            " entries; its meta page lists ", meta.entries);
    visited_ = {};
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const Entry& operator[](std::size_t i) const { return entries_[i]; }

 private:
  struct Meta {
    std::uint32_t page_size = 0;
    std::uint16_t flags = 0;
    std::uint64_t entries = 0, root = 0, transaction = 0;
  };
  static constexpr std::uint32_t magic = 0xBEEFC0DE;
  static constexpr std::size_t page_header = 16;
  static constexpr std::uint64_t no_page = ~std::uint64_t{0};
  static constexpr std::uint16_t is_branch = 1, is_leaf = 2, is_overflow = 4, is_meta = 8;
  static constexpr std::uint16_t duplicate_keys = 4, value_on_page = 1, no_plain_value = 2 | 4;
  static constexpr std::size_t most_depth = 32;

  [[nodiscard]] Meta read_meta(std::size_t at) const {
    try {
      detail::ByteCursor in(bytes_, at);
      static_cast<void>(in.take(10));
      require((in.number<std::uint16_t>() & is_meta) != 0, "it is not a meta page");
      static_cast<void>(in.take(4));
      require(in.number<std::uint32_t>() == magic, "it does not have LMDB's magic number");
      const auto version = in.number<std::uint32_t>();
      require(version == 1, "its version is ", version, "; it must be 1");
      static_cast<void>(in.take(16));  // address, size of the map
      Meta meta;
      meta.page_size = in.number<std::uint32_t>();
      require(meta.page_size >= 512 && meta.page_size <= 65536 &&
                  (meta.page_size & (meta.page_size - 1)) == 0,
              "its page size is ", meta.page_size, "; it must be a power of 2 from 512 to 65536");
      static_cast<void>(in.take(44 + 4));  // the rest of the list of free pages; main: unused
      meta.flags = in.number<std::uint16_t>();
      static_cast<void>(in.take(2 + 3 * 8));  // depth, numbers of pages
      meta.entries = in.number<std::uint64_t>();
      meta.root = in.number<std::uint64_t>();
      static_cast<void>(in.take(8));  // last page
      meta.transaction = in.number<std::uint64_t>();
      return meta;
    } catch (const Error& failure) {
      throw Error(scoresde::text("lmdb: the meta page at byte ", at, ": ", failure.what()));
    }
  }

  /// Appends the entries of a page's subtree.
  void visit(std::uint64_t number, std::size_t depth) {
    require(depth < most_depth, "lmdb: page ", number, " is more than ", most_depth,
            " levels deep");
    require(number < visited_.size(), "lmdb: there is no page ", number, "; the file has ",
            visited_.size());
    require(!visited_[number], "lmdb: page ", number, " is in its tree twice");
    visited_[number] = true;
    try {
      detail::ByteCursor in(page(number), 10);
      const auto flags = in.number<std::uint16_t>();
      const auto lower = in.number<std::uint16_t>();
      require((flags & (is_branch | is_leaf)) != 0, "it is neither a branch nor a leaf");
      require(lower >= page_header && lower <= page_size_, "its nodes end at byte ", lower);
      static_cast<void>(in.take(2));
      for (std::size_t node = 0; node < (lower - page_header) / 2; ++node) {
        const auto at = in.number<std::uint16_t>();
        if ((flags & is_leaf) != 0)
          entries_.push_back(entry_at(page(number), at));
        else
          visit(child_at(page(number), at), depth + 1);
      }
    } catch (const Error& failure) {
      const std::string_view message = failure.what();
      if (message.starts_with("lmdb: ")) throw;
      throw Error(scoresde::text("lmdb: page ", number, ": ", message));
    }
  }

  [[nodiscard]] std::span<const std::byte> page(std::uint64_t number) const {
    return bytes_.subspan(static_cast<std::size_t>(number) * page_size_, page_size_);
  }
  [[nodiscard]] static std::uint64_t child_at(std::span<const std::byte> page, std::size_t at) {
    detail::ByteCursor in(page, at);
    const std::uint64_t low = in.number<std::uint16_t>(), middle = in.number<std::uint16_t>(),
                        high = in.number<std::uint16_t>();
    return low | middle << 16 | high << 32;
  }
  [[nodiscard]] Entry entry_at(std::span<const std::byte> page, std::size_t at) const {
    detail::ByteCursor in(page, at);
    const std::uint32_t low = in.number<std::uint16_t>(), high = in.number<std::uint16_t>();
    const auto flags = in.number<std::uint16_t>();
    const std::size_t size = low | high << 16, key_size = in.number<std::uint16_t>();
    require((flags & no_plain_value) == 0, "it holds a named database, which is not supported");
    const std::string_view key = characters(in.take(key_size));
    if ((flags & value_on_page) == 0) return {key, in.take(size)};
    const auto number = in.number<std::uint64_t>();
    require(number < visited_.size(), "the value of a key is at page ", number, "; the file has ",
            visited_.size());
    detail::ByteCursor value(bytes_, static_cast<std::size_t>(number) * page_size_ + 10);
    require((value.number<std::uint16_t>() & is_overflow) != 0, "the value of a key is at page ",
            number, ", which does not hold a value");
    static_cast<void>(value.take(4));
    return {key, value.take(size)};
  }

  std::span<const std::byte> bytes_;
  std::size_t page_size_ = 0;
  std::vector<bool> visited_;
  std::vector<Entry> entries_;
};

/// A database whose file is mapped.
class LmdbFile {
 public:
  /// The folder with data.mdb, or that file. Throws Error, which names it, when it cannot be read
  /// and as LmdbView does.
  explicit LmdbFile(const std::filesystem::path& path)
      : file_(data_file(path)), view_(open(path)) {}
  LmdbFile(const LmdbFile&) = delete;
  LmdbFile& operator=(const LmdbFile&) = delete;

  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] const LmdbView::Entry& operator[](std::size_t i) const { return view_[i]; }

 private:
  [[nodiscard]] static std::filesystem::path data_file(const std::filesystem::path& path) {
    return std::filesystem::is_directory(path) ? path / "data.mdb" : path;
  }
  [[nodiscard]] LmdbView open(const std::filesystem::path& path) const {
    try {
      return LmdbView(file_.bytes());
    } catch (const Error& failure) {
      throw Error(scoresde::text(path.string(), ": ", failure.what()));
    }
  }

  MappedFile file_;
  LmdbView view_;
};

}  // namespace scoresde::io
