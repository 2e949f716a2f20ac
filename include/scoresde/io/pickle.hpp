// SPDX-License-Identifier: MIT
/// Reads the pickles that torch.save writes, without executing anything.
///
/// A pickle is a program for a stack machine (protocols 2 to 5: Python's pickletools, PEP 307,
/// 3154, 574). The globals used by tensors in dictionaries, lists and tuples are known, and their
/// calls are kept as descriptions; an object of any other class or function becomes a leaf with
/// that name, and operations on it are dropped. Memory: at most 256 bytes per byte of the pickle.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/pickle_stack.hpp>
#include <scoresde/io/pickle_value.hpp>

namespace scoresde::io {
namespace detail {

/// The globals used by tensors, each as module, dot, name.
inline constexpr std::array<std::string_view, 22> known_globals{
    "collections.OrderedDict",
    "collections.defaultdict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
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
    "torch.BoolStorage",
    "torch.ComplexFloatStorage",
    "torch.ComplexDoubleStorage",
    "torch.UntypedStorage",
    "torch.storage.UntypedStorage"};

/// The opcodes' actions; each function returns whether it handles the opcode.
class PickleMachine : PickleStack {
 public:
  explicit PickleMachine(std::span<const std::byte> bytes) : PickleStack(bytes) {}

  [[nodiscard]] PickleTree run() {
    require(in_.number<std::uint8_t>() == 0x80, "it does not begin with a pickle protocol");
    const int protocol = in_.number<std::uint8_t>();
    require(protocol >= 2 && protocol <= 5, "its protocol is ", protocol,
            "; protocols 2 to 5 are supported");
    for (;;) {
      const std::size_t at = in_.position();
      const auto opcode = in_.number<std::uint8_t>();
      if (opcode == '.') break;
      const bool known = constant(opcode) || text_or_bytes(opcode) || container(opcode) ||
                         memo(opcode) || object(opcode);
      require(known, "opcode ", int{opcode}, " at byte ", at,
              " is not one of protocols 2 to 5, or refers to data outside the pickle");
    }
    require(stack_.size() == 1 && marks_.empty(), "it ends with ", stack_.size(), " values and ",
            marks_.size(), " marks; there must be one value and no mark");
    tree_.root = stack_.back();
    tree_.bytes = in_.position();
    return std::move(tree_);
  }

 private:
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
        return push_long(in_.number<std::uint8_t>());
      case 0x8b:
        return push_long(in_.number<std::uint32_t>());
      case 'G':
        return push({.kind = PickleKind::real, .real = big_endian_double()});
      default:
        return false;
    }
  }
  [[nodiscard]] bool text_or_bytes(std::uint8_t opcode) {
    switch (opcode) {
      case 'U':
      case 0x8c:
        return push_text(in_.number<std::uint8_t>());
      case 'T':
      case 'X':
        return push_text(in_.number<std::uint32_t>());
      case 0x8d:
        return push_text(in_.number<std::uint64_t>());
      case 'C':
        return push_bytes(in_.number<std::uint8_t>());
      case 'B':
        return push_bytes(in_.number<std::uint32_t>());
      case 0x8e:
      case 0x96:
        return push_bytes(in_.number<std::uint64_t>());
      default:
        return false;
    }
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
      case 0x8f:
        return push_foreign("", "set");
      case 0x90:
        return append(pop_to_mark(), PickleKind::foreign);
      case 0x91:
        static_cast<void>(pop_to_mark());
        return push_foreign("", "frozenset");
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
    if (height() > 0 && tree_.nodes[stack_.back()].kind == PickleKind::foreign) return true;
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
      case 0x94:
        return keep(static_cast<Index>(memo_.size()));
      case 'q':
        return keep(in_.number<std::uint8_t>());
      case 'r':
        return keep(in_.number<std::uint32_t>());
      case 'h':
        return recall(in_.number<std::uint8_t>());
      case 'j':
        return recall(in_.number<std::uint32_t>());
      case '0':
        return drop();
      case '1':
        static_cast<void>(pop_to_mark());
        return true;
      case '2':
        require(height() > 0, "a value is missing at byte ", in_.position());
        stack_.push_back(Index{stack_.back()});
        return true;
      case 0x95:  // length of the next frame
        return in_.number<std::uint64_t>() <= in_.left();
      default:
        return false;
    }
  }
  /// At a mark without values above it, drops the mark instead of a value.
  bool drop() {
    if (height() == 0 && !marks_.empty())
      marks_.pop_back();
    else
      static_cast<void>(pop());
    return true;
  }
  [[nodiscard]] bool object(std::uint8_t opcode) {
    switch (opcode) {
      case 'c': {
        const std::string_view module = in_.line();
        return global(module, in_.line());
      }
      case 0x93: {
        const std::string_view name = tree_.nodes[pop_of(PickleKind::text)].text;
        return global(tree_.nodes[pop_of(PickleKind::text)].text, name);
      }
      case 0x82:
        return extension(in_.number<std::uint8_t>());
      case 0x83:
        return extension(in_.number<std::uint16_t>());
      case 0x84:
        return extension(in_.number<std::uint32_t>());
      case 0x92:
        static_cast<void>(pop_of(PickleKind::dict));
        return call();
      case 'R':
      case 0x81:
        return call();
      case 'i': {
        static_cast<void>(pop_to_mark());
        const std::string_view module = in_.line();
        return push_foreign(module, in_.line());
      }
      case 'o':
        return object_of(pop_to_mark());
      case 'b':
        return build();
      case 'Q':
        return persistent();
      default:
        return false;
    }
  }
  bool global(std::string_view module, std::string_view name) {
    const auto found = std::find_if(known_globals.begin(), known_globals.end(), [&](auto known) {
      return known.size() == module.size() + 1 + name.size() && known.starts_with(module) &&
             known[module.size()] == '.' && known.ends_with(name);
    });
    if (found == known_globals.end()) return push_foreign(module, name);
    return push({.kind = PickleKind::global, .text = *found});
  }
  bool extension(std::uint32_t) { return push_foreign("copyreg", "extension"); }

  /// A function call, or construction of an object, with a tuple of arguments.
  bool call() {
    const Index arguments = pop_of(PickleKind::tuple);
    if (height() > 0 && tree_.nodes[stack_.back()].kind == PickleKind::foreign)
      return push_object_of(pop());
    const std::string_view function = tree_.nodes[pop_of(PickleKind::global)].text;
    const std::vector<Index>& items = tree_.nodes[arguments].items;
    if (function == "collections.OrderedDict") return ordered_dict(items);
    if (function == "collections.defaultdict") return push({.kind = PickleKind::dict});
    if (function != "torch.Size")
      return push({.kind = PickleKind::call, .text = function, .tuple = arguments});
    require(items.size() == 1, "torch.Size with ", items.size(), " arguments; it has one");
    stack_.push_back(items.front());
    return true;
  }
  bool push_object_of(Index callable) {
    const PickleNode& foreign = tree_.nodes[callable];
    return push_foreign(foreign.module, foreign.text);
  }
  /// A class and its arguments above a mark.
  bool object_of(const std::vector<Index>& items) {
    require(!items.empty() && tree_.nodes[items.front()].kind == PickleKind::foreign,
            "an object without a class before byte ", in_.position());
    return push_object_of(items.front());
  }
  /// torch.save adds entries one by one; Python 2 passes a list of pairs, which is read only while
  /// all such lists together are not longer than the pickle.
  bool ordered_dict(const std::vector<Index>& items) {
    PickleNode dict{.kind = PickleKind::dict};
    require(items.size() <= 1, "an OrderedDict with ", items.size(), " arguments before byte ",
            in_.position());
    if (items.empty()) return push(std::move(dict));
    const PickleNode& pairs = tree_.nodes[items.front()];
    paired_ += pairs.items.size();
    require(pairs.kind == PickleKind::list && paired_ <= in_.position(), "an OrderedDict of ",
            name_of(pairs.kind), " before byte ", in_.position(), "; it must be a list of pairs");
    for (const Index pair : pairs.items) {
      const PickleNode& entry = tree_.nodes[pair];
      const bool sequence = entry.kind == PickleKind::list || entry.kind == PickleKind::tuple;
      require(sequence && entry.items.size() == 2,
              "an OrderedDict with an entry that is not a pair");
      dict.items.insert(dict.items.end(), entry.items.begin(), entry.items.end());
    }
    return push(std::move(dict));
  }
  /// Attributes of an object, such as a state_dict's _metadata, are dropped.
  bool build() {
    static_cast<void>(pop());
    require(height() > 0, "an object is missing at byte ", in_.position());
    const PickleKind kind = tree_.nodes[stack_.back()].kind;
    const bool object = kind == PickleKind::dict || kind == PickleKind::foreign ||
                        kind == PickleKind::call || kind == PickleKind::persistent;
    require(object, "attributes of ", name_of(kind), " at byte ", in_.position());
    return true;
  }
  bool persistent() {
    if (height() > 0 && tree_.nodes[stack_.back()].kind != PickleKind::tuple) {
      static_cast<void>(pop());
      return push_foreign("", "an object outside the pickle");
    }
    return push({.kind = PickleKind::persistent, .tuple = pop_of(PickleKind::tuple)});
  }

  std::size_t paired_ = 0;  ///< entries copied by ordered_dict
};

}  // namespace detail

/// The pickle at the beginning of `bytes`, which must outlive the tree. Throws Error naming opcode
/// and position for anything unknown, incomplete or inconsistent.
[[nodiscard]] inline PickleTree read_pickle(std::span<const std::byte> bytes) {
  try {
    return detail::PickleMachine(bytes).run();
  } catch (const Error& failure) {
    throw Error(scoresde::text("pickle: ", failure.what()));
  }
}

}  // namespace scoresde::io
