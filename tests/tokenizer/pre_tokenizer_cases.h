#pragma once
// The pre-tokenizers as regular expressions, step by step, and one text cut by each of them. Capital words
// are abbreviations; THREES is a procedure (see the test).
#include <string_view>
#include <utility>
#include <vector>

namespace quern::test {

// clang-format off
inline const std::vector<std::pair<std::string_view, std::string_view>> abbreviations = {
    {"C", R"x((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]))x"},
    {"W", R"x(\s*[\r\n]+|\s+(?!\S)|\s+)x"},
    {"U", R"x((?:(?![a-z])\p{L}))x"},
    {"D", R"x((?:(?![A-Z])\p{L}))x"},
    {"V", R"x((?:(?![a-z])[\p{L}\p{M}]))x"},
    {"E", R"x((?:(?![A-Z])[\p{L}\p{M}]))x"},
    {"HAN", R"x([\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U0002A6DF\U0002A700-\U0002B73F\U0002)x" R"x(B740-\U0002B81F\U0002B820-\U0002CEAF\U0002CEB0-\U0002EBEF\U0002F800-\U0002FA1F])x"},
    {"GPT2", R"x('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)x"},
    {"DS3", R"x([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[)x" R"x(\p{P}\p{S}]+[\r\n]*|W)x"},
};

struct Expressions {
  std::string_view rule_set;
  std::vector<std::string_view> steps;
};
inline const std::vector<Expressions> expressions = {
    {"default", {R"x([\p{P}$+<=>^~|]+)x",
        R"x(GPT2)x",
        R"x(\p{N}+)x",
        R"x([0-9][0-9][0-9])x"}},
    {"gpt2", {R"x(GPT2)x"}},
    {"starcoder", {R"x(\p{N})x",
        R"x(GPT2)x"}},
    {"falcon", {R"x([\p{P}$+<=>^~|`]+)x",
        R"x(GPT2)x",
        R"x([0-9][0-9][0-9])x"}},
    {"llama3", {R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|W)x"}},
    {"qwen2", {R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|W)x"}},
    {"qwen35", {R"x(C|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|W)x"}},
    {"seed", {R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|W)x"}},
    {"jais2", {R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S))x" R"x(|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!)x" R"x(\S)|\s{1,2}(?!\S)|\s)x"}},
    {"minicpm5", {R"x(\p{N}{1,3})x",
        R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|W)x"}},
    {"laguna", {R"x([^\n]+|\n+)x",
        R"x(C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|W)x"}},
    {"exaone-moe", {R"x(C|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|W)x"}},
    {"gpt-4o", {R"x([^\r\n\p{L}\p{N}]?U*D+C?|[^\r\n\p{L}\p{N}]?U+D*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)x" R"x(W)x"}},
    {"tekken", {R"x([^\r\n\p{L}\p{N}]?U*D+|[^\r\n\p{L}\p{N}]?U+D*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|W)x"}},
    {"granite-97m", {R"x([^\r\n\p{L}\p{N}]?V*E+C?|[^\r\n\p{L}\p{N}]?V+E*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)x" R"x(W)x"}},
    {"tiny_aya", {R"x(THREES)x",
        R"x([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|W)x"}},
    {"youtu", {R"x([\uAC00-\uD7A3\u3131-\u318E]+|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uF)x" R"x(F0C\u3001-\u303F\uFE30-\uFE4F]+|[\u3105-\u312F]+|[\u4E00-\u9FA5\u3040-\u30FF]+)x",
        R"x([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+C?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|W)x"}},
    {"kimi-k2", {R"x(HAN+|[^\r\n\p{L}\p{N}]?(?:(?!HAN)\p{L})+C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|W)x"}},
    {"deepseek-v3", {R"x(\p{N}{1,3})x",
        R"x([\u4E00-\u9FA5\u3040-\u30FF]+)x",
        R"x(DS3)x"}},
    {"afmoe", {R"x(THREES)x",
        R"x([\u0E40-\u0EFF\u1000-\u109F\u1100-\u11FF\u1780-\u17FF\u2F00-\u2FDF\u3040-\u30FF\u3400-\u)x" R"x(4DBF\u4E00-\u9FFF\u8C48-\uFAFF\uFF65-\uFF9F]+)x",
        R"x(DS3)x"}},
    {"deepseek-coder", {R"x([\r\n])x",
        R"x(\s?\p{L}+)x",
        R"x(\s?\p{P}+)x",
        R"x([\u0800-\u9FA5\uAC00-\uD7FF]+)x",
        R"x(\p{N})x"}},
    {"deepseek-llm", {R"x([\r\n])x",
        R"x(\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-)x" R"x(\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1)x" R"x(\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u1)x" R"x(3FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-)x" R"x(\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB)x" R"x(4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1)x" R"x(FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u2)x" R"x(12A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u)x" R"x(2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787)x" R"x(\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400)x" R"x(-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U0)x" R"x(0010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943]+)x",
        R"x(\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3001\u3002]+)x",
        R"x(\s+$)x",
        R"x([\u0800-\u9FA5\uAC00-\uD7FF]+)x",
        R"x(\p{N}+)x"}},
    {"bloom", {R"x(\x20?[^\s(|.,!?)\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C]+)x"}},
    {"viking", {R"x(\x20?[^\s(|.,!?)\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C]+)x",
        R"x(\p{N})x"}},
    {"superbpe", {R"x(\p{N}+)x",
        R"x((?=(?:[0-9]{3})+(?![0-9])))x"}},
    {"chameleon", {R"x(<sentinel:[0-9]+>)x",
        R"x(IMGIMG[A-I]{1,4}Z)x",
        R"x([\t\n]|\x20{4}|\x20{2})x",
        R"x(\p{N})x",
        R"x([\p{P}!-/:-@\[-`{-~])x",
        R"x(GPT2)x"}},
    {"newlines", {R"x([^\n]+|\n+)x"}},
    {"whitespace", {R"x(\S+)x"}},
};

// The text, with · for a space, ⏎ for a newline, ⇥ for a tab, and u with \\u0308; and its pieces between |.
struct Split {
  std::string_view rule_set, pieces;
};
inline const std::vector<Split> splits = {
    {"default", R"x(He|'|LL|·don|'|t|·|·|123|456|7|·x|=|y|/|z|!!|⏎⏎·|⇥|ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４１|·|“|q|”…|·|·|7)x"},
    {"gpt2", R"x(He|'|LL|·don|'t|·|·1234567|·x|=|y|/|z|!!|⏎⏎·|⇥|ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４１|·“|q|”…|·|·7)x"},
    {"starcoder", R"x(He|'|LL|·don|'t|··|1|2|3|4|5|6|7|·x|=|y|/|z|!!|⏎⏎·|⇥|ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|··|7)x"},
    {"falcon", R"x(He|'|LL|·don|'|t|·|·|123|456|7|·x|=|y|/|z|!!|⏎⏎·|⇥|ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４１|·|“|q|”…|·|·7)x"},
    {"llama3", R"x(He|'LL|·don|'t|·|·|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４|１|·“|q|”…|·|·|7)x"},
    {"qwen2", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"qwen35", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"seed", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!|⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"jais2", R"x(He|'LL|·don|'t|·|·|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４|１|·“|q|”…|·|·|7)x"},
    {"minicpm5", R"x(He|'LL|·don|'t|··|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４|１|·“|q|”…|··|7)x"},
    {"laguna", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!|⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"exaone-moe", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!⏎|⏎|·|⇥ok·HELLOworldIs·ÀBCd·u\u0308·Straße·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"gpt-4o", R"x(He'LL|·don't|·|·|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworld|Is|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３１４|１|·“|q|”…|·|·|7)x"},
    {"tekken", R"x(He|'LL|·don|'t|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworld|Is|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·“|q|”…|·|·|7)x"},
    {"granite-97m", R"x(He'LL|·don't|·|·|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworld|Is|·ÀBCd|·u\u0308|·Straße|·日本テ한|，|３１４|１|·“|q|”…|·|·|7)x"},
    {"tiny_aya", R"x(He'LL|·don't|·|·|1|234|567|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·日本テ한|，|３|１４１|·“|q|”…|·|·|7)x"},
    {"youtu", R"x(He'LL|·don't|·|·|1|2|3|4|5|6|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·|日本テ|한|，|３|１|４|１|·|“|q|”…|·|·|7)x"},
    {"kimi-k2", R"x(He'LL|·don't|·|·|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·|日本|テ한|，|３１４|１|·“|q|”…|·|·|7)x"},
    {"deepseek-v3", R"x(He|'LL|·don|'t|··|123|456|7|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·|日本テ|한|，|３１４|１|·“|q|”…|··|7)x"},
    {"afmoe", R"x(He|'LL|·don|'t|·|·|1|234|567|·x|=y|/z|!!⏎⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·|日本テ한|，|３|１４１|·“|q|”…|·|·|7)x"},
    {"deepseek-coder", R"x(He|'|LL|·don|'|t|··|1|2|3|4|5|6|7|·x|=|y|/|z|!!|⏎|⏎|·|⇥ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·|日本テ한|，|３|１|４|１|·|“|q|”…|··|7)x"},
    {"deepseek-llm", R"x(He|'|LL|·don|'|t|··|1234567|·x|=|y|/|z|!!|⏎|⏎|·|⇥ok|·HELLOworldIs|·À|BCd|·u|\u0308|·Stra|ß|e|·|日本テ한|，|３１４１|·|“|q|”|…|··|7)x"},
    {"bloom", R"x(He'LL|·don't|·|·1234567|·x=y/z|!!⏎⏎·⇥|ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·日本テ한|，|３１４１|·“q”|…·|·7)x"},
    {"viking", R"x(He'LL|·don't|·|·|1|2|3|4|5|6|7|·x=y/z|!!⏎⏎·⇥|ok|·HELLOworldIs|·ÀBCd|·u\u0308|·Straße|·日本テ한|，|３|１|４|１|·“q”|…·|·|7)x"},
    {"superbpe", R"x(He'LL·don't··|1|234|567|·x=y/z!!⏎⏎·⇥ok·HELLOworldIs·ÀBCd·u\u0308·Straße·日本テ한，|３１４１|·“q”…··|7)x"},
    {"chameleon", R"x(He|'|LL|·don|'|t|··|1|2|3|4|5|6|7|·x|=|y|/|z|!|!|⏎|⏎|·|⇥|ok|·HELLOworldIs|·ÀBCd|·u|\u0308|·Straße|·日本テ한|，|３|１|４|１|·|“|q|”|…|··|7)x"},
    {"newlines", R"x(He'LL·don't··1234567·x=y/z!!|⏎⏎|·⇥ok·HELLOworldIs·ÀBCd·u\u0308·Straße·日本テ한，３１４１·“q”…··7)x"},
    {"whitespace", R"x(He'LL|·|don't|··|1234567|·|x=y/z!!|⏎⏎·⇥|ok|·|HELLOworldIs|·|ÀBCd|·|u\u0308|·|Straße|·|日本テ한，３１４１|·|“q”…|··|7)x"},
};
// clang-format on

}  // namespace quern::test
