// SPDX-License-Identifier: MIT
/// AnySde: one of the SDEs that a configuration can name, chosen at run time.
///
/// A closed set in one type: a program compiles each sampler once, not once per SDE. A call costs
/// one branch, in scalar code only.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/transition.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/log_snr.hpp>

namespace scoresde {

/// Models Sde. The levels of a DiscreteSde are not part of the type: visit() has them.
class AnySde {
  using Held = std::variant<VpSde, SubVpSde, VeSde, EdmSde, DdpmSde, SmldSde>;

 public:
  template <class S>
  requires std::constructible_from<Held, S&&> &&(!std::same_as<std::remove_cvref_t<S>, AnySde>)
      AnySde(S&& sde)  // NOLINT(google-explicit-constructor): an SDE is one of any
      : held_(std::forward<S>(sde)) {}

  /// use(sde) with the SDE held, of its own type.
  template <class Use>
  decltype(auto) visit(Use&& use) const {
    return std::visit(std::forward<Use>(use), held_);
  }
  /// Whether the SDE held is of this type.
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

  /// The SDE's own chain where it has one, else its exact transition.
  [[nodiscard]] Transition discretize(TimeStep step) const {
    return visit([step](const auto& sde) { return transition(sde, step); });
  }
  /// 1 where the SDE held has none.
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
