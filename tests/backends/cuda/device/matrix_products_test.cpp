// SPDX-License-Identifier: MIT
/// Matrix products on the device against their definition in double, with the same inputs.
#include <vector>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>

#include "backends/cuda/defined_product.hpp"
#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/device_array.hpp"
#include "support/shared_context.hpp"

namespace {

using namespace scoresde::cuda;
using namespace scoresde::test;

/// Random numbers rounded to T, and the rounded values in double.
template <class T>
struct Numbers {
  Numbers(std::size_t count, std::uint64_t seed) : exact(random_values<double>(count, seed)) {
    for (double& value : exact) {
      memory.push_back(from_float<T>(static_cast<float>(value)));
      value = static_cast<double>(to_float(memory.back()));
    }
  }
  std::vector<double> exact;
  std::vector<T> memory;
};

template <class T>
std::vector<double> in_double(const std::vector<T>& values) {
  std::vector<double> out;
  for (const T value : values) out.push_back(static_cast<double>(to_float(value)));
  return out;
}

/// The largest relative distance to the definition, with β = 0 on memory filled with NaN and with
/// β = 1.
template <class T, class C>
double distance(MatrixProducts& products, const MatrixProduct& p) {
  const Numbers<T> a(size_of_a(p), 1), b(size_of_b(p), 2);
  const Numbers<C> before(size_of_c(p), 3), bias(p.n, 4);
  const DeviceMemory a_there = on_device(context(), a.memory),
                     b_there = on_device(context(), b.memory),
                     bias_there = on_device(context(), bias.memory);
  const DeviceMemory workspace = poisoned_memory(context(), products.plan(p));
  double largest = 0;
  for (const float beta : {0.0f, 1.0f}) {
    const DeviceMemory c = beta == 0 ? poisoned_memory(context(), before.memory.size() * sizeof(C))
                                     : on_device(context(), before.memory);
    products.run(p,
                 {.a = a_there.data(),
                  .b = b_there.data(),
                  .bias = p.bias ? bias_there.data() : nullptr,
                  .c = c.data(),
                  .alpha = 0.5f,
                  .beta = beta},
                 bytes_of(workspace));
    std::vector<double> wanted = before.exact;
    define(p, a.exact, b.exact, p.bias ? bias.exact.data() : nullptr, 0.5, double{beta}, wanted);
    const double found = relative_distance(in_double(on_host<C>(c)), wanted);
    largest = found <= largest ? largest : found;
  }
  return largest;
}

const std::vector<MatrixProduct> products_of_networks = {
    dense_product(4, 128, 512, true),   dense_product(64, 512, 256, true),
    dense_product(1, 512, 128, false),  dense_data_product(64, 512, 256),
    dense_weight_product(64, 512, 256), dense_weight_product(3, 128, 512),
    attention_scores(2, 64, 128),       attention_scores(2, 64, 128, 384),
    attention_values(2, 64, 128),       attention_values(2, 64, 128, 384),
    attention_transposed(2, 64, 128),   attention_transposed(2, 64, 128, 384),
};

template <class T>
void compare(Precision precision, double tolerance) {
  MatrixProducts products(context(), precision);
  for (MatrixProduct p : products_of_networks)
    for (const bool float32_c : {false, true}) {
      p.float32_c = p.float32_c || float32_c;
      CAPTURE(p.m, p.n, p.k, p.transpose_a, p.transpose_b, p.batch, p.float32_c);
      const double found =
          p.float32_c ? distance<T, float>(products, p) : distance<T, T>(products, p);
      CHECK(found < tolerance);
    }
}

}  // namespace

TEST_CASE("matrix products match the definition: bf16") {
  compare<Bfloat16>(Precision::bf16, 1e-2);
}
TEST_CASE("matrix products match the definition: tf32") { compare<float>(Precision::tf32, 1e-3); }
TEST_CASE("matrix products match the definition: fp32") { compare<float>(Precision::fp32, 1e-5); }
