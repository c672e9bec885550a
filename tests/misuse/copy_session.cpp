// With QUERN_MISUSE this must not compile: a copied session would be two writers on one KV cache.
#include <quern/quern.h>

quern::Session moved(quern::Session session) {
#ifdef QUERN_MISUSE
  quern::Session twin = session;
#endif
  return session;
}
