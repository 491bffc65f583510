/* SPDX-License-Identifier: MIT */
/* Images in memory: mapping, protection, stubs for missing imports, and the table in which the
 * fault handler looks addresses up. */
#include "nt/image.h"
#include "nt/driver.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/pe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { IMAGES_MAX = 64, STUB_BYTES = 32, FUNCTION_BYTES = 12 };

struct nt_image {
    char name[64];
    const char *path; /* as given; while it is being loaded */
    struct pe pe;
    uint8_t *memory;
    uint8_t *stubs; /* executable, STUB_BYTES per missing import */
    size_t stubs_bytes;
    struct nt_import **imports; /* each allocated: stubs hold its address */
    unsigned import_count;
    struct nt_function_range *functions; /* sorted; a copy that the driver cannot reach */
    uint32_t function_count;
};

/* Where images lie. Fault handlers look here while others load and unload, so they touch an image
 * only once its range says that they are in it. start 0: nothing; written last, taken away first.
 */
static struct place {
    const struct nt_image *image;
    uintptr_t start, bytes;
} places[IMAGES_MAX];

/* LeakSanitizer, when it is there: what only the image's variables point to is not leaked. */
void __lsan_register_root_region(const void *p, size_t size) __attribute__((weak));
void __lsan_unregister_root_region(const void *p, size_t size) __attribute__((weak));

static void lsan_roots(const struct nt_image *i, bool add)
{
    if (!__lsan_register_root_region || !__lsan_unregister_root_region)
        return;
    for (unsigned n = 0; n < i->pe.section_count; n++) {
        const struct pe_section *s = &i->pe.sections[n];

        if (!s->write || s->memory.size == 0)
            continue;
        if (add)
            __lsan_register_root_region(i->memory + s->memory.rva, s->memory.size);
        else
            __lsan_unregister_root_region(i->memory + s->memory.rva, s->memory.size);
    }
}

static bool enlist(const struct nt_image *i)
{
    for (unsigned n = 0; n < IMAGES_MAX; n++) {
        const struct nt_image *expected = NULL;

        if (!__atomic_compare_exchange_n(&places[n].image, &expected, i, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        __atomic_store_n(&places[n].bytes, i->pe.image_size, __ATOMIC_RELEASE);
        __atomic_store_n(&places[n].start, (uintptr_t)i->memory, __ATOMIC_RELEASE);
        return true;
    }
    return false;
}

/* Whether it stood there. */
static bool delist(const struct nt_image *i)
{
    for (unsigned n = 0; n < IMAGES_MAX; n++) {
        if (__atomic_load_n(&places[n].image, __ATOMIC_ACQUIRE) != i)
            continue;
        __atomic_store_n(&places[n].start, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&places[n].image, NULL, __ATOMIC_RELEASE);
        return true;
    }
    return false;
}

const struct nt_image *nt_image_at(uintptr_t address)
{
    for (unsigned n = 0; n < IMAGES_MAX; n++) {
        uintptr_t start = __atomic_load_n(&places[n].start, __ATOMIC_ACQUIRE);

        if (start && address - start < __atomic_load_n(&places[n].bytes, __ATOMIC_ACQUIRE) &&
            start == __atomic_load_n(&places[n].start, __ATOMIC_ACQUIRE))
            return __atomic_load_n(&places[n].image, __ATOMIC_ACQUIRE);
    }
    return NULL;
}

/* What a stub calls. The first call is a finding; all are counted. */
static uint64_t NTAPI missing_import(struct nt_import *import)
{
    if (__atomic_fetch_add(&import->calls, 1, __ATOMIC_RELAXED) == 0)
        finding_report("NT-IMPORT", "calls %s!%s, which nobody provides; it returns 0",
                       import->module, import->name);
    return 0;
}

/* mov rcx, import; mov rax, missing_import; jmp rax; int3... */
static void write_stub(uint8_t *at, const struct nt_import *import)
{
    uintptr_t function = (uintptr_t)missing_import;

    memset(at, 0xcc, STUB_BYTES);
    memcpy(at, "\x48\xb9", 2);
    memcpy(at + 2, &import, 8);
    memcpy(at + 10, "\x48\xb8", 2);
    memcpy(at + 12, &function, 8);
    memcpy(at + 20, "\xff\xe0", 2);
}

/* Address space for a stub per import that the tables could name at most; touched pages only cost
 * memory. */
static int map_stubs(struct nt_image *i, struct why *why)
{
    void *p;

    i->stubs_bytes = 8192 * STUB_BYTES;
    p = mmap(NULL, i->stubs_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return why_set(why, -ENOMEM, "%s: no memory", i->path);
    i->stubs = p;
    return 0;
}

static int bind_import(void *arg, const char *module, const char *name, uint64_t *address)
{
    struct nt_image *i = arg;
    nt_function function = nt_export_find(name);
    size_t module_bytes = strlen(module) + 1, name_bytes = strlen(name) + 1;
    struct nt_import *import;
    char *strings;

    if ((i->import_count & (i->import_count - 1)) == 0) {
        size_t room = i->import_count ? (size_t)i->import_count * 2 : 1;
        void *bigger = realloc(i->imports, room * sizeof *i->imports);

        if (!bigger)
            return -ENOMEM;
        i->imports = bigger;
    }
    import = calloc(1, sizeof *import + module_bytes + name_bytes);
    if (!import)
        return -ENOMEM;
    strings = (char *)(import + 1);
    import->module = memcpy(strings, module, module_bytes);
    import->name = memcpy(strings + module_bytes, name, name_bytes);
    import->state = function ? NT_IMPORT_FOUND : NT_IMPORT_MISSING;
    if (function) {
        *address = (uintptr_t)function;
    } else {
        uint8_t *stub = i->stubs + (size_t)i->import_count * STUB_BYTES;

        write_stub(stub, import);
        *address = (uintptr_t)stub;
    }
    i->imports[i->import_count++] = import;
    return 0;
}

static int map_image(struct nt_image *i, const uint8_t *bytes, struct why *why)
{
    int fixed = i->pe.fixed ? MAP_FIXED_NOREPLACE : 0;
    void *wanted = i->pe.fixed ? (void *)(uintptr_t)i->pe.base : NULL;
    void *p = mmap(wanted, i->pe.image_size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);

    if (p == MAP_FAILED && fixed)
        return why_set(why, -ENOEXEC,
                       "%s: has no relocations, and its preferred base 0x%llx is not to be had",
                       i->path, (unsigned long long)i->pe.base);
    if (p == MAP_FAILED)
        return why_set(why, -ENOMEM, "%s: no memory", i->path);
    i->memory = p;
    memcpy(i->memory, bytes, i->pe.headers_size);
    for (unsigned n = 0; n < i->pe.section_count; n++) {
        const struct pe_section *s = &i->pe.sections[n];

        memcpy(i->memory + s->memory.rva, bytes + s->file_offset,
               MIN_OF(s->file_size, s->memory.size));
    }
    return 0;
}

static int protect(const struct nt_image *i, struct why *why)
{
    bool ok = mprotect(i->memory, i->pe.image_size, PROT_NONE) == 0 &&
              mprotect(i->memory, ALIGN_UP(i->pe.headers_size, PE_PAGE), PROT_READ) == 0 &&
              mprotect(i->stubs, i->stubs_bytes, PROT_READ | PROT_EXEC) == 0;

    for (unsigned n = 0; n < i->pe.section_count && ok; n++) {
        const struct pe_section *s = &i->pe.sections[n];
        int prot = (s->read || s->execute ? PROT_READ : 0) | (s->write ? PROT_WRITE : 0) |
                   (s->execute ? PROT_EXEC : 0);

        if (s->write && s->execute)
            log_warn("%s: section %s is writable and executable", i->path, s->name);
        ok = s->memory.size == 0 || mprotect(i->memory + s->memory.rva, s->memory.size, prot) == 0;
    }
    return ok ? 0 : why_set(why, -errno, "%s: mprotect: %s", i->path, strerror(errno));
}

/* Entries outside the image are refused; an unsorted table is not used, as nobody could search it.
 */
static int keep_functions(struct nt_image *i, const struct pe_view *v, struct why *why)
{
    struct pe_range table = i->pe.directories[PE_DIR_EXCEPTION];
    uint32_t count = table.size / FUNCTION_BYTES, last = 0;

    if (table.rva == 0 || count == 0)
        return 0;
    if (!pe_inside(v, table.rva, table.size))
        return why_set(why, -ENOEXEC, "%s: the exception table lies outside the image", i->path);
    i->functions = calloc(count, sizeof *i->functions);
    if (!i->functions)
        return why_set(why, -ENOMEM, "%s: no memory", i->path);
    for (uint32_t n = 0; n < count; n++) {
        struct nt_function_range *f = &i->functions[i->function_count];

        memcpy(f, v->memory + table.rva + n * FUNCTION_BYTES, sizeof *f);
        if (f->begin == 0 && f->end == 0)
            continue; /* padding */
        if (f->begin >= f->end || f->end > v->size || !pe_inside(v, f->unwind & ~3u, 4))
            return why_set(why, -ENOEXEC,
                           "%s: entry %u of the exception table lies outside the image", i->path,
                           n);
        if (f->begin < last) {
            log_warn("%s: the exception table is not sorted", i->path);
            i->function_count = 0;
            return 0;
        }
        last = f->end;
        i->function_count++;
    }
    return 0;
}

const struct nt_function_range *nt_image_function(const struct nt_image *i, uint32_t rva)
{
    uint32_t low = 0, high = i->function_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (rva < i->functions[middle].begin)
            high = middle;
        else if (rva >= i->functions[middle].end)
            low = middle + 1;
        else
            return &i->functions[middle];
    }
    return NULL;
}

static int build(struct nt_image *i, const void *bytes, size_t size, struct why *why)
{
    struct pe_view v = {.name = i->path, .why = why};
    int err = pe_parse(bytes, size, i->path, &i->pe, why);

    if (!err)
        err = map_image(i, bytes, why);
    if (!err)
        err = map_stubs(i, why);
    if (err)
        return err;
    v.memory = i->memory;
    v.size = i->pe.image_size;
    err = pe_relocate(&v, i->pe.directories[PE_DIR_RELOC], (uintptr_t)i->memory - i->pe.base);
    if (!err)
        err = keep_functions(i, &v, why);
    if (!err)
        err = pe_set_cookie(&v, i->pe.directories[PE_DIR_LOAD_CONFIG]);
    if (!err)
        err = pe_bind_imports(&v, i->pe.directories[PE_DIR_IMPORT], bind_import, i);
    if (err)
        return why_set(why, err, "%s: %s", i->path, strerror(-err));
    return protect(i, why);
}

int nt_image_load_bytes(const void *bytes, size_t size, const char *name, struct nt_image **out,
                        struct why *why)
{
    const char *slash = strrchr(name, '/');
    struct nt_image *i = calloc(1, sizeof *i);
    int err;

    if (!i)
        return why_set(why, -ENOMEM, "%s: no memory", name);
    snprintf(i->name, sizeof i->name, "%s", slash ? slash + 1 : name);
    i->path = name;
    err = build(i, bytes, size, why);
    i->path = NULL;
    if (!err && !enlist(i))
        err = why_set(why, -EMFILE, "%s: %d images are loaded already", name, IMAGES_MAX);
    if (err) {
        nt_image_free(i);
        return err;
    }
    lsan_roots(i, true);
    *out = i;
    return 0;
}

int nt_image_load(const char *path, struct nt_image **out, struct why *why)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free uint8_t *bytes = NULL;
    struct stat st;
    size_t have = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > PE_IMAGE_MAX)
        return why_set(why, -ENOEXEC, "%s: not a file of at most 256 MiB", path);
    bytes = malloc((size_t)st.st_size + 1);
    if (!bytes)
        return why_set(why, -ENOMEM, "%s: no memory", path);
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, bytes + have, (size_t)st.st_size - have);

        if (n < 0)
            return why_set(why, -errno, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return nt_image_load_bytes(bytes, have, path, out, why);
}

void nt_image_free(struct nt_image *i)
{
    if (!i)
        return;
    if (delist(i))
        lsan_roots(i, false);
    if (i->memory)
        munmap(i->memory, i->pe.image_size);
    if (i->stubs)
        munmap(i->stubs, i->stubs_bytes);
    for (unsigned n = 0; n < i->import_count; n++)
        free(i->imports[n]);
    free(i->imports);
    free(i->functions);
    free(i);
}

void *nt_image_entry(const struct nt_image *i)
{
    return i->memory + i->pe.entry;
}

unsigned nt_image_import_count(const struct nt_image *i)
{
    return i->import_count;
}

const struct nt_import *nt_image_import(const struct nt_image *i, unsigned index)
{
    return index < i->import_count ? i->imports[index] : NULL;
}

uintptr_t nt_image_base(const struct nt_image *i)
{
    return (uintptr_t)i->memory;
}

size_t nt_image_size(const struct nt_image *i)
{
    return i->pe.image_size;
}

const char *nt_image_name(const struct nt_image *i)
{
    return i->name;
}
