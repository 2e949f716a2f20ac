// SPDX-License-Identifier: MIT
#include "cli/report_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace programs {
namespace {

/// A page before its title, and from there to its heading.
constexpr const char* before_title =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
    "<title>";
constexpr const char* between_titles =
    "</title>\n<style>\n"
    "body{font:16px/1.5 sans-serif;max-width:46rem;margin:0 auto;padding:0 1rem;"
    "overflow-wrap:anywhere}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\n"
    "img{width:100%;max-width:40rem;height:auto;image-rendering:pixelated}\n"
    "svg{width:100%;max-width:40rem;height:auto;font-size:11px}.axis{fill:none;stroke:currentColor}"
    "\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.3rem .5rem .3rem 0;border-bottom:1px solid #8885;"
    "vertical-align:top}\n"
    "th{overflow-wrap:normal}td small{display:block;opacity:.7}.number{white-space:nowrap}\n"
    "</style>\n</head>\n<body>\n<h1>";

}  // namespace

std::string short_number(double value) {
  if (!std::isfinite(value)) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}
std::string padded(const std::string& text, std::size_t width) {
  const std::size_t own = display_width(text);
  return text + std::string(width > own ? width - own : 0, ' ');
}

std::string html_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

std::string html_head(const std::string& title) {
  const std::string words = html_escaped(title);
  return before_title + words + between_titles + words + "</h1>\n";
}

std::string html_facts(const EvaluationFacts& facts) {
  std::string text = "<table>\n";
  for (const auto& [name, value] : facts)
    text += "<tr><th>" + html_escaped(name) + "</th><td>" + html_escaped(value) + "</td></tr>\n";
  return text + "</table>\n";
}

}  // namespace programs
