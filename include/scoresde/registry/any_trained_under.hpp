// SPDX-License-Identifier: MIT
/// AnyTrainedUnder: the convention of a checkpoint's network that is sampled under another SDE than
/// its own, in one type (model/trained_under.hpp).
#pragma once

#include <concepts>
#include <utility>
#include <variant>

#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/trained_under.hpp>
#include <scoresde/score/change_of_sde.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

namespace scoresde {

/// The conventions of networks that have a score at every noise level: those of continuous time,
/// and DDPM's levels with the times between them.
class AnyTrainedUnder {
  using Held =
      std::variant<nn::TrainedUnder<VpSde>, nn::TrainedUnder<SubVpSde>, nn::TrainedUnder<VeSde>,
                   nn::TrainedUnder<EdmSde>, nn::TrainedUnder<DdpmSde>>;

 public:
  template <class One>
  requires std::constructible_from<Held, One>
  explicit AnyTrainedUnder(One convention) : held_(std::move(convention)) {}

  void validate() const {
    std::visit([](const auto& own) { own.validate(); }, held_);
  }
  template <Sde Target>
  [[nodiscard]] ChangedTime changed(const Target& sde, double t) const {
    return std::visit([&](const auto& own) { return own.changed(sde, t); }, held_);
  }
  template <Sde Target>
  [[nodiscard]] double label(const Target& sde, double t) const {
    return std::visit([&](const auto& own) { return own.label(sde, t); }, held_);
  }
  template <Sde Target>
  [[nodiscard]] double input_scale(const Target& sde, double t) const {
    return std::visit([&](const auto& own) { return own.input_scale(sde, t); }, held_);
  }
  template <Sde Target>
  [[nodiscard]] ScoreForm score_form(const Target& sde, double t) const {
    return std::visit([&](const auto& own) { return own.score_form(sde, t); }, held_);
  }
  [[nodiscard]] NoiseRange noise_range() const {
    return std::visit([](const auto& own) { return own.noise_range(); }, held_);
  }

 private:
  Held held_;
};

}  // namespace scoresde
