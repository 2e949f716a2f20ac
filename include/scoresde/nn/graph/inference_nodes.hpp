// SPDX-License-Identifier: MIT
/// The nodes of InferenceOps (nn/graph/inference_ops.hpp): as those of nodes.hpp, for networks
/// without a backward pass on backends that provide these operations. A Network of another mode or
/// backend cannot be constructed with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/graph/node_defaults.hpp>

namespace scoresde::nn {

namespace detail {

/// The shape after pooling. Throws Error for windows that do not fit the image.
[[nodiscard]] inline Shape pooled(const AveragePool& pool, const Shape& x, const char* what) {
  require(pool.stride > 0, what, ": the stride is 0; it must be positive");
  require(pool.pad < pool.height && pool.pad < pool.width, what, ": pad is ", pool.pad,
          "; it must be less than the window, ", pool.height, "×", pool.width);
  require(x.h + 2 * pool.pad >= pool.height && x.w + 2 * pool.pad >= pool.width, what,
          ": a window of ", pool.height, "×", pool.width, " does not fit an image of ", x.h, "×",
          x.w);
  return pool.output(x);
}

/// f(ops) if the backend has the operations of InferenceOps, else 0.
template <class Ops, class F>
[[nodiscard]] std::size_t size_by(const Ops& ops, const F& f) {
  if constexpr (InferenceOps<Ops>)
    return f(ops);
  else
    return 0;
}

}  // namespace detail

namespace node {

/// Derived is the node: `name`, `run(pass)` and, where it has scratch, `scratch_of(ops, shapes)`.
template <class Derived>
struct InferenceNode : NodeDefaults {
  static constexpr bool has_backward = false;

  /// Throws Error for a backend without InferenceOps and for modes that differentiate.
  template <class Ops>
  [[nodiscard]] std::size_t scratch(const Ops& ops, const NodeShapes& s, Mode mode) const {
    require(InferenceOps<Ops>, Derived::name, ": the backend does not provide InferenceOps");
    require(!differentiates(mode), Derived::name,
            ": the mode differentiates; it must be Mode::inference, as there is no backward pass");
    return detail::size_by(ops, [&](const auto& o) { return self().scratch_of(o, s); });
  }
  template <class Pass>
  void forward(const Pass& pass) const {
    if constexpr (InferenceOps<std::remove_cvref_t<decltype(pass.ops())>>) self().run(pass);
  }
  [[nodiscard]] static std::size_t scratch_of(const auto& /*ops*/, const NodeShapes&) { return 0; }

 private:
  [[nodiscard]] const Derived& self() const { return static_cast<const Derived&>(*this); }
};

struct RectangularConvolution : InferenceNode<RectangularConvolution> {
  static constexpr const char* name = "rectangular convolution";
  nn::RectangularConvolution shape;
  Weights weights;

  RectangularConvolution(const nn::RectangularConvolution& convolution, const Weights& parameters)
      : shape(convolution), weights(parameters) {}

  [[nodiscard]] Shape output(const InputShapes& in) const {
    require(in[0].c == shape.in_channels, name, ": the input has ", in[0].c,
            " channels; the weights require ", shape.in_channels);
    require(shape.height > 0 && shape.width > 0 && shape.stride > 0, name, ": a kernel of ",
            shape.height, "×", shape.width, " with stride ", shape.stride,
            "; all must be positive");
    require(in[0].h + 2 * shape.pad_rows >= shape.height &&
                in[0].w + 2 * shape.pad_columns >= shape.width,
            name, ": a kernel of ", shape.height, "×", shape.width, " does not fit an image of ",
            in[0].h, "×", in[0].w);
    return shape.output(in[0]);
  }
  [[nodiscard]] std::size_t scratch_of(const auto& ops, const NodeShapes& s) const {
    return ops.convolution_scratch(shape, s.in[0]);
  }
  [[nodiscard]] std::size_t prepared_size(const auto& ops, const NodeShapes&, Mode) const {
    return detail::size_by(ops, [&](const auto& o) { return o.convolution_prepared_size(shape); });
  }
  template <class Ops>
  void prepare(const Ops& ops, const NodeShapes&, const auto& layer, auto* prepared) const {
    if constexpr (InferenceOps<Ops>) ops.prepare_convolution(shape, layer(weights), prepared);
  }
  [[nodiscard]] std::uint64_t multiply_adds(const NodeShapes& s) const {
    return std::uint64_t{shape.weight_size()} * s.out.n * s.out.pixels();
  }
  void run(const auto& pass) const {
    pass.ops().convolution(shape, pass.in(0), pass.layer(weights), pass.out(), pass.scratch());
  }
};

struct MaxPool : InferenceNode<MaxPool> {
  static constexpr const char* name = "max pool";
  nn::MaxPool pool;

  explicit MaxPool(const nn::MaxPool& windows) : pool(windows) {}

  [[nodiscard]] Shape output(const InputShapes& in) const {
    return detail::pooled(pool.windows, in[0], name);
  }
  void run(const auto& pass) const { pass.ops().max_pool(pool, pass.in(0), pass.out()); }
};

struct Resize : InferenceNode<Resize> {
  static constexpr const char* name = "resize";
  nn::Resize resize;

  explicit Resize(const nn::Resize& to) : resize(to) {}

  [[nodiscard]] Shape output(const InputShapes& in) const {
    require_extents({in[0].h, in[0].w}, {resize.height, resize.width});
    return resize.output(in[0]);
  }
  [[nodiscard]] std::size_t scratch_of(const auto& ops, const NodeShapes& s) const {
    return ops.resize_scratch(resize, s.in[0]);
  }
  void run(const auto& pass) const {
    pass.ops().resize(resize, pass.in(0), pass.out(), pass.scratch());
  }
};

}  // namespace node

}  // namespace scoresde::nn
