// SPDX-License-Identifier: MIT
/// AnySde: one of the library's linear SDEs, chosen at run time.
///
/// A closed set in one type: a program or a test compiles each sampler once, not once per SDE. A
/// call costs one branch, in scalar code only.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// Models Sde. The levels of a DiscreteSde are accessible by visit() only.
class AnySde {
  using Held = std::variant<VpSde, SubVpSde, VeSde, EdmSde, CosineVpSde, RectifiedFlowSde, DdpmSde,
                            SmldSde, DiscreteVpSde, DiscreteVeSde, DiscreteSubVpSde>;

 public:
  template <class S>
  requires std::constructible_from<Held, S&&> &&(!std::same_as<std::remove_cvref_t<S>, AnySde>)
      AnySde(S&& sde)  // NOLINT(google-explicit-constructor): conversion is intended
      : held_(std::forward<S>(sde)) {}

  /// Calls use(sde) with the SDE in its own type.
  template <class Use>
  decltype(auto) visit(Use&& use) const {
    return std::visit(std::forward<Use>(use), held_);
  }
  /// Whether the SDE is of type S.
  template <class S>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<S>(held_);
  }

  [[nodiscard]] double drift(double t) const {
    return visit([t](const auto& sde) { return sde.drift(t); });
  }
  [[nodiscard]] double diffusion(double t) const {
    return visit([t](const auto& sde) { return sde.diffusion(t); });
  }
  [[nodiscard]] MarginalProb marginal_prob(double t) const {
    return visit([t](const auto& sde) { return sde.marginal_prob(t); });
  }
  [[nodiscard]] double prior_std() const {
    return visit([](const auto& sde) { return sde.prior_std(); });
  }
  [[nodiscard]] double t_min() const {
    return visit([](const auto& sde) { return sde.t_min(); });
  }
  [[nodiscard]] double t_max() const {
    return visit([](const auto& sde) { return sde.t_max(); });
  }

  /// The step of the SDE's discrete chain if it has one, otherwise the exact transition.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    return visit([step](const auto& sde) { return transition(sde, step); });
  }
  /// 1 if the SDE does not define it.
  [[nodiscard]] double langevin_scale(double t) const {
    return visit([t](const auto& sde) {
      if constexpr (requires { sde.langevin_scale(t); })
        return sde.langevin_scale(t);
      else
        return 1.0;
    });
  }
  /// Throws Error as time_of_log_snr(sde, λ) does.
  [[nodiscard]] double time_of_log_snr(double log_snr) const {
    return visit([log_snr](const auto& sde) { return scoresde::time_of_log_snr(sde, log_snr); });
  }

 private:
  Held held_;
};

static_assert(Sde<AnySde>);

}  // namespace scoresde
