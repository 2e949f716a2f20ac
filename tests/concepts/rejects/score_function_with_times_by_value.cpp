// SPDX-License-Identifier: MIT
/// The overload with a time per sample writes to a copy.
// expect: FunctionModel: the function takes its output by value, so its result is lost, or as
// auto&&, which cannot be distinguished; the third parameter must be an lvalue reference, State&
// output
#include <scoresde/scoresde.hpp>

using Batch = scoresde::HostState<double>;

struct Score {
  void operator()(const Batch& x, double, Batch& output) const { output = x; }
  void operator()(const Batch& x, std::span<const double>, Batch output) const { output = x; }
};

int main() {
  const scoresde::AdaptiveSde sampler{scoresde::VpSde()};
  auto model = scoresde::score_function(Score());
  Batch x({4, 3});
  sampler.sample(model, x, scoresde::Noise{});
}
