// SPDX-License-Identifier: MIT
/// cifar10_edit stopped and killed: finished results are kept, and a resumed run is bit-identical
/// to an uninterrupted one.
#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>

#include "programs/cifar10_programs.hpp"
#include "programs/edits.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;

/// A run of 3 rows, interpolate 2, in batches of 4 results.
class Editing {
 public:
  Editing() { edits_.checkpoint = edm_checkpoint(edits_.folder, false); }
  [[nodiscard]] std::filesystem::path out(const std::string& name) const {
    return edits_.folder / name;
  }
  [[nodiscard]] Words options(const Words& task, const std::string& name) {
    return edits_.usual(task.front()) + Words(task.begin() + 1, task.end()) +
           Words{"--out", out(name).string(), "--images", "3", "--results", "14", "--steps", "100"};
  }
  /// Ends a run by a signal after its first batch is written.
  [[nodiscard]] Outcome stopped(const Words& arguments, const std::string& name, int number) const {
    const RunningProgram program(program_path(edit_program), arguments, edits_.folder / "output");
    REQUIRE(RunningProgram::wait_for(out(name) / "edit.progress.json"));
    program.signal(number);
    return program.wait();
  }

 private:
  Edits edits_;
};

}  // namespace

TEST_CASE("a stopped cifar10_edit keeps its results, and resumes bit-identically", "[slow]") {
  Editing editing;
  int runs = 0;
  for (const Words& task : {Words{"inpaint"}, Words{"interpolate"},
                            Words{"colorize", "--method", "pigdm", "--noise", "0.1"}}) {
    const std::string whole = "whole" + std::to_string(runs);
    require_success(edit_program, editing.options(task, whole));
    for (const int number : {SIGINT, SIGKILL}) {
      const std::string name = "stopped" + std::to_string(runs++);
      const auto out = editing.out(name);
      const Words again = editing.options(task, name);
      const Outcome outcome = editing.stopped(again, name, number);
      INFO(task.front() << ", signal " << number << ": " << outcome.text);
      CHECK(outcome.status == 128 + number);
      CHECK(std::filesystem::exists(out / "edit.partial"));
      CHECK_FALSE(std::filesystem::exists(out / "edit.npy"));
      CHECK_FALSE(std::filesystem::exists(out / "edit.png"));
      if (number == SIGINT) CHECK(outcome.says("continue with the same options and --resume"));

      require_rejected(edit_program, again, {"unfinished run", "--resume"});
      require_rejected(edit_program, again + Words{"--resume", "--seed", "7", "--images", "2"},
                       {"the settings differ", "--seed is '42' in the stopped run, '7' in this one",
                        "--images is '3' in the stopped run, '2' in this one"});
      const Outcome resumed = require_success(edit_program, again + Words{"--resume"});
      CHECK(resumed.says("results are finished already"));
      for (const char* file : {"edit.npy", "edit.png"})
        CHECK(text_of(out / file) == text_of(editing.out(whole) / file));
      CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 2);
    }
  }
  require_rejected(edit_program, editing.options({"inpaint"}, "whole0") + Words{"--resume"},
                   {"holds no unfinished run"});
}
