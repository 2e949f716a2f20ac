// SPDX-License-Identifier: MIT
/// The contents of a pickle: a tree of plain values, with tensors' calls as descriptions and
/// everything else as opaque named leaves.
///
/// Values are stored in one array and refer to each other by index, so building and destroying the
/// tree is safe for any depth and for cycles in a malicious file. Strings are views into the file's
/// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/characters.hpp>
#include <scoresde/io/detail/byte_cursor.hpp>

namespace scoresde::io {

/// call: the arguments of a whitelisted function; persistent: an object stored outside the pickle
/// by its container, described by a tuple; foreign: an object or a global that tensors do not use,
/// of which only the name of its class or function is kept.
enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  tuple,
  list,
  dict,
  global,
  call,
  persistent,
  foreign
};

[[nodiscard]] constexpr const char* name_of(PickleKind kind) {
  constexpr const char* names[] = {"None",     "a boolean", "an integer", "a float",
                                   "a string", "a tuple",   "a list",     "a dictionary",
                                   "a name",   "an object", "a storage",  "a foreign object"};
  return names[static_cast<std::size_t>(kind)];
}

/// One value. `items` are the elements, or a dictionary's alternating keys and values.
struct PickleNode {
  PickleKind kind = PickleKind::none;
  std::int64_t integer = 0;  ///< also a boolean
  double real = 0;
  std::string_view text{};    ///< also the full name of a global or called function
  std::string_view module{};  ///< of a foreign object: `text` is its name in this module
  std::uint32_t tuple = 0;    ///< a call's arguments or a storage's description
  std::vector<std::uint32_t> items{};
};

/// All values of one pickle, and the index of the outermost.
struct PickleTree {
  std::deque<PickleNode> nodes;
  std::uint32_t root = 0;
  std::size_t bytes = 0;  ///< length of the pickle
};

/// One value of a tree that outlives it. Every accessor throws Error naming both kinds when the
/// value is of another kind.
class PickleValue {
 public:
  PickleValue(const PickleTree& tree, std::uint32_t index) : tree_(&tree), index_(index) {}

  [[nodiscard]] PickleKind kind() const { return node().kind; }
  [[nodiscard]] bool is(PickleKind kind) const { return node().kind == kind; }
  /// Its index among the tree's values: equal for two references to one value.
  [[nodiscard]] std::uint32_t index() const { return index_; }

  [[nodiscard]] std::int64_t integer() const { return expect(PickleKind::integer).integer; }
  [[nodiscard]] std::string_view text() const { return expect(PickleKind::text).text; }
  [[nodiscard]] bool truth() const { return expect(PickleKind::boolean).integer != 0; }
  /// A float, or an integer converted to one.
  [[nodiscard]] double real() const {
    return is(PickleKind::integer) ? static_cast<double>(node().integer)
                                   : expect(PickleKind::real).real;
  }
  /// Kind, and for a foreign object the full name of its class or function, for messages.
  [[nodiscard]] std::string description() const {
    return is(PickleKind::foreign) ? scoresde::text(name_of(kind()), " (", foreign_name(), ')')
                                   : name_of(kind());
  }
  /// Full name of a foreign object's class or function, such as `argparse.Namespace`.
  [[nodiscard]] std::string foreign_name() const {
    const PickleNode& object = expect(PickleKind::foreign);
    const std::string module = printable(object.module);
    return (module.empty() ? "" : module + '.') + printable(object.text);
  }
  /// Full name of a global, or of a called function.
  [[nodiscard]] std::string_view name() const {
    return is(PickleKind::call) ? node().text : expect(PickleKind::global).text;
  }
  /// A nonnegative integer.
  [[nodiscard]] std::size_t count() const {
    const std::int64_t value = integer();
    require(value >= 0, "an integer is ", value, "; it must be at least 0");
    return static_cast<std::size_t>(value);
  }

  /// Number of elements of a tuple, list, call or storage; number of entries of a dictionary.
  [[nodiscard]] std::size_t size() const {
    return is(PickleKind::dict) ? node().items.size() / 2 : items().size();
  }
  /// Element i. Throws Error when it does not exist.
  [[nodiscard]] PickleValue operator[](std::size_t i) const {
    require(!is(PickleKind::dict) && i < size(), "element ", i, " of ", name_of(kind()), " of ",
            size(), " elements does not exist");
    return {*tree_, items()[i]};
  }
  /// Key and value of entry i, i < size().
  [[nodiscard]] PickleValue key(std::size_t i) const {
    return {*tree_, expect(PickleKind::dict).items.at(2 * i)};
  }
  [[nodiscard]] PickleValue value(std::size_t i) const {
    return {*tree_, expect(PickleKind::dict).items.at(2 * i + 1)};
  }
  /// The last value with that key, as Python's dictionaries keep it; nothing where there is none or
  /// this is not a dictionary.
  [[nodiscard]] std::optional<PickleValue> find(std::string_view key) const {
    if (!is(PickleKind::dict)) return std::nullopt;
    for (std::size_t i = size(); i-- > 0;) {
      const PickleNode& candidate = tree_->nodes[node().items[2 * i]];
      if (candidate.kind == PickleKind::text && candidate.text == key) return value(i);
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] const PickleNode& node() const { return tree_->nodes[index_]; }
  /// A call or storage refers to its tuple by index, so that repeated use allocates nothing.
  [[nodiscard]] const std::vector<std::uint32_t>& items() const {
    const bool described = is(PickleKind::call) || is(PickleKind::persistent);
    return described ? tree_->nodes[node().tuple].items : node().items;
  }
  [[nodiscard]] const PickleNode& expect(PickleKind wanted) const {
    if (node().kind != wanted)
      throw Error(scoresde::text("a value is ", description(), "; it must be ", name_of(wanted)));
    return node();
  }

  const PickleTree* tree_;
  std::uint32_t index_;
};

}  // namespace scoresde::io
