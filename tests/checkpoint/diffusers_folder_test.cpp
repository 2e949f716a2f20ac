// SPDX-License-Identifier: MIT
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/checkpoint/diffusers_folder.hpp>
#include <scoresde/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Contains;
using test::TemporaryFolder;

namespace {

const std::string stem = "diffusion_pytorch_model";

/// Creates the named folders and files.
void fill(const TemporaryFolder& folder, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::filesystem::create_directories((folder / file).parent_path());
    folder.write(file, "{}");
  }
}

void write_shard(const TemporaryFolder& folder, const std::string& name, const std::string& tensor,
                 float value) {
  io::TensorFile file;
  file.set(tensor, {1}, std::span<const float>(&value, 1));
  io::write_safetensors(folder / name, file);
}

}  // namespace

TEST_CASE("a network's weights are found as a file, then in shards, then as the only variant") {
  for (const auto& [files, found] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{".safetensors", ".bin"}, ".safetensors"},
           {{".bin"}, ".bin"},
           {{".safetensors.index.json", "-00001-of-00002.safetensors", ".bin"},
            ".safetensors.index.json"},
           {{".bin.index.json", "-00001-of-00002.bin"}, ".bin.index.json"},
           {{".fp16.safetensors"}, ".fp16.safetensors"},
           {{".safetensors", ".fp16.safetensors"}, ".safetensors"},
           {{".safetensors.index.fp16.json", ".fp16-00001-of-00002.safetensors"},
            ".safetensors.index.fp16.json"}}) {
    const TemporaryFolder folder;
    for (const std::string& file : files) folder.write(stem + file, "");
    INFO(found);
    CHECK(find_diffusers_files(folder.path()).weights.filename() == stem + found);
  }
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(find_diffusers_files(folder.path()), Contains("no diffusion_pytorch_model"));
  fill(folder, {stem + ".fp16.safetensors", stem + ".non_ema.bin"});
  CHECK_THROWS_WITH(find_diffusers_files(folder.path()),
                    Contains(stem + ".fp16.safetensors, " + stem + ".non_ema.bin") &&
                        Contains("name one of these"));
}

TEST_CASE("a pipeline's folder without model_index.json is rejected with the network's folder") {
  const TemporaryFolder folder;
  fill(folder,
       {"unet/config.json", "unet/" + stem + ".safetensors", "scheduler/scheduler_config.json"});
  CHECK_THROWS_WITH(
      find_diffusers_files(folder.path()),
      Contains("no index of shards; its network may be in " + (folder / "unet").string()));
  CHECK(find_diffusers_files(folder / "unet").weights.filename() == stem + ".safetensors");
}

TEST_CASE("a pipeline's network and scheduler are found from its root and from its network") {
  const TemporaryFolder folder;
  fill(folder,
       {"unet/config.json", "unet/" + stem + ".safetensors", "scheduler/scheduler_config.json"});
  folder.write("model_index.json", R"({"_class_name": "DDPMPipeline", "_name": "x",
      "unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "VQModel"],
      "safety_checker": [null, null], "scheduler": ["diffusers", "DDPMScheduler"]})");
  for (const auto& path : {folder.path(), folder / "unet", folder / "model_index.json",
                           folder / "unet/", folder / ("unet/" + stem + ".safetensors")}) {
    INFO(path);
    const DiffusersFolder found = find_diffusers_files(path);
    const auto same = [&](const std::filesystem::path& file, const std::string& name) {
      CHECK(std::filesystem::equivalent(file, folder / name));
    };
    same(found.weights, "unet/" + stem + ".safetensors");
    same(found.configuration, "unet/config.json");
    same(found.scheduler, "scheduler/scheduler_config.json");
  }
  CHECK(find_diffusers_files(folder.path()).components == std::vector<std::string>{"vqvae"});
  fill(folder, {"unet/scheduler_config.json"});
  CHECK(find_diffusers_files(folder / "unet").scheduler.parent_path().filename() == "unet");
  folder.write("model_index.json", R"({"transformer": ["diffusers", "DiT"]})");
  CHECK_THROWS_WITH(find_diffusers_files(folder.path()), Contains("names transformer"));
  CHECK_THROWS_WITH(find_diffusers_files(folder / "unet/config.json"), Contains("name its folder"));
}

TEST_CASE("shards are read as one file, and missing ones are named") {
  const TemporaryFolder folder;
  const auto index = folder.write(stem + ".safetensors.index.json",
                                  R"({"metadata": {"total_size": 8},
      "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  CHECK_THROWS_WITH(read_diffusers_tensors(index),
                    Contains("these are missing: one.safetensors, two.safetensors"));
  write_shard(folder, "one.safetensors", "a", 1);
  CHECK_THROWS_WITH(read_diffusers_tensors(index), Contains("these are missing: two.safetensors"));
  write_shard(folder, "two.safetensors", "b", 2);
  const io::TensorFile file = read_diffusers_tensors(index);
  CHECK(file.tensors.size() == 2);
  CHECK(file.at("b").as<float>() == std::vector<float>{2});
  write_shard(folder, "two.safetensors", "c", 2);
  CHECK_THROWS_WITH(read_diffusers_tensors(index), Contains("tensor b") && Contains("two.safe"));
  write_shard(folder, "two.safetensors", "a", 2);
  CHECK_THROWS_WITH(read_diffusers_tensors(index), Contains("tensor a is in"));
}

TEST_CASE("an invalid index and one with paths outside its folder are rejected") {
  const TemporaryFolder folder;
  const std::string name = stem + ".bin.index.json";
  for (const auto& [text, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"weight_map": {"a": "../one.bin"}})", "of the same folder"},
           {R"({"weight_map": {"a": "/etc/passwd"}})", "of the same folder"},
           {R"({"weight_map": {"a": ".."}})", "of the same folder"},
           {R"({"weight_map": {"a": 1}})", "the shard of a is 1"},
           {R"({"weight_map": []})", "no weight_map"},
           {R"({})", "no weight_map"},
           {R"([])", "must be an object"}}) {
    INFO(text);
    CHECK_THROWS_WITH(read_diffusers_tensors(folder.write(name, text)), Contains(words));
  }
}
