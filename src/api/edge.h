#pragma once
// The edge of the API. Inside, memory that cannot be had is an exception like anywhere in C++; outside it is
// an Error. What a user's callback throws is not the library's own, whatever its type, and passes through.
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "formats/try.h"
#include "quern/result.h"

namespace quern::detail {

/// Carries what a callback threw past the handlers of at_edge().
struct CallbackException {
  std::exception_ptr original;
};

/// Calls a user's callback. Requires: it is not empty.
template <typename R, typename... Parameters, typename... Arguments>
R call_user(const std::function<R(Parameters...)>& callback, Arguments&&... arguments) {
  try {
    return callback(std::forward<Arguments>(arguments)...);
  } catch (...) {
    throw CallbackException{std::current_exception()};
  }
}

inline Result<void> require_at_least(int value, int least, const char* field) {
  if (value >= least) return {};
  return Error{ErrorCode::invalid_argument,
               formats::cat(field, " is ", value, ", expected ", least, " or more"), field};
}

/// Runs the body of a public function, which returns a Result.
template <typename Body>
std::invoke_result_t<Body> at_edge(Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const CallbackException& exception) {
    std::rethrow_exception(exception.original);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "out of memory", ""};
  } catch (const std::length_error&) {
    return Error{ErrorCode::out_of_memory, "out of memory: a container's size limit was met", ""};
  } catch (const std::system_error& error) {
    return Error{ErrorCode::io, std::string("the operating system refused: ") + error.what(), ""};
  }
}

}  // namespace quern::detail
