/* SPDX-License-Identifier: MIT */
/* What ntddk.h adds to wdm.h for the drivers we run is declared with its subject in nt/, so this
 * is the same interface under the other name that driver sources use. */
#pragma once

#include "wdm.h"
