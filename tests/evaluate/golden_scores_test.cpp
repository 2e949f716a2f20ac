// SPDX-License-Identifier: MIT
/// Inception score, kernel distance, precision and recall of the public packages.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/inception_score.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/evaluate/numpy_random.hpp>
#include <scoresde/evaluate/precision_recall.hpp>

#include "evaluate/golden_cases.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using golden_metrics::Case;
using golden_metrics::json;

namespace {

void check_score(const InceptionScore& found, const json& wanted) {
  CHECK(found.mean == Approx(wanted.at(0).get<double>()).epsilon(1e-9));
  CHECK(std::abs(found.standard_deviation - wanted.at(1).get<double>()) <= 1e-9 * found.mean);
}

std::vector<double> as_double(const std::vector<std::size_t>& values) {
  return {values.begin(), values.end()};
}

KernelDistanceOptions options_of(const Case& c, KernelSubsets rule) {
  return {.kernel = {.degree = c.entry.at("degree"),
                     .gamma = c.entry.at("gamma"),
                     .offset = c.entry.at("coef0")},
          .rule = rule,
          .subsets = c.entry.at("subsets"),
          .subset_size = c.entry.at("subset_size")};
}

double number(const json& entry) { return entry.get<double>(); }

}  // namespace

TEST_CASE("Inception scores are those of torch-fidelity, dgm-eval and tfgan", "[golden]") {
  golden_metrics::for_each("inception_score", [](const Case& c) {
    const auto logits = golden_metrics::matrix(c, "logits");
    InceptionScoreOptions options{.splits = c.entry.at("splits")};
    check_score(inception_score(logits.view(), options), c.entry.at("torch_fidelity"));
    options.shuffle_seed.reset();
    const InceptionScore in_order = inception_score(logits.view(), options);
    check_score(in_order, c.entry.at("torch_fidelity_unshuffled"));
    if (c.file->contains(c.name + ".split_scores"))
      CHECK(
          golden_metrics::apart(in_order.split_scores, golden_metrics::vector(c, "split_scores")) <=
          1e-9 * in_order.mean);
    options.rule = ScoreSplits::truncated;
    check_score(inception_score(logits.view(), options), c.entry.at("truncated_splits"));
    const auto one = inception_score(logits.view(),
                                     inception_score_options(InceptionScoreConvention::score_sde));
    CHECK(one.mean == Approx(number(c.entry.at("one_split"))).epsilon(1e-9));
  });
}

TEST_CASE("kernel distances are those of torch-fidelity, clean-fid and tfgan", "[golden][slow]") {
  golden_metrics::for_each("kernel_distance", [](const Case& c) {
    const auto x = golden_metrics::matrix(c, "x"), y = golden_metrics::matrix(c, "y");
    const auto options = options_of(c, KernelSubsets::torch_fidelity);
    const auto subsets = kernel_distance_of_subsets(x.view(), y.view(), options);
    CHECK(std::abs(subsets.value - number(c.entry.at("torch_fidelity").at(0))) <= 1e-10);
    CHECK(std::abs(subsets.standard_deviation - number(c.entry.at("torch_fidelity").at(1))) <=
          1e-10);
    CHECK(golden_metrics::apart(subsets.values, golden_metrics::vector(c, "subset_values")) <=
          1e-10);
    const auto all = kernel_distance(x.view(), y.view(), options.kernel);
    CHECK(std::abs(all.value - number(c.entry.at("unbiased_all"))) <= 1e-10);
    if (c.entry.contains("tfgan")) {
      const auto blocks =
          kernel_distance_of_blocks(x.view(), y.view(), c.entry.at("block"), options.kernel);
      CHECK(std::abs(blocks.value - number(c.entry.at("tfgan").at(0))) <= 1e-10);
      if (c.entry.at("tfgan").at(1).is_null())
        CHECK(std::isnan(blocks.standard_error));
      else
        CHECK(std::abs(blocks.standard_error - number(c.entry.at("tfgan").at(1))) <= 1e-10);
    }
    if (c.entry.contains("clean_fid_seed5")) {
      auto clean = options_of(c, KernelSubsets::clean_fid);
      clean.seed = 5;
      const auto found = kernel_distance_of_subsets(x.view(), y.view(), clean);
      CHECK(std::abs(found.value - number(c.entry.at("clean_fid_seed5"))) <= 1e-10);
    }
  });
}

TEST_CASE("precision, recall, density and coverage are those of the packages", "[golden]") {
  golden_metrics::for_each("precision_recall", [](const Case& c) {
    const auto real = golden_metrics::matrix(c, "real"), fake = golden_metrics::matrix(c, "fake");
    const std::size_t k = c.entry.at("k");
    for (const auto boundary : {BallBoundary::closed, BallBoundary::open}) {
      const json& wanted =
          c.entry.at(boundary == BallBoundary::closed ? "closed_balls" : "open_balls");
      const auto found = precision_recall(real.view(), fake.view(), {k, boundary});
      CAPTURE(k, boundary);
      CHECK(found.precision.value == Approx(number(wanted.at("precision"))).epsilon(1e-14));
      CHECK(found.recall.value == Approx(number(wanted.at("recall"))).epsilon(1e-14));
      CHECK(found.density.value == Approx(number(wanted.at("density"))).epsilon(1e-13));
      CHECK(found.coverage.value == Approx(number(wanted.at("coverage"))).epsilon(1e-14));
      const std::string radii = "k" + std::to_string(k) + ".radii_";
      for (const auto& [which, values] :
           {std::pair{"real", &found.real_radii}, std::pair{"fake", &found.generated_radii}})
        if (c.file->contains(c.name + "." + radii + which)) {
          const auto of_package = golden_metrics::vector(c, radii + which);
          const double size = *std::max_element(of_package.begin(), of_package.end());
          CHECK(golden_metrics::apart(*values, of_package) <= 1e-7 * size);
        }
    }
  });
}

TEST_CASE("NumpyRandom has the words of MT19937") {
  NumpyRandom random(5489);
  for (int i = 1; i < 10000; ++i) static_cast<void>(random.word());
  CHECK(random.word() == 4123659995U);  // [rand.predef] of C++
}

TEST_CASE("NumpyRandom has the permutations and choices of numpy", "[golden]") {
  golden_metrics::for_each("numpy_random", [](const Case& c) {
    NumpyRandom random(c.entry.at("seed").get<std::uint32_t>());
    const std::size_t n = c.entry.at("n"), size = c.entry.at("size");
    if (c.entry.contains("sum")) {
      std::uint64_t sum = 0, squares = 0;
      for (const std::size_t i : random.choice(n, size)) sum += i, squares += i * i;
      CHECK(sum == c.entry.at("sum").get<std::uint64_t>());
      CHECK(squares == c.entry.at("sum_of_squares").get<std::uint64_t>());
      return;
    }
    CHECK(as_double(random.permutation(n)) == golden_metrics::vector(c, "permutation"));
    CHECK(as_double(random.choice(n, size)) == golden_metrics::vector(c, "then_choice"));
  });
}

namespace {

/// Calls test(file, its results) for every file of scores of whole packages.
template <class Test>
void for_each_pipeline(const Test& test) {
  std::size_t count = 0;
  for (const auto& path : golden::files()) {
    const auto file = io::read_safetensors(path.string());
    const auto what = file.metadata.find("what");
    if (what == file.metadata.end() || what->second != "pipeline") continue;
    test(file, json::parse(file.metadata.at("results")));
    ++count;
  }
  golden::require_cases(count, "pipeline");
}

}  // namespace

TEST_CASE("scores of features of a package's run are those of the run", "[golden]") {
  for_each_pipeline([](const io::TensorFile& file, const json& results) {
    const auto matrix = [&](const char* name) {
      return golden_metrics::Matrix{file.at(name).as<double>(), file.at(name).shape.at(1)};
    };
    const auto a = matrix("a.64"), b = matrix("b.64");
    const double wanted = results.at("torch_fidelity_features_64_fid_by_nuclear_norm");
    CHECK(frechet_distance(a.view(), b.view()).value == Approx(wanted).epsilon(1e-4));
    const json& of_package = results.at("torch_fidelity_64");
    CHECK(frechet_distance(a.view(), b.view()).value ==
          Approx(number(of_package.at("frechet_inception_distance"))).epsilon(1e-4));
    const auto kid =
        kernel_distance_of_subsets(a.view(), b.view(), {.subsets = 7, .subset_size = 20});
    CHECK(kid.value ==
          Approx(number(of_package.at("kernel_inception_distance_mean"))).epsilon(1e-4));
    CHECK(kid.standard_deviation ==
          Approx(number(of_package.at("kernel_inception_distance_std"))).epsilon(1e-4));
    const auto logits = matrix("a.logits_unbiased");
    for (const bool shuffled : {true, false}) {
      const json& run = results.at(shuffled ? "torch_fidelity" : "torch_fidelity_unshuffled_isc");
      const auto score = inception_score(
          logits.view(), inception_score_options(shuffled ? InceptionScoreConvention::torch_fidelity
                                                          : InceptionScoreConvention::openai));
      CHECK(score.mean == Approx(number(run.at("inception_score_mean"))).epsilon(1e-6));
      CHECK(score.standard_deviation ==
            Approx(number(run.at("inception_score_std"))).epsilon(1e-4));
    }
  });
}
