// SPDX-License-Identifier: MIT
#include "cli/ablation_report.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace programs;

namespace {

/// Losses of three images at four levels; those of the ends are not in the mean.
AblationResult result(const std::string& name, double shift) {
  AblationResult r{.name = name, .parameters = 7, .steps = 10, .images = 20, .seconds = 1.5};
  if (name != "base") r.field = "fir", r.value = "false";
  for (const double sigma : {0.01, 0.1, 1.0, 10.0})
    r.levels.push_back({sigma, 0, {100 * sigma, sigma + shift, 2 * sigma + 3 * shift}});
  r.levels[0].losses = {1e9, 1e9, 1e9};
  return r;
}

}  // namespace

TEST_CASE("the loss of an image is its mean over the inner noise levels") {
  const auto losses = losses_over_levels(result("base", 0).levels);
  REQUIRE(losses.size() == 3);
  CHECK(losses[0] == Approx(55));
  CHECK(losses[1] == Approx(0.55));
  CHECK(losses[2] == Approx(1.1));
  CHECK_THROWS_WITH(losses_over_levels({{1, 0, {1}}, {2, 0, {1}}}),
                    Catch::Contains("there are 2 noise levels"));
}

TEST_CASE("losses have the standard error of a mean, and differences that of paired images") {
  const Estimate loss = mean_loss({1, 2, 3, 6});
  CHECK(loss.value == Approx(3));
  CHECK(loss.error == Approx(std::sqrt(14.0 / 3 / 4)));
  const Estimate same = mean_difference({1.5, 2.5, 3.5, 6.5}, {1, 2, 3, 6});
  CHECK(same.value == Approx(0.5));
  CHECK(same.error == 0);
  const Estimate more = mean_difference({1, 4}, {0, 1});
  CHECK(more.value == Approx(2));
  CHECK(more.error == Approx(1));
  CHECK_THROWS_WITH(mean_difference({1, 2}, {1}), Catch::Contains("2 losses and 1 of the base"));
}

TEST_CASE("the table of an ablation has every network with its difference to the base") {
  const std::vector<AblationResult> results{result("base", 0), result("fir=false", 0.3)};
  const std::string text = ablation_text(results, 0.999);
  // Differences of the images: 0, 0.3 and 0.9.
  CHECK_THAT(text, Catch::Contains("fir=false") && Catch::Contains("+0.400000 +- 0.264575") &&
                       Catch::Contains("over 3 images") && Catch::Contains("rate 0.999;") &&
                       Catch::Contains("rates above 0.55000"));  // 11/20 after 10 steps
  const std::string csv = ablation_csv(results);
  CHECK_THAT(csv, Catch::StartsWith("network,field,value,parameters,steps,images,seconds,sigma,"
                                    "loss,loss_error,difference,difference_error\nbase,,,7,10,20,"
                                    "1.500,0.01,1e+09,0,0,0\n"));
  CHECK_THAT(csv, Catch::Contains("\nfir=false,fir,false,7,10,20,1.500,10,"));
  CHECK_THAT(csv, Catch::Contains(",mean,19.2833333,"));
  CHECK_THAT(csv, Catch::EndsWith(",0.4,0.264575131\n"));
}
