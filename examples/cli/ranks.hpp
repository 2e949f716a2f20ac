// SPDX-License-Identifier: MIT
/// Ranks: the processes of a run, one or those that mpirun started.
///
/// Every rank executes the same program with the same options; the first alone writes files.
#pragma once

#include <cstddef>
#include <span>

#include <scoresde/optim/communicator.hpp>

namespace programs {

/// One process; engine/run_on_ranks.hpp has those of MPI. All ranks call the operations in the same
/// order.
class Ranks {
 public:
  Ranks() = default;
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  virtual ~Ranks() = default;

  [[nodiscard]] virtual std::size_t rank() const { return 0; }
  [[nodiscard]] virtual std::size_t size() const { return 1; }
  /// The sums over ranks in the tree of optim/tree_sum.hpp, on every rank.
  virtual void all_reduce(std::span<float>) {}
  virtual void all_reduce(std::span<double>) {}
  /// As scoresde::OverlappingCommunicator.
  virtual void begin_all_reduce(std::span<float>) {}
  virtual void advance() {}
  virtual void finish_all_reduces() {}
  /// The values of the first rank, on every rank.
  virtual void broadcast(std::span<float>) {}
  virtual void broadcast(std::span<double>) {}
  /// On the first rank the values of all ranks, one after another, valid until the next call; empty
  /// on the others. Every rank has as many.
  virtual std::span<float> gather(std::span<float> values) { return values; }

  /// Whether this is the one that writes.
  [[nodiscard]] bool is_first() const { return rank() == 0; }
  [[nodiscard]] bool several() const { return size() > 1; }
};

/// A run without mpirun.
inline Ranks one_rank;

/// The communicator of every training on the host, so that each is compiled once, with and without
/// MPI.
class RankCommunicator {
 public:
  static constexpr bool sums_in_tree = true;

  explicit RankCommunicator(Ranks& ranks) : ranks_(&ranks) {}
  [[nodiscard]] std::size_t rank() const { return ranks_->rank(); }
  [[nodiscard]] std::size_t size() const { return ranks_->size(); }
  template <class T>
  void all_reduce(std::span<T> values) {
    ranks_->all_reduce(values);
  }
  void begin_all_reduce(std::span<float> values) { ranks_->begin_all_reduce(values); }
  void advance() { ranks_->advance(); }
  void finish_all_reduces() { ranks_->finish_all_reduces(); }
  template <class T>
  void broadcast(std::span<T> values) {
    ranks_->broadcast(values);
  }

 private:
  Ranks* ranks_;
};
static_assert(scoresde::OverlappingCommunicator<RankCommunicator>);

}  // namespace programs
