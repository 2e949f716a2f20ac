// SPDX-License-Identifier: MIT
/// cifar10_edit: what each task keeps of the images, and what it rejects.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/edits.hpp"
#include "programs/tiny_checkpoint.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

/// The largest |f(result) − f(original)| over results of two images, `each` for an image.
template <class Measured>
double largest_difference(const std::vector<float>& results, const std::vector<float>& originals,
                          std::size_t each, const Measured& measured) {
  double largest = 0;
  for (std::size_t k = 0; k * dim < results.size(); ++k) {
    const auto a = measured(std::span(results).subspan(k * dim, dim));
    const auto b = measured(std::span(originals).subspan(k / each * dim, dim));
    for (std::size_t i = 0; i < a.size(); ++i)
      largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  }
  return largest;
}

std::vector<float> all_pixels(std::span<const float> image) { return {image.begin(), image.end()}; }

/// Means over the channels.
std::vector<float> gray(std::span<const float> image) {
  std::vector<float> result(plane);
  for (std::size_t i = 0; i < dim; ++i) result[i % plane] += image[i] / 3;
  return result;
}

/// Means over blocks of 2 × 2 pixels.
std::vector<float> halved(std::span<const float> image) {
  std::vector<float> result(dim / 4);
  for (std::size_t i = 0; i < dim; ++i) {
    const std::size_t c = i / plane, h = i / side % side, w = i % side;
    result[c * plane / 4 + h / 2 * side / 2 + w / 2] += image[i] / 4;
  }
  return result;
}

/// The pixels outside rows 2 to 5 of columns 2 to 5.
std::vector<float> frame(std::span<const float> image) {
  std::vector<float> result;
  for (std::size_t i = 0; i < dim; ++i)
    if (i / side % side / 2 % 3 == 0 || i % side / 2 % 3 == 0) result.push_back(image[i]);
  return result;
}

}  // namespace

TEST_CASE("known pixels are the image's after cifar10_edit inpaint, and others are sampled") {
  Edits edits;
  const Words three{"--results", "3"};
  for (const char* method : {"known", "ddrm"}) {
    const auto results = edits.edited("inpaint", three + Words{"--method", method});
    REQUIRE(results.size() == 2 * 3 * dim);
    CHECK(largest_difference(results, edits.originals(), 3, frame) < 1e-6);
    CHECK(largest_difference(results, edits.originals(), 3, all_pixels) > 0.05);
    CHECK(results[dim + 2 * side + 3] != results[2 * side + 3]);
  }
  const auto left = edits.edited("inpaint", {"--results", "1", "--box", "0", "0", "8", "4"});
  for (std::size_t h = 0; h < side; ++h)
    for (std::size_t w = 4; w < side; ++w)
      CHECK(left[h * side + w] == Approx(edits.originals()[h * side + w]).margin(1e-6));
}

TEST_CASE("results of cifar10_edit do not depend on the batch, and a mask equals its box") {
  Edits edits;
  std::vector<float> mask(plane, 1);
  for (std::size_t h = 2; h < 6; ++h)
    std::fill_n(mask.begin() + std::ptrdiff_t(h * side + 2), 4, 0.F);
  const std::vector<std::size_t> shape{side, side};
  io::write_npy(edits.folder / "mask.npy", std::span<const float>(mask),
                std::span<const std::size_t>(shape));
  const auto whole = edits.edited("inpaint", {});
  CHECK(edits.edited("inpaint", {"--batch", "3"}) == whole);
  CHECK(edits.edited("inpaint", {"--mask", (edits.folder / "mask.npy").string()}) == whole);
  CHECK(edits.edited("inpaint", {"--seed", "7"}) != whole);
}

TEST_CASE("gray values and block means are the image's after colorize and super-resolve") {
  Edits edits;
  const auto color = edits.edited("colorize", {});
  CHECK(largest_difference(color, edits.originals(), 4, gray) < 1e-4);
  CHECK(largest_difference(color, edits.originals(), 4, all_pixels) > 0.05);
  for (const char* method : {"known", "ddrm"}) {
    const auto large = edits.edited("super-resolve", {"--factor", "2", "--method", method});
    CHECK(largest_difference(large, edits.originals(), 4, halved) < 1e-4);
    CHECK(largest_difference(large, edits.originals(), 4, all_pixels) > 0.02);
  }
}

TEST_CASE("deblur reproduces what a weak blur keeps of the image") {
  Edits edits;
  const auto sharp = edits.edited("deblur", {"--blur", "0.4", "--results", "2"});
  CHECK(largest_difference(sharp, edits.originals(), 2, all_pixels) < 0.02);
  const auto noisy = edits.edited("deblur", {"--blur", "0.4", "--results", "2", "--noise", "0.1"});
  CHECK(largest_difference(noisy, edits.originals(), 2, all_pixels) > 0.05);
}

TEST_CASE("interpolate and vary decode the codes of the images") {
  // The score is 0, so encoding and decoding are one factor each.
  Edits edits;
  edits.checkpoint = tiny_checkpoint(edits.folder, VpSde{}, tiny_image_network(), true);
  const auto originals = edits.originals();
  const auto centered = [](float value) { return 2 * double(value) - 1; };
  const auto results = edits.edited("vary", {"--steps", "100", "--temperature", "1", "0.5"});
  REQUIRE(results.size() == 4 * dim);
  for (std::size_t i = 0; i < dim; ++i)
    for (std::size_t image = 0; image < 2; ++image) {
      const double x = centered(originals[image * dim + i]);
      CHECK(centered(results[2 * image * dim + i]) == Approx(x).margin(0.01));
      CHECK(centered(results[(2 * image + 1) * dim + i]) == Approx(0.5 * x).margin(0.01));
    }
  const auto between = edits.edited("interpolate", {"--steps", "100", "--results", "1"});
  REQUIRE(between.size() == dim);
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < dim; ++i) {
    const double a = centered(originals[i]), b = centered(originals[dim + i]);
    aa += a * a, bb += b * b, ab += a * b;
  }
  const double angle = std::acos(ab / std::sqrt(aa * bb));
  const double weight = std::sin(angle / 2) / std::sin(angle);
  for (std::size_t i = 0; i < dim; ++i)
    CHECK(centered(between[i]) ==
          Approx(weight * (centered(originals[i]) + centered(originals[dim + i]))).margin(0.01));
}

TEST_CASE("the code of an image at temperature 1 decodes to the image") {
  // The error of Heun's method: 4.7e-5 for 100 steps, 6.1e-6 for 200 and 2.2e-6, of rounding, for
  // 400. A denoising evaluation at the end would move the images by 7e-4.
  Edits edits;
  edits.checkpoint = edm_checkpoint(edits.folder, false);
  const auto error = [&](const char* steps) {
    const auto results = edits.edited("vary", {"--steps", steps, "--temperature", "1"});
    return largest_difference(results, edits.originals(), 1, all_pixels);
  };
  CHECK(error("100") < 2e-4);
  CHECK(error("400") < 1e-5);
}

TEST_CASE("cifar10_edit writes the number of channels of its network") {
  Edits edits;
  const auto save = [&](std::size_t channels) {
    edits.checkpoint = tiny_checkpoint(edits.folder, VpSde{}, tiny_image_network(true, channels));
    const std::vector<float> half(channels * plane, 0.5F);
    const std::vector<std::size_t> shape{1, channels, side, side};
    io::write_npy(edits.folder / "flat.npy", std::span<const float>(half),
                  std::span<const std::size_t>(shape));
    return Words{"--data", (edits.folder / "flat.npy").string(), "--images", "1"};
  };
  const Words gray_image = save(1);
  const auto results = edits.edited("inpaint", gray_image);
  REQUIRE(results.size() == 4 * plane);
  CHECK(results[0] == Approx(0.5).margin(1e-6));
  const Words flat = save(5);
  const Outcome outcome = run(edit_program, edits.usual("inpaint") + flat);
  INFO("output: " << outcome.text);
  CHECK(outcome.status == 2);
  CHECK(outcome.says("5 channels"));
}

TEST_CASE("a weak vary stays closer to the image than a strong one") {
  Edits edits;
  const auto weak = edits.edited("vary", {"--strength", "0.1"});
  const auto strong = edits.edited("vary", {"--strength", "0.9"});
  CHECK(largest_difference(weak, edits.originals(), 4, all_pixels) <
        largest_difference(strong, edits.originals(), 4, all_pixels));
}

TEST_CASE("guide follows the gradient of a classifier, class by class") {
  Edits edits;
  const auto save = [&](const char* name, const auto& sde) {
    nn::ClassifierConfig config;
    config.encoder.image_size = side;
    config.encoder.nf = 8;
    config.encoder.ch_mult = {1};
    config.encoder.num_res_blocks = 1;
    config.encoder.attn_resolutions = {};
    config.encoder.dropout = 0;
    config.head.classes = 3;
    const nn::Graph graph = nn::classifier(config);
    std::vector<float> weights(graph.parameters().size());
    nn::initialize(graph.parameters(), std::span<float>(weights), 4);
    auto configuration =
        run_configuration(config.encoder, sde, TrainingConfigurationWith<CrossEntropy>{});
    configuration.merge(describe(config.head));
    save_weights(edits.folder / name, graph.parameters(), std::span<const float>(weights),
                 configuration, 0);
    return (edits.folder / name).string();
  };
  const std::string classifier = save("classifier", VpSde());
  const Words from_noise{"guide", "--checkpoint", edits.checkpoint, "--steps",   "6", "--threads",
                         "1",     "--classifier", classifier,       "--results", "2"};
  const auto guided = [&](const Words& more) {
    return edits.values(from_noise + Words{"--out", (edits.folder / edits.out()).string()} + more);
  };
  const auto all = guided({});
  REQUIRE(all.size() == 3 * 2 * dim);
  const auto second = guided({"--class", "1"});
  REQUIRE(second.size() == 2 * dim);
  // The noise of a result follows from its number, so the first rows differ by the class alone.
  CHECK(!std::equal(second.begin(), second.end(), all.begin()));
  CHECK(std::equal(all.begin(), all.begin() + 2 * dim, guided({"--class", "0"}).begin()));
  CHECK(guided({"--class", "1", "--classifier-scale", "4"}) != second);
  const auto of_images =
      guided({"--class", "2", "--data", edits.images, "--images", "2", "--strength", "0.2"});
  CHECK(of_images.size() == 2 * 2 * dim);
  require_rejected(edit_program,
                   from_noise + Words{"--out", (edits.folder / "none").string(), "--class", "3"},
                   {"--class", "'3'", "0 to 2"});
  const std::string of_ve = save("other", VeSde());
  require_rejected(
      edit_program,
      from_noise + Words{"--out", (edits.folder / "none").string(), "--classifier", of_ve},
      {"--classifier", "sde.", "checkpoint"});
}

TEST_CASE("guide takes the bundled network and classifier where none are named", "[slow]") {
  Edits edits;
  const auto guided = [&](const char* scale) {
    return edits.values({"guide", "--out", (edits.folder / edits.out()).string(), "--class", "dog",
                         "--classifier-scale", scale, "--results", "1", "--steps", "3"});
  };
  const auto weak = guided("1");
  CHECK(weak.size() == 3 * 32 * 32);
  CHECK(guided("4") != weak);
}

TEST_CASE("cifar10_edit takes at most the steps that the levels of a network allow") {
  Edits edits;
  const BetaList chain{.rule = BetaRule::linear, .levels = 10, .first = 0.01, .last = 0.5};
  Metadata settings = describe(tiny_image_network());
  settings.merge(describe(chain));
  settings["training.loss"] = "discrete";
  edits.checkpoint = tiny_checkpoint(edits.folder, tiny_image_network(), settings);
  const Words inpaint{
      "inpaint", "--checkpoint", edits.checkpoint, "--out", (edits.folder / "out").string(),
      "--data",  edits.images,   "--images",       "1"};
  require_rejected(edit_program, inpaint + Words{"--steps", "200"},
                   {"--steps is 200; the levels of the network allow at most 9"});
  const Outcome all = run(edit_program, inpaint);
  INFO(all.text);
  CHECK(all.status == 0);
  CHECK(all.says(", 9 steps"));
}

TEST_CASE("cifar10_edit rejects images, masks and options that do not fit") {
  Edits edits;
  const auto rejected = [&](const std::string& task, const Words& more, const Words& words,
                            int status = 2) {
    const Outcome outcome = run(edit_program, edits.usual(task) + more);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == status);
    for (const std::string& word : words) CHECK(outcome.says(word));
    CHECK_FALSE(std::filesystem::exists(edits.folder / edits.out()));
  };
  rejected("inpant", {}, {"inpant", "inpaint"});
  rejected("inpaint", {"--data", image_file(edits.folder, 2, 6)}, {"--data", "3 x 8 x 6"}, 1);
  rejected("inpaint", {"--checkpoint", edits.folder.path().string()},
           {"is a folder", "scoresde_convert"}, 1);
  rejected("inpaint", {"--data", ""}, {"--data", "it must be a path"});
  rejected("inpaint", {"--images", "9"}, {"--images is 9", "3 images"});
  rejected("inpaint", {"--first-image", "3"}, {"--first-image is 3"});
  const std::vector<float> small(12, 1.F), ones(plane, 1.F);
  const std::vector<std::size_t> shape{3, 4}, square{side, side};
  const auto mask = edits.folder / "mask.npy", full = edits.folder / "full.npy";
  io::write_npy(mask, std::span<const float>(small), std::span<const std::size_t>(shape));
  io::write_npy(full, std::span<const float>(ones), std::span<const std::size_t>(square));
  rejected("inpaint", {"--mask", mask.string()}, {"--mask", "3 x 4", "8 x 8"}, 1);
  rejected("inpaint", {"--mask", full.string()}, {"--mask", "0 of 64 pixels are unknown"});
  const auto holed = edits.folder / "nan.npy";
  std::vector<float> unknown(plane, std::numeric_limits<float>::quiet_NaN());
  io::write_npy(holed, std::span<const float>(unknown), std::span<const std::size_t>(square));
  rejected("inpaint", {"--mask", holed.string()}, {"--mask", "nan", "must be finite"}, 1);
  rejected("inpaint", {"--box", "4", "4", "6", "2"}, {"--box", "row 10"});
  rejected("inpaint", {"--box", "1", "2", "3"}, {"--box has 3 values; it must have 4"});
  rejected("inpaint", {"--box", "1", "2", "3", "4", "5"}, {"--box has 5 values; it must have 4"});
  rejected("inpaint", {"--guidance-interval", "1"},
           {"--guidance-interval has 1 value; it must have 2"});
  rejected("inpaint", {"--guidance-interval", "1", "3", "5"},
           {"--guidance-interval has 3 values; it must have 2"});
  rejected("inpaint", {"--data", mask.string()}, {"--data", "2 dimensions"}, 1);
  rejected("inpaint", {"--noise", "0.1"}, {"--noise is 0.1", "known"});
  rejected("inpaint", {"--factor", "2"}, {"--factor", "inpaint"});
  rejected("super-resolve", {"--factor", "3"}, {"--factor is 3", "divide"});
  rejected("colorize", {"--class", "cat"}, {"--class", "not conditioned"});
  rejected("vary", {"--strength", "1"}, {"--strength is 1"});
  rejected("vary", {"--temperature", "0.5", "--results", "2"}, {"--results", "--temperature"});
  rejected("interpolate", {"--images", "1"}, {"--images is 1", "at least 2"});
  rejected("guide", {"--strength", "0.5"},
           {"--classifier", "cifar10_classifier.safetensors", "images of 32 x 32"});
  rejected("colorize", {"--classifier-scale", "2"}, {"--classifier-scale", "colorize"});
  require_rejected(
      edit_program,
      {"deblur", "--checkpoint", edits.checkpoint, "--out", (edits.folder / "none").string()},
      {"--data is missing"});
  const auto png = edits.folder / edits.out() / "edit.png";
  std::filesystem::create_directories(png);
  require_rejected(edit_program, edits.usual("colorize") + Words{"--overwrite"},
                   {"edit.png is a directory"});
  CHECK_FALSE(std::filesystem::exists(edits.folder / edits.out() / "edit.npy"));
  std::filesystem::remove(png);
  edits.edited("colorize", {});
  edits.runs = 0;
  require_rejected(edit_program, edits.usual("colorize"), {"--out", "exists", "--overwrite"});
  require_success(edit_program, edits.usual("colorize") + Words{"--overwrite"});
}
