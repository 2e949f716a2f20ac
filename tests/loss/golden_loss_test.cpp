// SPDX-License-Identifier: MIT
/// The losses of score_sde_pytorch, case by case as the files in the golden directory list them.
#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "loss/tanh_model.hpp"
#include "support/catch.hpp"
#include "support/golden_directory.hpp"

using namespace scoresde;

namespace {

/// `<case>.<what>`, or the file's own `<what>`.
const io::TensorFile::Tensor& tensor(const io::TensorFile& file, const std::string& name,
                                     const std::string& what) {
  return file.at(file.contains(name + "." + what) ? name + "." + what : what);
}

template <class T, Sde S>
double loss_of(const io::TensorFile& file, const nlohmann::json& c, const S& sde) {
  const auto name = c.at("name").get<std::string>();
  const auto& batch = tensor(file, name, "batch");
  const std::size_t samples = batch.shape.at(0);
  const Extents shape{samples, batch.size() / samples};
  const HostState<T> x0(shape, batch.as<T>()), z(shape, tensor(file, name, "z").as<T>());
  const DenoisingScoreMatching loss{.likelihood_weighting = c.at("likelihood_weighting"),
                                    .reduce_mean = c.at("reduce_mean")};
  test::TanhModel<T, S> model(sde, tensor(file, name, "w").as<T>());
  LossWorkspace<HostState<T>> work(x0);
  const auto u = tensor(file, name, "u").as<double>();
  for (std::size_t k = 0; k < samples; ++k) work.times()[k] = loss.time(sde, u.at(k));
  return loss(sde, model, x0, z, work);
}

template <class T>
double loss_of(const io::TensorFile& file, const nlohmann::json& c) {
  const auto name = c.at("sde").get<std::string>();
  if (name == "ve") return loss_of<T>(file, c, VeSde{});
  if (name == "vp") return loss_of<T>(file, c, VpSde{});
  REQUIRE(name == "subvp");
  return loss_of<T>(file, c, SubVpSde{});
}

/// The cases of a file that are losses: those that name a weighting.
std::vector<nlohmann::json> loss_cases(const io::TensorFile& file) {
  std::vector<nlohmann::json> cases;
  const auto listed = file.metadata.find("cases");
  if (listed == file.metadata.end()) return cases;
  for (const auto& c : nlohmann::json::parse(listed->second))
    if (c.contains("likelihood_weighting")) cases.push_back(c);
  return cases;
}

}  // namespace

TEST_CASE("continuous losses equal score_sde's", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::files()) {
    const io::TensorFile file = io::read_safetensors(path);
    for (const auto& c : loss_cases(file)) {
      const auto name = c.at("name").get<std::string>();
      if (!c.at("continuous").get<bool>()) {
        WARN("skipped, a discrete loss: " << name);
        continue;
      }
      const double golden = file.at(name + ".loss").as<double>().at(0);
      CAPTURE(path.string(), name, golden);
      CHECK(std::abs(loss_of<double>(file, c) - golden) <= 1e-10 * std::abs(golden));
      CHECK(std::abs(loss_of<float>(file, c) - golden) <= 1e-4 * std::abs(golden));
      ++compared;
    }
  }
  golden::require_cases(compared, "continuous losses");
}
