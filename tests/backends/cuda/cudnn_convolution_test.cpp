// SPDX-License-Identifier: MIT
/// Errors of convolution plans, and their storage.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <scoresde/cuda/cudnn_convolution.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "described_device.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using scoresde::Error;
using scoresde::cuda::aligned_channels;
using scoresde::cuda::ConvolutionOperands;
using scoresde::cuda::ConvolutionPlans;
using scoresde::cuda::Epilogue;
using scoresde::cuda::PlanDevice;
using scoresde::cuda::PlanReport;
using scoresde::cuda::Precision;
using scoresde::nn::Convolution;
using scoresde::nn::Shape;
using scoresde::testing::described_device;

constexpr Convolution same{.in_channels = 64, .out_channels = 32};
constexpr Shape image{4, 64, 16, 16};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  return {std::filesystem::directory_iterator(folder), {}};
}

}  // namespace

TEST_CASE("aligned_channels rounds up to 16 bytes") {
  CHECK(aligned_channels(3, Precision::bf16) == 8);
  CHECK(aligned_channels(3, Precision::tf32) == 4);
  CHECK(aligned_channels(128, Precision::bf16) == 128);
  CHECK(aligned_channels(129, Precision::fp32) == 132);
}

TEST_CASE("a plan is built once and reports its graph", "[emulated]") {
  ConvolutionPlans plans(described_device(), Precision::bf16);
  const PlanReport& report = plans.plan_forward(same, image, {.bias = true});
  CHECK(report.graph ==
        "convolution of x bf16 [4 64 16 16] by weights bf16 [32 64 3 3] with stride 1, zeros 1 "
        "and 1 to intermediate, then plus bias bf16 [1 32 1 1] to y bf16 [4 32 16 16]");
  CHECK_THAT(report.engine, StartsWith("engine "));
  CHECK(report.fused);
  CHECK(&plans.plan_forward(same, image, {.bias = true}) == &report);
  CHECK(&plans.plan_forward(same, image, {}) != &report);
  CHECK(plans.reports().size() == 2);
}

TEST_CASE("shapes that do not match the operation are rejected", "[emulated]") {
  ConvolutionPlans plans(described_device(), Precision::bf16);
  CHECK_THROWS_WITH(plans.plan_forward(same, {4, 63, 16, 16}, {}),
                    Contains("the input has 63 channels; the weights require 64"));
  CHECK_THROWS_WITH(plans.plan_backward_data(same, {0, 64, 16, 16}, false),
                    Contains("the input has no elements: 0×64×16×16"));
  CHECK_THROWS_WITH(plans.plan_backward_filter({.in_channels = 64, .out_channels = 0}, image),
                    Contains("0 output channels"));
  CHECK_THROWS_WITH(
      plans.plan_forward({.in_channels = 64, .out_channels = 8, .kernel = 7, .pad_before = 0},
                         {1, 64, 5, 5}, {}),
      Contains("a kernel of 7 does not fit an image of 5×5"));
  CHECK(plans.reports().empty());
}

TEST_CASE("a graph without a plan throws the reason, and other plans remain usable", "[emulated]") {
  scoresde::testing::need_driver();
  // Architectures before 8.0 do not have bfloat16, so no configuration of cuDNN builds.
  std::string json = scoresde::testing::h200_properties();
  json.replace(json.find(":900"), 4, ":610");
  const PlanDevice old = PlanDevice::described(json);
  ConvolutionPlans bf16(old, Precision::bf16);
  CHECK_THROWS_WITH(
      bf16.plan_forward(same, image, {.bias = true}),
      StartsWith("convolution: cuDNN has no plan on NVIDIA H200, architecture 610") &&
          Contains("convolution of x bf16 [4 64 16 16] by weights bf16 [32 64 3 3]") &&
          Contains("cuDNN lists 0 configurations") && Contains("another precision"));
  CHECK_THROWS_WITH(bf16.plan_backward_filter(same, image),
                    Contains("fail to build; last error: cuDNN: finalizing an execution plan"));
  CHECK(bf16.reports().empty());
  CHECK(ConvolutionPlans(old, Precision::fp32).plan_forward(same, image, {}).fused);
}

TEST_CASE("plans beyond the workspace limit are skipped", "[emulated]") {
  // cuDNN's fast kernels pad three channels to eight in workspace; slower kernels do not.
  const Convolution stem{.in_channels = 3, .out_channels = 128};
  ConvolutionPlans plans(described_device(), Precision::bf16),
      thrifty(described_device(), Precision::bf16, {.workspace_limit = 0});
  CHECK(plans.plan_backward_data(stem, {128, 3, 32, 32}, false).workspace > 0);
  CHECK(thrifty.plan_backward_data(stem, {128, 3, 32, 32}, false).workspace == 0);
}

TEST_CASE("fp32 plans do not use tensor cores and tf32 plans do", "[emulated]") {
  const auto engine = [](Precision precision) {
    return ConvolutionPlans(described_device(), precision).plan_forward(same, image, {}).engine;
  };
  CHECK(engine(Precision::fp32) != engine(Precision::tf32));
}

TEST_CASE("plans for a device description cannot be run or timed", "[emulated]") {
  ConvolutionPlans plans(described_device(), Precision::bf16);
  CHECK_THROWS_WITH(plans.forward(same, image, ConvolutionOperands{}, {}),
                    Contains("they cannot be run"));
  CHECK_THROWS_WITH(plans.forward(same, image, {.residual = &plans, .y = &plans}, {}),
                    Contains("the residual is y"));
  CHECK_THROWS_WITH(ConvolutionPlans(described_device(), Precision::bf16, {.autotune = 4}),
                    Contains("PlanOptions::autotune needs the device") && Contains("NVIDIA H200"));
}

TEST_CASE("invalid device descriptions are rejected", "[emulated]") {
  scoresde::testing::need_driver();
  CHECK_THROWS_WITH(PlanDevice::described("{}"), Contains("the JSON has no field deviceName"));
  CHECK_THROWS_WITH(
      PlanDevice::described(R"({"deviceName":"X","deviceVer":"ninety","multiProcessorCount":1})"),
      Contains("deviceVer is not a number"));
  CHECK_THROWS_WITH(
      PlanDevice::described(R"({"deviceName":"X","deviceVer":900,"multiProcessorCount":1})"),
      StartsWith("cuDNN: "));
}

TEST_CASE("stored plans are found by other processes", "[emulated][slow]") {
  const scoresde::test::TemporaryFolder folder;
  const auto plan = [&](const Shape& x) {
    ConvolutionPlans plans(described_device(), Precision::bf16, {.cache = folder.path()});
    plans.plan_forward(same, x, {.bias = true, .channel_bias = true});
    return plans.plan_backward_filter(same, x);
  };
  const PlanReport made = plan(image), found = plan(image);
  REQUIRE(files_in(folder.path()).size() == 2);
  CHECK_THAT(made.engine, StartsWith("engine "));
  CHECK_THAT(found.engine, StartsWith("stored in " + folder.path().string()));
  CHECK(found.graph == made.graph);
  CHECK(found.workspace == made.workspace);
  CHECK(found.seconds < 0.5 * made.seconds);
  CHECK_THAT(plan({2, 64, 16, 16}).engine, StartsWith("engine "));
  CHECK(files_in(folder.path()).size() == 4);
}

TEST_CASE("damaged and foreign files in the cache are replaced", "[emulated]") {
  const scoresde::test::TemporaryFolder folder;
  const auto plan = [&] {
    ConvolutionPlans plans(described_device(), Precision::bf16, {.cache = folder.path()});
    return plans.plan_forward(same, image, {.bias = true}).engine;
  };
  CHECK_THAT(plan(), StartsWith("engine "));
  REQUIRE(files_in(folder.path()).size() == 1);
  const std::filesystem::path file = files_in(folder.path())[0];
  const std::string whole = text_of(file);
  std::string changed = whole, another = whole;
  changed[whole.size() / 2] ^= 1;
  another.replace(another.find("H200"), 4, "H100");
  for (const std::string& damaged :
       {std::string(), whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 1),
        changed, another, std::string("{}\n"), std::string(whole.size(), '\0')}) {
    scoresde::io::write_file_atomically(file, damaged);
    CHECK_THAT(plan(), StartsWith("engine "));
    CHECK(text_of(file) == whole);
    CHECK_THAT(plan(), StartsWith("stored in "));
  }
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);  // can be neither read nor overwritten
  CHECK_THAT(plan(), StartsWith("engine "));
  CHECK_THROWS_AS(
      ConvolutionPlans(described_device(), Precision::bf16, {.cache = "/proc/no_such_folder"}),
      Error);
}

TEST_CASE("a missing cuDNN throws an error with its name, and later calls retry", "[emulated]") {
  constexpr const char* variable = "SCORESDE_CUDNN_LIBRARY";
  if (std::getenv(variable) == nullptr) {
    // A loaded library stays loaded, so a child process runs this case.
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string command =
        "SCORESDE_CUDNN_LIBRARY=/no/such/libcudnn.so.9 '" + self + "' 'a missing cuDNN*' >&2";
    CHECK(std::system(command.c_str()) == 0);
    return;
  }
  const std::string json = scoresde::testing::h200_properties();
  for (int attempt = 0; attempt < 2; ++attempt)
    CHECK_THROWS_WITH(PlanDevice::described(json),
                      Contains("cuDNN, which computes convolutions, cannot be loaded") &&
                          Contains("/no/such/libcudnn.so.9") && Contains(variable));
  ::unsetenv(variable);
  CHECK_THAT(PlanDevice::described(json).name(), StartsWith("NVIDIA H200"));
}
