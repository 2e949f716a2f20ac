// SPDX-License-Identifier: MIT
/// .npz files of NumPy, stored and compressed (tests/golden/make_numpy_files.py).
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/npz.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::NpzFile;
using scoresde::test::TemporaryFolder;
using Shape = std::vector<std::size_t>;

const std::filesystem::path files =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "numpy";

}  // namespace

TEST_CASE(
    "arrays of savez and savez_compressed are read by name and converted to the requested type") {
  for (const char* name : {"stored.npz", "compressed.npz"}) {
    INFO(name);
    const NpzFile file = NpzFile::open(files / name);
    CHECK(file.names() ==
          std::vector<std::string>{"count", "flags", "half", "images", "mu", "names", "sigma"});
    CHECK(file.contains("mu"));
    CHECK_FALSE(file.contains("mu.npy"));
    const auto mu = file.array("mu");
    CHECK(mu.shape == Shape{5});
    CHECK(mu.as<float>() == std::vector<float>{-0.25f, -0.125f, 0, 0.125f, 0.25f});
    const auto sigma = file.array("sigma");
    CHECK(sigma.shape == Shape{5, 5});
    const auto values = sigma.as<double>();
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 5; ++j)
        CHECK(values[5 * i + j] == double(i + j) / 16 + (i == j ? 1 : 0));
    CHECK(file.array("images").shape == Shape{2, 4, 4, 3});
    CHECK(file.array("images").as<int>()[95] == 95);
    CHECK(file.array("half").as<double>() == std::vector<double>{1.5, -2});
    CHECK(file.array("count").as<double>() == std::vector<double>{50000});
    CHECK(file.array("flags").as<int>() == std::vector<int>{1, 0});
  }
}

TEST_CASE("an unsupported array is named in the error and does not affect the others") {
  const NpzFile file = NpzFile::open(files / "compressed.npz");
  CHECK_THROWS_WITH(file.array("names"), Catch::Contains("compressed.npz: array names") &&
                                             Catch::Contains("of type |O"));
  CHECK_THROWS_WITH(file.array("mean"), Catch::Contains("array mean") &&
                                            Catch::Contains("the 7 of the file: count flags"));
}

TEST_CASE("a truncated npz file and other formats are rejected") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(NpzFile::open(files / "c_order.npy"),
                    Catch::Contains("c_order.npy") && Catch::Contains("a NumPy array"));
  CHECK_THROWS_WITH(NpzFile::open(folder.write("empty.npz", "")), Catch::Contains("empty.npz"));
  const auto bytes = scoresde::io::read_file(files / "compressed.npz");
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_THROWS_AS(NpzFile(std::span(bytes).first(length)), scoresde::Error);
}
