// SPDX-License-Identifier: MIT
/// A user-defined score model: the exact denoiser of four images, run with every sampler.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <scoresde/scoresde.hpp>

#include "every_sampler.hpp"

/// The letters I, L, T and U as 4×4 images, −1 dark and 1 bright.
constexpr std::size_t dim = 16, count = 4;
constexpr char letters[] = "-#---#---#---#--#---#---#---########-#---#---#--#--##--##--#####";
double pixel(std::size_t j, std::size_t e) { return letters[j * dim + e] == '#' ? 1 : -1; }

//! [own_score_model]
/// F(x, t) = E[x₀ | x_t = x] = Σⱼ wⱼ yⱼ,  wⱼ ∝ exp(−‖x − αyⱼ‖²/2σ²);  score = (αF − x)/σ².
struct LetterDenoiser {
  scoresde::VpSde sde;

  void evaluate(const scoresde::HostState<double>& x, double t,
                scoresde::HostState<double>& output) const {
    const auto [alpha, sigma] = sde.marginal_prob(t);
    for (std::size_t k = 0; k < x.extents().samples; ++k) {
      std::array<double, count> w{};
      for (std::size_t i = 0; i < count * dim; ++i)
        w[i / dim] -= std::pow((x(k, i % dim) - alpha * pixel(i / dim, i % dim)) / sigma, 2) / 2;
      const double largest = *std::max_element(w.begin(), w.end());
      double sum = 0;
      for (double& weight : w) sum += weight = std::exp(weight - largest);
      for (std::size_t e = 0; e < dim; ++e) output(k, e) = 0;
      for (std::size_t i = 0; i < count * dim; ++i)
        output(k, i % dim) += w[i / dim] / sum * pixel(i / dim, i % dim);
    }
  }
  auto score_form(double t) const { return scoresde::DenoiserOutput<scoresde::VpSde>{sde}(t); }
};
static_assert(scoresde::ScoreModel<LetterDenoiser, scoresde::HostState<double>>);
//! [own_score_model]

int main() {
  const LetterDenoiser model;
  bool right = true;
  for_every_sampler(model.sde, 200, [&](const char* name, const auto& sampler) {
    scoresde::HostState<double> x({100, dim});
    sampler.sample(model, x, scoresde::Noise{.seed = 3});
    std::array<int, count> found{};
    for (std::size_t i = 0; i < 100 * count; ++i) {
      int same = 0;
      for (std::size_t e = 0; e < dim; ++e) same += x(i / count, e) * pixel(i % count, e) > 0;
      found[i % count] += same == int(dim);
    }
    std::printf("%-30s I %d  L %d  T %d  U %d\n", name, found[0], found[1], found[2], found[3]);
    // Every sample is a letter; a quarter each, 25 with a standard error of 4.3.
    for (const int n : found) right = right && std::abs(n - 25) < 18;
    right = right && found[0] + found[1] + found[2] + found[3] == 100;
  });
  return right ? 0 : 1;
}
