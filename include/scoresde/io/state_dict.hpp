// SPDX-License-Identifier: MIT
/// Named tensors of a safetensors file, or of a torch file that holds one flat dictionary; the
/// format is detected from the file's first bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/io/torch_file.hpp>

namespace scoresde::io {

/// Whether the file at `path` begins like torch.save's files. Throws Error when it cannot be read.
[[nodiscard]] inline bool is_torch_file(const std::filesystem::path& path) {
  return TorchFile::recognizes(MappedFile(path).bytes());
}

namespace detail {

/// Visits the leaves below `value`; each container is entered once, so the work is bounded by the
/// file's size.
template <class Visitor>
void visit_leaves(const PickleValue& value, const std::string& path, std::set<std::uint32_t>& seen,
                  Visitor& visit) {
  constexpr std::size_t deepest = 32;
  const bool dict = value.is(PickleKind::dict);
  if (!dict && !value.is(PickleKind::list) && !value.is(PickleKind::tuple))
    return visit(path, value);
  if (!seen.insert(value.index()).second) return;
  const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
  require(depth < deepest, "torch file: its containers are nested deeper than ", deepest);
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string name = std::to_string(i);
    if (dict && value.key(i).is(PickleKind::text)) name = printable(value.key(i).text());
    if (dict && value.key(i).is(PickleKind::integer)) name = std::to_string(value.key(i).integer());
    std::replace(name.begin(), name.end(), '/', '?');
    visit_leaves(dict ? value.value(i) : value[i], path.empty() ? name : path + "/" + name, seen,
                 visit);
  }
}

/// Whether a tensor's type and shape allow its bytes to be copied.
[[nodiscard]] inline bool is_described(const TorchFile& file, const PickleValue& tensor) {
  try {
    static_cast<void>(file.description(tensor));
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// The reason why a tensor's elements cannot be read; empty where they can.
[[nodiscard]] inline std::string unreadable(const TorchFile& file, const PickleValue& tensor) {
  try {
    const std::string dtype = file.description(tensor).dtype;
    return stored_size(dtype) != 0 ? "" : text("a tensor of type ", dtype);
  } catch (const Error& failure) {
    return failure.what();
  }
}

}  // namespace detail

/// Whether `value` is a valid tensor of a stored type, so that its elements can be read.
[[nodiscard]] inline bool is_readable(const TorchFile& file, const PickleValue& value) {
  return TorchFile::is_tensor(value) && detail::unreadable(file, value).empty();
}

/// Calls visit(path, value) for every tensor of the file; the path consists of the keys and indices
/// that lead to it, such as `ema/shadow_params/3`. Throws Error above 32 levels.
template <class Visitor>
void for_each_tensor(const TorchFile& file, Visitor&& visit) {
  std::set<std::uint32_t> seen;
  const auto leaf = [&](const std::string& path, const PickleValue& value) {
    if (TorchFile::is_tensor(value)) visit(path, value);
  };
  detail::visit_leaves(file.root(), "", seen, leaf);
}

/// Calls visit(path, what) for everything in the file that is not read: foreign objects, with the
/// name of their class or function, and tensors whose elements cannot be read, with the reason.
/// Nothing is executed. Throws Error above 32 levels.
template <class Visitor>
void for_each_skipped(const TorchFile& file, Visitor&& visit) {
  std::set<std::uint32_t> seen;
  const auto leaf = [&](const std::string& path, const PickleValue& value) {
    if (value.is(PickleKind::foreign)) return visit(path, value.foreign_name());
    if (!TorchFile::is_tensor(value)) return;
    if (const std::string reason = detail::unreadable(file, value); !reason.empty())
      visit(path, reason);
  };
  detail::visit_leaves(file.root(), "", seen, leaf);
}

/// All tensors of a dictionary in `file`, without foreign objects and tensors of types that
/// TorchFile does not support. Throws Error when a key is not a string or appears twice, when a
/// plain value is not a tensor, and when the tensors together are larger than the file.
[[nodiscard]] inline TensorFile tensors_of(const TorchFile& file, const PickleValue& dictionary) {
  if (!dictionary.is(PickleKind::dict))
    throw Error(scoresde::text("torch file: its object is ", dictionary.description(),
                               "; it must be a dictionary of tensors"));
  TensorFile tensors;
  std::size_t left = file.size();
  for (std::size_t i = 0; i < dictionary.size(); ++i) {
    const PickleValue value = dictionary.value(i);
    if (value.is(PickleKind::foreign)) continue;
    const std::string name(dictionary.key(i).text());
    require(TorchFile::is_tensor(value), "torch file: ", printable(name), " is ",
            name_of(value.kind()), "; it must be a tensor");
    if (!detail::is_described(file, value)) continue;
    TensorFile::Tensor tensor = file.tensor(value);
    require(tensor.bytes.size() <= left, "torch file: ", printable(name),
            " and the tensors before it are larger than the file; they share storage");
    left -= tensor.bytes.size();
    require(tensors.tensors.emplace(name, std::move(tensor)).second,
            "torch file: ", printable(name), " appears twice");
  }
  return tensors;
}

/// The tensors of the file at `path`. Throws Error as read_safetensors, TorchFile::open and
/// tensors_of do.
[[nodiscard]] inline TensorFile read_state_dict(const std::filesystem::path& path) {
  if (!is_torch_file(path)) return read_safetensors(path);
  const TorchFile file = TorchFile::open(path);
  try {
    return tensors_of(file, file.root());
  } catch (const Error& failure) {
    throw Error(scoresde::text(path.string(), ": ", failure.what()));
  }
}

}  // namespace scoresde::io
