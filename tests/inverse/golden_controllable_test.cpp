// SPDX-License-Identifier: MIT
/// Inpainting and colorization against score_sde's runs, with its conventions by name.
#include <cmath>
#include <concepts>
#include <span>
#include <string>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/inverse/colorization.hpp>
#include <scoresde/inverse/inpainting.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>

#include "inverse/golden_cases.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using golden_cases::Case;
using Batch = HostState<double>;

namespace {

/// score_sde projects after every corrector and predictor, also those that do nothing and draw
/// nothing. These draw, so that a run applies its constraint after them.
struct IdlePredictor {
  StepCoefficients coefficients(const AnySde&, TimeStep) const { return {}; }
};
struct IdleCorrector {
  struct Rule {
    StepCoefficients operator()(Norms) const { return {}; }
  };
  static constexpr bool needs_norms = false;
  int steps = 1;
  Rule rule(const AnySde&, double) const { return {}; }
};

AnySde sde_of(const Case& c) { return golden_sampling::sde_of(c, c.entry.at("levels")); }
bool corrects(const Case& c) { return c.entry.at("corrector") != "none"; }
bool predicts(const Case& c) { return c.entry.at("predictor") != "none"; }
std::size_t corrections(const Case& c) {
  return corrects(c) ? c.entry.at("n_steps").get<std::size_t>() : 1;
}

/// The draws of a run: the prior, then of each step those of the corrector, of its projection, of
/// the predictor and of its projection, with zeros for the idle ones, which the file does not have.
std::vector<Batch> draws_of(const Case& c) {
  const Batch prior = golden_cases::state(c, "prior"), none(prior.extents());
  std::vector<Batch> draws{prior};
  const std::size_t per_step = corrections(c) + 3;
  const auto at = [&] { return (draws.size() - 1) % per_step; };
  for (const Batch& z : golden_sampling::states<double>(c, "z", prior)) {
    if (!corrects(c) && at() == 0) draws.push_back(none);
    if (!predicts(c) && at() == corrections(c) + 1) draws.push_back(none);
    draws.push_back(z);
  }
  return draws;
}

template <class P, class K, class C>
void run(const Case& c, const P& predictor, const K& corrector, C& constraint,
         const std::vector<Batch>& draws, Batch x) {
  const AnySde sde = sde_of(c);
  const PredictorCorrector sampler{sde, predictor, corrector,
                                   score_sde_grid(1, c.entry.at("eps"), c.entry.at("levels"))};
  auto model = golden_cases::gaussian(c, sde);
  Workspace<Batch, sampler.buffers> work(x);
  sampler.integrate(model, x, RecordedNoise<Batch>{std::span<const Batch>(draws)}, work,
                    NoObserver{}, constraint);
  golden_cases::check_close(x, golden_cases::tensor(c, "x_end"));
}

/// Runs the case's sampler from x and compares with x_end.
template <class C>
void run(const Case& c, C& constraint, const std::vector<Batch>& draws, const Batch& x) {
  const auto with_predictor = [&](const AnyPredictor<>& predictor) {
    if (corrects(c))
      run(c, predictor,
          Langevin{.snr = c.entry.at("snr"), .steps = c.entry.at("n_steps"), .scope = Scope::batch},
          constraint, draws, x);
    else
      run(c, predictor, IdleCorrector{}, constraint, draws, x);
  };
  if (!predicts(c)) return with_predictor(AnyPredictor<>(IdlePredictor{}));
  golden_sampling::with_predictor(c, c.entry.at("predictor"), [&](const auto& predictor) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(predictor)>, AnyPredictor<>>)
      with_predictor(predictor);
  });
}

/// y_j = Σᵢ xᵢ M_ij for the channels of every pixel, or back by the inverse of M.
struct ColorBasis {
  std::vector<double> to, from;  ///< M and M⁻¹

  explicit ColorBasis(std::vector<double> m) : to(m), from(9) {
    const double det = m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
                       m[2] * (m[3] * m[7] - m[4] * m[6]);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        const auto at = [&](std::size_t r, std::size_t k) { return m[r % 3 * 3 + k % 3]; };
        from[j * 3 + i] =
            (at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1)) / det;
      }
  }
};

/// The first coordinate of the basis as an operator: the reference's matrix is rounded to 8 digits,
/// so that its rows are not orthonormal.
struct FirstColor {
  static constexpr bool orthonormal_rows = false;
  ColorBasis basis;
  std::size_t pixels;

  std::size_t rows() const { return pixels; }
  std::size_t columns() const { return 3 * pixels; }
  void apply(const Batch& x, Batch& y) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t p = 0; p < pixels; ++p) {
        y(k, p) = 0;
        for (std::size_t i = 0; i < 3; ++i) y(k, p) += x(k, i * pixels + p) * basis.to[i * 3];
      }
  }
  void adjoint(const Batch& y, Batch& x) const { pseudo_inverse(y, x); }
  /// The basis vector of the coordinate: a right inverse, and along the other coordinates.
  void pseudo_inverse(const Batch& y, Batch& x) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t p = 0; p < pixels; ++p)
        for (std::size_t i = 0; i < 3; ++i) x(k, i * pixels + p) = y(k, p) * basis.from[i];
  }
};

/// score_sde draws the noise of the known coordinate in the basis: z of channel 0, back in pixels.
void to_basis(Batch& z, const FirstColor& op) {
  Batch y({z.extents().samples, op.pixels});
  for (std::size_t k = 0; k < z.extents().samples; ++k)
    for (std::size_t p = 0; p < op.pixels; ++p) y(k, p) = z(k, p);
  op.pseudo_inverse(y, z);
}

/// Changes the draws of the projections, which follow the corrector and the predictor of each step.
void projections_to_basis(const Case& c, std::vector<Batch>& draws, const FirstColor& op) {
  for (std::size_t at = 1; at < draws.size(); ++at) {
    to_basis(draws.at(at += corrections(c)), op);
    to_basis(draws.at(at += 2), op);
  }
}

/// A constraint without its start.
template <class C>
struct FromStart {
  C& constraint;
  static constexpr bool needs_before = false, needs_noise = true;
  template <class M>
  void after_update(const Batch& before, Batch& x, TimeStep step, M& model, const Batch& z) {
    constraint.after_update(before, x, step, model, z);
  }
  void after_end(Batch& x) { constraint.after_end(x); }
};

}  // namespace

TEST_CASE("inpainting equals score_sde's with its final denoising", "[golden]") {
  const std::size_t count = golden_cases::for_each("inpainting", [](const Case& c) {
    const Batch mask = golden_cases::state(c, "mask"), data = golden_cases::state(c, "data");
    const auto draws = draws_of(c);
    Inpainting inpainting(sde_of(c), mask, data, KnownLevel::step_start);
    Batch start = draws[0];
    inpainting.after_start(start, 1, draws[0]);
    golden_cases::check_close(start, golden_cases::tensor(c, "x_start"));
    run(c, inpainting, draws, draws[0]);
  });
  golden::require_cases(count, "golden inpainting");
}

TEST_CASE("colorization equals score_sde's for both starts and matrices", "[golden]") {
  const std::size_t count = golden_cases::for_each("colorization", [](const Case& c) {
    const Batch data = golden_cases::state(c, "data");
    const FirstColor op{ColorBasis(golden_cases::tensor(c, "M")), data.extents().dim / 3};
    const bool exact = c.entry.at("matrix") == "exact";
    const std::size_t height = c.file->at(c.name + ".data").shape.at(2);
    Batch y({data.extents().samples, op.pixels}), gray = y;
    op.apply(data, y);
    auto draws = draws_of(c);
    projections_to_basis(c, draws, op);
    KnownMeasurement known(sde_of(c), op, y, KnownLevel::step_start);
    if (c.entry.at("start") == "decoupled") {
      Batch start = draws[0];
      known.after_start(start, 1, draws[0]);
      golden_cases::check_close(start, golden_cases::tensor(c, "x_start"));
    }
    // after_start would replace the start of score_sde's mask in pixels by the right one.
    FromStart<decltype(known)> from_start{known};
    run(c, from_start, draws, golden_cases::state(c, "x_start"));
    if (!exact || c.entry.at("start") != "decoupled") return;
    const Gray mean({3, height, op.pixels / height});
    mean.apply(data, gray);
    Colorization<AnySde, Batch> colorization(sde_of(c), mean, gray, KnownLevel::step_start);
    run(c, colorization, draws, draws[0]);
  });
  golden::require_cases(count, "golden colorization");
}
