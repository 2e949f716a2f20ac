// SPDX-License-Identifier: MIT
/// A prior mean is not a linear form: a backend without `transform` cannot add it.
// expect: prior mean: the SDE has a prior_mean, which the state's backend cannot add; it needs
// transform(out, f, inputs...) (scoresde/state/elementwise.hpp)
#include <scoresde/scoresde.hpp>

/// A state whose backend has linear forms only.
struct Plain : scoresde::HostState<double> {
  using HostState::HostState;
};
struct PlainBackend {
  using State = Plain;
  template <class T>
  using List = std::span<const T>;
  scoresde::Extents extents(const Plain& x) const { return x.extents(); }
  Plain make_like(const Plain& x) const { return Plain(x.extents()); }
  void assign(Plain&, List<scoresde::Term<Plain>>, scoresde::NoiseTerm) const {}
  void assign(Plain&, List<scoresde::SampleTerm<Plain>>, scoresde::SampleNoise) const {}
  void norms(List<scoresde::Term<Plain>>, std::span<double>) const {}
  void norms(scoresde::NoiseDraw, const Plain&, std::span<double>) const {}
  void scaled_rms(const Plain&, const Plain&, const Plain&, double, double,
                  std::span<double>) const {}
  void inner(const Plain&, const Plain&, std::span<double>) const {}
};
template <>
struct scoresde::backend_of<Plain> {
  static PlainBackend of(const Plain&) { return {}; }
};

int main() {
  Plain x(scoresde::Extents{1, 2});
  draw_prior(scoresde::WithPriorMean(scoresde::VeSde(), 0.5), x, scoresde::NoiseDraw{});
}
