// SPDX-License-Identifier: MIT
/// AnyPredictor: any predictor as one type, so that a test over several compiles its samplers once.
#pragma once

#include <functional>

#include <scoresde/predictor/predictor.hpp>
#include <scoresde/registry/any_sde.hpp>

/// NoPredictor, which evaluates nothing, remains a separate type.
template <class S = scoresde::AnySde>
struct AnyPredictor {
  std::function<scoresde::StepCoefficients(const S&, scoresde::TimeStep)> rule;

  template <class P>
  explicit AnyPredictor(P predictor)
      : rule([predictor](const S& sde, scoresde::TimeStep step) {
          return predictor.coefficients(sde, step);
        }) {}
  [[nodiscard]] scoresde::StepCoefficients coefficients(const S& sde,
                                                        scoresde::TimeStep step) const {
    return rule(sde, step);
  }
};
