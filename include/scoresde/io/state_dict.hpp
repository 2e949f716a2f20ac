// SPDX-License-Identifier: MIT
/// Named tensors of a safetensors file or of a torch file that holds one flat dictionary; which of
/// them a file is, its first bytes say.
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

/// Whether the file at `path` begins as torch.save's files do. Throws Error when it cannot be read.
[[nodiscard]] inline bool is_torch_file(const std::filesystem::path& path) {
  return TorchFile::recognises(MappedFile(path).bytes());
}

namespace detail {

/// Visits the tensors below `value`; a container that is met again is not entered again, so the
/// work is at most the file's size.
template <class Visitor>
void visit_tensors(const PickleValue& value, const std::string& path, std::set<std::uint32_t>& seen,
                   Visitor& visit) {
  constexpr std::size_t deepest = 32;
  if (TorchFile::is_tensor(value)) return visit(path, value);
  const bool dict = value.is(PickleKind::dict);
  if (!dict && !value.is(PickleKind::list) && !value.is(PickleKind::tuple)) return;
  if (!seen.insert(value.index()).second) return;
  const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
  require(depth < deepest, "torch file: its containers are nested deeper than ", deepest);
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string name = std::to_string(i);
    if (dict && value.key(i).is(PickleKind::text)) name = printable(value.key(i).text());
    if (dict && value.key(i).is(PickleKind::integer)) name = std::to_string(value.key(i).integer());
    std::replace(name.begin(), name.end(), '/', '?');
    visit_tensors(dict ? value.value(i) : value[i], path.empty() ? name : path + "/" + name, seen,
                  visit);
  }
}

}  // namespace detail

/// Calls visit(path, value) for every tensor of the file; the path is the keys and places that lead
/// to it, such as `ema/shadow_params/3`. Throws Error above 32 levels.
template <class Visitor>
void for_each_tensor(const TorchFile& file, Visitor&& visit) {
  std::set<std::uint32_t> seen;
  detail::visit_tensors(file.root(), "", seen, visit);
}

/// All tensors of a dictionary in `file`. Throws Error when a key is no text or stands twice, when
/// a value is no tensor, and when the tensors together are larger than the file.
[[nodiscard]] inline TensorFile tensors_of(const TorchFile& file, const PickleValue& dictionary) {
  detail::require(dictionary.is(PickleKind::dict), "torch file: its object is ",
                  name_of(dictionary.kind()), "; it must be a dictionary of tensors");
  TensorFile tensors;
  std::size_t left = file.size();
  for (std::size_t i = 0; i < dictionary.size(); ++i) {
    const std::string name(dictionary.key(i).text());
    detail::require(TorchFile::is_tensor(dictionary.value(i)),
                    "torch file: ", detail::printable(name), " is ",
                    name_of(dictionary.value(i).kind()), "; it must be a tensor");
    TensorFile::Tensor tensor = file.tensor(dictionary.value(i));
    detail::require(tensor.bytes.size() <= left, "torch file: ", detail::printable(name),
                    " and the tensors before it are larger than the file; they share storage");
    left -= tensor.bytes.size();
    detail::require(tensors.tensors.emplace(name, std::move(tensor)).second,
                    "torch file: ", detail::printable(name), " appears twice");
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
    throw Error(detail::text(path.string(), ": ", failure.what()));
  }
}

}  // namespace scoresde::io
