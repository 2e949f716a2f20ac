// SPDX-License-Identifier: MIT
/// Trainings on several ranks. Each case runs on all ranks of the test and, by parts of
/// MPI_COMM_WORLD, on fewer.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/mpi/communicator.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;

namespace {

template <class T, class C = mpi::Communicator>
using Run = Trainer<eigen::Ops<T>, ScoreMatching<VpSde>, Adam, C>;

/// With more parameters than the gradient's buckets, so that several sums are in progress at once.
nn::UNetConfig network() {
  nn::UNetConfig config = test::tiny_network();
  config.nf = 32;
  config.num_res_blocks = 2;
  return config;
}

data::ImageSet images() {
  data::ImageSet set;
  set.channels = 1;
  set.height = set.width = 8;
  for (std::size_t i = 0; i < 64 * 40; ++i)
    set.pixels.push_back(std::uint8_t((i * i + 31 * i) % 251));
  return set;
}

/// The first `ranks` of all, or nothing on the others.
class Part {
 public:
  explicit Part(int ranks) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    mpi::check(MPI_Comm_split(MPI_COMM_WORLD, rank < ranks ? 0 : MPI_UNDEFINED, rank, &part_),
               "MPI_Comm_split");
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (part_ != MPI_COMM_NULL) MPI_Comm_free(&part_);
  }
  [[nodiscard]] bool has_this_rank() const { return part_ != MPI_COMM_NULL; }
  [[nodiscard]] mpi::Communicator communicator() const { return mpi::Communicator(part_); }

 private:
  MPI_Comm part_ = MPI_COMM_NULL;
};

int world_size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

/// A training of `steps` steps of `batch` images from a state.
template <class T, class C>
struct Trained {
  Trained(const TrainingConfiguration& configuration, C communicator, std::size_t network_batch,
          std::size_t batch, int steps, const TrainingState<T>* from = nullptr)
      : trainer(nn::unet(network()), VpSde{}, configuration, network_batch, eigen::Ops<T>(1),
                communicator) {
    trainer.train_on(images(), {.random_flip = true}, 5, batch);
    if (from != nullptr) trainer.restore(*from);
    for (int n = 0; n < steps; ++n) trainer.step();
  }
  Run<T, C> trainer;
};

}  // namespace

TEST_CASE("n ranks with a part of the batch each make the update of one rank with all of it",
          "[training]") {
  const int ranks = world_size();
  const std::size_t batch = 4 * static_cast<std::size_t>(ranks);
  Trained<double, NoCommunicator> one(test::tiny_training(), {}, batch, batch, 3);
  Trained<double, mpi::Communicator> some(test::tiny_training(), mpi::Communicator(MPI_COMM_WORLD),
                                          2, batch, 3);
  CHECK(some.trainer.report().loss == Approx(one.trainer.report().loss).epsilon(1e-11));
  CHECK(some.trainer.report().gradient_norm ==
        Approx(one.trainer.report().gradient_norm).epsilon(1e-11));
  const auto &found = some.trainer.state(), &wanted = one.trainer.state();
  for (std::size_t i = 0; i < found.parameters.size(); ++i)
    REQUIRE(found.first_moment[i] == Approx(wanted.first_moment[i]).epsilon(1e-7).margin(1e-9));
}

TEST_CASE("trainings with the same gradient shards are bit-identical on every number of ranks",
          "[training]") {
  const int most = world_size();
  TrainingConfiguration configuration = test::tiny_training();
  configuration.gradient_shards = static_cast<std::size_t>(2 * most);
  const std::size_t batch = 2 * configuration.gradient_shards;
  Trained<float, NoCommunicator> one(configuration, {}, 2, batch, 4);
  Trained<float, NoCommunicator> half(configuration, {}, 2, batch, 2);
  const TrainingState<float>& middle = half.trainer.state();
  for (int ranks = 1; ranks <= most; ranks *= ranks == 1 && most % 2 == 1 ? most : 2) {
    const Part part(ranks);
    if (!part.has_this_rank()) continue;
    INFO(ranks << " ranks");
    Trained<float, mpi::Communicator> some(configuration, part.communicator(), 2, batch, 4);
    CHECK(some.trainer.state() == one.trainer.state());
    CHECK(some.trainer.report().loss == one.trainer.report().loss);
    CHECK(some.trainer.report().gradient_norm == one.trainer.report().gradient_norm);
    Trained<float, mpi::Communicator> resumed(configuration, part.communicator(), 2, batch, 2,
                                              &middle);
    CHECK(resumed.trainer.state() == one.trainer.state());
  }
  configuration.gradient_shards = 0;  // the shards matter: without them the bits differ
  Trained<float, NoCommunicator> without(configuration, {}, 2, batch, 4);
  CHECK(without.trainer.state() != one.trainer.state());
}

TEST_CASE("a run on several ranks is reproducible without gradient shards", "[training]") {
  const std::size_t batch = 4 * static_cast<std::size_t>(world_size());
  std::vector<TrainingState<float>> states;
  for (int run = 0; run < 2; ++run)
    states.push_back(Trained<float, mpi::Communicator>(
                         test::tiny_training(), mpi::Communicator(MPI_COMM_WORLD), 4, batch, 3)
                         .trainer.state());
  CHECK(states[0] == states[1]);
}
