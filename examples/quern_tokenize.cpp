// Text to tokens and back. Each line of standard input is a text of its own, cut at LF only; with --decode
// each is a JSON array of ids.
//
//   echo "The millstone turns" | quern-tokenize -m tiny.gguf
//   quern-tokenize -m tiny.gguf --ids < corpus.txt > ids.jsonl
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/program.h"
#include "common/token_ids.h"

namespace {

using quern::Token;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::runtime_error("an odd number of hexadecimal digits");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0)
      throw std::runtime_error("'" + std::string(hex.substr(i, 2)) +
                               "' where two hexadecimal digits were expected");
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

void append_hex(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
}

/// Bytes that are no character become U+FFFD.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_ids(std::string& out, std::span<const Token> ids) {
  out += '[';
  for (const Token id : ids) {
    char digits[16];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, id).ptr);
    out += ',';
  }
  if (ids.empty()) out += ',';
  out.back() = ']';
}

/// One token a line: its id and its text as the vocabulary spells it.
void append_listing(std::string& out, const quern::Tokenizer& tokenizer, std::span<const Token> ids) {
  for (const Token id : ids) {
    char digits[16];
    const int n = std::snprintf(digits, sizeof digits, "%8d  ", id);
    out.append(digits, static_cast<std::size_t>(n));
    out += json_string(tokenizer.token_text(id));
    out += tokenizer.is_control(id) ? "  control\n" : "\n";
  }
}

/// Calls use(line) for every line of standard input; a last line without LF is one too, and a CR is part of
/// its line.
template <typename Use>
void for_each_line(Use use) {
  const std::string input = examples::read_file("-");
  std::size_t number = 1;
  for (std::size_t begin = 0; begin < input.size(); ++number) {
    const std::size_t end = std::min(input.find('\n', begin), input.size());
    try {
      use(std::string_view(input).substr(begin, end - begin));
    } catch (const std::exception& error) {
      throw std::runtime_error("line " + std::to_string(number) + ": " + error.what());
    }
    begin = end + 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-tokenize", "Turns each line of standard input into tokens, or back.");
  quern::EncodeOptions encode;
  quern::DecodeOptions decode;
  bool ids_only = false, decoding = false, hex = false;
  program.add_flag("--ids", ids_only, "Print one JSON array of ids a line");
  program.add_flag("--decode", decoding, "Read JSON arrays of ids, print the texts");
  program.add_flag("--hex", hex, "Texts are lines of hexadecimal bytes (to carry any bytes, line ends too)");
  program.add_flag("--add-special", encode.add_special,
                   "Add the tokens that the vocabulary puts around a text");
  program.add_flag("--parse-special,--special", encode.parse_special,
                   "Read names of control tokens as those tokens");
  program.add_flag("--remove-special", decode.remove_special,
                   "With --decode: leave out the tokens around the text");
  program.add_flag("--unparse-special", decode.unparse_special,
                   "With --decode: write control tokens as their names");

  return program.run(argc, argv, [&] {
    const auto tokenizer = quern::Tokenizer::open(program.model).value();
    std::string out;
    for_each_line([&](std::string_view line) {
      if (decoding) {
        const std::string text = tokenizer.decode(examples::token_ids_from_json(line), decode).value();
        if (hex)
          append_hex(out, text);
        else
          out += program.json ? json_string(text) : text;
        out += '\n';
      } else {
        const auto ids = tokenizer.encode(hex ? from_hex(line) : line, encode).value();
        ids_only || program.json ? append_ids(out, ids) : append_listing(out, tokenizer, ids);
        out += '\n';
      }
      if (out.size() < 1 << 16) return;
      examples::write_out(out);
      out.clear();
    });
    examples::write_out(out);
    return 0;
  });
}
