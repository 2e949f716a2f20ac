// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/mpi/communicator.hpp>
#include <scoresde/mpi/environment.hpp>
#include <scoresde/optim/tree_sum.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Element i of rank r: sums of these depend on the order of the additions.
template <class T>
T element(std::size_t r, std::size_t i) {
  return T(std::sin(1.0 + double(31 * r + i % 1009)) * std::exp2(double((r + i) % 7)));
}

template <class T>
std::vector<T> values_of(std::size_t rank, std::size_t size) {
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = element<T>(rank, i);
  return values;
}

/// The sum over all ranks, computed here.
template <class T>
std::vector<T> expected_sum(std::size_t ranks, std::size_t size) {
  std::vector<std::vector<T>> x;
  for (std::size_t r = 0; r < ranks; ++r) x.push_back(values_of<T>(r, size));
  visit_sum_tree(ranks, [&](std::size_t i, std::size_t j) {
    add_to(std::span<T>(x[i]), std::span<const T>(x[j]));
  });
  return x[0];
}

template <class T>
void check_sums(std::size_t piece, const std::vector<std::size_t>& sizes) {
  mpi::Communicator world(MPI_COMM_WORLD, piece);
  for (const std::size_t size : sizes) {
    INFO(size << " elements in pieces of " << piece);
    std::vector<T> values = values_of<T>(world.rank(), size);
    world.all_reduce(std::span<T>(values));
    CHECK(values == expected_sum<T>(world.size(), size));
  }
}

}  // namespace

TEST_CASE("a sum is that of the tree over the ranks, in pieces or at once", "[collectives]") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}})
    check_sums<double>(piece, {0, 1, 2, 3, 63, 64, 65, 129});
  check_sums<float>(mpi::default_piece, {0, 1, 5, 1000});
  check_sums<float>(1 << 16, {(1 << 18) + 3});
}

TEST_CASE("sums that were begun are those of the tree when they are finished", "[collectives]") {
  mpi::Communicator world(MPI_COMM_WORLD, 50);
  mpi::Communicator copy = world;  // shares them
  std::vector<std::vector<float>> x;
  std::vector<std::vector<double>> y;
  const std::vector<std::size_t> sizes{1, 1000, 3, 50, 0, 49, 777};
  for (const std::size_t size : sizes) {
    x.push_back(values_of<float>(world.rank(), size));
    y.push_back(values_of<double>(world.rank(), size));
  }
  for (int turn = 0; turn < 3; ++turn) {
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      x[k] = values_of<float>(world.rank(), sizes[k]);
      y[k] = values_of<double>(world.rank(), sizes[k]);
      world.begin_all_reduce(std::span<float>(x[k]));
      copy.begin_all_reduce(std::span<double>(y[k]));
      // Ranks get ahead of each other.
      for (std::size_t n = 0; n < (turn + k + world.rank()) % 3; ++n) world.advance();
    }
    copy.finish_all_reduces();
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      CHECK(x[k] == expected_sum<float>(world.size(), sizes[k]));
      CHECK(y[k] == expected_sum<double>(world.size(), sizes[k]));
    }
  }
  world.advance();  // nothing is in progress
  world.finish_all_reduces();
}

TEST_CASE("a broadcast gives every rank the values of rank 0", "[collectives]") {
  mpi::Communicator world(MPI_COMM_WORLD, 10);
  for (const std::size_t size : {0, 1, 10, 31}) {
    std::vector<float> values = values_of<float>(world.rank(), size);
    world.broadcast(std::span<float>(values));
    CHECK(values == values_of<float>(0, size));
  }
}

TEST_CASE("a gathering gives rank 0 the values of all ranks", "[collectives]") {
  mpi::Communicator world(MPI_COMM_WORLD, 10);
  for (const std::size_t size : {0, 1, 10, 31}) {
    const std::vector<float> own = values_of<float>(world.rank(), size);
    std::vector<float> all(world.rank() == 0 ? world.size() * size : 0), wanted;
    world.gather(std::span<const float>(own), std::span<float>(all));
    for (std::size_t r = 0; world.rank() == 0 && r < world.size(); ++r) {
      const auto part = values_of<float>(r, size);
      wanted.insert(wanted.end(), part.begin(), part.end());
    }
    CHECK(all == wanted);
  }
  std::vector<float> few(1), more(world.size() + 2);
  CHECK_THROWS_WITH(world.gather(std::span<const float>(few), std::span<float>(more)),
                    Catch::Contains("MPI: gather: the values of all ranks are"));
}

TEST_CASE("copies of a handle and a second one can be used in turn", "[collectives]") {
  mpi::Communicator first(MPI_COMM_WORLD), copy = first, second(MPI_COMM_WORLD);
  const double sum = double(first.size() * (first.size() + 1)) / 2;
  for (mpi::Communicator* each : {&first, &copy, &second, &first}) {
    double number = double(each->rank() + 1);
    each->all_reduce(std::span<double>(&number, 1));
    CHECK(number == sum);
  }
}

TEST_CASE("a default handle is one rank", "[collectives]") {
  mpi::Communicator one;
  CHECK(one.rank() == 0);
  CHECK(one.size() == 1);
  double number = 3;
  one.all_reduce(std::span<double>(&number, 1));
  one.broadcast(std::span<double>(&number, 1));
  CHECK(number == 3);
}

TEST_CASE("a piece that MPI cannot count and an error of MPI are rejected", "[collectives]") {
  CHECK_THROWS_WITH(mpi::Communicator(MPI_COMM_WORLD, 0), Catch::Contains("piece is 0"));
  CHECK_THROWS_WITH(
      mpi::Communicator(MPI_COMM_WORLD, std::size_t{std::numeric_limits<int>::max()} + 1),
      Catch::Contains("piece is 2147483648"));
  CHECK_THROWS_WITH(mpi::check(MPI_ERR_TRUNCATE, "MPI_Recv"),
                    Catch::Contains("MPI: MPI_Recv failed: MPI_ERR_TRUNCATE"));
}

TEST_CASE("a second environment in a process is rejected", "[collectives]") {
  int argc = 0;
  char** argv = nullptr;
  CHECK_THROWS_WITH(mpi::Environment(argc, argv), Catch::Contains("initialized already"));
  CHECK(mpi::started_by_launcher());
}
