/* SPDX-License-Identifier: MIT */
/* The keywords that a driver's .inf shows on the property page: Ndi\params as it was installed. */
#include "conform/keyword.h"

#include <strings.h>

/* Standardized enumeration keywords without their asterisk, and what their menu may hold. codes: a
 * letter for each number from 0; only those that KEY-30 lists have some. */
static const struct standard {
    const char *name, *fallback, *codes;
} standards[] = {
    {"IPChecksumOffloadIPv4", NULL, NULL},
    {"TCPChecksumOffloadIPv4", NULL, NULL},
    {"UDPChecksumOffloadIPv4", NULL, NULL},
    {"TCPChecksumOffloadIPv6", NULL, NULL},
    {"UDPChecksumOffloadIPv6", NULL, NULL},
    {"TCPUDPChecksumOffloadIPv4", NULL, NULL},
    {"TCPUDPChecksumOffloadIPv6", NULL, NULL},
    {"LsoV1IPv4", NULL, NULL},
    {"LsoV2IPv4", NULL, NULL},
    {"LsoV2IPv6", NULL, NULL},
    {"PriorityVLANTag", NULL, NULL},
    {"FlowControl", NULL, "01234"},
    {"InterruptModeration", "1", "01"},
    {"RSS", "1", "01"},
    {"HeaderDataSplit", "0", "01"},
    {"NdisDeviceType", "0", "01"},
};

static const struct standard *standard_of(const char *keyword)
{
    for (unsigned i = 0; i < ARRAY_LEN(standards); i++) {
        if (strcasecmp(keyword + (*keyword == '*'), standards[i].name) == 0)
            return &standards[i];
    }
    return NULL;
}

struct shown {
    const char *name;
    struct reg_key *key, *menu;
    char type[32], fallback[64], about[128];
};

/* The index-th keyword that is shown; false past the last. */
static bool shown_at(struct rig *r, unsigned index, struct shown *s)
{
    struct reg_key *params = reg_key_sub(r->key, "Ndi\\params", false);

    memset(s, 0, sizeof *s);
    s->key = params ? reg_key_child(params, index) : NULL;
    if (!s->key)
        return false;
    s->name = reg_key_name(s->key);
    s->menu = reg_key_sub(s->key, "enum", false);
    reg_get(s->key, "Type", NULL, s->type, sizeof s->type - 1);
    reg_get(s->key, "Default", NULL, s->fallback, sizeof s->fallback - 1);
    reg_get(s->key, "ParamDesc", NULL, s->about, sizeof s->about - 1);
    about(r, "Ndi\\params\\%s", s->name);
    return true;
}

CHECK("KEY-26", enumeration_entries)
{
    struct shown s;

    keyword_prepare(r);
    need(r, shown_at(r, 0, &s), "keywords on the property page");
    for (unsigned i = 0; shown_at(r, i, &s); i++) {
        const char *value = NULL;

        expect(r, *s.about, "ParamDesc", "a text", "none");
        expect(r, !standard_of(s.name) || *s.name == '*', "name", "begins with *", "\"%s\"",
               s.name);
        if (!s.menu && strcasecmp(s.type, "enum") != 0)
            continue;
        expect(r, strcasecmp(s.type, "enum") == 0, "Type", "enum", "\"%s\"", s.type);
        expect(r, s.menu && (value = reg_value_name(s.menu, 0)), "enum", "values", "none");
        expect(r, s.menu && reg_get(s.menu, s.fallback, NULL, NULL, 0) >= 0, "Default",
               "a value of the menu", "\"%s\"", s.fallback);
        for (unsigned n = 0; value && (value = reg_value_name(s.menu, n)); n++)
            expect(r, *value && strspn(value, "0123456789") == strlen(value), "value in the menu",
                   "a decimal number", "\"%s\"", value);
    }
}

static void expect_codes(struct rig *r, const struct shown *s, const struct standard *known)
{
    const char *value;

    if (known->fallback)
        expect(r, strcmp(s->fallback, known->fallback) == 0, "Default", known->fallback, "\"%s\"",
               s->fallback);
    for (unsigned n = 0; s->menu && (value = reg_value_name(s->menu, n)); n++)
        expect(r, strlen(value) == 1 && strchr(known->codes, *value), "value in the menu",
               known->codes, "\"%s\"", value);
}

/* 0 to 10, or Mbit/s from a thousand on. */
static void expect_speeds(struct rig *r, const struct shown *s)
{
    const char *value;

    for (unsigned n = 0; s->menu && (value = reg_value_name(s->menu, n)); n++) {
        long v = strtol(value, NULL, 10);

        expect(r, (v >= 0 && v <= 10) || v >= 1000, "value in the menu", "0 to 10, or 1000 and up",
               "\"%s\"", value);
    }
}

CHECK("KEY-30", other_standard_keywords)
{
    struct shown s;
    bool any = false;

    keyword_prepare(r);
    for (unsigned i = 0; shown_at(r, i, &s); i++) {
        const struct standard *known = standard_of(s.name);
        bool address = strcasecmp(s.name, "NetworkAddress") == 0,
             speed = strcasecmp(s.name, "*SpeedDuplex") == 0;

        any |= address || speed || (known && known->codes);
        if (known && known->codes)
            expect_codes(r, &s, known);
        if (speed)
            expect_speeds(r, &s);
        if (address)
            expect(r, strcasecmp(s.type, "edit") == 0, "Type", "edit", "\"%s\"", s.type);
    }
    need(r, any,
         "*SpeedDuplex, *FlowControl, *InterruptModeration, *RSS, *HeaderDataSplit, "
         "*NdisDeviceType or NetworkAddress");
}
