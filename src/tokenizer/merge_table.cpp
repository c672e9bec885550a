#include "src/tokenizer/merge_table.h"

#include "formats/printable.h"
#include "formats/try.h"

namespace quern::detail {

namespace {

constexpr std::string_view key = "tokenizer.ggml.merges";
constexpr std::size_t max_merges = std::size_t{1} << 24;

}  // namespace

std::string_view MergeTable::other_text(std::uint32_t number) const {
  const std::size_t i = number - vocabulary_->size();
  const std::size_t begin = i == 0 ? 0 : other_ends_[i - 1];
  return std::string_view(other_texts_).substr(begin, other_ends_[i] - begin);
}

std::uint32_t MergeTable::number_of(std::string_view text) const {
  const Token id = vocabulary_->find(text);
  if (id != no_token || other_ends_.empty()) return static_cast<std::uint32_t>(id);
  return others_.find(text, [this](std::uint32_t number) { return other_text(number); });
}

std::uint32_t MergeTable::add_text(std::string_view text) {
  const std::uint32_t number = number_of(text);
  if (number != no_symbol) return number;
  const auto added = static_cast<std::uint32_t>(vocabulary_->size() + other_ends_.size());
  other_texts_ += text;
  other_ends_.push_back(other_texts_.size());
  others_.insert(text, added, [this](std::uint32_t other) { return other_text(other); });
  return added;
}

Result<MergeTable> MergeTable::load(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                    bool optional) {
  MergeTable table(vocabulary);
  if (!optional || metadata.has(key)) {
    QUERN_TRY(table.merges_, metadata.strings(key));
  }
  const auto merges = table.merges_;
  const auto corrupt = [](std::string message) {
    return Error{ErrorCode::corrupt, formats::cat(key, std::move(message)), std::string(key)};
  };
  if (merges.size() > max_merges)
    return corrupt(formats::cat(" has ", merges.size(), " entries, expected at most ", max_merges));

  table.slots_.resize(table_size(merges.size()));
  std::string joined;
  // Vocabularies are trained merge by merge, so what a merge makes is mostly the next token.
  std::uint32_t likely = 0;
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos)
      return corrupt(formats::cat("[", rank, "] '", formats::printable(merge), "' has no space"));
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    if (right.empty())
      return corrupt(
          formats::cat("[", rank, "] '", formats::printable(merge), "' has nothing after its space"));
    joined.assign(left).append(right);
    const bool is_likely = !vocabulary.has_duplicates() && likely < vocabulary.size() &&
                           vocabulary.text(static_cast<Token>(likely)) == joined;
    const std::uint32_t result = is_likely ? likely : table.add_text(joined);
    likely = result + 1;
    const std::uint32_t left_number = table.add_text(left), right_number = table.add_text(right);
    Slot& slot = table.slots_[table.slot_of(left_number, right_number)];
    if (slot.left == no_symbol) slot = {left_number, right_number, rank, result};
  }
  return table;
}

}  // namespace quern::detail
