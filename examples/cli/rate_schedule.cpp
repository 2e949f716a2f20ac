// SPDX-License-Identifier: MIT
#include "cli/rate_schedule.hpp"

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/optim/schedule.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/usage_error.hpp>

namespace programs {

using scoresde::RateSchedule;

void add_schedule_options(CommandLine& line, TrainOptions& o) {
  line.add_option("--schedule", o.schedule,
                  "Learning rate after the warm-up: constant, cosine (down to --schedule-floor) or "
                  "inverse_sqrt (Karras et al. 2024); --decay-images follows any (default: "
                  "constant; with --resume the checkpoint's)")
      .check(one_of(scoresde::names_of<RateSchedule>()));
  line.add_option("--schedule-images", o.schedule_images,
                  "Length of the cosine in images (default: all iterations), or the images after "
                  "which inverse_sqrt lowers the rate")
      .check(natural_number(1))
      .needs("--schedule");
  line.add_option("--schedule-floor", o.schedule_floor,
                  "Last learning rate of the cosine, relative to --lr (default: 0)")
      .check(share_from_zero())
      .needs("--schedule");
}

void add_schedule(const TrainOptions& o, scoresde::nn::Preset& preset) {
  using scoresde::require_usage;
  scoresde::LearningRateSchedule stored;
  if (o.resume)
    stored = scoresde::schedule_of(scoresde::read_configuration(o.out / "checkpoint.safetensors"));
  preset.schedule = stored;
  if (o.schedule.empty()) return;
  const auto name = scoresde::from_name<RateSchedule>("--schedule", o.schedule);
  require_usage(name != RateSchedule::constant || o.schedule_images == 0,
                "--schedule-images is for the schedules cosine and inverse_sqrt; --schedule is ",
                o.schedule);
  require_usage(name == RateSchedule::cosine || !o.schedule_floor,
                "--schedule-floor is for the schedule cosine; --schedule is ", o.schedule);
  const bool same = stored.name == name;
  preset.schedule = {name, same ? stored.updates : 0,
                     o.schedule_floor.value_or(same ? stored.floor : 0)};
  if (o.schedule_images > 0)
    preset.schedule.updates = (o.schedule_images + preset.batch_size - 1) / preset.batch_size;
  else if (name == RateSchedule::cosine && !same)
    preset.schedule.updates = preset.n_iters;
  require_usage(name == RateSchedule::constant || preset.schedule.updates > 0,
                "--schedule-images is missing: the images after which inverse_sqrt lowers the "
                "learning rate");
}

std::string rate_text(const scoresde::nn::Preset& p) {
  using scoresde::text;
  std::string line = text(p.lr, " after a warm-up of ", p.warmup, " steps");
  const auto& s = p.schedule;
  if (s.name == RateSchedule::cosine)
    line += text(", cosine to ", s.floor * p.lr, " at step ", s.updates);
  if (s.name == RateSchedule::inverse_sqrt)
    line += text(", by the inverse square root of the step from ", s.updates, " on");
  if (p.decay_steps > 0)
    line +=
        text(", linearly to 0 from step ", p.decay_first, " to ", p.decay_first + p.decay_steps);
  return line;
}

}  // namespace programs
