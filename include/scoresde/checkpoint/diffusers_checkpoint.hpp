// SPDX-License-Identifier: MIT
/// Weights of diffusers' UNet2DModel: read strictly from a state_dict, and written as
/// diffusion_pytorch_model.safetensors with a config.json.
///
/// Attention layers may have either of their spellings (query, key, value, proj_attn or to_q, to_k,
/// to_v, to_out.0), Fourier frequencies time_proj.weight or .W. Transposition moves values only, so
/// a round trip is bit-identical.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/checkpoint/detail/diffusers_names.hpp>
#include <scoresde/checkpoint/diffusers_config.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/unet_config.hpp>

namespace scoresde {

/// The file name of the weights written by save_for_diffusers.
inline constexpr const char* diffusers_weights_name = "diffusion_pytorch_model.safetensors";

namespace detail {

/// The current spelling of a name of an older release.
[[nodiscard]] inline std::string present_diffusers_name(std::string name) {
  if (name == "time_proj.W") return "time_proj.weight";
  if (name.find(".attentions.") == std::string::npos) return name;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> spellings{
      {{".query.", ".to_q."},
       {".key.", ".to_k."},
       {".value.", ".to_v."},
       {".proj_attn.", ".to_out.0."}}};
  for (const auto& [old, present] : spellings)
    if (const auto at = name.find(old); at != std::string::npos)
      name.replace(at, old.size(), present);
  return name;
}

/// (rows, columns[, 1, 1]) as (columns, rows), element by element.
[[nodiscard]] inline io::TensorFile::Tensor transposed(const io::TensorFile::Tensor& tensor) {
  const std::size_t rows = tensor.shape[0], columns = tensor.shape[1];
  const std::size_t element = io::stored_size(tensor.dtype);
  io::TensorFile::Tensor result{tensor.dtype, {columns, rows}, {}};
  result.bytes.resize(tensor.bytes.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c)
      std::memcpy(result.bytes.data() + (c * rows + r) * element,
                  tensor.bytes.data() + (r * columns + c) * element, element);
  return result;
}

[[nodiscard]] inline bool is_matrix(const std::vector<std::size_t>& shape) {
  return shape.size() == 2 || (shape.size() == 4 && shape[2] == 1 && shape[3] == 1);
}

/// The file's tensors under current names. Frequencies may be present twice if they are equal.
[[nodiscard]] inline std::map<std::string, const io::TensorFile::Tensor*> present_tensors(
    const io::TensorFile& file, Differences& differences) {
  std::map<std::string, const io::TensorFile::Tensor*> tensors;
  for (const auto& [name, tensor] : file.tensors) {
    const auto [kept, fresh] = tensors.emplace(present_diffusers_name(name), &tensor);
    if (!fresh && (kept->second->bytes != tensor.bytes || kept->second->shape != tensor.shape))
      differences.add("tensor ", kept->first, " appears under two names with different values");
  }
  return tensors;
}

}  // namespace detail

/// Copies the weights of a UNet2DModel to the flat buffer of the network's table. Throws Error with
/// a list of all tensors that are missing, unexpected, of another shape, not floating-point or not
/// finite, under diffusers' names; `weights` is then unchanged. Unexpected tensors of a type that
/// cannot be read (F8_E4M3) are skipped.
template <std::floating_point T>
void load_diffusers_weights(const io::TensorFile& file, const nn::UNetConfig& config,
                            const nn::ParameterTable& table, std::span<T> weights) {
  require(weights.size() == table.size(), "diffusers weights: the buffer holds ", weights.size(),
          " scalars; the network's has ", table.size());
  detail::Differences differences;
  auto tensors = detail::present_tensors(file, differences);
  std::vector<T> flat(table.size());
  for (const auto& [parameter, name, layout] : detail::DiffusersNames(config, table).list()) {
    const nn::Parameter& p = table[parameter];
    const auto found = tensors.extract(name);
    if (found.empty()) {
      differences.add("tensor ", name, " is missing");
      continue;
    }
    const io::TensorFile::Tensor& tensor = *found.mapped();
    const bool turn = layout != detail::DiffusersLayout::same && detail::is_matrix(tensor.shape);
    detail::read_parameter(name, turn ? detail::transposed(tensor) : tensor, p, false,
                           std::span<T>(flat), differences);
  }
  for (const auto& [name, tensor] : tensors)
    if (io::stored_size(tensor->dtype) > 0)
      differences.add("tensor ", name, ' ', io::shape_text(tensor->shape),
                      " is not among the network's parameters");
  differences.reject(scoresde::text("diffusers weights do not match the network of ",
                                    table.entries().size(), " tensors:"));
  std::copy(flat.begin(), flat.end(), weights.begin());
}

/// The weights under diffusers' names, in T's own type. Throws Error when the buffer's size is not
/// the table's, and naming the field that UNet2DModel cannot express.
template <std::floating_point T>
[[nodiscard]] io::TensorFile diffusers_weights(const nn::UNetConfig& config,
                                               const nn::ParameterTable& table,
                                               std::span<const T> weights) {
  require(weights.size() == table.size(), "diffusers weights: the buffer holds ", weights.size(),
          " scalars; the network's has ", table.size());
  detail::check_diffusers_can_express(config);
  io::TensorFile file;
  file.metadata["format"] = "pt";
  for (const auto& [parameter, name, layout] : detail::DiffusersNames(config, table).list()) {
    const nn::Parameter& p = table[parameter];
    auto tensor = io::TensorFile::Tensor::of<T>(p.shape, weights.subspan(p.offset, p.size));
    if (layout != detail::DiffusersLayout::same) tensor = detail::transposed(tensor);
    if (layout == detail::DiffusersLayout::convolution)
      tensor.shape.insert(tensor.shape.end(), {1, 1});
    file.tensors[name] = std::move(tensor);
  }
  return file;
}

/// Writes config.json and diffusion_pytorch_model.safetensors to `folder`, which is created if
/// missing. Throws Error as diffusers_weights and io::write_safetensors do.
template <std::floating_point T>
void save_for_diffusers(const std::filesystem::path& folder, const nn::UNetConfig& config,
                        const nn::ParameterTable& table, std::span<const T> weights) {
  const std::string configuration = describe_for_diffusers(config);
  const io::TensorFile file = diffusers_weights(config, table, weights);
  io::require_writable_folder(folder);
  io::write_safetensors(folder / diffusers_weights_name, file);
  io::write_file_atomically(folder / "config.json", configuration);
}

}  // namespace scoresde
