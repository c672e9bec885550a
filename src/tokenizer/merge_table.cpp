#include "src/tokenizer/merge_table.h"

#include "formats/printable.h"
#include "formats/try.h"

namespace quern::detail {

namespace {

constexpr std::string_view merges_key = "tokenizer.ggml.merges";
constexpr std::size_t max_merges = std::size_t{1} << 24;
constexpr std::uint32_t ahead = 8;  // merges

Error corrupt_merges(std::string message) {
  return Error{ErrorCode::corrupt, formats::cat(merges_key, std::move(message)), std::string(merges_key)};
}

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

Result<std::vector<MergeTable::Merge>> MergeTable::numbered() {
  std::vector<Merge> numbers(merges_.size());
  std::string joined;
  // Vocabularies are trained merge by merge, so what a merge makes is mostly the next token.
  std::uint32_t likely = 0;
  for (std::uint32_t rank = 0; rank < merges_.size(); ++rank) {
    if (rank + ahead < merges_.size()) {
      const std::string_view later = merges_[rank + ahead];
      if (const std::size_t space = later.find(' ', 1); space != std::string_view::npos) {
        vocabulary_->prefetch(later.substr(0, space));
        vocabulary_->prefetch(later.substr(space + 1));
      }
    }
    const std::string_view merge = merges_[rank];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos)
      return corrupt_merges(formats::cat("[", rank, "] '", formats::printable(merge), "' has no space"));
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    if (right.empty())
      return corrupt_merges(
          formats::cat("[", rank, "] '", formats::printable(merge), "' has nothing after its space"));
    joined.assign(left).append(right);
    const bool is_likely = !vocabulary_->has_duplicates() && likely < vocabulary_->size() &&
                           vocabulary_->text(static_cast<Token>(likely)) == joined;
    const std::uint32_t result = is_likely ? likely : add_text(joined);
    likely = result + 1;
    numbers[rank] = {add_text(left), add_text(right), result};
  }
  return numbers;
}

Result<MergeTable> MergeTable::load(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                    bool optional) {
  MergeTable table(vocabulary);
  if (!optional || metadata.has(merges_key)) {
    QUERN_TRY(table.merges_, metadata.strings(merges_key));
  }
  const auto merges = table.merges_;
  if (merges.size() > max_merges)
    return corrupt_merges(formats::cat(" has ", merges.size(), " entries, expected at most ", max_merges));

  QUERN_TRY(const std::vector<Merge> numbered, table.numbered());
  // Both loops wait for memory more than for anything else, so each asks for what it will want a few steps
  // on.
  table.slots_.resize(table_size(merges.size()));
  for (std::uint32_t rank = 0; rank < numbered.size(); ++rank) {
    if (rank + ahead < numbered.size()) {
      const Merge& later = numbered[rank + ahead];
      __builtin_prefetch(&table.slots_[table.home_of(later.left, later.right)]);
    }
    const Merge& merge = numbered[rank];
    Slot& slot = table.slots_[table.slot_of(merge.left, merge.right)];
    if (slot.left == no_symbol) slot = {merge.left, merge.right, rank, merge.result};
  }
  return table;
}

}  // namespace quern::detail
