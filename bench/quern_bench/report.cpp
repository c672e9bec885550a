// The page of --report: the machine, the table and the roofline.
#include "bench/quern_bench/output.h"
#include "bench/quern_bench/roofline.h"
#include "formats/try.h"
#include "quern/version.h"

namespace quern::bench {
namespace {

using formats::cat;

constexpr const char* style = R"(<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.6em; margin: 0 } h1 + p { color: #555; margin-top: .2em }
table { border-collapse: collapse; margin: 1.5em 0; width: 100% }
th, td { text-align: right; padding: .3em .6em; border-bottom: 1px solid #ddd; white-space: nowrap }
th { font-weight: 600; border-bottom-color: #888 } th:first-child, td:first-child { text-align: left }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1.2em } dt { font-weight: 600 } dd { margin: 0 }
svg { width: 100%; height: auto } .wide { overflow-x: auto } .note { color: #555; font-size: .93em }
</style>
)";

std::string cells(const char* tag, const std::vector<std::string>& texts) {
  std::string out = "<tr>";
  for (const std::string& text : texts) out += cat("<", tag, ">", escaped(text), "</", tag, ">");
  return out + "</tr>\n";
}

std::string result_table(const Results& results) {
  std::vector<std::string> head = result_heads();
  const bool versus = !results.versus.empty();
  if (versus) head.insert(head.end(), {results.versus, "ratio"});
  std::string out = "<div class=\"wide\"><table>\n" + cells("th", head);
  for (const Measured& m : results.rows) {
    std::vector<std::string> line = result_cells(m);
    if (versus) {
      const bool measured = !m.versus_rates.empty();
      line.push_back(measured ? with_deviation(m.versus_rates) : "-");
      line.push_back(measured ? fixed(median(m.ratios()), 3) : "-");
    }
    out += cells("td", line);
  }
  return out + "</table></div>\n";
}

std::string term(const std::string& name, const std::string& text) {
  return cat("<dt>", escaped(name), "</dt><dd>", escaped(text), "</dd>\n");
}

}  // namespace

std::string page(const Results& results) {
  const Machine& machine = results.machine;
  std::string facts = term("Machine", describe(machine)) + term("System", machine.system) +
                      term("Program", cat("Quern ", QUERN_VERSION_STRING, ", ", machine.isa,
                                          " kernels, built by ", machine.compiler)) +
                      term("Measured", results.rows[0].time);
  for (const Ceilings& c : ceilings_of(results.rows))
    facts += term(cat("Ceilings, ", c.threads, c.threads == 1 ? " thread" : " threads"), describe(c));
  return cat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>Quern on ",
      escaped(machine.cpu), "</title>\n", style, "</head><body>\n<h1>", escaped(results.model_name()),
      "</h1>\n<p>", escaped(describe(results.info)), "</p>\n<dl>\n", facts, "</dl>\n", result_table(results),
      roofline(results.rows), R"(<p class="note">pp: a prompt read; tg: tokens
generated one by one; @ d: behind so many tokens; x: sequences in one batch. A dot is a row of the table, and the line
above it is what this machine gave in the same run: on the slope memory is the limit, on the flat part arithmetic.
Dashed: the limit of single precision, in which attention is computed. The share of the ceiling is the time that the
work would take at the measured ceilings, over the time that it took; beside it stands which of them is the nearer
one.</p>
</body></html>
)");
}

}  // namespace quern::bench
