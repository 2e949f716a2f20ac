// SPDX-License-Identifier: MIT
/// Builds the graphs of a convolution.
#include "cudnn_convolution_graphs.hpp"

namespace scoresde::cuda {
namespace {

using Extents = OperationGraph::Extents;
using Tensor = OperationGraph::Tensor;

[[nodiscard]] Extents extents(const nn::Shape& s) {
  return {static_cast<std::int64_t>(s.n), static_cast<std::int64_t>(s.c),
          static_cast<std::int64_t>(s.h), static_cast<std::int64_t>(s.w)};
}

[[nodiscard]] Extents weight_extents(const ConvolutionGeometry& op) {
  return extents({op.out_channels, op.in_channels, op.kernel[0], op.kernel[1]});
}

/// The tensors of the convolution itself, the same in every graph.
struct Operands {
  Operands(OperationGraph& graph, const ConvolutionProblem& p)
      : x(graph.tensor(Operand::x, p.type(), extents(p.x))),
        y(graph.tensor(Operand::y, p.type(), extents(p.op.output(p.x)))) {}
  Tensor x, y;
};

}  // namespace

OperationGraph forward_graph(const ConvolutionProblem& problem, const Epilogue& epilogue) {
  OperationGraph graph;
  const Operands tensors(graph, problem);
  const Extents image = extents(problem.op.output(problem.x));
  const auto [n, c, h, w] = image;
  const Tensor weights = graph.tensor(Operand::weights, problem.type(), weight_extents(problem.op));
  int left =
      epilogue.residual + epilogue.bias + epilogue.channel_bias + epilogue.scale + epilogue.relu;
  const auto result = [&] { return left-- == 0 ? tensors.y : graph.intermediate(image); };
  Tensor sum = result();
  graph.convolution_forward(problem.op, tensors.x, weights, sum);
  const auto apply = [&](cudnnPointwiseMode_t mode, Tensor operand) {
    const Tensor next = result();
    graph.pointwise(mode, sum, operand, next);
    sum = next;
  };
  if (epilogue.residual)
    apply(CUDNN_POINTWISE_ADD, graph.tensor(Operand::residual, problem.type(), image));
  if (epilogue.bias)
    apply(CUDNN_POINTWISE_ADD, graph.tensor(Operand::bias, problem.type(), {1, c, 1, 1}));
  if (epilogue.channel_bias)
    apply(CUDNN_POINTWISE_ADD, graph.tensor(Operand::channel_bias, problem.type(), {n, c, 1, 1}));
  if (epilogue.scale) apply(CUDNN_POINTWISE_MUL, graph.host_scalar(Operand::scale));
  if (epilogue.relu) graph.pointwise(CUDNN_POINTWISE_RELU_FWD, sum, result());
  return graph;
}

OperationGraph backward_data_graph(const ConvolutionProblem& problem, bool accumulate) {
  OperationGraph graph;
  const Operands tensors(graph, problem);
  const Tensor weights = graph.tensor(Operand::weights, problem.type(), weight_extents(problem.op));
  graph.convolution_backward_data(problem.op, tensors.y, weights, tensors.x, accumulate ? 1 : 0);
  return graph;
}

OperationGraph backward_filter_graph(const ConvolutionProblem& problem) {
  OperationGraph graph;
  const Operands tensors(graph, problem);
  const Extents extents = weight_extents(problem.op);
  const Tensor dweights = graph.tensor(Operand::dweights, CUDNN_DATA_FLOAT, extents);
  if (problem.precision != Precision::bf16) {
    graph.convolution_backward_filter(problem.op, tensors.x, tensors.y, dweights, 1);
    return graph;
  }
  const Tensor before = graph.tensor(Operand::dweights_before, CUDNN_DATA_FLOAT, extents);
  const Tensor gradient = graph.intermediate(extents);
  graph.convolution_backward_filter(problem.op, tensors.x, tensors.y, gradient, 0);
  graph.pointwise(CUDNN_POINTWISE_ADD, gradient, before, dweights);
  return graph;
}

OperationGraph rounded_backward_filter_graph(const ConvolutionProblem& problem) {
  OperationGraph graph;
  const Operands tensors(graph, problem);
  const Tensor dweights =
      graph.tensor(Operand::dweights, problem.type(), weight_extents(problem.op));
  graph.convolution_backward_filter(problem.op, tensors.x, tensors.y, dweights, 0);
  return graph;
}

}  // namespace scoresde::cuda
