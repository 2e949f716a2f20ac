// SPDX-License-Identifier: MIT
/// cifar10_edit --method dps, pigdm and twisted_smc, which need the derivative of the network: what
/// they keep of the measurement, where the posterior is known, and what they reject.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "programs/cifar10_programs.hpp"
#include "programs/edits.hpp"
#include "programs/tiny_checkpoint.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

const std::vector<Words> methods{{"--method", "dps"},
                                 {"--method", "pigdm", "--noise", "0.05"},
                                 {"--method", "twisted_smc", "--noise", "0.1", "--particles", "4"}};

/// Results around their images, in [−1, 1], on known pixels and unknown ones.
struct Agreement {
  double error = 0;   ///< root mean square of result − image on known pixels
  double slope = 0;   ///< of the result on the image there
  double spread = 0;  ///< root mean square of the result on unknown pixels
};

Agreement agreement(const std::vector<float>& results, const std::vector<float>& originals,
                    std::size_t each) {
  double squares = 0, products = 0, images = 0, unknown = 0;
  std::size_t known_pixels = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double r = 2 * double(results[i]) - 1;
    const double x = 2 * double(originals[i / dim / each * dim + i % dim]) - 1;
    const bool known = i / side % side / 2 % 3 == 0 || i % side / 2 % 3 == 0;
    if (!known) {
      unknown += r * r;
      continue;
    }
    ++known_pixels;
    squares += (r - x) * (r - x), products += r * x, images += x * x;
  }
  return {std::sqrt(squares / double(known_pixels)), products / images,
          std::sqrt(unknown / double(results.size() - known_pixels))};
}

}  // namespace

TEST_CASE("results of dps, pigdm and twisted_smc agree with what is known of the image") {
  Edits edits;
  edits.checkpoint = edm_checkpoint(edits.folder, true);
  const auto inpainted = [&](const Words& more) {
    const auto results = edits.edited("inpaint", Words{"--steps", "40", "--results", "3"} + more);
    const Agreement found = agreement(results, edits.originals(), 3);
    INFO("error " << found.error << ", slope " << found.slope << ", spread " << found.spread);
    // What is not known is as wide as the data, up to the error of 40 steps.
    CHECK(found.spread == Approx(0.5).margin(0.08));
    return found;
  };
  const Agreement free = inpainted({"--method", "dps", "--dps-scale", "0"});
  CHECK(free.error > 0.6);
  CHECK(std::abs(free.slope) < 0.15);
  const Agreement dps = inpainted({"--method", "dps", "--dps-scale", "1"});
  CHECK(dps.error < 0.05);
  const Agreement exact = inpainted({"--method", "pigdm"});
  CHECK(exact.error < 0.005);
  // Noise of 0.2 in [−1, 1]: the posterior mean is 0.25/(0.25 + 0.04) = 0.862 of the measurement,
  // and the error of a sample 0.27. ΠGDM and six particles reach 0.75 and 0.29.
  for (const Words& method :
       {Words{"--method", "pigdm"}, Words{"--method", "twisted_smc", "--particles", "6"}}) {
    const Agreement noisy = inpainted(method + Words{"--noise", "0.1"});
    CHECK(noisy.slope == Approx(0.8).margin(0.08));
    CHECK(noisy.error < 0.32);
  }
}

TEST_CASE("results by the network's derivative follow from the seed and not from the batch",
          "[slow]") {
  Edits edits;
  edits.checkpoint = edm_checkpoint(edits.folder, false);
  for (const char* task : {"super-resolve", "deblur"})
    for (const Words& method : methods) {
      const Words usual = Words{"--steps", "6", "--results", "3"} + method;
      const auto whole = edits.edited(task, usual);
      CHECK(edits.edited(task, usual + Words{"--batch", "6"}) == whole);
      CHECK(edits.edited(task, usual + Words{"--batch", "1"}) == whole);
      CHECK(edits.edited(task, usual + Words{"--seed", "7"}) != whole);
    }
}

TEST_CASE("the particles of a result have its class") {
  Edits edits;
  nn::UNetConfig network = tiny_image_network();
  network.num_class_embeds = 3;
  edits.checkpoint = edm_checkpoint(edits.folder, false, network);
  const auto of_class = [&](const char* name) {
    return edits.edited("colorize",
                        Words{"--steps", "6", "--results", "2", "--class", name} + methods.back());
  };
  const auto all = of_class("all");  // class k in row k
  const auto first = of_class("0"), second = of_class("1");
  const auto row = std::ptrdiff_t(2 * dim);
  CHECK(std::equal(all.begin(), all.begin() + row, first.begin()));
  CHECK(std::equal(all.begin() + row, all.end(), second.begin() + row));
  CHECK(first != second);
}

TEST_CASE("cifar10_edit rejects options that its method does not take") {
  Edits edits;
  const auto rejected = [&](const std::string& task, const Words& more, const Words& words) {
    const Outcome outcome = run(edit_program, edits.usual(task) + more);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == 2);
    for (const std::string& word : words) CHECK(outcome.says(word));
    CHECK_FALSE(std::filesystem::exists(edits.folder / edits.out()));
  };
  rejected("inpaint", {"--method", "pigmd"}, {"--method", "pigmd", "pigdm"});
  rejected("vary", {"--method", "dps"}, {"--method", "vary"});
  rejected("inpaint", {"--method", "twisted_smc"}, {"--noise is 0", "above 0"});
  rejected("inpaint", {"--method", "pigdm", "--particles", "8"}, {"--particles", "twisted_smc"});
  rejected("inpaint", {"--dps-scale", "1"}, {"--dps-scale", "--method known", "dps"});
  rejected("deblur", {"--corrector-steps", "1"}, {"--corrector-steps", "ddrm", "known"});
  rejected("colorize", {"--method", "dps", "--clip-denoised"}, {"--clip-denoised", "derivative"});
  rejected("inpaint",
           {"--data", image_file(edits.folder, 70), "--images", "70", "--results", "1000",
            "--method", "twisted_smc", "--noise", "1", "--particles", "65536"},
           {"--particles", "4587520000 samples", "at most 4000000000"});
}
