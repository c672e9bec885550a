// Which pre-tokenizer a tokenizer.json has: its chain of steps is put into words and compared with the chains
// that the released tokenizers have. Quern computes the rules of each name (src/tokenizer/rule_sets.cpp);
// this is how other files spell them.
#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/tokenizer_json.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::JsonValue;

std::string_view text_of(const JsonValue& value, std::string_view key) {
  const auto member = value.find(key);
  return member ? member->string().value_or("") : "";
}
std::string pattern_of(const JsonValue& step) {
  const auto pattern = step.find("pattern");
  if (!pattern) return "?";
  if (const auto regex = pattern->find("Regex")) return cat("/", regex->string().value_or(""), "/");
  if (const auto text = pattern->find("String")) return cat("'", text->string().value_or(""), "'");
  return "?";
}

std::string described(const JsonValue& step) {
  const std::string_view type = text_of(step, "type");
  if (type == "Split") {
    // What is kept when everything but the matches is removed is what is cut out when the matches are
    // isolated, for expressions that leave no gaps; all of those below are such.
    const bool kept = text_of(step, "behavior") == "Removed" && flag_of(step, "invert", false);
    const std::string_view behavior = kept ? "Isolated" : text_of(step, "behavior");
    return cat("Split(", behavior, flag_of(step, "invert", false) && !kept ? ", inverted" : "", ", ",
               pattern_of(step), ")");
  }
  if (type == "ByteLevel")
    return cat("ByteLevel", flag_of(step, "use_regex", true) ? "(regex" : "(",
               flag_of(step, "add_prefix_space", true) ? ", prefix)" : ")");
  if (type == "Digits") return flag_of(step, "individual_digits", false) ? "Digits(single)" : "Digits";
  if (type == "Punctuation") return cat("Punctuation(", text_of(step, "behavior"), ")");
  if (type == "Metaspace") {
    const std::string_view scheme = step.find("prepend_scheme") ? text_of(step, "prepend_scheme")
                                    : flag_of(step, "add_prefix_space", true) ? "always"
                                                                              : "never";
    return cat("Metaspace(", scheme, ")");
  }
  if (type == "Replace") return cat("Replace(", pattern_of(step), ", '", text_of(step, "content"), "')");
  if (type == "Prepend") return cat("Prepend('", text_of(step, "prepend"), "')");
  return type.empty() ? "?" : std::string(type);
}

void describe(const JsonValue& part, std::string& chain) {
  if (part.is_null()) return;
  for (const char* list : {"normalizers", "pretokenizers"})
    if (const auto steps = part.find(list)) {
      for (const JsonValue step : steps->elements()) describe(step, chain);
      return;
    }
  chain += cat(chain.empty() ? "" : ", ", described(part));
}

// Expressions that occur in several chains.
#define QUERN_WORDS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define QUERN_MARKS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define QUERN_SLASHES "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define QUERN_SPACE "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QUERN_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define QUERN_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define QUERN_START "[^\\r\\n\\p{L}\\p{N}]?"
#define QUERN_ENDING "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
#define QUERN_ISOLATED(regex) "Split(Isolated, /" regex "/)"
#define QUERN_BYTES ", ByteLevel()"

struct KnownChain {
  std::string_view chain;
  // Names whose rules these are, by what else they decide: clean-up of decoded text or none, and words that
  // are tokens whatever the merges say. Empty: there is no such name.
  std::string_view cleaning, plain, ignoring_merges;
};

constexpr KnownChain known_chains[] = {
    {"ByteLevel(regex)", "gpt-2", "granite-docling", ""},
    {"Digits(single), ByteLevel(regex)", "starcoder", "smollm", ""},
    {"Punctuation(Contiguous), ByteLevel(regex), Digits, Split(Isolated, /[0-9][0-9][0-9]/)", "falcon", "",
     ""},
    {QUERN_ISOLATED(QUERN_WORDS "|\\p{N}{1,3}" QUERN_MARKS QUERN_SPACE) QUERN_BYTES, "dbrx", "", "llama-bpe"},
    {QUERN_ISOLATED(QUERN_WORDS "|\\p{N}" QUERN_MARKS QUERN_SPACE) QUERN_BYTES, "stablelm2", "qwen2", ""},
    {QUERN_ISOLATED("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                    "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" QUERN_SPACE) QUERN_BYTES,
     "", "qwen35", ""},
    {QUERN_ISOLATED(QUERN_START QUERN_UPPER "*" QUERN_LOWER "+" QUERN_ENDING "|" QUERN_START QUERN_UPPER
                                            "+" QUERN_LOWER "*" QUERN_ENDING
                                            "|\\p{N}{1,3}" QUERN_SLASHES QUERN_SPACE) QUERN_BYTES,
     "", "gpt-4o", ""},
    {QUERN_ISOLATED(QUERN_START QUERN_UPPER "*" QUERN_LOWER "+|" QUERN_START QUERN_UPPER "+" QUERN_LOWER
                                            "*|\\p{N}" QUERN_SLASHES QUERN_SPACE) QUERN_BYTES,
     "", "", "tekken"},
    {QUERN_ISOLATED("\\p{N}{1,3}") ", " QUERN_ISOLATED(
         "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+") ", " QUERN_ISOLATED("[!\"#$%&'()*+,\\-./"
                                                                           ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]"
                                                                           "+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{"
                                                                           "L}\\p{M}]+"
                                                                           "| "
                                                                           "?[\\p{P}\\p{S}]+[\r\n]*|\\s*["
                                                                           "\r\n]+|\\s+(?!\\S)|\\s+")
         QUERN_BYTES,
     "", "deepseek-v3", ""},
    {QUERN_ISOLATED("[\r\n]") ", " QUERN_ISOLATED("\\s?\\p{L}+") ", " QUERN_ISOLATED(
         "\\s?\\p{P}+") ", " QUERN_ISOLATED("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+") ", "
                                                                                          "Digits("
                                                                                          "single"
                                                                                          ")" QUERN_BYTES,
     "", "deepseek-coder", ""},
    {QUERN_ISOLATED(" ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+") QUERN_BYTES, "bloom",
     "poro-chat", ""},
    {QUERN_ISOLATED("\\p{N}{1,3}") ", " QUERN_ISOLATED(QUERN_WORDS "|\\p{N}+" QUERN_MARKS QUERN_SPACE)
         QUERN_BYTES,
     "", "", "minicpm5"},
};

// The name that decides everything as the file does, or else the nearest one and a note.
std::string_view chosen(const KnownChain& known, bool cleans_up, bool ignores_merges,
                        std::vector<std::string>& notes) {
  const std::string_view by_clean_up = cleans_up ? known.cleaning : known.plain;
  if (ignores_merges && !known.ignoring_merges.empty()) return known.ignoring_merges;
  if (!by_clean_up.empty() && !ignores_merges) return by_clean_up;
  const std::string_view name = !by_clean_up.empty()      ? by_clean_up
                                : !known.cleaning.empty() ? known.cleaning
                                : !known.plain.empty()    ? known.plain
                                                          : known.ignoring_merges;
  if (ignores_merges || name == known.ignoring_merges)
    notes.push_back(cat("ignore_merges is ", ignores_merges, " and pre '", name,
                        "' has it otherwise: it matters for tokens that their merges do not lead to"));
  else
    notes.push_back(cat("clean_up_tokenization_spaces is ", cleans_up, " and pre '", name,
                        "' has it otherwise: spaces before punctuation differ in decoded text"));
  return name;
}

std::string as_error_text(const std::string& chain) {
  return chain.empty() ? "no steps at all" : formats::printable(chain);
}

}  // namespace

std::string described_chain(const std::optional<JsonValue>& part) {
  std::string chain;
  if (part) describe(*part, chain);
  return chain;
}

Result<std::string_view> find_pre(const JsonValue& tokenizer, bool cleans_up,
                                  std::vector<std::string>& notes) {
  const std::string normalizer = described_chain(tokenizer.find("normalizer"));
  const std::string chain = described_chain(tokenizer.find("pre_tokenizer"));
  const auto model = tokenizer.find("model");
  const bool ignores_merges = model && flag_of(*model, "ignore_merges", false);
  const bool known_normalizer = normalizer.empty() || normalizer == "NFC";
  std::string known;
  for (const KnownChain& candidate : known_chains) {
    for (const std::string_view name : {candidate.cleaning, candidate.plain, candidate.ignoring_merges})
      if (!name.empty()) known += cat(known.empty() ? "" : ", ", name);
    if (!known_normalizer || candidate.chain != chain) continue;
    if (normalizer == "NFC")
      notes.emplace_back(
          "text is not normalised (NFC) before it is cut: text in other forms gives other tokens");
    return chosen(candidate, cleans_up, ignores_merges, notes);
  }
  return Error{ErrorCode::unsupported,
               cat("tokenizer.json: normalizer '", as_error_text(normalizer), "' with pre_tokenizer '",
                   as_error_text(chain), "' and ignore_merges ", ignores_merges, " is none that is known (",
                   known, "); a value of tokenizer.ggml.pre can be given instead"),
               "pre_tokenizer"};
}

std::optional<SpaceRules> find_space_rules(const JsonValue& tokenizer) {
  constexpr std::string_view escape = "Replace(' ', '\u2581')";
  std::string normalizer = described_chain(tokenizer.find("normalizer"));
  const std::string chain = described_chain(tokenizer.find("pre_tokenizer"));
  if (normalizer == cat("Prepend('\u2581'), ", escape) && chain.empty())
    return SpaceRules{.add_prefix = true};
  if (normalizer == escape && (chain.empty() || chain == "Split(MergedWithPrevious, ' ')"))
    return SpaceRules{};

  SpaceRules rules;
  for (const std::string_view end : {", Replace(/ {2,}/, ' ')", "Replace(/ {2,}/, ' ')"})
    if (normalizer.ends_with(end)) {
      normalizer.resize(normalizer.size() - end.size());
      rules.remove_extra = true;
    }
  if (!normalizer.empty() && normalizer != "Precompiled") return std::nullopt;
  std::string_view rest = chain;
  if (rest.starts_with("WhitespaceSplit, ")) {
    rest.remove_prefix(17);
    rules.remove_extra = true;
  }
  if (rest != "Metaspace(always)" && rest != "Metaspace(first)" && rest != "Metaspace(never)")
    return std::nullopt;
  rules.add_prefix = rest != "Metaspace(never)";
  rules.only_first = rest == "Metaspace(first)";
  return rules;
}

}  // namespace quern::detail
