// SPDX-License-Identifier: MIT
/// Reads the pickles that torch.save writes, and executes nothing.
///
/// A pickle is a program for a stack machine (protocol 2: Python's pickletools, PEP 307). Only
/// opcodes and globals that tensors in dictionaries, lists and tuples need are known; everything
/// else is refused by name. Calls are kept as descriptions. Memory: at most 256 bytes for each byte
/// of the pickle.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/byte_cursor.hpp>
#include <scoresde/io/pickle_value.hpp>

namespace scoresde::io {
namespace detail {

/// The globals that may be named, each as module, then a dot, then name.
inline constexpr std::array<std::string_view, 15> known_globals{"collections.OrderedDict",
                                                                "torch._utils._rebuild_tensor",
                                                                "torch._utils._rebuild_tensor_v2",
                                                                "torch._utils._rebuild_parameter",
                                                                "torch.Size",
                                                                "torch.DoubleStorage",
                                                                "torch.FloatStorage",
                                                                "torch.HalfStorage",
                                                                "torch.BFloat16Storage",
                                                                "torch.LongStorage",
                                                                "torch.IntStorage",
                                                                "torch.ShortStorage",
                                                                "torch.CharStorage",
                                                                "torch.ByteStorage",
                                                                "torch.BoolStorage"};

/// The stack machine. Values on the stack are indices into the tree.
class PickleMachine {
 public:
  explicit PickleMachine(std::span<const std::byte> bytes) : in_(bytes) {}

  [[nodiscard]] PickleTree run() {
    require(in_.number<std::uint8_t>() == 0x80, "it does not begin as a pickle does");
    const int protocol = in_.number<std::uint8_t>();
    require(protocol == 2, "its protocol is ", protocol, "; torch.save writes 2");
    for (;;) {
      const std::size_t at = in_.position();
      const auto opcode = in_.number<std::uint8_t>();
      if (opcode == '.') break;
      const bool known = constant(opcode) || container(opcode) || memo(opcode) || object(opcode);
      require(known, "opcode ", int{opcode}, " at byte ", at,
              " is none of those that tensors need; it is not executed");
    }
    require(stack_.size() == 1 && marks_.empty(), "it ends with ", stack_.size(), " values and ",
            marks_.size(), " marks; there must be one value and no mark");
    tree_.root = stack_.back();
    tree_.bytes = in_.position();
    return std::move(tree_);
  }

 private:
  using Index = std::uint32_t;

  // What an opcode does answers true, which says that the opcode is known.

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
  bool push_text(std::size_t length) {
    return push({.kind = PickleKind::text, .text = characters(in_.take(length))});
  }

  /// Values above the innermost mark, or all where there is none.
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
  /// The value on top, which must be of this kind.
  [[nodiscard]] PickleNode& top(PickleKind kind) {
    require(height() > 0, "a value is missing at byte ", in_.position());
    PickleNode& node = tree_.nodes[stack_.back()];
    require(node.kind == kind, "at byte ", in_.position(), " there is ", name_of(node.kind),
            " where ", name_of(kind), " is needed");
    return node;
  }

  [[nodiscard]] bool constant(std::uint8_t opcode) {
    switch (opcode) {
      case 'N':
        return push({});
      case 0x88:
        return push({.kind = PickleKind::boolean, .integer = 1});
      case 0x89:
        return push({.kind = PickleKind::boolean, .integer = 0});
      case 'K':
        return push_integer(in_.number<std::uint8_t>());
      case 'M':
        return push_integer(in_.number<std::uint16_t>());
      case 'J':
        return push_integer(in_.number<std::int32_t>());
      case 0x8a:
        return push_integer(long_integer(in_.number<std::uint8_t>()));
      case 'G':
        return push({.kind = PickleKind::real, .real = big_endian_double()});
      case 'U':
        return push_text(in_.number<std::uint8_t>());
      case 'X':
        return push_text(in_.number<std::uint32_t>());
      default:
        return false;
    }
  }

  /// Two's complement of `length` bytes, little-endian.
  [[nodiscard]] std::int64_t long_integer(std::size_t length) {
    require(length <= 8, "an integer of ", length, " bytes at byte ", in_.position(),
            "; at most 8 are read");
    const auto bytes = in_.take(length);
    std::uint64_t value = 0;
    if (length > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0}) value = ~std::uint64_t{0};
    for (std::size_t i = length; i-- > 0;)
      value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
    return static_cast<std::int64_t>(value);
  }
  [[nodiscard]] double big_endian_double() {
    std::uint64_t bits = 0;
    for (const std::byte byte : in_.take(8))
      bits = (bits << 8) | std::to_integer<std::uint64_t>(byte);
    return std::bit_cast<double>(bits);
  }

  [[nodiscard]] bool container(std::uint8_t opcode) {
    switch (opcode) {
      case '(':
        return mark();
      case ')':
        return push({.kind = PickleKind::tuple});
      case ']':
        return push({.kind = PickleKind::list});
      case '}':
        return push({.kind = PickleKind::dict});
      case 't':
        return push({.kind = PickleKind::tuple, .items = pop_to_mark()});
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(opcode - 0x84u);
      case 'a':
        return append({pop()}, PickleKind::list);
      case 'e':
        return append(pop_to_mark(), PickleKind::list);
      case 's':
        return set_item();
      case 'u':
        return append(pop_to_mark(), PickleKind::dict);
      default:
        return false;
    }
  }

  bool push_tuple(std::size_t size) {
    std::vector<Index> items(size);
    for (std::size_t i = size; i-- > 0;) items[i] = pop();
    return push({.kind = PickleKind::tuple, .items = std::move(items)});
  }
  bool append(const std::vector<Index>& items, PickleKind kind) {
    require(kind != PickleKind::dict || items.size() % 2 == 0, "a key without a value before byte ",
            in_.position());
    PickleNode& target = top(kind);
    target.items.insert(target.items.end(), items.begin(), items.end());
    return true;
  }
  bool set_item() {
    const Index value = pop(), key = pop();
    return append({key, value}, PickleKind::dict);
  }

  [[nodiscard]] bool memo(std::uint8_t opcode) {
    switch (opcode) {
      case 'q':
        return keep(in_.number<std::uint8_t>());
      case 'r':
        return keep(in_.number<std::uint32_t>());
      case 'h':
        return recall(in_.number<std::uint8_t>());
      case 'j':
        return recall(in_.number<std::uint32_t>());
      default:
        return false;
    }
  }
  bool keep(Index slot) {
    require(height() > 0, "a value is missing at byte ", in_.position());
    memo_[slot] = stack_.back();
    return true;
  }
  bool recall(Index slot) {
    const auto found = memo_.find(slot);
    require(found != memo_.end(), "value ", slot, " is recalled at byte ", in_.position(),
            ", but was never kept");
    stack_.push_back(found->second);
    return true;
  }

  [[nodiscard]] bool object(std::uint8_t opcode) {
    switch (opcode) {
      case 'c':
        return global();
      case 'R':
        return call();
      case 'b':
        return build();
      case 'Q':
        return persistent();
      default:
        return false;
    }
  }
  bool global() {
    const std::string_view module = in_.line(), name = in_.line();
    const auto found = std::find_if(known_globals.begin(), known_globals.end(), [&](auto known) {
      return known.size() == module.size() + 1 + name.size() && known.starts_with(module) &&
             known[module.size()] == '.' && known.ends_with(name);
    });
    require(found != known_globals.end(), "it names ", printable(module), ".", printable(name),
            ", which no file of tensors needs; it is neither imported nor called");
    return push({.kind = PickleKind::global, .text = *found});
  }
  bool call() {
    static_cast<void>(top(PickleKind::tuple));
    const Index arguments = pop();
    const std::string_view function = top(PickleKind::global).text;
    static_cast<void>(pop());
    const std::vector<Index>& items = tree_.nodes[arguments].items;
    if (function == "collections.OrderedDict") {
      require(items.empty(), "an OrderedDict with arguments before byte ", in_.position(),
              "; torch.save fills it entry by entry");
      return push({.kind = PickleKind::dict});
    }
    if (function != "torch.Size")
      return push({.kind = PickleKind::call, .text = function, .tuple = arguments});
    require(items.size() == 1, "torch.Size with ", items.size(), " arguments; it has one");
    stack_.push_back(items.front());
    return true;
  }
  /// An OrderedDict's attributes, such as a state_dict's _metadata, are dropped.
  bool build() {
    static_cast<void>(pop());
    static_cast<void>(top(PickleKind::dict));
    return true;
  }
  bool persistent() {
    static_cast<void>(top(PickleKind::tuple));
    return push({.kind = PickleKind::persistent, .tuple = pop()});
  }

  ByteCursor in_;
  PickleTree tree_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::map<Index, Index> memo_;
};

}  // namespace detail

/// The pickle at the beginning of `bytes`, which outlive the tree. Throws Error naming opcode or
/// global and its place for whatever is unknown, incomplete or inconsistent.
[[nodiscard]] inline PickleTree read_pickle(std::span<const std::byte> bytes) {
  try {
    return detail::PickleMachine(bytes).run();
  } catch (const Error& failure) {
    throw Error(detail::text("pickle: ", failure.what()));
  }
}

}  // namespace scoresde::io
