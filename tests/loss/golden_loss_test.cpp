// SPDX-License-Identifier: MIT
/// The losses of score_sde_pytorch, for the cases listed in the files of the golden directory.
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/score_sde_discrete.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "loss/tanh_model.hpp"
#include "support/catch.hpp"
#include "support/golden_directory.hpp"

using namespace scoresde;

namespace {

/// `<case>.<what>`, or `<what>` if the file has one for all cases.
const io::TensorFile::Tensor& tensor(const io::TensorFile& file, const std::string& name,
                                     const std::string& what) {
  return file.at(file.contains(name + "." + what) ? name + "." + what : what);
}

/// The data of a case except its times.
template <class T>
struct Case {
  HostState<T> x0, z;
  std::vector<T> w;
  LossWorkspace<HostState<T>> work;

  Case(const io::TensorFile& file, const std::string& name, Extents shape)
      : x0(shape, tensor(file, name, "batch").as<T>()),
        z(shape, tensor(file, name, "z").as<T>()),
        w(tensor(file, name, "w").as<T>()),
        work(x0) {}
};

template <class T, Sde S>
double continuous_loss(const io::TensorFile& file, const nlohmann::json& c, Case<T> at,
                       const S& sde) {
  const DenoisingScoreMatching loss{.likelihood_weighting = c.at("likelihood_weighting"),
                                    .reduce_mean = c.at("reduce_mean")};
  test::TanhModel<T, S> model(sde, at.w);
  const auto u = tensor(file, c.at("name"), "u").template as<double>();
  for (std::size_t k = 0; k < u.size(); ++k) at.work.times()[k] = loss.time(sde, u[k]);
  return loss(sde, model, at.x0, at.z, at.work);
}

/// The labels of VE count from the highest noise level, those of VP from the lowest.
template <class T, DiscreteSde S>
double discrete_loss(const io::TensorFile& file, const nlohmann::json& c, Case<T> at,
                     const S& sde) {
  REQUIRE_FALSE(c.at("likelihood_weighting").get<bool>());
  const DiscreteScoreMatching loss{.reduce_mean = c.at("reduce_mean")};
  using Convention = nn::level_convention_of<S>;
  test::TanhModel<T, S, Convention> model(sde, at.w);
  const auto labels = tensor(file, c.at("name"), "labels").template as<double>();
  for (std::size_t k = 0; k < labels.size(); ++k) {
    const double level = std::derived_from<S, VeSde> ? 999 - labels[k] : labels[k];
    at.work.times()[k] = sde.training_time(static_cast<std::size_t>(level));
    CHECK(Convention{}.label(sde, at.work.times()[k]) == labels[k]);
  }
  return loss(sde, model, at.x0, at.z, at.work);
}

/// Every implementation of the case's loss.
template <class T>
std::vector<double> losses_of(const io::TensorFile& file, const nlohmann::json& c) {
  const std::string name = c.at("name"), sde = c.at("sde");
  const auto& batch = tensor(file, name, "batch");
  const Extents shape{batch.shape.at(0), batch.size() / batch.shape.at(0)};
  const Case<T> at(file, name, shape);
  if (c.at("continuous").get<bool>()) {
    if (sde == "ve") return {continuous_loss(file, c, at, VeSde{})};
    if (sde == "vp") return {continuous_loss(file, c, at, VpSde{})};
    REQUIRE(sde == "subvp");
    return {continuous_loss(file, c, at, SubVpSde{})};
  }
  if (sde == "ve")
    return {discrete_loss(file, c, at, DiscreteVeSde(1000)),
            discrete_loss(file, c, at, SmldSde(1000))};
  REQUIRE(sde == "vp");
  return {discrete_loss(file, c, at, DiscreteVpSde(1000)),
          discrete_loss(file, c, at, DdpmSde(linear_betas(1000)))};
}

/// The loss cases of a file: those with a weighting.
std::vector<nlohmann::json> loss_cases(const io::TensorFile& file) {
  std::vector<nlohmann::json> cases;
  const auto listed = file.metadata.find("cases");
  if (listed == file.metadata.end()) return cases;
  for (const auto& c : nlohmann::json::parse(listed->second))
    if (c.contains("likelihood_weighting")) cases.push_back(c);
  return cases;
}

}  // namespace

TEST_CASE("losses match score_sde", "[golden]") {
  std::size_t compared = 0;
  for (const auto& path : golden::files()) {
    const io::TensorFile file = io::read_safetensors(path);
    for (const auto& c : loss_cases(file)) {
      const auto name = c.at("name").get<std::string>();
      const double golden = file.at(name + ".loss").as<double>().at(0);
      CAPTURE(path.string(), name, golden);
      for (const double loss : losses_of<double>(file, c))
        CHECK(std::abs(loss - golden) <= 1e-10 * std::abs(golden));
      for (const double loss : losses_of<float>(file, c))
        CHECK(std::abs(loss - golden) <= 1e-4 * std::abs(golden));
      ++compared;
    }
  }
  golden::require_cases(compared, "losses");
}
