// SPDX-License-Identifier: MIT
#include <string>

#include <scoresde/nn/presets.hpp>
#include <scoresde/nn/unet.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;

TEST_CASE("Published configurations have their published number of parameters") {
  const auto count = [](const std::string& name) {
    return unet(preset(name).network).parameters().size();
  };
  CHECK(count("vp/cifar10_ddpmpp_continuous") == 61'804'419);
  CHECK(count("subvp/cifar10_ddpmpp_continuous") == 61'804'419);
  CHECK(count("vp/cifar10_ddpmpp_deep_continuous") == 106'632'579);
  CHECK(count("subvp/cifar10_ddpmpp_deep_continuous") == 106'632'579);
}

TEST_CASE("Every preset builds, and its name begins with its SDE unless it is our own") {
  for (const Preset& p : presets()) {
    CAPTURE(p.name);
    CHECK_NOTHROW(unet(p.network));
    CHECK(&preset(p.name) == &p);
    if (const auto slash = p.name.find('/'); slash != std::string::npos)
      CHECK(p.name.substr(0, slash) == p.sde);
  }
}

TEST_CASE("The small preset is small enough for a CPU") {
  const Preset& p = preset("cifar10_small");
  const std::size_t count = unet(p.network).parameters().size();
  CHECK(count > 1'000'000);
  CHECK(count < 2'500'000);
  CHECK(p.network.dropout == 0);
}

TEST_CASE("An unknown preset is refused with the names there are") {
  CHECK_THROWS_WITH(preset("vp/cifar100"),
                    Catch::Matchers::Contains("'vp/cifar100'") &&
                        Catch::Matchers::Contains("vp/cifar10_ddpmpp_continuous") &&
                        Catch::Matchers::Contains("cifar10_small"));
}
