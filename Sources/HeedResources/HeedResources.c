#include "HeedResources.h"
