// SPDX-License-Identifier: MIT
/// read_initial_weights: the weights that a new run starts from, of any file whose network fits.
///
///   θ₀ = average₀ = the weights of the file,   m₀ = v₀ = 0,   n = 0
///
/// Fits means: every tensor has the name and shape of one of the network's. SDE, loss and other
/// settings may differ. An unconditional network's weights start a class-conditional one, whose
/// embedding of the classes is new.
#pragma once

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/graph/parameters.hpp>

namespace scoresde {

/// The only tensor that a file may lack.
inline constexpr std::string_view class_embedding_tensor = "class_embedding.weight";

template <std::floating_point T>
struct InitialWeights {
  std::vector<T> weights;                  ///< flat, with the layout of the table
  std::vector<std::string> initialized{};  ///< names of the tensors that the file lacks
};

/// The averaged weights of a run's checkpoint, or those of a file of save_weights, of any
/// floating-point type, for TrainingState::start. `usual` are the network's initial parameters,
/// which the class embedding keeps where the file has none. Throws Error as read_configuration
/// does, and with a list of all tensors that are missing, unexpected, of another shape, not
/// floating-point or not finite.
template <std::floating_point T>
[[nodiscard]] InitialWeights<T> read_initial_weights(const std::filesystem::path& path,
                                                     const nn::ParameterTable& table,
                                                     std::span<const T> usual) {
  require(usual.size() == table.size(), "initial weights: the initial parameters have ",
          usual.size(), " scalars; the network's buffer has ", table.size());
  static_cast<void>(read_configuration(path));
  const io::TensorFile file = io::read_safetensors(path);
  const std::string family = detail::weights_family(file);
  InitialWeights<T> start{{usual.begin(), usual.end()}};
  detail::Differences differences;
  for (const nn::Parameter& p : table.entries()) {
    const auto at = file.tensors.find(family + p.name);
    if (at != file.tensors.end())
      detail::read_parameter<T>(family + p.name, at->second, p, false, start.weights, differences);
    else if (p.name == class_embedding_tensor)
      start.initialized.push_back(p.name);
    else
      differences.add("tensor ", family, p.name, " ", io::shape_text(p.shape), " is missing");
  }
  detail::find_unexpected(file, table, differences);
  differences.reject(scoresde::text("initial weights ", path.string(),
                                    " do not match the network of ", table.entries().size(),
                                    " tensors:"));
  return start;
}

}  // namespace scoresde
