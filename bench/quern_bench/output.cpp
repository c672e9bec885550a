#include "bench/quern_bench/output.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "formats/try.h"
#include "quern/version.h"

namespace quern::bench {

using formats::cat;
using nlohmann::ordered_json;

std::string Results::model_name() const { return std::filesystem::path(model).filename().string(); }

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string with_deviation(const std::vector<double>& values) {
  return fixed(mean(values), 2) + " ± " + fixed(deviation(values), 2);
}

std::string describe(const ModelInfo& info) {
  const auto n = static_cast<double>(info.n_parameters);
  return cat(info.architecture, ", ", info.types, ", ",
             n < 1e9 ? fixed(n * 1e-6, 1) + " million" : fixed(n * 1e-9, 2) + " billion", " parameters, ",
             fixed(static_cast<double>(info.file_bytes) / (1 << 20), 0), " MiB");
}

std::string describe(const Machine& machine) {
  std::string text = cat(machine.cpu, ", ", machine.n_cores, machine.n_cores == 1 ? " core" : " cores");
  if (machine.l2_mib > 0) text += ", L2 " + fixed(machine.l2_mib, 1) + " MiB";
  if (machine.l3_mib > 0) text += ", L3 " + fixed(machine.l3_mib, 0) + " MiB";
  return text + ", " + fixed(machine.memory_gib, 0) + " GiB of memory";
}

std::string describe(const Ceilings& c) {
  return cat(fixed(c.int8_gops, 0), " GOP/s int8 (", c.int8_instruction, "), ", fixed(c.fp32_gops, 0),
             " GOP/s fp32, ", fixed(c.read_gbps, 1), " GB/s read");
}

std::vector<Ceilings> ceilings_of(const std::vector<Measured>& rows) {
  std::vector<Ceilings> out;
  for (const Measured& row : rows)
    if (std::ranges::find(out, row.ceilings.threads, &Ceilings::threads) == out.end())
      out.push_back(row.ceilings);
  return out;
}

std::vector<std::string> result_heads() {
  return {"test", "threads", "tokens/s", "GOP/s", "GB/s", "of the ceiling"};
}
std::vector<std::string> result_cells(const Measured& m) {
  return {m.row.name(),
          std::to_string(m.row.n_threads),
          with_deviation(m.rates()),
          fixed(m.gops(), 1),
          fixed(m.gbps(), 2),
          fixed(100 * m.share(), 0) + "% " + m.bound_by()};
}

namespace {

using Line = std::vector<std::string>;

// Columns separated by two spaces, the first one to the left and the others to the right.
std::string aligned(const std::vector<Line>& lines) {
  const auto width = [](const std::string& cell) {  // in characters: bytes that do not continue one
    return static_cast<std::size_t>(std::ranges::count_if(cell, [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<std::size_t> widths(lines[0].size());
  for (const Line& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  std::string out;
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - width(line[i]), ' ');
      out += i == 0 ? line[i] + padding : "  " + padding + line[i];
    }
    out += "\n";
  }
  return out;
}

ordered_json json_row(const Results& results, const Measured& m) {
  std::vector<std::int64_t> samples_ns;
  for (const double seconds : m.seconds) samples_ns.push_back(std::llround(1e9 * seconds));
  const std::vector<double> rates = m.rates();
  ordered_json row{
      {"engine", "quern"},
      {"engine_version", QUERN_VERSION_STRING},
      {"compiler", results.machine.compiler},
      {"cpu_info", results.machine.cpu},
      {"system", results.machine.system},
      {"isa", results.machine.isa},
      {"model_filename", results.model},
      {"model_type", results.info.architecture + " " + results.info.types},
      {"model_size", results.info.file_bytes},
      {"model_n_params", results.info.n_parameters},
      {"n_batch", SessionOptions{}.batch},
      {"n_threads", m.row.n_threads},
      {"n_sequences", m.row.n_sequences},
      {"type_k", "f16"},
      {"type_v", "f16"},
      {"n_prompt", m.row.n_prompt},
      {"n_gen", m.row.n_gen},
      {"n_depth", m.row.n_depth},
      {"test_time", m.time},
      {"avg_ns", std::llround(1e9 * mean(m.seconds))},
      {"stddev_ns", std::llround(1e9 * deviation(m.seconds))},
      {"avg_ts", mean(rates)},
      {"stddev_ts", deviation(rates)},
      {"samples_ns", samples_ns},
      {"samples_ts", rates},
      {"gops", m.gops()},
      {"read_gbps", m.gbps()},
      {"ceiling_share", m.share()},
      {"bound_by", m.bound_by()},
      {"ceiling_int8_gops", m.ceilings.int8_gops},
      {"ceiling_fp32_gops", m.ceilings.fp32_gops},
      {"ceiling_read_gbps", m.ceilings.read_gbps},
  };
  if (!m.versus_rates.empty()) {
    row["versus"] = results.versus;
    row["versus_samples_ts"] = m.versus_rates;
    row["versus_ratios"] = m.ratios();
    row["versus_median_ratio"] = median(m.ratios());
  }
  return row;
}

}  // namespace

std::string table(const Results& results) {
  const bool versus = !results.versus.empty();
  std::vector<Line> lines{result_heads()};
  if (versus) lines[0].insert(lines[0].end(), {results.versus, "ratio", "pair by pair"});
  for (const Measured& m : results.rows) {
    Line& line = lines.emplace_back(result_cells(m));
    if (m.versus_rates.empty()) {
      line.resize(lines[0].size(), "-");
      continue;
    }
    std::string pairs;
    for (const double ratio : m.ratios()) pairs += (pairs.empty() ? "" : " ") + fixed(ratio, 3);
    line.insert(line.end(), {with_deviation(m.versus_rates), fixed(median(m.ratios()), 3), pairs});
  }
  std::string out = cat(results.model_name(), ": ", describe(results.info), "\n", describe(results.machine),
                        "; kernels: ", results.machine.isa, "\n");
  for (const Ceilings& c : ceilings_of(results.rows))
    out += cat("ceilings, ", c.threads, c.threads == 1 ? " thread: " : " threads: ", describe(c), "\n");
  return out + "\n" + aligned(lines);
}

std::string json(const Results& results) {
  auto array = ordered_json::array();
  for (const Measured& m : results.rows) array.push_back(json_row(results, m));
  // Bytes of a model's own texts that are not UTF-8 become replacement characters.
  return array.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace quern::bench
