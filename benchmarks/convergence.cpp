// SPDX-License-Identifier: MIT
/// Every sampler under every SDE: its observed order, evaluations per step, and the distance of its
/// samples from the data after 10, 20, 50 and 100 evaluations of the model.
///
///   error = W₁ = ∫₀¹ |G⁻¹(u) − F⁻¹(u)| du,   G of the samples, F of a mixture on the line at t_min
///
/// is measured in the same way for all, on particles that begin at the quantiles of p_T, so that it
/// contains the error of the sampler only. The normals of stochastic samplers are the quantiles of
/// N(0, 1), assigned in bit-reversed order along the sorted particles: L'Ecuyer, Lécot & Tuffin
/// 2008 (Array-RQMC, doi:10.1287/opre.1080.0556). The remaining sampling error is near 2e-3 with
/// 4096 particles and decreases with their number.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <scoresde/io/atomic_file.hpp>

#include "convergence_table.hpp"

namespace convergence {
namespace {

constexpr std::array<std::size_t, 4> table_budgets{10, 20, 50, 100};
constexpr std::array<std::size_t, 9> plot_budgets{5, 7, 10, 15, 20, 35, 50, 100, 200};

struct Options {
  std::string sde, sampler, csv, plot;
  std::string grid = "log-snr";
  std::size_t particles = 4096;
};

/// An error and the evaluations used: the largest number of whole steps within a budget.
struct Cost {
  std::size_t evaluations = 0;
  double error = unseen;
};

struct Row {
  std::string sde;
  Entry entry;
  Orders orders;
  std::size_t evaluations_per_step = 1;
  std::vector<Cost> table{}, plot{};
};

/// The grid for measuring errors; PNDM keeps its own.
scoresde::TimeGrid error_grid(const std::string& name, const Entry& entry, const AnySde& sde,
                              std::size_t steps) {
  if (entry.grid == Grid::uniform || name == "uniform") return scoresde::uniform_grid(sde, steps);
  if (name == "karras") return scoresde::karras_grid(sde, steps);
  if (name == "quadratic") return scoresde::quadratic_grid(sde, steps);
  return scoresde::log_snr_grid(sde, steps);
}

/// Normals for particles on the line, a power of 2 in number; `x` holds their current positions.
class DealtNoise {
 public:
  DealtNoise(const X& x, const X& quantiles)
      : x_(x), quantiles_(quantiles), order_(x.size()), z_(x.extents()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  [[nodiscard]] const X& draw(std::uint64_t index) const {
    std::sort(order_.begin(), order_.end(),
              [this](std::size_t a, std::size_t b) { return x_(a, 0) < x_(b, 0); });
    const std::size_t count = order_.size();
    const std::size_t shift =
        scoresde::noise_word(scoresde::Noise{.seed = 1}.draw(index), 0, 0) % count;
    std::size_t reversed = 0;
    for (std::size_t rank = 0; rank < count; ++rank) {
      z_(order_[rank], 0) = quantiles_((reversed + shift) % count, 0);
      // Adds 1 from the highest bit down.
      std::size_t bit = count >> 1;
      while (bit != 0 && (reversed & bit) != 0) reversed ^= bit, bit >>= 1;
      reversed |= bit;
    }
    return z_;
  }

 private:
  const X& x_;
  const X& quantiles_;
  mutable std::vector<std::size_t> order_;
  mutable X z_;
};

/// W₁ between a sampler's samples and the mixture at t_min.
class Distance {
 public:
  Distance(const AnySde& sde, std::size_t particles)
      : data_(sde, rough_mixture),
        start_(data_.quantiles(particles, sde.t_max())),
        wanted_(data_.quantiles(particles, sde.t_min())),
        normals_(MixtureData(scoresde::EdmSde(), {{1}, {0}, {1}}).quantiles(particles, 0)) {}

  template <class Sampler>
  double operator()(const Sampler& sampler) {
    X x = start_;
    scoresde::Workspace<X, Sampler::buffers> work(x);
    sampler.integrate(data_.model, x, DealtNoise(x, normals_), work);
    std::sort(x.data(), x.data() + x.size());
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += std::abs(x(k, 0) - wanted_(k, 0));
    return sum / static_cast<double>(x.size());
  }

 private:
  MixtureData data_;
  X start_, wanted_, normals_;
};

/// The error after at most `budget` evaluations.
template <class Make>
Cost cost_of(const AnySde& sde, const Entry& entry, const Make& make, const std::string& grid,
             std::size_t budget, Distance& distance) {
  std::size_t steps = budget;
  while (true) {
    const auto sampler = make(error_grid(grid, entry, sde, steps));
    const std::size_t taken = sampler.nfe();
    if (taken <= budget) return {taken, distance(sampler)};
    if (steps == 1) return {};
    steps = std::max<std::size_t>(1, std::min(steps - 1, steps * budget / taken));
  }
}

/// The rows of one SDE.
void measure(const Options& options, const std::string& name, const AnySde& narrow,
             const AnySde& usual, std::vector<Row>& rows) {
  Distance distance(usual, options.particles);
  std::vector<Row> made;
  const auto add_orders = [&](const Entry& entry, const auto& make) {
    if (entry.name.find(options.sampler) != std::string::npos)
      made.push_back({name, entry, measure_orders(narrow, entry, make)});
  };
  for_each_multistep(narrow, add_orders);
  for_each_predictor(narrow, add_orders);
  for_each_flow(narrow, add_orders);
  std::size_t next = 0;
  const auto add_errors = [&](const Entry& entry, const auto& make) {
    if (entry.name.find(options.sampler) == std::string::npos) return;
    Row& row = made[next++];
    const auto nfe = [&](std::size_t n) { return make(scoresde::uniform_grid(usual, n)).nfe(); };
    row.evaluations_per_step = nfe(61) - nfe(60);
    for (const std::size_t n : table_budgets)
      row.table.push_back(cost_of(usual, entry, make, options.grid, n, distance));
    if (options.plot.empty() || !rows.empty()) return;  // only the first SDE is plotted
    for (const std::size_t n : plot_budgets)
      row.plot.push_back(cost_of(usual, entry, make, options.grid, n, distance));
  };
  for_each_multistep(usual, add_errors);
  for_each_predictor(usual, add_errors);
  for_each_flow(usual, add_errors);
  rows.insert(rows.end(), made.begin(), made.end());
}

std::string order_text(double order) {
  if (std::isnan(order)) return "-";
  if (std::isinf(order)) return "exact";
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", order);
  return text;
}

void print(const std::vector<Row>& rows) {
  std::printf("%-14s %-26s %-5s %6s %5s %9s %6s %7s", "SDE", "sampler", "pred.", "design", "eval.",
              "Gaussian", "mean", "mixture");
  for (const std::size_t n : table_budgets) std::printf("   err %-4zu", n);
  std::printf("\n");
  for (const Row& row : rows) {
    std::printf("%-14s %-26s %-5s %5d%c %5zu %9s %6s %7s", row.sde.c_str(), row.entry.name.c_str(),
                row.entry.prediction.c_str(), row.entry.order, row.entry.stochastic ? 'w' : ' ',
                row.evaluations_per_step, order_text(row.orders.gaussian).c_str(),
                order_text(row.orders.mean).c_str(), order_text(row.orders.mixture).c_str());
    for (const Cost& cost : row.table)
      std::printf(std::isnan(cost.error) ? "         - " : "   %8.2g", cost.error);
    std::printf("\n");
  }
}

void write_csv(const std::vector<Row>& rows, const std::string& path) {
  std::ostringstream text;
  text << "sde,sampler,prediction,design_order,stochastic,evaluations_per_step,order_gaussian,"
          "order_mean,order_mixture";
  for (const std::size_t n : table_budgets) text << ",evaluations_" << n << ",error_" << n;
  text << '\n';
  for (const Row& row : rows) {
    text << row.sde << ",\"" << row.entry.name << "\"," << row.entry.prediction << ','
         << row.entry.order << ',' << row.entry.stochastic << ',' << row.evaluations_per_step << ','
         << order_text(row.orders.gaussian) << ',' << order_text(row.orders.mean) << ','
         << order_text(row.orders.mixture);
    for (const Cost& cost : row.table) text << ',' << cost.evaluations << ',' << cost.error;
    text << '\n';
  }
  scoresde::io::write_file_atomically(path, text.str());
}

/// The gnuplot commands: one panel per family, one line per sampler.
std::string plot_commands(const std::vector<Row>& rows, const std::string& image) {
  const std::vector<std::string> families{"DPM-Solver",        "DPM-Solver++",        "UniPC",
                                          "in sigma and time", "Runge-Kutta in time", "predictors",
                                          "stochastic solvers"};
  std::ostringstream data, plots;
  std::size_t block = 0;
  for (const std::string& family : families) {
    std::vector<std::string> lines, seen;
    for (const Row& row : rows) {
      // One line per sampler under the first SDE; the table contains it in both predictions.
      const bool twin = std::count(seen.begin(), seen.end(), row.entry.name) > 0;
      if (row.entry.family != family || row.sde != rows.front().sde || twin) continue;
      seen.push_back(row.entry.name);
      data << "$d" << block << " << end\n";
      for (const Cost& cost : row.plot)
        if (cost.error > 0) data << cost.evaluations << ' ' << cost.error << '\n';
      data << "end\n";
      // gnuplot has eight colors.
      const char* dashes = lines.size() < 8 ? "1" : "2";
      lines.push_back("$d" + std::to_string(block++) + " with linespoints lw 1.6 pt 7 ps 0.5 dt " +
                      dashes + " title '" + row.entry.name + "'");
    }
    if (lines.empty()) continue;
    plots << "set title '" << family << "'\nplot ";
    for (std::size_t i = 0; i < lines.size(); ++i) plots << (i > 0 ? ", " : "") << lines[i];
    plots << '\n';
  }
  return data.str() + "set terminal pngcairo size 1500,820 font 'sans,10'\nset output '" + image +
         "'\nset logscale xy\nset xrange [4:230]\nset yrange [1e-8:3]\nset format y '10^{%T}'\n"
         "set xtics (5, 10, 20, 50, 100, 200)\nset grid xtics ytics lt 1 lc rgb '#dddddd'\n"
         "set border 3\nset tics nomirror\nset key bottom left spacing 0.95 font ',9'\n"
         "set ylabel 'error (W1)' offset 0.5\nset xlabel 'evaluations of the model' offset "
         "0,0.6\nset multiplot layout 2,4\n" +
         plots.str() + "unset multiplot\n";
}

/// Written to a temporary file and renamed, so that a failed plot keeps the old file.
void plot(const std::vector<Row>& rows, const std::string& path) {
  if (std::system("command -v gnuplot >/dev/null 2>&1") != 0)
    throw scoresde::Error("gnuplot is not installed; on Debian: apt-get install gnuplot-nox");
  const std::string part = path + ".part";
  FILE* gnuplot = ::popen("gnuplot", "w");
  if (gnuplot == nullptr) throw scoresde::Error("gnuplot cannot be started");
  const std::string commands = plot_commands(rows, part);
  std::fwrite(commands.data(), 1, commands.size(), gnuplot);
  const bool drawn = ::pclose(gnuplot) == 0 && std::filesystem::exists(part);
  if (!drawn) {
    std::filesystem::remove(part);
    throw scoresde::Error("gnuplot did not write " + path);
  }
  std::filesystem::rename(part, path);
}

void run(const Options& options) {
  using scoresde::require;
  require(std::has_single_bit(options.particles), "--particles is ", options.particles,
          "; it must be a power of 2");
  if (!options.plot.empty() && options.plot.find('\'') != std::string::npos)
    throw scoresde::Error("--plot: the file's name must not contain a quotation mark");
  std::vector<Row> rows;
  for_each_sde([&](const char* name, const AnySde& narrow, const AnySde& usual) {
    if (options.sde.empty() || options.sde == name) measure(options, name, narrow, usual, rows);
  });
  require(!rows.empty(), "--sampler is '", options.sampler,
          "'; no sampler has a name that contains it");
  print(rows);
  if (!options.csv.empty()) write_csv(rows, options.csv);
  if (!options.plot.empty()) plot(rows, options.plot);
}

}  // namespace
}  // namespace convergence

int main(int argc, char** argv) {
  convergence::Options options;
  CLI::App app("Orders, costs and errors of every sampler under every SDE", "convergence");
  app.add_option("--sde", options.sde, "one SDE of the table, by its name (default: all)")
      ->check(CLI::IsMember({"VP", "cosine VP", "sub-VP", "VE", "EDM", "rectified flow"}));
  app.add_option("--sampler", options.sampler, "samplers whose names contain this (default: all)");
  app.add_option("--grid", options.grid, "grid for measuring errors")
      ->check(CLI::IsMember({"log-snr", "karras", "quadratic", "uniform"}));
  app.add_option("--particles", options.particles, "particles of the mixture, a power of 2")
      ->check(CLI::Range(std::size_t{2}, std::size_t{1} << 20));
  app.add_option("--csv", options.csv, "also write the table to this file");
  app.add_option("--plot", options.plot, "plot errors under the first SDE to this PNG (gnuplot)");
  try {
    app.parse(argc, argv);
    convergence::run(options);
    return 0;
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure);
  } catch (const std::exception& failure) {
    std::cerr << "convergence: " << failure.what() << '\n';
    return 1;
  }
}
