// SPDX-License-Identifier: MIT
/// TorchFile: what torch.save wrote, zip or legacy, read without executing anything.
///
///   zip:     <root>/data.pkl, <root>/data/<key> for each storage, [<root>/byteorder]
///   legacy:  pickles of a magic number, 1001, the system, the object and the storages' keys, then
///            for each key 8 bytes of length and its elements
///
/// A tensor is (storage, offset, shape, strides). The file is mapped, values are views, and a
/// tensor is copied when it is asked for: it is never larger than its storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/byte_cursor.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/pickle.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/torch_storage.hpp>
#include <scoresde/io/zip_archive.hpp>

namespace scoresde::io {
namespace detail {

/// The pickle of the magic number with which legacy files begin.
inline constexpr std::string_view legacy_magic{
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15};
inline constexpr std::string_view zip_magic{"PK\x03\x04", 4};

/// The stored type of torch's storage class; empty for none.
[[nodiscard]] constexpr std::string_view stored_type_of_storage(std::string_view name) {
  for (const auto& [storage, dtype] : storage_types)
    if (storage == name) return dtype;
  return {};
}

/// ('storage', class, key, place, elements[, view]): of what type and how long a storage is.
struct StorageEntry {
  std::string_view dtype, key;
  std::size_t elements = 0;
};

[[nodiscard]] inline StorageEntry storage_entry(const PickleValue& value) {
  require(value.is(PickleKind::persistent), "a tensor's storage is ", name_of(value.kind()));
  require(value.size() >= 5 && value[0].text() == "storage",
          "an object outside the pickle is no storage");
  require(value.size() == 5 || value[5].is(PickleKind::none),
          "a storage is a view of another; such files are not read");
  const StorageEntry entry{stored_type_of_storage(value[1].name()), value[2].text(),
                           value[4].count()};
  require(!entry.dtype.empty(), "a storage is of class ", value[1].name(),
          "; it must be of a class of numbers");
  return entry;
}

/// Copies a strided tensor into C order. Every index has been checked.
inline void copy_strided(const std::byte* source, std::size_t element,
                         const std::vector<std::size_t>& shape,
                         const std::vector<std::size_t>& strides, std::byte* target,
                         std::size_t count) {
  std::vector<std::size_t> index(shape.size());
  for (std::size_t n = 0, at = 0; n < count; ++n) {
    std::memcpy(target + n * element, source + at * element, element);
    for (std::size_t d = shape.size(); d-- > 0;) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

/// The extents in a tuple or list.
[[nodiscard]] inline std::vector<std::size_t> extents_of(const PickleValue& value,
                                                         const char* what) {
  require(value.is(PickleKind::tuple) || value.is(PickleKind::list), what, " is ",
          name_of(value.kind()), "; it must be a tuple");
  require(value.size() <= 64, what, " has ", value.size(), " entries; at most 64 are read");
  std::vector<std::size_t> extents(value.size());
  for (std::size_t d = 0; d < extents.size(); ++d) extents[d] = value[d].count();
  return extents;
}

}  // namespace detail

/// Which of torch.save's two formats a file has.
enum class TorchFormat : std::uint8_t { zip, legacy };

class TorchFile {
 public:
  /// Maps and reads a file. Throws Error naming it and what is wrong.
  [[nodiscard]] static TorchFile open(const std::filesystem::path& path) {
    auto file = std::make_unique<MappedFile>(path);
    try {
      TorchFile read(file->bytes());
      read.file_ = std::move(file);
      return read;
    } catch (const Error& failure) {
      throw Error(detail::text("torch file ", path.string(), ": ", failure.what()));
    }
  }

  /// The file in `bytes`, which outlive it. Throws Error.
  explicit TorchFile(std::span<const std::byte> bytes,
                     ZipChecksums checksums = ZipChecksums::compared)
      : size_(bytes.size()) {
    const std::string_view text = detail::characters(bytes);
    if (text.starts_with(detail::legacy_magic))
      read_legacy(bytes);
    else if (text.starts_with(detail::zip_magic))
      read_zip(bytes, checksums);
    else
      throw Error("it is neither a zip archive nor a legacy file of torch.save");
  }

  /// Whether `bytes`, the beginning of a file, are those of such a file.
  [[nodiscard]] static bool recognises(std::span<const std::byte> bytes) {
    const std::string_view text = detail::characters(bytes);
    return text.starts_with(detail::legacy_magic) || text.starts_with(detail::zip_magic);
  }

  /// Bytes of the file.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] TorchFormat format() const {
    return archive_ ? TorchFormat::zip : TorchFormat::legacy;
  }

  /// The outermost object; valid while this file lives and is not moved.
  [[nodiscard]] PickleValue root() const { return {tree_, tree_.root}; }

  [[nodiscard]] static bool is_tensor(const PickleValue& value) {
    return value.is(PickleKind::call);
  }
  /// Type and shape of a tensor, without its bytes. Throws Error as tensor() does.
  [[nodiscard]] TensorFile::Tensor description(const PickleValue& value) const {
    const View view = view_of(value);
    return {std::string(view.storage.dtype), view.shape, {}};
  }

  /// A tensor in C order. Throws Error when `value` is none, and when it reaches outside its
  /// storage, repeats elements, or its storage is missing or of another length.
  [[nodiscard]] TensorFile::Tensor tensor(const PickleValue& value) const {
    const View view = view_of(value);
    const std::size_t element = detail::stored_size(view.storage.dtype);
    const std::span<const std::byte> storage = bytes_of(view.storage);
    TensorFile::Tensor tensor{std::string(view.storage.dtype), view.shape, {}};
    tensor.bytes.resize(view.count * element);
    if (view.count != 0)
      detail::copy_strided(storage.data() + view.offset * element, element, view.shape,
                           view.strides, tensor.bytes.data(), view.count);
    return tensor;
  }

 private:
  struct View {
    detail::StorageEntry storage;
    std::size_t offset = 0, count = 0;
    std::vector<std::size_t> shape, strides;
  };

  /// What a call of one of torch's rebuilding functions describes.
  [[nodiscard]] static View view_of(PickleValue value) {
    detail::require(value.is(PickleKind::call), "a value is ", name_of(value.kind()),
                    "; it must be a tensor");
    if (value.name() == "torch._utils._rebuild_parameter") value = value[0];
    detail::require(
        value.is(PickleKind::call) && value.name().starts_with("torch._utils._rebuild_tensor"),
        "an object is no tensor");
    View view{detail::storage_entry(value[0]), value[1].count(), 1,
              detail::extents_of(value[2], "a tensor's shape"),
              detail::extents_of(value[3], "a tensor's stride")};
    detail::require(view.shape.size() == view.strides.size(), "a tensor has ", view.shape.size(),
                    " extents and ", view.strides.size(), " strides");
    view.count = detail::byte_count(view.shape, 1);
    if (view.count != 0) check_reach(view);
    return view;
  }

  static void check_reach(const View& view) {
    const std::size_t elements = view.storage.elements;
    detail::require(view.count <= elements, "a tensor has ", view.count,
                    " elements; its storage has ", elements);
    detail::require(view.offset < elements, "a tensor begins at element ", view.offset,
                    "; its storage has ", elements);
    std::size_t left = elements - 1 - view.offset;
    for (std::size_t d = 0; d < view.shape.size(); ++d) {
      const std::size_t steps = view.shape[d] - 1;
      detail::require(steps == 0 || view.strides[d] <= left / steps,
                      "a tensor reaches outside its storage of ", elements, " elements");
      left -= steps * view.strides[d];
    }
  }

  [[nodiscard]] std::span<const std::byte> bytes_of(const detail::StorageEntry& entry) const {
    const std::size_t element = detail::stored_size(entry.dtype);
    std::span<const std::byte> bytes;
    if (archive_) {
      bytes = archive_->bytes_of(prefix_ + "data/" + std::string(entry.key));
    } else {
      const auto found = storages_.find(entry.key);
      detail::require(found != storages_.end(), "storage ", detail::printable(entry.key),
                      " is missing");
      bytes = found->second;
    }
    detail::require(bytes.size() / element == entry.elements && bytes.size() % element == 0,
                    "storage ", detail::printable(entry.key), " has ", bytes.size(), " bytes; its ",
                    entry.elements, " elements of type ", entry.dtype, " need another number");
    return bytes;
  }

  void read_zip(std::span<const std::byte> bytes, ZipChecksums checksums) {
    archive_.emplace(bytes, checksums);
    constexpr std::string_view pickle = "data.pkl";
    std::size_t found = 0;
    archive_->for_each_name([&](std::string_view name) {
      if (!name.ends_with("/data.pkl")) return;
      prefix_ = name.substr(0, name.size() - pickle.size());
      ++found;
    });
    detail::require(found == 1, "it has ", found, " entries data.pkl; torch.save writes one");
    if (archive_->contains(prefix_ + "byteorder")) {
      const auto order = detail::characters(archive_->bytes_of(prefix_ + "byteorder"));
      detail::require(order == "little", "its numbers are ", detail::printable(order),
                      "-endian; only little-endian files are read");
    }
    tree_ = read_pickle(archive_->bytes_of(prefix_ + std::string(pickle)));
  }

  void read_legacy(std::span<const std::byte> bytes) {
    std::size_t at = detail::legacy_magic.size();
    const auto next = [&] {
      PickleTree tree = read_pickle(bytes.subspan(at));
      at += tree.bytes;
      return tree;
    };
    const PickleTree protocol = next();
    const PickleValue version(protocol, protocol.root);
    detail::require(version.integer() == 1001, "its version is ", version.integer(),
                    "; torch.save writes 1001");
    const PickleTree system = next();
    const auto little = PickleValue(system, system.root).find("little_endian");
    detail::require(little && little->is(PickleKind::boolean) && little->truth(),
                    "it does not say that its numbers are little-endian; only such files are read");
    tree_ = next();
    const PickleTree keys = next();
    read_legacy_storages(bytes, at, PickleValue(keys, keys.root));
  }

  void read_legacy_storages(std::span<const std::byte> bytes, std::size_t at,
                            const PickleValue& keys) {
    const auto sizes = element_sizes();
    detail::ByteCursor in(bytes, at);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::string_view key = keys[i].text();
      const auto size = sizes.find(key);
      detail::require(size != sizes.end(), "storage ", detail::printable(key),
                      " belongs to no tensor");
      const auto elements = in.number<std::uint64_t>();
      detail::require(elements <= in.left() / size->second, "storage ", detail::printable(key),
                      " has ", elements, " elements; the file has ", in.left(), " bytes left");
      const auto stored = in.take(static_cast<std::size_t>(elements) * size->second);
      // A view of this pickle's text would die with it.
      storages_.emplace(size->first, stored);
    }
  }

  /// Bytes of an element of each storage that the object names.
  [[nodiscard]] std::map<std::string_view, std::size_t> element_sizes() const {
    std::map<std::string_view, std::size_t> sizes;
    for (std::uint32_t i = 0; i < tree_.nodes.size(); ++i) {
      const PickleValue value(tree_, i);
      if (!value.is(PickleKind::persistent)) continue;
      const detail::StorageEntry entry = detail::storage_entry(value);
      const std::size_t size = detail::stored_size(entry.dtype);
      const bool same = sizes.emplace(entry.key, size).first->second == size;
      detail::require(same, "storage ", detail::printable(entry.key), " is of two types");
    }
    return sizes;
  }

  std::unique_ptr<MappedFile> file_;
  std::size_t size_ = 0;
  PickleTree tree_;
  std::optional<ZipArchive> archive_;
  std::string prefix_;
  std::map<std::string_view, std::span<const std::byte>> storages_;
};

}  // namespace scoresde::io
