// SPDX-License-Identifier: MIT
/// HeldOutLoss: the training loss at one noise level, on images not used for training.
///
///   L(t) = (1/N) Σₖ w(t)·‖std(t)·s(mean(t)·xₖ + std(t)·zₖ, t) + zₖ‖²,   zₖ a function of k
///
/// The times and normals of a training step are random, and the loss varies more between noise
/// levels than between networks (Karras et al. 2022, arXiv:2206.00364, figure 5a). With fixed
/// images, noise and levels, the losses of two networks are comparable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde {

/// The times at these quantiles, in [0, 1], of 2¹⁴ times sampled by the loss under `sde`;
/// deterministic. Throws Error for a quantile outside [0, 1].
template <class Loss, Sde S>
[[nodiscard]] std::vector<double> held_out_times(const Loss& loss, const S& sde,
                                                 std::span<const double> quantiles) {
  std::vector<double> drawn(std::size_t{1} << 14), times;
  loss.draw_times(sde, Noise{.purpose = Purpose::held_out}.draw(1), drawn);
  std::sort(drawn.begin(), drawn.end());
  for (const double q : quantiles) {
    require(q >= 0 && q <= 1, "held-out times: a quantile is ", q, "; it must lie in [0, 1]");
    times.push_back(drawn[static_cast<std::size_t>(q * static_cast<double>(drawn.size() - 1))]);
  }
  return times;
}

/// Owns a network in inference mode; allocates on construction and when the batch size changes.
template <nn::NetworkOps Ops, Sde S, class Loss,
          class Convention = typename Loss::template Convention<S>>
class HeldOutLoss {
 public:
  using Scalar = typename Ops::Scalar;

  /// `network_batch` is the number of samples evaluated at a time. Throws Error as loss.check does.
  HeldOutLoss(const nn::Graph& graph, S sde, Loss loss, Convention convention,
              std::size_t network_batch, Ops ops = Ops())
      : sde_(std::move(sde)),
        loss_(std::move(loss)),
        convention_(std::move(convention)),
        network_(graph, network_batch, nn::Mode::inference, std::move(ops)) {
    loss_.check(sde_);
  }

  /// Mean loss at time t of the network with these parameters over images (n, C, H, W) and, for a
  /// class-conditional network, the class of each or nn::no_class. Depends on the network's batch
  /// size and the number of threads by rounding only. Throws Error unless images has a positive
  /// whole number of images, and classes is empty or has one entry per image.
  [[nodiscard]] double operator()(std::span<const Scalar> parameters,
                                  std::span<const Scalar> images,
                                  std::span<const std::uint32_t> classes, double t) {
    const std::vector<double> each = losses(parameters, images, classes, t);
    return std::accumulate(each.begin(), each.end(), 0.0) / static_cast<double>(each.size());
  }

  /// The loss of each image: the differences of two networks, image by image, vary less than their
  /// losses do. Throws Error as above.
  [[nodiscard]] std::vector<double> losses(std::span<const Scalar> parameters,
                                           std::span<const Scalar> images,
                                           std::span<const std::uint32_t> classes, double t) {
    const std::size_t dim = network_.input_shape().size(), samples = images.size() / dim;
    require(samples > 0 && samples * dim == images.size(), "held-out loss: images has ",
            images.size(), " elements; it must be a positive multiple of ", dim);
    require(classes.empty() || classes.size() == samples, "held-out loss: classes has ",
            classes.size(), " entries; it must have ", samples, " or none");
    nn::ScoreNetwork<Ops, S, Convention> model(network_, parameters, sde_, convention_);
    network_.freeze(parameters);
    std::vector<double> each;
    for (std::size_t first = 0; first < samples; first += network_.batch()) {
      const std::size_t count = std::min(network_.batch(), samples - first);
      if (!classes.empty()) model.set_classes(classes.subspan(first, count));
      part(model, images.subspan(first * dim, count * dim), {count, dim}, first, t);
      each.insert(each.end(), work_->losses().begin(), work_->losses().end());
    }
    network_.thaw();
    return each;
  }

 private:
  using Batch = HostState<Scalar>;

  /// Leaves the losses of images first, first + 1, … in the workspace.
  template <class Model>
  void part(Model& model, std::span<const Scalar> images, Extents shape, std::size_t first,
            double t) {
    if (!batch_ || batch_->extents() != shape) {
      batch_.emplace(shape);
      work_.emplace(*batch_);
    }
    std::copy(images.begin(), images.end(), batch_->data());
    std::fill(work_->times().begin(), work_->times().end(), t);
    const Noise noise{.first_sample = static_cast<std::uint32_t>(first),
                      .purpose = Purpose::held_out};
    loss_(sde_, model, *batch_, noise.draw(0), *work_);
  }

  S sde_;
  Loss loss_;
  Convention convention_;
  nn::Network<Ops> network_;
  std::optional<Batch> batch_;
  std::optional<LossWorkspace<Batch>> work_;
};

}  // namespace scoresde
