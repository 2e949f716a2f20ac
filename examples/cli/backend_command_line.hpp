// SPDX-License-Identifier: MIT
/// --backend and its options on the command line.
#pragma once

#include <CLI/CLI.hpp>

#include <scoresde/error.hpp>

#include "cli/backend_options.hpp"
#include "cli/program.hpp"

namespace programs {

namespace detail {

inline const char* const host_group = "Options of --backend cpu, rejected with cuda";
inline const char* const device_group = "Options of --backend cuda, rejected with cpu";

}  // namespace detail

inline void add_backend_options(CLI::App& app, BackendOptions& o) {
  app.add_option("--backend", o.backend, "cpu, or cuda: an NVIDIA GPU")
      ->capture_default_str()
      ->check(one_of({"cpu", "cuda"}));
  app.add_option("--threads", o.threads, "CPU threads; 0 for all")
      ->capture_default_str()
      ->check(natural_number(0, 1024))
      ->group(detail::host_group);
  app.add_option(
         "--memory-limit", o.memory_limit,
         "GiB of memory that the run may use; a run that needs more is rejected at its start "
         "(default: the memory available, within control groups and ulimit)")
      ->check(positive_number())
      ->group(detail::host_group);
  app.add_option("--precision", o.precision,
                 "Precision of the network: bf16; tf32, float32 with tensor-core products; fp32. "
                 "Checkpoints are always float32")
      ->capture_default_str()
      ->check(one_of({"bf16", "tf32", "fp32"}))
      ->group(detail::device_group);
  app.add_option("--device", o.device, "Index of the GPU")
      ->capture_default_str()
      ->check(natural_number(0, 1023))
      ->group(detail::device_group);
  app.add_option("--plan-cache", o.plan_cache,
                 "Folder where cuDNN's plans are cached between runs (default: none)")
      ->group(detail::device_group);
  app.add_option("--autotune", o.autotune,
                 "cuDNN plans to time for each convolution; 0 for cuDNN's first")
      ->capture_default_str()
      ->check(natural_number(0, 100))
      ->group(detail::device_group);
  app.add_flag("--no-graph", o.no_graph,
               "Launch kernels one by one instead of CUDA graphs; results are the same")
      ->group(detail::device_group);
}

/// Throws scoresde::UsageError for options on the command line that the backend does not accept.
inline void reject_options_of_other_backend(const CLI::App& app, const BackendOptions& o) {
  const char* const rejected = o.on_device() ? detail::host_group : detail::device_group;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == rejected && option->count() > 0)
      throw scoresde::UsageError(
          scoresde::text(option->get_name(), " cannot be combined with --backend ", o.backend,
                         "; it is for --backend ", o.on_device() ? "cpu" : "cuda"));
}

}  // namespace programs
