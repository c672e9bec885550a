#include "src/tokenizer/charsmap.h"

#include "formats/try.h"

namespace quern::detail {

namespace {

using formats::cat;
using formats::ValueType;

constexpr std::string_view charsmap_key = "tokenizer.ggml.precompiled_charsmap";
constexpr std::size_t unit_bytes = 4;
// Longer than any key of a real map; a hostile one may go in circles.
constexpr std::size_t max_key_bytes = 256;

constexpr std::uint32_t label(std::uint32_t unit) { return unit & 0x800000FF; }  // a value is no byte's label
constexpr bool is_leaf(std::uint32_t unit) { return (unit & 0x100) != 0; }
constexpr std::uint32_t distance(std::uint32_t unit) {
  return (unit & 0x200) != 0 ? unit >> 10 << 8 : unit >> 10;
}

std::uint32_t read_u32(const std::byte* at) {
  const auto byte = [at](int i) { return std::to_integer<std::uint32_t>(at[i]); };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

Error corrupt_charsmap(std::string message) {
  return Error{ErrorCode::corrupt, cat(charsmap_key, std::move(message)), std::string(charsmap_key)};
}

}  // namespace

Result<Charsmap> Charsmap::load(const formats::Metadata& metadata) {
  const formats::MetadataEntry* entry = metadata.find(charsmap_key);
  if (!entry) return Charsmap();
  const auto* array = std::get_if<formats::MetadataArray>(&entry->value);
  if (!array)
    return corrupt_charsmap(cat(" is a ", to_string(entry->type), ", expected an array of u8 or i8"));
  if (array->element_type != ValueType::u8 && array->element_type != ValueType::i8)
    return corrupt_charsmap(
        cat(" is an array of ", to_string(array->element_type), ", expected one of u8 or i8"));
  const std::span<const std::byte> bytes = array->packed;
  if (bytes.empty()) return Charsmap();
  if (bytes.size() < unit_bytes)
    return corrupt_charsmap(cat(" has ", bytes.size(), " bytes, expected at least ", unit_bytes, " or none"));
  const std::size_t n_trie = read_u32(bytes.data());
  if (n_trie == 0 || n_trie % unit_bytes != 0 || n_trie >= bytes.size() - unit_bytes)
    return corrupt_charsmap(cat(" has ", bytes.size(), " bytes and a trie of ", n_trie,
                                ", expected a multiple of 4, more than 0, with replacements behind it"));
  Charsmap map;
  map.units_ = bytes.subspan(unit_bytes, n_trie);
  const std::span<const std::byte> rest = bytes.subspan(unit_bytes + n_trie);
  map.replacements_ = {reinterpret_cast<const char*>(rest.data()), rest.size()};
  if (map.replacements_.back() != '\0')
    return corrupt_charsmap(" does not end its last replacement with NUL");
  return map;
}

std::uint32_t Charsmap::unit(std::size_t index) const { return read_u32(&units_[index * unit_bytes]); }

Result<std::string_view> Charsmap::replacement(std::size_t offset) const {
  if (offset >= replacements_.size())
    return corrupt_charsmap(
        cat(" points to a replacement at ", offset, ", expected less than ", replacements_.size()));
  return std::string_view(replacements_.data() + offset);  // up to a NUL, and there is one
}

Result<Charsmap::Match> Charsmap::longest(std::string_view text) const {
  Match best;
  if (units_.empty()) return best;
  const std::size_t n_units = units_.size() / unit_bytes;
  const auto outside = [&](std::size_t index) {
    return corrupt_charsmap(cat(" leads to unit ", index, ", expected less than ", n_units));
  };
  std::size_t n = distance(unit(0)), value_of_best = 0;
  for (std::size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    n ^= static_cast<std::uint8_t>(text[i]);
    if (n >= n_units) return outside(n);
    const std::uint32_t here = unit(n);
    if (label(here) != static_cast<std::uint8_t>(text[i])) break;
    if (i == max_key_bytes) return corrupt_charsmap(cat(" has a key of more than ", max_key_bytes, " bytes"));
    n ^= distance(here);
    if (!is_leaf(here)) continue;
    if (n >= n_units) return outside(n);
    best.n_bytes = i + 1;
    value_of_best = unit(n) & 0x7FFFFFFF;
  }
  if (best.n_bytes == 0) return best;
  QUERN_TRY(best.replacement, replacement(value_of_best));
  return best;
}

}  // namespace quern::detail
