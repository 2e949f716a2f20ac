// SPDX-License-Identifier: MIT
#include "cli/table1_run.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <system_error>

#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/evaluate_input.hpp"
#include "cli/progress_bar.hpp"
#include "cli/resource_check.hpp"
#include "cli/sample_settings.hpp"
#include "cli/sampling_options.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

using scoresde::require;
using scoresde::require_usage;
using scoresde::text;

constexpr const char* text_name = "table1.txt";
constexpr const char* progress_name = "table1.progress.json";
constexpr const char* reference_name = "reference";

std::string content_of(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void add_table1_options(CommandLine& line, EvaluateOptions& o) {
  line.add_flag(
      "--table1", o.table1,
      "Evaluate the predictors, correctors and SDEs of Song et al. 2021, table 1, each in "
      "a folder of --out, with --samples samples each (default: 256)");
  line.add_option("--table1-steps", o.table1_steps,
                  "n for --table1, whose samplers are P n, P 2n, C 2n and PC n; 1000 in the paper")
      .shows_default()
      .check(natural_number(1, 500000))
      .needs("--table1");
  const auto add = [&](const char* option, std::filesystem::path& file, const char* words) {
    line.add_option(option, file, words).check(path()).needs("--table1");
  };
  add("--checkpoint-ve", o.checkpoint_ve,
      "Checkpoint for the VE SDE of --table1 (default: --checkpoint, by change of variables)");
  add("--checkpoint-vp", o.checkpoint_vp, "The same for VP");
}

void reject_options_of_one_sampler(const CommandLine& line) {
  std::vector<std::string> rejected = line.given_of(sampler_group);
  for (const char* name : {"--sampler", "--solver", "--sde", "--eps", "--final"})
    if (line.given(name)) rejected.emplace_back(name);
  require_usage(rejected.empty(), rejected.empty() ? "" : rejected.front(),
                " cannot be combined with --table1, whose cells determine SDE, sampler and steps; "
                "--table1-steps sets their number");
  for (const char* name : {"--from", "--overwrite", "--save-statistics"})
    require_usage(!line.given(name), name, " cannot be combined with --table1; it is for a single ",
                  "evaluation");
}

Table1Run::Table1Run(const EvaluateOptions& options, const EvaluateEngines& engines,
                     const SampleEngines& samplers)
    : options_(options), engines_(engines), samplers_(samplers) {
  if (options_.sampling.samples == 0) options_.sampling.samples = 256;
  for (auto* file : {&options_.checkpoint_ve, &options_.checkpoint_vp})
    if (file->empty()) *file = options_.sampling.checkpoint;
  options_.reference_rows = path(reference_name);
  table_.steps = options_.table1_steps;
  table_.facts = {{"samples", text(options_.sampling.samples, " per cell")},
                  {"checkpoint ve", options_.checkpoint_ve.string()},
                  {"checkpoint vp", options_.checkpoint_vp.string()}};
  for (const TableCell& cell : table1_cells(options_.table1_steps))
    table_.cells.push_back({.cell = cell, .metrics = {}});
  EvaluateOptions first = options_of(table_.cells.front().cell);
  reference_ = samples_of_checkpoint({}, first, samplers_);
  open_reference(options_, reference_);
  for (CellResult& result : table_.cells) prepare(result);
}

EvaluateOptions Table1Run::options_of(const TableCell& cell) const {
  EvaluateOptions o = options_;
  o.out = path(cell.name());
  o.sampling.checkpoint = cell.sde == "ve" ? options_.checkpoint_ve : options_.checkpoint_vp;
  o.resume = std::filesystem::exists(o.out / evaluation_progress_name);
  cell.choose(o.sampling);
  return o;
}

EvaluationInput Table1Run::input_of(EvaluateOptions& o) const {
  EvaluationInput input = samples_of_checkpoint({}, o, samplers_);
  require_usage(input.channels == reference_.channels && input.height == reference_.height &&
                    input.width == reference_.width,
                "--checkpoint-vp: the images have ", input.channels, " x ", input.height, " x ",
                input.width, " values; those of --checkpoint-ve have ", reference_.channels, " x ",
                reference_.height, " x ", reference_.width);
  input.reference = reference_.reference;
  input.statistics = reference_.statistics;
  return input;
}

void Table1Run::prepare(CellResult& result) {
  EvaluateOptions o = options_of(result.cell);
  static_cast<void>(input_of(o));
  const SampleOptions& s = o.sampling;
  result.evaluations = result.cell.evaluations() * s.classes.evaluations();
  result.clamped = clamped_share(result.cell, s, checkpoint_configuration(s.checkpoint));
  const std::string note = s.sde_note.empty() ? "" : "SDE " + s.sde_note + ".";
  if (!note.empty() &&
      std::find(table_.notes.begin(), table_.notes.end(), note) == table_.notes.end())
    table_.notes.push_back(note);
}

/// Those of the first cell, but for what differs between cells.
std::map<std::string, std::string> Table1Run::settings() const {
  EvaluateOptions first = options_of(table_.cells.front().cell);
  const EvaluationInput input = input_of(first);
  auto settings = evaluate_settings(first, input);
  for (const char* name : {"checkpoint", "--steps", "--predictor", "--corrector", "--sde"})
    settings.erase(name);
  settings.insert({{"--table1-steps", text(options_.table1_steps)},
                   {"checkpoint ve", file_identity(options_.checkpoint_ve)},
                   {"checkpoint vp", file_identity(options_.checkpoint_vp)}});
  return settings;
}

void Table1Run::operator()() {
  begin();
  report_setup();
  for (std::size_t i = 0; i < table_.cells.size(); ++i) {
    if (table_.cells[i].metrics.empty()) run(i);
    if (stop_requested()) break;
  }
  if (table_.finished() > 0) std::cout << '\n' << table_text(table_);
  if (table_.finished() < table_.cells.size()) {
    std::cout << "stopped     by " << stop_signal_name() << " after " << table_.finished() << " of "
              << table_.cells.size() << " cells; continue with the same options and --resume"
              << std::endl;
    return;
  }
  std::error_code failure;
  ReferenceRows(options_.reference_rows, {}).remove();
  std::filesystem::remove(path(progress_name), failure);
  std::cout << "files       " << path(table_name).string() << ", " << text_name
            << (options_.report ? text(", ", report_name) : "") << std::endl;
}

/// Samples of unfinished cells, as arrays of two formats.
void Table1Run::require_space() const {
  const std::size_t image = reference_.channels * reference_.height * reference_.width;
  const std::size_t cells = table_.cells.size() - table_.finished();
  require_disk_space(
      options_.out, 2 * float_bytes(static_cast<double>(cells * options_.sampling.samples * image)),
      "fewer --samples need less");
}

/// Checks the folder, and reads what is finished.
void Table1Run::begin() {
  for (const char* name : {evaluation_name, evaluation_progress_name})
    require(!std::filesystem::exists(path(name)), "--out: ", options_.out.string(),
            " holds an evaluation of one sampler, ", name, "; choose another folder");
  const SampleProgress progress =
      starting_progress(options_.out, progress_name, options_.resume, settings());
  const auto require_absent = [&](const std::filesystem::path& file) {
    require(options_.resume || !std::filesystem::exists(file), "--out: ", options_.out.string(),
            " holds results of another table, ", file.string(), "; choose another folder");
  };
  require_absent(path(table_name));
  for (const CellResult& result : table_.cells)
    for (const char* name : {evaluation_name, evaluation_progress_name})
      require_absent(path(result.cell.name()) / name);
  for (const char* name : {table_name, text_name, report_name, progress_name})
    scoresde::io::require_writable_file(path(name));
  if (std::filesystem::exists(path(table_name)))
    read_seconds(path(table_name).string(), content_of(path(table_name)), table_);
  for (CellResult& result : table_.cells) read(result);
  require_space();
  write_progress(path(progress_name), progress);
  catch_stop_signals();
}

void Table1Run::report_setup() const {
  std::size_t evaluations = 0;
  for (const CellResult& result : table_.cells)
    if (result.metrics.empty()) evaluations += result.evaluations * options_.sampling.samples;
  std::cout << "table 1     " << table_.cells.size() << " cells, " << options_.sampling.samples
            << " samples each\n";
  for (const std::string& note : table_.notes) std::cout << "note        " << note << '\n';
  if (table_.finished() > 0)
    std::cout << "resumed     " << table_.finished() << " cells are finished already\n";
  std::cout << "forecast    " << evaluations << " evaluations of the network"
            << (table_.finished() == 0 ? "; that of the time follows the first cell" : "")
            << std::endl;
  if (table_.finished() > 0) report_rest();
}

void Table1Run::run(std::size_t i) {
  CellResult& result = table_.cells[i];
  const std::string name = result.cell.name();
  std::cout << "\ncell        " << name << ", " << i + 1 << " of " << table_.cells.size()
            << std::endl;
  const double start = seconds_now();
  EvaluateOptions o = options_of(result.cell);
  try {
    const EvaluationInput input = input_of(o);
    std::filesystem::create_directories(o.out);
    engines_.of(o.sampling.backend)(o, input);
  } catch (const scoresde::UsageError& failure) {
    throw scoresde::UsageError(text(name, ": ", failure.what()));
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(text(name, ": ", failure.what()));
  }
  result.seconds += seconds_now() - start;
  read(result);
  write();
  if (!result.metrics.empty()) report_rest();
}

void Table1Run::read(CellResult& result) {
  const auto file = path(result.cell.name()) / evaluation_name;
  if (std::filesystem::exists(file))
    read_evaluation(file.string(), content_of(file), result, table_);
}

/// The time that the other cells take, at the pace of those that are finished. The first one also
/// computed the features of the real images, so its pace is an upper limit.
void Table1Run::report_rest() const {
  double seconds = 0, done = 0, left = 0;
  const bool first_alone = table_.finished() == 1;
  for (const CellResult& result : table_.cells) {
    const auto evaluations = static_cast<double>(result.evaluations);
    const bool is_first = &result == &table_.cells.front();
    if (result.metrics.empty())
      left += evaluations;
    else if (first_alone || !is_first)
      seconds += result.seconds, done += evaluations;
  }
  if (left > 0)
    std::cout << "forecast    " << (first_alone ? "at most " : "about ")
              << clock_text(seconds / done * left) << " for the other "
              << table_.cells.size() - table_.finished() << " cells" << std::endl;
}

void Table1Run::write() const {
  const auto write_text = [&](const char* name, const std::string& contents) {
    scoresde::io::write_file_atomically(path(name), std::string_view(contents));
  };
  write_text(text_name, table_text(table_));
  if (options_.report) write_text(report_name, table_html(table_));
  write_text(table_name, table_json(table_));
}

}  // namespace programs
