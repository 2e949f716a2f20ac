// SPDX-License-Identifier: MIT
/// safetensors: round trips, and rejection of invalid files by name.
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <scoresde/io/detail/file_kind.hpp>
#include <scoresde/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::Error;
using scoresde::io::read_safetensors;
using scoresde::io::read_safetensors_metadata;
using scoresde::io::TensorFile;
using scoresde::io::write_safetensors;
using scoresde::test::TemporaryFolder;

/// A file of `header` and `data_bytes` zero bytes with the length field `length` (default: the size
/// of `header`).
std::string file_bytes(const std::string& header, std::size_t data_bytes,
                       std::uint64_t length = ~std::uint64_t{0}) {
  if (length == ~std::uint64_t{0}) length = header.size();
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes + header + std::string(data_bytes, '\0');
}

/// The message of the error for these bytes, the same without the data; empty when they are read.
std::string rejections(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder.write("case.safetensors", bytes);
  try {
    const auto file = read_safetensors(path);
    CHECK(read_safetensors_metadata(path) == file.metadata);
    return {};
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK_THROWS_WITH(read_safetensors_metadata(path), message);
    REQUIRE(message.find("case.safetensors") != std::string::npos);
    return message;
  }
}

void require_rejected(const std::string& bytes, const std::vector<std::string>& words) {
  const std::string message = rejections(bytes);
  INFO("message: " << message);
  REQUIRE_FALSE(message.empty());
  for (const std::string& word : words) {
    INFO("word: " << word);
    REQUIRE(message.find(word) != std::string::npos);
  }
}

std::string one_tensor(const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

template <class T>
void require_round_trip(const std::vector<T>& elements, const std::string& dtype) {
  const TemporaryFolder folder;
  TensorFile file;
  file.set<T>("values", {elements.size()}, elements);
  write_safetensors(folder / "f", file);
  const TensorFile back = read_safetensors(folder / "f");
  REQUIRE(back.at("values").dtype == dtype);
  REQUIRE(back.at("values").shape == std::vector<std::size_t>{elements.size()});
  REQUIRE(back.at("values").as<T>() == elements);
}

}  // namespace

TEST_CASE("safetensors round trips preserve every C++ number type") {
  require_round_trip<double>({0.1, -1e300, 5e-324}, "F64");
  require_round_trip<float>({0.1f, -3e38f, 1e-45f}, "F32");
  require_round_trip<std::int64_t>({std::numeric_limits<std::int64_t>::min(), 7}, "I64");
  require_round_trip<std::int32_t>({-5, 5}, "I32");
  require_round_trip<std::int16_t>({-32768, 32767}, "I16");
  require_round_trip<std::int8_t>({-128, 127}, "I8");
  require_round_trip<std::uint64_t>({~std::uint64_t{0}}, "U64");
  require_round_trip<std::uint8_t>({0, 255}, "U8");
}

TEST_CASE("safetensors preserve metadata, scalars, empty tensors and names with quotes") {
  const TemporaryFolder folder;
  TensorFile file;
  file.metadata["note"] = "line\n\"quoted\" ∇";
  const double scalar = 3.5;
  file.set<double>("scalar", {}, std::span(&scalar, 1));
  file.set<float>("empty", {0, 4}, std::span<const float>());
  const std::array<std::uint8_t, 3> odd{1, 2, 3};
  file.set<std::uint8_t>("odd \"name\"", {3}, odd);
  write_safetensors(folder / "f", file);
  const TensorFile back = read_safetensors(folder / "f");
  REQUIRE(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == 3);
  REQUIRE(back.at("scalar").shape.empty());
  REQUIRE(back.at("scalar").as<double>() == std::vector<double>{3.5});
  REQUIRE(back.at("empty").size() == 0);
  REQUIRE(back.at("odd \"name\"").as<int>() == std::vector<int>{1, 2, 3});
  REQUIRE(folder.files() == 1);
}

TEST_CASE("half precision and bfloat16 are decoded to the values of their bits") {
  // 1, −2, 65504 (largest), 2⁻²⁴ (least subnormal), +inf in binary16
  TensorFile::Tensor half{"F16", {5}, {}};
  for (const std::uint16_t bits : {0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00}) {
    half.bytes.push_back(static_cast<std::byte>(bits & 255));
    half.bytes.push_back(static_cast<std::byte>(bits >> 8));
  }
  REQUIRE(half.as<double>() ==
          std::vector<double>{1, -2, 65504, 0x1p-24, std::numeric_limits<double>::infinity()});
  const TensorFile::Tensor brain{
      "BF16", {2}, {std::byte{0x80}, std::byte{0x3f}, std::byte{0x49}, std::byte{0xc0}}};
  REQUIRE(brain.as<float>() == std::vector<float>{1.0f, -3.140625f});
}

TEST_CASE(
    "every half-precision number survives a round trip through float, and others round to even") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = scoresde::io::detail::float_of_half(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) REQUIRE(scoresde::io::Half(value).bits() == bits);
  }
  CHECK(scoresde::io::Half(1 + 0x1p-11f).bits() == 0x3c00);             // a tie: to the even 1
  CHECK(scoresde::io::Half(1 + 3 * 0x1p-11f).bits() == 0x3c02);         // a tie: up to the even one
  CHECK(scoresde::io::Half(1 + 0x1p-11f + 0x1p-20f).bits() == 0x3c01);  // above a tie
  CHECK(scoresde::io::Half(0x1p-25f).bits() == 0);                      // a tie below the smallest
  CHECK(scoresde::io::Half(-0x1.8p-24f).bits() == 0x8002);              // a tie of subnormals
  CHECK(scoresde::io::Half(0x1.ffffp-15f).bits() == 0x0400);            // up to the smallest normal
  CHECK(scoresde::io::Half(65519.0f).bits() == 0x7bff);
  CHECK_THROWS_WITH(scoresde::io::Half(65520.0f), Catch::Contains("exceeds the range of float16"));
  CHECK(std::isnan(static_cast<float>(scoresde::io::Half(std::nanf("")))));
}

TEST_CASE("a conversion that would change an integer is rejected") {
  const std::array<std::int64_t, 1> big{300};
  const auto tensor = TensorFile::Tensor::of<std::int64_t>({1}, big);
  REQUIRE_THROWS_AS(tensor.as<std::uint8_t>(), Error);
  const std::array<double, 1> fraction{0.5};
  REQUIRE_THROWS_AS(TensorFile::Tensor::of<double>({1}, fraction).as<int>(), Error);
  const std::array<std::int8_t, 1> negative{-1};
  REQUIRE_THROWS_AS(TensorFile::Tensor::of<std::int8_t>({1}, negative).as<std::uint64_t>(), Error);
}

TEST_CASE("a missing tensor is named in the error") {
  REQUIRE_THROWS_WITH(TensorFile{}.at("weight"), Catch::Contains("weight"));
}

TEST_CASE("safetensors truncated at any byte are rejected") {
  const std::string whole = file_bytes(one_tensor("\"F32\"", "[2]", "[0,8]"), 8);
  REQUIRE(rejections(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO("cut after " << size << " bytes");
    REQUIRE_FALSE(rejections(whole.substr(0, size)).empty());
  }
}

TEST_CASE("a header length beyond the file is rejected before anything is allocated") {
  const std::string header = one_tensor("\"F32\"", "[2]", "[0,8]");
  require_rejected(file_bytes(header, 8, 1000), {"header", "1000"});
  require_rejected(file_bytes(header, 8, ~std::uint64_t{0} - 7), {"header"});
  require_rejected(file_bytes(header, 8, std::uint64_t{1} << 62), {"header"});
}

TEST_CASE("headers that violate the format are rejected") {
  require_rejected(file_bytes("", 0), {"is not a safetensors file", "'{'"});
  require_rejected(file_bytes("{]", 0), {"not JSON"});
  require_rejected(file_bytes("\xff\xfe{}", 0), {"is not a safetensors file"});
  require_rejected(file_bytes("\xef\xbb\xbf{}", 0), {"is not a safetensors file"});
  require_rejected(file_bytes("[]", 0), {"is not a safetensors file"});
  require_rejected(file_bytes(R"({"a":3})", 0), {"tensor a", "dtype"});
  require_rejected(file_bytes(R"({"__metadata__":{"k":1}})", 0), {"__metadata__", "string"});
  require_rejected(file_bytes(R"({"__metadata__":[]})", 0), {"__metadata__", "object"});
  require_rejected(file_bytes("{\"a\":" + std::string(100000, '['), 0), {"nested"});
}

TEST_CASE("wrong types and shapes are rejected with the tensor's name") {
  require_rejected(file_bytes(one_tensor("7", "[2]", "[0,8]"), 8), {"tensor a", "dtype"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "[-2]", "[0,8]"), 8), {"tensor a", "-2"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "[2.0]", "[0,8]"), 8), {"tensor a", "2.0"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "2", "[0,8]"), 8), {"tensor a", "shape"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "[3]", "[0,8]"), 8), {"tensor a", "8", "12"});
  require_rejected(
      file_bytes(one_tensor("\"F32\"", "[4294967296,4294967296,4294967296]", "[0,8]"), 8),
      {"tensor a", "overflow"});
  require_rejected(file_bytes(one_tensor("\"F64\"", "[2305843009213693953]", "[0,8]"), 8),
                   {"tensor a", "overflow"});
  require_rejected(file_bytes(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8),
                   {"tensor a", "shape"});
}

TEST_CASE("errors about files that are not safetensors name the likely format") {
  const std::string rest(100, 'x');
  for (const auto& [bytes, words] : std::vector<std::pair<std::string, std::string>>{
           {"\x89PNG\r\n\x1a\n" + rest, "(it begins like a PNG image)"},
           {"\xff\xd8\xff\xe0" + rest, "a JPEG image"},
           {"PK\x03\x04" + rest, "a zip archive"},
           {"\x80\x02}q" + rest, "a pickle"},
           {"\x80\x05\x95" + rest, "a pickle"},
           {"\x93NUMPY\x01" + rest, "a NumPy array"},
           {"\n <!DOCTYPE html><html>" + rest, "an HTML page"},
           {"<HTML>", "an HTML page"},
           {R"({"metadata": {"total_size": 1}})", "JSON text"},
           {"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"},
           {"no checkpoint at all", "no '{' follows"},
           {"short", "5 bytes"}}) {
    INFO("message: " << rejections(bytes) << ", words: " << words);
    CHECK(rejections(bytes).find("case.safetensors is not a safetensors file") !=
          std::string::npos);
    CHECK(rejections(bytes).find(words) != std::string::npos);
  }
  // The length of a header may look like the beginning of a pickle.
  std::string header = "{}";
  header.resize(0x280, ' ');
  CHECK(rejections(file_bytes(header, 0)).empty());
}

TEST_CASE("null metadata is empty, as in the reference implementation") {
  const TemporaryFolder folder;
  const auto path = folder.write("f", file_bytes(R"({"__metadata__":null,"a":{"dtype":"U8",)"
                                                 R"("shape":[1],"data_offsets":[0,1]}})",
                                                 1));
  CHECK(read_safetensors(path).metadata.empty());
  CHECK(read_safetensors(path).at("a").size() == 1);
}

TEST_CASE("a tensor of an unsupported type is rejected only when its elements are read") {
  const TemporaryFolder folder;
  for (const std::string dtype : {"F8_E4M3", "F8_E5M2", "C64", "F31"}) {
    const std::string header = R"({"odd":{"dtype":")" + dtype +
                               R"(","shape":[2],"data_offsets":[0,8]},)"
                               R"("a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
    const TensorFile file = read_safetensors(folder.write("f", file_bytes(header, 12)));
    CHECK(file.at("a").as<float>() == std::vector<float>{0});
    CHECK(file.at("odd").bytes.size() == 8);
    CHECK_THROWS_WITH(file.at("odd").as<float>(), Catch::Contains(dtype) && Catch::Contains("F32"));
    CHECK_THROWS_WITH(write_safetensors(folder / "g", file),
                      Catch::Contains("tensor odd") && Catch::Contains(dtype));
    // Its offsets are checked nevertheless.
    require_rejected(file_bytes(header, 13), {"13 bytes", "cover 12"});
  }
}

TEST_CASE("offsets out of order, out of range, overlapping or with gaps are rejected") {
  require_rejected(file_bytes(one_tensor("\"F32\"", "[2]", "[8,0]"), 8),
                   {"tensor a", "data_offsets"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "[2]", "[0,16]"), 8), {"tensor a", "16"});
  require_rejected(file_bytes(one_tensor("\"F32\"", "[2]", "[0]"), 8),
                   {"tensor a", "data_offsets"});
  require_rejected(
      file_bytes(one_tensor("\"F32\"", "[2]", "[18446744073709551608,18446744073709551615]"), 8),
      {"tensor a", "data_offsets"});
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  REQUIRE(rejections(file_bytes(two("[0,4]", "[4,8]"), 8)).empty());
  REQUIRE(rejections(file_bytes(two("[4,8]", "[0,4]"), 8)).empty());
  require_rejected(file_bytes(two("[0,4]", "[2,6]"), 8), {"tensor b", "inside another"});
  require_rejected(file_bytes(two("[0,4]", "[0,4]"), 4), {"overlap"});
  require_rejected(file_bytes(two("[0,4]", "[5,9]"), 9), {"tensor b", "gap"});
  require_rejected(file_bytes(two("[0,4]", "[4,8]"), 9), {"9 bytes", "cover 8"});
}

TEST_CASE("the metadata of a file with a long header are those of the whole file") {
  const TemporaryFolder folder;
  TensorFile file;
  const std::vector<float> values(100'000, 1.5f);
  file.set("a", {values.size()}, std::span<const float>(values));
  for (int i = 0; i < 20'000; ++i)
    file.metadata["key " + std::to_string(i)] = "value of some length " + std::to_string(i);
  const auto path = folder / "long";
  write_safetensors(path, file);
  const auto size = std::filesystem::file_size(path);
  REQUIRE(size > 1'000'000);
  CHECK(read_safetensors_metadata(path) == file.metadata);
  for (const std::uintmax_t cut : {size - 4, size - 400'000, std::uintmax_t{300'000}}) {
    std::filesystem::resize_file(path, cut);
    std::string message;
    try {
      (void)read_safetensors(path);
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK_THAT(message, Catch::Contains("safetensors file " + path.string()));
    CHECK_THROWS_WITH(read_safetensors_metadata(path), message);
  }
}

TEST_CASE("a name that appears twice is rejected") {
  require_rejected(file_bytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                              R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                              2),
                   {"a", "twice"});
}

TEST_CASE("files that cannot be read or written are rejected and leave no other files") {
  const TemporaryFolder folder;
  REQUIRE_THROWS_WITH(read_safetensors(folder / "absent"), Catch::Contains("does not exist"));
  REQUIRE_THROWS_WITH(read_safetensors(folder.path()), Catch::Contains("not a regular file"));
  REQUIRE_THROWS_WITH(write_safetensors(folder / "no/such/folder", {}),
                      Catch::Contains("cannot be created"));
  std::filesystem::create_directory(folder / "taken");
  std::ofstream(folder / "taken/file");
  REQUIRE_THROWS_WITH(write_safetensors(folder / "taken", {}), Catch::Contains("is a directory"));
  REQUIRE(folder.files() == 1);
}

TEST_CASE("an inconsistent tensor is not written and the old file stays") {
  const TemporaryFolder folder;
  folder.write("f", "old");
  TensorFile file;
  file.tensors["a"] = {"F32", {3}, std::vector<std::byte>(8)};
  REQUIRE_THROWS_WITH(write_safetensors(folder / "f", file), Catch::Contains("tensor a"));
  file.tensors["a"] = {"F31", {2}, std::vector<std::byte>(8)};
  REQUIRE_THROWS_WITH(write_safetensors(folder / "f", file), Catch::Contains("F31"));
  REQUIRE(std::filesystem::file_size(folder / "f") == 3);
  REQUIRE(folder.files() == 1);
}
