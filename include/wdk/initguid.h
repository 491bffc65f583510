/* SPDX-License-Identifier: MIT */
/* Included before other headers in one source file: their DEFINE_GUID lines define the GUIDs. */
#pragma once

#if !defined(INITGUID)
#define INITGUID
#endif
#include "ntdef.h"

#undef DEFINE_GUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                               \
    extern const GUID name;                                                                        \
    DECLSPEC_SELECTANY const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
