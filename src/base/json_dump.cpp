// Writing JSON as Python's json.dumps does.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "src/base/json.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {
namespace {

void append_escape(std::string& out, char32_t unit) {
  char text[16];
  std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(unit));
  out += text;
}

class JsonWriter {
 public:
  JsonWriter(std::string& out, const JsonStyle& style) : out_(out), style_(style) {}

  void write(const Json& value) {
    std::visit([this](const auto& v) { put(v); }, value.value());
  }

 private:
  void put(std::nullptr_t) { out_ += "null"; }
  void put(bool value) { out_ += value ? "true" : "false"; }
  void put(std::int64_t value) { out_ += std::to_string(value); }
  void put(const Json::BigInteger& value) { out_ += value.digits; }
  void put(double value) {
    if (std::isfinite(value))
      append_float(out_, value);
    else
      out_ += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
  void put(const std::string& value) { append_json_string(out_, value, style_.ensure_ascii); }
  void put(const Json::Array& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    ++depth_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      separate(i > 0);
      write(items[i]);
    }
    close(']');
  }
  void put(const Json::Object& members) {
    if (members.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const Json::Member*> order;
    for (const Json::Member& member : members) order.push_back(&member);
    // The order of UTF-8's bytes is the order of the code points.
    if (style_.sort_keys)
      std::ranges::stable_sort(
          order, {}, [](const Json::Member* m) -> auto& { return m->key; });
    out_ += '{';
    ++depth_;
    for (std::size_t i = 0; i < order.size(); ++i) {
      separate(i > 0);
      append_json_string(out_, order[i]->key, style_.ensure_ascii);
      out_ += style_.key_separator;
      write(order[i]->value);
    }
    close('}');
  }

  void separate(bool between) {
    if (between) out_ += style_.item_separator;
    new_line();
  }
  void new_line() {
    if (!style_.indent) return;
    out_ += '\n';
    for (std::size_t i = 0; i < depth_; ++i) out_ += *style_.indent;
  }
  void close(char bracket) {
    --depth_;
    new_line();
    out_ += bracket;
  }

  std::string& out_;
  const JsonStyle& style_;
  std::size_t depth_ = 0;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text, bool ensure_ascii) {
  out += '"';
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= 0x7f && ensure_ascii) {
      const Char c = read_char(at, end);
      if (c.code > 0xffff) {
        append_escape(out, 0xd800 + ((c.code - 0x10000) >> 10));
        append_escape(out, 0xdc00 + ((c.code - 0x10000) & 0x3ff));
      } else {
        append_escape(out, c.code);
      }
      at += c.n_bytes;
      continue;
    }
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (byte < 0x20)
          append_escape(out, byte);
        else
          out += *at;
    }
    ++at;
  }
  out += '"';
}

std::string dump_json(const Json& value, const JsonStyle& style) {
  std::string out;
  JsonWriter(out, style).write(value);
  return out;
}

}  // namespace quern::detail
