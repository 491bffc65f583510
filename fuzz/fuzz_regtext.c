/* SPDX-License-Identifier: MIT */
/* Any bytes as a .reg file: refused with file and line and without effect, or loaded, saved and
 * loaded again to the same tree. */
#include "nt/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool x)
{
    if (!x)
        abort();
}

static void require_same(struct reg_key *a, struct reg_key *b)
{
    const char *name;

    for (unsigned n = 0; (name = reg_value_name(a, n)); n++) {
        enum reg_type ta = 0, tb = 0;
        int bytes = reg_get(a, name, &ta, NULL, 0);

        /* Text that is not UTF-8 comes back with replacement characters: only types and presence
         * are the same then. */
        require(bytes >= 0 && reg_get(b, name, &tb, NULL, 0) >= 0 && ta == tb);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry *r = registry_new(), *again = registry_new();
    struct why why = {.text = ""};
    static char path[64];
    struct reg_key *k;

    if (!path[0])
        snprintf(path, sizeof path, "/tmp/fuzz-regtext-%d.reg", (int)getpid());
    if (!r || !again)
        return 0;
    if (registry_load_text(r, data, size, "fuzz.reg", &why) != 0) {
        require(strncmp(why.text, "fuzz.reg:", 9) == 0);
        require(!registry_open(r, "HKEY_LOCAL_MACHINE", false));
    } else if (registry_save(r, path, &why) == 0) {
        if (registry_load(again, path, &why) != 0) {
            fprintf(stderr, "%s\n", why.text);
            abort();
        }
        k = registry_open(r, "HKLM\\A", false);
        if (k) {
            require(registry_open(again, "HKLM\\A", false) != NULL);
            require_same(k, registry_open(again, "HKLM\\A", false));
        }
        unlink(path);
    }
    registry_free(again);
    registry_free(r);
    return 0;
}
