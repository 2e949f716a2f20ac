// SPDX-License-Identifier: MIT
/// The emulation runs correct kernels and reports the errors of incorrect ones.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/block.hpp"
#include "kernels/block_sum.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

namespace {

using scoresde::cuda::GridSize;
using scoresde::cuda::shared_size;
using scoresde::testing::emulate;
using scoresde::testing::EmulationError;
using scoresde::testing::every_schedule;

/// A kernel of one block with shared doubles, from a function of the block.
template <class Body>
struct OneBlock {
  static constexpr unsigned threads = 64;
  Body body;
  unsigned doubles = 64;
  [[nodiscard]] GridSize grid() const { return {}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(doubles); }
  template <class Block>
  void operator()(Block& block) const {
    body(block);
  }
};

template <class Body>
void run_under_every_schedule(Body body) {
  for (const auto& schedule : every_schedule) emulate(OneBlock<Body>{body}, schedule);
}

/// The error messages of the emulation, one line per schedule.
template <class Body>
std::string complaint(Body body) {
  std::string found;
  for (const auto& schedule : every_schedule) {
    std::string words = "nothing";
    try {
      emulate(OneBlock<Body>{body}, schedule);
    } catch (const EmulationError& error) {
      words = error.what();
    }
    CHECK(words != "nothing");
    found += words + "\n";
  }
  return found;
}

bool every_line_has(const std::string& text, const std::string& words) {
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (text.substr(begin, end - begin).find(words) == std::string::npos) {
      UNSCOPED_INFO(text);
      return false;
    }
  return !text.empty();
}

/// Σ of each row of `length` numbers: the example of docs/cuda.md.
//! [row_sums]
struct RowSums {
  static constexpr unsigned threads = 128;
  const double* rows;
  double* sums;
  unsigned count, length;

  GridSize grid() const { return {.x = count}; }
  unsigned shared_bytes() const { return shared_size<double>(threads / 32); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / 32);
    const double* const row = rows + std::size_t{block.index().x} * length;
    double sum = 0;
    for (unsigned i = block.thread(); i < length; i += threads) sum += row[i];
    sum = scoresde::cuda::block_sum(block, sum, scratch);
    if (block.thread() == 0) sums[block.index().x] = sum;
  }
};
//! [row_sums]

/// Counts threads per block in shared memory, and blocks.
struct Count {
  static constexpr unsigned threads = 32;
  std::uint32_t* seen;
  GridSize grid() const { return {2, 3, 4}; }
  unsigned shared_bytes() const { return shared_size<int>(1); }
  template <class Block>
  void operator()(Block& block) const {
    auto arrived = block.template shared<int>(1);
    if (block.thread() == 0) arrived[0] = 0;
    block.sync();
    block.atomic_add(arrived + 0, 1);
    block.sync();
    const auto [x, y, z] = block.index();
    CHECK(block.grid().z == 4);
    if (block.thread() == 0) seen[x + 2 * (y + 3 * z)] += static_cast<unsigned>(int(arrived[0]));
  }
};

/// Launched with the given configuration.
struct Launch {
  static constexpr unsigned threads = 32;
  GridSize size;
  unsigned bytes;
  GridSize grid() const { return size; }
  unsigned shared_bytes() const { return bytes; }
  template <class Block>
  void operator()(Block&) const {}
};

}  // namespace

TEST_CASE("a block sum is bit-identical under every schedule", "[emulated]") {
  for (const unsigned length : {1u, 31u, 32u, 127u, 128u, 1000u}) {
    std::vector<double> rows(3 * std::size_t{length});
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = 1 / (1.5 + double(i));
    std::vector<double> first(3), sums(3);
    emulate(RowSums{rows.data(), first.data(), 3, length});
    for (unsigned row = 0; row < 3; ++row) {
      double sum = 0;
      for (unsigned i = 0; i < length; ++i) sum += rows[row * length + i];
      CHECK(first[row] == Approx(sum).epsilon(1e-14));
    }
    for (const auto& schedule : every_schedule) {
      emulate(RowSums{rows.data(), sums.data(), 3, length}, schedule);
      CHECK(sums == first);
    }
  }
}

TEST_CASE("warp shuffles return the same values as CUDA's", "[emulated]") {
  const auto body = [](auto& block) {
    const unsigned lane = block.lane();
    CHECK(block.shuffle(lane, 5) == 5);
    CHECK(block.shuffle(lane, 9, 8) == lane / 8 * 8 + 1);
    CHECK(block.shuffle_xor(1.5 * lane, 3) == 1.5 * (lane ^ 3));
    CHECK(block.shuffle_down(lane, 4) == (lane < 28 ? lane + 4 : lane));
    CHECK(block.shuffle_down(lane, 2, 4) == (lane % 4 < 2 ? lane + 2 : lane));
    CHECK(block.ballot(lane % 3 == 0) == 0x49249249u);
    // One warp is ahead of the other: only block barriers synchronize warps.
    if (block.warp() == 1) {
      CHECK(block.shuffle(lane, 0) == 0);
      CHECK(block.ballot(true) == ~0u);
    }
    block.sync();
  };
  run_under_every_schedule(body);
}

TEST_CASE("threads, blocks and shared memory match the launch", "[emulated]") {
  for (const auto& schedule : every_schedule) {
    std::vector<std::uint32_t> seen(24);
    emulate(Count{seen.data()}, schedule);
    CHECK(seen == std::vector<std::uint32_t>(24, 32));
  }
}

TEST_CASE("a missing barrier is reported for every order of threads", "[emulated]") {
  CHECK(every_line_has(complaint([](auto& block) {
                         auto values = block.template shared<double>(64);
                         values[block.thread()] = 1.0;
                         double sum = values[(block.thread() + 40) % 64];
                         block.sync();
                         values[block.thread()] = sum;
                       }),
                       "of shared memory"));
  // A read, then a write by another thread: correct by chance in one order, wrong in another.
  CHECK(every_line_has(complaint([](auto& block) {
                         auto values = block.template shared<double>(64);
                         values[block.thread()] = double(block.thread());
                         block.sync();
                         const double other = values[63 - block.thread()];
                         values[block.thread()] = other;
                       }),
                       "no barrier between"));
  // A warp barrier does not order the other warp.
  CHECK(every_line_has(complaint([](auto& block) {
                         auto values = block.template shared<double>(64);
                         if (block.warp() == 0) values[block.lane()] = 1;
                         block.sync_warp();
                         if (block.warp() == 1) values[block.lane()] = 2;
                       }),
                       "no barrier between threads"));
}

TEST_CASE("a warp barrier orders accesses of its warp", "[emulated]") {
  const auto body = [](auto& block) {
    auto values = block.template shared<double>(64);
    values[block.thread()] = block.lane();
    block.sync_warp();
    CHECK(double(values[block.thread() ^ 1]) == (block.lane() ^ 1));
  };
  run_under_every_schedule(body);
}

TEST_CASE("a divergent barrier is reported", "[emulated]") {
  CHECK(every_line_has(complaint([](auto& block) {
                         if (block.thread() < 40) block.sync();
                       }),
                       "has left the kernel"));
  // Outside the macro, which would put both calls on one line.
  const auto two_calls = [](auto& block) {
    if (block.warp() == 0)
      block.sync();
    else
      block.sync();
  };
  CHECK(every_line_has(complaint(two_calls), "waits in sync"));
  CHECK(every_line_has(complaint([](auto& block) {
                         for (unsigned i = 0; i < 1 + block.warp(); ++i) block.sync();
                       }),
                       "the call must be reached by all"));
  CHECK(every_line_has(complaint([](auto& block) {
                         if (block.lane() < 16) (void)block.shuffle_xor(1, 1);
                       }),
                       "waits in shuffle_xor"));
}

TEST_CASE("out-of-bounds and uninitialized reads of shared memory are reported", "[emulated]") {
  CHECK(every_line_has(complaint([](auto& block) {
                         auto values = block.template shared<double>(64);
                         values[block.thread() + 1] = 1;
                       }),
                       "element 64 of an array of 64"));
  CHECK(every_line_has(complaint([](auto& block) {
                         auto values = block.template shared<double>(64);
                         const double never = values[block.thread()];
                         values[block.thread()] = never;
                       }),
                       "has not been written"));
  CHECK(every_line_has(complaint([](auto& block) {
                         (void)block.template shared<double>(64);
                         (void)block.template shared<float>(1);
                       }),
                       "use 528 bytes; the kernel requests 512"));
}

TEST_CASE("launches that a device would reject are rejected", "[emulated]") {
  CHECK_THROWS_WITH(emulate(Launch{{1, 70000, 1}, 0}), Catch::Contains("at most 65535"));
  CHECK_THROWS_WITH(emulate(Launch{{1, 1, 1}, 120000}), Catch::Contains("120000 bytes"));
}
