// SPDX-License-Identifier: MIT
/// Every convolution of the CIFAR-10 presets has plans, forward and backward, for a described H200.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <scoresde/cuda/cudnn_convolution.hpp>

#include "described_device.hpp"
#include "preset_convolutions.hpp"
#include "support/catch.hpp"

namespace {

using scoresde::cuda::ConvolutionPlans;
using scoresde::cuda::Epilogue;
using scoresde::cuda::PlanOptions;
using scoresde::cuda::PlanReport;
using scoresde::cuda::Precision;
using scoresde::testing::cifar10_convolutions;
using scoresde::testing::described_device;
using scoresde::testing::PresetConvolution;

/// Statistics of the plans of one kind of graph, printed as a row of the matrix.
struct Row {
  std::set<std::string> graphs;
  std::size_t fused = 0, workspace = 0;
  double seconds = 0;

  void add(const PlanReport& report) {
    if (!graphs.insert(report.graph).second) return;
    fused += report.fused;
    workspace = std::max(workspace, report.workspace);
    seconds += report.seconds;
  }
};

std::string kind(const Epilogue& epilogue) {
  return std::string("forward, bias") + (epilogue.channel_bias ? ", channel bias" : "") +
         (epilogue.residual ? ", residual" : "") + (epilogue.scale ? ", scale" : "");
}

/// All graphs of these convolutions in training and sampling.
std::map<std::string, Row> plan_all(ConvolutionPlans& plans,
                                    const std::vector<PresetConvolution>& all, std::size_t n,
                                    bool backward_data = true) {
  std::map<std::string, Row> rows;
  for (const PresetConvolution& c : all) {
    rows[kind(c.epilogue)].add(plans.plan_forward(c.op, c.batch(n), c.epilogue));
    rows["weight gradient"].add(plans.plan_backward_filter(c.op, c.batch(n)));
    for (const bool accumulate : {false, true})
      if (backward_data)
        rows[accumulate ? "data gradient, added" : "data gradient"].add(
            plans.plan_backward_data(c.op, c.batch(n), accumulate));
  }
  for (const auto& [name, row] : rows)
    std::printf("n %3zu  %-38s %3zu graphs, %3zu fused, workspace up to %9zu B, %7.3f s\n", n,
                name.c_str(), row.graphs.size(), row.fused, row.workspace, row.seconds);
  return rows;
}

/// A convolution of each kernel, stride, resolution, epilogue and alignment of channels.
std::vector<PresetConvolution> one_of_each_kind() {
  std::set<std::tuple<std::size_t, std::size_t, std::size_t, Epilogue, bool, bool>> seen;
  std::vector<PresetConvolution> some;
  for (const PresetConvolution& c : cifar10_convolutions())
    if (seen.emplace(c.op.kernel, c.op.stride, c.x.h, c.epilogue, c.op.in_channels % 8 == 0,
                     c.op.out_channels % 8 == 0)
            .second)
      some.push_back(c);
  return some;
}

}  // namespace

TEST_CASE("every convolution of the presets has plans with precompiled kernels",
          "[emulated][slow]") {
  const auto all = cifar10_convolutions();
  CHECK(all.size() > 90);
  ConvolutionPlans plans(described_device(), Precision::bf16, {.compile = false});
  for (const std::size_t n : {1, 64, 128, 512}) {
    auto rows = plan_all(plans, all, n);
    // The patterns that cuDNN has precompiled; for others the epilogue is a separate kernel.
    for (const char* whole :
         {"forward, bias", "forward, bias, residual", "data gradient", "data gradient, added"}) {
      CHECK(rows[whole].graphs.size() > 0);
      CHECK(rows[whole].fused == rows[whole].graphs.size());
    }
    for (const char* parts :
         {"forward, bias, channel bias", "forward, bias, residual, scale", "weight gradient"}) {
      CHECK(rows[parts].graphs.size() > 0);
      CHECK(rows[parts].fused == 0);
    }
    // The limit is 512 MiB per plan; these plans stay far below.
    for (const auto& [name, row] : rows) CHECK(row.workspace < (std::size_t{64} << 20));
  }
}

TEST_CASE("float32 and tf32 have plans that accumulate weight gradients", "[emulated][slow]") {
  for (const Precision precision : {Precision::fp32, Precision::tf32})
    for (const std::size_t n : {1, 128, 512}) {
      ConvolutionPlans plans(described_device(), precision, {.compile = false});
      auto rows = plan_all(plans, cifar10_convolutions(), n);
      CHECK(rows["weight gradient"].fused == rows["weight gradient"].graphs.size());
      CHECK(rows["data gradient"].fused == rows["data gradient"].graphs.size());
    }
}

TEST_CASE("generated kernels fuse epilogues and float32 weight gradients", "[emulated][slow]") {
  // One network block; the slow test below covers every kind.
  std::vector<PresetConvolution> some;
  for (const PresetConvolution& c : cifar10_convolutions())
    if (c.op.in_channels == 128 && c.op.out_channels == 128 && c.x.h == 32) some.push_back(c);
  ConvolutionPlans plans(described_device(), Precision::bf16);
  for (const auto& [name, row] : plan_all(plans, some, 128, false)) {
    INFO(name);
    CHECK(row.fused == row.graphs.size());
  }
}

// A plan of a generated kernel takes 0.2 to 1 s, those of a batch one to two minutes; the first
// case covers all convolutions and batches with precompiled kernels.
TEST_CASE("all kinds of graphs of the presets fuse if channels are 16-byte aligned",
          "[emulated][slow]") {
  constexpr std::size_t n = 128;
  const auto some = one_of_each_kind();
  ConvolutionPlans plans(described_device(), Precision::bf16);
  for (const PresetConvolution& c : some) {
    INFO(c.op.in_channels << " to " << c.op.out_channels << " channels at " << c.x.h);
    CHECK(plans.plan_forward(c.op, c.batch(n), c.epilogue).fused);
    CHECK(plans.plan_backward_filter(c.op, c.batch(n)).fused ==
          (c.op.in_channels % 8 == 0 && c.op.out_channels % 8 == 0));
  }
  plan_all(plans, some, n);
}
