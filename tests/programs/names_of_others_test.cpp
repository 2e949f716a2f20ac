// SPDX-License-Identifier: MIT
/// Names of k-diffusion, diffusers and score_sde in cifar10_sample.
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/registry/sampler_aliases.hpp>
#include <scoresde/registry/sampler_registry.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

Words words_of(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

struct Result {
  std::vector<std::byte> samples;
  std::string text, sampler;
};

class Sampling {
 public:
  template <class S>
  explicit Sampling(const S& sde) : checkpoint_(tiny_checkpoint(folder_, sde)) {}

  Result operator()(const Words& words) const {
    const auto out = folder_ / "out";
    const Outcome outcome =
        require_success(sample_program, Words{"--checkpoint", checkpoint_, "--out", out.string(),
                                              "--threads", "1", "--samples", "1", "--overwrite"} +
                                            words);
    const auto file = io::read_safetensors(out / "samples.safetensors");
    return {file.at("samples").bytes, outcome.text, file.metadata.at("sampler")};
  }
  void rejected(const Words& words, const Words& said) const {
    require_rejected(
        sample_program,
        Words{"--checkpoint", checkpoint_, "--out", (folder_ / "none").string()} + words, said);
    CHECK_FALSE(std::filesystem::exists(folder_ / "none"));
  }

 private:
  TemporaryFolder folder_;
  std::string checkpoint_;
};

bool adaptive(const SamplerAlias& alias) {
  for (const auto& row : sampler_rows())
    if (row.option == alias.option && row.name == alias.value)
      return row.family == SamplerFamily::adaptive;
  return false;
}

}  // namespace

TEST_CASE("every alias gives the samples of its equivalent, which the program prints", "[slow]") {
  const Sampling sampling{VpSde()};
  std::set<std::string> seen;
  for (const auto& alias : sampler_aliases) {
    const std::string names(alias.names), name = names.substr(0, names.find(','));
    INFO(name);
    CHECK(seen.insert(name).second);
    const std::string option(alias.option);
    const Words more =
        adaptive(alias) ? Words{"--rtol", "1", "--atol", "1"} : Words{"--steps", "3"};
    const Result by_name = sampling(Words{option, name} + more);
    const Result in_full = sampling(words_of(alias.stands_for()) + more);
    CHECK(by_name.samples == in_full.samples);
    CHECK(by_name.sampler == in_full.sampler);
    CHECK(by_name.text.find(name + " of " + alias.source + " is " + alias.stands_for()) !=
          std::string::npos);
  }
}

TEST_CASE("names of other libraries' samplers are accepted by --sampler and --solver") {
  const Sampling sampling{VpSde()};
  const Words steps{"--steps", "3"};
  const auto sampler = [&](const Words& words) { return sampling(words + steps).sampler; };
  using Catch::Matchers::Contains;
  for (const char* option : {"--sampler", "--solver"}) {
    CHECK_THAT(sampler({option, "dpmpp_2m"}),
               Contains("dpm-solver++-2m") && Contains("final step zero"));
    CHECK_THAT(sampler({option, "EulerAncestralDiscreteScheduler"}),
               Contains("predictor euler_ancestral, corrector none"));
  }
  // This library's names have priority; k-diffusion's step in sigma.
  CHECK_THAT(sampler({"--solver", "euler"}), Contains("solver euler"));
  CHECK_THAT(sampler({"--sampler", "euler"}), Contains("solver karras-euler"));
  // Explicit options are not overridden.
  CHECK_THAT(sampler({"--solver", "dpmpp_2m", "--final", "denoise", "--grid", "quadratic"}),
             Contains("quadratic grid") && Contains("final step denoise"));
  CHECK_THAT(sampler({"--sampler", "ScoreSdeVeScheduler", "--snr", "0.2"}),
             Contains("corrector langevin") && Contains("snr 0.2"));
  sampling.rejected(
      {"--sampler", "dpmpp_2m", "--solver", "heun"},
      {"dpmpp_2m is --solver dpm-solver++-2m", "--solver heun cannot be combined with it"});
  sampling.rejected({"--predictor", "dpmpp_2m"}, {"'dpmpp_2m' is unknown"});
  sampling.rejected({"--solver", "ddim", "--eta", "0.5"},
                    {"--eta cannot be combined with --solver ddim", "and --predictor ddim"});
  // If sigma is the time, uniform steps in diffusers' t are not uniform in sigma.
  CHECK_THAT(Sampling{EdmSde()}({"--solver", "EulerDiscreteScheduler", "--steps", "3"}).sampler,
             Contains("karras grid"));
}

TEST_CASE("options of other libraries and their values are translated") {
  const Sampling sampling{VpSde()};
  const auto same = [&](const Words& theirs, const Words& ours, const std::string& note) {
    const Result found = sampling(theirs), wanted = sampling(ours);
    INFO(found.text);
    CHECK(found.samples == wanted.samples);
    CHECK(found.text.find(note) != std::string::npos);
  };
  same({"--scheduler", "DDIMScheduler", "--num_inference_steps", "4"},
       {"--solver", "ddim", "--final", "zero", "--grid", "uniform", "--steps", "4"},
       "--num_inference_steps is --steps 4");
  same({"--solver", "dpm-2", "--num-inference-steps=3", "--use_karras_sigmas"},
       {"--solver", "dpm-2", "--steps", "3", "--grid", "karras"}, "is --grid karras");
  same({"--solver", "karras-heun", "--steps", "3", "--S_churn", "1", "--S_min", "0.1"},
       {"--solver", "karras-heun", "--steps", "3", "--s-churn", "1", "--s-tmin", "0.1"},
       "--S_min is --s-tmin 0.1");
  sampling.rejected({"--guidance_scale", "7.5"}, {"--guidance", "not conditioned on classes"});
  sampling.rejected({"--scheduler", "DDIMScheduler", "--timestep_spacing", "trailing"},
                    {"--grid trailing spaces the discrete levels of a network"});
  sampling.rejected({"--guidance_scale", "0.25"}, {"--guidance", "-0.75"});
}

TEST_CASE("diffusers' DEIS, SA-Solver and iPNDM are known by their class") {
  for (const char* name : {"DEISMultistepScheduler", "SASolverScheduler", "IPNDMScheduler"})
    for (const char* option : {"--sampler", "--solver"}) {
      REQUIRE(alias_of(option, name) != nullptr);
      CHECK(std::string(alias_of(option, name)->option) == "--solver");
    }
}

TEST_CASE("the list of samplers and the README contain every alias") {
  const std::string list = require_success(sample_program, {"--list-samplers"}).text;
  const std::string readme =
      text_of(std::filesystem::path(SCORESDE_SOURCE_DIR) / "examples/cifar10/README.md");
  for (const auto& alias : sampler_aliases) {
    CHECK(list.find(std::string("\n") + alias.names + ' ') != std::string::npos);
    const std::string row = "| `" + std::string(alias.names) + "` | " + alias.source + " | `" +
                            alias.stands_for() + "` |";
    INFO(row);
    CHECK(readme.find(row) != std::string::npos);
  }
}

TEST_CASE(
    "the corrector's default signal-to-noise ratio is the value for the predictor in table 5") {
  const auto snr = [&](const auto& sde, const char* predictor) {
    const Sampling sampling{sde};
    const std::string text =
        sampling({"--predictor", predictor, "--corrector", "langevin", "--steps", "2"}).sampler;
    const auto from = text.find("snr ") + 4;
    return text.substr(from, text.find(',', from) - from);
  };
  CHECK(snr(VeSde(), "ancestral") == "0.17");
  CHECK(snr(VeSde(), "reverse_diffusion") == "0.16");
  CHECK(snr(VeSde(), "ddim") == "0.17");
  CHECK(snr(VeSde(), "none") == "0.22");
  CHECK(snr(VpSde(), "ancestral") == "0.01");
  CHECK(snr(VpSde(), "reverse_diffusion") == "0.01");
  CHECK(snr(VpSde(), "ddim") == "0.04");
  CHECK(snr(VpSde(), "none") == "0.27");
}

TEST_CASE("absolute tolerances are half as large for data in [0, 1]") {
  const auto atol = [&](bool centered, const char* solver) {
    const TemporaryFolder folder;
    const std::string checkpoint = tiny_checkpoint(folder, VeSde(), tiny_image_network(centered));
    require_success(sample_program,
                    {"--checkpoint", checkpoint, "--out", (folder / "out").string(), "--samples",
                     "1", "--rtol", "1", "--solver", solver, "--overwrite"});
    const auto text =
        io::read_safetensors(folder / "out" / "samples.safetensors").metadata.at("sampler");
    return std::stod(text.substr(text.find("atol ") + 5));
  };
  for (const char* solver : {"adaptive-sde", "dopri5", "dpm-solver-12"})
    CHECK(atol(false, solver) == Approx(atol(true, solver) / 2).epsilon(1e-3));
  CHECK(atol(false, "adaptive-sde") == Approx(0.0039).epsilon(0.01));
}
