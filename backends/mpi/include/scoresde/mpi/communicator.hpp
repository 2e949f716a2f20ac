// SPDX-License-Identifier: MIT
/// mpi::Communicator: ranks of a training on the CPU, over MPI.
///
///   all_reduce: xᵣ ← Σₛ xₛ on every rank r, in the binary tree of optim/tree_sum.hpp
///
/// Each of n ranks adds an nth of the elements: it receives that part of the other ranks' vectors,
/// adds in the order of the tree, and sends the sums to all. So a rank sends 2·(n − 1)/n times the
/// vector, and the order of additions depends neither on timing nor on the collective algorithms of
/// an MPI library (Rabenseifner 2004, section 4: a reduce-scatter, then a gather, here by direct
/// messages). Sums that were begun continue in advance(), while the caller computes.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/mpi/environment.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/optim/tree_sum.hpp>

namespace scoresde::mpi {

/// Elements of a vector that are exchanged at a time, so that messages are shorter than MPI's limit
/// and the memory for them does not grow with the vector.
inline constexpr std::size_t default_piece = std::size_t{1} << 20;

/// A handle: copies share its memory and its sums in progress. Not thread-safe.
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
    for_each_piece(values, [this](std::span<T> piece) {
      begin(piece);
      finish(sums<T>());
    });
  }
  /// Begins a sum. `values` must stay untouched until finish_all_reduces(). The sums in progress
  /// take as much memory as their values. Throws Error as all_reduce.
  template <std::floating_point T>
  void begin_all_reduce(std::span<T> values) {
    for_each_piece(values, [this](std::span<T> piece) { begin(piece); });
  }
  /// Adds what has arrived and sends the sums on, without waiting. Throws Error as all_reduce.
  void advance() {
    if (size_ == 1) return;
    advance(sums<float>());
    advance(sums<double>());
  }
  /// Waits for the sums that were begun. Throws Error as all_reduce.
  void finish_all_reduces() {
    if (size_ == 1) return;
    finish(sums<float>());
    finish(sums<double>());
  }
  /// Throws Error for errors of MPI.
  template <std::floating_point T>
  void broadcast(std::span<T> values) {
    for_each_piece(values, [this](std::span<T> piece) {
      check(MPI_Bcast(piece.data(), length(piece), type_of<T>(), 0, link_->ranks), "MPI_Bcast");
    });
  }
  /// On rank 0 writes the values of all ranks, one after another, to `all`, which is empty on the
  /// others; every rank has as many. Throws Error for another size of `all` and for errors of MPI.
  template <std::floating_point T>
  void gather(std::span<const T> values, std::span<T> all) {
    const std::size_t wanted = rank_ == 0 ? size_ * values.size() : 0;
    require(all.size() == wanted, "MPI: gather: the values of all ranks are ", wanted,
            "; their memory has ", all.size());
    if (size_ == 1) {
      std::copy(values.begin(), values.end(), all.begin());
      return;
    }
    for (std::size_t first = 0; first < values.size(); first += piece_) {
      const auto piece = values.subspan(first, std::min(piece_, values.size() - first));
      if (rank_ != 0) {
        check(MPI_Send(piece.data(), length(piece), type_of<T>(), 0, gather_tag, link_->ranks),
              "MPI_Send");
        continue;
      }
      std::copy(piece.begin(), piece.end(), all.begin() + static_cast<std::ptrdiff_t>(first));
      for (std::size_t r = 1; r < size_; ++r)
        check(MPI_Recv(all.data() + r * values.size() + first, length(piece), type_of<T>(), int(r),
                       gather_tag, link_->ranks, MPI_STATUS_IGNORE),
              "MPI_Recv");
    }
  }

 private:
  /// The sum of one piece: its parts are received, added and returned.
  template <class T>
  struct Sum {
    std::span<T> piece;
    std::vector<T> received;  ///< this rank's part of the piece, of every rank
    std::vector<MPI_Request> requests;
    int tag = 0;  ///< of the parts; those of the sums have the next one
    bool is_added = false;
  };
  /// Those in progress, which are the first ones, in the order in which all ranks began them.
  template <class T>
  struct Sums {
    std::vector<Sum<T>> all;
    std::size_t begun = 0;
  };
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
    int next_tag = 0;
    Sums<float> floats;
    Sums<double> doubles;
  };

  template <class T>
  [[nodiscard]] static MPI_Datatype type_of() {
    static_assert(std::same_as<T, float> || std::same_as<T, double>,
                  "mpi::Communicator: the elements must be float or double");
    if constexpr (std::same_as<T, float>) return MPI_FLOAT;
    return MPI_DOUBLE;
  }
  template <class T>
  [[nodiscard]] Sums<T>& sums() {
    if constexpr (std::same_as<T, float>)
      return link_->floats;
    else
      return link_->doubles;
  }
  template <class T>
  [[nodiscard]] static int length(std::span<T> values) {
    return static_cast<int>(values.size());
  }

  /// On several ranks.
  template <class T, class Body>
  void for_each_piece(std::span<T> values, const Body& body) const {
    for (std::size_t first = 0; size_ > 1 && first < values.size(); first += piece_)
      body(values.subspan(first, std::min(piece_, values.size() - first)));
  }

  /// The part of a piece that rank r adds.
  template <class T>
  [[nodiscard]] std::span<T> part_of(std::span<T> piece, std::size_t r) const {
    const std::size_t first = piece.size() * r / size_;
    return piece.subspan(first, piece.size() * (r + 1) / size_ - first);
  }

  template <class T>
  void receive(Sum<T>& sum, std::span<T> values, std::size_t from, int tag) {
    if (values.empty()) return;
    check(MPI_Irecv(values.data(), length(values), type_of<T>(), int(from), tag, link_->ranks,
                    &sum.requests.emplace_back()),
          "MPI_Irecv");
  }
  template <class T>
  void send(Sum<T>& sum, std::span<T> values, std::size_t to, int tag) {
    if (values.empty()) return;
    check(MPI_Isend(values.data(), length(values), type_of<T>(), int(to), tag, link_->ranks,
                    &sum.requests.emplace_back()),
          "MPI_Isend");
  }

  /// This rank's part of the piece, as rank r has it.
  template <class T>
  [[nodiscard]] std::span<T> term(Sum<T>& sum, std::size_t r) const {
    const std::span<T> own = part_of(sum.piece, rank_);
    return r == rank_ ? own : std::span<T>(sum.received).subspan(r * own.size(), own.size());
  }

  template <class T>
  void begin(std::span<T> piece) {
    Sums<T>& sums = this->sums<T>();
    if (sums.all.size() == sums.begun) sums.all.emplace_back();
    Sum<T>& sum = sums.all[sums.begun++];
    sum.piece = piece;
    sum.received.resize(size_ * part_of(piece, rank_).size());
    sum.requests.reserve(2 * size_);
    sum.is_added = false;
    // Tags repeat; messages of one tag arrive in the order in which they were sent.
    sum.tag = std::exchange(link_->next_tag, (link_->next_tag + 2) % most_tags);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) receive(sum, term(sum, r), r, sum.tag);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) send(sum, part_of(piece, r), r, sum.tag);
  }

  /// Adds the parts that arrived and sends the sum of this rank's part to the others.
  template <class T>
  void add_and_return(Sum<T>& sum) {
    sum.requests.clear();
    sum.is_added = true;
    visit_sum_tree(size_, [&](std::size_t i, std::size_t j) {
      add_to(term(sum, i), std::span<const T>(term(sum, j)));
    });
    const std::span<T> own = part_of(sum.piece, rank_), first = term(sum, 0);
    if (rank_ != 0) std::copy(first.begin(), first.end(), own.begin());
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) receive(sum, part_of(sum.piece, r), r, sum.tag + 1);
    for (std::size_t r = 0; r < size_; ++r)
      if (r != rank_) send(sum, own, r, sum.tag + 1);
  }

  template <class T>
  void advance(Sums<T>& sums) {
    for (std::size_t k = 0; k < sums.begun; ++k) {
      Sum<T>& sum = sums.all[k];
      if (sum.requests.empty()) continue;
      int arrived = 0;
      check(MPI_Testall(static_cast<int>(sum.requests.size()), sum.requests.data(), &arrived,
                        MPI_STATUSES_IGNORE),
            "MPI_Testall");
      if (arrived == 0) continue;
      if (sum.is_added)
        sum.requests.clear();
      else
        add_and_return(sum);
    }
  }

  template <class T>
  void finish(Sums<T>& sums) {
    for (const bool added : {false, true})
      for (std::size_t k = 0; k < sums.begun; ++k) {
        Sum<T>& sum = sums.all[k];
        if (sum.is_added != added) continue;
        wait(sum);
        if (!added) add_and_return(sum);
      }
    sums.begun = 0;
  }
  template <class T>
  void wait(Sum<T>& sum) {
    check(MPI_Waitall(static_cast<int>(sum.requests.size()), sum.requests.data(),
                      MPI_STATUSES_IGNORE),
          "MPI_Waitall");
    sum.requests.clear();
  }

  /// MPI allows tags up to at least 32767.
  static constexpr int most_tags = 32766, gather_tag = 32767;

  std::shared_ptr<Link> link_;
  std::size_t rank_ = 0, size_ = 1, piece_ = default_piece;
};

static_assert(OverlappingCommunicator<Communicator, float> &&
              OverlappingCommunicator<Communicator, double>);

}  // namespace scoresde::mpi
