#pragma once
// What a ChatTemplate holds.
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "quern/chat.h"
#include "src/chat/template.h"

namespace quern::detail {

/// One template with what it can do, which is found out when it is first asked for.
class ProbedTemplate {
 public:
  ProbedTemplate(jinja::Template compiled, const TemplateOptions& tokens)
      : template_(std::move(compiled)), tokens_(tokens) {}

  const jinja::Template& compiled() const { return template_; }
  const ChatCapabilities& capabilities() const;

 private:
  jinja::Template template_;
  TemplateOptions tokens_;
  mutable std::once_flag probed_;
  mutable ChatCapabilities capabilities_;
};

/// Safe from any number of threads.
struct ChatTemplateImpl {
  ChatTemplateImpl(jinja::Template compiled, TemplateOptions names)
      : tokens(std::move(names)), usual(std::move(compiled), tokens) {}

  const ProbedTemplate& for_request(bool has_tools, bool has_documents) const {
    if (has_tools && with_tools != nullptr) return *with_tools;
    return has_documents && with_documents != nullptr ? *with_documents : usual;
  }

  TemplateOptions tokens;
  ProbedTemplate usual;
  std::unique_ptr<ProbedTemplate> with_tools, with_documents;  ///< null: the usual one serves
};

}  // namespace quern::detail
