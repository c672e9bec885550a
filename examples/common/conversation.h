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
  using OnPieces = std::function<void(const quern::AnswerPieces&)>;

  Conversation(const quern::Model& model, quern::ChatTemplate chat, quern::Session session)
      : tokenizer_(model.tokenizer()),
        chat_(std::move(chat)),
        session_(std::move(session)),
        format_(quern::AnswerFormat::of_template(chat_.source())) {}

  /// A JSON array of tools that the model may call. Throws std::runtime_error where it is none, or where the
  /// template has no tools.
  void offer_tools(const std::string& tools);
  /// The calls of the last answer that have no result yet.
  std::vector<quern::ToolCall> waiting_calls() const;
  /// Adds the result of a waiting call, by its id or the tool's name. Throws std::runtime_error if none
  /// waits.
  void add_result(const std::string& call, const std::string& result);

  /// The system message, "" if there is none.
  std::string system() const;
  void set_system(const std::string& text);
  /// Each gives false, and changes nothing, where there is none: the last question with all that came of it;
  /// the last answer, whose question or result then is the last message.
  bool take_back_question();
  bool take_back_answer();
  /// All but the system message.
  void clear();

  /// Lets the model answer the messages. Only what the session has not read yet is computed: it keeps what
  /// its tokens and the prompt's have in common. The answer is not added to the messages. Every call in it
  /// has an id.
  quern::Result<Reply> answer(quern::GenerateOptions options, const OnPieces& on_pieces);

  std::vector<quern::ChatMessage> messages = {};
  std::string variables = {};  ///< of the template, a JSON object

  const quern::Session& session() const { return session_; }

 private:
  quern::Tokenizer tokenizer_;
  quern::ChatTemplate chat_;
  quern::Session session_;
  quern::AnswerFormat format_;
  std::string tools_ = {};
};

}  // namespace examples
