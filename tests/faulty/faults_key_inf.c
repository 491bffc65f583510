/* SPDX-License-Identifier: MIT */
/* What can be wrong with the property page of an .inf. */
#include "fault.h"

static struct reg_key *shown(struct reg_key *key, const char *name)
{
    char path[120];

    snprintf(path, sizeof path, "Ndi\\params\\%s", name);
    return reg_key_sub(key, path, true);
}

static void no_type(struct reg_key *key)
{
    reg_delete(shown(key, "*LsoV2IPv4"), "Type");
}
FAULT("KEY-26", key_inf_no_type, "an entry with a menu has no Type", .installed = no_type);

static void default_astray(struct reg_key *key)
{
    reg_set_sz(shown(key, "*UDPChecksumOffloadIPv4"), "Default", "9");
}
FAULT("KEY-26", key_inf_default_astray, "a Default is not in its menu", .installed = default_astray,
      .also = "KEY-4");

static void no_text(struct reg_key *key)
{
    reg_delete(shown(key, "*PriorityVLANTag"), "ParamDesc");
}
FAULT("KEY-26", key_inf_no_text, "an entry has no ParamDesc", .installed = no_text);

static void add(struct reg_key *key, const char *name, const char *type, const char *fallback,
                const char *value)
{
    struct reg_key *k = shown(key, name);

    reg_set_sz(k, "ParamDesc", name);
    reg_set_sz(k, "Type", type);
    reg_set_sz(k, "Default", fallback);
    if (value)
        reg_set_sz(reg_key_sub(k, "enum", true), value, "Something");
}

static void no_asterisk(struct reg_key *key)
{
    add(key, "LsoV2IPv4", "enum", "1", "1");
}
FAULT("KEY-26", key_inf_no_asterisk, "a standard keyword has lost its asterisk",
      .installed = no_asterisk);

static void empty_menu(struct reg_key *key)
{
    add(key, "*FlowControl", "enum", "0", NULL);
}
FAULT("KEY-26", key_inf_no_menu, "an enumeration keyword has no menu", .installed = empty_menu);

static void own_code(struct reg_key *key)
{
    add(key, "*FlowControl", "enum", "7", "7");
}
FAULT("KEY-30", key_inf_own_code, "*FlowControl has a code of the vendor's own",
      .installed = own_code);

static void own_default(struct reg_key *key)
{
    add(key, "*InterruptModeration", "enum", "0", "0");
}
FAULT("KEY-30", key_inf_own_default, "*InterruptModeration is off by default",
      .installed = own_default);

static void own_speed(struct reg_key *key)
{
    add(key, "*SpeedDuplex", "enum", "100", "100");
}
FAULT("KEY-30", key_inf_own_speed, "*SpeedDuplex has a speed below 1000 that has no code",
      .installed = own_speed);

static void address_menu(struct reg_key *key)
{
    reg_set_sz(shown(key, "NetworkAddress"), "Type", "int");
}
FAULT("KEY-30", key_inf_address, "NetworkAddress is a number", .installed = address_menu);

static void no_default(struct reg_key *key)
{
    add(key, "*TCPConnectionOffloadIPv4", "enum", "1", "1");
    reg_delete(shown(key, "*TCPConnectionOffloadIPv4"), "Default");
}
FAULT("KEY-26", key_inf_no_default, "a menu has no Default", .installed = no_default);
