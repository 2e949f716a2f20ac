// SPDX-License-Identifier: MIT
/// Graph, implemented by stream capture.
#include <scoresde/cuda/graph.hpp>

#include "check.hpp"

namespace scoresde::cuda {

struct Graph::Executable {
  Context context;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;

  Executable(const Context& c, const void* work, void (*call)(const void*)) : context(c) {
    context.activate();
    check(cudaStreamBeginCapture(context.stream(), cudaStreamCaptureModeThreadLocal),
          "beginning stream capture");
    try {
      call(work);
    } catch (...) {
      static_cast<void>(cudaStreamEndCapture(context.stream(), &graph));
      static_cast<void>(cudaGetLastError());
      destroy();
      throw;
    }
    cudaError_t error = cudaStreamEndCapture(context.stream(), &graph);
    if (error == cudaSuccess) error = cudaGraphInstantiate(&exec, graph, 0);
    if (error != cudaSuccess) destroy();
    check(error, "capturing a graph");
  }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;
  ~Executable() { destroy(); }

  void destroy() noexcept {
    if (exec != nullptr) cudaGraphExecDestroy(exec);
    if (graph != nullptr) cudaGraphDestroy(graph);
  }
};

Graph::Graph(const Context& context, const void* work, void (*call)(const void*))
    : executable_(std::make_shared<const Executable>(context, work, call)) {}

void Graph::launch() const {
  const Context& context = executable_->context;
  context.activate();
  check(cudaGraphLaunch(executable_->exec, context.stream()), "launching a graph");
}

}  // namespace scoresde::cuda
