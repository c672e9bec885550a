// Writes a vector for each line of text, compares the lines of two files, or ranks lines by how well they
// answer a query.
//
//   quern-embed -m bge.gguf notes.txt --format npy --out notes.npy
//   quern-embed -m bge.gguf --similarity questions.txt answers.txt
//   quern-embed -m reranker.gguf --rerank "How is flour made?" answers.txt
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/interrupt.h"
#include "common/output_file.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/vector_writer.h"

namespace {

using Texts = std::vector<std::string_view>;

// What is read is cut into this many texts at a time, so that vectors are written as they come.
constexpr std::size_t texts_at_a_time = 1024;

const std::vector<std::string> pooling_names = {"mean", "cls", "last"};

struct Arguments {
  std::string file = "-", out = "-", format = "json", pooling, query;
  std::vector<std::string> compared;
  std::vector<quern::Token> tokens;
  quern::EmbedderOptions embedder;
  quern::EmbedOptions embed;
  bool no_normalize = false;
};

/// Every line is a text, empty ones too; a carriage return at its end is none of it.
Texts lines_of(std::string_view text) {
  Texts lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void write_vectors(quern::Embedder& embedder, const Arguments& arguments) {
  examples::ProgressBar progress("embedding");
  if (!arguments.tokens.empty()) {
    const auto vectors = embedder.embed_tokens({&arguments.tokens, 1}, arguments.embed).value();
    examples::VectorWriter writer(arguments.out, arguments.format, embedder, arguments.embed, 1);
    writer.write(vectors);
    writer.close();
    return;
  }
  const std::string text = examples::read_file(arguments.file);
  const Texts lines = lines_of(text);
  examples::VectorWriter writer(arguments.out, arguments.format, embedder, arguments.embed, lines.size());
  for (std::size_t begin = 0; begin < lines.size(); begin += texts_at_a_time) {
    const auto part = std::span(lines).subspan(begin, std::min(texts_at_a_time, lines.size() - begin));
    writer.write(embedder.embed(part, arguments.embed).value());
    progress.show(static_cast<double>(begin + part.size()) / static_cast<double>(lines.size()));
  }
  writer.close();
}

/// A row for each line of the first file, a column for each line of the second.
void write_similarity(quern::Embedder& embedder, const Arguments& arguments, bool as_json) {
  std::string texts[2];
  quern::Embeddings vectors[2];
  for (const std::size_t i : {0, 1}) {
    texts[i] = examples::read_file(arguments.compared[i]);
    vectors[i] = embedder.embed(lines_of(texts[i]), arguments.embed).value();
  }
  std::string out = as_json ? "{\"similarity\":[" : "";
  std::vector<float> row(vectors[1].size());
  for (std::size_t i = 0; i < vectors[0].size(); ++i) {
    for (std::size_t j = 0; j < row.size(); ++j)
      row[j] = quern::cosine_similarity(vectors[0][i], vectors[1][j]);
    if (as_json) out += (i == 0 ? "\n" : ",\n") + examples::json_array(row);
    for (std::size_t j = 0; !as_json && j < row.size(); ++j) {
      out += examples::decimal(row[j]);
      out += j + 1 < row.size() ? '\t' : '\n';
    }
  }
  examples::OutputFile file(arguments.out);
  file.write(as_json ? out + "\n]}\n" : out);
  file.close();
}

/// The best first: score, number of the line from 0, line.
void write_ranking(quern::Embedder& embedder, const Arguments& arguments, bool as_json) {
  const std::string text = examples::read_file(arguments.file);
  const Texts lines = lines_of(text);
  const std::vector<float> scores = embedder.rank(arguments.query, lines, arguments.embed).value();
  std::vector<std::size_t> order(lines.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::string out;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const std::size_t i : order) {
    if (as_json) results.push_back({{"index", i}, {"score", scores[i]}, {"text", lines[i]}});
    out.append(examples::decimal(scores[i]))
        .append("\t")
        .append(std::to_string(i))
        .append("\t")
        .append(lines[i])
        .append("\n");
  }
  using nlohmann::ordered_json;
  if (as_json)
    out = ordered_json{{"results", results}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace) +
          "\n";
  examples::OutputFile file(arguments.out);
  file.write(out);
  file.close();
}

/// Gives --rerank, whose query may be empty.
examples::Option add_options(examples::Program& program, Arguments& arguments) {
  program.add_option("file", arguments.file, "Lines of text (default: - , standard input)").type_name("FILE");
  program.add_token_ids("--tokens", arguments.tokens, "Embed these token ids as they are").excludes("file");
  program
      .add_option("--similarity", arguments.compared,
                  "Cosine similarity of each line of the first file with each line of the second")
      .n_values(2)
      .type_name("FILE FILE")
      .excludes("file")
      .excludes("--tokens");
  const auto rerank =
      program.add_option("--rerank", arguments.query, "Rank the lines by how well they answer this")
          .type_name("QUERY")
          .excludes("--tokens")
          .excludes("--similarity");
  program
      .add_option("--format", arguments.format, "Of vectors: json (default), f32 (raw, little-endian), npy")
      .check(examples::one_of({"json", "f32", "npy"}))
      .excludes("--json")
      .type_name("NAME");
  program.add_option("-o,--out", arguments.out, "File to write (default: - , standard output)")
      .type_name("FILE");
  program.add_flag("--no-normalize", arguments.no_normalize, "Leave vectors as the model makes them");
  program.add_flag("--truncate", arguments.embed.truncate,
                   "Cut texts that are too long (otherwise they are an error)");
  program.add_option("--pooling", arguments.pooling, "For models that declare none: mean, cls, last")
      .check(examples::one_of(pooling_names))
      .type_name("NAME");
  program.add_option("--n-ctx", arguments.embedder.n_ctx, "Tokens of the longest text (default: the model's)")
      .check(examples::whole_number(0, std::numeric_limits<int>::max()))
      .type_name("N");
  program.add_option("--batch", arguments.embedder.batch, "Tokens of all texts evaluated together")
      .check(examples::whole_number(1, 65536))
      .type_name("N");
  return rerank;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-embed", "Makes vectors of texts, compares texts, or ranks them.");
  program.add_compute_options();
  Arguments arguments;
  const examples::Option rerank = add_options(program, arguments);

  return program.run(argc, argv, [&] {
    constexpr quern::Pooling poolings[] = {quern::Pooling::mean, quern::Pooling::cls, quern::Pooling::last};
    for (std::size_t i = 0; i < pooling_names.size(); ++i)
      if (arguments.pooling == pooling_names[i]) arguments.embedder.pooling = poolings[i];
    arguments.embedder.threads = program.session.threads;
    arguments.embed.normalize = !arguments.no_normalize;
    const examples::Interrupt interrupt;
    program.open.stop = arguments.embed.stop = interrupt.token();
    const auto model = quern::Model::open(program.model, program.open).value();
    auto opened = model.new_embedder(arguments.embedder);
    if (!opened && opened.error().field.ends_with(".pooling_type"))
      throw std::runtime_error(opened.error().message + " (--pooling mean, cls or last)");
    quern::Embedder embedder = std::move(opened).value();
    if (!arguments.compared.empty())
      write_similarity(embedder, arguments, program.json);
    else if (rerank.given())
      write_ranking(embedder, arguments, program.json);
    else
      write_vectors(embedder, arguments);
    return 0;
  });
}
