// SPDX-License-Identifier: MIT
/// cifar10_evaluate --table1: an evaluation for each cell of table1_cells.hpp, and their table.
///
///   ve/P100_ancestral/ …              the evaluations
///   table1.{txt,json}, report.html    what is finished, written after each cell
///   reference/, table1.progress.json  of an unfinished run: features of the real images; settings
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/evaluate_options.hpp"
#include "cli/evaluate_run.hpp"
#include "cli/programs.hpp"
#include "cli/table1_report.hpp"

namespace programs {

/// --table1 and the options that need it.
void add_table1_options(CommandLine& line, EvaluateOptions& o);

/// Throws UsageError for options that the grid determines or that are of a single evaluation.
void reject_options_of_one_sampler(const CommandLine& line);

class Table1Run {
 public:
  /// Resolves the options of every cell. Throws Error for checkpoints, options and data that one of
  /// them rejects, before anything is written. Refers to the engines.
  Table1Run(const EvaluateOptions& options, const EvaluateEngines& engines,
            const SampleEngines& samplers);

  /// Throws Error for a finished table or an evaluation in the folder, for an unfinished table
  /// without --resume, for --resume without an unfinished table of the same settings, and as a
  /// cell's evaluation does, naming the cell.
  void operator()();

 private:
  [[nodiscard]] EvaluateOptions options_of(const TableCell& cell) const;
  /// The cell's samples and the reference; resolves the options.
  [[nodiscard]] EvaluationInput input_of(EvaluateOptions& o) const;
  [[nodiscard]] std::map<std::string, std::string> settings() const;
  void prepare(CellResult& result);
  void begin();
  void require_space() const;
  void report_setup() const;
  void run(std::size_t i);
  /// The cell's results, if it is finished.
  void read(CellResult& result);
  void report_rest() const;
  void write() const;
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return options_.out / name;
  }

  EvaluateOptions options_;
  const EvaluateEngines& engines_;
  const SampleEngines& samplers_;
  EvaluationInput reference_;  ///< its samples are not used
  Table table_;
};

}  // namespace programs
