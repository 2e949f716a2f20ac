// SPDX-License-Identifier: MIT
/// One predictor or corrector update compared with the reference implementation, in double and
/// float.
#include <array>
#include <span>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/sampler/correct.hpp>
#include <scoresde/sampler/sampler.hpp>

#include "support/catch.hpp"
#include "support/golden_sampling.hpp"

using namespace scoresde;
using golden_sampling::Case;

namespace {

constexpr std::size_t levels = 1000;

template <class T>
void compare(const Case& c, const char* what, const HostState<T>& x) {
  const auto wanted = c.file->at(c.name + "." + what).template as<double>();
  INFO(c.name << "." << what);
  CHECK(golden_sampling::relative_error(x, wanted) <= golden_sampling::tolerance<T>);
}

template <class T, class P>
void check_predictor(const Case& c, const AnySde& sde, const P& predictor, std::size_t count) {
  const double t = c.entry.at("t");
  auto x = golden_sampling::state<T>(c, "x");
  const auto z = golden_sampling::state<T>(c, "z");
  auto model = golden_sampling::data(c, sde);
  HostState<T> score(x.extents()), mean = x;
  const StepCoefficients step =
      predictor.coefficients(sde, TimeStep{t, t - 1 / static_cast<double>(count)});
  model.evaluate(x, t, score);
  update(mean, score, model.score_form(t), without_noise(step), z);
  update(x, score, model.score_form(t), step, z);
  compare(c, "x_next", x);
  compare(c, "x_mean", mean);
}

template <class T, class C>
void check_corrector(const Case& c, const AnySde& sde, const C& corrector) {
  const double t = c.entry.at("t");
  auto x = golden_sampling::state<T>(c, "x");
  const auto z = golden_sampling::states<T>(c, "z", x);
  REQUIRE(z.size() == static_cast<std::size_t>(corrector.steps));
  auto model = golden_sampling::data(c, sde);
  HostState<T> score(x.extents()), mean = x;
  Workspace<HostState<T>, 1> work(x);
  for (std::size_t i = 0; i < z.size(); ++i) {
    model.evaluate(x, t, score);
    mean = x;
    const std::array<Term<HostState<T>>, 1> terms{Term<HostState<T>>{1, &score}};
    backend(x).norms(std::span<const Term<HostState<T>>>(terms), work.row(0));
    detail::noise_norms(z[i], x, work.row(1));
    const Norms norms{detail::mean(work.row(0)), detail::mean(work.row(1))};
    update(mean, score, model.score_form(t), without_noise(corrector.rule(sde, t)(norms)), z[i]);
    correct(sde, corrector, t, x, score, model.score_form(t), z[i], work);
  }
  compare(c, "x_next", x);
  compare(c, "x_mean", mean);
}

template <class T>
void check(const Case& c) {
  const std::size_t count = c.entry.value("N", levels);
  const std::string kind = c.entry.at("kind"), method = c.entry.at("method");
  const AnySde sde = golden_sampling::sde_of(c, count);
  if (kind == "predictor") {
    golden_sampling::with_predictor(
        c, method, [&](const auto& predictor) { check_predictor<T>(c, sde, predictor, count); });
    return;
  }
  const double snr = c.entry.at("snr");
  const int steps = c.entry.at("n_steps");
  if (method == "langevin")
    check_corrector<T>(c, sde, Langevin{.snr = snr, .steps = steps, .scope = Scope::batch});
  else if (method == "ald")
    check_corrector<T>(c, sde, AnnealedLangevin{.snr = snr, .steps = steps});
  else
    FAIL("unknown corrector " << method);
}

}  // namespace

TEST_CASE("single updates equal the reference in double and float", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"kind", "method", "sde", "t"}, [](const Case& c) {
        check<double>(c);
        check<float>(c);
      });
  golden::require_cases(count, "golden updates");
  if (std::getenv("SCORESDE_GOLDEN_DIR") == nullptr) CHECK(count >= 50);
}
