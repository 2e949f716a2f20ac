// SPDX-License-Identifier: MIT
#include "kernels/parameter_update.hpp"

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/gradient_norm.hpp>
#include <scoresde/optim/optimizer.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/sgd.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;
using scoresde::testing::Schedule;

namespace {

const Adam adam{.learning_rate = 0.01,
                .beta1 = 0.8,
                .beta2 = 0.95,
                .epsilon = 1e-6,
                .weight_decay = 0.03,
                .warm_up = 3,
                .gradient_clip = 2.5};
/// The others with the same settings; RAdam's steps are adaptive from the fifth on.
template <class Rule>
Rule rule_of() {
  if constexpr (std::is_same_v<Rule, Adam>)
    return adam;
  else if constexpr (std::is_same_v<Rule, RAdam>)
    return {.learning_rate = 0.01,
            .beta1 = 0.8,
            .beta2 = 0.95,
            .epsilon = 1e-6,
            .weight_decay = 0.03,
            .warm_up = 2,
            .gradient_clip = 2.5};
  else
    return {.learning_rate = 0.01, .momentum = 0.8, .weight_decay = 0.03, .gradient_clip = 2.5};
}
const ExponentialMovingAverage ema{.decay = 0.9};

/// The buffers of a training step, as in device memory.
template <class Rule = Adam>
struct DeviceRun {
  std::vector<float> theta, m, v, average, gradient;
  std::vector<Bfloat16> cast;
  std::vector<double> partial, losses;
  std::uint64_t step = 0;
  CoefficientsOf<Rule, float> coefficients{};
  cuda::detail::StepOutcome outcome;
  std::uint32_t skip_limit = 0;

  explicit DeviceRun(std::size_t size)
      : theta(random_values<float>(size, 1)),
        m(size),
        v(size),
        average(theta),
        gradient(size),
        cast(size),
        partial(cuda::SumOfSquares::parts(size), std::nan("")),
        losses{1.5, 0.5, 4} {}

  void update(const Schedule& schedule, bool with_average = true, bool whole = true) {
    const std::size_t size = theta.size();
    emulate(cuda::SumOfSquares{size, whole, gradient.data(), partial.data()}, schedule);
    emulate(
        cuda::FinalizeStep<Rule>{rule_of<Rule>(), ema, static_cast<std::uint32_t>(partial.size()),
                                 static_cast<std::uint32_t>(losses.size()), partial.data(),
                                 losses.data(), &step, &coefficients, &outcome, skip_limit},
        schedule);
    emulate(
        cuda::UpdateParameters<CoefficientsOf<Rule, float>>{
            size, whole, true, &coefficients, &outcome, theta.data(), m.data(), v.data(),
            with_average ? average.data() : nullptr, gradient.data(), cast.data()},
        schedule);
  }
  bool operator==(const DeviceRun& other) const {
    return theta == other.theta && m == other.m && v == other.v && average == other.average &&
           cast == other.cast && step == other.step;
  }
};

}  // namespace

TEMPLATE_TEST_CASE("the fused update matches the optimizer, EMA and cast", "[emulated]", Adam,
                   RAdam, Sgd) {
  const TestType rule = rule_of<TestType>();
  for (const std::size_t size : {1u, 7u, 8u, 2049u, 40000u})
    for (const bool whole : {true, false}) {
      CAPTURE(size, whole);
      DeviceRun<TestType> run(size), other(size);
      std::vector<double> theta(run.theta.begin(), run.theta.end()), m(size), v(size),
          average = theta;
      GradientNorm norm_of(size);
      for (std::uint64_t n = 0; n < 6; ++n) {
        const auto gradient = random_values<float>(size, 10 + n);
        const std::vector<double> wide(gradient.begin(), gradient.end());
        const double norm = norm_of(std::span<const double>(wide));
        update_parameters(rule, ParameterBuffers<double>{theta, m, v, average},
                          std::span<const double>(wide), n, norm, ema.decay_at(n + 1));
        run.gradient = other.gradient = gradient;
        run.update(every_schedule[n % 5], true, whole);
        other.update(every_schedule[(n + 1) % 5], true, whole);
        CHECK(run == other);
        CHECK(run.outcome.updates == n + 1);
        CHECK(run.outcome.gradient_norm == Approx(norm).epsilon(1e-13));
        CHECK(run.outcome.loss == Approx(2).epsilon(1e-14));
        CHECK(run.outcome.learning_rate == rule.learning_rate_at(n));
        CHECK(run.gradient == std::vector<float>(size));
      }
      CHECK(relative_distance(run.theta, theta) < 1e-6);
      CHECK(relative_distance(run.m, m) < 1e-6);
      CHECK(relative_distance(run.v, v) < 1e-6);
      CHECK(relative_distance(run.average, average) < 1e-6);
      for (std::size_t i = 0; i < size; ++i)
        CHECK(run.cast[i] == cuda::from_float<Bfloat16>(run.theta[i]));
    }
}

TEST_CASE("the learning rate of a step on the device follows every schedule", "[emulated]") {
  for (const RateSchedule name : {RateSchedule::cosine, RateSchedule::inverse_sqrt}) {
    Adam rule = adam;
    rule.schedule = {name, 4};
    rule.decay = {.first = 6, .updates = 3};
    DeviceRun<> run(10);
    run.partial[0] = 1;
    for (std::uint64_t n = 0; n < 10; ++n) {
      emulate(cuda::FinalizeStep<Adam>{rule, ema, 1, 3, run.partial.data(), run.losses.data(),
                                       &run.step, &run.coefficients, &run.outcome},
              every_schedule[n % 5]);
      CHECK(run.outcome.updates == n + 1);
      CHECK(run.outcome.learning_rate == rule.learning_rate_at(n));
    }
  }
}

TEST_CASE("a null average is not updated", "[emulated]") {
  DeviceRun<> run(100);
  const auto average = run.average;
  run.gradient = random_values<float>(100, 3);
  run.update(every_schedule[0], false);
  run.gradient = random_values<float>(100, 4);
  run.update(every_schedule[0], false);
  CHECK(run.average == average);
  CHECK(run.theta != average);
}

TEST_CASE("non-finite steps up to the limit are counted and change nothing else", "[emulated]") {
  constexpr std::uint32_t limit = 2;
  DeviceRun<> run(300);
  run.skip_limit = limit;
  run.gradient = random_values<float>(300, 3);
  run.update(every_schedule[1]);
  for (std::uint64_t step = 1; step < 5; step += 2) {
    for (std::uint32_t skipped = 1; skipped <= limit; ++skipped) {
      DeviceRun<> before = run;
      run.gradient[7] = std::nanf("");
      run.update(every_schedule[skipped]);
      ++before.step;
      CHECK(run == before);
      CHECK(run.outcome.finite == 0);
      CHECK(run.outcome.skipped == skipped);
      CHECK(run.outcome.updates == run.step);
    }
    if (step == 1) {  // a finite step resets the count
      const auto theta = run.theta;
      run.gradient = random_values<float>(300, 4);
      run.update(every_schedule[0]);
      CHECK(run.outcome.skipped == 0);
      CHECK(run.outcome.finite == 1);
      CHECK(run.theta != theta);
    }
  }
  const DeviceRun<> before = run;
  for (const bool finite : {false, true}) {  // the run has ended
    run.gradient = random_values<float>(300, 5);
    if (!finite) run.gradient[7] = std::nanf("");
    run.update(every_schedule[3]);
    CHECK(run == before);
    CHECK(run.outcome.skipped == limit + 1);
    CHECK(run.outcome.updates == run.step);
  }
}

TEST_CASE("a non-finite step and the steps after it change nothing until it is reset",
          "[emulated]") {
  for (const bool in_gradient : {true, false}) {
    DeviceRun<> run(300);
    run.gradient = random_values<float>(300, 3);
    run.update(every_schedule[1]);
    const DeviceRun<> before = run;
    run.gradient = random_values<float>(300, 4);
    if (in_gradient)
      run.gradient[299] = std::numeric_limits<float>::infinity();
    else
      run.losses[1] = std::nan("");
    run.update(every_schedule[2]);
    CHECK(run == before);
    CHECK(run.outcome.finite == 0);
    CHECK(run.outcome.updates == 1);
    CHECK(run.gradient == std::vector<float>(300));
    run.losses[1] = 0.5;
    run.gradient = random_values<float>(300, 4);
    const double loss = run.outcome.loss, norm = run.outcome.gradient_norm;
    run.update(every_schedule[3]);  // enqueued before the host reads the failure
    CHECK(run == before);
    CHECK(run.outcome.finite == 0);
    CHECK(std::isfinite(run.outcome.loss) == std::isfinite(loss));
    CHECK(std::isfinite(run.outcome.gradient_norm) == std::isfinite(norm));
    run.outcome = {.updates = 1};
    run.gradient = random_values<float>(300, 4);
    run.update(every_schedule[0]);
    CHECK(run.outcome.finite == 1);
    CHECK(run.step == 2);
  }
}
