// SPDX-License-Identifier: MIT
#include "cli/table1_report.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

#include <scoresde/error.hpp>

#include "cli/report_text.hpp"

namespace programs {
namespace {

using Json = nlohmann::ordered_json;
using scoresde::text;
using Rows = std::vector<std::vector<std::string>>;

const Metric* metric_of(const CellResult& result, const std::string& key) {
  for (const Metric& metric : result.metrics)
    if (metric.key == key) return &metric;
  return nullptr;
}

/// "12.3 ± 0.4", "-" for a cell that is not finished.
std::string value_text(const Metric* metric) {
  if (metric == nullptr) return "-";
  const std::string error = short_number(metric->error);
  return short_number(metric->value) + (error.empty() ? "" : " ± " + error);
}

/// A row for each SDE and predictor; the corrector alone is in the first one of the SDE.
Rows value_rows(const Table& table, const std::string& key) {
  const auto samplers = table1_samplers(table.steps);
  Rows rows{{"SDE", "predictor"}};
  rows[0].insert(rows[0].end(), samplers.begin(), samplers.end());
  for (const std::string& sde : table1_sdes())
    for (const std::string& predictor : table1_predictors()) {
      const bool first = predictor == table1_predictors().front();
      std::vector<std::string> row{first ? sde : "", predictor};
      for (const std::string& sampler : samplers) {
        std::string value;
        for (const CellResult& result : table.cells) {
          const TableCell& c = result.cell;
          const bool here = c.predicts() ? c.predictor == predictor : first;
          if (here && c.sde == sde && c.sampler == sampler)
            value = value_text(metric_of(result, key));
        }
        row.push_back(value);
      }
      rows.push_back(std::move(row));
    }
  return rows;
}

Rows cell_rows(const Table& table) {
  Rows rows{{"cell", "snr", "evaluations", "clamped", "seconds"}};
  for (const CellResult& result : table.cells)
    rows.push_back({result.cell.name(), result.cell.snr ? short_number(*result.cell.snr) : "",
                    text(result.evaluations), short_number(100 * result.clamped) + " %",
                    result.seconds > 0 ? short_number(result.seconds) : ""});
  return rows;
}

/// A metric that any cell has.
const Metric* any_metric(const Table& table, const std::string& key) {
  for (const CellResult& result : table.cells)
    if (const Metric* metric = metric_of(result, key)) return metric;
  return nullptr;
}

/// "Fréchet distance (classifier, 128) ± standard error; floor 1.2".
std::string title_of(const Metric& metric) {
  std::string title = metric.name + " ± standard error";
  if (metric.floor) title += "; floor " + short_number(*metric.floor);
  return title;
}

std::string columns(const Rows& rows) {
  std::string all;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      std::size_t width = 0;
      for (const auto& other : rows) width = std::max(width, display_width(other[c]));
      line += padded(row[c], width + 2);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    all += line + '\n';
  }
  return all;
}

std::string html_rows(const Rows& rows) {
  std::string all = "<div class=\"wide\"><table>\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::string tag = r == 0 ? "th" : "td";
    all += "<tr>";
    for (const std::string& word : rows[r])
      all += "<" + tag + " class=\"number\">" + html_escaped(word) + "</" + tag + ">";
    all += "</tr>\n";
  }
  return all + "</table></div>\n";
}

Json json_of(const Metric& m) {
  Json entry{{"key", m.key},     {"name", m.name}, {"value", m.value}, {"standard_error", m.error},
             {"floor", nullptr}, {"note", m.note}};
  if (m.floor) entry["floor"] = *m.floor;
  return entry;
}

/// null is a number that does not exist.
double number_of(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Metric metric_of(const Json& entry) {
  Metric m{entry.at("key").get<std::string>(),
           entry.at("name").get<std::string>(),
           number_of(entry.at("value")),
           number_of(entry.at("standard_error")),
           {},
           entry.at("note").get<std::string>()};
  if (!entry.at("floor").is_null()) m.floor = entry.at("floor").get<double>();
  return m;
}

/// read(json); throws Error for text that it cannot read.
template <class Read>
void parsed(const std::string& path, const std::string& json, const Read& read) {
  try {
    read(Json::parse(json));
  } catch (const nlohmann::json::exception& failure) {
    throw scoresde::Error(
        text("--resume: ", path, " is not a result of cifar10_evaluate: ", failure.what()));
  }
}

constexpr const char* distances[] = {"frechet_distance", "kernel_distance"};

}  // namespace

std::size_t Table::finished() const {
  return static_cast<std::size_t>(std::count_if(
      cells.begin(), cells.end(), [](const auto& result) { return !result.metrics.empty(); }));
}

std::string table_text(const Table& table) {
  std::string all;
  for (const char* key : distances)
    if (const Metric* metric = any_metric(table, key))
      all += title_of(*metric) + '\n' + columns(value_rows(table, key)) + '\n';
  all += columns(cell_rows(table));
  for (const std::string& note : table.notes) all += "note        " + note + '\n';
  return all;
}

std::string table_json(const Table& table) {
  Json json;
  for (const auto& [name, value] : table.facts) json["facts"][name] = value;
  json["cells"] = Json::array();
  for (const CellResult& result : table.cells) {
    const TableCell& c = result.cell;
    Json entry{{"name", c.name()},
               {"sde", c.sde},
               {"predictor", c.predictor},
               {"sampler", c.sampler},
               {"steps", c.steps},
               {"corrector_steps", c.corrections},
               {"snr", nullptr},
               {"evaluations", result.evaluations},
               {"clamped", result.clamped},
               {"seconds", result.seconds},
               {"metrics", Json::array()}};
    if (c.snr) entry["snr"] = *c.snr;
    for (const Metric& m : result.metrics) entry["metrics"].push_back(json_of(m));
    json["cells"].push_back(std::move(entry));
  }
  json["notes"] = table.notes;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string table_html(const Table& table) {
  std::string page =
      html_head("Predictors, correctors and SDEs") + html_facts(table.facts) +
      "<p>The grid of Song et al. 2021, table 1: P is a predictor alone, C the corrector alone, PC "
      "both; the number is that of their evaluations for P and C, of the steps for PC. The floor "
      "is "
      "the value of as many real images in the place of the samples.</p>\n";
  for (const char* key : distances)
    if (const Metric* metric = any_metric(table, key))
      page +=
          "<h2>" + html_escaped(title_of(*metric)) + "</h2>\n" + html_rows(value_rows(table, key));
  page += "<h2>Cells</h2>\n" + html_rows(cell_rows(table));
  for (const std::string& note : table.notes) page += "<p>" + html_escaped(note) + "</p>\n";
  return page + html_end;
}

void read_evaluation(const std::string& path, const std::string& json, CellResult& result,
                     Table& table) {
  parsed(path, json, [&](const Json& evaluation) {
    result.metrics.clear();
    for (const Json& entry : evaluation.at("metrics")) result.metrics.push_back(metric_of(entry));
    for (const auto& [name, value] : evaluation.at("facts").items()) {
      const bool there = std::any_of(table.facts.begin(), table.facts.end(),
                                     [&](const auto& fact) { return fact.first == name; });
      if (!there) table.facts.emplace_back(name, value.get<std::string>());
    }
    for (const Json& entry : evaluation.at("notes")) {
      const auto note = entry.get<std::string>();
      if (std::find(table.notes.begin(), table.notes.end(), note) == table.notes.end())
        table.notes.push_back(note);
    }
  });
}

void read_seconds(const std::string& path, const std::string& json, Table& table) {
  parsed(path, json, [&](const Json& kept) {
    for (const Json& entry : kept.at("cells"))
      for (CellResult& result : table.cells)
        if (result.cell.name() == entry.at("name").get<std::string>())
          result.seconds = entry.at("seconds").get<double>();
  });
}

}  // namespace programs
