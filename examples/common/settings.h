#pragma once
// Settings of a generation that a person can look at and change while a program runs.
#include <string>

#include "quern/session.h"

namespace examples {

/// A line for each.
std::string described(const quern::GenerateOptions& options);
/// By "NAME VALUE". Throws std::runtime_error for what is no setting or no value of it; nothing has changed
/// then.
void change(quern::GenerateOptions& options, const std::string& text);

}  // namespace examples
