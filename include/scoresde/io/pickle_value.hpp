// SPDX-License-Identifier: MIT
/// What a pickle holds: a tree of plain values, with tensors' calls as descriptions and everything
/// else as opaque leaves that have a name.
///
/// Values lie in one array and name each other by index, so that neither depth nor cycles of a
/// hostile file matter to building or dropping the tree. Texts are views into the file's bytes.
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
#include <scoresde/io/byte_cursor.hpp>

namespace scoresde::io {

/// call: what a function of the white list would have been given; persistent: an object that the
/// pickle leaves to its container, described by a tuple; foreign: an object or a name that tensors
/// do not need, of which only the name of its class or function is kept.
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
  constexpr const char* names[] = {"None",   "a truth value", "an integer", "a real number",
                                   "a text", "a tuple",       "a list",     "a dictionary",
                                   "a name", "an object",     "a storage",  "a foreign object"};
  return names[static_cast<std::size_t>(kind)];
}

/// One value. `items` are the elements, or a dictionary's keys and values in turn.
struct PickleNode {
  PickleKind kind = PickleKind::none;
  std::int64_t integer = 0;  ///< also a truth value
  double real = 0;
  std::string_view text{};    ///< also the full name of a global or of the function called
  std::string_view module{};  ///< of a foreign object: `text` is its name within this module
  std::uint32_t tuple = 0;    ///< of a call its arguments, of a storage its description
  std::vector<std::uint32_t> items{};
};

/// All values of one pickle, and which is the outermost.
struct PickleTree {
  std::deque<PickleNode> nodes;
  std::uint32_t root = 0;
  std::size_t bytes = 0;  ///< length of the pickle
};

namespace detail {

/// Text of a file for a message: at most 100 characters, nothing that a terminal would obey.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string shown(text.substr(0, 100));
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  return text.size() > 100 ? shown + "..." : shown;
}

}  // namespace detail
/// One value of a tree that outlives it. Every accessor throws Error when the value is of another
/// kind, naming both.
class PickleValue {
 public:
  PickleValue(const PickleTree& tree, std::uint32_t index) : tree_(&tree), index_(index) {}

  [[nodiscard]] PickleKind kind() const { return node().kind; }
  [[nodiscard]] bool is(PickleKind kind) const { return node().kind == kind; }
  /// Its place among the tree's values: equal for one value met twice.
  [[nodiscard]] std::uint32_t index() const { return index_; }

  [[nodiscard]] std::int64_t integer() const { return expect(PickleKind::integer).integer; }
  [[nodiscard]] std::string_view text() const { return expect(PickleKind::text).text; }
  [[nodiscard]] bool truth() const { return expect(PickleKind::boolean).integer != 0; }
  /// A real number, or an integer as one.
  [[nodiscard]] double real() const {
    return is(PickleKind::integer) ? static_cast<double>(node().integer)
                                   : expect(PickleKind::real).real;
  }
  /// Kind, and of a foreign object the full name of its class or function, for messages.
  [[nodiscard]] std::string description() const {
    return is(PickleKind::foreign) ? detail::text(name_of(kind()), " (", foreign_name(), ')')
                                   : name_of(kind());
  }
  /// Full name of a foreign object's class or function, such as `argparse.Namespace`.
  [[nodiscard]] std::string foreign_name() const {
    const PickleNode& object = expect(PickleKind::foreign);
    const std::string module = detail::printable(object.module);
    return (module.empty() ? "" : module + '.') + detail::printable(object.text);
  }
  /// Full name of a global, or of the function that a call names.
  [[nodiscard]] std::string_view name() const {
    return is(PickleKind::call) ? node().text : expect(PickleKind::global).text;
  }
  /// An integer of at least 0.
  [[nodiscard]] std::size_t count() const {
    const std::int64_t value = integer();
    detail::require(value >= 0, "an integer is ", value, "; it must be at least 0");
    return static_cast<std::size_t>(value);
  }

  /// Elements of a tuple, list, call or storage; entries of a dictionary.
  [[nodiscard]] std::size_t size() const {
    return is(PickleKind::dict) ? node().items.size() / 2 : items().size();
  }
  /// Element i. Throws Error when there is none.
  [[nodiscard]] PickleValue operator[](std::size_t i) const {
    detail::require(!is(PickleKind::dict) && i < size(), "element ", i, " of ", name_of(kind()),
                    " of ", size(), " elements is asked for");
    return {*tree_, items()[i]};
  }
  /// Key and value of entry i < size().
  [[nodiscard]] PickleValue key(std::size_t i) const {
    return {*tree_, expect(PickleKind::dict).items.at(2 * i)};
  }
  [[nodiscard]] PickleValue value(std::size_t i) const {
    return {*tree_, expect(PickleKind::dict).items.at(2 * i + 1)};
  }
  /// The last value under that text, as Python's dictionaries keep it; nothing where there is none
  /// and where this is no dictionary.
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
  /// A call or storage keeps its tuple's index, so that repeating it costs nothing.
  [[nodiscard]] const std::vector<std::uint32_t>& items() const {
    const bool described = is(PickleKind::call) || is(PickleKind::persistent);
    return described ? tree_->nodes[node().tuple].items : node().items;
  }
  [[nodiscard]] const PickleNode& expect(PickleKind wanted) const {
    if (node().kind != wanted)
      throw Error(detail::text("a value is ", description(), "; it must be ", name_of(wanted)));
    return node();
  }

  const PickleTree* tree_;
  std::uint32_t index_;
};

}  // namespace scoresde::io
