// SPDX-License-Identifier: MIT
/// The stack, marks and memo of the pickle machine, over the tree of its values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/pickle_value.hpp>

namespace scoresde::io::detail {

/// Values on the stack are indices into the tree. Functions that execute an opcode return true, for
/// a known opcode.
class PickleStack {
 protected:
  explicit PickleStack(std::span<const std::byte> bytes) : in_(bytes) {}

  using Index = std::uint32_t;

  bool push(PickleNode node) {
    require(tree_.nodes.size() < std::numeric_limits<Index>::max(), "it holds too many values");
    tree_.nodes.push_back(std::move(node));
    stack_.push_back(static_cast<Index>(tree_.nodes.size() - 1));
    return true;
  }
  bool mark() {
    marks_.push_back(stack_.size());
    return true;
  }
  bool push_integer(std::int64_t value) {
    return push({.kind = PickleKind::integer, .integer = value});
  }
  bool push_text(std::uint64_t length) {
    require(length <= in_.left(), "a string of ", length, " bytes at byte ", in_.position(),
            " reaches past the end");
    return push(
        {.kind = PickleKind::text, .text = characters(in_.take(static_cast<std::size_t>(length)))});
  }
  bool push_foreign(std::string_view module, std::string_view name) {
    return push({.kind = PickleKind::foreign, .text = name, .module = module});
  }
  /// Tensors do not use bytes objects.
  bool push_bytes(std::uint64_t length) {
    require(length <= in_.left(), length, " bytes at byte ", in_.position(), " reach past the end");
    static_cast<void>(in_.take(static_cast<std::size_t>(length)));
    return push_foreign("", "bytes");
  }

  /// Number of values above the innermost mark, or of all where there is no mark.
  [[nodiscard]] std::size_t height() const {
    return stack_.size() - (marks_.empty() ? 0 : marks_.back());
  }
  [[nodiscard]] Index pop() {
    require(height() > 0, "a value is taken from an empty stack at byte ", in_.position());
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }
  [[nodiscard]] std::vector<Index> pop_to_mark() {
    require(!marks_.empty(), "a mark is missing at byte ", in_.position());
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  /// The top value, which must be of this kind.
  [[nodiscard]] PickleNode& top(PickleKind kind) {
    require(height() > 0, "a value is missing at byte ", in_.position());
    PickleNode& node = tree_.nodes[stack_.back()];
    require(node.kind == kind, "at byte ", in_.position(), " there is ", name_of(node.kind),
            " where ", name_of(kind), " is needed");
    return node;
  }
  [[nodiscard]] Index pop_of(PickleKind kind) {
    static_cast<void>(top(kind));
    return pop();
  }

  /// An integer in two's complement of `length` bytes, little-endian.
  bool push_long(std::size_t length) {
    const auto bytes = in_.take(length);
    if (length > 8) return push_foreign("", "an integer of more than 8 bytes");
    std::uint64_t value = 0;
    if (length > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0}) value = ~std::uint64_t{0};
    for (std::size_t i = length; i-- > 0;)
      value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
    return push_integer(static_cast<std::int64_t>(value));
  }
  [[nodiscard]] double big_endian_double() {
    std::uint64_t bits = 0;
    for (const std::byte byte : in_.take(8))
      bits = (bits << 8) | std::to_integer<std::uint64_t>(byte);
    return std::bit_cast<double>(bits);
  }

  bool keep(Index slot) {
    require(height() > 0, "a value is missing at byte ", in_.position());
    memo_[slot] = stack_.back();
    return true;
  }
  bool recall(Index slot) {
    const auto found = memo_.find(slot);
    require(found != memo_.end(), "memo entry ", slot, " is read at byte ", in_.position(),
            ", but was never stored");
    stack_.push_back(found->second);
    return true;
  }

  ByteCursor in_;
  PickleTree tree_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::map<Index, Index> memo_;
};

}  // namespace scoresde::io::detail
