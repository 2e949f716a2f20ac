// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>
#include <vector>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/ablation.hpp>
#include <scoresde/registry/network_fields.hpp>
#include <scoresde/registry/presets.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("every ablation of the small VE network differs from the base in the field it names") {
  const nn::Preset& base = nn::preset("cifar10_small_ve_ncsnpp");
  const std::vector<Ablation> all = ablations(base);
  std::vector<std::string> names;
  const Metadata fields = fields_of(base.network);
  for (const Ablation& one : all) {
    INFO(one.name());
    names.push_back(one.name());
    CHECK_NOTHROW(nn::unet(one.preset.network));
    Metadata expected = fields;
    if (!one.field.empty()) expected[one.field] = one.value;
    CHECK(fields_of(one.preset.network) == expected);
    CHECK((one.field.empty() || expected != fields));
    CHECK(one.preset.lr == base.lr);
  }
  CHECK(names == std::vector<std::string>{"base", "skip_rescale=false", "resblock_type=ddpm",
                                          "progressive=output_skip", "progressive=residual",
                                          "progressive_input=none", "progressive_input=input_skip",
                                          "fir=false"});
}

TEST_CASE("the base of an ablation keeps the averages of the other rates") {
  using Rates = std::vector<double>;
  const auto all = ablations(nn::preset("cifar10_small_ve_ncsnpp"));
  CHECK(all.front().preset.ema_rates == Rates{0.9, 0.99, 0.9999});
  for (std::size_t k = 1; k < all.size(); ++k) CHECK(all[k].preset.ema_rates.empty());
  CHECK(ablations(nn::preset("cifar10_small")).front().preset.ema_rates ==
        Rates{0.9, 0.99, 0.999, 0.9999});
}

TEST_CASE("bases whose network ignores or cannot have an ablated field are rejected") {
  CHECK_THROWS_WITH(ablations(nn::preset("vp/ddpm/cifar10")),
                    Catch::Contains("vp/ddpm/cifar10 has the architecture ddpm"));
  CHECK_THROWS_WITH(ablations(nn::preset("cifar10_classifier_small")),
                    Catch::Contains("is of a classifier"));
  nn::Preset one_level = nn::preset("cifar10_small_ve_ncsnpp");
  one_level.network.ch_mult = {1};
  CHECK_THROWS_WITH(ablations(one_level), Catch::Contains("ablation, progressive=residual: ") &&
                                              Catch::Contains("one level; it needs 2"));
}
