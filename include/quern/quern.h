#pragma once
/// quern.h: load a GGUF model and run it on this machine. Start here.
///
///   auto model = quern::Model::open("tiny.gguf").value();
///   auto session = model.new_session().value();
///   auto print = [](std::string_view text) { std::cout << text << std::flush; return true; };
///   auto done = session.generate("The millstone turns", {.max_tokens = 64}, print).value();
///
/// Nothing is global: no init call, no registry, no environment variable. Handles share what they need, so a
/// Session or Tokenizer stays valid after the Model it came from is gone. What can fail returns a Result; the
/// library throws nothing of its own, prints nothing and opens no connection.
#include "quern/answer.h"     // taking what a chat model wrote apart
#include "quern/batch.h"      // several sessions at once
#include "quern/chat.h"       // conversations
#include "quern/check.h"      // whether a file is sound, and the one it should be
#include "quern/convert.h"    // from a Hugging Face folder to a file
#include "quern/embedding.h"  // vectors of texts, and ranking
#include "quern/inspect.h"    // what a file holds
#include "quern/model.h"      // opening a model, planning its memory
#include "quern/result.h"     // errors
#include "quern/sampling.h"   // how the next token is chosen
#include "quern/session.h"    // generating text, or logits
#include "quern/tokenizer.h"  // text and tokens
#include "quern/version.h"
