// SPDX-License-Identifier: MIT
/// The network of the golden losses with its exact gradient:
///
///   F(x, label) = tanh(w·x)(1 + 0.001·label)
#pragma once

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::test {

/// Labels and score form are those of the convention, as in score networks; input scales are
/// ignored.
template <class T, Sde S, class Convention = typename nn::convention_of<S>::type>
class TanhModel {
 public:
  using Scalar = T;
  using X = HostState<T>;

  TanhModel(S sde, std::vector<T> w, Convention convention = {})
      : sde_(std::move(sde)), w_(std::move(w)), convention_(convention) {}

  [[nodiscard]] std::span<const T> parameters() const { return w_; }
  [[nodiscard]] std::vector<T>& weights() { return w_; }
  [[nodiscard]] ScoreForm score_form(double t) const { return convention_.score_form(sde_, t); }

  void evaluate(const X& x, double t, X& output) {
    evaluate(x, std::vector<double>(x.extents().samples, t), output);
  }
  void evaluate(const X& x, std::span<const double> times, X& output) {
    x_ = &x;
    factor_.clear();
    for (std::size_t k = 0; k < times.size(); ++k) {
      factor_.push_back(T(1 + 0.001 * convention_.label(sde_, times[k])));
      for (std::size_t e = 0; e < w_.size(); ++e)
        output(k, e) = std::tanh(w_[e] * x(k, e)) * factor_[k];
    }
  }
  void set_dropout(NoiseDraw) {}
  void backward(const X& v, std::span<T> gradient) {
    for (std::size_t k = 0; k < factor_.size(); ++k)
      for (std::size_t e = 0; e < w_.size(); ++e) {
        const T tangent = std::tanh(w_[e] * (*x_)(k, e));
        gradient[e] += v(k, e) * factor_[k] * (1 - tangent * tangent) * (*x_)(k, e);
      }
  }

 private:
  S sde_;
  std::vector<T> w_;
  Convention convention_;
  const X* x_ = nullptr;
  std::vector<T> factor_;
};

static_assert(TrainableScoreModel<TanhModel<double, VeSde>, HostState<double>>);

}  // namespace scoresde::test
