// SPDX-License-Identifier: MIT
/// Files written by PyTorch (tests/golden/make_torch_checkpoint.py), and invalid files.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/detail/torch_storage.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::literals;
using scoresde::Error;
using scoresde::io::PickleKind;
using scoresde::io::TensorFile;
using scoresde::io::TorchFile;
using scoresde::io::TorchFormat;
using scoresde::io::TorchWriter;
using scoresde::test::TemporaryFolder;
using Shape = std::vector<std::size_t>;
using Doubles = std::vector<double>;

const std::filesystem::path folder_of_files =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "checkpoints";

void require_tensor(const TorchFile& file, const char* name, const char* dtype, const Shape& shape,
                    const Doubles& values) {
  INFO("tensor " << name);
  const TensorFile::Tensor tensor = file.tensor(*file.root().find(name));
  REQUIRE(tensor.dtype == dtype);
  REQUIRE(tensor.shape == shape);
  REQUIRE(tensor.as<double>() == values);
  REQUIRE(file.description(*file.root().find(name)).shape == shape);
}

/// A legacy file of one tensor: its storage of `stored` floats, and the pickled arguments that
/// follow the storage.
std::string legacy_file(std::string_view arguments, int said = 6, int stored = 6,
                        std::string_view little = "\x88",
                        std::string_view storage = "FloatStorage") {
  std::string file = "\x80\x02" + std::string(scoresde::io::detail::legacy_magic);
  file += "\x80\x02M\xe9\x03.";
  file += "\x80\x02}X\x0d\x00\x00\x00little_endian"s + std::string(little) + "s.";
  file += "\x80\x02}U\x01"s + "tctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" +
          std::string(storage) + "\nU\x01" + "9U\x03" + "cpuK" + char(said) + "NtQ" +
          std::string(arguments) +
          "\x89"
          "ccollections\nOrderedDict\n)RtRs.";
  file +=
      "\x80\x02](U\x01"
      "9e."s;
  file += std::string(1, char(stored)) + std::string(7, '\0');
  for (int i = 0; i < stored; ++i) {
    const auto value = static_cast<float>(i);
    file.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return file;
}

std::string rejections(const std::string& bytes) {
  try {
    const TorchFile file(std::as_bytes(std::span(bytes)));
    static_cast<void>(file.tensor(*file.root().find("t")));
  } catch (const Error& failure) {
    return failure.what();
  }
  return "";
}

}  // namespace

TEST_CASE("tensors of every type, stride and offset are read as PyTorch wrote them") {
  for (const auto& [name, format] : {std::pair("tensors.pth", TorchFormat::zip),
                                     std::pair("tensors_legacy.pth", TorchFormat::legacy)}) {
    INFO(name);
    const TorchFile file = TorchFile::open(folder_of_files / name);
    CHECK(file.format() == format);
    require_tensor(file, "f64", "F64", {2}, {0.1, -2});
    require_tensor(file, "f32", "F32", {2, 1}, {0.5, -1.25});
    require_tensor(file, "f16", "F16", {3}, {1.5, -0.0, 65504});
    CHECK(std::signbit(file.tensor(*file.root().find("f16")).as<double>()[1]));
    require_tensor(file, "bf16", "BF16", {2}, {3, -0.0078125});
    require_tensor(file, "i32", "I32", {1}, {-7});
    require_tensor(file, "i16", "I16", {1}, {300});
    require_tensor(file, "i8", "I8", {1}, {-128});
    require_tensor(file, "u8", "U8", {1}, {255});
    require_tensor(file, "bool", "BOOL", {2}, {1, 0});
    require_tensor(file, "transposed", "F32", {4, 3}, {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    require_tensor(file, "columns", "F32", {3, 2}, {1, 2, 5, 6, 9, 10});
    require_tensor(file, "steps", "F32", {2, 2}, {0, 3, 8, 11});
    require_tensor(file, "last", "F32", {}, {11});
    require_tensor(file, "scalar", "F32", {}, {4.5});
    require_tensor(file, "empty", "F32", {0, 3}, {});
    require_tensor(file, "parameter", "F32", {1}, {6});
    CHECK(file.tensor(*file.root().find("i64")).as<std::int64_t>() ==
          std::vector<std::int64_t>{(std::int64_t{1} << 53) + 1, -5});
    CHECK_THROWS_WITH(file.tensor(*file.root().find("expanded")), Catch::Contains("storage has 1"));
    CHECK_THROWS_WITH(file.tensor(*file.root().find("number")), Catch::Contains("an integer"));
    CHECK(file.root().find("big")->integer() == std::int64_t{1} << 40);
    CHECK(file.root().find("negative")->integer() == -(std::int64_t{1} << 40));
    CHECK(file.root().find("text")->text() == "\xc3\xa4");
    CHECK(file.root().find("nothing")->is(PickleKind::none));
    CHECK((*file.root().find("nested"))[0][1].real() == 2.5);
  }
}

TEST_CASE("a tensor that exceeds its storage is rejected") {
  CHECK(rejections(legacy_file("K\x00K\x02K\x03\x86K\x03K\x01\x86"sv)).empty());
  CHECK(rejections(legacy_file("K\x05K\x01\x85K\xff\x85"sv)).empty());
  CHECK_THAT(rejections(legacy_file("K\x01K\x02K\x03\x86K\x03K\x01\x86")),
             Catch::Contains("exceeds"));
  CHECK_THAT(rejections(legacy_file("K\x00K\x02K\x03\x86K\x04K\x01\x86"sv)),
             Catch::Contains("exceeds"));
  CHECK_THAT(rejections(legacy_file("K\x06K\x01\x85K\x01\x85")),
             Catch::Contains("begins at element 6"));
  CHECK_THAT(rejections(legacy_file("J\xff\xff\xff\xffK\x01\x85K\x01\x85")), Catch::Contains("-1"));
  CHECK_THAT(rejections(legacy_file("K\x00K\x07\x85K\x00\x85"sv)), Catch::Contains("7 elements"));
  const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
  CHECK_THAT(rejections(legacy_file("K\x00"s + huge + huge + "\x86K\x01K\x01\x86")),
             Catch::Contains("overflows"));
  CHECK_THAT(rejections(legacy_file("K\x00K\x02K\x02\x86"s + huge + huge + "\x86")),
             Catch::Contains("exceeds"));
  CHECK_THAT(rejections(legacy_file("K\x00K\x02K\x03\x86K\x01\x85"sv)),
             Catch::Contains("1 strides"));
}

TEST_CASE("storages of another length, type or byte order are rejected") {
  const char* const six = "K\x01K\x05\x85K\x01\x85";
  CHECK(rejections(legacy_file(six)).empty());
  CHECK_THAT(rejections(legacy_file(six, 7)), Catch::Contains("have a different size"));
  CHECK_THAT(rejections(legacy_file(six, 6, 5)), Catch::Contains("have a different size"));
  CHECK_THAT(rejections(legacy_file(six, 6, 6, "\x89")), Catch::Contains("little-endian"));
  CHECK_THAT(rejections(legacy_file(six, 6, 6, "K\x01")), Catch::Contains("little-endian"));
  CHECK_THAT(rejections(legacy_file(six, 6, 6, "\x88", "QInt8Storage")),
             Catch::Contains("torch.QInt8Storage") && Catch::Contains("class of numbers"));
  CHECK_THAT(rejections(legacy_file(six, 24, 24, "\x88", "UntypedStorage")),
             Catch::Contains("not rebuilt by"));
  std::string shorter = legacy_file(six);
  shorter.pop_back();
  CHECK_THAT(rejections(shorter), Catch::Contains("6 elements"));
}

TEST_CASE("truncated PyTorch files and other formats are rejected", "[slow]") {
  const TemporaryFolder folder;
  for (const char* name : {"tensors.pth", "tensors_legacy.pth"}) {
    const auto bytes = scoresde::io::read_file(folder_of_files / name);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      INFO(name << " of " << length << " bytes");
      REQUIRE_THROWS_AS(TorchFile(std::span(bytes).first(length)), Error);
    }
  }
  CHECK_THROWS_WITH(TorchFile::open(folder.write("x", "no checkpoint at all")),
                    Catch::Contains("x") && Catch::Contains("neither"));
  CHECK_THROWS_WITH(TorchFile::open(folder / "none"), Catch::Contains("none"));
}

TEST_CASE("TorchWriter's files are read back bit-identical") {
  const TemporaryFolder folder;
  const std::vector<double> doubles{0.1, -0.0, 1e300};
  const std::vector<float> floats{1, 2, 3, 4, 5, 6};
  TorchWriter writer;
  writer.open_dict();
  writer.text("model");
  writer.open_ordered_dict();
  writer.text("a");
  writer.tensor<double>({3}, doubles);
  writer.text("b");
  writer.tensor<float>({2, 1, 3}, floats);
  writer.text("scalar");
  writer.tensor<float>({}, std::span(floats).first(1));
  writer.close_dict();
  writer.text("list");
  writer.open_list();
  writer.integer(-1);
  writer.real(0.1);
  writer.truth(true);
  writer.open_tuple();
  writer.integer(std::int64_t{1} << 62);
  writer.close_tuple();
  writer.close_list();
  writer.close_dict();
  writer.write(folder / "w.pth");
  const TorchFile file = TorchFile::open(folder / "w.pth");
  const TensorFile model = scoresde::io::tensors_of(file, *file.root().find("model"));
  CHECK(model.at("a").bytes == TensorFile::Tensor::of<double>({3}, doubles).bytes);
  CHECK(model.at("b").shape == Shape{2, 1, 3});
  CHECK(model.at("b").as<float>() == floats);
  CHECK(model.at("scalar").shape.empty());
  const auto list = *file.root().find("list");
  CHECK(list[0].integer() == -1);
  CHECK(list[1].real() == 0.1);
  CHECK(list[2].truth());
  CHECK(list[3][0].integer() == std::int64_t{1} << 62);
  CHECK_THROWS_WITH(writer.tensor("F32", {2}, std::as_bytes(std::span(floats))),
                    Catch::Contains("24 bytes"));
  CHECK_THROWS_WITH(writer.tensor("U64", {3}, std::as_bytes(std::span(doubles))),
                    Catch::Contains("U64"));
  CHECK(folder.files() == 1);
}

TEST_CASE("foreign objects in a file are named and do not affect its weights") {
  const std::vector<std::string> skipped{
      "args: argparse.Namespace",
      "array: numpy",
      "best_fid: numpy._core.multiarray.scalar",
      "big: an integer of more than 8 bytes",
      "complex: a tensor of type C64",
      "config: ml_collections.config_dict.config_dict.ConfigDict",
      "device: torch.device",
      "double_complex: a tensor of type C128",
      "dtype: torch.float32",
      "fp8: a tensor of type F8_E4M3",
      "path: pathlib.PurePosixPath",
      "raw: bytes",
      "seen: set",
      "sparse: torch._utils._rebuild_sparse_tensor"};
  for (const char* name :
       {"foreign_2.pth", "foreign_3.pth", "foreign_4.pth", "foreign_5.pth", "foreign_legacy.pth"}) {
    INFO(name);
    const TorchFile file = TorchFile::open(folder_of_files / name);
    const TensorFile weights = scoresde::io::tensors_of(file, *file.root().find("weights"));
    CHECK(weights.at("w").as<float>() == std::vector<float>{0.5f, -1.25f});
    require_tensor(file, "u16", "U16", {2}, {65535, 1});
    CHECK(file.root().find("counts")->find("updates")->integer() == 70);
    std::vector<std::string> found;
    scoresde::io::for_each_skipped(file, [&](const std::string& path, std::string what) {
      // Protocol 2 writes bytes and sets as calls, protocol 3 sets; 5 has its own call for arrays.
      if (path == "array") what.resize(5);
      if (what == "_codecs.encode") what = "bytes";
      if (what == "__builtin__.set" || what == "builtins.set") what = "set";
      found.push_back(path + ": " + what);
    });
    std::sort(found.begin(), found.end());
    CHECK(found == skipped);
    CHECK_THROWS_WITH(scoresde::io::tensors_of(file, file.root()),
                      Catch::Contains("counts is a dictionary"));
    CHECK_THROWS_WITH(scoresde::io::tensors_of(file, *file.root().find("args")),
                      Catch::Contains("argparse.Namespace"));
    // A tensor of an unsupported type keeps its bytes; converting its elements names the type.
    const TensorFile::Tensor fp8 = file.tensor(*file.root().find("fp8"));
    CHECK(fp8.bytes == std::vector<std::byte>{std::byte{0x38}, std::byte{0x40}});
    CHECK_THROWS_WITH(fp8.as<float>(), Catch::Contains("F8_E4M3"));
    CHECK(file.tensor(*file.root().find("complex")).bytes.size() == 8);
    CHECK_THROWS_WITH(file.tensor(*file.root().find("sparse")),
                      Catch::Contains("_rebuild_sparse_tensor"));
  }
}

TEST_CASE("the bytes of a storage are checked once for all tensors that view it") {
  auto bytes = scoresde::io::read_file(folder_of_files / "tensors.pth");
  const TorchFile file{std::span<const std::byte>(bytes)};
  require_tensor(file, "columns", "F32", {3, 2}, {1, 2, 5, 6, 9, 10});
  const float last = 11, ten = 10, other = 12;
  float both[] = {ten, last};
  const auto grid = std::search(bytes.begin(), bytes.end(), std::as_bytes(std::span(both)).begin(),
                                std::as_bytes(std::span(both)).end());
  REQUIRE(grid != bytes.end());
  std::memcpy(&*grid + sizeof(float), &other, sizeof(float));
  require_tensor(file, "last", "F32", {}, {12});
  const TorchFile again{std::span<const std::byte>(bytes)};
  CHECK_THROWS_WITH(again.tensor(*again.root().find("last")), Catch::Contains("checksum"));
}

TEST_CASE("tensors of a compressed file may be larger in total than the file") {
  const TorchFile file = TorchFile::open(folder_of_files / "zeros.pth");
  const TensorFile tensors = scoresde::io::tensors_of(file, file.root());
  CHECK(tensors.at("zeros").as<float>() == std::vector<float>(1000));
  CHECK(std::filesystem::file_size(folder_of_files / "zeros.pth") < 4000);
}

TEST_CASE("a compressed pickle with an excessive expansion is rejected before it is inflated") {
  const auto bytes = scoresde::io::read_file(folder_of_files / "foreign_3.pth");
  std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t entry = file.rfind("foreign_3/data.pkl") - 46;  // of the directory
  REQUIRE(file.substr(entry, 4) == "PK\x01\x02");
  const std::uint32_t huge = 200 << 20;
  file.replace(entry + 24, 4, reinterpret_cast<const char*>(&huge), 4);
  CHECK_THROWS_WITH(TorchFile(std::as_bytes(std::span(file))),
                    Catch::Contains("209715200") && Catch::Contains("64 times"));
}

TEST_CASE("errors about files that are not of torch.save name the likely format") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(TorchFile::open(folder.write("x.pth", "\x80\x04\x95}.")),
                    Catch::Contains("x.pth") && Catch::Contains("like a pickle"));
  CHECK_THROWS_WITH(TorchFile::open(folder.write("x.pth", "<html>no such file</html>")),
                    Catch::Contains("an HTML page"));
  CHECK_THROWS_WITH(TorchFile::open(folder_of_files.parent_path() / "numpy" / "compressed.npz"),
                    Catch::Contains("0 entries data.pkl"));
}

TEST_CASE("for_each_tensor finds tensors at any depth") {
  const TorchFile file = TorchFile::open(folder_of_files / "tiny.pth");
  std::size_t count = 0;
  std::string some;
  scoresde::io::for_each_tensor(file, [&](const std::string& path, const auto& value) {
    ++count;
    static_cast<void>(file.tensor(value));
    if (path == "ema/shadow_params/0" || path == "optimizer/state/1/exp_avg_sq") some += path + ' ';
  });
  CHECK(some == "optimizer/state/1/exp_avg_sq ema/shadow_params/0 ");
  CHECK(count > 600);
  CHECK_THROWS_WITH(scoresde::io::tensors_of(file, file.root()), Catch::Contains("optimizer"));
}

TEST_CASE("tensors that share a storage must not exceed their file in total") {
  std::string bytes = legacy_file("K\x00K\x06\x85K\x01\x85"sv);
  const std::size_t end = bytes.find("tRs.") + 2;
  std::string more = "q\x01s";
  for (char c = 'a'; c < 's'; ++c) more += "U\x01"s + c + "h\x01s";
  bytes.replace(end, 1, more);
  const TorchFile file(std::as_bytes(std::span(bytes)));
  CHECK(file.root().size() == 19);
  CHECK_THROWS_WITH(scoresde::io::tensors_of(file, file.root()), Catch::Contains("share storage"));
}
