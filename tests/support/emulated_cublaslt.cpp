// SPDX-License-Identifier: MIT
/// Matrix products of the emulated device, in place of cuBLASLt, by loops on the host. Sums are
/// float. A run requires a small workspace and overwrites it.
#include <cstring>
#include <type_traits>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>

#include "support/emulated_device.hpp"

namespace scoresde::cuda {
namespace {

constexpr std::size_t product_workspace = 64;  ///< in bytes

/// Element (i, j) of op(M) in row-major memory of `columns` columns, with row stride `row` if not
/// 0.
struct Rows {
  std::size_t rows, columns, row;
  bool transposed;

  [[nodiscard]] std::size_t apart() const { return row > 0 ? row : transposed ? rows : columns; }
  [[nodiscard]] std::size_t size() const { return (transposed ? columns : rows) * apart(); }
  [[nodiscard]] std::size_t at(std::size_t which, std::size_t i, std::size_t j) const {
    return which * size() + (transposed ? j * apart() + i : i * apart() + j);
  }
};

template <class T, class C>
void multiply(const MatrixProduct& p, const ProductOperands& o) {
  const Rows a{p.m, p.k, p.row_a, p.transpose_a}, b{p.k, p.n, p.row_b, p.transpose_b},
      c{p.m, p.n, p.row_c, false};
  const T* const left = static_cast<const T*>(o.a);
  const T* const right = static_cast<const T*>(o.b);
  for (std::size_t s = 0; s < p.batch; ++s)
    for (std::size_t i = 0; i < p.m; ++i)
      for (std::size_t j = 0; j < p.n; ++j) {
        float sum = 0;
        for (std::size_t l = 0; l < p.k; ++l)
          sum += to_float(left[a.at(s, i, l)]) * to_float(right[b.at(s, l, j)]);
        C& result = static_cast<C*>(o.c)[c.at(s, i, j)];
        sum *= o.alpha;
        if (o.beta != 0) sum += o.beta * to_float(result);
        if (p.bias) sum += to_float(static_cast<const C*>(o.bias)[j]);
        result = from_float<C>(sum);
      }
}

}  // namespace

struct MatrixProducts::Implementation {
  Context context;
  Precision precision;
};

MatrixProducts::MatrixProducts(const Context& context, Precision precision, std::size_t)
    : implementation_(new Implementation{context, precision}) {}
MatrixProducts::~MatrixProducts() = default;
MatrixProducts::MatrixProducts(MatrixProducts&&) noexcept = default;
MatrixProducts& MatrixProducts::operator=(MatrixProducts&&) noexcept = default;

std::size_t MatrixProducts::plan(const MatrixProduct&) { return product_workspace; }

void MatrixProducts::run(const MatrixProduct& product, const ProductOperands& operands,
                         std::span<std::byte> workspace) {
  require(workspace.size() >= product_workspace, "matrix product: the workspace has ",
          workspace.size(), " bytes; it must have at least ", product_workspace);
  const auto work = [=, precision = implementation_->precision] {
    std::memset(workspace.data(), 0xff, product_workspace);
    if (precision != Precision::bf16)
      multiply<float, float>(product, operands);
    else if (product.float32_c)
      multiply<Bfloat16, float>(product, operands);
    else
      multiply<Bfloat16, Bfloat16>(product, operands);
  };
  CUstream_st& stream = *implementation_->context.stream();
  if (stream.captured != nullptr)
    stream.captured->emplace_back(work);
  else
    work();
}

}  // namespace scoresde::cuda
