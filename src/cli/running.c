/* SPDX-License-Identifier: MIT */
/* The cards of a team that `longshore run` runs. */
#include "cli/running.h"

#include <strings.h>

int cli_bad(struct longshore_error *error, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(error->text, sizeof error->text, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- As text -------------------------------------------------------------------------------- */

/* Appends; false: too long. */
static bool append(char *to, size_t size, const char *separator, const char *from, size_t bytes)
{
    size_t used = strlen(to);
    int n = snprintf(to + used, size - used, "%s%.*s", separator, (int)bytes, from);

    return n >= 0 && (size_t)n < size - used;
}

/* False: no such part, not once, or too long. */
static bool parse_part(struct card_spec *card, const char *part, size_t bytes)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } parts[] = {{"wire=", card->wire, sizeof card->wire},
                 {"withhold=", card->withhold, sizeof card->withhold},
                 {"name=", card->name, sizeof card->name}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t skip = strlen(parts[i].name);

        if (bytes > skip && strncmp(part, parts[i].name, skip) == 0)
            return !parts[i].to[0] &&
                   append(parts[i].to, parts[i].size, "", part + skip, bytes - skip);
    }
    return card->wire[0] && append(card->wire, sizeof card->wire, ",", part, bytes);
}

int card_parse(const char *text, struct card_spec *out, struct longshore_error *error)
{
    size_t bytes = strcspn(text, ",");
    bool ok = bytes > 0;

    memset(out, 0, sizeof *out);
    ok = ok && append(out->inf, sizeof out->inf, "", text, bytes);
    for (const char *at = text + bytes; ok && *at; at += bytes) {
        bytes = strcspn(++at, ",");
        ok = parse_part(out, at, bytes);
    }
    for (char *p = out->withhold; *p; p++)
        *p = *p == '+' ? ',' : *p;
    if (ok && out->wire[0])
        return 0;
    return cli_bad(error, "%.100s: want DRIVER.inf,wire=KIND:NAME[,withhold=A+B][,name=NAME]",
                   text);
}

/* ---- Running -------------------------------------------------------------------------------- */

struct longshore_adapter *running_member(const struct running *r, const char *name)
{
    struct longshore_adapter *a;

    for (unsigned i = 0; (a = longshore_adapter_member(r->adapter, i)); i++) {
        if (strcasecmp(longshore_adapter_name(a), name) == 0)
            return a;
    }
    return NULL;
}

static void free_name(const struct running *r, char *name, size_t size)
{
    unsigned n = 1;

    do
        snprintf(name, size, "member %u", n++);
    while (running_member(r, name));
}

int running_add(struct running *r, const struct card_spec *card, struct longshore_error *error)
{
    struct longshore_adapter_status status;
    struct longshore_adapter *a;
    char name[sizeof card->name];
    struct longshore_adapter_config config = {
        .inf = card->inf,
        .build = r->build,
        .name = name,
        .member_of = r->adapter,
        .wire = card->wire,
        .tap_netns = -1,
        .wire_netns = -1,
        .withhold = card->withhold[0] ? card->withhold : NULL,
        .mtu = r->mtu,
    };

    longshore_adapter_status(r->adapter, &status);
    if (!status.team)
        return cli_bad(error, "%s is no team", longshore_adapter_name(r->adapter));
    snprintf(name, sizeof name, "%s", card->name);
    if (!name[0])
        free_name(r, name, sizeof name);
    if (running_member(r, name))
        return cli_bad(error, "%s: there is a member of that name", name);
    return longshore_adapter_new(r->ls, &config, &a, error);
}

static void count_wire(struct running_counts *c, const struct longshore_adapter *a)
{
    c->tx_bytes += longshore_adapter_counter(a, "wire", "tx_bytes");
    c->rx_bytes += longshore_adapter_counter(a, "wire", "rx_bytes");
    c->tx_frames += longshore_adapter_counter(a, "wire", "tx_frames");
    c->rx_frames += longshore_adapter_counter(a, "wire", "rx_frames");
    c->dropped += longshore_adapter_counter(a, "nic", "rx_no_buffer");
}

struct running_counts running_count(const struct running *r)
{
    const struct longshore_adapter *member;
    struct running_counts c = r->gone;

    c.large += longshore_adapter_counter(r->adapter, "tcpip", "tx_large");
    c.dropped += longshore_adapter_counter(r->adapter, "tcpip", "tx_failed");
    count_wire(&c, r->adapter);
    for (unsigned i = 0; (member = longshore_adapter_member(r->adapter, i)); i++)
        count_wire(&c, member);
    return c;
}

int running_remove(struct running *r, struct longshore_adapter *a, bool surprise,
                   struct longshore_error *error)
{
    int result = 0;

    if (a == r->adapter)
        return cli_bad(error, "only members can be removed; Ctrl-C ends the run of %s",
                       longshore_adapter_name(a));
    if (surprise)
        result = longshore_adapter_surprise_remove(a);
    count_wire(&r->gone, a);
    longshore_adapter_free(a);
    return result;
}

void running_stop(struct running *r)
{
    struct longshore_adapter *a;

    while ((a = longshore_adapter_member(r->adapter, 0)))
        longshore_adapter_free(a);
    longshore_adapter_free(r->adapter);
}
