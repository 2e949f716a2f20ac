// SPDX-License-Identifier: MIT
/// The command line of cifar10_sample.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "program.hpp"
#include "sampler_choice.hpp"

namespace cifar10 {

/// Empty names and a zero eps stand for "as the checkpoint says".
struct SampleOptions {
  std::filesystem::path checkpoint, out;
  SamplerChoice sampler;
  std::uint64_t seed = 42;
  std::uint32_t first_sample = 0;
  bool clip_denoised = false;
  std::size_t samples = 64, batch = 16, threads = 0, columns = 8;
};

namespace detail {

inline void add_sampler_options(CLI::App& app, SamplerChoice& s) {
  app.add_option("--solver", s.solver,
                 "pc: predictor-corrector on the reverse-time SDE; euler, heun, rk4, dopri5: the "
                 "probability flow by a Runge-Kutta method, dopri5 with adaptive steps")
      ->capture_default_str()
      ->check(CLI::IsMember({"pc", "euler", "heun", "rk4", "dopri5"}));
  app.add_option("--predictor", s.predictor, "Of --solver pc (default: the checkpoint's)")
      ->check(CLI::IsMember({"euler_maruyama", "reverse_diffusion", "ancestral", "none"}));
  app.add_option("--corrector", s.corrector, "Of --solver pc (default: the checkpoint's)")
      ->check(CLI::IsMember({"langevin", "annealed_langevin", "none"}));
  app.add_option("--steps", s.steps, "Time steps, for every solver but dopri5")
      ->capture_default_str()
      ->check(natural_number(1, 1000000));
  app.add_option("--corrector-steps", s.corrector_steps, "Corrector steps in a time step")
      ->capture_default_str()
      ->check(natural_number(1, 1000000));
  app.add_option("--snr", s.snr, "Signal-to-noise ratio of a corrector step")
      ->capture_default_str()
      ->check(positive_number());
  app.add_option("--eps", s.eps,
                 "Time at which sampling stops, above 0 (default: the checkpoint's)")
      ->check(positive_number());
  app.add_option("--control", s.control,
                 "Steps of dopri5: per_sample, each picture its own; scipy, one for the batch")
      ->capture_default_str()
      ->check(CLI::IsMember({"per_sample", "scipy"}));
  app.add_option("--rtol", s.rtol, "Relative tolerance of dopri5")
      ->capture_default_str()
      ->check(positive_number());
  app.add_option("--atol", s.atol, "Absolute tolerance of dopri5")
      ->capture_default_str()
      ->check(positive_number());
}

}  // namespace detail

inline void add_sample_options(CLI::App& app, SampleOptions& o) {
  app.add_option("--checkpoint", o.checkpoint,
                 "Checkpoint of a run, or exported EMA weights (default: the bundled ones)");
  app.add_option("--out", o.out, "Folder for samples.png, samples.npy, samples.safetensors")
      ->required();
  detail::add_sampler_options(app, o.sampler);
  app.add_flag("--clip-denoised", o.clip_denoised,
               "Clip the network's estimate of the picture to the pixels' range in every step, as "
               "Ho et al. 2020 do; helps networks of little training");
  app.add_option("--samples", o.samples, "Pictures to draw")
      ->capture_default_str()
      ->check(natural_number(1, 10000000));
  app.add_option("--first-sample", o.first_sample,
                 "Number of the first picture: picture n of a seed is the same in every run")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--batch", o.batch, "Pictures drawn at a time; more need more memory")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
  app.add_option("--columns", o.columns, "Columns of the grid in samples.png")
      ->capture_default_str()
      ->check(natural_number(1, 1000));
  app.add_option("--seed", o.seed, "Names every random number of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  app.add_option("--threads", o.threads, "CPU threads; 0 takes all")
      ->capture_default_str()
      ->check(natural_number(0, 1024));
}

}  // namespace cifar10
