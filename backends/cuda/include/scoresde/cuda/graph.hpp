// SPDX-License-Identifier: MIT
/// Graph: work captured once into a CUDA graph and launched repeatedly.
#pragma once

#include <memory>

#include <scoresde/cuda/context.hpp>

namespace scoresde::cuda {

/// An instantiated CUDA graph.
class Graph {
 public:
  /// Captures what `work` enqueues in the context's stream without executing it. Throws Error for
  /// work that cannot be captured (it synchronizes, allocates or copies to the host), and rethrows
  /// exceptions of `work`; the stream remains usable in either case.
  template <class Work>
  Graph(const Context& context, const Work& work)
      : Graph(context, &work, [](const void* w) { (*static_cast<const Work*>(w))(); }) {}

  /// Enqueues the graph in the stream of its context.
  void launch() const;

 private:
  Graph(const Context& context, const void* work, void (*call)(const void* work));

  struct Executable;
  std::shared_ptr<const Executable> executable_;
};

}  // namespace scoresde::cuda
