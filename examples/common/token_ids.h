#pragma once
// Token ids as JSON.
#include <string_view>
#include <vector>

#include "quern/token.h"

namespace examples {

/// Of an array of them. Throws std::runtime_error.
std::vector<quern::Token> token_ids_from_json(std::string_view text);

}  // namespace examples
