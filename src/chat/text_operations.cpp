#include "src/chat/text_operations.h"

#include <algorithm>

#include "formats/try.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

/// Each character by what `append` makes of it; `append` also gets the text before and after it.
template <typename Append>
Value by_character(Machine& machine, const Value& value, Append append) {
  const std::string_view text = value.text();
  machine.step(text.size() / 4);
  machine.arena().charge(text.size());  // of the string below
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = first_bytes(text.substr(at, 4));
    append(out, first_code(text.substr(at, n)), at, at + n);
    at += n;
  }
  TextBuilder result(machine);
  result.append(out, value.has_data());
  machine.arena().discharge(text.size());
  return result.value(static_cast<std::uint8_t>(value.flags & Value::is_safe));
}

void append_lower_in(std::string& out, char32_t code, std::string_view before, std::string_view after) {
  // A capital sigma at the end of a word has a form of its own.
  constexpr char32_t sigma = 0x3a3;
  const bool ends_word = code == sigma && !before.empty() &&
                         is_cased(first_code(before.substr(before.size() - last_bytes(before)))) &&
                         (after.empty() || !is_cased(first_code(after)));
  if (ends_word)
    out += "ς";
  else
    append_lower(out, code);
}

bool in_set(std::string_view set, std::string_view character) {
  for (std::size_t at = 0; at < set.size(); at += first_bytes(set.substr(at, 4)))
    if (set.substr(at, first_bytes(set.substr(at, 4))) == character) return true;
  return false;
}

}  // namespace

std::size_t find(Machine& machine, std::string_view text, std::string_view part, std::size_t from) {
  if (part.size() <= 1) {
    const std::size_t found = text.find(part, from);
    machine.step_bytes(std::min(found, text.size()) - from);
    return found;
  }
  for (std::size_t at = from; at < text.size() && text.size() - at >= part.size(); ++at) {
    const std::size_t begin = at;
    at = text.find(part.front(), at);
    machine.step_bytes(std::min(at, text.size()) - begin + part.size());
    if (at == std::string_view::npos || text.size() - at < part.size()) break;
    if (text.substr(at, part.size()) == part) return at;
  }
  return std::string_view::npos;
}

std::size_t find_last(Machine& machine, std::string_view text, std::string_view part) {
  if (part.size() > text.size()) return std::string_view::npos;
  machine.step_bytes(text.size());
  for (std::size_t at = text.size() - part.size() + 1; at-- > 0;) {
    if (!part.empty() && text[at] != part.front()) continue;
    machine.step_bytes(part.size());
    if (text.substr(at, part.size()) == part) return at;
  }
  return std::string_view::npos;
}

Value stripped(Machine& machine, const Value& value, const Value* set, Side side) {
  std::string_view text = value.text();
  std::size_t begin = 0;
  if (set != nullptr && !set->is_none()) {
    if (!set->is_string())
      machine.fail_type(cat("found ", kind_name(*set), ", expected a string of characters"));
    const auto strip = [&](bool left) {
      while (!text.empty()) {
        machine.step(1 + set->n / 16);
        const std::size_t n = left ? first_bytes(text) : last_bytes(text);
        if (!in_set(set->text(), left ? text.substr(0, n) : text.substr(text.size() - n))) break;
        if (left) begin += n;
        left ? text.remove_prefix(n) : text.remove_suffix(n);
      }
    };
    if (side != Side::right) strip(true);
    if (side != Side::left) strip(false);
  } else {
    if (side != Side::right) {
      begin = leading_space(text);
      text.remove_prefix(begin);
    }
    const std::size_t n_end = side == Side::left ? 0 : trailing_space(text);
    machine.step((begin + n_end) / 16);
    text.remove_suffix(n_end);
  }
  return value.part(begin, text.size());
}

Value replaced(Machine& machine, const Value& value, const Value& from, const Value& to, std::int64_t count) {
  const std::string_view text = value.text();
  TextBuilder out(machine);
  std::size_t done = 0;
  for (std::size_t at = 0; count != 0; --count) {
    at = find(machine, text, from.text(), at);
    if (at == std::string_view::npos) break;
    machine.step();
    out.append(value.part(done, at - done));
    out.append(to);
    done = at + from.n;
    // Nothing is between all characters, and at both ends.
    if (from.n == 0 && at == text.size()) break;
    at = from.n != 0 ? done : at + first_bytes(text.substr(at, 4));
  }
  if (done == 0 && out.size() == 0) return value.part(0, value.n);
  out.append(value.part(done, text.size() - done));
  return out.value(static_cast<std::uint8_t>(value.flags & Value::is_safe));
}

Value upper(Machine& machine, const Value& value) {
  return by_character(machine, value, [](std::string& out, char32_t code, std::size_t, std::size_t) {
    append_upper(out, code);
  });
}

Value lower(Machine& machine, const Value& value) {
  const std::string_view text = value.text();
  return by_character(machine, value,
                      [&](std::string& out, char32_t code, std::size_t begin, std::size_t end) {
                        append_lower_in(out, code, text.substr(0, begin), text.substr(end));
                      });
}

Value title(Machine& machine, const Value& value) {
  const std::string_view text = value.text();
  bool inside = false;
  return by_character(machine, value,
                      [&](std::string& out, char32_t code, std::size_t begin, std::size_t end) {
                        if (inside)
                          append_lower_in(out, code, text.substr(0, begin), text.substr(end));
                        else
                          append_title(out, code);
                        inside = is_cased(code);
                      });
}

Value capitalized(Machine& machine, const Value& value) {
  const std::string_view text = value.text();
  return by_character(machine, value,
                      [&](std::string& out, char32_t code, std::size_t begin, std::size_t end) {
                        if (begin == 0)
                          append_title(out, code);
                        else
                          append_lower_in(out, code, text.substr(0, begin), text.substr(end));
                      });
}

Value centred(Machine& machine, const Value& value, std::int64_t width, const Value& fill) {
  machine.step(machine.checked_width(width, "field's width"));
  const std::int64_t pad = width - static_cast<std::int64_t>(count_codes(value.text()));
  if (pad <= 0) return value.part(0, value.n);
  const std::int64_t left = pad / 2 + (pad & width & 1);
  TextBuilder out(machine);
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(value);
  for (std::int64_t i = left; i < pad; ++i) out.append(fill);
  return out.value(static_cast<std::uint8_t>(value.flags & Value::is_safe));
}

Value joined(Machine& machine, const Value& separator, const Walk& items, bool only_strings) {
  TextBuilder out(machine);
  for (std::uint32_t i = 0; i < items.n; ++i) {
    machine.step();
    const Value item = items.at(i);
    if (only_strings && !item.is_string())
      machine.fail_type(cat("join: found ", kind_name(item), " among the items, expected strings"));
    if (i > 0) out.append(separator);
    append_text(machine, out, item);
  }
  return out.value();
}

}  // namespace quern::detail::jinja
