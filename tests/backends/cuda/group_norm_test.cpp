// SPDX-License-Identifier: MIT
#include "kernels/group_norm.hpp"

#include <scoresde/eigen/ops.hpp>

#include "kernels/activation.hpp"
#include "kernels/channel_sums.hpp"
#include "kernels/group_norm_backward.hpp"
#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;
using scoresde::testing::Schedule;

namespace {

struct Case {
  nn::GroupNorm norm;
  nn::Shape x;
  double mean = 0;
};

/// Groups of 1, 3, 4, 5, 8, 12 and 6 channels; aligned and unaligned rows; one pixel; batches.
const std::vector<Case> cases = {
    {{.groups = 8, .epsilon = 1e-6, .silu = true}, {2, 32, 5, 7}},
    {{.groups = 32, .epsilon = 1e-6, .silu = true}, {1, 32, 4, 6}},
    {{.groups = 8, .epsilon = 1e-5, .silu = false}, {2, 24, 6, 6}},
    {{.groups = 3, .epsilon = 1e-6, .silu = true}, {2, 15, 7, 3}},
    {{.groups = 4, .epsilon = 1e-6, .silu = false}, {2, 32, 4, 8}},
    {{.groups = 32, .epsilon = 1e-6, .silu = true}, {1, 384, 3, 3}},
    {{.groups = 1, .epsilon = 1e-2, .silu = false}, {3, 6, 1, 1}},
    {{.groups = 4, .epsilon = 1e-6, .silu = true}, {1, 8, 9, 11}, 500},
};
/// A tile that fits every image of the cases, and one that fits only the smallest.
struct Tile {
  std::size_t budget;
  std::vector<Schedule> schedules;
};
const std::vector<Tile> tiles = {{cuda::tile_budget, {every_schedule[1], every_schedule[2]}},
                                 {500, {every_schedule[3]}}};

struct Parameters {
  std::vector<float> gamma, beta;
  std::vector<double> wide_gamma, wide_beta;
  explicit Parameters(std::size_t channels)
      : gamma(random_values<float>(channels, 2)),
        beta(random_values<float>(channels, 3)),
        wide_gamma(gamma.begin(), gamma.end()),
        wide_beta(beta.begin(), beta.end()) {}
};

template <class T>
struct Forward {
  std::vector<T> y;
  std::vector<float> statistics;
  bool operator==(const Forward&) const = default;
};

template <class T>
Forward<T> forward(const Case& c, const Activations<T>& x, const Parameters& p,
                   const Schedule& schedule, std::size_t budget) {
  Forward<T> out{poisoned<T>(x.memory.size()), not_a_number<float>(2 * c.x.n * c.norm.groups)};
  const auto extents = cuda::group_extents<T>(c.norm, c.x, 1, budget);
  std::vector<float> partial = not_a_number<float>(extents.partial_size());
  const cuda::GroupNormArguments<T> arguments{extents,
                                              static_cast<float>(c.norm.epsilon),
                                              c.norm.silu,
                                              cuda::rows_are_whole(c.x.c * sizeof(T)),
                                              x.memory.data(),
                                              p.gamma.data(),
                                              p.beta.data(),
                                              out.y.data(),
                                              out.statistics.data(),
                                              partial.data()};
  emulate(cuda::GroupNormForward<T>{arguments}, schedule);
  if (extents.tiles.chunks() > 1) emulate(cuda::GroupNormApply<T>{arguments}, schedule);
  return out;
}

template <class T>
struct Backward {
  std::vector<T> dx;
  std::vector<float> dgamma, dbeta;
  bool operator==(const Backward&) const = default;
};

template <class T>
Backward<T> backward(const Case& c, const Activations<T>& x, const Activations<T>& dy,
                     const Parameters& p, const std::vector<float>& statistics,
                     const Target<T>& target, const Schedule& schedule, std::size_t budget) {
  Backward<T> out{target.memory, p.beta, p.gamma};
  const auto extents = cuda::group_extents<T>(c.norm, c.x, 2, budget);
  std::vector<float> sums = not_a_number<float>(cuda::GroupNormGradient<T>::sums_size(extents));
  const cuda::GroupNormGradient<T> arguments{
      extents,         c.norm.silu,       cuda::rows_are_whole(c.x.c * sizeof(T)),
      x.memory.data(), dy.memory.data(),  p.gamma.data(),
      p.beta.data(),   statistics.data(), {out.dx.data(), target.accumulate},
      sums.data()};
  emulate(cuda::GroupNormBackward<T>{arguments}, schedule);
  const std::uint32_t chunks = extents.tiles.chunks();
  if (chunks > 1) emulate(cuda::GroupNormBackwardApply<T>{arguments}, schedule);
  const auto rows = static_cast<std::uint32_t>(c.x.n) * chunks;
  const auto channels = static_cast<std::uint32_t>(c.x.c);
  emulate(cuda::ReduceRows<float>{sums.data(), 1, rows, channels, {out.dgamma.data(), true}},
          schedule);
  emulate(
      cuda::ReduceRows<float>{
          sums.data() + sums.size() / 2, 1, rows, channels, {out.dbeta.data(), true}},
      schedule);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("the group norm kernels match the double operation", "[emulated]", float,
                   Bfloat16) {
  for (const Case& c : cases)
    for (const auto& [budget, schedules] : tiles) {
      CAPTURE(c.x.c, c.norm.groups, c.x.h, c.x.w, c.mean, budget);
      const Activations<TestType> x(c.x, 1, c.mean);
      const Parameters p(c.x.c);
      std::vector<double> y(c.x.size()), statistics(2 * c.x.n * c.norm.groups);
      eigen::Ops<double>(1).group_norm(c.norm, x.view(), p.wide_gamma.data(), p.wide_beta.data(),
                                       {y.data(), c.x}, statistics.data(), {});
      const auto found = forward(c, x, p, every_schedule[0], budget);
      CHECK(relative_distance(from_channels_last(found.y, c.x), y) < kernel_tolerance<TestType>);
      CHECK(relative_distance(found.statistics, statistics) < 1e-5);
      for (const Schedule& schedule : schedules) CHECK(forward(c, x, p, schedule, budget) == found);
    }
}

TEMPLATE_TEST_CASE("the gradient kernels of group norm match the double operation",
                   "[emulated][slow]", float, Bfloat16) {
  for (const Case& c : cases)
    for (const auto& [budget, schedules] : tiles)
      for (const bool accumulate : {false, true}) {
        CAPTURE(c.x.c, c.norm.groups, c.x.h, c.x.w, c.mean, budget, accumulate);
        const Activations<TestType> x(c.x, 1, c.mean), dy(c.x, 4);
        const Parameters p(c.x.c);
        const Target<TestType> target(c.x, accumulate);
        const eigen::Ops<double> ops(1);
        std::vector<double> dx = target.before, y(c.x.size()), dgamma = p.wide_beta,
                            dbeta = p.wide_gamma, statistics(2 * c.x.n * c.norm.groups),
                            scratch(ops.group_norm_scratch(c.norm, c.x));
        ops.group_norm(c.norm, x.view(), p.wide_gamma.data(), p.wide_beta.data(), {y.data(), c.x},
                       statistics.data(), {});
        ops.group_norm_backward(c.norm, x.view(), p.wide_gamma.data(), p.wide_beta.data(),
                                statistics.data(), dy.view(), {dx.data(), true}, dgamma.data(),
                                dbeta.data(), scratch);
        const auto stats = converted<float>(statistics);
        const auto found = backward(c, x, dy, p, stats, target, every_schedule[0], budget);
        // The mean is rounded to float: at 500 its error of 1.5e-5 affects x̂.
        const double exact = c.mean == 0 ? 1e-5 : 5e-5;
        CHECK(relative_distance(from_channels_last(found.dx, c.x), dx) <
              std::max(exact, kernel_tolerance<TestType>));
        CHECK(relative_distance(found.dgamma, dgamma) < exact);
        CHECK(relative_distance(found.dbeta, dbeta) < exact);
        if (accumulate) continue;
        for (const Schedule& schedule : schedules)
          CHECK(backward(c, x, dy, p, stats, target, schedule, budget) == found);
      }
}
