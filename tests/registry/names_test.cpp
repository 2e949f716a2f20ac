// SPDX-License-Identifier: MIT
#include <array>
#include <set>
#include <string>
#include <vector>

#include <scoresde/registry/evaluation_names.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/network_names.hpp>
#include <scoresde/registry/run_names.hpp>

#include "support/catch.hpp"

namespace {

enum class Color { red, green, white };
enum class Unnamed { value };

}  // namespace

template <>
inline constexpr auto scoresde::published_names<Color> =
    std::to_array<scoresde::PublishedName<Color>>({{Color::red, "red"},
                                                   {Color::green, "green"},
                                                   {Color::green, "verdant"}});

using namespace scoresde;

namespace {

/// The written name of every value is read back, and no two values share a name.
template <class E>
void check_table(std::size_t values) {
  std::set<std::string> names;
  std::set<E> found;
  for (const std::string& name : names_of<E>()) {
    CAPTURE(name);
    CHECK(names.insert(name).second);
    const E value = from_name<E>("name", name);
    CHECK(from_name<E>("name", name_of(value)) == value);
    found.insert(value);
  }
  CHECK(found.size() == values);
}

}  // namespace

TEST_CASE("the first name of a value is written and every name is read") {
  CHECK(name_of(Color::green) == "green");
  CHECK(find_name<Color>("verdant") == Color::green);
  CHECK(find_name<Color>("blue") == std::nullopt);
  CHECK(names_of<Color>() == std::vector<std::string>{"red", "green", "verdant"});
  CHECK_FALSE(PublishedEnum<Unnamed>);
  CHECK_FALSE(PublishedEnum<int>);
}

TEST_CASE("an unknown name is rejected with argument, text, names and a near name") {
  CHECK_THROWS_WITH(from_name<Color>("--color", "gren"),
                    "--color is 'gren'; did you mean 'green'? it must be one of red, green, "
                    "verdant");
  CHECK_THROWS_WITH(from_name<Color>("--color", "mauve"),
                    "--color is 'mauve'; it must be one of red, green, verdant");
  CHECK_THROWS_WITH(name_of(Color::white), Catch::Contains("has no published name"));
}

TEST_CASE("every enumeration of a configuration has a name for each value") {
  check_table<nn::Architecture>(2);
  check_table<nn::Activation>(4);
  check_table<nn::EmbeddingType>(2);
  check_table<nn::ResBlockType>(2);
  check_table<nn::ProgressiveOutput>(3);
  check_table<nn::ProgressiveInput>(3);
  check_table<nn::Combine>(2);
  check_table<nn::AttentionUp>(3);
  check_table<nn::Middle>(3);
  check_table<InceptionScoreConvention>(4);
  check_table<LogitBias>(2);
  check_table<KernelSubsets>(2);
  check_table<BallBoundary>(2);
  check_table<nn::TimeScaleShift>(2);
  check_table<SdeKind>(5);
  check_table<LossKind>(3);
  check_table<ConventionKind>(1);
  check_table<BetaRule>(4);
  check_table<PredictionType>(3);
  check_table<EmaSchedule>(3);
  check_table<RateSchedule>(3);
  check_table<SolverKind>(2);
  check_table<PredictorKind>(4);
  check_table<CorrectorKind>(2);
}

TEST_CASE("written names are those of existing files, and EDM's own names are accepted") {
  CHECK(name_of(SdeKind::edm) == "karras");
  CHECK(name_of(SdeKind::sub_vp) == "subvp");
  CHECK(name_of(LossKind::edm) == "karras");
  CHECK(name_of(ConventionKind::edm_preconditioning) == "karras_preconditioned");
  CHECK(find_name<SdeKind>("edm") == SdeKind::edm);
  CHECK(find_name<LossKind>("edm") == LossKind::edm);
  CHECK(find_name<PredictorKind>("ancestral_sampling") == PredictorKind::ancestral);
}
