// SPDX-License-Identifier: MIT
/// A device of the host's own: the launchers of backends/cuda/src, compiled by g++, run their
/// kernels under the emulation, and Context hands out ordinary memory.
///
/// Work is done when it is asked for, or kept while a graph is captured: with the arguments it had
/// then, as CUDA keeps it. Every launch takes the next of every_schedule, so that a kernel whose
/// result depends on the order of its threads shows.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>

#include "support/cuda_emulation.hpp"

/// What an emulated stream is.
struct CUstream_st {
  std::vector<std::function<void()>>* captured = nullptr;  ///< null: work is done at once
  std::size_t launches = 0;
};

namespace scoresde::cuda {

/// Does the work of a stream: at once, or whenever the graph that is captured is launched.
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
