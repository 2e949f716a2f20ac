// SPDX-License-Identifier: MIT
/// scoresde_convert as a program: help, rejected options, PyTorch files in both directions.
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "programs/program_runner.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using scoresde::io::read_safetensors;
using scoresde::io::TensorFile;
using scoresde::io::TorchFile;
using scoresde::test::Outcome;
using scoresde::test::TemporaryFolder;
using scoresde::test::text_of;
using Words = std::vector<std::string>;

const std::filesystem::path files =
    std::filesystem::path(SCORESDE_SOURCE_DIR) / "tests" / "golden" / "checkpoints";

Outcome run(const Words& arguments) {
  const TemporaryFolder folder;
  const auto program = scoresde::test::program_path("SCORESDE_SCORESDE_CONVERT");
  return scoresde::test::RunningProgram(program, arguments, folder / "output").wait();
}

Outcome require_success(const Words& arguments) {
  const Outcome outcome = run(arguments);
  INFO("output: " << outcome.text);
  REQUIRE(outcome.status == 0);
  return outcome;
}

void require_rejected(const Words& arguments, const Words& words) {
  const Outcome outcome = run(arguments);
  INFO("output: " << outcome.text);
  REQUIRE(outcome.status != 0);
  REQUIRE(outcome.status < 126);
  for (const std::string& word : words) {
    INFO("word: " << word);
    REQUIRE(outcome.says(word));
  }
}

/// The settings of the tiny network, as a file for --config.
std::string tiny_settings(const TemporaryFolder& folder) {
  return folder
      .write("settings.json",
             R"({"network.image_size": 8, "network.nf": 4, "network.ch_mult": [1, 1],
      "network.num_res_blocks": 1, "network.attn_resolutions": [], "network.dropout": 0,
      "network.embedding_type": "fourier", "network.fir": true, "network.centered": false,
      "network.progressive": "output_skip", "network.progressive_input": "input_skip",
      "network.scale_by_sigma": true, "network.num_scales": 10, "network.sigma_max": 1,
      "network.sigma_min": 0.36787944117144233, "sde.name": "ve", "sde.sigma_min": 0.01,
      "sde.sigma_max": 50, "sde.t_min": 1e-5, "training.ema_decay": 0.999})")
      .string();
}

/// Every tensor of a torch file under its path.
TensorFile tensors_below(const std::filesystem::path& path) {
  const TorchFile file = TorchFile::open(path);
  TensorFile tensors;
  scoresde::io::for_each_tensor(file, [&](const std::string& name, const auto& value) {
    tensors.tensors[name] = file.tensor(value);
  });
  return tensors;
}

const Words ve_sde{"--set", "sde.name=ve",       "--set", "sde.sigma_min=0.01",
                   "--set", "sde.sigma_max=348", "--set", "sde.t_min=1e-5"};

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("scoresde_convert describes its options with --help") {
  const Outcome help = require_success({"--help"});
  for (const char* word : {"INPUT", "OUTPUT", "--preset", "--config", "--ema", "--model", "--list",
                           "--from", "--to", "score_sde", "diffusers", "Examples"})
    CHECK(help.says(word));
}

TEST_CASE("converting a .pth of PyTorch to a checkpoint of a run and back is bit-identical") {
  const TemporaryFolder folder;
  const std::string settings = tiny_settings(folder),
                    run_file = (folder / "run.safetensors").string();
  const std::string pth = (files / "tiny.pth").string(), back = (folder / "back.pth").string();
  const Outcome there = require_success({pth, run_file, "--config", settings});
  CHECK(there.says("whole state"));
  CHECK(there.says("70 updates"));
  CHECK(read_safetensors(run_file).metadata.at("format") == "scoresde run");
  require_success({run_file, back});
  const TensorFile before = tensors_below(pth), after = tensors_below(back);
  std::size_t compared = 0;
  for (const auto& [name, tensor] : before.tensors) {
    INFO(name);
    if (name.ends_with("/step") || name.ends_with("sigmas"))
      continue;  // a number; computed from its formula
    REQUIRE(after.at(name).shape == tensor.shape);
    REQUIRE(after.at(name).bytes == tensor.bytes);
    ++compared;
  }
  CHECK(compared == 553);
}

TEST_CASE("the options --model and --ema keep one set of weights") {
  const TemporaryFolder folder;
  const std::string settings = tiny_settings(folder);
  for (const char* input : {"tiny.pth", "tiny_legacy.pth"}) {
    for (const char* flag : {"--model", "--ema"}) {
      const auto out = folder / "weights.safetensors";
      require_success({(files / input).string(), out.string(), "--config", settings, flag});
      const auto weights = read_safetensors(out);
      CHECK(weights.metadata.at("format") == "scoresde weights");
      const auto bias = weights.at("model.all_modules.19.bias").as<double>();
      const auto model =
          tensors_below(files / input).at("model/module.all_modules.19.bias").as<double>();
      CHECK(bias[1] == (std::string(flag) == "--ema" ? model[1] / 2 : model[1]));
    }
  }
}

TEST_CASE("weights among foreign objects are converted, and skipped objects are printed") {
  const TemporaryFolder folder;
  const std::string settings = tiny_settings(folder), out = (folder / "w.safetensors").string();
  const std::string pth = (files / "tiny_foreign.pth").string();
  for (const Words& flag : {Words{"--model"}, Words{}}) {
    Words words{pth, out, "--config", settings};
    words.insert(words.end(), flag.begin(), flag.end());
    const Outcome outcome = require_success(words);
    CHECK(outcome.says("not read: best_fid: numpy"));
    CHECK(outcome.says("not read: args: argparse.Namespace"));
    CHECK(outcome.says("not read: 5 more"));
    CHECK(outcome.says("70 updates"));
    CHECK(outcome.says(flag.empty() ? "no average" : "the model's weights"));
    const auto bias = read_safetensors(out).at("model.all_modules.19.bias").as<double>();
    const auto wanted =
        tensors_below(files / "tiny.pth").at("model/module.all_modules.19.bias").as<double>();
    CHECK(bias == wanted);
  }
  require_rejected({pth, out, "--config", settings, "--ema"}, {"'ema'"});
  CHECK(require_success({"--list", pth}).says("not read: config: ml_collections"));
}

TEST_CASE("a pickle that would execute something becomes a leaf, and nothing is executed") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out.safetensors").string();
  const std::string command = "touch " + (folder / "executed").string();
  const std::string evil = "\x80\x02}X\x05" + std::string(3, '\0') + "modelcposix\nsystem\nX" +
                           static_cast<char>(command.size()) + std::string(3, '\0') + command +
                           "\x85Rs.";
  std::string legacy("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
  legacy += "\x80\x02M\xe9\x03.\x80\x02}X\x0d" + std::string(3, '\0') + "little_endian\x88s." +
            evil + "\x80\x02].";
  require_rejected({folder.write("evil.pth", legacy).string(), out, "--config",
                    tiny_settings(folder), "--model"},
                   {"'model' is a foreign object (posix.system)"});
  CHECK_FALSE(std::filesystem::exists(folder / "executed"));
}

TEST_CASE("converting a diffusers folder to weights and back is bit-identical") {
  const TemporaryFolder folder;
  const std::string weights = (folder / "w.safetensors").string(), out = (folder / "out").string();
  require_success(Words{(files / "diffusers").string(), weights} + ve_sde);
  require_success({weights, out});
  const auto wanted = read_safetensors(files / "diffusers" / "present_names.safetensors");
  const auto found = read_safetensors(folder / "out/diffusion_pytorch_model.safetensors");
  REQUIRE(found.tensors.size() == wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) CHECK(found.at(name).bytes == tensor.bytes);
  require_success(Words{(files / "diffusers/present_names.safetensors").string(),
                        (folder / "same.safetensors").string()} +
                  ve_sde);
  CHECK(text_of(weights) == text_of(folder / "same.safetensors"));
}

TEST_CASE("a scheduler next to a diffusers network defines its noise levels, also with shards") {
  const TemporaryFolder folder;
  std::filesystem::copy(files / "diffusers", folder / "unet");
  std::filesystem::create_directory(folder / "scheduler");
  folder.write("scheduler/scheduler_config.json",
               R"({"_class_name": "ScoreSdeVeScheduler", "sigma_min": 0.01, "sigma_max": 348,
                   "sampling_eps": 1e-05, "snr": 0.075, "correct_steps": 1})");
  folder.write("model_index.json", R"({"unet": ["diffusers", "UNet2DModel"],
                                       "vqvae": ["diffusers", "VQModel"]})");
  const std::string by_hand = (folder / "hand.safetensors").string();
  require_success(Words{(files / "diffusers").string(), by_hand} + ve_sde);
  const auto wanted = read_safetensors(by_hand);

  // In two shards under a variant's name, as save_pretrained(variant="fp16", max_shard_size=…).
  const auto unet = folder / "unet";
  const auto whole = read_safetensors(unet / "present_names.safetensors");
  std::array<TensorFile, 2> shards;
  std::string map;
  std::size_t i = 0;
  for (const auto& [name, tensor] : whole.tensors) {
    shards[i % 2].tensors[name] = tensor;
    map += (map.empty() ? "" : ", ") + ('"' + name) + "\": \"shard" + std::to_string(i++ % 2) + '"';
  }
  for (const char* name : {"diffusion_pytorch_model.bin", "present_names.safetensors"})
    std::filesystem::remove(unet / name);
  const std::string index = "unet/diffusion_pytorch_model.safetensors.index.fp16.json";
  folder.write(index, "{\"weight_map\": {" + map + "}}");
  const std::string out = (folder / "out.safetensors").string();
  require_rejected({folder.path().string(), out}, {"these are missing: shard0, shard1"});
  for (const std::size_t k : {0, 1})
    write_safetensors(unet / ("shard" + std::to_string(k)), shards[k]);
  for (const auto& input : {folder.path(), unet, folder / index}) {
    const Outcome outcome = require_success({input.string(), out});
    CHECK(outcome.says("ScoreSdeVeScheduler"));
    CHECK(outcome.says("not converted, to be chosen for sampling: correct_steps = 1, snr = 0.075"));
    CHECK(outcome.says("vqvae is not converted") == (input == folder.path()));
    const auto found = read_safetensors(out);
    for (const auto& [name, tensor] : wanted.tensors) CHECK(found.at(name).bytes == tensor.bytes);
    CHECK(found.metadata.at("sde.name") == "ve");
    for (const char* key : {"sde.sigma_min", "sde.sigma_max", "sde.t_min"})
      CHECK(std::stod(found.metadata.at(key)) == std::stod(wanted.metadata.at(key)));
  }
  CHECK(require_success({"--list", folder.path().string()}).says("conv_in.weight  F32"));
  const Outcome given = require_success(Words{folder.path().string(), out} + ve_sde);
  CHECK(given.says("is not used: sde.name is given"));
  require_success({out, (folder / "back").string()});
  CHECK(text_of(folder / "back/scheduler_config.json").find("ScoreSdeVeScheduler") !=
        std::string::npos);
  folder.write("scheduler/scheduler_config.json", R"({"_class_name": "DDPMScheduler"})");
  require_rejected({folder.path().string(), out}, {"embedding is 'fourier'", "discrete"});
  folder.write("scheduler/scheduler_config.json",
               R"({"_class_name": "DDPMScheduler", "prediction_type": "flow"})");
  require_rejected({folder.path().string(), out}, {"scheduler_config.json", "prediction_type"});
}

TEST_CASE("unknown settings are rejected by name before any file is read") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out.safetensors").string(),
                    pth = (files / "tiny.pth").string(), settings = tiny_settings(folder);
  const auto rejected = [&](const std::string& setting, const Words& words) {
    require_rejected({pth, out, "--config", settings, "--set", setting}, words);
  };
  rejected("sde.sigma_mx=348", {"sde.sigma_mx", "did you mean 'sde.sigma_max'?"});
  rejected("foo=1", {"setting foo = '1' is not known\n"});
  rejected("training.ema_deccay=0.9", {"did you mean 'training.ema_decay'?"});
  rejected("network.nff=3", {"nff"});
  rejected("network.nf=many", {"nf is 'many'"});
  rejected("sde.sigma_max=banana", {"sde.sigma_max is 'banana'", "a number"});
  rejected("training.reduce_mean=maybe", {"training.reduce_mean is 'maybe'", "true or false"});
  rejected("sde.training_steps=1000", {"sde.training_steps", "training.loss = discrete"});
  rejected("sde.beta_max=10", {"sde.beta_max", "SDE 've'"});
  rejected("training.prediction=velocity", {"training.prediction is 'velocity'"});
  require_rejected({pth, out, "--config", folder.write("c.json", R"({"sde.beta": 1})").string()},
                   {"sde.beta", "is not known"});
  require_rejected(Words{(files / "diffusers").string(), out, "--set", "network.nf=8"} + ve_sde,
                   {"network.nf", "config.json"});
  CHECK_FALSE(std::filesystem::exists(out));
  // Changing the SDE drops the settings of the first.
  require_success({pth, out, "--config", settings, "--set", "sde.name=karras", "--set",
                   "sde.sigma_min=0.01", "--set", "sde.sigma_max=50"});
  CHECK_FALSE(read_safetensors(out).metadata.contains("sde.t_min"));
}

TEST_CASE("settings that INPUT does not allow end with status 2 and their name") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out.safetensors").string(),
                    weights = (folder / "w.safetensors").string(),
                    diffusers = (files / "diffusers").string();
  require_success(Words{diffusers, weights} + ve_sde);
  const auto usage = [&](const Words& arguments, const Words& words) {
    const Outcome outcome = run(arguments);
    INFO("output: " << outcome.text);
    CHECK(outcome.status == 2);
    for (const std::string& word : words) CHECK(outcome.says(word));
    CHECK_FALSE(std::filesystem::exists(out));
  };
  const auto set = [&](const std::string& setting, const Words& words) {
    usage({weights, out, "--set", setting}, words);
  };
  set("sde.name=vpp", {"sde.name is 'vpp'", "subvp"});
  set("training.prediction=velocty", {"training.prediction is 'velocty'", "velocity"});
  set("sde.sigma_max=-1", {"sigma_max", "-1"});
  set("sde.betas=cosin", {"sde.betas is 'cosin'; SDE 've' has no such setting\n"});
  set("sde.training_steps=10", {"sde.training_steps", "training.loss = discrete"});
  set("network.nf=64", {"network.nf = '64'", "INPUT '4'"});
  set("network.dropout=2", {"dropout is 2", "[0, 1)"});
  set("training.decay_first=-1", {"training.decay_first is '-1'; it must be a natural number"});
  set("training.schedule=cosin", {"training.schedule is 'cosin'", "cosine"});
  set("training.schedule=cosine", {"there is no training.schedule_updates"});
  set("training.seed=1.5", {"training.seed is '1.5'; it must be a natural number"});
  set("training.beta1=1", {"Adam: beta1 is 1", "[0, 1)"});
  set("training.radam_threshold=3", {"RAdam: threshold is 3"});
  set("training.ema_decay=-0.1", {"EMA: decay is -0.1"});
  set("training.momentum=1", {"SGD: momentum is 1"});
  set("training.label_dropout=2", {"label_dropout is 2"});
  usage({(files / "tiny.pth").string(), out, "--config", tiny_settings(folder), "--set",
         "network.dropout=2"},
        {"dropout is 2"});
  for (const char* betas : {"cosin", "linear"})
    usage({(files / "tiny.pth").string(), out, "--config", tiny_settings(folder), "--set",
           "sde.name=ddpm", "--set", "training.loss=discrete", "--set",
           std::string("sde.betas=") + betas},
          {betas == std::string("cosin") ? "sde.betas is 'cosin'" : "sde.training_steps"});
  usage({weights, (folder / "x.ckpt").string()}, {"x.ckpt", "--to"});
  usage({diffusers, out, "--set", "network.nf=8"}, {"network.nf", "config.json"});
  usage({diffusers, out}, {"--set sde.name=ve"});
  usage({(files / "tiny.pth").string(), out}, {"--preset"});
  usage({"", out}, {"INPUT: '': it must be a path"});
  require_success({weights, out, "--set", "network.nf=4", "--set", "network.dropout=0.5"});
  CHECK(read_safetensors(out).metadata.at("network.dropout") == "0.5");
}

TEST_CASE("the input and checkpoints of runs are replaced only with --overwrite") {
  const TemporaryFolder folder;
  const std::string pth = (files / "tiny.pth").string(), settings = tiny_settings(folder),
                    run_file = (folder / "run.safetensors").string(),
                    weights = (folder / "ema.safetensors").string(),
                    link = (folder / "link.safetensors").string();
  require_success({pth, run_file, "--config", settings});
  require_success({run_file, weights, "--ema"});
  std::filesystem::create_symlink(run_file, link);
  const std::string before = text_of(run_file), ema = text_of(weights);
  for (const std::string& target : {run_file, link}) {
    require_rejected({run_file, target, "--ema"}, {target, "INPUT", "--overwrite"});
    require_rejected({weights, target}, {target, "training run", "--overwrite"});
    require_rejected({pth, target, "--config", settings}, {target, "training run"});
    CHECK(text_of(run_file) == before);
  }
  std::filesystem::create_hard_link(weights, folder / "hard.safetensors");
  require_rejected({weights, (folder / "hard.safetensors").string()}, {"INPUT", "--overwrite"});
  const std::string copy = (folder / "copy.pth").string();
  std::filesystem::copy(pth, copy);
  require_rejected({weights, copy}, {"training run"});
  CHECK(text_of(copy) == text_of(pth));
  require_success({weights, (folder / "unet").string()});
  for (const char* input : {"unet", "unet/diffusion_pytorch_model.safetensors"})
    require_rejected({(folder / input).string(), (folder / "unet").string()}, {"INPUT"});
  CHECK(text_of(weights) == ema);
  const auto image = folder.write("snapshot_0000010.png", "image");
  require_rejected({weights, image.string(), "--to", "scoresde"},
                   {"snapshot_0000010.png", "weights alone", "--overwrite"});
  CHECK(text_of(image) == "image");
  std::filesystem::create_directory(folder / "pipeline");
  std::filesystem::rename(folder / "unet", folder / "pipeline/unet");
  folder.write("pipeline/model_index.json", R"({"unet": ["diffusers", "UNet2DModel"]})");
  const std::string pipeline = (folder / "pipeline").string();
  require_rejected({pipeline, pipeline, "--to", "diffusers"}, {pipeline, "INPUT", "--overwrite"});
  require_rejected({weights, pipeline}, {pipeline, "model_index.json", "--overwrite"});
  CHECK_FALSE(std::filesystem::exists(folder / "pipeline/config.json"));
  const Outcome alone = require_success({weights, (folder / "alone.pth").string()});
  CHECK(alone.says("the averaged weights"));
  CHECK_FALSE(alone.says("whole state"));
  // Weights may be replaced; a checkpoint only with the flag.
  require_success({run_file, weights, "--model"});
  CHECK(text_of(weights) != ema);
  require_success({run_file, run_file, "--ema", "--overwrite"});
  CHECK(text_of(run_file) == ema);
}

TEST_CASE("a run with tracks of averages becomes a .pth without them, as the output states") {
  using namespace scoresde;
  const TemporaryFolder folder;
  const std::string run_file = (folder / "run.safetensors").string();
  require_success({(files / "tiny.pth").string(), run_file, "--config", tiny_settings(folder)});
  Metadata configuration = read_configuration(run_file);
  const auto graph = nn::unet(network_of(configuration));
  auto state = load_checkpoint<float>(run_file, graph.parameters(), configuration);
  state.tracks = {state.average};
  configuration["training.ema_track_gammas"] = "6.94";
  save_checkpoint(run_file, graph.parameters(), state, configuration);
  const Outcome outcome = require_success({run_file, (folder / "out.pth").string()});
  CHECK(outcome.says("without its 1 further averages"));
}

TEST_CASE("an output that cannot be written is rejected before the input is read") {
  const TemporaryFolder folder;
  const std::string broken = folder.write("broken.safetensors", "not weights").string();
  const std::string out = (folder / "out").string();
  const auto rejected = [&](const char* to, const Words& words) {
    require_rejected({broken, out, "--from", "scoresde", "--to", to, "--overwrite"}, words);
  };
  std::filesystem::create_directory(out);
  rejected("scoresde", {out, "is a directory"});
  rejected("score_sde", {out, "is a directory"});
  std::filesystem::create_directory(folder / "out/config.json");
  rejected("diffusers", {out + "/config.json", "is a directory"});
  std::filesystem::remove_all(out);
  folder.write("out", "a file");
  rejected("diffusers", {out, "is a file"});
  CHECK(text_of(out) == "a file");
}

TEST_CASE("a suffix of no known format is rejected") {
  const TemporaryFolder folder;
  const std::string weights = (folder / "w.safetensors").string();
  require_success(Words{(files / "diffusers").string(), weights} + ve_sde);
  require_rejected({weights, (folder / "w.ckpt").string()}, {".ckpt", "--to", ".safetensors"});
  CHECK_FALSE(std::filesystem::exists(folder / "w.ckpt"));
  require_success({weights, (folder / "v1.0").string(), "--to", "diffusers"});
  const std::string before = text_of(folder / "v1.0/config.json");
  require_rejected({weights, (folder / "v1.0").string()}, {"OUTPUT", "config.json", "--overwrite"});
  CHECK(text_of(folder / "v1.0/config.json") == before);
  require_success({weights, (folder / "v1.0").string(), "--overwrite"});
}

TEST_CASE("the option --list prints every tensor of any file") {
  const Outcome torch = require_success({"--list", (files / "tiny.pth").string()});
  CHECK(torch.says("model/module.all_modules.3.weight  F32  (4, 3, 3, 3)"));
  CHECK(torch.says("ema/shadow_params/0  F32"));
  const Outcome folder = require_success({"--list", (files / "diffusers").string()});
  CHECK(folder.says("conv_in.weight  F32  (4, 3, 3, 3)"));
}

TEST_CASE("scoresde_convert rejects invalid options and leaves no files", "[slow]") {
  const TemporaryFolder folder;
  const std::string out = (folder / "out.safetensors").string(),
                    pth = (files / "tiny.pth").string();
  require_rejected({}, {"INPUT"});
  require_rejected({pth}, {"OUTPUT"});
  require_rejected({pth, out}, {"--preset"});
  require_rejected({pth, out, "--preset", "huge"}, {"huge", "cifar10_small"});
  require_rejected({pth, out, "--preset", "cifar10_small"},
                   {"model: all_modules.1.weight has shape (16, 8)", " more"});
  const Outcome wrong = run({pth, out, "--preset", "ve/cifar10_ncsnpp_continuous"});
  CHECK(std::count(wrong.text.begin(), wrong.text.end(), '\n') < 30);
  require_rejected({pth, out, "--model", "--ema"}, {"--model", "--ema"});
  require_rejected({pth, out, "--to", "onnx"}, {"onnx", "diffusers"});
  require_rejected({pth, out, "--set", "nonsense"}, {"nonsense", "key=value"});
  const auto usage = [&](const Words& options, const std::string& word) {
    const Outcome outcome = run(Words{pth, out} + options);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says(word));
  };
  usage({"--preset", "cifar10_smal"}, "did you mean 'cifar10_small'?");
  usage({"--set", "sde.beta_mx=10"}, "did you mean 'sde.beta_max'?");
  usage({"--set", "nonsense"}, "key=value");
  require_rejected({pth, out, "--preset", "cifar10_small", "--set", "network.nf=400000"},
                   {"memory: the run needs about", "GiB", "--set network.nf"});
  require_rejected({pth, out, "--preset", "cifar10_small", "--set", "network.nf=40000000000"},
                   {"nf is 40000000000", "at most 1048576"});
  require_rejected({pth, out, "--config", folder.write("c.json", "[1]").string()}, {"object"});
  require_rejected({pth, out, "--config", folder.write("d.json", "{").string()},
                   {"d.json", "JSON"});
  require_rejected({(folder / "none").string(), out}, {"none"});
  require_rejected({folder.write("text", "no checkpoint at all").string(), out}, {"text"});
  require_rejected({folder.path().string(), out}, {"diffusion_pytorch_model"});
  require_rejected({folder.write("x.png", "\x89PNG\r\n\x1a\n0123456789").string(), out},
                   {"x.png is not a safetensors file (it begins like a PNG image)"});
  require_rejected({folder.write("x.pkl", "\x80\x04\x95}.").string(), out}, {"like a pickle"});
  CHECK_FALSE(std::filesystem::exists(out));
  const std::string settings = tiny_settings(folder);
  require_rejected({pth, (folder / "no/out.safetensors").string(), "--config", settings},
                   {"cannot be created"});
  require_rejected({(files / "diffusers").string(), out},
                   {"neither a scheduler_config.json", "--set sde.name=ve"});
  require_rejected({(files / "tensors.pth").string(), out},
                   {"'model'", "no config.json", "--list"});
}
