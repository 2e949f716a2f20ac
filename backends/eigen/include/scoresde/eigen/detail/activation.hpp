// SPDX-License-Identifier: MIT
/// Activation functions and their derivatives over packets.
///
///   SiLU x σ(x),  ELU x or e^x − 1,  ReLU max(x, 0),  leaky ReLU max(x, x/5)
///
/// At 0 the derivative is that of the positive side for ELU, 0 for ReLU and 1/5 for leaky ReLU, as
/// in PyTorch.
#pragma once

#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::eigen::detail {

/// SiLU, also called swish: x σ(x) = x / (1 + e^{−x}) (Elfwing et al. 2018). Eigen's exponential
/// saturates instead of overflowing, so both tails are correct.
template <class T>
Vec<T> silu(Vec<T> x) {
  return x / (Vec<T>(1) + exp(-x));
}

/// Its derivative σ(x) (1 + x (1 − σ(x))).
template <class T>
Vec<T> silu_slope(Vec<T> x) {
  const Vec<T> s = Vec<T>(1) / (Vec<T>(1) + exp(-x));
  return s * (Vec<T>(1) + x * (Vec<T>(1) - s));
}

/// 1 where x > 0 and 0 elsewhere, for finite x.
template <class T>
Vec<T> is_positive(Vec<T> x) {
  return Vec<T>::of(packets::pand(packets::pcmp_lt(packets::pset1<Packet<T>>(T(0)), x.value),
                                  packets::pset1<Packet<T>>(T(1))));
}

template <class T>
struct Swish {
  using V = Vec<T>;
  [[nodiscard]] V value(V x) const { return silu(x); }
  [[nodiscard]] V slope(V x) const { return silu_slope(x); }
};

template <class T>
struct Elu {
  using V = Vec<T>;
  [[nodiscard]] V value(V x) const {
    return max(x, V(0)) + V::of(packets::generic_expm1(min(x, V(0)).value));
  }
  [[nodiscard]] V slope(V x) const { return exp(min(x, V(0))); }
};

/// Slope `Below`/10 for negative x.
template <class T, int Below>
struct Rectified {
  using V = Vec<T>;
  [[nodiscard]] V value(V x) const { return max(x, V(0)) + V(below) * min(x, V(0)); }
  [[nodiscard]] V slope(V x) const { return V(below) + V(1 - below) * is_positive(x); }
  static constexpr T below = T(Below) / 10;
};

/// Calls use(f) with a functor f of the function's value and derivative.
template <class T, class Use>
void with_activation(nn::Activation function, const Use& use) {
  switch (function) {
    case nn::Activation::swish:
      return use(Swish<T>{});
    case nn::Activation::elu:
      return use(Elu<T>{});
    case nn::Activation::relu:
      return use(Rectified<T, 0>{});
    case nn::Activation::leaky_relu:
      return use(Rectified<T, 2>{});
  }
}

}  // namespace scoresde::eigen::detail
