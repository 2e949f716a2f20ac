// SPDX-License-Identifier: MIT
/// .npy files of NumPy (tests/golden/make_numpy_files.py) and headers of other programs.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <scoresde/io/npy.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::literals;
using scoresde::io::parse_npy;
using scoresde::io::read_npy;
using scoresde::io::TensorFile;
using scoresde::test::TemporaryFolder;
using Shape = std::vector<std::size_t>;

const std::filesystem::path files =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "numpy";

/// A file of format version 1.0 with this dictionary and `data` zero bytes.
std::string npy(const std::string& dictionary, std::size_t data) {
  std::string file = "\x93NUMPY\1\0"s;
  file += {static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  return file + dictionary + std::string(data, '\0');
}

TensorFile::Tensor parsed(const std::string& bytes) {
  return parse_npy(std::as_bytes(std::span(bytes)));
}

std::vector<float> up_to(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

}  // namespace

TEST_CASE("NumPy's arrays are read in C order, whether the file is in C or Fortran order") {
  for (const char* name : {"c_order.npy", "fortran_order.npy"}) {
    INFO(name);
    const auto array = read_npy<float>(files / name);
    CHECK(array.shape == Shape{2, 3, 4});
    CHECK(array.values == up_to(24));
  }
  const auto row = read_npy<double>(files / "one_row.npy");
  CHECK(row.shape == Shape{1, 5});
  CHECK(row.values == std::vector<double>{0, 1, 2, 3, 4});
}

TEST_CASE("Python 2's long integers are accepted in a shape") {
  CHECK(parsed(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4L, 6L), }", 96)).shape ==
        Shape{4, 6});
  CHECK(parsed(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4L,), }", 16)).shape ==
        Shape{4});
  CHECK_THROWS_WITH(parsed(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4LL,), }", 16)),
                    Catch::Contains("broken header"));
}

TEST_CASE("one row, one column and a vector are the same in C and Fortran order") {
  for (const auto& [shape, wanted] :
       {std::pair("(1, 6)", Shape{1, 6}), std::pair("(6, 1)", Shape{6, 1}),
        std::pair("(6,)", Shape{6}), std::pair("(1, 1, 6)", Shape{1, 1, 6})}) {
    const std::string end = ", 'shape': "s + shape + ", }";
    std::string c = npy("{'descr': '<i4', 'fortran_order': False" + end, 24);
    std::string f = npy("{'descr': '<i4', 'fortran_order': True" + end, 24);
    for (char i = 0; i < 6; ++i)
      c[c.size() - 24 + 4 * std::size_t(i)] = f[f.size() - 24 + 4 * std::size_t(i)] = i;
    CHECK(parsed(c).shape == wanted);
    CHECK(parsed(f).as<int>() == std::vector<int>{0, 1, 2, 3, 4, 5});
    CHECK(parsed(c).bytes == parsed(f).bytes);
  }
}

TEST_CASE("all format versions and all types of numbers are read") {
  const std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
  for (const char version : {'\2', '\3'}) {
    std::string file = "\x93NUMPY";
    file += {version, '\0', static_cast<char>(dictionary.size()), '\0', '\0', '\0'};
    CHECK(parsed(file + dictionary + std::string(16, '\0')).as<float>() ==
          std::vector<float>{0, 0});
  }
  CHECK_THROWS_WITH(parsed("\x93NUMPY\4\0\0\0\0\0"s), Catch::Contains("version 4"));
  for (const auto& [type, dtype, size] :
       {std::tuple("<f8", "F64", 8), std::tuple("<f4", "F32", 4), std::tuple("<f2", "F16", 2),
        std::tuple("<i8", "I64", 8), std::tuple("<u4", "U32", 4), std::tuple("<u2", "U16", 2),
        std::tuple("|i1", "I8", 1), std::tuple("|u1", "U8", 1), std::tuple("|b1", "BOOL", 1)}) {
    const auto array =
        parsed(npy("{'descr': '"s + type + "', 'fortran_order': False, 'shape': (3,)}",
                   3 * std::size_t(size)));
    CHECK(array.dtype == dtype);
    CHECK(array.as<std::int64_t>() == std::vector<std::int64_t>{0, 0, 0});
  }
  for (const char* type : {">f4", "|O", "<c8", "<U3"})
    CHECK_THROWS_WITH(
        parsed(npy("{'descr': '"s + type + "', 'fortran_order': False, 'shape': (3,)}", 24)),
        Catch::Contains(type) && Catch::Contains("<f8 <f4"));
}

TEST_CASE("values are written as by NumPy, and never over a directory") {
  const TemporaryFolder folder;
  const Shape shape{2, 3, 4};
  scoresde::io::write_npy<float>(folder / "x.npy", up_to(24), shape);
  CHECK(scoresde::io::read_file(folder / "x.npy") ==
        scoresde::io::read_file(files / "c_order.npy"));
  CHECK_THROWS_WITH(scoresde::io::write_npy<float>(folder / "x.npy", up_to(23), shape),
                    Catch::Contains("23 values"));
  CHECK_THROWS_WITH(read_npy<double>(folder / "x.npy"),
                    Catch::Contains("x.npy") && Catch::Contains("type F32; F64 is required"));
  CHECK_THROWS_WITH(scoresde::io::write_npy<float>(folder.path(), up_to(24), shape),
                    Catch::Contains("is a directory"));
  CHECK(folder.files() == 1);
}
