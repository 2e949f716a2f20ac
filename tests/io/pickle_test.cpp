// SPDX-License-Identifier: MIT
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <scoresde/io/detail/byte_cursor.hpp>
#include <scoresde/io/detail/pickle_stack.hpp>
#include <scoresde/io/pickle.hpp>
#include <scoresde/io/pickle_value.hpp>

#include "support/catch.hpp"

namespace {

using namespace std::literals;
using scoresde::Error;
using scoresde::io::PickleKind;
using scoresde::io::PickleTree;
using scoresde::io::PickleValue;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// A pickle of protocol 2 around `program`; owns the bytes that the tree refers to.
struct Pickle {
  explicit Pickle(std::string_view program) : bytes("\x80\x02" + std::string(program) + '.') {
    tree = scoresde::io::read_pickle(bytes_of(bytes));
  }
  [[nodiscard]] PickleValue root() const { return {tree, tree.root}; }
  std::string bytes;
  PickleTree tree;
};

void require_rejected(std::string_view program, std::initializer_list<const char*> words) {
  std::string message;
  try {
    const Pickle read(program);
  } catch (const Error& failure) {
    message = failure.what();
  }
  INFO("message: '" << message << "'");
  REQUIRE_FALSE(message.empty());
  for (const char* word : words) {
    INFO("word: " << word);
    REQUIRE(message.find(word) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("numbers, strings and booleans of a pickle are what Python wrote") {
  CHECK(Pickle("K\xff"sv).root().integer() == 255);
  CHECK(Pickle("M\x01\x02"sv).root().integer() == 513);
  CHECK(Pickle("J\xfe\xff\xff\xff"sv).root().integer() == -2);
  CHECK(Pickle("\x8a\x00"sv).root().integer() == 0);
  CHECK(Pickle("\x8a\x01\x80"sv).root().integer() == -128);
  CHECK(Pickle("\x8a\x02\x80\x00"sv).root().integer() == 128);
  CHECK(Pickle("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"sv).root().integer() ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(Pickle("G\xbf\xf8\x00\x00\x00\x00\x00\x00"sv).root().real() == -1.5);
  CHECK(Pickle("K\x03"sv).root().real() == 3);
  CHECK(Pickle("X\x03\x00\x00\x00\xc3\xa4!"sv).root().text() == "\xc3\xa4!");
  CHECK(Pickle("U\x02hi"sv).root().text() == "hi");
  CHECK(Pickle("\x88"sv).root().truth());
  CHECK_FALSE(Pickle("\x89"sv).root().truth());
  CHECK(Pickle("N"sv).root().is(PickleKind::none));
}

TEST_CASE("containers of a pickle keep their order, and memo references share one value") {
  const Pickle list(
      "]q\x00(K\x01K\x02h\x00"
      "e"sv);
  REQUIRE(list.root().size() == 3);
  CHECK(list.root()[1].integer() == 2);
  CHECK(list.root()[2].index() == list.root().index());
  const Pickle tuples("(K\x01\x85K\x02K\x03\x86K\x04K\x05K\x06\x87t"sv);
  REQUIRE(tuples.root().size() == 3);
  CHECK(tuples.root()[2][2].integer() == 6);
  CHECK(tuples.root()[1][0].integer() == 2);
  const Pickle dict(
      "}(U\x01"
      "aK\x01U\x01"
      "bK\x02uU\x01"
      "aK\x03s"sv);
  CHECK(dict.root().size() == 3);
  CHECK(dict.root().find("a")->integer() == 3);  // Python keeps the last
  CHECK(dict.root().key(1).text() == "b");
  CHECK(dict.root().value(1).integer() == 2);
  CHECK_FALSE(dict.root().find("c").has_value());
}

TEST_CASE("torch's globals become descriptions, an OrderedDict a dictionary") {
  const Pickle dict(
      "ccollections\nOrderedDict\n)R(U\x01"
      "aK\x07u}U\x09_metadataK\x01sb"sv);
  CHECK(dict.root().is(PickleKind::dict));
  CHECK(dict.root().size() == 1);
  const Pickle call("ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x02tR"sv);
  CHECK(call.root().is(PickleKind::call));
  CHECK(call.root().name() == "torch._utils._rebuild_tensor_v2");
  CHECK(call.root()[1].integer() == 2);
  CHECK(Pickle("ctorch\nSize\n(K\x05K\x06t\x85R"sv).root()[1].integer() == 6);
  CHECK(Pickle("(U\x07storageK\x01tQ"sv).root().is(PickleKind::persistent));
}

TEST_CASE("an object unrelated to tensors is a named leaf, and nothing is executed") {
  const auto require_foreign = [](std::string_view program, const char* name) {
    const Pickle read(program);
    CHECK(read.root().is(PickleKind::foreign));
    CHECK(read.root().foreign_name() == name);
    CHECK_THROWS_WITH(read.root().integer(), Catch::Contains(name));
  };
  require_foreign("cposix\nsystem\nX\x02\x00\x00\x00id\x85R"sv, "posix.system");
  require_foreign("cposix\nsystem\n"sv, "posix.system");
  require_foreign("(cposix\nsystem\nU\x02ido"sv, "posix.system");
  require_foreign("(U\x02idiposix\nsystem\n"sv, "posix.system");
  require_foreign("U\x05posixU\x06system\x93"sv, "posix.system");
  require_foreign(
      "cargparse\nNamespace\n)\x81}U\x01"
      "aK\x01sb"sv,
      "argparse.Namespace");
  require_foreign("ca\nB\n)}\x92"sv, "a.B");
  require_foreign("ctorch\nfloat32\n"sv, "torch.float32");
  require_foreign("ctorch._utils\n_rebuild_tensor_v2x\n"sv, "torch._utils._rebuild_tensor_v2x");
  require_foreign("ctorch.FloatStorage\n\n"sv, "torch.FloatStorage.");
  require_foreign("c\x1b[2J\nx\n"sv, "?[2J.x");
  require_foreign(
      "ccollections\ndeque\n)R(K\x01K\x02"
      "e"sv,
      "collections.deque");
  require_foreign(
      "ccollections\nCounter\n}\x85R(U\x01"
      "aK\x01u"sv,
      "collections.Counter");
  require_foreign("U\x03keyQ"sv, "an object outside the pickle");
  require_foreign("\x82\x05"sv, "copyreg.extension");
  require_foreign("\x8f(K\x01K\x02\x90"sv, "set");
  require_foreign("(K\x01\x91"sv, "frozenset");
  require_foreign("C\x02hi"sv, "bytes");
  require_foreign("B\x02\x00\x00\x00hi"sv, "bytes");
  require_foreign("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi"sv, "bytes");
  require_foreign("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi"sv, "bytes");
  require_foreign(
      "\x8a\x09"
      "123456789"sv,
      "an integer of more than 8 bytes");
  require_foreign(
      "\x8b\x09\x00\x00\x00"
      "123456789"sv,
      "an integer of more than 8 bytes");
  // Values next to it are read.
  const Pickle dict(
      "}(U\x01"
      "acposix\nsystem\n)RU\x01"
      "bK\x07u"sv);
  CHECK(dict.root().find("b")->integer() == 7);
  CHECK(dict.root().find("a")->description() == "a foreign object (posix.system)");
}

TEST_CASE("pickles that Python does not write are rejected") {
  require_rejected("\x93"sv, {"a value is missing"});
  require_rejected("K\x01K\x02\x93"sv, {"an integer", "a string"});
  require_rejected("(U\x02ido"sv, {"without a class"});
  require_rejected("K\x01)R"sv, {"an integer", "a name"});
  require_rejected("cposix\nsystem\nK\x01R"sv, {"an integer", "a tuple"});
  require_rejected("]}b"sv, {"attributes of a list"});
  require_rejected("\x97"sv, {"opcode 151", "outside the pickle"});
  require_rejected("I01\n"sv, {"opcode 73"});
  require_rejected("\x95\xff\x00\x00\x00\x00\x00\x00\x00N"sv, {"opcode 149"});
}

TEST_CASE("an OrderedDict of Python 2, a defaultdict and protocols 3 to 5 are read") {
  const Pickle pairs(
      "ccollections\nOrderedDict\n](](U\x01"
      "aK\x07"
      "e(U\x01"
      "bK\x08te\x85R"sv);
  CHECK(pairs.root().find("a")->integer() == 7);
  CHECK(pairs.root().find("b")->integer() == 8);
  CHECK(Pickle("ccollections\nOrderedDict\n]\x85R"sv).root().size() == 0);
  require_rejected(
      "ccollections\nOrderedDict\n](K\x01"
      "e\x85R"sv,
      {"not a pair"});
  require_rejected("ccollections\nOrderedDict\nK\x01\x85R"sv, {"an integer", "list of pairs"});
  const Pickle factory(
      "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(U\x01"
      "aK\x07u"sv);
  CHECK(factory.root().find("a")->integer() == 7);
  // pickle.dumps({'name': [1, True], 'same': 'name'}, protocol) of Python 3.11
  for (const std::string& bytes :
       {"\x80\x03}q\x00(X\x04\x00\x00\x00nameq\x01]q\x02(K\x01\x88"
        "eX\x04\x00\x00\x00sameq\x03h\x01u."s,
        "\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04name\x94]\x94(K\x01\x88"
        "e\x8c\x04same\x94h\x01u."s,
        "\x80\x05\x95\x1c\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04name\x94]\x94(K\x01\x88"
        "e\x8c\x04same\x94h\x01u."s}) {
    const PickleTree tree = scoresde::io::read_pickle(bytes_of(bytes));
    const PickleValue root(tree, tree.root);
    CHECK((*root.find("name"))[1].truth());
    CHECK(root.find("same")->text() == "name");
  }
  // Stack operations, which recursive tuples need.
  CHECK(Pickle("K\x01K\x02"
               "0"sv)
            .root()
            .integer() == 1);
  CHECK(Pickle("K\x01(K\x02K\x03"
               "1"sv)
            .root()
            .integer() == 1);
  CHECK(Pickle("K\x01(0"sv).root().integer() == 1);
  CHECK(Pickle("K\x05"
               "2\x86"sv)
            .root()[1]
            .integer() == 5);
}

TEST_CASE("truncated and inconsistent pickles are rejected") {
  const std::string whole =
      "\x80\x02}(X\x01\x00\x00\x00"
      "aJ\x01\x02\x03\x04G\x00\x00\x00\x00\x00\x00\x00\x00K\x01u."s;
  REQUIRE_NOTHROW(scoresde::io::read_pickle(bytes_of(whole)));
  for (std::size_t length = 0; length < whole.size(); ++length)
    REQUIRE_THROWS_AS(
        scoresde::io::read_pickle(bytes_of(std::string_view(whole).substr(0, length))), Error);
  require_rejected("X\xff\xff\xff\xff"sv, {"4294967295"});
  require_rejected("h\x05"sv, {"memo entry 5", "never stored"});
  require_rejected("0"sv, {"empty stack"});
  require_rejected(""sv, {"0 values"});
  require_rejected("NN"sv, {"2 values"});
  require_rejected("N("sv, {"1 marks"});
  require_rejected("t"sv, {"mark"});
  require_rejected("N(\x85"sv, {"empty stack"});
  require_rejected("}(NuN"sv, {"key without a value"});
  require_rejected("N]a"sv, {"None", "a list"});
  require_rejected("ctorch"sv, {"not terminated"});
  require_rejected("\x8b\xff\xff\xff\xff"sv, {"4294967295"});
  require_rejected("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"sv, {"18446744073709551615"});
  for (const char* protocol : {"\x80\x01N.", "\x80\x06N."})
    REQUIRE_THROWS_WITH(scoresde::io::read_pickle(bytes_of(protocol)),
                        Catch::Contains("protocols 2 to 5"));
  REQUIRE_THROWS_WITH(scoresde::io::read_pickle(bytes_of("N."sv)), Catch::Contains("begin"));
}

TEST_CASE("accessing a value as another kind throws and names both kinds") {
  const Pickle read(
      "](K\x01"
      "e"sv);
  REQUIRE_THROWS_WITH(read.root().text(), Catch::Contains("a list") && Catch::Contains("a string"));
  REQUIRE_THROWS_WITH(read.root()[1], Catch::Contains("element 1"));
  REQUIRE_THROWS_WITH(read.root().key(0), Catch::Contains("a dictionary"));
  REQUIRE_THROWS_WITH(Pickle("J\xfe\xff\xff\xff"sv).root().count(), Catch::Contains("-2"));
}

TEST_CASE("deep nesting and repeated calls of one tuple take linear time and memory") {
  std::string deep(300000, ']');
  deep.append(299999, 'a');
  CHECK(Pickle(deep).root().size() == 1);
  std::string calls = "((";
  for (int i = 0; i < 30000; ++i) calls += "K\x01";
  calls +=
      "tq\x01"
      "0"s;
  require_rejected(calls, {"0 values and 1 marks"});
  calls.pop_back();
  for (int i = 0; i < 30000; ++i) calls += "ctorch\nSize\nh\x01\x85R";
  const Pickle read(calls + "t");
  CHECK(read.root().size() == 30001);
  CHECK(read.tree.nodes.size() < 150000);
  // The pairs of one list are not copied repeatedly.
  std::string dicts = "(](";
  for (int i = 0; i < 10000; ++i)
    dicts +=
        "(U\x01"
        "aK\x01t";
  dicts +=
      "eq\x01"
      "0"s;
  for (int i = 0; i < 10000; ++i) dicts += "ccollections\nOrderedDict\nh\x01\x85R";
  require_rejected(dicts + "t", {"list of pairs"});
}
