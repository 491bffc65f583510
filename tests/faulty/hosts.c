/* SPDX-License-Identifier: MIT */
/* Functions of the host, wrapped by the linker. */
#include "hosts.h"

void *fault_host(const char *name)
{
    for (size_t i = 0; fault && i < ARRAY_LEN(fault->hosts); i++) {
        if (fault->hosts[i].name && strcmp(fault->hosts[i].name, name) == 0)
            return fault->hosts[i].function;
    }
    return NULL;
}

#define HOST_DEFINE(type, name, wrap, params, args)                                                \
    type wrap params                                                                               \
    {                                                                                              \
        union {                                                                                    \
            void *object;                                                                          \
            __typeof__(&__real_##name) function;                                                   \
        } other = {fault_host(#name)};                                                             \
                                                                                                   \
        return other.object ? other.function args : __real_##name args;                            \
    }
HOSTS(HOST_DEFINE)
