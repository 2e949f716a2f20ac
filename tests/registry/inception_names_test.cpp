// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include <scoresde/nn/networks/inception_config.hpp>
#include <scoresde/registry/inception_names.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::nn;

TEST_CASE("conventions of Inception's input have the names of the programs that publish them") {
  CHECK(names_of<InceptionConvention>() == std::vector<std::string>{"torch_fidelity", "pytorch_fid",
                                                                    "clean_fid", "score_sde",
                                                                    "nvidia"});
  CHECK(InceptionConfig{}.convention == InceptionConvention::torch_fidelity);
  CHECK(from_name<InceptionOutput>("features", "2048") == InceptionOutput::features_2048);
  for (const auto& row : published_names<InceptionConvention>) {
    const InceptionInput in = input_of(row.value);
    CHECK(in.shift + 255 * in.scale == Approx(1).margin(0.01));
  }
}
