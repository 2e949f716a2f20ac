// SPDX-License-Identifier: MIT
/// The option --precision of programs that run on a GPU.
#pragma once

#include <string>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/precision.hpp>

namespace programs {

/// The precision named "bf16", "tf32" or "fp32".
[[nodiscard]] inline scoresde::cuda::Precision precision_of(const std::string& name) {
  using scoresde::cuda::Precision;
  return name == "bf16" ? Precision::bf16 : name == "tf32" ? Precision::tf32 : Precision::fp32;
}

/// Calls use.operator()<A>() with the type A of the precision's activations.
template <class Use>
auto with_activations(const std::string& precision, const Use& use) {
  if (precision == "bf16") return use.template operator()<scoresde::cuda::Bfloat16>();
  return use.template operator()<float>();
}

}  // namespace programs
