// SPDX-License-Identifier: MIT
/// Selects and runs cuBLASLt's algorithms.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include <scoresde/cuda/cublaslt_product.hpp>

#include "cublaslt_descriptors.hpp"

namespace scoresde::cuda {
namespace {

using scoresde::require;

constexpr std::uint32_t byte_alignment = 16;

using Handle = std::unique_ptr<cublasLtContext, DestroyCublasLt<&CublasLtLibrary::destroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                                   DestroyCublasLt<&CublasLtLibrary::destroy_preference>>;

[[nodiscard]] Preference preference(std::size_t workspace_limit) {
  cublasLtMatmulPreference_t made = nullptr;
  check_cublaslt(cublaslt().create_preference(&made), "creating a preference");
  Preference preference(made);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check_cublaslt(cublaslt().set_preference(made, name, &value, sizeof(value)),
                   "setting a preference");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_limit});
  // Partial sums must be kept in float32 and added in a fixed order; other schemes round them.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(name, byte_alignment);
  return preference;
}

/// A product that is ready to run.
struct Entry {
  ProductDescriptors descriptors;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
};

}  // namespace

struct MatrixProducts::Implementation {
  Context context;
  Precision precision;
  Handle handle;
  Preference limits;
  std::map<MatrixProduct, Entry> entries;

  [[nodiscard]] Entry make(const MatrixProduct& product) const {
    Entry entry{ProductDescriptors(product, precision)};
    const ProductDescriptors& d = entry.descriptors;
    std::array<cublasLtMatmulHeuristicResult_t, 8> results{};
    int count = 0;
    const cublasStatus_t status = cublaslt().get_heuristic(
        handle.get(), d.operation.get(), d.b.get(), d.a.get(), d.c.get(), d.c.get(), limits.get(),
        static_cast<int>(results.size()), results.data(), &count);
    check_cublaslt(status, "selecting an algorithm for the ", words(product));
    const auto end = results.begin() + count;
    const auto found = std::find_if(results.begin(), end,
                                    [](const auto& r) { return r.state == CUBLAS_STATUS_SUCCESS; });
    require(found != end, "cuBLASLt: no algorithm for the ", words(product),
            "; a larger workspace_limit or 16-byte aligned rows may help");
    entry.algorithm = found->algo;
    entry.workspace = found->workspaceSize;
    return entry;
  }

  Entry& entry(const MatrixProduct& product) {
    const auto found = entries.find(product);
    if (found != entries.end()) return found->second;
    context.activate();
    return entries.emplace(product, make(product)).first->second;
  }
};

MatrixProducts::MatrixProducts(const Context& context, Precision precision,
                               std::size_t workspace_limit) {
  context.activate();
  cublasLtHandle_t handle = nullptr;
  check_cublaslt(cublaslt().create(&handle), "opening ", context.name());
  implementation_.reset(
      new Implementation{context, precision, Handle(handle), preference(workspace_limit), {}});
}
MatrixProducts::~MatrixProducts() = default;
MatrixProducts::MatrixProducts(MatrixProducts&&) noexcept = default;
MatrixProducts& MatrixProducts::operator=(MatrixProducts&&) noexcept = default;

std::size_t MatrixProducts::plan(const MatrixProduct& product) {
  return implementation_->entry(product).workspace;
}

void MatrixProducts::run(const MatrixProduct& product, const ProductOperands& operands,
                         std::span<std::byte> workspace) {
  check_operands(product, operands);
  Entry& made = implementation_->entry(product);
  require(workspace.size() >= made.workspace, "cuBLASLt: the workspace has ", workspace.size(),
          " bytes; it must have at least ", made.workspace, " for the ", words(product));
  ProductDescriptors& d = made.descriptors;
  implementation_->context.activate();
  if (product.bias) d.set_bias(operands.bias);
  check_cublaslt(
      cublaslt().multiply(implementation_->handle.get(), d.operation.get(), &operands.alpha,
                          operands.b, d.b.get(), operands.a, d.a.get(), &operands.beta, operands.c,
                          d.c.get(), operands.c, d.c.get(), &made.algorithm, workspace.data(),
                          made.workspace, implementation_->context.stream()),
      "the ", words(product));
}

}  // namespace scoresde::cuda
