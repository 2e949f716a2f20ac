// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <vector>

#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/detail/activation_plan.hpp>
#include <scoresde/registry/presets.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde::nn;
using Catch::Matchers::Contains;

namespace {

std::size_t overlaps(const ActivationPlan& plan) {
  std::size_t count = 0;
  const auto& b = plan.buffers();
  for (std::size_t i = 0; i < b.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const bool at_once = b[i].first <= b[j].last && b[j].first <= b[i].last;
      const bool touch =
          b[i].offset < b[j].offset + b[j].size && b[j].offset < b[i].offset + b[i].size;
      count += b[i].size > 0 && b[j].size > 0 && at_once && touch;
    }
  return count;
}

/// The largest sum of the sizes that live at one step: a lower bound of any plan.
std::size_t lower_bound(const ActivationPlan& plan) {
  std::size_t last = 0, most = 0;
  for (const auto& b : plan.buffers()) last = std::max(last, b.last);
  for (std::size_t step = 0; step <= last; ++step) {
    std::size_t alive = 0;
    for (const auto& b : plan.buffers())
      if (b.first <= step && step <= b.last) alive += b.size;
    most = std::max(most, alive);
  }
  return most;
}

}  // namespace

TEST_CASE("buffers with overlapping lifetimes are disjoint and inside the workspace") {
  for (const auto& config : {small::every_path(), preset("cifar10_small").network,
                             preset("vp/cifar10_ddpmpp_continuous").network})
    for (const Mode mode : {Mode::inference, Mode::training}) {
      const ActivationPlan plan(unet(config), 3, mode);
      CHECK(overlaps(plan) == 0);
      std::size_t end = 0;
      for (const auto& b : plan.buffers()) end = std::max(end, b.offset + b.size);
      CHECK(end == plan.size());
    }
}

TEST_CASE("plans exceed the largest live size by at most a quarter") {
  const Graph graph = unet(preset("vp/cifar10_ddpmpp_continuous").network);
  const ActivationPlan inference(graph, 8, Mode::inference), training(graph, 8, Mode::training);
  CHECK(double(inference.size()) <= 1.25 * double(lower_bound(inference)));
  CHECK(double(training.size()) <= 1.25 * double(lower_bound(training)));
  // Without reuse, inference would need the sum of all sizes.
  std::size_t sum = 0;
  for (const auto& b : inference.buffers()) sum += b.size;
  CHECK(5 * inference.size() < sum);
  CHECK(5 * inference.size() < training.size());
}

TEST_CASE("a training plan keeps values until the backward pass has read them") {
  const Graph graph = unet(small::every_path());
  const ActivationPlan plan(graph, 2, Mode::training);
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::size_t backward = 2 * nodes.size() - 1 - i;
    for (std::size_t slot = 0; slot < nodes[i].inputs.size(); ++slot)
      if (detail::keeps_input(nodes[i], slot))
        CHECK(plan.buffers()[plan.root(nodes[i].inputs[slot]).index].last >= backward);
  }
}

TEST_CASE("the first consumer in backward order writes a gradient and the others add to it") {
  Graph graph(4, 2, 2);
  const Tensor a = graph.silu(graph.input());
  const Tensor b = graph.silu(a);
  const Tensor c = graph.scaled_sum(a, b, 1);
  graph.scaled_sum(c, a, 1);
  const ActivationPlan plan(graph, 1, Mode::training);
  CHECK_FALSE(plan.accumulates(3, 0));
  CHECK_FALSE(plan.accumulates(3, 1));  // the last consumer of a
  CHECK(plan.accumulates(2, 0));
  CHECK_FALSE(plan.accumulates(2, 1));
  CHECK(plan.accumulates(1, 0));
}

TEST_CASE("dropout uses no memory in inference") {
  Graph graph(4, 2, 2);
  const Tensor a = graph.silu(graph.input());
  const Tensor b = graph.dropout(a, 0.5);
  graph.silu(b);
  const ActivationPlan plan(graph, 1, Mode::inference);
  CHECK(plan.root(b) == a);
  CHECK(plan.buffers()[b.index].size == 0);
  CHECK(ActivationPlan(graph, 1, Mode::training).root(b) == b);
}

TEST_CASE("ActivationPlan rejects invalid graphs") {
  Graph empty(1, 2, 2);
  CHECK_THROWS_WITH(ActivationPlan(empty, 1, Mode::inference), Contains("no operation"));
  Graph unread(1, 2, 2);
  unread.silu(unread.input());
  CHECK_THROWS_WITH(ActivationPlan(unread, 0, Mode::inference), Contains("batch is 0"));
  unread.silu(unread.input());
  CHECK_THROWS_WITH(ActivationPlan(unread, 1, Mode::inference), Contains("is never read"));
  Graph ends_in_dropout(1, 2, 2);
  ends_in_dropout.dropout(ends_in_dropout.silu(ends_in_dropout.input()), 0.5);
  CHECK_THROWS_WITH(ActivationPlan(ends_in_dropout, 1, Mode::inference), Contains("dropout"));
}
