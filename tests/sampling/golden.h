#pragma once
// Reading tests/data/sampling/cases.json.
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quern/sampling.h"

namespace quern::test {

using Json = nlohmann::json;

inline const Json& golden() {
  static const Json cases = [] {
    std::ifstream file(QUERN_TEST_DATA_DIR "/sampling/cases.json");
    return Json::parse(file);
  }();
  return cases;
}

inline double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::stod(text);
}

inline std::vector<float> logits_of(const Json& c) {
  std::vector<float> logits;
  if (const auto lcg = c.find("logits_lcg"); lcg != c.end()) {
    const std::uint32_t n = lcg->at("n");
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t h = (i * 2654435761u) >> 8;
      logits.push_back(static_cast<float>(h * number(lcg->at("scale")) / 0x1p24 + number(lcg->at("offset"))));
    }
  } else {
    for (const Json& l : c.at("logits")) logits.push_back(static_cast<float>(number(l)));
  }
  return logits;
}

/// Temperature 1 and everything else off: what the parameters of a case are differences from.
inline SamplerOptions neutral_options() {
  SamplerOptions o{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
  o.dry_sequence_breakers.clear();
  return o;
}

/// The parameters of a case; those of the vocabulary go to `vocabulary`. Throws on an unknown name.
inline SamplerOptions options_of(const Json& params, SamplerVocabulary& vocabulary) {
  SamplerOptions o = neutral_options();
  for (const auto& [name, value] : params.items()) {
    const auto f = [&v = value] { return static_cast<float>(number(v)); };
    const auto tokens = [&v = value] { return v.get<std::vector<Token>>(); };
    const auto sequences = [&v = value] { return v.get<std::vector<std::vector<Token>>>(); };
    if (name == "temperature")
      o.temperature = f();
    else if (name == "dynatemp_range")
      o.dynatemp_range = f();
    else if (name == "dynatemp_exponent")
      o.dynatemp_exponent = f();
    else if (name == "top_k")
      o.top_k = value;
    else if (name == "top_p")
      o.top_p = f();
    else if (name == "min_p")
      o.min_p = f();
    else if (name == "typical_p")
      o.typical_p = f();
    else if (name == "top_n_sigma")
      o.top_n_sigma = f();
    else if (name == "xtc_probability")
      o.xtc_probability = f();
    else if (name == "xtc_threshold")
      o.xtc_threshold = f();
    else if (name == "min_keep")
      o.min_keep = value;
    else if (name == "repeat_penalty")
      o.repeat_penalty = f();
    else if (name == "frequency_penalty")
      o.frequency_penalty = f();
    else if (name == "presence_penalty")
      o.presence_penalty = f();
    else if (name == "penalty_last_n")
      o.penalty_last_n = value;
    else if (name == "penalty_scope")
      o.penalty_scope = value == "generated" ? PenaltyScope::generated : PenaltyScope::all;
    else if (name == "dry_multiplier")
      o.dry_multiplier = f();
    else if (name == "dry_base")
      o.dry_base = f();
    else if (name == "dry_allowed_length")
      o.dry_allowed_length = value;
    else if (name == "dry_last_n")
      o.dry_last_n = value;
    else if (name == "dry_breakers")
      o.dry_token_breakers = sequences();
    else if (name == "mirostat")
      o.mirostat = value;
    else if (name == "mirostat_tau")
      o.mirostat_tau = f();
    else if (name == "mirostat_eta")
      o.mirostat_eta = f();
    else if (name == "adaptive_target")
      o.adaptive_target = f();
    else if (name == "adaptive_decay")
      o.adaptive_decay = f();
    else if (name == "banned")
      o.banned = tokens();
    else if (name == "allowed")
      o.allowed = tokens();
    else if (name == "bad_words")
      o.bad_words = sequences();
    else if (name == "min_tokens")
      o.min_tokens = value;
    else if (name == "ignore_eos")
      o.ignore_eos = value;
    else if (name == "eog")
      vocabulary.end_tokens = tokens();
    else if (name == "logit_bias") {
      for (const Json& b : value) o.logit_bias.push_back({b.at(0), static_cast<float>(number(b.at(1)))});
    } else if (name == "order") {
      o.steps.clear();
      for (const Json& step : value) o.steps.push_back(sampler_step(step.get<std::string>()).value());
    } else {
      throw std::runtime_error("unknown parameter " + name);
    }
  }
  return o;
}

}  // namespace quern::test
