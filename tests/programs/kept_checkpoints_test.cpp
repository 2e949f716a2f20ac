// SPDX-License-Identifier: MIT
#include "cli/kept_checkpoints.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

#include <sys/stat.h>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace programs;
using scoresde::test::TemporaryFolder;
using Steps = std::vector<std::uint64_t>;

TEST_CASE("the checkpoint just written stays, whatever later ones are in the folder") {
  const TemporaryFolder folder;
  for (const std::uint64_t step : {2, 4, 6}) folder.write(numbered_checkpoint(step), "");
  keep_newest(folder.path(), 1, 4);
  CHECK(kept_steps(folder.path()) == Steps{4, 6});
  keep_newest(folder.path(), 0, 6);
  CHECK(kept_steps(folder.path()) == Steps{4, 6});
}

TEST_CASE("a folder with numbered checkpoints, snapshots or rows of a log holds files of a run") {
  const TemporaryFolder folder;
  folder.write("train_log.csv", "");
  folder.write("notes.safetensors", "");
  REQUIRE(::mkfifo((folder / "held_out.csv").c_str(), 0666) == 0);  // opening it would block
  CHECK_FALSE(file_of_a_run(folder.path()));
  folder.write("weights_0000000020_raw.safetensors", "");
  CHECK(file_of_a_run(folder.path()) == "weights_0000000020_raw.safetensors");
  folder.write(numbered_checkpoint(2), "");
  CHECK(file_of_a_run(folder.path()) == "checkpoint_0000002.safetensors");
  CHECK_FALSE(file_of_a_run(folder / "none"));
  const TemporaryFolder log, samples;
  log.write("train_log.csv", "step,images\n");
  CHECK_FALSE(file_of_a_run(log.path()));
  log.write("train_log.csv", "step,images\n10,80\n");
  CHECK(file_of_a_run(log.path()) == "train_log.csv");
  samples.write("snapshot_0000010.png", "");
  CHECK(file_of_a_run(samples.path()) == "snapshot_0000010.png");
}

TEST_CASE("a run that goes back renames its later checkpoints and loses none") {
  const TemporaryFolder folder;
  for (const std::uint64_t step : {2, 4, 6}) folder.write(numbered_checkpoint(step), "first");
  const auto renamed = set_later_aside(folder.path(), 2);
  REQUIRE(renamed.size() == 2);
  CHECK(renamed[0].second == "checkpoint_0000004.superseded.safetensors");
  CHECK(kept_steps(folder.path()) == Steps{2});
  folder.write(numbered_checkpoint(4), "second");
  CHECK(set_later_aside(folder.path(), 2)[0].second ==
        "checkpoint_0000004.superseded-2.safetensors");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 4);
  CHECK(set_later_aside(folder.path(), 2).empty());
}
