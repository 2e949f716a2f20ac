// SPDX-License-Identifier: MIT
/// An emulated device: the launchers of backends/cuda/src, compiled by g++, run their kernels under
/// the emulation, and Context allocates ordinary memory.
///
/// Work is executed immediately, or recorded with its arguments during graph capture. Each launch
/// uses the next schedule of every_schedule, to detect results that depend on the thread order.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "support/cuda_emulation.hpp"

/// The type of an emulated stream.
struct CUstream_st {
  std::vector<std::function<void()>>* captured = nullptr;  ///< null: work is executed immediately
  std::size_t launches = 0;
};

namespace scoresde::cuda {

/// Executes work of a stream: immediately, or in every launch of the graph being captured.
inline void run_emulated(Stream stream, std::function<void()> work) {
  if (stream->captured != nullptr)
    stream->captured->push_back(std::move(work));
  else
    work();
}

template <class Kernel>
void enqueue(const Context& context, const Kernel& kernel, const char*) {
  const Stream stream = context.stream();
  run_emulated(stream, [kernel, stream] {
    testing::emulate(kernel,
                     testing::every_schedule[stream->launches++ % testing::every_schedule.size()]);
  });
}

}  // namespace scoresde::cuda
