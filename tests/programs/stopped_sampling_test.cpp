// SPDX-License-Identifier: MIT
/// cifar10_sample stopped and killed: finished samples are kept, and a resumed run is bit-identical
/// to an uninterrupted one.
#include <csignal>
#include <filesystem>
#include <string>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

const Words files{"samples.safetensors", "samples.npy", "samples.png"};

class Sampling {
 public:
  Sampling() : checkpoint_(tiny_checkpoint(folder_, VpSde())) {}

  [[nodiscard]] std::filesystem::path out(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] Words options(const std::string& name) const {
    return {"--checkpoint", checkpoint_, "--out",       out(name).string(),
            "--threads",    "1",         "--samples",   "60",
            "--batch",      "4",         "--steps",     "150",
            "--predictor",  "ancestral", "--corrector", "langevin"};
  }
  /// Ends a run by a signal after its first batch is written.
  [[nodiscard]] Outcome stopped(const std::string& name, int number) const {
    const RunningProgram program(program_path(sample_program), options(name), folder_ / "output");
    REQUIRE(RunningProgram::wait_for(out(name) / "samples.progress.json"));
    program.signal(number);
    return program.wait();
  }

 private:
  TemporaryFolder folder_;
  std::string checkpoint_;
};

}  // namespace

TEST_CASE("a stopped sampling run keeps its samples, and resumes bit-identically", "[slow]") {
  const Sampling sampling;
  require_success(sample_program, sampling.options("whole"));
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGKILL}) {
    const std::string name = std::to_string(number);
    const auto out = sampling.out(name);
    const Outcome outcome = sampling.stopped(name, number);
    INFO(outcome.text);
    CHECK(outcome.status == 128 + number);
    CHECK(outcome.says("samples 1 to 4 of 60"));  // a line of progress, also without a terminal
    CHECK(std::filesystem::exists(out / "samples.partial"));
    for (const std::string& file : files) CHECK_FALSE(std::filesystem::exists(out / file));
    if (number != SIGKILL) {
      CHECK(outcome.says("continue with the same options and --resume"));
      CHECK(std::filesystem::exists(out / "samples.partial.png"));
      CHECK_FALSE(std::filesystem::exists(out / "run.lock"));
    }

    require_rejected(sample_program, sampling.options(name), {"unfinished run", "--resume"});
    require_rejected(sample_program,
                     sampling.options(name) + Words{"--resume", "--seed", "7", "--snr", "0.5"},
                     {"the settings differ", "--seed is '42' in the stopped run, '7' in this one",
                      "--snr is '0.01' in the stopped run, '0.5' in this one"});
    const Outcome resumed =
        require_success(sample_program, sampling.options(name) + Words{"--resume"});
    CHECK(resumed.says("samples are finished already"));
    for (const std::string& file : files)
      CHECK(text_of(out / file) == text_of(sampling.out("whole") / file));
    CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 3);
  }
  require_rejected(sample_program, sampling.options("whole") + Words{"--resume"},
                   {"holds no unfinished run"});
}

TEST_CASE("the option --png writes an image per sample, named by its index") {
  const Sampling sampling;
  const Words few =
      sampling.options("few") +
      Words{"--samples", "3", "--steps", "2", "--batch", "2", "--first-sample", "9", "--png"};
  require_success(sample_program, few);
  for (const char* name : {"0000009.png", "0000010.png", "0000011.png"})
    CHECK(std::filesystem::file_size(sampling.out("few") / "images" / name) > 100);
  require_rejected(sample_program, few, {"images", "holds files already"});
  const auto file = io::read_safetensors(sampling.out("few") / "samples.safetensors");
  CHECK(file.metadata.at("nfe") == "4");
  CHECK(file.at("samples").shape == std::vector<std::size_t>{3, 3, 8, 8});
}

TEST_CASE("images are written with the network's channels; a number without a PNG is rejected") {
  const TemporaryFolder folder;
  const auto options = [&](std::size_t channels, const std::string& samples) {
    return Words{
        "--checkpoint", tiny_checkpoint(folder, VpSde(), tiny_image_network(true, channels)),
        "--out",        (folder / "out").string(),
        "--threads",    "1",
        "--steps",      "2",
        "--columns",    "2",
        "--samples",    samples};
  };
  /// Width, height and color type in the header of a PNG: 0 is gray, 2 RGB.
  const auto header = [](const std::filesystem::path& path) {
    const std::string png = text_of(path);
    return std::vector<int>{png.at(19), png.at(23), png.at(25)};
  };
  for (const char* samples : {"3", "4"}) {
    const Words overwrite = samples == std::string("4") ? Words{"--overwrite"} : Words{"--png"};
    require_success(sample_program, options(1, samples) + overwrite);
    CHECK(header(folder / "out/samples.png") == std::vector<int>{2 * 10 + 2, 2 * 10 + 2, 0});
  }
  CHECK(header(folder / "out/images/0000002.png") == std::vector<int>{8, 8, 0});
  const Outcome five = run(sample_program, options(5, "1") + Words{"--overwrite"});
  INFO(five.text);
  CHECK(five.status == 2);
  CHECK(five.says("--checkpoint: the network's images have 5 channels; a PNG has 1 to 4"));
}

TEST_CASE("a network with other channels out than in is rejected with status 2 and its option") {
  const TemporaryFolder folder;
  auto network = tiny_image_network();
  network.out_channels = 6;
  const Words options{"--checkpoint", tiny_checkpoint(folder, VpSde(), network), "--out",
                      (folder / "out").string()};
  for (const char* program : {sample_program, likelihood_program, edit_program}) {
    const Words task = program == edit_program ? Words{"colorize"} : Words{};
    const Words data =
        program == sample_program ? Words{} : Words{"--data", folder.path().string()};
    const Outcome outcome = run(program, task + options + data);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says("--checkpoint: "));
    CHECK(outcome.says("3 channels in and 6 out"));
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
  }
}
