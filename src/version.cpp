#include "quern/version.h"
