// SPDX-License-Identifier: MIT
/// PretrainedClassifier: the noise-conditional classifier of a checkpoint.
///
///   PretrainedClassifier<Ops> classifier("classifier.safetensors", {.batch = 16});
///   ClassifierGradient gradient(classifier, labels);
///
/// Network, averaged weights and SDE are read from the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/sde_registry.hpp>

namespace scoresde {

struct PretrainedClassifierOptions {
  std::size_t batch = 16;                     ///< samples per evaluation; determines memory use
  nn::Mode mode = nn::Mode::differentiation;  ///< inference needs less memory and has no gradient
};

/// The label of a continuous SDE's own convention.
struct LabelOfSde {
  /// Throws Error for an SDE without continuous times, and as its convention does.
  [[nodiscard]] double label(const AnySde& any, double t) const {
    return any.visit([t]<class S>(const S& sde) -> double {
      if constexpr (requires(const typename nn::convention_of<S>::type& c) { c.label(sde, t); })
        return typename nn::convention_of<S>::type{}.label(sde, t);
      else
        throw Error("classifier: the SDE has no times between its levels; it must be continuous");
    });
  }
};

namespace detail {

/// The classifier of a file's configuration. Throws Error as classifier_of does, naming the file.
[[nodiscard]] inline nn::ClassifierConfig classifier_in(const std::filesystem::path& file,
                                                        const Metadata& configuration) {
  try {
    return classifier_of(configuration);
  } catch (const Error& failure) {
    throw Error(text(file.string(), ": ", failure.what()));
  }
}

/// What a PretrainedClassifier owns, constructed before the model that refers to it.
template <class Ops>
struct ClassifierFile {
  using Scalar = typename Ops::Scalar;

  ClassifierFile(const std::filesystem::path& checkpoint,
                 const PretrainedClassifierOptions& options, Ops ops)
      : configuration(read_configuration(checkpoint)),
        config(classifier_in(checkpoint, configuration)),
        network(nn::classifier(config), options.batch, options.mode, std::move(ops)),
        memory(network.ops().allocate(network.parameters().size())) {
    std::vector<Scalar> weights(network.parameters().size());
    load_weights(checkpoint, network.parameters(), std::span<Scalar>(weights));
    network.ops().upload(std::span<const Scalar>(weights), memory.data());
    network.freeze(parameters());
  }
  ClassifierFile(const ClassifierFile&) = delete;
  ClassifierFile& operator=(const ClassifierFile&) = delete;

  /// In the backend's memory.
  [[nodiscard]] std::span<const Scalar> parameters() const {
    return {memory.data(), memory.size()};
  }

  Metadata configuration;
  nn::ClassifierConfig config;
  nn::Network<Ops> network;
  typename Ops::Buffer memory;
};

}  // namespace detail

/// A ClassifierNetwork and what it refers to, so it cannot be moved. Not thread-safe.
template <nn::ModelOps Ops>
class PretrainedClassifier : private detail::ClassifierFile<Ops>,
                             public nn::ClassifierNetwork<Ops, AnySde, LabelOfSde> {
  using File = detail::ClassifierFile<Ops>;

 public:
  using Scalar = typename Ops::Scalar;

  /// Loads a training checkpoint, whose average is used, or a file of save_weights. Throws Error as
  /// read_configuration, classifier_of, visit_sde and load_weights do, and as Network does.
  explicit PretrainedClassifier(const std::filesystem::path& checkpoint,
                                PretrainedClassifierOptions options = {}, Ops ops = Ops())
      : File(checkpoint, options, std::move(ops)),
        nn::ClassifierNetwork<Ops, AnySde, LabelOfSde>(
            File::network, File::parameters(),
            visit_sde(File::configuration, [](const auto& sde) { return AnySde(sde); })) {}

  /// The metadata of the file.
  [[nodiscard]] const Metadata& configuration() const { return File::configuration; }
  [[nodiscard]] const nn::ClassifierConfig& config() const { return File::config; }
};

}  // namespace scoresde
