// SPDX-License-Identifier: MIT
/// The table of --table1 as text, as JSON, and as one HTML page that needs no network.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/evaluate_metrics.hpp"
#include "cli/evaluate_report.hpp"
#include "cli/table1_cells.hpp"

namespace programs {

/// A cell and what is known of it.
struct CellResult {
  TableCell cell;
  std::size_t evaluations = 0;  ///< of the network, for a sample
  double clamped = 0;           ///< share of them at noise levels outside those of training
  double seconds = 0;           ///< of sampling and evaluation, in all runs
  std::vector<Metric> metrics;  ///< none while the cell is not finished
};

struct Table {
  std::size_t steps = 0;
  EvaluationFacts facts;
  std::vector<std::string> notes;
  std::vector<CellResult> cells;

  [[nodiscard]] std::size_t finished() const;
};

/// Fréchet and kernel distance by SDE, predictor and sampler, then a line for each cell.
[[nodiscard]] std::string table_text(const Table& table);

/// {"facts": {…}, "cells": [{"name", "sde", "predictor", "sampler", "steps", "corrector_steps",
/// "snr", "evaluations", "clamped", "seconds", "metrics"}], "notes": […]}; the metrics are those of
/// evaluation_json, an empty array while the cell is not finished.
[[nodiscard]] std::string table_json(const Table& table);

/// As evaluation_html.
[[nodiscard]] std::string table_html(const Table& table);

/// Reads the results of the cell's evaluation_json, and adds the facts and notes that the table
/// does not have yet. Throws Error for other text, which `path` names.
void read_evaluation(const std::string& path, const std::string& json, CellResult& result,
                     Table& table);

/// Reads the seconds of the cells from a table_json. Throws Error as above.
void read_seconds(const std::string& path, const std::string& json, Table& table);

}  // namespace programs
