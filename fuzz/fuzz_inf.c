/* SPDX-License-Identifier: MIT */
/* Any bytes as an INF: refused with file and line, or searched and applied. */
#include "nt/inf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ids[] = {NULL, "PCI\\VEN_1AF4&DEV_1041"};
    struct inf *inf = NULL;
    struct why why = {.text = ""};

    if (inf_load_text((const char *)data, size, "fuzz.inf", &inf, &why) != 0) {
        if (strncmp(why.text, "fuzz.inf:", 9) != 0)
            abort();
        return 0;
    }
    for (size_t n = 0; n < ARRAY_LEN(ids); n++) {
        struct registry *r = registry_new();
        struct reg_key *k = r ? registry_open(r, "HKLM\\x", true) : NULL;
        struct inf_model m;

        memset(&why, 0, sizeof why);
        if (k && inf_find_model(inf, ids[n], &m, &why) == 0)
            inf_apply(inf, &m, k, &why);
        registry_free(r);
    }
    inf_free(inf);
    return 0;
}
