#include "common/token_ids.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace examples {

std::vector<quern::Token> token_ids_from_json(std::string_view text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array()) throw std::runtime_error("not a JSON array of token ids");
  std::vector<quern::Token> ids;
  for (const auto& id : parsed) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<quern::Token>::max())
      throw std::runtime_error("element " + std::to_string(ids.size()) + " is " +
                               id.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                               ", which is no token id");
    ids.push_back(id.get<quern::Token>());
  }
  return ids;
}

}  // namespace examples
