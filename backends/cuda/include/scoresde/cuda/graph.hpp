// SPDX-License-Identifier: MIT
/// Graph: a piece of work that is captured once and put into the stream as a whole, again and
/// again.
#pragma once

#include <memory>

#include <scoresde/cuda/context.hpp>

namespace scoresde::cuda {

/// A CUDA graph, ready to run.
class Graph {
 public:
  /// What `work` puts into the context's stream, none of it done. Throws Error for work that cannot
  /// be captured (it waits for the device, allocates or copies to the host), and what `work`
  /// throws; the stream is usable after either.
  template <class Work>
  Graph(const Context& context, const Work& work)
      : Graph(context, &work, [](const void* w) { (*static_cast<const Work*>(w))(); }) {}

  /// Puts it into the stream of its context.
  void launch() const;

 private:
  Graph(const Context& context, const void* work, void (*call)(const void* work));

  struct Executable;
  std::shared_ptr<const Executable> executable_;
};

}  // namespace scoresde::cuda
