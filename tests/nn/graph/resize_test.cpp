// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/resize.hpp>

#include "support/catch.hpp"
#include "support/golden_directory.hpp"

using namespace scoresde;

namespace {

const std::map<std::string, ResizeRule> rules = {
    {"tf1_bilinear", ResizeRule::tf1_bilinear},
    {"grid_sample", ResizeRule::grid_sample},
    {"half_pixel_bilinear", ResizeRule::half_pixel_bilinear},
    {"pil_box", ResizeRule::pil_box},
    {"pil_bilinear", ResizeRule::pil_bilinear},
    {"pil_bicubic", ResizeRule::pil_bicubic},
    {"pil_lanczos", ResizeRule::pil_lanczos},
};

template <class T>
std::vector<T> resized(ResizeRule rule, const PlaneExtents& from, const PlaneExtents& to,
                       const std::vector<double>& x) {
  const std::vector<T> in(x.begin(), x.end());
  const std::size_t planes = x.size() / from.size();
  std::vector<T> y(planes * to.size()), scratch(resize_scratch_size(from, to));
  for (std::size_t c = 0; c < planes; ++c)
    resize_plane(rule, from, to, in.data() + c * from.size(), y.data() + c * to.size(),
                 scratch.data());
  return y;
}

/// The rows and columns of the images that a case compares.
struct Sample {
  std::vector<std::size_t> rows, columns;
};

Sample sample_of(const nlohmann::json& c, const PlaneExtents& to) {
  Sample s;
  if (c.at("whole").get<bool>()) {
    s.rows.resize(to.height);
    s.columns.resize(to.width);
    std::iota(s.rows.begin(), s.rows.end(), std::size_t{0});
    std::iota(s.columns.begin(), s.columns.end(), std::size_t{0});
    return s;
  }
  s.rows = c.at("rows").get<std::vector<std::size_t>>();
  REQUIRE(c.at("columns") == "0,7,14,...,294");
  for (std::size_t j = 0; j < to.width; j += 7) s.columns.push_back(j);
  return s;
}

/// Difference that is allowed, for pixels in 0 … 255. Torch computes positions in float32, which
/// moves half-pixel and grid positions; PIL may add in another order, which moves the last bit.
double tolerance(const std::string& rule, bool is_double) {
  if (is_double) return 1e-10;
  if (rule == "tf1_bilinear") return 0;
  if (rule == "half_pixel_bilinear" || rule == "grid_sample") return 8e-3;
  return 2e-5;
}

template <class T>
double difference(ResizeRule rule, const nlohmann::json& c, const io::TensorFile& file,
                  const std::string& name, const std::vector<double>& wanted) {
  const auto from = c.at("from").get<std::vector<std::size_t>>();
  const auto to = c.at("to").get<std::vector<std::size_t>>();
  const PlaneExtents in{from[0], from[1]}, out{to[0], to[1]};
  const Sample at = sample_of(c, out);
  const auto y = resized<T>(rule, in, out, file.at(name + ".picture").as<double>());
  REQUIRE(wanted.size() == 3 * at.rows.size() * at.columns.size());
  double most = 0;
  std::size_t i = 0;
  for (std::size_t plane = 0; plane < 3; ++plane)
    for (const std::size_t row : at.rows)
      for (const std::size_t column : at.columns) {
        const double found =
            static_cast<double>(y[(plane * out.height + row) * out.width + column]);
        most = std::max(most, std::abs(std::clamp(found, 0.0, 255.0) - wanted[i++]));
      }
  return most;
}

}  // namespace

TEST_CASE("resized images are those of PyTorch, TensorFlow 1 and PIL", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::files()) {
    const auto file = io::read_safetensors(path);
    if (file.metadata.count("cases") == 0) continue;
    for (const auto& c : nlohmann::json::parse(file.metadata.at("cases"))) {
      if (!c.is_object() || c.value("what", "") != "resize") continue;
      const auto name = c.at("name").get<std::string>();
      for (const auto& [rule_name, rule] : rules)
        for (const bool is_double : {false, true}) {
          const std::string key = name + "." + rule_name + (is_double ? ".float64" : ".float32");
          if (file.tensors.count(key) == 0) continue;
          INFO(path << " " << key);
          const auto wanted = file.at(key).as<double>();
          const double found = is_double ? difference<double>(rule, c, file, name, wanted)
                                         : difference<float>(rule, c, file, name, wanted);
          CHECK(found <= tolerance(rule_name, is_double));
          ++compared;
        }
    }
  }
  golden::require_cases(compared, "resized images");
}

TEST_CASE("the weights of an output pixel have the sum 1 and give its value") {
  for (const auto& [name, rule] : rules)
    for (const std::size_t inputs : {std::size_t{1}, std::size_t{5}, std::size_t{40}})
      for (const std::size_t outputs : {std::size_t{1}, std::size_t{7}, std::size_t{40}})
        for (std::size_t j = 0; j < outputs; ++j) {
          INFO(name << " " << inputs << " to " << outputs << " at " << j);
          const ResizeWindow<double> window(rule, inputs, outputs, j);
          REQUIRE(window.size() > 0);
          REQUIRE(window.first() + window.size() <= inputs);
          const auto at = [](std::size_t i) { return 3 + 0.25 * double(i * i % 11); };
          double sum = 0, value = 0;
          for (std::size_t k = 0; k < window.size(); ++k) {
            sum += window.weight(k);
            value += window.weight(k) * at(window.first() + k);
          }
          CHECK(sum == Approx(1).epsilon(1e-14));
          CHECK(window(at) == Approx(value).epsilon(is_antialiased(rule) ? 1e-7 : 1e-13));
        }
}

TEST_CASE("resizing a plane gives the values of its windows, one axis after the other") {
  const PlaneExtents from{5, 9}, to{8, 4};
  std::vector<float> x(from.size()), y(to.size()), scratch(resize_scratch_size(from, to));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * i % 251);
  for (const auto& [name, rule] : rules) {
    INFO(name);
    resize_plane(rule, from, to, x.data(), y.data(), scratch.data());
    for (std::size_t i = 0; i < to.height; ++i)
      for (std::size_t j = 0; j < to.width; ++j) {
        const ResizeWindow<float> column(rule, from.width, to.width, j);
        const ResizeWindow<float> row(rule, from.height, to.height, i);
        CHECK(y[i * to.width + j] == row([&](std::size_t r) {
                return column([&](std::size_t c) { return x[r * from.width + c]; });
              }));
      }
  }
}

TEST_CASE("an image keeps its values where the extents do not change") {
  const PlaneExtents whole{3, 4}, taller{6, 4};
  std::vector<double> x(whole.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.1 * double(i);
  for (const auto& [name, rule] : rules) {
    INFO(name);
    CHECK(resized<double>(rule, whole, whole, x) == x);
    const auto columns = resized<double>(rule, whole, taller, x);
    const auto alone = resized<double>(rule, {3, 1}, {6, 1}, {x[1], x[5], x[9]});
    for (std::size_t i = 0; i < 6; ++i) CHECK(columns[i * 4 + 1] == alone[i]);
  }
}

TEST_CASE("empty images cannot be resized") {
  CHECK_THROWS_WITH(require_extents({0, 4}, {2, 2}),
                    "resize: from 0 x 4 to 2 x 2; every extent must be at least 1");
  CHECK_NOTHROW(require_extents({1, 4}, {2, 2}));
}
