// SPDX-License-Identifier: MIT
/// Runs a CUDA kernel on the CPU: emulate(kernel) or emulate(kernel, schedule).
///
/// The threads of a block are fibers on one OS thread, so a run is determined by its schedule:
/// ascending, descending or pseudorandom order. EmulationError reports barriers that not all
/// threads reach, or not at the same call, shuffles that part of a warp misses, and the errors
/// detected by emulated_shared_memory.hpp. Global memory is ordinary memory, checked by
/// AddressSanitizer. The memory model between blocks and timing are not emulated.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <deque>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/block.hpp"
#include "support/emulated_shared_memory.hpp"
#include "support/fiber.hpp"

namespace scoresde::testing {

/// The order of the threads of a block between two barriers, and of the blocks of a grid.
struct Schedule {
  enum class Order { ascending, descending, random } order = Order::ascending;
  unsigned seed = 0;

  /// A permutation of the numbers below n, for turn `turn`.
  [[nodiscard]] std::vector<unsigned> sequence(unsigned n, std::size_t turn) const {
    std::vector<unsigned> out(n);
    std::iota(out.begin(), out.end(), 0u);
    if (order == Order::descending) std::reverse(out.begin(), out.end());
    if (order == Order::random) {
      std::minstd_rand engine(seed + 7919 * static_cast<unsigned>(turn) + 1);
      std::shuffle(out.begin(), out.end(), engine);
    }
    return out;
  }
};

/// The schedules of every kernel test: both directions and three random orders.
inline constexpr std::array every_schedule = {
    Schedule{Schedule::Order::ascending}, Schedule{Schedule::Order::descending},
    Schedule{Schedule::Order::random, 1}, Schedule{Schedule::Order::random, 2},
    Schedule{Schedule::Order::random, 3}};

/// The largest shared memory per block that all default architectures support (sm_120).
inline constexpr unsigned max_shared_bytes = 99 * 1024;

/// The source line of a call, as a default argument. clang 14 does not have std::source_location.
struct Place {
  const char* file = "";
  int line = 0;

  static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// The emulated counterpart of cuda::DeviceBlock, member for member.
class EmulatedBlock {
 public:
  template <class T>
  using Shared = SharedArray<T>;

  EmulatedBlock(unsigned threads, cuda::GridSize grid, unsigned shared_bytes)
      : grid_(grid), shared_bytes_(shared_bytes), state_(threads), fibers_(fibers(threads)) {
    clock_.warp_epochs.resize(threads / cuda::warp_size);
  }

  [[nodiscard]] unsigned thread() const { return clock_.thread; }
  [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(state_.size()); }
  [[nodiscard]] unsigned lane() const { return thread() % cuda::warp_size; }
  [[nodiscard]] unsigned warp() const { return thread() / cuda::warp_size; }
  [[nodiscard]] cuda::GridSize index() const { return index_; }
  [[nodiscard]] cuda::GridSize grid() const { return grid_; }

  void sync(Place place = Place::current()) { wait(Wait::block, "sync", place); }
  void sync_warp(Place place = Place::current()) { wait(Wait::warp_barrier, "sync_warp", place); }

  template <class T>
  T shuffle(T value, unsigned from, unsigned width = cuda::warp_size,
            Place place = Place::current()) {
    const unsigned segment = lane() / width * width;
    return exchange(value, "shuffle", place, segment + from % width);
  }
  template <class T>
  T shuffle_xor(T value, unsigned mask, Place place = Place::current()) {
    return exchange(value, "shuffle_xor", place, (lane() ^ mask) % cuda::warp_size);
  }
  template <class T>
  T shuffle_down(T value, unsigned by, unsigned width = cuda::warp_size,
                 Place place = Place::current()) {
    const unsigned from = lane() + by, end = (lane() / width + 1) * width;
    return exchange(value, "shuffle_down", place, from < end ? from : lane());
  }
  unsigned ballot(bool predicate, Place place = Place::current()) {
    const std::size_t turn = deposit(predicate, "ballot", place);
    unsigned bits = 0;
    for (unsigned lane = 0; lane < cuda::warp_size; ++lane)
      if (collect<bool>(turn, lane)) bits |= 1u << lane;
    return bits;
  }

  template <class T>
  SharedArray<T> shared(unsigned count) {
    std::size_t& made = state_[thread()].arrays;
    if (made == arrays_.size()) {
      taken_ += cuda::shared_size<T>(count);
      emulation_require(taken_ <= shared_bytes_, "the arrays in shared memory use ", taken_,
                        " bytes; the kernel requests ", shared_bytes_);
      arrays_.emplace_back(count, sizeof(T));
    }
    SharedStorage& array = arrays_[made++];
    emulation_require(array.count() == count && array.element_size() == sizeof(T), "thread ",
                      thread(), " requests ", count, " shared elements of ", sizeof(T),
                      " bytes where another thread requested ", array.count(), " of ",
                      array.element_size());
    return {array, clock_, 0};
  }

  template <class T>
  T atomic_add(T* where, T value) {
    const T old = *where;
    *where = old + value;
    return old;
  }
  template <class T>
  T atomic_add(SharedArray<T> where, T value) {
    return where.atomic_add(value);
  }

  /// Runs block `index` of the kernel.
  template <class Kernel>
  void run(const Kernel& kernel, cuda::GridSize index, const Schedule& schedule) {
    index_ = index;
    arrays_.clear();
    taken_ = 0;
    clock_.block_epoch = 0;
    std::fill(clock_.warp_epochs.begin(), clock_.warp_epochs.end(), 0);
    for (unsigned t = 0; t < threads(); ++t) {
      state_[t] = {};
      fibers_[t].start([this, &kernel] { kernel(*this); });
    }
    for (std::size_t turn = 0; !all(Wait::left); ++turn) {
      for (const unsigned t : schedule.sequence(threads(), turn)) {
        if (state_[t].wait != Wait::none) continue;
        clock_.thread = t;
        fibers_[t].resume();
        if (fibers_[t].done()) state_[t].wait = Wait::left;
      }
      release();
    }
  }

 private:
  enum class Wait { none, block, warp_barrier, warp_exchange, left };
  struct ThreadState {
    Wait wait = Wait::none;
    const char* call = "";
    Place place{};
    std::size_t arrays = 0, exchanges = 0;
    alignas(16) std::array<std::byte, 16> value[2];
  };

  /// At least `count` fibers, reused between blocks because allocating stacks is slow.
  static std::deque<Fiber>& fibers(unsigned count) {
    static std::deque<Fiber> kept;
    while (kept.size() < count) kept.emplace_back();
    return kept;
  }

  void wait(Wait kind, const char* call, Place place) {
    ThreadState& mine = state_[thread()];
    mine.wait = kind;
    mine.call = call;
    mine.place = place;
    fibers_[thread()].pause();
  }

  /// Two slots, used alternately: no thread can be two exchanges ahead of another one of its warp.
  template <class T>
  std::size_t deposit(T value, const char* call, Place place) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 16);
    ThreadState& mine = state_[thread()];
    const std::size_t turn = mine.exchanges++ % 2;
    std::memcpy(mine.value[turn].data(), &value, sizeof(T));
    wait(Wait::warp_exchange, call, place);
    return turn;
  }
  template <class T>
  [[nodiscard]] T collect(std::size_t turn, unsigned lane) const {
    T value;
    std::memcpy(&value, state_[warp() * cuda::warp_size + lane].value[turn].data(), sizeof(T));
    return value;
  }
  template <class T>
  T exchange(T value, const char* call, Place place, unsigned from) {
    return collect<T>(deposit(value, call, place), from);
  }

  [[nodiscard]] bool all(Wait kind) const {
    return std::all_of(state_.begin(), state_.end(),
                       [kind](const ThreadState& s) { return s.wait == kind; });
  }

  /// Releases threads whose barrier is complete; throws if there are none.
  void release() {
    bool released = all(Wait::left);
    for (unsigned first = 0; first < threads(); first += cuda::warp_size)
      if (state_[first].wait == Wait::warp_barrier || state_[first].wait == Wait::warp_exchange) {
        require_together(first, first + cuda::warp_size);
        if (state_[first].wait == Wait::warp_barrier) ++clock_.warp_epochs[first / cuda::warp_size];
        for (unsigned t = first; t < first + cuda::warp_size; ++t) state_[t].wait = Wait::none;
        released = true;
      }
    if (released) return;
    require_together(0, threads());
    ++clock_.block_epoch;
    for (ThreadState& state : state_) state.wait = Wait::none;
  }

  void require_together(unsigned first, unsigned end) const {
    for (unsigned t = first + 1; t < end; ++t)
      if (!same_call(state_[first], state_[t]))
        throw EmulationError(scoresde::text("thread ", first, " ", what(state_[first]),
                                            " and thread ", t, " ", what(state_[t]),
                                            ": the call must be reached by all of them"));
  }
  static bool same_call(const ThreadState& a, const ThreadState& b) {
    return a.wait == b.wait && a.place.line == b.place.line &&
           std::strcmp(a.place.file, b.place.file) == 0;
  }
  static std::string what(const ThreadState& state) {
    if (state.wait == Wait::left) return "has left the kernel";
    const std::string file = state.place.file;
    return scoresde::text("waits in ", state.call, " at ", file.substr(file.rfind('/') + 1), ":",
                          state.place.line);
  }

  cuda::GridSize grid_, index_{};
  unsigned shared_bytes_, taken_ = 0;
  Clock clock_;
  std::deque<SharedStorage> arrays_;
  std::vector<ThreadState> state_;
  std::deque<Fiber>& fibers_;
};

/// Runs all blocks of the kernel; an empty grid is not launched. Throws EmulationError for launch
/// configurations that a device would reject and for errors of the kernel.
template <class Kernel>
void emulate(const Kernel& kernel, const Schedule& schedule = {}) {
  static_assert(std::is_trivially_copyable_v<Kernel>, "a kernel's members are its arguments");
  static_assert(Kernel::threads % cuda::warp_size == 0 && Kernel::threads <= 1024);
  const cuda::GridSize grid = kernel.grid();
  emulation_require(grid.y <= 65535 && grid.z <= 65535, "the grid is ", grid.x, " by ", grid.y,
                    " by ", grid.z, " blocks; y and z must be at most 65535");
  const unsigned shared_bytes = cuda::shared_bytes_of(kernel);
  emulation_require(shared_bytes <= max_shared_bytes, "the kernel requests ", shared_bytes,
                    " bytes of shared memory; the limit is ", max_shared_bytes);
  EmulatedBlock block(Kernel::threads, grid, shared_bytes);
  for (const unsigned i : schedule.sequence(grid.x * grid.y * grid.z, 0))
    block.run(kernel, {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y}, schedule);
}

}  // namespace scoresde::testing
