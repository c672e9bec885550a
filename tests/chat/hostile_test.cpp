// Templates that want too much: each ends in an error or a text, within its limits.
#include <gtest/gtest.h>

#include <string>

#include "tests/chat/rendering.h"

namespace quern::test {
namespace {

std::string times(std::size_t n, std::string_view text) {
  std::string out;
  out.reserve(n * text.size());
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

const struct {
  const char* what;
  std::string source;
  const char* ends;  // the beginning of the text, or of the error's kind and message
} hostile_templates[] = {
    {"gigabyte", "{{ 'a' * 10**9 }}", "error: limit_"},
    {"gigabyte by replacement", "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}", "error: limit_"},
    {"gigabyte by joining", "{{ range(99999) | join('x' * 99999) }}", "error: limit_"},
    {"gigabyte of output", "{% set x = 'y' * 9999 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
     "error: limit_"},
    {"long list", "{{ ([0] * 10**9) | length }}", "error: limit_"},
    {"doubled sixty times",
     "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
     "error: limit_"},
    {"doubled list",
     "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
     "error: limit_"},
    {"three loops",
     "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor "
     "%}"
     "{% endfor %}",
     "error: limit_steps"},
    {"long range", "{% for a in range(100001) %}{% endfor %}", "error: limit_range"},
    {"macro in itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "error: limit_depth"},
    {"macros in each other",
     "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}", "error: "},
    {"macro tree",
     "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
     "error: limit_steps"},
    {"loop in itself", "{% for a in [[]] recursive %}{{ loop([[]]) }}{% endfor %}", "error: limit_depth"},
    {"parentheses", "{{ " + times(10'000, "(") + "1" + times(10'000, ")") + " }}", "error: limit_depth"},
    {"brackets", "{{ " + times(10'000, "["), "error: limit_depth"},
    {"not not", "{{ " + times(10'000, "not ") + "x }}", "error: limit_depth"},
    {"minus minus", "{{ " + times(10'000, "-") + "1 }}", "error: limit_depth"},
    {"blocks", times(10'000, "{% if 1 %}"), "error: limit_depth"},
    {"many elif", "{% if 0 %}" + times(10'000, "{% elif 0 %}") + "{% endif %}ok", "ok"},
    {"long sum", "{{ 0" + times(10'000, " + 1") + " }}", "error: limit_depth"},
    {"many filters", "{{ 'a'" + times(10'000, " | trim") + " }}", "error: limit_depth"},
    {"wide field", "{{ '%999999999d' % 1 }}", "error: limit_memory"},
    {"wide format", "{{ '{:>999999999}'.format(1) }}", "error: limit_memory"},
    {"wide centre", "{{ 'a' | center(10**9) }}", "error: limit_memory"},
    {"wide zeros", "{{ 'a'.zfill(10**9) }}", "error: limit_memory"},
    {"wide indent", "{{ [1] | tojson(indent=10**9) }}", "error: limit_memory"},
    {"large fill", "{{ [1] | batch(10**9, 0) | list }}", "error: limit_"},
    {"namespace in itself", "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", ""},
    {"namespace as JSON", "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns | tojson }}", "error: "},
    {"list in itself, nearly",
     "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
     "error: limit_depth"},
    {"list compared",
     "{% set ns = namespace(x=[], y=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}"
     "{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
     "error: limit_depth"},
    {"wide tree",
     "{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x "
     "}}",
     "error: limit_"},
    {"large power", "{{ 10 ** 1000000 }}", "error: arithmetic"},
    {"step of zero", "{{ 'abc'[::0] }}", "error: type"},
    {"long literal", "{{ '" + times(1 << 20, "a") + "' | length }}", "error: limit_source"},
    {"zero byte", std::string("a\0b", 3), "error: syntax"},
    {"no UTF-8", "a\xff", "error: syntax"},
    {"half of everything", "{{ x | f(['a', {'b': (1, ", "error: syntax"},
    {"white space", "{{ 'a' }}" + times(300'000, " \n") + "{%- if 1 %}{% endif %}", "a"},
    {"sorting what cannot be compared", "{{ (range(99999) | list + ['a']) | sort }}", "error: type"},
    {"text built character by character",
     "{% set ns = namespace(x='') %}{% for i in range(99999) %}{% set ns.x = ns.x ~ 'ab' %}{% endfor %}"
     "{{ ns.x | length }}",
     "199998"},
};

TEST(HostileTemplates, EndWithinTheirLimits) {
  for (const auto& c : hostile_templates) {
    const std::string text = rendered(c.source);
    EXPECT_EQ(text.substr(0, std::string_view(c.ends).size()), c.ends)
        << c.what << ": " << text.substr(0, 200);
    EXPECT_LT(text.size(), std::size_t{64} << 20) << c.what;
  }
}

// What the limits allow is a bounded piece of work, which was measured to take well under 100 ms.
TEST(HostileTemplates, TheLimitsHoldWhereTheyAreSet) {
  detail::jinja::Limits limits;
  EXPECT_LE(limits.steps, 1'000'000u);
  EXPECT_LE(limits.memory_bytes, std::size_t{32} << 20);
  constexpr std::string_view loop = "{% for i in range(1000) %}{{ i }}{% endfor %}";
  EXPECT_EQ(rendered(loop, detail::Json::Object(), limits).substr(0, 4), "0123");
  limits.steps = 500;
  limits.steps_per_input_byte = 0;
  EXPECT_TRUE(rendered(loop, detail::Json::Object(), limits).starts_with("error: limit_steps"));
  limits = {};
  limits.memory_bytes = 100'000;
  EXPECT_TRUE(
      rendered("{{ 'a' * 200000 }}", detail::Json::Object(), limits).starts_with("error: limit_memory"));
  limits = {};
  limits.depth = 3;
  EXPECT_TRUE(rendered("{{ ((((1)))) }}", detail::Json::Object(), limits).starts_with("error: limit_depth"));
}

}  // namespace
}  // namespace quern::test
