// SPDX-License-Identifier: MIT
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/io/npz.hpp>
#include <scoresde/io/npz_writer.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

const std::filesystem::path numpy_files =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "numpy";

FeatureMoments some_moments() { return {"classifier, 2", 7, {1, -2.5}, {2, 0.5, 0.5, 3}}; }

void write_array(const std::filesystem::path& path, const char* name,
                 const std::vector<std::size_t>& shape, const std::vector<double>& values) {
  io::NpzWriter file;
  file.add(name, shape, std::span<const double>(values));
  file.write(path);
}

}  // namespace

TEST_CASE("statistics that were written are read, with their extractor and number of images") {
  const test::TemporaryFolder folder;
  write_feature_moments(folder / "a.npz", some_moments());
  const FeatureMoments found = read_feature_moments(folder / "a.npz");
  CHECK(found.mean == some_moments().mean);
  CHECK(found.covariance == some_moments().covariance);
  CHECK(found.count == 7);
  CHECK(found.extractor == "classifier, 2");
  CHECK(io::NpzFile::open(folder / "a.npz").names() ==
        std::vector<std::string>{"count", "extractor", "mu", "sigma"});
}

TEST_CASE("statistics that numpy stored and compressed are read") {
  const FeatureMoments stored = [] {
    const io::NpzFile file = io::NpzFile::open(numpy_files / "stored.npz");
    return FeatureMoments{{}, 0, file.array("mu").as<double>(), file.array("sigma").as<double>()};
  }();
  const test::TemporaryFolder folder;
  write_feature_moments(folder / "a.npz", stored);
  CHECK(read_feature_moments(folder / "a.npz").covariance == stored.covariance);
  CHECK(read_feature_moments(folder / "a.npz").count == 0);
}

TEST_CASE("features of pool_3 are read as their statistics") {
  const test::TemporaryFolder folder;
  write_array(folder / "a.npz", "pool_3", {3, 2}, {1, 2, 3, 4, 5, 0});
  const FeatureMoments found = read_feature_moments(folder / "a.npz");
  CHECK(found.count == 3);
  CHECK(found.mean == std::vector<double>{3, 2});
  CHECK(found.covariance == std::vector<double>{4, -2, -2, 4});
}

TEST_CASE("files without usable statistics are rejected by name") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(read_feature_moments(folder / "missing.npz"), Contains("missing.npz"));
  write_array(folder / "a.npz", "mean", {2}, {1, 2});
  CHECK_THROWS_WITH(read_feature_moments(folder / "a.npz"),
                    Contains("a.npz") && Contains("array mu: is not among"));
  io::NpzWriter file;
  const std::vector<double> mu{1, 2}, sigma{1, 0, 0};
  file.add("mu", {2}, std::span<const double>(mu));
  file.add("sigma", {3}, std::span<const double>(sigma));
  file.write(folder / "b.npz");
  CHECK_THROWS_WITH(read_feature_moments(folder / "b.npz"),
                    Contains("sigma has 3 values") && Contains("2 x 2"));
  write_array(folder / "c.npz", "pool_3", {1, 2}, {1, 2});
  CHECK_THROWS_WITH(read_feature_moments(folder / "c.npz"),
                    Contains("c.npz") && Contains("1 images"));
}
