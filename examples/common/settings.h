#pragma once
// Settings of a generation: as options of a program, and for a person to look at and change while it runs.
#include <string>

#include "common/options.h"
#include "quern/session.h"

namespace examples {

/// Adds -n/--max-tokens, --temp, --top-k, --top-p, --min-p and --seed. The values that are there are the
/// defaults; they must live until parse().
void add_generation_options(Options& options, quern::GenerateOptions& generation);

/// A line for each.
std::string described(const quern::GenerateOptions& options);
/// By "NAME VALUE". Throws std::runtime_error for what is no setting or no value of it; nothing has changed
/// then.
void change(quern::GenerateOptions& options, const std::string& text);

}  // namespace examples
