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
Lanes<T> silu(Lanes<T> x) {
  return x / (Lanes<T>(1) + exp(-x));
}

/// Its derivative σ(x) (1 + x (1 − σ(x))).
template <class T>
Lanes<T> silu_slope(Lanes<T> x) {
  const Lanes<T> s = Lanes<T>(1) / (Lanes<T>(1) + exp(-x));
  return s * (Lanes<T>(1) + x * (Lanes<T>(1) - s));
}

/// 1 where x > 0 and 0 elsewhere, for finite x.
template <class T>
Lanes<T> is_positive(Lanes<T> x) {
  return Lanes<T>::of(packets::pand(packets::pcmp_lt(packets::pset1<Packet<T>>(T(0)), x.value),
                                    packets::pset1<Packet<T>>(T(1))));
}

template <class T>
struct Swish {
  using V = Lanes<T>;
  [[nodiscard]] V value(V x) const { return silu(x); }
  [[nodiscard]] V slope(V x) const { return silu_slope(x); }
};

template <class T>
struct Elu {
  using V = Lanes<T>;
  [[nodiscard]] V value(V x) const {
    return max(x, V(0)) + V::of(packets::generic_expm1(min(x, V(0)).value));
  }
  [[nodiscard]] V slope(V x) const { return exp(min(x, V(0))); }
};

/// Slope `Below`/10 for negative x.
template <class T, int Below>
struct Rectified {
  using V = Lanes<T>;
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
