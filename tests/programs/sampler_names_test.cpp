// SPDX-License-Identifier: MIT
/// cifar10_sample with every listed name: the names are those of the library, each can be sampled,
/// and options that a sampler does not use are rejected.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/score_sde_samplers.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/tiny_checkpoint.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

/// A line of --list-samplers, by column title.
using Row = std::map<std::string, std::string>;

/// Cells of a line: columns are separated by two or more spaces.
Words cells(const std::string& line) {
  Words words;
  for (std::size_t from = 0; from < line.size();) {
    const std::size_t end = std::min(line.find("  ", from), line.size());
    words.push_back(line.substr(from, end - from));
    from = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return words;
}

std::vector<Row> listed() {
  std::istringstream text(require_success(sample_program, {"--list-samplers"}).text);
  std::string line;
  std::getline(text, line);
  const Words titles = cells(line);
  REQUIRE(titles == Words{"option", "name", "kind", "order", "nfe", "states", "grid", "options",
                          "description"});
  std::vector<Row> rows;
  while (std::getline(text, line) && !line.empty()) {  // aliases follow
    INFO("line: " << line);
    const Words row = cells(line);
    REQUIRE(row.size() == titles.size());
    rows.emplace_back();
    for (std::size_t c = 0; c < row.size(); ++c) rows.back()[titles[c]] = row[c];
  }
  return rows;
}

/// A cell of the README: options as code, separated by spaces.
std::string as_code(const std::string& options) {
  if (options == "-") return options;
  std::string cell = "`";
  for (const char c : options) cell += c == ',' ? std::string("` `") : std::string(1, c);
  return cell + '`';
}

/// Samples from a tiny checkpoint; `outcome` is that of the last run.
class TinySampler {
 public:
  template <class S>
  explicit TinySampler(const S& sde) : checkpoint_(tiny_checkpoint(folder_, sde)) {}

  io::TensorFile::Tensor operator()(const Words& choice) {
    const std::string out = (folder_ / "images").string();
    outcome = require_success(
        sample_program,
        Words{"--checkpoint", checkpoint_, "--out", out, "--overwrite", "--threads", "1"} + choice);
    const auto file = io::read_safetensors(folder_ / "images" / "samples.safetensors");
    metadata = file.metadata;
    return file.at("samples");
  }

  Outcome outcome;
  std::map<std::string, std::string> metadata;

 private:
  TemporaryFolder folder_;
  std::string checkpoint_;
};

/// Options for a short run of that row.
Words short_run(const Row& row) {
  const Words name{row.at("option"), row.at("name")};
  if (row.at("name") == "clipped_ddim") return name + Words{"--corrector", "none"};
  if (row.at("option") == "--predictor") return name + Words{"--corrector", "langevin"};
  if (row.at("option") == "--corrector") return name + Words{"--predictor", "ancestral"};
  if (row.at("grid") == "adaptive") return name + Words{"--rtol", "1", "--atol", "1"};
  return name;
}

template <class S>
void every_name_draws(const S& sde) {
  TinySampler sample{sde};
  for (const Row& row : listed()) {
    if (row.at("option") == "--sampler") continue;  // a thousand steps
    Words words = short_run(row) + Words{"--samples", "2"};
    if (row.at("grid") != "adaptive") words = words + Words{"--steps", "2"};
    const auto samples = sample(words);
    INFO(sample.outcome.text);
    REQUIRE(samples.shape == std::vector<std::size_t>{2, 3, 8, 8});
    REQUIRE(sample.metadata.at("sampler").find(row.at("name")) != std::string::npos);
    for (const float value : samples.as<float>()) REQUIRE(std::isfinite(value));
  }
}

}  // namespace

TEST_CASE("the option --list-samplers lists the names of the library with their orders and costs") {
  std::map<std::string, Row> solvers;
  std::set<std::string> presets;
  for (const Row& row : listed()) {
    if (row.at("option") == "--solver") {
      REQUIRE(solvers.count(row.at("name")) == 0);
      solvers[row.at("name")] = row;
    }
    if (row.at("option") == "--sampler") presets.insert(row.at("name"));
  }
  const auto listed_as = [&]<class R>(const SolverEntry& entry, const R&) {
    REQUIRE(solvers.count(entry.name) == 1);
    const Row& row = solvers[entry.name];
    REQUIRE(row.at("kind") == (entry.stochastic ? "stochastic" : "deterministic"));
    REQUIRE(row.at("order") == std::to_string(entry.order));
    REQUIRE(row.at("nfe") == std::to_string(solver_nfe<R>(1001) - solver_nfe<R>(1000)));
    REQUIRE(row.at("states") == std::to_string(R::history));
    solvers.erase(entry.name);
  };
  for_each_solver(listed_as);
  for_each_peer_solver(listed_as);
  for (const char* own : {"pc", "euler", "heun", "rk4", "dopri5", "dpm-solver-12", "dpm-solver-23",
                          "adaptive-sde", "restart"})
    REQUIRE(solvers.erase(own) == 1);
  REQUIRE(solvers.empty());
  for (const ScoreSdeSampler& sampler : score_sde_samplers)
    REQUIRE(presets.erase(std::string(sampler.name)) == 1);
  REQUIRE(presets.empty());
}

TEST_CASE("the table of the README equals --list-samplers") {
  const std::string readme =
      text_of(std::filesystem::path(SCORESDE_SOURCE_DIR) / "examples/cifar10/README.md");
  for (const Row& row : listed()) {
    std::string cells = "| `" + row.at("option") + "` | `" + row.at("name") + "` |";
    for (const char* title : {"kind", "order", "nfe", "states", "grid"})
      cells += ' ' + row.at(title) + " |";
    cells += ' ' + as_code(row.at("options")) + " | " + row.at("description") + " |\n";
    INFO(cells);
    REQUIRE(readme.find(cells) != std::string::npos);
  }
}

TEST_CASE("every name gives finite samples under the VP SDE", "[slow]") {
  every_name_draws(VpSde());
}

TEST_CASE("every name gives finite samples under the sub-VP SDE", "[slow]") {
  every_name_draws(SubVpSde());
}

TEST_CASE("every name gives finite samples under the VE SDE", "[slow]") {
  every_name_draws(VeSde());
}

TEST_CASE("every name gives finite samples under the EDM SDE, with the Karras grid by default",
          "[slow]") {
  every_name_draws(EdmSde());
  TinySampler sample{EdmSde()};
  const auto sampler = [&](const Words& choice) {
    sample(choice + Words{"--samples", "1", "--steps", "2"});
    return sample.metadata.at("sampler");
  };
  CHECK_THAT(sampler({"--predictor", "ancestral"}), Catch::Contains("karras grid"));
  CHECK_THAT(sampler({"--solver", "ddim"}), Catch::Contains("karras grid"));
  CHECK_THAT(sampler({"--solver", "euler", "--grid", "uniform"}), Catch::Contains("uniform grid"));
}

TEST_CASE("a sample does not depend on its batch, for samplers of every kind", "[slow]") {
  TinySampler sample{VpSde()};
  const Words steps{"--steps", "6"}, loose{"--rtol", "1", "--atol", "1"};
  for (const Words& words :
       {Words{"--solver", "unipc-3"} + steps, Words{"--solver", "karras-stochastic"} + steps,
        Words{"--solver", "sa-solver-3"} + steps, Words{"--solver", "heun"} + steps,
        Words{"--predictor", "euler_ancestral", "--corrector", "langevin"} + steps,
        Words{"--solver", "dopri5"} + loose, Words{"--solver", "dpm-solver-23"} + loose,
        Words{"--solver", "adaptive-sde"} + loose}) {
    const auto four = sample(words + Words{"--samples", "4"});
    const auto split = sample(words + Words{"--samples", "4", "--batch", "3"});
    INFO(sample.outcome.text);
    REQUIRE(four.bytes == split.bytes);
    const auto last = sample(words + Words{"--samples", "1", "--first-sample", "3"});
    REQUIRE(std::equal(last.bytes.begin(), last.bytes.end(),
                       four.bytes.end() - static_cast<std::ptrdiff_t>(last.bytes.size())));
  }
}

TEST_CASE("the option --nfe selects the largest number of steps within the budget") {
  TinySampler sample{VpSde()};
  const auto spent = [&](const Words& words) {
    sample(words + Words{"--samples", "1"});
    return sample.metadata.at("nfe") + " by " + sample.metadata.at("sampler");
  };
  using Catch::Matchers::Contains;
  using Catch::Matchers::StartsWith;
  REQUIRE_THAT(spent({"--solver", "dpm-solver++-2m", "--nfe", "20"}),
               StartsWith("20 by") && Contains(" 19 steps"));
  REQUIRE_THAT(spent({"--solver", "dpm-solver++-2m", "--nfe", "20", "--final", "zero"}),
               StartsWith("20 by") && Contains(" 20 steps"));
  REQUIRE_THAT(spent({"--solver", "karras-heun", "--nfe", "20", "--final", "eps"}),
               StartsWith("20 by") && Contains(" 10 steps"));
  REQUIRE_THAT(spent({"--solver", "karras-heun", "--nfe", "20"}),
               StartsWith("19 by") && Contains(" 9 steps"));
  REQUIRE_THAT(spent({"--solver", "pndm", "--nfe", "20"}),
               StartsWith("20 by") && Contains(" 10 steps"));
  REQUIRE_THAT(spent({"--solver", "rk4", "--nfe", "20"}),
               StartsWith("17 by") && Contains(" 4 steps"));
  REQUIRE_THAT(spent({"--nfe", "21", "--predictor", "ddim", "--corrector", "langevin",
                      "--corrector-steps", "2"}),
               StartsWith("21 by") && Contains(" 7 steps"));
}

TEST_CASE("options change the samples", "[slow]") {
  TinySampler sample{VpSde()};
  const auto differ = [&](const Words& words, const Words& more) {
    const Words usual = words + Words{"--samples", "1", "--steps", "5"};
    const auto without = sample(usual).bytes, with = sample(usual + more).bytes;
    INFO(sample.outcome.text);
    REQUIRE(without != with);
  };
  differ({"--predictor", "ancestral"}, {"--variance", "large"});
  differ({"--predictor", "ddim"}, {"--eta", "0.5"});
  differ({"--predictor", "euler_ancestral"}, {"--eta", "0.5"});
  const Words clipped{"--predictor", "clipped_ddim", "--corrector", "none"};
  differ(clipped, {"--eta", "0.5"});
  differ(clipped, {"--clip-denoised"});  // which clips the noise as well
  differ({"--predictor", "ddim"}, {"--grid", "quadratic"});
  differ({"--solver", "sde-dpm-solver++-2m"}, {"--eta", "0.5"});
  differ({"--solver", "sa-solver-2"}, {"--tau", "0.5"});
  for (const Words& churn : {Words{"--s-churn", "1"}, Words{"--s-tmin", "0.9"},
                             Words{"--s-tmax", "0.1"}, Words{"--s-noise", "1.1"}})
    differ({"--solver", "karras-stochastic"}, churn);
  differ({"--solver", "dpm-2"}, {"--rho", "3"});
  for (const char* end : {"eps", "zero"}) differ({"--solver", "unipc-2"}, {"--final", end});
  for (const char* grid : {"uniform", "quadratic", "karras"})
    differ({"--solver", "dpm-solver++-2m"}, {"--grid", grid});
  differ({"--solver", "heun"}, {"--clip-denoised"});
  differ({"--solver", "heun"}, {"--dynamic-threshold", "0.9"});
}

TEST_CASE("the names of the paper's table 1 are these samplers", "[slow]") {
  TinySampler sample{VeSde()};
  const auto same = [&](const Words& name, const Words& parts) {
    const auto by_name = sample(name + Words{"--samples", "1"}).bytes;
    REQUIRE(by_name == sample(parts + Words{"--samples", "1"}).bytes);
  };
  same({"--sampler", "PC1000"}, {"--predictor", "reverse_diffusion", "--corrector", "langevin",
                                 "--snr", "0.16", "--steps", "1000"});
  same({"--sampler", "C2000", "--snr", "0.1"},
       {"--predictor", "none", "--corrector", "langevin", "--snr", "0.1", "--corrector-steps", "2",
        "--steps", "1000"});
  same({"--sampler", "P1000", "--predictor", "ancestral"},
       {"--predictor", "ancestral", "--corrector", "none", "--steps", "1000"});
}

TEST_CASE("options that a sampler does not use are rejected by name, and no files are left") {
  const TemporaryFolder folder;
  const std::string out = (folder / "images").string();
  const std::string checkpoint = tiny_checkpoint(folder, VpSde());
  const auto rejected = [&](const Words& options, const Words& words) {
    require_rejected(sample_program, Words{"--checkpoint", checkpoint, "--out", out} + options,
                     words);
  };
  rejected({"--solver", "unipc-9"}, {"unipc-9", "unipc-4"});
  rejected({"--sampler", "P500"}, {"P500", "PC1000"});
  rejected({"--grid", "cubic"}, {"cubic", "karras"});
  rejected({"--final", "soon"}, {"soon", "denoise"});
  rejected({"--solver", "heun", "--eta", "1"}, {"--eta", "heun", "ddim"});
  rejected({"--solver", "karras-heun", "--tau", "1"}, {"--tau", "karras-heun", "sa-solver-2"});
  rejected({"--solver", "unipc-2", "--s-churn", "1"}, {"--s-churn", "unipc-2", "karras-heun"});
  rejected({"--solver", "unipc-2", "--predictor", "ddim"}, {"--predictor", "unipc-2", "pc"});
  rejected({"--solver", "unipc-2", "--snr", "1"}, {"--snr", "unipc-2", "langevin"});
  rejected({"--solver", "unipc-2", "--rtol", "1"}, {"--rtol", "unipc-2", "dopri5"});
  rejected({"--predictor", "ddim", "--variance", "large"}, {"--variance", "ddim", "ancestral"});
  rejected({"--corrector", "none", "--snr", "1"}, {"--snr", "none", "langevin"});
  rejected({"--predictor", "clipped_ddim", "--corrector", "langevin"},
           {"--predictor clipped_ddim", "--corrector langevin", "--corrector none"});
  rejected({"--corrector", "none", "--predictor", "none"}, {"--predictor none"});
  for (const char* option : {"--steps", "--nfe"})
    rejected({"--solver", "dopri5", option, "9"}, {option, "dopri5"});
  rejected({"--solver", "dopri5", "--grid", "karras"}, {"--grid", "dopri5"});
  rejected({"--sampler", "P1000", "--steps", "9"}, {"--steps", "P1000"});
  rejected({"--sampler", "P1000", "--corrector", "langevin"}, {"--corrector", "P1000", "C2000"});
  rejected({"--sampler", "PC1000", "--corrector-steps", "2"}, {"--corrector-steps", "PC1000"});
  rejected({"--sampler", "PC1000", "--solver", "heun"}, {"--solver", "PC1000"});
  rejected({"--solver", "heun", "--final", "zero"}, {"--final zero", "heun"});
  rejected({"--solver", "heun", "--rho", "3"}, {"--rho", "uniform"});
  rejected({"--steps", "9", "--nfe", "9"}, {"--steps", "--nfe"});
  rejected({"--solver", "pndm", "--nfe", "4"}, {"--nfe is 4", "pndm", "5"});
  rejected({"--predictor", "ddim", "--eta", "2"}, {"eta is 2"});
  rejected({"--solver", "dpm-2", "--s-churn", "-1"}, {"--s-churn", "-1"});
  rejected({"--solver", "dpm-2", "--s-tmin", "2", "--s-tmax", "1"}, {"--s-tmin is 2"});
  rejected({"--dynamic-threshold", "2"}, {"--dynamic-threshold", "2"});
  rejected({"--dynamic-threshold", "1", "--clip-denoised"}, {"--dynamic-threshold", "exclude"});
  rejected({"--eps", "1"}, {"eps is 1"});
  rejected({"--checkpoint", tiny_checkpoint(folder, VpSde(), tiny_image_network(false)),
            "--dynamic-threshold", "1"},
           {"--dynamic-threshold", "[0, 1]"});
  REQUIRE_FALSE(std::filesystem::exists(folder / "images"));
}

TEST_CASE("finished samples are replaced only with --overwrite, whichever of their files is left") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const Words words{"--checkpoint", tiny_checkpoint(folder, VpSde()),
                    "--steps",      "2",
                    "--samples",    "1",
                    "--out",        out};
  for (const char* name : {"samples.safetensors", "samples.npy", "samples.png"}) {
    std::filesystem::remove_all(out);
    std::filesystem::create_directory(out);
    const auto left = folder.write(std::string("out/") + name, "mine");
    require_rejected(sample_program, words, {"finished samples", name, "--overwrite"});
    CHECK(text_of(left) == "mine");
  }
  require_success(sample_program, words + Words{"--overwrite"});
}

TEST_CASE("files of the samples that cannot be written are rejected before the first batch") {
  const TemporaryFolder folder;
  const Words words{"--checkpoint",
                    tiny_checkpoint(folder, VpSde()),
                    "--overwrite",
                    "--steps",
                    "2",
                    "--samples",
                    "1",
                    "--png",
                    "--out"};
  const auto rejected = [&](const std::string& name, const auto& make, const std::string& word) {
    const auto out = folder / ("out_" + name);
    std::filesystem::create_directory(out);
    make(out / name);
    const Outcome outcome = run(sample_program, words + Words{out.string()});
    INFO(outcome.text);
    CHECK(outcome.status == 1);
    CHECK(outcome.says((out / name).string()));
    CHECK(outcome.says(word));
    CHECK_FALSE(outcome.says("nfe"));
    CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 1);
  };
  const auto make_folder = [](const auto& path) { std::filesystem::create_directory(path); };
  for (const char* name : {"samples.npy", "samples.safetensors", "samples.partial"})
    rejected(name, make_folder, "is a directory");
  rejected(
      "samples.png", [](const auto& path) { ::mkfifo(path.c_str(), 0666); }, "is a FIFO");
  rejected(
      "samples.partial.png",
      [](const auto& path) { std::filesystem::create_symlink("/dev/null", path); }, "is a device");
  rejected(
      "images", [](const auto& path) { std::ofstream(path) << "a file"; }, "is not a folder");
}

TEST_CASE("folders that cannot be written are rejected") {
  const TemporaryFolder folder;
  const Words usual{
      "--checkpoint", tiny_checkpoint(folder, VpSde()), "--steps", "2", "--samples", "1"};
  require_rejected(sample_program, usual + Words{"--out", "/proc/self/images"},
                   {"/proc/self/images"});
  const auto taken = folder.write("file", "in the way");
  require_rejected(sample_program, usual + Words{"--out", taken.string()}, {"file"});
}
