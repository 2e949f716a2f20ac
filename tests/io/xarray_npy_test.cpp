// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <scoresde/io/xarray_npy.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::io;

namespace {

/// A temporary folder, removed by the destructor.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "npy_test.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const char* file) const { return path_ / file; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A version 1.0 file with this dictionary, padded as by NumPy.
std::string npy(std::string dictionary, const std::string& data) {
  while ((10 + dictionary.size() + 1) % 64 != 0) dictionary += ' ';
  dictionary += '\n';
  std::string file = "\x93NUMPY";
  file += {'\1', '\0', char(dictionary.size() & 0xff), char(dictionary.size() >> 8)};
  return file + dictionary + data;
}

std::string rejections(const std::filesystem::path& path) {
  try {
    (void)load_npy<xt::xarray<float>>(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a state survives an npy round trip bit-identical") {
  const Folder folder;
  xt::xtensor<float, 4> x = xt::zeros<float>({2, 3, 5, 7});
  backend(x).assign(x, std::span<const Term<xt::xtensor<float, 4>>>(),
                    NoiseTerm{1, Noise{.seed = 1}.draw(0)});
  save_npy(folder / "x.npy", x);
  CHECK((load_npy<xt::xtensor<float, 4>>(folder / "x.npy") == x));
  CHECK((load_npy<xt::xarray<float>>(folder / "x.npy") == x));
  xt::xarray<double> y = xt::xarray<double>{1.5, -2.25, 1e300};
  save_npy(folder / "y.npy", y);
  CHECK((load_npy<xt::xarray<double>>(folder / "y.npy") == y));
  save_npy(folder / "y.npy", xt::xarray<double>(2 * y));
  CHECK((load_npy<xt::xarray<double>>(folder / "y.npy")(0) == 3));
  CHECK(folder.files() == 2);
}

TEST_CASE("an npy file is byte-identical to NumPy's") {
  const Folder folder;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::string data(reinterpret_cast<const char*>(values.data()), 24);
  write_npy<float>(folder / "a.npy", values, std::vector<std::size_t>{2, 3});
  CHECK(bytes_of(folder / "a.npy") ==
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", data));
  write_npy<float>(folder / "b.npy", values, std::vector<std::size_t>{6});
  CHECK(bytes_of(folder / "b.npy") ==
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", data));
}

TEST_CASE("npy files of other programs are read: key order, quotes, versions, empty and scalar") {
  const Folder folder;
  const std::string data(reinterpret_cast<const char*>(std::vector<float>{7, 8}.data()), 8);
  put(folder / "a.npy", npy("{\"shape\":(2,),\"descr\":\"<f4\",\"fortran_order\":True}", data));
  CHECK((load_npy<xt::xarray<float>>(folder / "a.npy") == xt::xarray<float>{7, 8}));
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}\n";
  std::string file = "\x93NUMPY";
  file += {'\2', '\0', char(dictionary.size()), '\0', '\0', '\0'};
  put(folder / "b.npy", file + dictionary + data);
  CHECK(read_npy<float>(folder / "b.npy").shape == std::vector<std::size_t>{1, 2});
  put(folder / "c.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }", ""));
  CHECK(read_npy<float>(folder / "c.npy").values.empty());
  put(folder / "d.npy",
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", data.substr(4)));
  CHECK(read_npy<float>(folder / "d.npy").values == std::vector<float>{8});
}

TEST_CASE("an npy file truncated at any byte is rejected") {
  const Folder folder;
  save_npy(folder / "x.npy", xt::xarray<float>(xt::ones<float>({3, 2})));
  const std::string whole = bytes_of(folder / "x.npy");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    put(folder / "part.npy", whole.substr(0, length));
    CHECK_THROWS_AS(load_npy<xt::xarray<float>>(folder / "part.npy"), Error);
  }
  put(folder / "part.npy", whole + '\0');
  CHECK(rejections(folder / "part.npy").find("25 bytes of values; the shape requires 24") !=
        std::string::npos);
}

TEST_CASE("an unsupported npy file is rejected with the reason") {
  const Folder folder;
  const std::string data(24, '\0');
  const auto message = [&](const std::string& dictionary) {
    put(folder / "x.npy", npy(dictionary, data));
    return rejections(folder / "x.npy");
  };
  const auto says = [](const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
  };
  CHECK(says(message("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"),
             "its values are of type F64; F32 is required"));
  CHECK(says(message("{'descr': '>f4', 'fortran_order': False, 'shape': (6,), }"), ">f4"));
  CHECK(says(message("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (6,), }"),
             "neither True nor False"));
  CHECK(says(message("{'descr': '<f4', 'fortran_order': False}"), "shape are required"));
  CHECK(says(message("{'descr': '<f4', 'descr': '<f4'}"), "duplicated"));
  CHECK(says(message("{'descr': '<f4', 'fortran_order': False, 'shape': (-6,), }"), "not a size"));
  CHECK(
      says(message("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), } x"), "text follows"));
  CHECK(says(message("{'descr': '<f4', 'fortran_order': False, 'shape': "
                     "(4294967296, 4294967296, 4294967296), }"),
             "overflows"));
  put(folder / "x.npy", "PK\3\4 this is a zip archive");
  CHECK(says(rejections(folder / "x.npy"), "it is not an npy file"));
  CHECK(says(rejections(folder / "absent.npy"), "does not exist"));
  save_npy(folder / "x.npy", xt::xarray<float>(xt::ones<float>({3, 2})));
  CHECK_THROWS_AS((load_npy<xt::xtensor<float, 3>>(folder / "x.npy")), Error);
}

TEST_CASE("a column-major array survives a round trip through its C-order file") {
  const Folder folder;
  const xt::xarray<float, xt::layout_type::row_major> rows{{0, 1, 2}, {10, 11, 12}};
  const xt::xarray<float, xt::layout_type::column_major> columns = rows;
  const xt::xtensor<float, 2, xt::layout_type::column_major> fixed = rows;
  save_npy(folder / "rows.npy", rows);
  save_npy(folder / "columns.npy", columns);
  save_npy(folder / "fixed.npy", fixed);
  const std::vector<float> values{0, 1, 2, 10, 11, 12};
  const std::string data(reinterpret_cast<const char*>(values.data()), 24);
  const std::string wanted =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", data);
  for (const char* name : {"rows.npy", "columns.npy", "fixed.npy"}) {
    INFO(name);
    CHECK(bytes_of(folder / name) == wanted);
    using Columns = xt::xarray<float, xt::layout_type::column_major>;
    CHECK((load_npy<Columns>(folder / name) == rows));
    CHECK((load_npy<xt::xtensor<float, 2, xt::layout_type::column_major>>(folder / name) == rows));
    CHECK((load_npy<xt::xarray<float>>(folder / name)(1, 0) == 10));
  }
  // numpy.save writes a Fortran-order array column by column.
  const std::vector<float> down{0, 10, 1, 11, 2, 12};
  put(folder / "f.npy", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
                            std::string(reinterpret_cast<const char*>(down.data()), 24)));
  CHECK((load_npy<xt::xarray<float>>(folder / "f.npy") == rows));
}

TEST_CASE("an npy file that cannot be written leaves no files") {
  const Folder folder;
  const std::vector<float> values(5);
  CHECK_THROWS_AS(write_npy<float>(folder / "x.npy", values, std::vector<std::size_t>{2, 3}),
                  Error);
  CHECK_THROWS_AS(write_npy<float>(folder / "no/such/x.npy", values, std::vector<std::size_t>{5}),
                  Error);
  CHECK(folder.files() == 0);
}
