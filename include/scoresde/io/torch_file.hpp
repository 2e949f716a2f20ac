// SPDX-License-Identifier: MIT
/// TorchFile: the contents of a file of torch.save, zip or legacy, read without executing anything.
///
///   zip:     <root>/data.pkl, <root>/data/<key> for each storage, [<root>/byteorder]
///   legacy:  pickles of a magic number, 1001, the system, the object and the storages' keys, then
///            for each key 8 bytes of length and its elements
///
/// A tensor is (storage, offset, shape, strides). The file is mapped, values are views, and a
/// tensor is copied on request; it is never larger than its storage. Zip entries may be compressed
/// with deflate, as by programs that repack the file. Objects not used by tensors are opaque leaves
/// (PickleKind::foreign) and do not make the rest unreadable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/file_kind.hpp>
#include <scoresde/io/detail/torch_storage.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/pickle.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/zip_archive.hpp>

namespace scoresde::io {
namespace detail {

/// The magic number at the beginning of legacy files: a 10-byte integer and the end of a pickle.
inline constexpr std::string_view legacy_magic{"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                               13};
inline constexpr std::string_view zip_magic{"PK\x03\x04", 4};

/// Length of the pickle of the magic number at the beginning of `text`, for protocols 2 to 5 (in a
/// frame from 4 on); 0 where there is none.
[[nodiscard]] inline std::size_t legacy_magic_size(std::string_view text) {
  if (text.size() < 3 || text[0] != '\x80' || text[1] < 2 || text[1] > 5) return 0;
  const std::size_t begin = text[2] == '\x95' ? 11 : 2;
  return text.substr(std::min(begin, text.size())).starts_with(legacy_magic)
             ? begin + legacy_magic.size()
             : 0;
}

/// ('storage', class, key, device, elements[, view]): the type and size of a storage.
struct StorageEntry {
  TorchType type;
  std::string_view key;
  std::size_t elements = 0;
};

[[nodiscard]] inline bool is_storage(const PickleValue& value) {
  return value.is(PickleKind::persistent) && value.size() >= 5 && value[0].is(PickleKind::text) &&
         value[0].text() == "storage";
}

[[nodiscard]] inline StorageEntry storage_entry(const PickleValue& value) {
  require(is_storage(value), "a tensor's storage is ", value.description());
  const bool known = value[1].is(PickleKind::global);
  const StorageEntry entry{known ? torch_type(storage_types, value[1].name()) : TorchType{},
                           value[2].text(), value[4].count()};
  if (entry.type.size == 0)
    throw Error(text("storage ", printable(entry.key), " is of ", value[1].description(),
                     "; it must be of a class of numbers"));
  return entry;
}

/// The extents in a tuple or list.
[[nodiscard]] inline std::vector<std::size_t> extents_of(const PickleValue& value,
                                                         const char* what) {
  require(value.is(PickleKind::tuple) || value.is(PickleKind::list), what, " is ",
          name_of(value.kind()), "; it must be a tuple");
  require(value.size() <= 64, what, " has ", value.size(), " entries; it must have at most 64");
  std::vector<std::size_t> extents(value.size());
  for (std::size_t d = 0; d < extents.size(); ++d) extents[d] = value[d].count();
  return extents;
}

}  // namespace detail

/// The two formats of torch.save.
enum class TorchFormat : std::uint8_t { zip, legacy };

class TorchFile {
 public:
  /// Maps and reads a file. Throws Error naming it and the problem.
  [[nodiscard]] static TorchFile open(const std::filesystem::path& path) {
    auto file = std::make_unique<MappedFile>(path);
    try {
      TorchFile read(file->bytes());
      read.file_ = std::move(file);
      return read;
    } catch (const Error& failure) {
      throw Error(scoresde::text("torch file ", path.string(), ": ", failure.what()));
    }
  }

  /// The file in `bytes`, which must outlive it. Throws Error.
  explicit TorchFile(std::span<const std::byte> bytes,
                     ZipChecksums checksums = ZipChecksums::compared)
      : size_(bytes.size()) {
    const std::string_view text = characters(bytes);
    if (const std::size_t magic = detail::legacy_magic_size(text); magic != 0)
      read_legacy(bytes, magic);
    else if (text.starts_with(detail::zip_magic))
      read_zip(bytes, checksums);
    else
      throw Error("it is neither a zip archive nor a legacy file of torch.save" +
                  detail::beginning_text(bytes));
  }

  /// Whether `bytes` are the beginning of a torch file.
  [[nodiscard]] static bool recognizes(std::span<const std::byte> bytes) {
    const std::string_view text = characters(bytes);
    return detail::legacy_magic_size(text) != 0 || text.starts_with(detail::zip_magic);
  }

  /// Size of the file in bytes, with compressed entries counted as inflated: at most 1032-fold.
  [[nodiscard]] std::size_t size() const { return archive_ ? archive_->unpacked_size() : size_; }
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
    return {std::string(view.type.dtype), view.shape, {}};
  }

  /// A tensor in C order; for a type that is not a stored type (C64, F8_E4M3), converting its
  /// elements throws Error naming the type. The bytes of a storage are checked, and inflated, once.
  /// Throws Error when `value` is not a tensor, and when it reaches outside its storage, repeats
  /// elements, or its storage is missing, damaged, of another length or a view of another.
  [[nodiscard]] TensorFile::Tensor tensor(const PickleValue& value) const {
    const View view = view_of(value);
    const std::size_t element = view.type.size;
    const std::span<const std::byte> storage = bytes_of(view.storage);
    TensorFile::Tensor tensor{std::string(view.type.dtype), view.shape, {}};
    tensor.bytes.resize(view.count * element);
    if (view.count != 0)
      detail::copy_strided(storage.data() + view.offset * element, element, view.shape,
                           view.strides, tensor.bytes.data(), view.count);
    return tensor;
  }

 private:
  struct View {
    detail::StorageEntry storage;
    detail::TorchType type;  ///< of the elements; differs from an untyped storage's
    std::size_t offset = 0, count = 0;
    std::vector<std::size_t> shape, strides;
  };
  /// Storages that have been read, by key. The address of a storage's bytes is stable.
  struct Storages {
    std::mutex mutex;
    std::map<std::string_view, ZipBytes> read;
  };

  /// The tensor described by a call of one of torch's rebuilding functions.
  [[nodiscard]] static View view_of(PickleValue value) {
    const auto rebuilt_by = [&](std::string_view function) {
      constexpr std::string_view module = "torch._utils._rebuild_";
      return value.is(PickleKind::call) && value.name().starts_with(module) &&
             value.name().substr(module.size()).starts_with(function);
    };
    if (!value.is(PickleKind::call))
      throw Error(scoresde::text("a value is ", value.description(), "; it must be a tensor"));
    if (rebuilt_by("parameter")) value = value[0];
    require(rebuilt_by("tensor"), "an object is not a tensor");
    View view{detail::storage_entry(value[0]),
              {},
              value[1].count(),
              1,
              detail::extents_of(value[2], "a tensor's shape"),
              detail::extents_of(value[3], "a tensor's stride")};
    require(value[0].size() == 5 || value[0][5].is(PickleKind::none), "storage ",
            printable(view.storage.key),
            " is a view of another storage; such tensors are not supported");
    const bool typed = view.storage.type.dtype != detail::untyped;
    require(typed != rebuilt_by("tensor_v3"), "a tensor in a storage of class ", value[0][1].name(),
            " is not rebuilt by ", value.name());
    view.type = typed ? view.storage.type : untyped_type(value[6]);
    require(view.shape.size() == view.strides.size(), "a tensor has ", view.shape.size(),
            " extents and ", view.strides.size(), " strides");
    view.count = detail::byte_count(view.shape, 1);
    if (view.count != 0) check_reach(view);
    return view;
  }

  [[nodiscard]] static detail::TorchType untyped_type(const PickleValue& value) {
    const std::string name = value.foreign_name();
    const detail::TorchType type = detail::torch_type(detail::untyped_types, name);
    require(type.size != 0, "a tensor is of type ", name, ", which is not supported");
    return type;
  }

  static void check_reach(const View& view) {
    const std::size_t elements = view.storage.elements / (view.type.size / view.storage.type.size);
    require(view.count <= elements, "a tensor has ", view.count, " elements; its storage has ",
            elements);
    require(view.offset < elements, "a tensor begins at element ", view.offset,
            "; its storage has ", elements);
    std::size_t left = elements - 1 - view.offset;
    for (std::size_t d = 0; d < view.shape.size(); ++d) {
      const std::size_t steps = view.shape[d] - 1;
      require(steps == 0 || view.strides[d] <= left / steps, "a tensor exceeds its storage of ",
              elements, " elements");
      left -= steps * view.strides[d];
    }
  }

  [[nodiscard]] std::span<const std::byte> bytes_of(const detail::StorageEntry& entry) const {
    const std::size_t element = entry.type.size;
    const std::span<const std::byte> bytes = storage_bytes(entry.key);
    require(bytes.size() / element == entry.elements && bytes.size() % element == 0, "storage ",
            printable(entry.key), " has ", bytes.size(), " bytes; its ", entry.elements,
            " elements of type ", entry.type.dtype, " have a different size");
    return bytes;
  }
  [[nodiscard]] std::span<const std::byte> storage_bytes(std::string_view key) const {
    const std::lock_guard lock(storages_->mutex);
    auto found = storages_->read.find(key);
    if (found == storages_->read.end()) {
      require(archive_.has_value(), "storage ", printable(key), " is missing");
      ZipBytes read = archive_->read(prefix_ + "data/" + std::string(key));
      found = storages_->read.emplace(key, std::move(read)).first;
    }
    return found->second.bytes();
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
    require(found == 1, "it has ", found, " entries data.pkl; torch.save writes one");
    if (archive_->contains(prefix_ + "byteorder")) {
      const ZipBytes read = archive_->read(prefix_ + "byteorder");
      const auto order = characters(read.bytes());
      require(order == "little", "its numbers are ", printable(order),
              "-endian; only little-endian files are supported");
    }
    read_pickle_entry(prefix_ + std::string(pickle));
  }

  /// The tree takes a multiple of the pickle's size, so the size of a compressed one is limited;
  /// names and shapes typically shrink to a tenth.
  void read_pickle_entry(const std::string& name) {
    constexpr std::size_t most = 64;
    const std::size_t size = archive_->size_of(name), packed = archive_->packed_size_of(name);
    require(size / most <= packed, "its pickle of ", packed, " bytes inflates to ", size,
            "; at most ", most, " times the compressed size is supported");
    pickle_.emplace(archive_->read(name));
    tree_ = read_pickle(pickle_->bytes());
  }

  void read_legacy(std::span<const std::byte> bytes, std::size_t magic) {
    std::size_t at = magic;
    const auto next = [&] {
      PickleTree tree = read_pickle(bytes.subspan(at));
      at += tree.bytes;
      return tree;
    };
    const PickleTree protocol = next();
    const PickleValue version(protocol, protocol.root);
    require(version.integer() == 1001, "its version is ", version.integer(),
            "; torch.save writes 1001");
    const PickleTree system = next();
    const auto little = PickleValue(system, system.root).find("little_endian");
    require(
        little && little->is(PickleKind::boolean) && little->truth(),
        "its system record does not declare little-endian numbers; only such files are supported");
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
      require(size != sizes.end(), "storage ", printable(key), " is not used by any tensor");
      const auto elements = in.number<std::uint64_t>();
      require(elements <= in.left() / size->second, "storage ", printable(key), " has ", elements,
              " elements; the file has ", in.left(), " bytes left");
      const auto stored = in.take(static_cast<std::size_t>(elements) * size->second);
      // The key of element_sizes is stable; a view of this temporary pickle's text is not.
      storages_->read.emplace(size->first, ZipBytes(stored));
    }
  }

  /// Bytes per element of each storage that the object refers to; where one is unknown, the
  /// storages after it cannot be located.
  [[nodiscard]] std::map<std::string_view, std::size_t> element_sizes() const {
    std::map<std::string_view, std::size_t> sizes;
    for (std::uint32_t i = 0; i < tree_.nodes.size(); ++i) {
      const PickleValue value(tree_, i);
      if (!detail::is_storage(value)) continue;
      const detail::StorageEntry entry = detail::storage_entry(value);
      const bool same = sizes.emplace(entry.key, entry.type.size).first->second == entry.type.size;
      require(same, "storage ", printable(entry.key), " is used with two types");
    }
    return sizes;
  }

  std::unique_ptr<MappedFile> file_;
  std::size_t size_ = 0;
  PickleTree tree_;
  std::optional<ZipArchive> archive_;
  std::string prefix_;
  std::optional<ZipBytes> pickle_;  ///< the tree's strings are views into it
  std::unique_ptr<Storages> storages_ = std::make_unique<Storages>();
};

}  // namespace scoresde::io
