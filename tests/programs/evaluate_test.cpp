// SPDX-License-Identifier: MIT
/// cifar10_evaluate: its numbers against those of the library, resuming, its report, and bad input.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>
#include <scoresde/evaluate/kernel_distance.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "cli/sample_headers.hpp"
#include "programs/cifar10_programs.hpp"
#include "programs/data_sets.hpp"
#include "programs/evaluating.hpp"
#include "programs/made_up_data.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;
using namespace scoresde::test::evaluating;

TEST_CASE("cifar10_evaluate computes the library's metrics in the features of a classifier") {
  const Evaluating e;
  const Outcome outcome = require_success(evaluate_program, e.options("out"));
  std::vector<double> real_values, made_values;
  const auto real = e.features(e.real, real_values), made = e.features(e.made, made_values);
  const Json frechet = metric(e.out("out"), "frechet_distance");
  CHECK(frechet.at("value").get<double>() ==
        Approx(frechet_distance(feature_moments(made), feature_moments(real)).value).epsilon(1e-6));
  CHECK(frechet.at("standard_error").get<double>() > 0);
  CHECK(frechet.at("floor").get<double>() < frechet.at("value").get<double>());
  CHECK(frechet.at("name") == text("Fréchet distance (classifier, ", real.dim, ")"));
  const Json kernel = metric(e.out("out"), "kernel_distance");
  const auto expected = kernel_distance(made, real);
  CHECK(kernel.at("value").get<double>() == Approx(expected.value).epsilon(1e-5));
  CHECK(kernel.at("standard_error").get<double>() == Approx(expected.standard_error).epsilon(1e-5));
  for (const char* key : {"precision", "recall", "density", "coverage", "classifier_score"})
    CHECK(metric(e.out("out"), key).at("floor").is_number());
  CHECK(metric(e.out("out"), "class_accuracy").is_null());
  CHECK(outcome.says("Fréchet distance (classifier"));
  CHECK_FALSE(outcome.says("FID"));
  CHECK(outcome.says("MiB on disk"));
  CHECK(std::distance(std::filesystem::directory_iterator(e.out("out")), {}) == 1);
  require_rejected(evaluate_program, e.options("out"), {"holds a finished evaluation"});
}

TEST_CASE("cifar10_evaluate without twice as many real images has no floors") {
  const Evaluating e;
  require_success(evaluate_program, e.options("out") + Words{"--reference-images", "39"});
  CHECK(metric(e.out("out"), "frechet_distance").at("floor").is_null());
  CHECK(text_of(e.out("out") / "evaluation.json").find("they need 40 real images") !=
        std::string::npos);
}

TEST_CASE("cifar10_evaluate compares with statistics of the same features") {
  const Evaluating e;
  const std::string statistics = (e.folder / "real.npz").string();
  require_success(evaluate_program, e.options("data") + Words{"--save-statistics", statistics});
  CHECK(read_feature_moments(statistics).count == 60);
  const Words with{"--from",      e.samples(), "--features", e.classifier("classifier"),
                   "--threads",   "1",         "--out",      e.out("statistics").string(),
                   "--statistics"};
  require_success(evaluate_program, with + Words{statistics});
  CHECK(metric(e.out("statistics"), "frechet_distance").at("value") ==
        metric(e.out("data"), "frechet_distance").at("value"));
  CHECK(metric(e.out("statistics"), "precision").is_null());

  const auto rejected = [&](const std::string& file, const Words& more, const Words& words) {
    const Outcome outcome = run(evaluate_program, with + Words{file, "--overwrite"} + more);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    for (const std::string& word : words) CHECK(outcome.says(word));
  };
  write_feature_moments(e.folder / "other.npz", {"", 9, {0, 0}, {1, 0, 0, 1}});
  rejected((e.folder / "other.npz").string(), {}, {"--statistics", "dimension 2"});
  rejected(statistics, {"--features", e.classifier("other", "norm.weight", 2)},
           {"--statistics", "of the extractor"});
  rejected(statistics, {"--data", e.data()}, {"--data", "--statistics"});
  rejected(statistics, {"--reference-images", "20"}, {"--reference-images is for --data"});
}

TEST_CASE("the report of cifar10_evaluate is one well-formed page without links") {
  const Evaluating e;
  require_success(evaluate_program,
                  e.options("out") +
                      Words{"--report", "--from", write_npy(e.folder / "a < b & c.npy", e.made)});
  const std::string page = text_of(e.out("out") / "report.html");
  CHECK(unbalanced_tags(page).empty());
  CHECK(unbalanced_tags("<p><b></p>") == "</p>");
  for (const char* part :
       {"name=\"viewport\"", "Fréchet distance (classifier", "±", "Nearest real images",
        "a &lt; b &amp; c.npy", "data:image/png;base64,iVBORw0KGgo"})
    CHECK(page.find(part) != std::string::npos);
  for (const char* link : {"http", "//www", "<script", "<link", "url("})
    CHECK(page.find(link) == std::string::npos);
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (auto at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) ++found;
    return found;
  };
  CHECK(count("<svg") == 2);
  CHECK(count("<polyline") == 4);
  CHECK(count("<img") == 2);
}

TEST_CASE("cifar10_evaluate measures the class accuracy of class-conditional samples") {
  const Evaluating e;
  const std::string always = e.classifier("always", "logits.weight");  // equal logits
  const auto accuracy = [&](std::size_t of_class_0) {
    std::vector<float> values(e.made.size());
    std::transform(e.made.begin(), e.made.end(), values.begin(),
                   [](std::uint8_t u) { return static_cast<float>(u) / 255; });
    std::vector<std::uint32_t> classes(20, 3);
    std::fill_n(classes.begin(), of_class_0, 0U);
    std::filesystem::create_directories(e.folder / "samples");
    const programs::SampleLayout layout{20, 3, 8, 8, true};
    std::string file = programs::safetensors_header(layout, {}, "1");
    file.append(reinterpret_cast<const char*>(classes.data()), layout.class_bytes());
    file.append(reinterpret_cast<const char*>(values.data()), layout.all_bytes());
    e.folder.write("samples/samples.safetensors", file);
    require_success(evaluate_program,
                    e.options("out") + Words{"--from", (e.folder / "samples").string(),
                                             "--features", always, "--overwrite"});
    return metric(e.out("out"), "class_accuracy");
  };
  // The first of equal logits is the predicted class.
  CHECK(accuracy(0).at("value").get<double>() == 0);
  CHECK(accuracy(5).at("value").get<double>() == Approx(0.25));
  CHECK(accuracy(5).at("floor").is_null());  // the real images have no labels
}

TEST_CASE("cifar10_evaluate killed while it samples resumes bit-identically", "[slow]") {
  const Evaluating e;
  const std::string checkpoint = tiny_checkpoint(e.folder, VpSde());
  const auto options = [&](const std::string& name) {
    return Words{"--checkpoint",    checkpoint,
                 "--data",          e.data(),
                 "--features",      e.classifier("classifier"),
                 "--out",           e.out(name).string(),
                 "--threads",       "1",
                 "--samples",       "24",
                 "--batch",         "4",
                 "--steps",         "150",
                 "--predictor",     "ancestral",
                 "--corrector",     "langevin",
                 "--clip-denoised", "--report"};
  };
  require_success(evaluate_program, options("whole"));
  {
    const RunningProgram program(program_path(evaluate_program), options("killed"),
                                 e.folder / "output");
    REQUIRE(RunningProgram::wait_for(e.out("killed") / "samples" / "samples.progress.json"));
    program.signal(SIGKILL);
    CHECK(program.wait().status == 128 + SIGKILL);
  }
  require_rejected(evaluate_program, options("killed"), {"unfinished run", "--resume"});
  require_rejected(evaluate_program,
                   options("killed") + Words{"--resume", "--seed", "7", "--pair-images", "20"},
                   {"the settings differ", "--seed is '42' in the stopped run, '7' in this one",
                    "--pair-images is '10000' in the stopped run, '20' in this one"});
  const Outcome resumed = require_success(evaluate_program, options("killed") + Words{"--resume"});
  CHECK(resumed.says("samples are finished already"));
  for (const char* file : {"evaluation.json", "report.html", "samples/samples.npy"})
    CHECK(text_of(e.out("killed") / file) == text_of(e.out("whole") / file));
  {
    const RunningProgram program(program_path(evaluate_program),
                                 options("whole") + Words{"--overwrite", "--seed", "7"},
                                 e.folder / "output");
    REQUIRE(RunningProgram::wait_for(e.out("whole") / "evaluation.progress.json"));
    program.signal(SIGKILL);
    CHECK(program.wait().status == 128 + SIGKILL);
  }
  CHECK_FALSE(std::filesystem::exists(e.out("whole") / "samples" / "samples.npy"));
}

TEST_CASE("cifar10_evaluate stopped within the features resumes bit-identically", "[slow]") {
  Evaluating e;
  e.real = levels(20000, 1, 40);
  const Words more{"--feature-batch", "2", "--pair-images", "50"};
  require_success(evaluate_program, e.options("whole") + more);
  for (const int number : {SIGINT, SIGKILL}) {
    const std::string name = std::to_string(number);
    {
      const RunningProgram program(program_path(evaluate_program), e.options(name) + more,
                                   e.folder / "output");
      REQUIRE(RunningProgram::wait_for(e.out(name) / "logits.partial"));
      program.signal(number);
      const Outcome outcome = program.wait();
      INFO(outcome.text);
      REQUIRE(outcome.status == 128 + number);
      if (number == SIGINT) CHECK(outcome.says("continue with the same options and --resume"));
    }
    CHECK_FALSE(std::filesystem::exists(e.out(name) / "evaluation.json"));
    require_success(evaluate_program, e.options(name) + more + Words{"--resume"});
    CHECK(text_of(e.out(name) / "evaluation.json") == text_of(e.out("whole") / "evaluation.json"));
    CHECK_FALSE(std::filesystem::exists(e.out(name) / "features.partial"));
  }
}

TEST_CASE("cifar10_evaluate rejects what does not fit together, before its work") {
  const Evaluating e;
  const auto rejected = [&](const Words& more, const Words& words, int status = 2) {
    const Outcome outcome = run(evaluate_program, e.options("out") + more);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == status);
    for (const std::string& word : words) CHECK(outcome.says(word));
  };
  const Outcome bundled = run(evaluate_program, {"--from", e.samples(), "--data", e.data(), "--out",
                                                 e.out("out").string()});
  CHECK(bundled.status == 1);
  CHECK(bundled.says("cifar10_features.safetensors"));
  CHECK(bundled.says("3 x 32 x 32"));
  rejected({"--samples", "9"}, {"--samples", "10"});
  rejected({"--samples", "21"}, {"--samples is 21", "20 images"});
  rejected({"--reference-images", "5"}, {"--reference-images", "5 images", "at least 10"});
  rejected({"--first-reference-image", "60"}, {"--first-reference-image is 60", "60 images"});
  rejected({"--first-reference-image", "55"}, {"--reference-images", "5 images", "at least 10"});
  rejected({"--steps", "50"}, {"--steps is for sampling"});
  rejected({"--seed", "5"}, {"--seed is for sampling"});
  rejected({"--inception", "x.pth"}, {"--inception", "--features"});
  rejected({"--convention", "clean_fid"}, {"--convention", "--inception"});
  rejected({"--device", "1"}, {"--device", "--backend cuda"});
  rejected({"--from", (e.folder / "none").string()}, {"--from", "does not exist"}, 1);
  rejected({"--features", tiny_checkpoint(e.folder, VpSde())}, {"--features", "classifier"}, 1);
  const std::array<std::size_t, 4> shape{10, 3, 4, 4};
  io::write_npy(e.folder / "small.npy", std::span<const float>(std::vector<float>(480)), shape);
  rejected({"--data", (e.folder / "small.npy").string()}, {"--data", "3 x 4 x 4", "3 x 8 x 8"});
  std::filesystem::create_directories(e.folder / "pngs");
  rejected({"--from", (e.folder / "pngs").string()}, {"--from", "pngs/test_batch.bin"}, 1);
  rejected({"--features", e.classifier("overflows", "norm.weight", 3e38F)},
           {"features: that of image", "must be finite"}, 1);
}

TEST_CASE("cifar10_evaluate reads image packs and folders of images of one size") {
  const Evaluating e;
  const auto pngs = e.folder / "pngs";
  std::filesystem::create_directories(pngs);
  const auto write = [&](std::size_t k, std::size_t size) {
    std::vector<float> pixels(3 * size * size);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<float>(e.made[(k * evaluated_dim + i) % e.made.size()]) / 255;
    io::write_image_grid(
        pngs / ("000" + std::to_string(k) + ".png"),
        {.height = size, .width = size, .columns = 1, .padding = 0, .centered = false},
        std::span<const float>(pixels));
  };
  for (std::size_t k = 10; k < 20; ++k) write(k, 8);
  const Words of_pngs = e.options("pngs") + Words{"--from", pngs.string()};
  require_success(evaluate_program, of_pngs);
  const auto last = std::vector<std::uint8_t>(e.made.end() - 10 * evaluated_dim, e.made.end());
  require_success(evaluate_program,
                  e.options("npy") + Words{"--from", write_npy(e.folder / "last.npy", last)});
  CHECK(metric(e.out("pngs"), "kernel_distance") == metric(e.out("npy"), "kernel_distance"));
  const std::string pack = (e.folder / "last.pack").string();
  require_success(dataset_program, {pngs.string(), pack, "--preparation", "exact"});
  require_success(evaluate_program, e.options("pack") + Words{"--from", pack});
  CHECK(metric(e.out("pack"), "kernel_distance") == metric(e.out("npy"), "kernel_distance"));
  write(20, 4);
  require_rejected(evaluate_program, of_pngs + Words{"--overwrite"},
                   {"--from", "00020.png has 4 x 4 pixels", "8 x 8", "one size"});
}
