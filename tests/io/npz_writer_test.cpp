// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/npz.hpp>
#include <scoresde/io/npz_writer.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

TEST_CASE("arrays of NpzWriter are read with their names, types and shapes") {
  const test::TemporaryFolder folder;
  const std::vector<double> doubles{1.5, -2, 3, 1e300, 0, 7};
  const std::vector<float> floats{0.25f, -1};
  const std::vector<std::uint8_t> bytes{0, 255, 7};
  io::NpzWriter file;
  file.add("a", {2, 3}, std::span<const double>(doubles));
  file.add("b", {2}, std::span<const float>(floats));
  file.add("c", {3, 1}, std::span<const std::uint8_t>(bytes));
  file.add("none", {0}, std::span<const float>());
  CHECK_THROWS_WITH(file.add("d", {4}, std::span<const float>(floats)),
                    Contains("npz array d: 2 values"));
  file.write(folder / "file.npz");
  const auto read = io::NpzFile::open(folder / "file.npz");
  CHECK(read.names() == std::vector<std::string>{"a", "b", "c", "none"});
  CHECK(read.array("a").as<double>() == doubles);
  CHECK(read.array("a").shape == std::vector<std::size_t>{2, 3});
  CHECK(read.array("b").dtype == "F32");
  CHECK(read.array("b").as<float>() == floats);
  CHECK(read.array("c").dtype == "U8");
  CHECK(read.array("c").as<std::uint8_t>() == bytes);
  CHECK(read.array("none").size() == 0);
}
