// SPDX-License-Identifier: MIT
/// Whole sampling runs on a GPU, as a line of JSON: the share of a predictor-corrector run outside
/// the network, and the cost of a captured step by itself.
///
///   outside = 1 − evaluations·(seconds of one forward pass) / (seconds of the run)
///
/// The run is reverse diffusion with one Langevin step per time, replayed by CapturedSampler with a
/// network of a preset; the forward pass is that of the same network, as a separate graph, timed
/// directly before and after. `step_seconds` is the same run with a score that is one term of x.
#include <array>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "ceilings.hpp"
#include "cli/command_line.hpp"
#include "cli/preset_names.hpp"
#include "device_timer.hpp"

namespace {

using namespace scoresde;
using Activation = cuda::Bfloat16;
using State = cuda::DeviceState<float>;

struct Options {
  std::string preset = "cifar10_small", plan_cache;
  std::size_t batch = 64, steps = 100, runs = 3;
};

/// The score of N(0, I), with its factor read on the device: one assignment.
struct OneTerm {
  [[nodiscard]] std::array<double, 1> conditioning(double) const { return {-1.0}; }
  void evaluate(const State& x, double t, State& output) const {
    const Term<State> term{conditioning(t)[0], &x};
    backend(output).assign(output, std::span<const Term<State>>(&term, 1), NoiseTerm{});
  }
  void evaluate(const State& x, cuda::DeviceCoefficients conditioning, State& output) const {
    const std::array<const State*, 1> states{&x};
    backend(output).assign(output, std::span<const State* const>(states), conditioning);
  }
  [[nodiscard]] ScoreForm score_form(double) const { return {0, 1}; }
};

PredictorCorrector<VpSde, ReverseDiffusion, Langevin> sampler_of(std::size_t steps) {
  const VpSde sde;
  return {sde, ReverseDiffusion{}, Langevin{.snr = 0.16}, uniform_grid(sde, steps)};
}

/// Seconds of a replay; the sampler waits for the device once, at the end of the run.
template <class Model>
Times time_replays(Model& model, const State& like, const Options& options, SamplerStatistics& did,
                   std::size_t& graphs) {
  const auto sampler = sampler_of(options.steps);
  const cuda::CapturedSampler captured(sampler, model, like);
  graphs = captured.graphs().graphs();
  State x(like);
  did = captured.sample(x, Noise{.seed = 1});
  device::DeviceTimer timer(like.context());
  timer.mark();
  for (std::size_t i = 0; i < options.runs; ++i) {
    captured.sample(x, Noise{.seed = i + 2});
    timer.mark();
  }
  return summary(timer.intervals());
}

class Measurement {
  using Network = nn::Network<cuda::Ops<Activation>>;
  using Score = nn::ScoreNetwork<cuda::Ops<Activation>, VpSde>;

 public:
  explicit Measurement(const Options& options)
      : options_(options),
        graph_(nn::unet(nn::preset(options.preset).network)),
        network_(graph_, options.batch, nn::Mode::inference,
                 cuda::Ops<Activation>(context_, {.cache = options.plan_cache})),
        parameters_(context_, graph_.parameters().size()),
        x_(context_, {options.batch, network_.input_shape().size()}) {
    std::vector<float> host(graph_.parameters().size());
    nn::initialize<float>(graph_.parameters(), host, 1);
    context_.copy_to_device(parameters_.data(), host.data(), host.size() * sizeof(float));
    network_.freeze(parameters_.span());
    backend(x_).assign(x_, std::span<const Term<State>>(), {1, Noise{.seed = 1}.draw(0)});
  }

  nlohmann::ordered_json operator()() {
    Score score(network_, parameters_.span(), VpSde());
    OneTerm one_term;
    SamplerStatistics did;
    std::size_t graphs = 0, free_graphs = 0;
    const double before = forward_seconds(score);
    const Times whole = time_replays(score, x_, options_, did, graphs);
    const double forward = (before + forward_seconds(score)) / 2;
    SamplerStatistics free_did;
    const Times free = time_replays(one_term, x_, options_, free_did, free_graphs);
    const double steps = static_cast<double>(options_.steps);
    return {{"program", "sampler"},
            {"preset", options_.preset},
            {"precision", "bf16"},
            {"batch", options_.batch},
            {"steps", options_.steps},
            {"evaluations", did.nfe},
            {"graphs", graphs},
            {"run_seconds", whole.median},
            {"forward_seconds", forward},
            {"outside", 1 - static_cast<double>(did.nfe) * forward / whole.median},
            {"images_per_second", static_cast<double>(options_.batch) / whole.median},
            {"step_seconds", free.median / steps},
            {"device", context_.name()}};
  }

 private:
  double forward_seconds(Score& score) {
    const std::span<const double> numbers = score.conditioning(0.5);
    const cuda::DeviceMemory conditioning(context_, numbers.size_bytes());
    context_.copy_to_device(conditioning.data(), numbers.data(), numbers.size_bytes());
    State y(x_);
    const auto forward = [&] { score.evaluate(x_, {conditioning.data<double>()}, y); };
    forward();
    const cuda::Graph graph(context_, forward);
    return device::time_runs(
               context_, [&] { graph.launch(); }, 0.2, 20)
        .median;
  }

  Options options_;
  cuda::Context context_;
  nn::Graph graph_;
  Network network_;
  cuda::FloatBuffer parameters_;
  State x_;
};

void add_options(programs::CommandLine& line, Options& o) {
  line.add_option("--preset", o.preset, "Network, one of: " + programs::preset_names())
      .shows_default();
  line.add_option("--batch", o.batch, "Images")
      .shows_default()
      .check(programs::natural_number(1, 65536));
  line.add_option("--steps", o.steps, "Steps of the grid, two evaluations each")
      .shows_default()
      .check(programs::natural_number(2, 100000));
  line.add_option("--runs", o.runs, "Runs to time")
      .shows_default()
      .check(programs::natural_number(1, 10000));
  line.add_option("--plan-cache", o.plan_cache, "Folder for cuDNN plans, kept between runs");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  programs::CommandLine line("device_sampler", "Whole sampling runs on a GPU, as a line of JSON");
  add_options(line, options);
  return line.run(argc, argv, [&] {
    std::cout << Measurement(options)().dump() << std::endl;
    return 0;
  });
}
