// SPDX-License-Identifier: MIT
#include "tools/network_file.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <span>
#include <utility>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/checkpoint_replacement.hpp>
#include <scoresde/checkpoint/diffusers_checkpoint.hpp>
#include <scoresde/checkpoint/diffusers_config.hpp>
#include <scoresde/checkpoint/diffusers_folder.hpp>
#include <scoresde/checkpoint/diffusers_scheduler.hpp>
#include <scoresde/checkpoint/score_sde_checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/resource_check.hpp"
#include "tools/run_settings.hpp"

namespace convert {

using scoresde::Error;
using scoresde::require;
using scoresde::text;

Format format_of(const fs::path& path) {
  if (fs::is_directory(path) || path.extension() == ".json") return Format::diffusers;
  if (scoresde::io::is_torch_file(path)) {
    if (scoresde::is_score_sde_checkpoint(scoresde::io::TorchFile::open(path)))
      return Format::score_sde;
    require(fs::exists(fs::absolute(path).parent_path() / "config.json"), "INPUT: ", path.string(),
            " has no 'model' of score_sde's layout, and no config.json of diffusers lies in its "
            "folder; --list prints its tensors");
    return Format::diffusers;
  }
  const auto file = scoresde::io::read_safetensors(path);
  const auto format = file.metadata.find("format");
  const bool ours = format != file.metadata.end() && format->second.starts_with("scoresde");
  require(ours || fs::exists(fs::absolute(path).parent_path() / "config.json"),
          "INPUT: ", path.string(),
          " holds no weights of this library, and no config.json of diffusers lies in its folder; "
          "--list prints its tensors");
  return ours ? Format::scoresde : Format::diffusers;
}

Format format_to_write(const fs::path& path) {
  if (path.extension() == ".pth") return Format::score_sde;
  if (path.extension() == ".safetensors") return Format::scoresde;
  scoresde::require_usage(
      fs::is_directory(path) || path.extension().empty(), "OUTPUT: ", path.string(), " ends with ",
      path.extension().string(),
      ", which names no format; .pth is score_sde's, .safetensors this library's, a folder "
      "diffusers'; --to selects the format of any other name");
  return Format::diffusers;
}

Metadata overlay(Metadata base, const Metadata& changes) {
  const auto name = changes.find("sde.name");
  if (name != changes.end() && base.contains("sde.name") && base.at("sde.name") != name->second)
    std::erase_if(base, [](const auto& entry) { return entry.first.starts_with("sde."); });
  for (const auto& [key, value] : changes) base[key] = value;
  return base;
}

namespace {

/// Throws Error where that many sets of the weights do not fit into memory.
void require_sets_fit(const scoresde::nn::ParameterTable& table, std::size_t sets) {
  const auto numbers = static_cast<double>(sets) * static_cast<double>(table.size());
  programs::require_memory(programs::float_bytes(numbers), 0,
                           "a smaller network (--preset, --config, --set network.nf=…) needs less");
}

NetworkFile read_scoresde(const fs::path& path) {
  NetworkFile read{scoresde::read_configuration(path), {}, false};
  const auto graph = scoresde::nn::unet(scoresde::network_of(read.configuration));
  const auto& table = graph.parameters();
  const auto metadata = scoresde::io::read_safetensors(path).metadata;
  read.resumable = metadata.at("format") == "scoresde run";
  require_sets_fit(table, read.resumable ? 4 : 2);
  if (read.resumable) {
    read.state = scoresde::load_checkpoint<float>(path, table, read.configuration);
    return read;
  }
  std::vector<float> weights(table.size());
  scoresde::load_weights<float>(path, table, weights);
  read.state = scoresde::TrainingState<float>::start(std::move(weights));
  read.state.step = scoresde::read_step(path);
  return read;
}

/// The parts of a torch file that are not read: at most ten lines, then the number of others.
std::vector<std::string> skipped_in(const scoresde::io::TorchFile& file) {
  constexpr std::size_t most = 10;
  std::vector<std::string> notes;
  std::size_t count = 0;
  scoresde::io::for_each_skipped(file, [&](const std::string& path, const std::string& what) {
    if (++count <= most) notes.push_back("not read: " + path + ": " + what);
  });
  if (count > most) notes.push_back(text("not read: ", count - most, " more"));
  return notes;
}

/// Reads one set of weights, or everything, as `keep` selects; parts that are not kept may be
/// absent.
void read_score_sde_weights(const scoresde::io::TorchFile& file,
                            const scoresde::nn::UNetConfig& network,
                            const scoresde::nn::ParameterTable& table, Keep keep,
                            NetworkFile& read) {
  using Which = scoresde::ScoreSdeWeights;
  std::vector<float> model(table.size());
  const auto step =
      scoresde::load_score_sde_weights<float>(file, network, table, Which::model, model);
  read.state = scoresde::TrainingState<float>::start(std::move(model));
  read.state.step = step;
  read.averaged =
      keep == Keep::ema || (keep == Keep::all && scoresde::score_sde_has_averages(file));
  if (read.averaged)
    scoresde::load_score_sde_weights<float>(file, network, table, Which::ema, read.state.average);
}

NetworkFile read_score_sde(const fs::path& path, const Metadata& configuration, Keep keep) {
  scoresde::require_usage(
      !configuration.empty(),
      "a score_sde checkpoint does not contain the settings of its network; give its --preset, or "
      "the settings by --config or --set");
  NetworkFile read{configuration, {}, false};
  const auto network = scoresde::network_of(configuration);
  const auto graph = scoresde::as_usage([&] { return scoresde::nn::unet(network); });
  const auto& table = graph.parameters();
  const auto file = scoresde::io::TorchFile::open(path);
  require_sets_fit(table, scoresde::score_sde_can_resume(file) ? 4 : 2);
  read.notes = skipped_in(file);
  read.resumable = keep == Keep::all && scoresde::score_sde_can_resume(file);
  if (read.resumable)
    read.state = scoresde::load_score_sde_run<float>(file, network, table);
  else
    read_score_sde_weights(file, network, table, keep, read);
  return read;
}

/// parse(text of the file), whose Errors name the file.
template <class Parse>
auto read_json_file(const fs::path& path, const Parse& parse) {
  const auto bytes = scoresde::io::read_file(path);
  try {
    return parse(scoresde::io::characters(bytes));
  } catch (const Error& failure) {
    throw Error(text(path.string(), ": ", failure.what()));
  }
}

/// The SDE and the conventions of a diffusers network: those of its scheduler, or DDPM's chain if
/// it has a positional embedding and no scheduler, updated by the command line. Appends
/// assumptions, and settings of the scheduler that a checkpoint does not contain, to `notes`.
Metadata process_of_diffusers(const scoresde::DiffusersFolder& files,
                              const scoresde::nn::UNetConfig& network, const Metadata& given,
                              std::vector<std::string>& notes) {
  Metadata process;
  if (given.contains("sde.name")) {
    if (!files.scheduler.empty())
      notes.push_back(files.scheduler.string() + " is not used: sde.name is given");
  } else if (!files.scheduler.empty()) {
    const auto found = read_json_file(files.scheduler, &scoresde::scheduler_of_diffusers);
    process = found.settings;
    notes.push_back(text("betas or noise levels, and prediction, are those of ",
                         files.scheduler.string(), " (", found.class_name, ")"));
    std::string hints;
    for (const std::string& hint : found.hints) hints += (hints.empty() ? "" : ", ") + hint;
    if (!hints.empty()) notes.push_back("not converted, to be chosen for sampling: " + hints);
  } else if (network.embedding_type == scoresde::nn::EmbeddingType::positional) {
    process = scoresde::describe(scoresde::BetaList{});
    process["training.loss"] = "discrete";
    notes.push_back(
        "there is no scheduler_config.json; assumed is DDPM's chain of 1000 linear betas from "
        "0.0001 to 0.02, and that the network predicts the noise");
  }
  process = overlay(std::move(process), given);
  require(network.embedding_type != scoresde::nn::EmbeddingType::fourier ||
              scoresde::loss_of(process) != scoresde::LossKind::discrete,
          "the network's embedding is 'fourier', of a standard deviation; training.loss is "
          "'discrete', of levels. The noise levels come from a ScoreSdeVeScheduler or --set "
          "sde.name=ve");
  // DDPM's sampler, cifar10_sample's default for this checkpoint.
  if (scoresde::loss_of(process) == scoresde::LossKind::discrete)
    process.merge(Metadata{{"program.predictor", "ancestral"}});
  return process;
}

/// The network is that of config.json.
NetworkFile read_diffusers(const fs::path& path, const Metadata& given) {
  const auto files = scoresde::find_diffusers_files(path);
  require(fs::exists(files.configuration), "INPUT: ", path.string(),
          " is not a network of diffusers: ", files.configuration.string(), " does not exist");
  const auto network = read_json_file(files.configuration, &scoresde::network_of_diffusers);
  NetworkFile read{scoresde::describe(network), {}};
  Metadata settings = given;
  std::erase_if(settings, [](const auto& entry) { return entry.first.starts_with("network."); });
  read.configuration.merge(process_of_diffusers(files, network, settings, read.notes));
  for (const std::string& component : files.components)
    read.notes.push_back("the pipeline's " + component + " is not converted");
  const auto graph = scoresde::nn::unet(network);
  require_sets_fit(graph.parameters(), 2);
  std::vector<float> weights(graph.parameters().size());
  scoresde::load_diffusers_weights<float>(scoresde::read_diffusers_tensors(files.weights), network,
                                          graph.parameters(), weights);
  read.state = scoresde::TrainingState<float>::start(std::move(weights));
  return read;
}

/// Throws UsageError where given settings describe a network of other weights than those of the
/// file.
void require_same_weights(const Metadata& file, const Metadata& given) {
  const auto shapes = [](const Metadata& settings) {
    const auto graph = scoresde::nn::unet(scoresde::network_of(settings));
    std::vector<std::pair<std::string, std::vector<std::size_t>>> of_weights;
    for (const auto& entry : graph.parameters().entries())
      of_weights.emplace_back(entry.name, entry.shape);
    return of_weights;
  };
  const Metadata changed = overlay(file, given);
  for (const auto& [key, value] : given) {
    const auto at = file.find(key);
    if (!key.starts_with("network.") || (at != file.end() && at->second == value)) continue;
    if (scoresde::as_usage([&] { return shapes(changed); }) == shapes(file)) return;
    throw scoresde::UsageError(text("setting ", key, " = '", value, "', in INPUT '",
                                    at == file.end() ? std::string() : at->second,
                                    "': its weights are not those of such a network"));
  }
}

/// Throws UsageError where the given settings do not define an SDE, a loss and a prediction.
void check_process(const Metadata& settings, const Metadata& given) {
  const auto of_process = [](const auto& entry) { return !entry.first.starts_with("network."); };
  if (settings.contains("sde.name") && std::any_of(given.begin(), given.end(), of_process))
    scoresde::as_usage([&] { scoresde::visit_score(settings, [](const auto&, const auto&) {}); });
}

}  // namespace

NetworkFile read_network(const fs::path& path, Format format, const Metadata& configuration,
                         Keep keep) {
  if (format == Format::score_sde) check_process(configuration, configuration);
  NetworkFile read = format == Format::score_sde   ? read_score_sde(path, configuration, keep)
                     : format == Format::diffusers ? read_diffusers(path, configuration)
                                                   : read_scoresde(path);
  if (format == Format::scoresde) {
    require_same_weights(read.configuration, configuration);
    read.configuration = overlay(std::move(read.configuration), configuration);
  }
  check_process(read.configuration, configuration);
  return read;
}

namespace {

/// Writes a diffusers network folder, with a scheduler if diffusers has one for the SDE; returns a
/// description of it.
std::string write_for_diffusers(const fs::path& path, const NetworkFile& file,
                                const scoresde::nn::Graph& graph,
                                const std::vector<float>& weights) {
  const auto scheduler = file.configuration.contains("sde.name")
                             ? scoresde::describe_scheduler_for_diffusers(file.configuration)
                             : std::nullopt;
  scoresde::save_for_diffusers<float>(path, scoresde::network_of(file.configuration),
                                      graph.parameters(), weights);
  const fs::path place = path / "scheduler_config.json";
  if (scheduler)
    scoresde::io::write_file_atomically(place, *scheduler);
  else
    fs::remove(place);  // that of another network would give these weights another meaning
  return scheduler ? " and scheduler_config.json" : ", without a scheduler_config.json";
}

}  // namespace

std::string write_network(const fs::path& path, Format format, const NetworkFile& file, Keep keep) {
  const auto network = scoresde::network_of(file.configuration);
  const auto graph = scoresde::nn::unet(network);
  const auto& table = graph.parameters();
  const std::vector<float>& weights =
      keep == Keep::model ? file.state.parameters : file.state.average;
  const std::string set = keep == Keep::model ? "the model's weights"
                          : file.averaged     ? "the averaged weights"
                                              : "the weights (there is no average)";
  if (format == Format::diffusers) return set + write_for_diffusers(path, file, graph, weights);
  if (format == Format::score_sde) {
    auto state = keep == Keep::all ? file.state : scoresde::TrainingState<float>::start(weights);
    state.step = file.state.step;
    state.tracks.clear();
    double decay = 0.9999;
    if (file.configuration.contains("training.ema_decay"))
      decay = scoresde::number_setting<double>(file.configuration, "training.ema_decay");
    scoresde::save_score_sde_checkpoint(path, network, table, state,
                                        optimizer_of(file.configuration), decay);
    if (keep != Keep::all || !file.averaged || !file.resumable) return set;
    const std::size_t tracks = file.state.tracks.size();
    return tracks == 0 ? std::string("the whole state")
                       : text("the state without its ", tracks,
                              " further averages (--ema-tracks), which a .pth does not hold,");
  }
  // The file must suffice for sampling.
  scoresde::require_usage(
      file.configuration.contains("sde.name"),
      "INPUT does not name the SDE of its network: it has neither a scheduler_config.json nor "
      "sde.name; give it by --set sde.name=ve, --preset or --config");
  scoresde::visit_score(file.configuration, [](const auto&, const auto&) {});
  if (keep == Keep::all && file.resumable) {
    scoresde::save_checkpoint(path, table, file.state, file.configuration);
    return "the whole state of the run";
  }
  scoresde::save_weights<float>(path, table, weights, file.configuration, file.state.step);
  return set;
}

namespace {

/// Prints name, type and shape of every tensor of one file.
void list_tensors_of(const fs::path& weights) {
  const auto line = [](const std::string& name, const scoresde::io::TensorFile::Tensor& tensor) {
    std::cout << name << "  " << tensor.dtype << "  " << scoresde::io::shape_text(tensor.shape)
              << '\n';
  };
  if (scoresde::io::is_torch_file(weights)) {
    const auto file = scoresde::io::TorchFile::open(weights);
    scoresde::io::for_each_tensor(file, [&](const std::string& name, const auto& value) {
      if (scoresde::io::is_readable(file, value)) line(name, file.description(value));
    });
    for (const std::string& note : skipped_in(file)) std::cout << "note: " << note << '\n';
    return;
  }
  for (const auto& [name, tensor] : scoresde::io::read_safetensors(weights).tensors)
    line(scoresde::io::printable(name), tensor);
}

/// The files with the weights of `path`.
std::vector<fs::path> weight_files(const fs::path& path) {
  if (!fs::is_directory(path) && path.extension() != ".json") return {path};
  const fs::path weights = scoresde::find_diffusers_files(path).weights;
  if (weights.extension() == ".json") return scoresde::shards_of(weights);
  return {weights};
}

}  // namespace

void list_tensors(const fs::path& path) {
  for (const fs::path& weights : weight_files(path)) list_tensors_of(weights);
}

void require_output_replaceable(const fs::path& input, const fs::path& output, Format format) {
  if (!fs::exists(output)) return;
  const bool folder = format == Format::diffusers;
  std::vector<fs::path> sources{input};  // a pipeline's folder is not that of its weights
  for (const fs::path& weights : weight_files(input))
    sources.push_back(folder ? fs::absolute(weights).parent_path() : weights);
  for (const fs::path& source : sources)
    require(!fs::equivalent(source, output), "OUTPUT: ", output.string(),
            " is INPUT as well and would be replaced; name another, or replace it with "
            "--overwrite");
  if (folder)
    for (const char* name : {"config.json", "scheduler_config.json", "model_index.json"})
      require(!fs::exists(output / name), "OUTPUT: ", output.string(), " holds ", name,
              " already, which would be replaced; name another folder, or replace it with "
              "--overwrite");
  scoresde::require_replaceable("OUTPUT",
                                folder ? output / scoresde::diffusers_weights_name : output);
}

void require_output_writable(const fs::path& output, Format format) {
  if (format != Format::diffusers) return scoresde::io::require_writable_file(output);
  if (!fs::exists(output)) return;
  require(fs::is_directory(output), "OUTPUT: ", output.string(),
          " is a file; diffusers' format is a folder");
  for (const char* name :
       {"config.json", "scheduler_config.json", scoresde::diffusers_weights_name})
    scoresde::io::require_writable_file(output / name);
}

}  // namespace convert
