// SPDX-License-Identifier: MIT
/// A user's program: the core, and the requested components.
#include <cstdio>

#include <scoresde/scoresde.hpp>
#if defined(CONSUMER_EIGEN)
#include <scoresde/eigen/eigen.hpp>
#endif
#if defined(CONSUMER_XTENSOR)
#include <scoresde/xtensor/xtensor.hpp>
#endif
#if defined(CONSUMER_MPI)
#include <scoresde/mpi/mpi.hpp>
#endif
#if defined(CONSUMER_IO)
#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/io.hpp>
#endif
#if defined(CONSUMER_CUDA)
#include <scoresde/cuda/cuda.hpp>

/// On a machine without a device the library reports so, and the program continues.
bool has_device() {
  try {
    const scoresde::cuda::Context gpu;
    scoresde::cuda::DeviceState<float> x(gpu, {.samples = 4, .dim = 2});
    scoresde::draw_prior(x, 1.0, scoresde::Noise{.seed = 1}.draw(0));
    return scoresde::cuda::to_host(x).size() == 8;
  } catch (const scoresde::Error& error) {
    std::printf("%s\n", error.what());
    return false;
  }
}
#endif

int main() {
  const scoresde::VpSde sde;
  scoresde::Gaussian score(sde, {1.0, -1.0}, {0.25, 0.25});
  scoresde::PredictorCorrector sampler(sde, scoresde::Ancestral{}, scoresde::NoCorrector{},
                                       scoresde::uniform_grid(sde, 100));
  scoresde::HostState<double> x({.samples = 4, .dim = 2});
  sampler.sample(score, x, scoresde::Noise{.seed = 1});
  for (const std::size_t k : {0, 1, 2, 3}) std::printf("%+.3f %+.3f\n", x(k, 0), x(k, 1));
#if defined(CONSUMER_MPI)
  int finalized = 1;  // a call that links; MPI is not initialized
  scoresde::mpi::check(MPI_Finalized(&finalized), "MPI_Finalized");
  if (finalized != 0 || scoresde::mpi::Communicator().size() != 1) return 3;
#endif
#if defined(CONSUMER_CUDA)
  if (has_device() != (scoresde::cuda::device_count() > 0)) return 2;
#endif
  return SCORESDE_VERSION_MAJOR * 100 + SCORESDE_VERSION_MINOR == EXPECTED_VERSION ? 0 : 1;
}
