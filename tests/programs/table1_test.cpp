// SPDX-License-Identifier: MIT
/// cifar10_evaluate --table1: its cells, resuming, and bad input; and --sde of programs that
/// sample.
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/configuration.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/evaluating.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;
using namespace scoresde::test::evaluating;

namespace {

/// A table of 10 samples per cell, with n = 2.
Words table_options(const Evaluating& e, const std::string& checkpoint, const std::string& name) {
  return {"--table1",
          "--table1-steps",
          "2",
          "--checkpoint",
          checkpoint,
          "--data",
          e.data(),
          "--out",
          e.out(name).string(),
          "--features",
          e.classifier("classifier"),
          "--samples",
          "10",
          "--threads",
          "1"};
}

std::string edm_checkpoint(const Evaluating& e) { return tiny_checkpoint(e.folder, EdmSde()); }

Json table_of(const std::filesystem::path& out) {
  return Json::parse(text_of(out / "table1.json"));
}

/// The table without times.
Json timeless(const std::filesystem::path& out) {
  Json table = table_of(out);
  for (Json& cell : table.at("cells")) cell.erase("seconds");
  return table;
}

Json cell_of(const Json& table, const std::string& name) {
  for (const Json& cell : table.at("cells"))
    if (cell.at("name") == name) return cell;
  return {};
}

}  // namespace

TEST_CASE("cifar10_evaluate --table1 evaluates the paper's grid under both SDEs") {
  const Evaluating e;
  const std::string checkpoint = edm_checkpoint(e);
  const Outcome outcome =
      require_success(evaluate_program, table_options(e, checkpoint, "table") + Words{"--report"});
  const Json table = table_of(e.out("table"));
  REQUIRE(table.at("cells").size() == 20);
  std::size_t evaluations = 0;
  for (const Json& cell : table.at("cells")) {
    INFO(cell.dump());
    evaluations += 10 * cell.at("evaluations").get<std::size_t>();
    CHECK(cell.at("metrics").at(0).at("key") == "frechet_distance");
    CHECK(cell.at("metrics").at(0).at("standard_error").is_number());
    CHECK(cell.at("metrics").at(0).at("floor").is_number());
    CHECK(cell.at("seconds").get<double>() > 0);
    CHECK(std::filesystem::exists(e.out("table") / cell.at("name").get<std::string>() /
                                  "evaluation.json"));
    // σ/α is at most 50 under VE and 152 under VP, with training up to 80
    CHECK((cell.at("clamped").get<double>() > 0) == (cell.at("sde") == "vp"));
  }
  CHECK(outcome.says("forecast    " + std::to_string(evaluations) + " evaluations"));
  CHECK(outcome.says("for the other 19 cells"));
  CHECK(cell_of(table, "ve/P2_ancestral").at("evaluations") == 2);
  CHECK(cell_of(table, "ve/P2_ancestral").at("snr").is_null());
  CHECK(cell_of(table, "ve/P4_ancestral").at("evaluations") == 4);
  CHECK(cell_of(table, "ve/C4").at("evaluations") == 4);
  CHECK(cell_of(table, "ve/C4").at("steps") == 2);
  CHECK(cell_of(table, "ve/PC2_ancestral").at("evaluations") == 4);
  const auto snr = [&](const char* name) { return cell_of(table, name).at("snr").get<double>(); };
  CHECK(snr("ve/C4") == 0.22);
  CHECK(snr("ve/PC2_reverse_diffusion") == 0.16);
  CHECK(snr("ve/PC2_ancestral") == 0.17);
  CHECK(snr("ve/PC2_probability_flow") == 0.17);
  CHECK(snr("vp/C4") == 0.27);
  CHECK(snr("vp/PC2_probability_flow") == 0.04);

  const std::string page = text_of(e.out("table") / "report.html");
  CHECK(unbalanced_tags(page).empty());
  for (const std::string& words : {text_of(e.out("table") / "table1.txt"), page, outcome.text})
    for (const char* part : {"PC2", "probability_flow", "Fréchet distance (classifier", "±",
                             "floor", "by change of variables from karras"})
      CHECK(words.find(part) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(e.out("table") / "reference"));
  CHECK_FALSE(std::filesystem::exists(e.out("table") / "table1.progress.json"));

  require_rejected(evaluate_program, table_options(e, checkpoint, "table"),
                   {"holds results of another table", "table1.json"});
  require_rejected(evaluate_program, e.options("table"), {"holds a table of --table1"});
  std::filesystem::remove(e.out("table") / "table1.json");
  require_rejected(evaluate_program, table_options(e, checkpoint, "table"),
                   {"holds results of another table", "P2_ancestral"});
}

TEST_CASE("a cell of --table1 is the evaluation of its sampler") {
  const Evaluating e;
  const std::string checkpoint = edm_checkpoint(e);
  require_success(evaluate_program, table_options(e, checkpoint, "table"));
  const Json table = table_of(e.out("table"));
  const auto equals = [&](const std::string& cell, const Words& sampler) {
    INFO(cell);
    require_success(evaluate_program,
                    Words{"--checkpoint", checkpoint, "--data", e.data(), "--out",
                          (e.out("single") / cell).string(), "--features",
                          e.classifier("classifier"), "--samples", "10", "--threads", "1"} +
                        sampler);
    const Json metrics = cell_of(table, cell).at("metrics");
    const Json own = Json::parse(text_of(e.out("single") / cell / "evaluation.json")).at("metrics");
    CHECK(metrics == own);
  };
  equals("vp/P4_ancestral", {"--sde", "vp", "--predictor", "ancestral", "--variance", "large",
                             "--corrector", "none", "--steps", "4"});
  equals("ve/PC2_probability_flow", {"--sde", "ve", "--predictor", "probability_flow",
                                     "--corrector", "langevin", "--steps", "2", "--snr", "0.17"});
  equals("vp/C4", {"--sde", "vp", "--predictor", "none", "--corrector", "langevin",
                   "--corrector-steps", "2", "--steps", "2"});
}

TEST_CASE(
    "cifar10_evaluate --table1 takes a checkpoint for each SDE, and uses one of its own SDE "
    "unchanged") {
  const Evaluating e;
  const std::string edm = e.folder.write("edm", text_of(edm_checkpoint(e))).string();
  const std::string vp = tiny_checkpoint(e.folder, VpSde());
  require_success(evaluate_program, table_options(e, edm, "table") + Words{"--checkpoint-vp", vp});
  const Json table = table_of(e.out("table"));
  CHECK(table.at("facts").at("checkpoint ve") == edm);
  CHECK(table.at("facts").at("checkpoint vp") == vp);
  for (const Json& cell : table.at("cells")) CHECK(cell.at("clamped") == 0);
  CHECK(table.at("notes").dump().find("SDE vp") == std::string::npos);
}

TEST_CASE("cifar10_evaluate --table1 that is killed or stopped resumes bit-identically", "[slow]") {
  const Evaluating e;
  const std::string checkpoint = edm_checkpoint(e);
  const Words more{"--table1-steps", "30", "--batch", "5"};
  require_success(evaluate_program, table_options(e, checkpoint, "whole") + more);
  const Words options = table_options(e, checkpoint, "stopped") + more;
  const auto stop = [&](const char* file, int number, const Words& resume) {
    const RunningProgram program(program_path(evaluate_program), options + resume,
                                 e.folder / "output");
    REQUIRE(RunningProgram::wait_for(e.out("stopped") / file));
    program.signal(number);
    const Outcome outcome = program.wait();
    INFO(outcome.text);
    REQUIRE(outcome.status == 128 + number);
  };
  stop("ve/P60_probability_flow/evaluation.progress.json", SIGKILL, {});
  require_rejected(evaluate_program, options, {"unfinished run", "--resume"});
  require_rejected(evaluate_program, options + Words{"--resume", "--seed", "7"},
                   {"the settings differ", "--seed is '42' in the stopped run, '7' in this one"});
  require_rejected(evaluate_program, options + Words{"--resume", "--table1-steps", "31"},
                   {"--table1-steps is '30' in the stopped run"});
  stop("vp/P30_ancestral/evaluation.progress.json", SIGINT, {"--resume"});
  const Json partial = table_of(e.out("stopped"));
  CHECK(cell_of(partial, "ve/P30_ancestral").at("metrics").size() > 0);
  CHECK(cell_of(partial, "vp/PC30_ancestral").at("metrics").empty());
  const Outcome resumed = require_success(evaluate_program, options + Words{"--resume"});
  CHECK(resumed.says("cells are finished already"));
  CHECK(resumed.text.find("about ") < resumed.text.find("\ncell "));  // the forecast of the time
  CHECK(timeless(e.out("stopped")) == timeless(e.out("whole")));
  for (const char* cell : {"ve/P60_probability_flow", "vp/P30_ancestral", "vp/C60"})
    CHECK(text_of(e.out("stopped") / cell / "evaluation.json") ==
          text_of(e.out("whole") / cell / "evaluation.json"));
}

TEST_CASE("cifar10_evaluate --table1 rejects what does not go with it, before its work") {
  const Evaluating e;
  const std::string checkpoint = edm_checkpoint(e);
  const auto rejected = [&](const Words& more, const Words& words, int status = 2) {
    const Outcome outcome = run(evaluate_program, table_options(e, checkpoint, "table") + more);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == status);
    for (const std::string& word : words) CHECK(outcome.says(word));
    CHECK_FALSE(std::filesystem::exists(e.out("table")));
  };
  rejected({"--predictor", "ancestral"}, {"--predictor cannot be combined with --table1"});
  rejected({"--sampler", "PC1000"}, {"--sampler cannot be combined with --table1"});
  rejected({"--steps", "5"}, {"--steps cannot be combined with --table1", "--table1-steps"});
  rejected({"--sde", "vp"}, {"--sde cannot be combined with --table1"});
  rejected({"--snr", "0.1"}, {"--snr cannot be combined with --table1"});
  rejected({"--from", e.samples()}, {"--from cannot be combined with --table1"});
  rejected({"--overwrite"}, {"--overwrite cannot be combined with --table1"});
  rejected({"--save-statistics", "x.npz"}, {"--save-statistics cannot be combined"});
  rejected({"--samples", "9"}, {"--samples", "10"});
  rejected({"--table1-steps", "0"}, {"--table1-steps"});
  rejected({"--class", "cat"}, {"--class", "not conditioned on classes"});
  rejected({"--checkpoint-vp", "none"}, {"none"}, 1);
  require_rejected(evaluate_program, e.options("single") + Words{"--table1-steps", "5"},
                   {"--table1-steps", "--table1"});
  require_success(evaluate_program, e.options("single"));
  require_rejected(evaluate_program, table_options(e, checkpoint, "single"),
                   {"holds an evaluation of one sampler"});

  const Evaluating of_levels;
  const nn::UNetConfig network = tiny_image_network();
  const std::string smld = tiny_checkpoint(
      of_levels.folder, network,
      run_configuration(network, SmldSde(50), TrainingConfigurationWith<DiscreteScoreMatching>{}));
  require_rejected(evaluate_program, table_options(of_levels, smld, "table"),
                   {"--sde vp", "SMLD's levels"});
  require_rejected(evaluate_program,
                   table_options(e, checkpoint, "table") +
                       Words{"--checkpoint-ve", smld, "--table1-steps", "26"},
                   {"P52 has 52 steps", "50 levels"});
}

TEST_CASE("cifar10_sample --sde samples a network of another SDE, or its own unchanged") {
  const TemporaryFolder folder;
  const std::string checkpoint = tiny_checkpoint(folder, EdmSde());
  const auto sampled = [&](const std::string& name, const Words& more) {
    return require_success(sample_program,
                           Words{"--checkpoint", checkpoint, "--out", (folder / name).string(),
                                 "--samples", "4", "--steps", "3", "--threads", "1"} +
                               more);
  };
  const Outcome vp = sampled("vp", {"--sde", "vp", "--predictor", "probability_flow"});
  CHECK(vp.says("sde         vp, by change of variables from karras; noise levels are clamped"));
  CHECK(sampled("ve", {"--sde", "ve", "--solver", "heun"}).says("sde         ve, by change"));
  const Outcome own = sampled("own", {});
  CHECK_FALSE(own.says("by change of variables"));
  CHECK_FALSE(sampled("edm", {"--sde", "edm"}).says("by change of variables"));
  const auto samples = [&](const char* name) { return text_of(folder / name / "samples.npy"); };
  CHECK(samples("own") == samples("edm"));
  CHECK(samples("vp") != samples("ve"));
  require_rejected(sample_program,
                   {"--checkpoint", checkpoint, "--out", (folder / "x").string(), "--sde", "vpp"},
                   {"--sde", "vp"});
}
