// SPDX-License-Identifier: MIT
/// safetensors files, read strictly and written atomically.
///
///   8 bytes header length n (little-endian) | n bytes of JSON | data
///   JSON: {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets": [begin, end)}}
///
/// The published format (github.com/huggingface/safetensors): the tensors cover the data without
/// gaps or overlaps. Everything is checked against the file's size before it is used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/file_kind.hpp>
#include <scoresde/io/json.hpp>
#include <scoresde/io/tensor_file.hpp>

namespace scoresde::io {

namespace detail {

inline constexpr std::string_view not_safetensors = "is not a safetensors file";

/// The range of one tensor in the data section.
struct TensorSpan {
  std::size_t begin = 0, end = 0;
  const std::string* name = nullptr;
};

[[nodiscard]] inline nlohmann::json parse_header(std::string_view header) {
  try {
    return parse_json(header, 3);  // a tensor's shape and offsets are the deepest
  } catch (const Error& failure) {
    throw Error(text("its header ", failure.what()));
  }
}

/// An unsigned integer of the header.
inline std::size_t header_integer(const nlohmann::json& value, const char* what) {
  require(value.is_number_unsigned(), what, " has an entry ", value.dump(),
          "; it must be an integer of at least 0");
  return value.get<std::size_t>();
}

inline const nlohmann::json& header_field(const nlohmann::json& entry, const char* field) {
  require(entry.is_object() && entry.contains(field), "has no ", field);
  return entry[field];
}

/// One tensor's entry, checked against the size of the data, without bytes. Other types than the
/// stored ones are accepted; Tensor::as throws Error naming them.
inline std::pair<TensorFile::Tensor, TensorSpan> read_entry(const nlohmann::json& entry,
                                                            std::size_t data_size) {
  TensorFile::Tensor tensor;
  const auto& dtype = header_field(entry, "dtype");
  require(dtype.is_string(), "dtype is ", dtype.dump(), "; it must be a string");
  tensor.dtype = dtype.get<std::string>();
  const auto& shape = header_field(entry, "shape");
  require(shape.is_array(), "shape is ", shape.dump(), "; it must be a list");
  for (const auto& extent : shape) tensor.shape.push_back(header_integer(extent, "shape"));
  const auto& offsets = header_field(entry, "data_offsets");
  require(offsets.is_array() && offsets.size() == 2, "data_offsets is ", offsets.dump(),
          "; it must be [begin, end]");
  const TensorSpan span{header_integer(offsets[0], "data_offsets"),
                        header_integer(offsets[1], "data_offsets"), nullptr};
  require(span.begin <= span.end && span.end <= data_size, "data_offsets are [", span.begin, ", ",
          span.end, "]; they must be ordered and within the file's ", data_size, " bytes of data");
  if (const std::size_t element = stored_size(tensor.dtype); element != 0) {
    const std::size_t bytes = byte_count(tensor.shape, element);
    require(bytes == span.end - span.begin, "data_offsets hold ", span.end - span.begin,
            " bytes; shape and dtype require ", bytes);
  }
  return {std::move(tensor), span};
}

inline void require_cover(std::vector<TensorSpan> spans, std::size_t data_size) {
  std::sort(spans.begin(), spans.end(), [](const TensorSpan& a, const TensorSpan& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::size_t covered = 0;
  for (const TensorSpan& span : spans) {
    require(span.begin == covered, "tensor ", *span.name, " begins at byte ", span.begin,
            span.begin < covered ? ", inside another tensor" : ", after a gap",
            "; it must begin at byte ", covered);
    covered = span.end;
  }
  require(covered == data_size, "its data has ", data_size, " bytes; its tensors cover ", covered);
}

inline void read_metadata(const nlohmann::json& entry, TensorFile& file) {
  if (entry.is_null()) return;  // as the reference implementation reads it
  require(entry.is_object(), "__metadata__ is ", entry.type_name(), "; it must be an object");
  for (const auto& [key, value] : entry.items()) {
    require(value.is_string(), "__metadata__ ", key, " is ", value.type_name(),
            "; it must be a string");
    file.metadata[key] = value.get<std::string>();
  }
}

/// The header: 8 bytes of length, then JSON that begins with '{'. Otherwise throws Error that names
/// the likely format of the file.
[[nodiscard]] inline std::string_view header_text(std::span<const std::byte> bytes) {
  std::uint64_t size = 0;
  constexpr std::size_t prefix = sizeof(size);
  if (bytes.size() >= prefix) std::memcpy(&size, bytes.data(), prefix);
  const std::string_view rest = characters(bytes).substr(std::min(prefix, bytes.size()));
  if (size <= rest.size() && rest.starts_with('{')) return rest.substr(0, size);
  const std::string kind = beginning_text(bytes);
  require(kind.empty(), not_safetensors, kind);
  require(bytes.size() >= prefix, not_safetensors, ": it has ", bytes.size(),
          " bytes; it must have at least ", prefix);
  require(!rest.starts_with('{'), "its header length is ", size, " bytes; the file has ",
          rest.size(), " after the length");
  throw Error(text(not_safetensors, ": no '{' follows the 8 bytes of its header's length"));
}

/// Adds the tensors of a header, without their bytes, and the metadata to the file, and returns the
/// range of each tensor in `data_size` bytes of data.
inline std::vector<TensorSpan> read_entries(std::string_view header_bytes, std::size_t data_size,
                                            TensorFile& file) {
  const nlohmann::json header = parse_header(header_bytes);
  std::vector<TensorSpan> spans;
  std::size_t held = 0;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      read_metadata(entry, file);
      continue;
    }
    try {
      auto [tensor, span] = read_entry(entry, data_size);
      // Overlapping tensors could expand to many times the data; valid files have none.
      held += span.end - span.begin;
      require(held <= data_size, "overlaps another tensor: together they hold more than the ",
              data_size, " bytes of data");
      const auto kept = file.tensors.emplace(name, std::move(tensor)).first;
      spans.push_back({span.begin, span.end, &kept->first});
    } catch (const Error& failure) {
      throw Error(text("tensor ", name, ": ", failure.what()));
    }
  }
  require_cover(spans, data_size);
  return spans;
}

/// All checked reads; their messages do not contain the file's name yet.
inline TensorFile parse_safetensors(const std::vector<std::byte>& bytes) {
  const std::string_view header = header_text(bytes);
  const std::byte* data = bytes.data() + 8 + header.size();
  TensorFile file;
  for (const TensorSpan& span : read_entries(header, bytes.size() - 8 - header.size(), file))
    file.tensors[*span.name].bytes.assign(data + span.begin, data + span.end);
  return file;
}

/// Returns read(), or throws its Error with the name of the file.
template <class Read>
auto with_file_name(const std::filesystem::path& path, Read read) {
  try {
    return read();
  } catch (const Error& failure) {
    const std::string_view fault = failure.what();
    const bool foreign = fault.starts_with(not_safetensors);
    throw Error(foreign ? text("file ", path.string(), ' ', fault)
                        : text("safetensors file ", path.string(), ": ", fault));
  }
}

inline std::string header_of(
    const TensorFile& file,
    const std::vector<const std::pair<const std::string, TensorFile::Tensor>*>& order) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::size_t offset = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    require(name != "__metadata__", "a tensor cannot be named __metadata__");
    const std::size_t element = stored_size(tensor.dtype);
    require(element != 0, "tensor ", name, ": dtype is ", tensor.dtype, "; it must be one of ",
            stored_types);
    require(byte_count(tensor.shape, element) == tensor.bytes.size(), "tensor ", name, " has ",
            tensor.bytes.size(), " bytes; its shape and dtype require ",
            byte_count(tensor.shape, element));
    header[name] = {{"dtype", tensor.dtype},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& failure) {
    throw Error(scoresde::text("safetensors: a name or metadata is not UTF-8: ", failure.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the data
  return text;
}

}  // namespace detail

/// Reads a safetensors file. Throws Error naming the file, the tensor, what was found and what is
/// allowed for any violation of the format; memory use is at most a small multiple of the file's
/// size. Tensors of types other than the stored ones (F8_E4M3, C64, ...) keep their bytes;
/// converting their elements throws Error naming the type.
[[nodiscard]] inline TensorFile read_safetensors(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return detail::with_file_name(path, [&] { return detail::parse_safetensors(bytes); });
}

/// The metadata of a safetensors file, whose header is read and checked against the file's size;
/// the data are not read. Throws Error as read_safetensors does.
[[nodiscard]] inline std::map<std::string, std::string> read_safetensors_metadata(
    const std::filesystem::path& path) {
  constexpr std::size_t prefix = 8, usual = std::size_t{1} << 18;
  std::vector<std::byte> bytes = read_file(path, usual);
  const std::uintmax_t whole = std::filesystem::file_size(path);
  std::uint64_t size = 0;
  if (bytes.size() >= prefix) std::memcpy(&size, bytes.data(), prefix);
  const std::uintmax_t wanted = whole >= prefix && size <= whole - prefix ? prefix + size : whole;
  if (bytes.size() < wanted) bytes = read_file(path, wanted);
  return detail::with_file_name(path, [&] {
    const std::string_view header = detail::header_text(bytes);
    TensorFile file;
    (void)detail::read_entries(header, static_cast<std::size_t>(whole) - prefix - header.size(),
                               file);
    return file.metadata;
  });
}

/// Writes a safetensors file as write_file_atomically does, tensors in order of decreasing element
/// size so that each is aligned. Throws Error as that does, and for a tensor whose shape, type and
/// bytes disagree.
inline void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  std::vector<const std::pair<const std::string, TensorFile::Tensor>*> order;
  for (const auto& named : file.tensors) order.push_back(&named);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return stored_size(a->second.dtype) > stored_size(b->second.dtype);
  });
  const std::string header = detail::header_of(file, order);
  const std::uint64_t header_size = header.size();
  detail::TemporaryFile target(path);
  target.write(std::as_bytes(std::span(&header_size, 1)));
  target.write(std::as_bytes(std::span(header)));
  for (const auto* named : order) target.write(named->second.bytes);
  target.rename_to_target();
}

}  // namespace scoresde::io
