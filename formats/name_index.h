#pragma once
// Look-up by name. Sorted, not hashed: the names come from the file, and names made to collide would turn a
// hash table quadratic; sorting stays n log n whatever the file holds.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace quern::formats {

/// Positions of the items of a sequence in order of name; `member` is the item's std::string_view.
template <typename Item, std::string_view Item::*member>
class NameIndex {
 public:
  NameIndex() = default;
  /// Requires: fewer than 2^32 items.
  explicit NameIndex(std::span<const Item> items) : order_(items.size()) {
    std::iota(order_.begin(), order_.end(), std::uint32_t{0});
    std::sort(order_.begin(), order_.end(), [items](std::uint32_t a, std::uint32_t b) {
      const int order = (items[a].*member).compare(items[b].*member);
      return order != 0 ? order < 0 : a < b;
    });
  }

  /// The first item of that name, or null. Requires: the items given to the constructor.
  const Item* find(std::span<const Item> items, std::string_view name) const {
    const auto at =
        std::lower_bound(order_.begin(), order_.end(), name,
                         [items](std::uint32_t i, std::string_view n) { return items[i].*member < n; });
    if (at == order_.end() || items[*at].*member != name) return nullptr;
    return &items[*at];
  }

  /// An item whose name an earlier one has already, if there is any.
  const Item* duplicate(std::span<const Item> items) const {
    for (std::size_t i = 1; i < order_.size(); ++i)
      if (items[order_[i]].*member == items[order_[i - 1]].*member) return &items[order_[i]];
    return nullptr;
  }

 private:
  std::vector<std::uint32_t> order_;
};

}  // namespace quern::formats
