#include "bench/quern_bench/options.h"

#include "bench/quern_bench/synthetic.h"
#include "src/base/parallel.h"

namespace quern::bench {

std::string Row::name() const {
  std::string name = n_prompt != 0 ? "pp" + std::to_string(n_prompt) : "tg" + std::to_string(n_gen);
  if (n_depth != 0) name += " @ d" + std::to_string(n_depth);
  if (n_sequences != 1) name += " x " + std::to_string(n_sequences);
  return name;
}

Options::Options()
    : Program("quern-bench", "Measures how fast a whole model runs on this machine.", Input::model_or_other),
      threads_{detail::usable_threads()} {
  add_option("--synthetic", synthetic,
             "Instead of a file: a model in memory with random weights, of a shape (" + shape_names() +
                 ") and a type: 1b:Q4_K_M")
      .check(check_synthetic)
      .type_name("SHAPE:TYPE")
      .excludes("--model");
  constexpr std::uint64_t most_tokens = 1 << 20, most = 1024;
  add_list("-p,--n-prompt", prompts_, 0, most_tokens, "Read prompts of so many tokens; 0: none");
  add_list("-n,--n-gen", gens_, 0, most_tokens, "Generate so many tokens, one by one; 0: none");
  add_list("-d,--n-depth", depths_, 0, most_tokens, "Behind so many tokens read before");
  add_list("-t,--threads", threads_, 1, most, "Threads to compute with");
  add_list("-b,--sequences", sequences_, 1, most, "Sequences in one batch, each of so many tokens");
  add_option("-r,--repetitions", repetitions, "Measurements of each row")
      .check(examples::whole_number(1, 1000))
      .type_name("N")
      .show_default();
  add_isa_option();
  add_option("--versus", versus,
             "Alternate with another engine: a program that takes -m -p -n -d -t -r and -o json, and "
             "prints what llama-bench does")
      .type_name("PROGRAM");
  add_option("--report", report, "Write one HTML page with a roofline").type_name("FILE");
}

void Options::add_list(const char* names, std::vector<int>& values, std::uint64_t least, std::uint64_t most,
                       const char* what) {
  add_option(names, values, what)
      .separated_by_commas()
      .check(examples::whole_number(least, most))
      .type_name("N,...")
      .show_default();
}

std::vector<Row> Options::rows() const {
  std::vector<Row> rows;
  for (const int t : threads_)
    for (const int b : sequences_)
      for (const int d : depths_) {
        const Row row{.n_depth = d, .n_threads = t, .n_sequences = b};
        for (const int p : prompts_)
          if (p != 0) rows.emplace_back(row).n_prompt = p;
        for (const int n : gens_)
          if (n != 0) rows.emplace_back(row).n_gen = n;
      }
  if (rows.empty()) throw examples::UsageError("--n-prompt and --n-gen leave nothing to measure");
  return rows;
}

}  // namespace quern::bench
