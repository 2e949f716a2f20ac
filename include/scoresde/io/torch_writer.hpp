// SPDX-License-Identifier: MIT
/// TorchWriter: nested dictionaries, lists and tensors as a zip file that torch.load reads, also
/// with weights_only.
///
/// Protocol 2, no memo: `}(` key value … `u` is a dictionary, `](` … `e` a list, and a tensor is
/// the call _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/torch_storage.hpp>
#include <scoresde/io/detail/zip_writer.hpp>
#include <scoresde/io/tensor_file.hpp>

namespace scoresde::io {

/// Values are written in call order; a key is a string or integer before its value.
class TorchWriter {
 public:
  void open_dict() { pickle_ += "}("; }
  void open_ordered_dict() { pickle_ += "ccollections\nOrderedDict\n)R("; }
  void close_dict() { pickle_ += 'u'; }
  void open_list() { pickle_ += "]("; }
  void close_list() { pickle_ += 'e'; }
  void open_tuple() { pickle_ += '('; }
  void close_tuple() { pickle_ += 't'; }

  void text(std::string_view value) {
    pickle_ += 'X';
    number(static_cast<std::uint32_t>(value.size()));
    pickle_ += value;
  }
  void integer(std::int64_t value) {
    pickle_ += "\x8a\x08";
    number(static_cast<std::uint64_t>(value));
  }
  void truth(bool value) { pickle_ += value ? '\x88' : '\x89'; }
  void real(double value) {
    pickle_ += 'G';
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) pickle_ += static_cast<char>(bits >> shift & 255);
  }

  /// A tensor in C order. The bytes are read when the file is written and must live until then.
  /// Throws Error when their number does not match the shape, and for types that torch does not
  /// have.
  void tensor(std::string_view dtype, const std::vector<std::size_t>& shape,
              std::span<const std::byte> bytes) {
    const std::size_t element = stored_size(dtype);
    const std::string_view storage = storage_class(dtype);
    require(detail::byte_count(shape, element) == bytes.size(), "a tensor has ", bytes.size(),
            " bytes; its shape and type require ", detail::byte_count(shape, element));
    pickle_ += "ctorch._utils\n_rebuild_tensor_v2\n((";
    text("storage");
    pickle_.append("ctorch\n").append(storage) += '\n';
    text(std::to_string(storages_.size()));
    text("cpu");
    integer(static_cast<std::int64_t>(bytes.size() / element));
    pickle_ += "tQ";
    integer(0);
    extents(shape);
    extents(strides_of(shape));
    truth(false);
    pickle_ += "ccollections\nOrderedDict\n)RtR";
    storages_.push_back(bytes);
  }
  template <class T>
  void tensor(const std::vector<std::size_t>& shape, std::span<const T> elements) {
    tensor(stored_type_of<T>(), shape, std::as_bytes(elements));
  }

  /// Writes the file as write_file_atomically does. Throws Error as that does, and above 4 GiB.
  void write(const std::filesystem::path& path) const {
    detail::TemporaryFile target(path);
    detail::ZipWriter zip(target);
    const std::string pickle = "\x80\x02" + pickle_ + '.';
    const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
    zip.add("archive/data.pkl", bytes(pickle));
    zip.add("archive/byteorder", bytes("little"));
    for (std::size_t i = 0; i < storages_.size(); ++i)
      zip.add("archive/data/" + std::to_string(i), storages_[i]);
    zip.add("archive/version", bytes("3\n"));
    zip.finish();
    target.rename_to_target();
  }

 private:
  template <class Number>
  void number(Number value) {
    for (std::size_t i = 0; i < sizeof(Number); ++i)
      pickle_ += static_cast<char>(value >> (8 * i) & 255);
  }
  void extents(const std::vector<std::size_t>& values) {
    open_tuple();
    for (const std::size_t value : values) integer(static_cast<std::int64_t>(value));
    close_tuple();
  }
  [[nodiscard]] static std::vector<std::size_t> strides_of(const std::vector<std::size_t>& shape) {
    std::vector<std::size_t> strides(shape.size(), 1);
    for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
    return strides;
  }
  [[nodiscard]] static std::string_view storage_class(std::string_view dtype) {
    for (const detail::TorchType& type : detail::storage_types)
      if (type.dtype == dtype) return type.name.substr(type.name.find('.') + 1);
    throw Error(scoresde::text("a tensor is of type ", dtype, ", which torch does not have"));
  }

  std::string pickle_;
  std::vector<std::span<const std::byte>> storages_;
};

}  // namespace scoresde::io
