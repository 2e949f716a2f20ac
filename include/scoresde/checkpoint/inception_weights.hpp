// SPDX-License-Identifier: MIT
/// The weights of the published Inception network: the file that pytorch-fid and torch-fidelity
/// download, its check, and its conversion to the parameters of nn::inception.
///
///   W' = W γ/√(v + ε),   b' = β − m γ/√(v + ε),   ε = 10⁻³
///
/// The file is a state_dict with 94 × (conv.weight, bn.weight, bn.bias, bn.running_mean,
/// bn.running_var, bn.num_batches_tracked), fc.weight and fc.bias: 566 entries, or 472 without
/// num_batches_tracked. Nothing is downloaded.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/mapped_file.hpp>
#include <scoresde/io/sha256.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/tensor_file.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/nn/networks/inception.hpp>

namespace scoresde {

/// SHA-256 of the published file, which has 95,628,359 bytes.
inline constexpr std::string_view published_inception_sha256 =
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

/// A state_dict of the network, and its origin.
struct InceptionWeights {
  io::TensorFile tensors;
  std::string sha256;   ///< of the file
  std::string warning;  ///< to print next to every number; empty for the published file
};

namespace detail {

/// The module of a parameter of nn::inception: its name without .weight or .bias.
[[nodiscard]] inline std::string inception_module(const std::string& parameter) {
  return parameter.substr(0, parameter.rfind('.'));
}

/// The values of one entry. Throws Error for a missing entry and another shape.
[[nodiscard]] inline std::vector<double> inception_entry(const io::TensorFile& file,
                                                         const std::string& name,
                                                         const std::vector<std::size_t>& shape) {
  require(file.contains(name), "Inception weights: '", name, "' is missing among ",
          file.tensors.size(), " entries; the file must have those of the published network");
  const io::TensorFile::Tensor& tensor = file.at(name);
  const auto words = [](const std::vector<std::size_t>& extents) {
    std::string list;
    for (const std::size_t e : extents) list += (list.empty() ? "" : " x ") + std::to_string(e);
    return list;
  };
  require(tensor.shape == shape, "Inception weights: '", name, "' is ", words(tensor.shape),
          "; it must be ", words(shape),
          name == "fc.weight" || name == "fc.bias"
              ? ", as the network has 1008 classes (torchvision's, with 1000, is another one)"
              : "");
  return tensor.as<double>();
}

/// W γ/√(v + ε) or β − m γ/√(v + ε) of one convolution, as `parameter` is its weights or bias.
[[nodiscard]] inline std::vector<double> folded_entry(const io::TensorFile& file,
                                                      const nn::Parameter& parameter) {
  const std::string module = inception_module(parameter.name);
  const std::size_t channels = parameter.shape[0];
  const auto statistic = [&](const char* name) {
    return inception_entry(file, module + ".bn." + name, {channels});
  };
  std::vector<double> factor = statistic("weight");
  const std::vector<double> variance = statistic("running_var");
  for (std::size_t c = 0; c < channels; ++c) {
    require(variance[c] >= 0, "Inception weights: '", module, ".bn.running_var' has the variance ",
            variance[c], "; it must not be negative");
    factor[c] /= std::sqrt(variance[c] + nn::inception_epsilon);
  }
  if (parameter.shape.size() == 1) {
    std::vector<double> bias = statistic("bias");
    const std::vector<double> mean = statistic("running_mean");
    for (std::size_t c = 0; c < channels; ++c) bias[c] -= mean[c] * factor[c];
    return bias;
  }
  std::vector<double> weights = inception_entry(file, module + ".conv.weight", parameter.shape);
  const std::size_t row = weights.size() / channels;
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= factor[i / row];
  return weights;
}

}  // namespace detail

/// Reads the file at `path`, of torch.save or safetensors. A file other than the published one is
/// read with a warning, as converted copies exist. Throws Error for a missing file, with what to
/// fetch and where to place it, and as io::read_state_dict does.
[[nodiscard]] inline InceptionWeights read_inception_weights(const std::filesystem::path& path) {
  std::error_code ignored;
  require(std::filesystem::exists(path, ignored), "Inception weights: ", path.string(),
          " does not exist; fetch pt_inception-2015-12-05-6726825d.pth (91 MB) from "
          "https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights and place it there");
  InceptionWeights weights{io::read_state_dict(path), io::sha256(io::MappedFile(path).bytes()), ""};
  if (weights.sha256 != published_inception_sha256)
    weights.warning =
        text("Inception weights: ", path.string(), " is not the published file (SHA-256 ",
             weights.sha256.substr(0, 8), ", not ", published_inception_sha256.substr(0, 8),
             "); values may not be comparable with published ones");
  return weights;
}

/// The flat buffer of the parameters of nn::inception from a state_dict, with the batch
/// normalizations as a part of the convolutions; computed in double. Throws Error for entries that
/// are missing or have other shapes, and for negative variances.
template <class T>
[[nodiscard]] std::vector<T> inception_parameters(const io::TensorFile& file,
                                                  const nn::ParameterTable& table) {
  std::vector<T> parameters(table.size());
  for (const nn::Parameter& p : table.entries()) {
    const bool dense = detail::inception_module(p.name) == "fc";
    const std::vector<double> values =
        dense ? detail::inception_entry(file, p.name, p.shape) : detail::folded_entry(file, p);
    for (std::size_t i = 0; i < values.size(); ++i)
      parameters[p.offset + i] = static_cast<T>(values[i]);
  }
  return parameters;
}

}  // namespace scoresde
