// SPDX-License-Identifier: MIT
#include "cli/evaluate_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

#include "cli/report_text.hpp"

namespace programs {
namespace {

std::string floor_text(const Metric& metric) {
  return metric.floor ? short_number(*metric.floor) : "";
}

/// RFC 4648, section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// The drawing of a plot: 320 × 200 units, with a margin for numbers.
class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    for (const Curve& curve : plot.curves)
      for (const auto& [x, y] : curve.points) {
        least_x_ = std::min(least_x_, x), most_x_ = std::max(most_x_, x);
        most_y_ = std::max(most_y_, y);
      }
  }

  [[nodiscard]] std::string svg() const {
    std::string text = "<svg viewBox=\"0 0 320 200\" role=\"img\"><title>" +
                       html_escaped(plot_.title) +
                       "</title><path class=\"axis\" d=\"M44 12V168H312\"/>";
    text += label(44, 182, "middle", short_number(least_x_)) +
            label(312, 182, "end", short_number(most_x_)) + label(178, 196, "middle", plot_.x) +
            label(40, 168, "end", "0") + label(40, 18, "end", short_number(most_y_));
    for (std::size_t i = 0; i < plot_.curves.size(); ++i) text += curve(i);
    return text + "</svg>";
  }

 private:
  static std::string label(int x, int y, const char* anchor, const std::string& words,
                           const char* color = "currentColor") {
    return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" text-anchor=\"" +
           anchor + "\" fill=\"" + color + "\">" + html_escaped(words) + "</text>";
  }

  [[nodiscard]] std::string curve(std::size_t i) const {
    constexpr std::array colors{"#c0392b", "#2471a3"};
    const char* const color = colors[i % colors.size()];
    std::string points, marks;
    for (const auto& [x, y] : plot_.curves[i].points) {
      const double across = most_x_ > least_x_ ? (x - least_x_) / (most_x_ - least_x_) : 1;
      const double up = most_y_ > 0 ? std::max(0.0, y) / most_y_ : 0;
      char place[64];
      std::snprintf(place, sizeof place, "%.1f,%.1f", 44 + 268 * across, 168 - 150 * up);
      points += (points.empty() ? "" : " ") + std::string(place);
    }
    return "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + color +
           "\" stroke-width=\"2\"/>" +
           label(308, 24 + 14 * static_cast<int>(i), "end", plot_.curves[i].name, color);
  }

  const Plot& plot_;
  double least_x_ = std::numeric_limits<double>::infinity(), most_x_ = -least_x_, most_y_ = 0;
};

std::string metrics_html(const Evaluation& evaluation) {
  std::string text =
      "<h2>Metrics</h2>\n<p>The floor is the value of as many real images in the place of the "
      "samples.</p>\n<div class=\"wide\"><table>\n<tr><th>metric</th><th>value ± standard "
      "error</th><th>floor</th></tr>\n";
  for (const Metric& m : evaluation.metrics) {
    const std::string error = short_number(m.error);
    text += "<tr><td>" + html_escaped(m.name) + "<small>" + html_escaped(m.note) +
            "</small></td><td class=\"number\">" + short_number(m.value) +
            (error.empty() ? "" : " ± " + error) + "</td><td class=\"number\">" + floor_text(m) +
            "</td></tr>\n";
  }
  text += "</table></div>\n";
  for (const std::string& note : evaluation.notes) text += "<p>" + html_escaped(note) + "</p>\n";
  return text;
}

std::string image_html(const char* title, const char* words, const std::string& png) {
  if (png.empty()) return "";
  return std::string("<h2>") + title + "</h2>\n<p>" + words + "</p>\n<img alt=\"" + title +
         "\" src=\"data:image/png;base64," + base64(png) + "\"/>\n";
}

}  // namespace

std::string evaluation_text(const Evaluation& evaluation) {
  std::size_t width = 6;
  for (const Metric& m : evaluation.metrics) width = std::max(width, display_width(m.name));
  std::string text = padded("metric", width) + "  value       +- error    floor\n";
  for (const Metric& m : evaluation.metrics) {
    std::string line = padded(m.name, width) + "  " + padded(short_number(m.value), 10) + "  " +
                       padded(short_number(m.error), 10) + "  " + floor_text(m);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  for (const std::string& note : evaluation.notes) text += "note        " + note + '\n';
  return text;
}

std::string evaluation_json(const EvaluationFacts& facts, const Evaluation& evaluation) {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : facts) json["facts"][name] = value;
  json["metrics"] = nlohmann::ordered_json::array();
  for (const Metric& m : evaluation.metrics) {
    nlohmann::ordered_json entry{{"key", m.key},     {"name", m.name},
                                 {"value", m.value}, {"standard_error", m.error},
                                 {"floor", nullptr}, {"note", m.note}};
    if (m.floor) entry["floor"] = *m.floor;
    json["metrics"].push_back(std::move(entry));
  }
  json["notes"] = evaluation.notes;
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string evaluation_html(const EvaluationFacts& facts, const Evaluation& evaluation,
                            const ReportImages& images) {
  std::string text = html_head("Evaluation of samples") + html_facts(facts) +
                     metrics_html(evaluation) +
                     image_html("Samples", "The first samples.", images.samples) +
                     image_html("Nearest real images",
                                "Each row is a sample, then the real images that are nearest to it "
                                "in the space of the features, nearest first. A copy of one is "
                                "memorized.",
                                images.neighbors);
  for (const Plot& plot : evaluation.plots)
    text += "<h2>" + html_escaped(plot.title) + "</h2>\n" + Drawing(plot).svg() + '\n';
  return text + html_end;
}

}  // namespace programs
