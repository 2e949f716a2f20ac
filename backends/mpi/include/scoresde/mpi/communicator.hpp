// SPDX-License-Identifier: MIT
/// mpi::Communicator: ranks of a training on the CPU, over MPI.
///
///   all_reduce: xᵣ ← Σₛ xₛ on every rank r, in the binary tree of optim/tree_sum.hpp
///
/// Each of n ranks adds an nth of the elements: it receives that part of the other ranks' vectors,
/// adds in the order of the tree, and sends the sums to all. So a rank sends 2·(n − 1)/n times the
/// vector, and the order of additions depends neither on timing nor on the collective algorithms of
/// an MPI library (Rabenseifner 2004, section 4: a reduce-scatter, then a gather, here by direct
/// messages).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/mpi/environment.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/optim/tree_sum.hpp>

namespace scoresde::mpi {

/// Elements of a vector that are exchanged at a time, so that messages are shorter than MPI's limit
/// and the memory for them does not grow with the vector.
inline constexpr std::size_t default_piece = std::size_t{1} << 20;

/// A handle: copies share its memory, one piece of each type. Not thread-safe.
class Communicator {
 public:
  static constexpr bool sums_in_tree = true;

  /// One rank, without MPI, which need not be initialized.
  Communicator() = default;
  /// The ranks of a duplicate of `ranks`, so that messages do not mix with the caller's; all of
  /// them make it. Throws Error for a piece of 0 or above MPI's limit, and for errors of MPI.
  explicit Communicator(MPI_Comm ranks, std::size_t piece = default_piece)
      : link_(std::make_shared<Link>(ranks)), piece_(piece) {
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
    require(piece > 0 && piece <= most, "MPI: piece is ", piece, "; it must be from 1 to ", most);
    int rank = 0, size = 0;
    check(MPI_Comm_rank(link_->ranks, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(link_->ranks, &size), "MPI_Comm_size");
    rank_ = static_cast<std::size_t>(rank);
    size_ = static_cast<std::size_t>(size);
  }

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Throws Error for errors of MPI, among them spans of different lengths.
  template <std::floating_point T>
  void all_reduce(std::span<T> values) {
    if (size_ == 1) return;
    for_each_piece(values, [this](std::span<T> piece) { reduce_piece(piece); });
  }
  /// Throws Error for errors of MPI.
  template <std::floating_point T>
  void broadcast(std::span<T> values) {
    if (size_ == 1) return;
    for_each_piece(values, [this](std::span<T> piece) {
      check(MPI_Bcast(piece.data(), length(piece), type_of<T>(), 0, link_->ranks), "MPI_Bcast");
    });
  }

 private:
  /// What the copies of a handle share.
  struct Link {
    explicit Link(MPI_Comm of) {
      check(MPI_Comm_dup(of, &ranks), "MPI_Comm_dup");
      check(MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() {
      int finalized = 0;
      MPI_Finalized(&finalized);
      if (finalized == 0 && ranks != MPI_COMM_NULL) MPI_Comm_free(&ranks);
    }
    MPI_Comm ranks = MPI_COMM_NULL;
    std::vector<float> floats;
    std::vector<double> doubles;
    std::vector<MPI_Request> requests;
  };

  template <class T>
  [[nodiscard]] static MPI_Datatype type_of() {
    static_assert(std::same_as<T, float> || std::same_as<T, double>,
                  "mpi::Communicator: the elements must be float or double");
    if constexpr (std::same_as<T, float>) return MPI_FLOAT;
    return MPI_DOUBLE;
  }
  template <class T>
  [[nodiscard]] static int length(std::span<T> values) {
    return static_cast<int>(values.size());
  }

  template <class T, class Body>
  void for_each_piece(std::span<T> values, const Body& body) const {
    for (std::size_t first = 0; first < values.size(); first += piece_)
      body(values.subspan(first, std::min(piece_, values.size() - first)));
  }

  /// The part of a piece that rank r adds.
  template <class T>
  [[nodiscard]] std::span<T> part_of(std::span<T> piece, std::size_t r) const {
    const std::size_t first = piece.size() * r / size_;
    return piece.subspan(first, piece.size() * (r + 1) / size_ - first);
  }

  template <class T>
  void receive(std::span<T> values, std::size_t from) {
    if (values.empty()) return;
    check(MPI_Irecv(values.data(), length(values), type_of<T>(), int(from), 0, link_->ranks,
                    &link_->requests.emplace_back()),
          "MPI_Irecv");
  }
  template <class T>
  void send(std::span<T> values, std::size_t to) {
    if (values.empty()) return;
    check(MPI_Isend(values.data(), length(values), type_of<T>(), int(to), 0, link_->ranks,
                    &link_->requests.emplace_back()),
          "MPI_Isend");
  }
  void wait() {
    std::vector<MPI_Request>& requests = link_->requests;
    check(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE),
          "MPI_Waitall");
    requests.clear();
  }

  template <class T>
  void reduce_piece(std::span<T> piece) {
    const std::span<T> own = part_of(piece, rank_);
    const std::span<T> received = memory<T>(size_ * own.size());
    const auto term = [&](std::size_t r) {
      return r == rank_ ? own : received.subspan(r * own.size(), own.size());
    };
    link_->requests.reserve(2 * size_);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) receive(term(r), r);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) send(part_of(piece, r), r);
    wait();
    visit_sum_tree(
        size_, [&](std::size_t i, std::size_t j) { add_to(term(i), std::span<const T>(term(j))); });
    if (rank_ != 0) std::copy(term(0).begin(), term(0).end(), own.begin());
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) receive(part_of(piece, r), r);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) send(own, r);
    wait();
  }

  /// `count` elements, allocated at the first use.
  template <class T>
  [[nodiscard]] std::span<T> memory(std::size_t count) {
    auto& values = [this]() -> std::vector<T>& {
      if constexpr (std::same_as<T, float>)
        return link_->floats;
      else
        return link_->doubles;
    }();
    if (values.size() < count) values.resize(count);
    return std::span<T>(values).first(count);
  }

  std::shared_ptr<Link> link_;
  std::size_t rank_ = 0, size_ = 1, piece_ = default_piece;
};

static_assert(scoresde::Communicator<Communicator, float> &&
              scoresde::Communicator<Communicator, double>);

}  // namespace scoresde::mpi
