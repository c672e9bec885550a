// The filter tojson: JSON as Python's json.dumps writes it.
#include <algorithm>
#include <cmath>

#include "formats/try.h"
#include "src/base/json.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

class Writer {
 public:
  Writer(Machine& machine, const JsonOptions& options)
      : machine_(machine), options_(options), out_(machine) {}

  void write(const Value& value) {
    machine_.step();
    machine_.check_depth(depth_);
    switch (value.kind) {
      case Kind::list:
      case Kind::tuple: return write_list(value);
      case Kind::dict: return write_dict(value);
      case Kind::string: return write_string(value);
      default: return out_.append(scalar(value), false);
    }
  }
  Value value() const { return out_.value(); }

 private:
  std::string scalar(const Value& value) {
    std::string text;
    switch (value.kind) {
      case Kind::none: return "null";
      case Kind::boolean: return value.b ? "true" : "false";
      case Kind::integer: return std::to_string(value.i);
      case Kind::big_integer: return std::string(value.text());
      case Kind::floating:
        if (std::isnan(value.f)) return "NaN";
        if (std::isinf(value.f)) return value.f > 0 ? "Infinity" : "-Infinity";
        append_float(text, value.f);
        return text;
      default: machine_.fail_type(cat("tojson: found ", kind_name(value), ", which is not JSON"));
    }
  }

  /// In pieces, which bounds what escapes take before they are counted.
  void write_string(const Value& value) {
    out_.append("\"", false);
    for (std::size_t at = 0; at < value.n;) {
      std::size_t end = std::min<std::size_t>(at + 4096, value.n);
      while (end < value.n && (static_cast<unsigned char>(value.s[end]) & 0xc0) == 0x80) --end;
      const Value piece = value.part(at, end - at);
      machine_.step(piece.n / 4);
      std::string text;
      append_json_string(text, piece.text(), options_.ensure_ascii);
      const std::string_view inside = std::string_view(text).substr(1, text.size() - 2);
      if (inside == piece.text())
        out_.append(piece);  // with its origins
      else
        out_.append(inside, piece.has_data());
      at = end;
    }
    out_.append("\"", false);
  }

  void write_list(const Value& list) {
    if (list.n == 0) return out_.append("[]", false);
    out_.append("[", false);
    ++depth_;
    for (std::uint32_t i = 0; i < list.n; ++i) {
      separate(i > 0);
      write(list.items[i]);
    }
    close("]");
  }

  void write_dict(const Value& dict) {
    if (dict.n == 0) return out_.append("{}", false);
    out_.append("{", false);
    ++depth_;
    if (options_.sort_keys) {
      write_sorted(dict);
    } else {
      for (std::uint32_t i = 0; i < dict.n; ++i) {
        separate(i > 0);
        write_entry(dict.entries[i]);
      }
    }
    close("}");
  }
  void write_sorted(const Value& dict) {
    std::vector<Entry, Counted<Entry>> sorted(dict.entries, dict.entries + dict.n,
                                              Counted<Entry>(machine_.arena()));
    std::ranges::stable_sort(
        sorted, [&](const Entry& a, const Entry& b) { return order(machine_, a.key, b.key) < 0; });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      separate(i > 0);
      write_entry(sorted[i]);
    }
  }
  void write_entry(const Entry& entry) {
    const Value& key = entry.key;
    if (key.is_string()) {
      write_string(key);
    } else {
      if (!key.is_number() && !key.is_none() && key.kind != Kind::big_integer)
        machine_.fail_type(cat("tojson: found ", kind_name(key), " as a key"));
      out_.append(cat("\"", scalar(key), "\""), false);
    }
    out_.append(options_.key_separator, false);
    write(entry.value);
  }

  void separate(bool between) {
    machine_.step();
    if (between) out_.append(options_.item_separator, false);
    new_line();
  }
  void new_line() {
    if (!options_.has_indent) return;
    out_.append("\n", false);
    for (std::size_t i = 0; i < depth_; ++i) out_.append(options_.indent, false);
  }
  void close(std::string_view bracket) {
    --depth_;
    new_line();
    out_.append(bracket, false);
  }

  Machine& machine_;
  const JsonOptions& options_;
  TextBuilder out_;
  std::size_t depth_ = 0;
};

}  // namespace

Value to_json(Machine& machine, const Value& value, const JsonOptions& options) {
  Writer writer(machine, options);
  writer.write(value);
  return writer.value();
}

}  // namespace quern::detail::jinja
