// SPDX-License-Identifier: MIT
#include "kernels/cross_entropy.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/score/classifier_gradient.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using scoresde::test::not_a_number;
using scoresde::test::random_values;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

TEST_CASE("cross-entropy and its gradient equal the host's under every schedule", "[emulated]") {
  for (const auto& [samples, classes] : std::vector<std::pair<std::size_t, std::size_t>>{
           {1, 1}, {3, 2}, {5, 10}, {4, 33}, {9, 100}}) {
    CAPTURE(samples, classes);
    std::vector<float> logits = random_values<float>(samples * classes, 1);
    for (float& value : logits) value *= 40;  // also probabilities near 0
    std::vector<std::uint32_t> labels(samples);
    std::vector<double> losses(samples), gradient(logits.begin(), logits.end());
    const double share = 0.125;
    for (std::size_t n = 0; n < samples; ++n) {
      labels[n] = static_cast<std::uint32_t>((7 * n + 3) % classes);
      losses[n] = cross_entropy(std::span(gradient).subspan(n * classes, classes), labels[n]);
    }
    for (const auto& schedule : every_schedule) {
      std::vector<float> found = logits;  // in place
      std::vector<double> of_kernel = not_a_number<double>(samples);
      emulate(cuda::CrossEntropyGradient{static_cast<unsigned>(samples),
                                         static_cast<unsigned>(classes), labels.data(), share,
                                         found.data(), found.data(), of_kernel.data()},
              schedule);
      for (std::size_t n = 0; n < samples; ++n)
        CHECK(of_kernel[n] == Approx(losses[n]).epsilon(1e-13).margin(1e-14));
      for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(found[i] == Approx(share * gradient[i]).epsilon(1e-6).margin(1e-12));
    }
  }
}

TEST_CASE("a logit that is not finite makes the loss of its sample not finite", "[emulated]") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits{0, 1, 2, 0, bad, 1};
    const std::vector<std::uint32_t> labels{2, 0};
    std::vector<double> losses(2);
    emulate(cuda::CrossEntropyGradient{2, 3, labels.data(), 1, logits.data(), logits.data(),
                                       losses.data()});
    CHECK(std::isfinite(losses[0]));
    CHECK(!std::isfinite(losses[1]));
  }
}
