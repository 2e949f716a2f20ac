// SPDX-License-Identifier: MIT
/// AnySde: any linear SDE as one type, so that a test over several SDEs compiles its samplers once.
#pragma once

#include <memory>

#include <scoresde/sde/transition.hpp>
#include <scoresde/time/log_snr.hpp>

/// Returns the values of the wrapped SDE, including those of its optional members except
/// training_steps(): code that needs the discrete chain takes the SDE's own type.
class AnySde {
 public:
  template <class S>
  explicit AnySde(const S& sde)
      : prior_std_(sde.prior_std()),
        t_min_(sde.t_min()),
        t_max_(sde.t_max()),
        self_(std::make_shared<Of<S>>(sde)) {
    static_assert(
        !requires { sde.prior_mean(); }, "AnySde: the SDE has a prior mean, which would be lost");
  }

  [[nodiscard]] double drift(double t) const { return self_->drift(t); }
  [[nodiscard]] double diffusion(double t) const { return self_->diffusion(t); }
  [[nodiscard]] scoresde::MarginalProb marginal_prob(double t) const {
    return self_->marginal_prob(t);
  }
  [[nodiscard]] double prior_std() const { return prior_std_; }
  [[nodiscard]] double t_min() const { return t_min_; }
  [[nodiscard]] double t_max() const { return t_max_; }
  [[nodiscard]] scoresde::Transition discretize(scoresde::TimeStep step) const {
    return self_->discretize(step);
  }
  [[nodiscard]] double langevin_scale(double t) const { return self_->langevin_scale(t); }
  [[nodiscard]] double time_of_log_snr(double log_snr) const {
    return self_->time_of_log_snr(log_snr);
  }

 private:
  struct Numbers {
    virtual ~Numbers() = default;
    virtual double drift(double t) const = 0;
    virtual double diffusion(double t) const = 0;
    virtual scoresde::MarginalProb marginal_prob(double t) const = 0;
    virtual scoresde::Transition discretize(scoresde::TimeStep step) const = 0;
    virtual double langevin_scale(double t) const = 0;
    virtual double time_of_log_snr(double log_snr) const = 0;
  };

  template <class S>
  struct Of final : Numbers {
    explicit Of(const S& of) : sde(of) {}
    double drift(double t) const override { return sde.drift(t); }
    double diffusion(double t) const override { return sde.diffusion(t); }
    scoresde::MarginalProb marginal_prob(double t) const override { return sde.marginal_prob(t); }
    scoresde::Transition discretize(scoresde::TimeStep step) const override {
      return scoresde::transition(sde, step);
    }
    double langevin_scale(double t) const override {
      if constexpr (requires { sde.langevin_scale(t); })
        return sde.langevin_scale(t);
      else
        return 1;
    }
    double time_of_log_snr(double log_snr) const override {
      return scoresde::time_of_log_snr(sde, log_snr);
    }
    S sde;
  };

  double prior_std_, t_min_, t_max_;
  std::shared_ptr<const Numbers> self_;
};

static_assert(scoresde::Sde<AnySde>);
