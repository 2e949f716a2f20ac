// SPDX-License-Identifier: MIT
/// Whole predictor-corrector runs compared with the reference implementation, in double and float.
#include <span>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>

#include "support/catch.hpp"
#include "support/golden_sampling.hpp"

using namespace scoresde;
using golden_sampling::Case;

namespace {

template <class T, class P, class C>
void run(const Case& c, const AnySde& sde, const P& predictor, const C& corrector) {
  const std::size_t steps = c.entry.at("N");
  const PredictorCorrector sampler{sde, predictor, corrector,
                                   score_sde_grid(1, c.entry.at("eps"), steps)};
  auto x = golden_sampling::state<T>(c, "prior");
  auto draws = golden_sampling::states<T>(c, "z", x);
  draws.insert(draws.begin(), x);  // draw 0 is the prior
  Workspace<HostState<T>, sampler.buffers> work(x);
  const SamplerStatistics done =
      sampler.integrate(golden_sampling::data(c, sde), x,
                        RecordedNoise<HostState<T>>{std::span<const HostState<T>>(draws)}, work);
  INFO(c.name);
  CHECK(done.nfe == sampler.nfe());
  CHECK(done.nfe + 1 == draws.size());  // every evaluation uses one draw, and all are used
  CHECK(golden_sampling::relative_error(x, c.file->at(c.name + ".x").template as<double>()) <=
        golden_sampling::tolerance<T>);
}

template <class T>
void check(const Case& c) {
  const std::string corrector = c.entry.at("corrector");
  const double snr = c.entry.at("snr");
  const int steps = c.entry.at("n_steps");
  const AnySde sde = golden_sampling::sde_of(c, c.entry.at("N"));
  golden_sampling::with_predictor(c, c.entry.at("predictor"), [&](const auto& predictor) {
    if (corrector == "langevin")
      run<T>(c, sde, predictor, Langevin{.snr = snr, .steps = steps, .scope = Scope::batch});
    else if (corrector == "ald")
      run<T>(c, sde, predictor, AnnealedLangevin{.snr = snr, .steps = steps});
    else if (corrector == "none")
      run<T>(c, sde, predictor, NoCorrector{});
    else
      FAIL("unknown corrector " << corrector);
  });
}

}  // namespace

TEST_CASE("predictor-corrector runs equal the reference in double and float", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"predictor", "corrector", "N", "eps"}, [](const Case& c) {
        check<double>(c);
        check<float>(c);
      });
  golden::require_cases(count, "golden runs");
  if (std::getenv("SCORESDE_GOLDEN_DIR") == nullptr) CHECK(count >= 9);
}
