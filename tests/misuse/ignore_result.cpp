// With QUERN_MISUSE this must not compile under -Werror: a failure must not be dropped in silence.
#include <quern/quern.h>

bool shorten(quern::Session& session) {
#ifdef QUERN_MISUSE
  session.truncate(0);
#endif
  return session.truncate(0).has_value();
}
