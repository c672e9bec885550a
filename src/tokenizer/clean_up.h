#pragma once
// The clean-up of decoded English that some vocabularies ask for.
#include <string>

namespace quern::detail {

// Three passes, each over the result of the one before: spaces before ? ! . , go; the spaces around a lone
// apostrophe go; spaces before 's 'm 're 've go.
void clean_up_spaces(std::string& text);

}  // namespace quern::detail
