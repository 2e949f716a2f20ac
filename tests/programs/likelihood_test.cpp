// SPDX-License-Identifier: MIT
/// cifar10_likelihood: its numbers in a case with a closed form, resuming, and bad input.
#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/io/npy.hpp>
#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/likelihood/dequantization.hpp>
#include <scoresde/likelihood/discrete_likelihood_bound.hpp>
#include <scoresde/likelihood/likelihood_bound.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

constexpr std::size_t count = 5, dim = 3 * 8 * 8;

/// Levels 0 … 255 of all images.
std::vector<float> levels() {
  std::vector<float> values(count * dim);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 256);
  return values;
}

/// Images of these levels as the program takes them.
std::string images(const TemporaryFolder& folder) {
  std::vector<float> values = levels();
  for (float& value : values) value /= 255;
  const std::array<std::size_t, 4> shape{count, 3, 8, 8};
  io::write_npy(folder / "images.npy", std::span<const float>(values), shape);
  return (folder / "images.npy").string();
}

/// A score of 0.
struct NoScore {
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 0}; }
  template <class Times>
  void evaluate(const HostState<double>& x, Times, HostState<double>& output) const {
    assign(output, {{0, x}});
  }
};

using Row = std::array<double, 6>;

std::vector<Row> table(const std::filesystem::path& folder, const char* name = "likelihood.csv") {
  std::ifstream stream(folder / name);
  std::string line;
  std::getline(stream, line);
  CHECK(line == "image,repeat,bits_per_dim,standard_error,bound,bound_error");
  std::vector<Row> rows;
  while (std::getline(stream, line)) {
    std::istringstream cells(line);
    Row row{};
    for (double& cell : row) {
      std::string word;
      std::getline(cells, word, ',');
      cell = std::stod(word);
    }
    rows.push_back(row);
  }
  return rows;
}

Words options(const std::string& checkpoint, const std::string& data,
              const std::filesystem::path& out) {
  return {"--checkpoint", checkpoint, "--data",  data,   "--out",    out.string(), "--threads", "1",
          "--images",     "0",        "--eps",   "1e-3", "--probes", "2",          "--repeats", "2",
          "--batch",      "2",        "--bound", "3"};
}

}  // namespace

TEST_CASE("cifar10_likelihood computes the closed form of a network without output") {
  // The score is 0, so the flow is x(t) = m(t)/m(eps) x and log p = log π(x(T)) + D ln m(T)/m(eps).
  const TemporaryFolder folder;
  const VpSde sde;
  const auto out = folder / "out";
  const Outcome outcome = require_success(
      likelihood_program,
      options(tiny_checkpoint(folder, sde, tiny_image_network(), true), images(folder), out));
  CHECK(outcome.says("bits/dim"));
  CHECK(std::filesystem::file_size(out / "likelihood.png") > 100);
  CHECK_FALSE(std::filesystem::exists(out / "likelihood.progress.json"));
  const std::vector<Row> rows = table(out);
  REQUIRE(rows.size() == 2 * count);
  const MarginalProb first = sde.marginal_prob(1e-3), last = sde.marginal_prob(1);
  for (std::size_t r = 0; r < 2; ++r) {
    HostState<double> x({count, dim});
    const std::vector<float> values = levels();
    std::copy(values.begin(), values.end(), x.data());
    std::vector<double> log_q(count);
    UniformDequantization<Centered>{}(x, Noise{.seed = 42 + r}.draw(0), log_q);
    const auto bound =
        LikelihoodBound(sde, 1e-3, {.draws = 3}).evaluate(NoScore{}, x, Noise{.seed = 42 + r});
    for (std::size_t k = 0; k < count; ++k) {
      double squares = 0;
      for (const double value : x[k]) squares += value * value;
      const double per_dim = squares / static_cast<double>(dim);
      const double constant = 0.5 * std::log(2 * std::numbers::pi);
      const double ratio = last.mean / first.mean;
      const double flow = constant + 0.5 * ratio * ratio * per_dim - std::log(ratio);
      const double offset = log_q[k] / static_cast<double>(dim);
      const Row& row = rows[2 * k + r];
      CHECK(row[0] == double(k));
      CHECK(row[1] == double(r));
      CHECK(row[2] == Approx((flow + offset) / std::numbers::ln2).epsilon(1e-5));
      CHECK(std::abs(row[3]) < 1e-6);  // every probe has the same trace
      const double nats = bound.negative_log_p[k] / static_cast<double>(dim);
      CHECK(row[4] == Approx((nats + offset) / std::numbers::ln2).epsilon(1e-5));
      CHECK(row[5] == Approx(bits_of_nats(bound.standard_error[k], dim)).epsilon(1e-4));
    }
  }
}

TEST_CASE("cifar10_likelihood computes DDPM's bound of a network without output") {
  const TemporaryFolder folder;
  constexpr std::size_t steps = 6;
  const BetaList chain{.rule = BetaRule::linear, .levels = steps, .first = 0.01, .last = 0.5};
  Metadata settings = describe(tiny_image_network());
  settings.merge(describe(chain));
  settings["training.loss"] = "discrete";
  const std::string checkpoint = tiny_checkpoint(folder, tiny_image_network(), settings, true);
  const auto out = folder / "out";
  const Words words{"--checkpoint", checkpoint,   "--data",    images(folder),
                    "--out",        out.string(), "--threads", "1",
                    "--batch",      "2",          "--images",  "0"};
  require_rejected(likelihood_program, words, {"--bound is missing", "DDPM"});
  require_rejected(likelihood_program, words + Words{"--bound", "2", "--rtol", "1e-3"},
                   {"--rtol", "continuous time"});
  const Outcome outcome =
      require_success(likelihood_program, words + Words{"--bound", "2", "--variance", "small"});
  CHECK(outcome.says("nfe         12.0"));
  const std::vector<Row> rows = table(out);
  REQUIRE(rows.size() == count);
  HostState<double> x({count, dim});
  const std::vector<float> values = levels();
  for (std::size_t i = 0; i < values.size(); ++i) x.data()[i] = 2 * double(values[i]) / 255 - 1;
  const DiscreteLikelihoodBound<> bound(DdpmSde(chain.values()),
                                        {.variance = PosteriorVariance::small, .draws = 2});
  const auto expected = bound.evaluate(NoScore{}, x, Noise{.seed = 42});
  for (std::size_t k = 0; k < count; ++k) {
    CHECK(std::isnan(rows[k][2]));
    CHECK(rows[k][4] == Approx(bits_of_nats(expected.negative_log_p[k], dim)).epsilon(1e-4));
    CHECK(rows[k][5] == Approx(bits_of_nats(expected.standard_error[k], dim)).epsilon(1e-2));
  }
}

TEST_CASE("cifar10_likelihood takes the labels of the data, or none", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  nn::UNetConfig network = tiny_image_network();
  network.image_size = 32;
  network.num_class_embeds = 10;
  const std::string checkpoint =
      tiny_checkpoint(folder, network, run_configuration(network, VpSde(), {.label_dropout = 0.1}));
  const auto bits = [&](const char* name, const Words& more) {
    require_success(likelihood_program,
                    Words{"--checkpoint", checkpoint, "--data", data.path().string(), "--out",
                          (folder / name).string(), "--threads", "1", "--eps", "0.9", "--rtol",
                          "0.1", "--atol", "0.1"} +
                        more);
    std::vector<double> all;
    for (const Row& row : table(folder / name)) all.push_back(row[2]);
    return all;
  };
  const auto both = bits("both", {"--images", "2"});
  const auto second = bits("second", {"--images", "1", "--first-image", "1"});
  const auto none = bits("none", {"--images", "2", "--class", "none"});
  REQUIRE(both.size() == 2);
  CHECK(second.at(0) == Approx(both[1]).epsilon(1e-6));
  for (std::size_t k = 0; k < 2; ++k) CHECK(std::abs(none.at(k) - both[k]) > 1e-5);
  network.image_size = 8;
  const std::string small =
      tiny_checkpoint(folder, network, run_configuration(network, VpSde(), {.label_dropout = 0.1}));
  require_rejected(likelihood_program,
                   {"--checkpoint", small, "--data", images(folder), "--images", "0", "--out",
                    (folder / "npy").string()},
                   {"--class is labels", "must be none"});
}

TEST_CASE("a stopped cifar10_likelihood resumes to the table of an uninterrupted run", "[slow]") {
  const TemporaryFolder folder;
  const std::string checkpoint = tiny_checkpoint(folder, VpSde(), tiny_image_network(), true),
                    data = images(folder);
  const Words longer{"--repeats", "10"};
  require_success(likelihood_program, options(checkpoint, data, folder / "whole") + longer);
  const Words stopped = options(checkpoint, data, folder / "stopped") + longer;
  require_success(likelihood_program, options(checkpoint, data, folder / "stopped"));
  const std::string earlier = text_of(folder / "stopped" / "likelihood.csv");
  {
    const RunningProgram program(program_path(likelihood_program), stopped + Words{"--overwrite"},
                                 folder / "output");
    REQUIRE(RunningProgram::wait_for(folder / "stopped" / "likelihood.progress.json"));
    program.signal(SIGINT);
    const Outcome outcome = program.wait();
    INFO(outcome.text);
    REQUIRE(outcome.status == 128 + SIGINT);
    CHECK(outcome.says("--resume"));
  }
  CHECK(table(folder / "stopped", "likelihood.partial.csv").size() < 10 * count);
  CHECK(text_of(folder / "stopped" / "likelihood.csv") == earlier);
  require_rejected(likelihood_program, stopped, {"unfinished run", "--resume"});
  require_rejected(likelihood_program, stopped + Words{"--resume", "--probes", "3"},
                   {"the settings differ", "--probes is '2' in the stopped run, '3' in this one"});
  require_success(likelihood_program, stopped + Words{"--resume"});
  CHECK(text_of(folder / "stopped" / "likelihood.csv") ==
        text_of(folder / "whole" / "likelihood.csv"));
  CHECK_FALSE(std::filesystem::exists(folder / "stopped" / "likelihood.partial.csv"));
  require_rejected(likelihood_program, stopped, {"holds finished likelihoods", "--overwrite"});
  require_rejected(likelihood_program, stopped + Words{"--resume"}, {"holds no unfinished run"});
}

TEST_CASE("cifar10_likelihood rejects what does not fit together") {
  const TemporaryFolder folder;
  const Words good = options(tiny_checkpoint(folder, VpSde()), images(folder), folder / "out");
  const auto rejected = [&](const Words& more, const Words& words, int status = 2) {
    const Outcome outcome = run(likelihood_program, good + more);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == status);
    for (const std::string& word : words) CHECK(outcome.says(word));
  };
  const std::array<std::size_t, 4> shape{1, 3, 4, 4};
  io::write_npy(folder / "small.npy", std::span<const float>(std::vector<float>(48)), shape);
  rejected({"--data", (folder / "small.npy").string()}, {"3 x 4 x 4", "3 x 8 x 8"}, 1);
  rejected({"--checkpoint", folder.path().string()}, {"is a folder", "scoresde_convert"}, 1);
  rejected({"--data", ""}, {"--data", "it must be a path"});
  rejected({"--train"}, {"--train", "images.npy"});
  rejected({"--images", "6"}, {"--images is 6", "5 images"});
  rejected({"--first-image", "5"}, {"--first-image is 5", "--data has 5 images"});
  rejected({"--probes", "0"}, {"--probes", "1"});
  rejected({"--rtol", "0"}, {"--rtol", "above 0"});
  rejected({"--eps", "2"}, {"--eps is 2", "below the SDE's last time, 1"});
  rejected({"--class", "none"}, {"--class", "not conditioned"});
  rejected({"--variance", "small"}, {"--variance", "DDPM's levels"});
  rejected({"--device", "1"}, {"--device", "--backend cuda"});
  rejected({"--dequantization", "truncated_normal"}, {"--bound", "truncated_normal"});
  CHECK_FALSE(std::filesystem::exists(folder / "out"));
  std::filesystem::create_directories(folder / "out" / "likelihood.png");
  rejected({}, {"likelihood.png is a directory"}, 1);
  CHECK_FALSE(std::filesystem::exists(folder / "out" / "likelihood.csv"));
}
