// SPDX-License-Identifier: MIT
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/golden_networks.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

namespace {

template <class T>
double largest(const std::vector<T>& values) {
  double size = 0;
  for (const T v : values) size = std::max(size, std::abs(double(v)));
  return size;
}

/// max |a − b| / max |b| where each b has a relative uncertainty `rounding`, which is subtracted.
template <class T>
double relative_difference(const std::vector<T>& a, const std::vector<double>& b,
                           double rounding = 0) {
  REQUIRE(a.size() == b.size());
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = std::max(difference, std::abs(double(a[i]) - b[i]) - rounding * std::abs(b[i]));
  return difference / largest(b);
}

/// Compares one golden network in y, dx and every grad.<name>.
template <class T>
void compare(const io::TensorFile& file, const nn::Graph& graph, double tolerance) {
  const auto& table = graph.parameters();
  std::vector<T> parameters(table.size()), gradient(table.size(), T(0));
  for (const auto& p : table.entries()) {
    CHECK(file.at("param." + p.name).shape == p.shape);
    const auto values = file.at("param." + p.name).as<T>();
    REQUIRE(values.size() == p.size);
    std::copy(values.begin(), values.end(), parameters.begin() + std::ptrdiff_t(p.offset));
  }
  const auto x = file.at("x").as<T>(), v = file.at("v").as<T>();
  auto labels = file.at("t").as<double>();
  // The reference casts labels to float32, but only before its positional embedding.
  if (const auto config = golden::configuration(file);
      config.architecture == nn::Architecture::ddpm ||
      config.embedding_type == nn::EmbeddingType::positional)
    for (double& label : labels) label = double(float(label));
  std::vector<T> y(x.size()), dx(x.size());
  nn::Network<eigen::Ops<T>> network(graph, labels.size(), nn::Mode::training);
  network.forward(parameters, x, labels, y);
  network.backward(parameters, v, gradient, dx);
  CHECK(relative_difference(y, file.at("y").as<double>()) < tolerance);
  CHECK(relative_difference(dx, file.at("dx").as<double>()) < tolerance);
  for (const auto& p : table.entries()) {
    const auto from = gradient.begin() + std::ptrdiff_t(p.offset);
    const std::vector<T> found(from, from + std::ptrdiff_t(p.size));
    if (!p.trainable) {
      CHECK(largest(found) == 0);
      continue;
    }
    const auto& stored = file.at("grad." + p.name);
    const auto wanted = stored.template as<double>();
    // Gradients stored as float32 are rounded to nearest.
    const double rounding = stored.dtype == "F32" ? 0x1p-24 : 0;
    CAPTURE(p.name);
    // The softmax is invariant to a shift of all keys, so their bias has a gradient of exactly
    // zero.
    if (largest(wanted) < 1e-12)
      CHECK(largest(found) < tolerance * largest(gradient));
    else
      CHECK(relative_difference(found, wanted, rounding) < tolerance);
  }
}

}  // namespace

TEST_CASE("networks agree with the reference in output and all gradients", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::network_files()) {
    const auto file = io::read_safetensors(path);
    INFO(path.filename().string());
    try {
      nn::check(golden::configuration(file));
    } catch (const Error& rejections) {
      WARN(path.filename().string() << " is skipped: " << rejections.what());
      continue;
    }
    const nn::Graph graph = nn::unet(golden::configuration(file));
    compare<double>(file, graph, 1e-9);
    compare<float>(file, graph, 1e-4);
    ++compared;
  }
  golden::require_cases(compared, "networks of a supported architecture");
}

TEST_CASE(
    "a smaller batch in a network planned for a larger one gives the same result per sample") {
  const auto config = small::every_path();
  const nn::Graph graph = nn::unet(config);
  const auto parameters = small::parameters<double>(graph, 3);
  const auto x = small::normals<double>(4 * graph.shape(graph.input()).size(), 5);
  const std::vector<double> labels{3.0, 250.5, 700.0, 999.0};
  const std::size_t dim = x.size() / 4;
  for (const auto mode : {nn::Mode::inference, nn::Mode::training}) {
    nn::Network<eigen::Ops<double>> network(graph, 4, mode);
    std::vector<double> all(x.size()), one(dim);
    network.forward(parameters, x, labels, all, {.seed = 9});
    for (std::uint32_t k = 0; k < 4; ++k) {
      network.forward(parameters, std::span(x).subspan(k * dim, dim),
                      std::span(labels).subspan(k, 1), one, {.seed = 9, .first_sample = k});
      const std::vector<double> want(all.begin() + std::ptrdiff_t(k * dim),
                                     all.begin() + std::ptrdiff_t((k + 1) * dim));
      // The summation order inside a matrix product may depend on the batch: rounding only.
      CHECK(relative_difference(one, want) < 1e-13);
    }
  }
}

TEST_CASE("training without dropout is bit-identical to inference") {
  auto config = small::every_path();
  config.dropout = 0;
  const nn::Graph graph = nn::unet(config);
  const auto parameters = small::parameters<float>(graph, 3);
  const auto x = small::normals<float>(2 * graph.shape(graph.input()).size(), 5);
  const std::vector<double> labels{3.0, 700.0};
  std::vector<float> trained(x.size()), inferred(x.size());
  nn::Network<eigen::Ops<float>>(graph, 2, nn::Mode::training)
      .forward(parameters, x, labels, trained);
  nn::Network<eigen::Ops<float>>(graph, 2, nn::Mode::inference)
      .forward(parameters, x, labels, inferred);
  CHECK(trained == inferred);
}

TEST_CASE("dropout acts in training only, with the masks of its draw") {
  const nn::Graph graph = nn::unet(small::every_path());
  REQUIRE(graph.dropouts() > 0);
  const auto parameters = small::parameters<double>(graph, 3);
  const auto x = small::normals<double>(graph.shape(graph.input()).size(), 5);
  const std::vector<double> label{400.0};
  const auto output = [&](nn::Mode mode, std::uint64_t seed) {
    std::vector<double> y(x.size());
    nn::Network<eigen::Ops<double>>(graph, 1, mode)
        .forward(parameters, x, label, y, Noise{.seed = seed, .purpose = Purpose::dropout}.draw(0));
    return y;
  };
  CHECK(output(nn::Mode::inference, 1) == output(nn::Mode::inference, 2));
  CHECK(output(nn::Mode::training, 1) == output(nn::Mode::training, 1));
  CHECK(output(nn::Mode::training, 1) != output(nn::Mode::training, 2));
  CHECK(output(nn::Mode::training, 1) != output(nn::Mode::inference, 1));
}

TEST_CASE("differentiation mode supports backward and has no dropout") {
  const nn::Graph graph = nn::unet(small::every_path());
  REQUIRE(graph.dropouts() > 0);
  auto without = small::every_path();
  without.dropout = 0;
  const auto parameters = small::parameters<double>(graph, 3);
  const auto x = small::normals<double>(graph.shape(graph.input()).size(), 5);
  const auto v = small::normals<double>(x.size(), 6);
  const std::vector<double> label{400.0};
  struct Result {
    std::vector<double> y, dx, gradient;
  };
  const auto run = [&](const nn::Graph& g, nn::Mode mode) {
    Result r{std::vector<double>(x.size()), std::vector<double>(x.size()),
             std::vector<double>(parameters.size())};
    nn::Network<eigen::Ops<double>> network(g, 1, mode);
    network.forward(parameters, x, label, r.y, Noise{.seed = 1}.draw(0));
    network.backward(parameters, v, r.gradient, r.dx);
    return r;
  };
  const Result found = run(graph, nn::Mode::differentiation);
  const Result wanted = run(nn::unet(without), nn::Mode::training);
  CHECK(found.y == wanted.y);
  CHECK(found.dx == wanted.dx);
  CHECK(found.gradient == wanted.gradient);
}

TEST_CASE("a class affects the output of its own sample only, and no_class is the default") {
  auto config = small::every_path();
  config.num_class_embeds = 4;
  const nn::Graph graph = nn::unet(config);
  const auto parameters = small::parameters<double>(graph, 3);
  const std::size_t dim = graph.shape(graph.input()).size();
  const auto one = small::normals<double>(dim, 5);
  std::vector<double> x(one);
  x.insert(x.end(), one.begin(), one.end());
  const std::vector<double> labels{400, 400};
  nn::Network<eigen::Ops<double>> network(graph, 2, nn::Mode::inference);
  const auto run = [&](std::vector<std::uint32_t> classes) {
    std::vector<double> y(2 * dim);
    network.forward(parameters, x, labels, y, {}, classes);
    return y;
  };
  const auto half = [&](const std::vector<double>& y, std::size_t k) {
    return std::vector<double>(y.begin() + std::ptrdiff_t(k * dim),
                               y.begin() + std::ptrdiff_t((k + 1) * dim));
  };
  const auto mixed = run({2, nn::no_class}), none = run({});
  CHECK(run({nn::no_class, nn::no_class}) == none);
  CHECK(half(mixed, 1) == half(none, 1));
  CHECK(half(mixed, 0) != half(none, 0));
  CHECK(half(run({1, 2}), 1) == half(run({2, 1}), 0));
  CHECK(half(run({1, 2}), 1) == half(mixed, 0));
  CHECK(network.classes() == 4);
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(run({4, 0}), Contains("a class is 4") && Contains("below 4"));
  CHECK_THROWS_WITH(run({1}), Contains("classes holds 1") && Contains("must hold 2"));
  nn::Network<eigen::Ops<double>> plain(nn::unet(small::every_path()), 2, nn::Mode::inference);
  const std::vector<double> fewer(plain.parameters().size());
  const std::vector<std::uint32_t> classes{1, 2};
  std::vector<double> y(2 * dim);
  CHECK_THROWS_WITH(plain.forward(fewer, x, labels, y, {}, classes),
                    Contains("2 classes given") && Contains("num_class_embeds"));
}

TEST_CASE("a network allocates workspace_bytes, less in inference than in training") {
  const nn::Graph graph = nn::unet(small::every_path());
  using Ops = eigen::Ops<float>;
  const std::size_t inference = nn::workspace_bytes<Ops>(graph, 3, nn::Mode::inference);
  const std::size_t training = nn::workspace_bytes<Ops>(graph, 3, nn::Mode::training);
  CHECK(nn::Network<Ops>(graph, 3, nn::Mode::inference).workspace_bytes() == inference);
  CHECK(nn::Network<Ops>(graph, 3, nn::Mode::training).workspace_bytes() == training);
  CHECK(inference < training);
}

TEST_CASE("a network rejects arguments of wrong sizes and states the expected ones") {
  using Catch::Matchers::Contains;
  const nn::Graph graph = nn::unet(small::every_path());
  nn::Network<eigen::Ops<double>> network(graph, 2, nn::Mode::training);
  const std::size_t dim = graph.shape(graph.input()).size(), count = graph.parameters().size();
  const std::vector<double> parameters(count), x(dim), label{1.0}, three{1.0, 2.0, 3.0};
  std::vector<double> y(dim), gradient(count);
  CHECK_THROWS_WITH(network.forward(parameters, x, three, y),
                    Contains("3 labels") && Contains("1 to 2"));
  CHECK_THROWS_WITH(network.forward(parameters, x, {}, y), Contains("0 labels"));
  const std::vector<double> infinite{INFINITY}, nan{std::nan("")}, zero{0.0};
  CHECK_THROWS_WITH(network.forward(parameters, x, infinite, y), Contains("label is inf"));
  CHECK_THROWS_WITH(network.forward(parameters, x, nan, y), Contains("label is nan"));
  auto config = small::every_path();
  config.embedding_type = nn::EmbeddingType::fourier;
  nn::Network<eigen::Ops<double>> fourier(nn::unet(config), 1, nn::Mode::inference);
  const std::vector<double> more(fourier.parameters().size());
  CHECK_THROWS_WITH(fourier.forward(more, x, zero, y), Contains("positive noise level"));
  CHECK_THROWS_WITH(network.forward(x, x, label, y), Contains("parameters holds"));
  CHECK_THROWS_WITH(network.forward(parameters, parameters, label, y), Contains("x holds"));
  CHECK_THROWS_WITH(network.forward(parameters, x, label, gradient), Contains("y holds"));
  CHECK_THROWS_WITH(network.backward(parameters, y, gradient),
                    Contains("requires a new forward pass"));
  network.forward(parameters, x, label, y);
  CHECK_THROWS_WITH(network.backward(parameters, gradient, gradient), Contains("dy holds"));
  CHECK_THROWS_WITH(network.backward(parameters, y, y), Contains("gradient holds"));
  network.backward(parameters, y, gradient);
  CHECK_THROWS_WITH(network.backward(parameters, y, gradient),
                    Contains("requires a new forward pass"));
}
