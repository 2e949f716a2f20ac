// SPDX-License-Identifier: MIT
/// Published values that need the real weights and CIFAR-10 but no samples: those of
/// torch-fidelity's own tests. SCORESDE_INCEPTION names the weights, CIFAR10_DIR the data.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include <Eigen/Eigenvalues>

#include <scoresde/checkpoint/pretrained_inception.hpp>
#include <scoresde/data/cifar10.hpp>
#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr Eigen::Index dim = 2048, classes = 1008;

/// numpy.random.RandomState(seed).permutation(n): indices are words masked to the bits of the
/// largest index, repeated while they are larger.
std::vector<std::size_t> permutation(std::size_t n, std::uint32_t seed) {
  std::mt19937 words(seed);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i-- > 1;) {
    std::size_t mask = 1;
    while (mask < i) mask = 2 * mask + 1;
    std::size_t j = i + 1;
    while (j > i) j = words() & mask;
    std::swap(order[i], order[j]);
  }
  return order;
}

/// Features and logits without bias of 5000 images chosen by seed 2020, in order of their index.
Matrix outputs(const InceptionWeights& weights, const data::ImageSet& images) {
  auto chosen = permutation(images.size(), 2020);
  chosen.resize(5000);
  std::sort(chosen.begin(), chosen.end());
  std::vector<std::uint8_t> pixels;
  for (const std::size_t i : chosen) {
    const auto image = images.image(i);
    pixels.insert(pixels.end(), image.begin(), image.end());
  }
  PretrainedInception<eigen::Ops<float>> inception(
      weights, {.config = {.outputs = {nn::InceptionOutput::features_2048,
                                       nn::InceptionOutput::logits_unbiased}}});
  const auto values = inception.features(pixels, {chosen.size(), 3, 32, 32});
  return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
             values.data(), 5000, dim + classes)
      .cast<double>();
}

Matrix covariance(const Matrix& x) {
  const Matrix centered = x.rowwise() - x.colwise().mean();
  return centered.transpose() * centered / double(x.rows() - 1);
}

/// |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr √(√Σ₁ Σ₂ √Σ₁)
double frechet_distance(const Matrix& x, const Matrix& y) {
  const Matrix a = covariance(x), b = covariance(y);
  const Eigen::SelfAdjointEigenSolver<Matrix> of_a(a);
  const Matrix root = of_a.operatorSqrt();
  const Eigen::SelfAdjointEigenSolver<Matrix> product(root * b * root, Eigen::EigenvaluesOnly);
  const double trace = product.eigenvalues().cwiseMax(0).cwiseSqrt().sum();
  return (x.colwise().mean() - y.colwise().mean()).squaredNorm() + a.trace() + b.trace() -
         2 * trace;
}

/// The mean over 10 splits of exp(mean Σ p (log p − log q)), rows permuted by seed 2020.
double inception_score(const Matrix& logits) {
  const std::size_t n = static_cast<std::size_t>(logits.rows());
  const auto order = permutation(n, 2020);
  double sum = 0;
  for (std::size_t split = 0; split < 10; ++split) {
    const std::size_t begin = split * n / 10, end = (split + 1) * n / 10;
    Matrix p(Eigen::Index(end - begin), classes);
    for (std::size_t i = begin; i < end; ++i) {
      const auto row = logits.row(Eigen::Index(order[i]));
      const auto exponentials = (row.array() - row.maxCoeff()).exp();
      p.row(Eigen::Index(i - begin)) = exponentials / exponentials.sum();
    }
    const Eigen::RowVectorXd q = p.colwise().mean();
    double divergence = 0;
    for (Eigen::Index i = 0; i < p.rows(); ++i)
      for (Eigen::Index k = 0; k < classes; ++k)
        if (p(i, k) > 0) divergence += p(i, k) * std::log(p(i, k) / q(k));
    sum += std::exp(divergence / double(p.rows()));
  }
  return sum / 10;
}

}  // namespace

TEST_CASE("permutations are those of numpy") {
  CHECK(permutation(10, 2020) == std::vector<std::size_t>{2, 4, 9, 1, 5, 7, 6, 3, 8, 0});
}

TEST_CASE("distances of real CIFAR-10 images are those that torch-fidelity publishes", "[slow]") {
  const char* const file = std::getenv("SCORESDE_INCEPTION");
  const char* const folder = std::getenv("CIFAR10_DIR");
  if (file == nullptr || folder == nullptr) {
    WARN("skipped: SCORESDE_INCEPTION does not name the weights, or CIFAR10_DIR not CIFAR-10");
    return;
  }
  const InceptionWeights weights = read_inception_weights(file);
  CHECK(weights.warning.empty());
  const Matrix train = outputs(weights, data::read_cifar10(folder, data::Split::train));
  const Matrix test = outputs(weights, data::read_cifar10(folder, data::Split::test));
  CHECK(frechet_distance(train.leftCols(dim), test.leftCols(dim)) ==
        Approx(10.3233274).margin(1e-4));
  CHECK(inception_score(train.rightCols(classes)) == Approx(10.75051).margin(1e-2));
}
