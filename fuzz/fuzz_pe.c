/* SPDX-License-Identifier: MIT */
/* Any bytes as a driver image: refused with a reason, or mapped, bound and freed. Nothing in it is
 * run. */
#include "nt/driver.h"
#include "nt/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool x)
{
    if (!x)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_image *i = NULL;
    struct why why = {.text = ""};
    int err;

    log_set_level(LOG_ERROR);
    err = nt_image_load_bytes(data, size, "fuzz.sys", &i, &why);
    if (err) {
        require(err == -ENOEXEC || err == -ENOMEM);
        require(strncmp(why.text, "fuzz.sys: ", 10) == 0 && !strchr(why.text, '\n'));
        return 0;
    }
    require(nt_image_at((uintptr_t)nt_image_entry(i)) == i);
    for (unsigned n = 0; n < nt_image_import_count(i); n++)
        require(nt_image_import(i, n)->name[0] && nt_image_import(i, n)->module[0]);
    for (uint32_t rva = 0; rva < 65536; rva += 64) {
        const struct nt_function_range *f = nt_image_function(i, rva);

        require(!f || (f->begin <= rva && rva < f->end && f->end <= nt_image_size(i)));
    }
    nt_image_free(i);
    return 0;
}
