// usage: outside MODEL. Prints the version, then two greedy tokens.
#include <quern/quern.h>

#include <iostream>

int main(int argc, char** argv) {
  std::cout << "quern " QUERN_VERSION_STRING "\n";
  if (argc < 2) return 2;
  const auto model = quern::Model::open(argv[1]);
  if (!model) {
    std::cerr << model.error().message << "\n";
    return 1;
  }
  auto session = model->new_session({.n_ctx = 64}).value();
  const quern::Token prompt[] = {1, 2, 3};
  const auto done =
      session.generate(prompt, {.max_tokens = 2, .sampler = {.temperature = 0, .ignore_eos = true}}).value();
  std::cout << done.new_tokens << " tokens\n";
}
