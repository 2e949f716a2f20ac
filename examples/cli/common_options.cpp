// SPDX-License-Identifier: MIT
#include "cli/common_options.hpp"

#include <scoresde/error.hpp>
#include <scoresde/registry/usage_error.hpp>

namespace programs {

void add_checkpoint(CommandLine& line, std::filesystem::path& checkpoint) {
  line.add_option("--checkpoint", checkpoint,
                  "Checkpoint of a run, or exported EMA weights (default: the bundled ones)")
      .check(path());
}

CommandOption add_data(CommandLine& line, std::filesystem::path& data, const std::string& more) {
  return line
      .add_option("--data", data,
                  "CIFAR-10's binary folder (cifar-10-batches-bin), a folder of images of one size "
                  "(PNG, JPEG, WebP; subfolders are classes), or an image pack, as "
                  "scoresde_dataset writes" +
                      more)
      .check(path());
}

void add_test_data(CommandLine& line, std::filesystem::path& test_data) {
  line.add_option("--test-data", test_data,
                  "Images for the held-out loss, as --data (default: the test set of CIFAR-10's "
                  "--data)")
      .check(path())
      .group(host_group);
}

void add_out(CommandLine& line, std::filesystem::path& out, const std::string& text) {
  line.add_option("--out", out, text).required().check(path());
}

void add_first_image(CommandLine& line, std::size_t& first) {
  line.add_option("--first-image", first, "Number of the first image")
      .shows_default()
      .check(natural_number(0, 4000000000));
}

void add_batch(CommandLine& line, std::size_t& batch, const std::string& text) {
  line.add_option("--batch", batch, text).shows_default().check(natural_number(1, 65536));
}

void add_seed(CommandLine& line, std::uint64_t& seed, const std::string& text) {
  line.add_option("--seed", seed, text).shows_default().check(natural_number(0));
}

void add_backend_options(CommandLine& line, BackendOptions& o) {
  line.add_option("--backend", o.backend, "cpu, or cuda: an NVIDIA GPU")
      .shows_default()
      .check(one_of({"cpu", "cuda"}));
  line.add_option("--threads", o.threads, "CPU threads; 0 for all")
      .shows_default()
      .check(natural_number(0, 1024))
      .group(host_group);
  line.add_option(
          "--memory-limit", o.memory_limit,
          "GiB of memory that the run may use; a run that needs more is rejected at its start "
          "(default: the memory available, within control groups and ulimit)")
      .check(positive_number())
      .group(host_group);
  line.add_option("--precision", o.precision,
                  "Precision of the network: bf16; tf32, float32 with tensor-core products; fp32. "
                  "Checkpoints are always float32")
      .shows_default()
      .check(one_of({"bf16", "tf32", "fp32"}))
      .group(device_group);
  line.add_option("--device", o.device, "Index of the GPU")
      .shows_default()
      .check(natural_number(0, 1023))
      .group(device_group);
  line.add_option("--plan-cache", o.plan_cache,
                  "Folder where cuDNN's plans are cached between runs (default: none)")
      .group(device_group);
  line.add_option("--autotune", o.autotune,
                  "cuDNN plans to time for each convolution; 0 for cuDNN's first")
      .shows_default()
      .check(natural_number(0, 100))
      .group(device_group);
  line.add_flag("--no-graph", o.no_graph,
                "Launch kernels one by one instead of CUDA graphs; results are the same")
      .group(device_group);
}

void reject_options_of_other_backend(const CommandLine& line, const BackendOptions& o) {
  const auto rejected = line.given_of(o.on_device() ? host_group : device_group);
  scoresde::require_usage(rejected.empty(), rejected.empty() ? "" : rejected.front(),
                          " cannot be combined with --backend ", o.backend,
                          "; it is for --backend ", o.on_device() ? "cpu" : "cuda");
}

void require_host_of_ranks(const BackendOptions& o, const Ranks& ranks) {
  scoresde::require_usage(!ranks.several() || !o.on_device(),
                          "--backend cuda runs on one rank, and mpirun started ", ranks.size(),
                          "; a run on a GPU must be started without mpirun");
}

}  // namespace programs
