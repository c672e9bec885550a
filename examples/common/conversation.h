#pragma once
// A conversation with a model: messages, and the session that has read them.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/quern.h"

namespace examples {

class Conversation {
 public:
  struct Reply {
    quern::Answer answer;
    quern::Generation done;
    int reused_tokens = 0;  ///< of the prompt, that the session had read before
  };
  /// A piece of the answer, and whether it is reasoning.
  using OnPiece = std::function<void(std::string_view, bool)>;

  Conversation(const quern::Model& model, quern::ChatTemplate chat, quern::Session session)
      : tokenizer_(model.tokenizer()),
        chat_(std::move(chat)),
        session_(std::move(session)),
        format_(quern::AnswerFormat::of_template(chat_.source())) {}

  /// Lets the model answer the messages. Only what the session has not read yet is computed: it keeps what
  /// its tokens and the prompt's have in common. The answer is not added to the messages.
  quern::Result<Reply> answer(quern::GenerateOptions options, const OnPiece& on_piece);

  std::vector<quern::ChatMessage> messages = {};
  std::string variables = {};  ///< of the template, a JSON object

  const quern::Session& session() const { return session_; }

 private:
  quern::Tokenizer tokenizer_;
  quern::ChatTemplate chat_;
  quern::Session session_;
  quern::AnswerFormat format_;
};

/// As JSON text, and back. Throws std::runtime_error for what is no conversation.
std::string to_json(const std::vector<quern::ChatMessage>& messages);
std::vector<quern::ChatMessage> messages_from_json(const std::string& text);

}  // namespace examples
