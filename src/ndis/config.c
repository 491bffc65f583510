/* SPDX-License-Identifier: MIT */
/*
 * NdisOpenConfigurationEx and friends: the registry as NDIS drivers see it. A configuration handle
 * owns every block it gave out until it is closed. All of it is for PASSIVE_LEVEL (INIT-5).
 */
#include "ndis/private.h"

#include "nt/export.h"
#include "nt/utf.h"

enum { VALUE_MAX = 1 << 16, NAME_MAX_BYTES = 512 };

struct block { /* a parameter or an address given out */
    struct block *next;
    NDIS_CONFIGURATION_PARAMETER parameter;
    UCHAR data[];
};

struct ndis_config {
    struct ndis_handle handle;
    struct reg_key *key;
    struct block *blocks;
};

static size_t widen(const char *from, size_t bytes, WCHAR *to, size_t room)
{
    return MIN_OF(utf16_from_utf8((uint16_t *)to, room, from, bytes), room);
}

/* With a final NUL; false when it does not fit `room`. */
static bool narrow(const WCHAR *from, size_t units, char *to, size_t room, size_t *bytes)
{
    *bytes = utf8_from_utf16(to, room - 1, (const uint16_t *)from, units);
    if (*bytes >= room)
        return false;
    to[*bytes] = 0;
    return true;
}

static bool name_of(const NDIS_STRING *s, char *to, size_t room)
{
    size_t bytes;

    return s && s->Buffer && narrow(s->Buffer, s->Length / sizeof(WCHAR), to, room, &bytes);
}

static bool passive(const char *what)
{
    if (nt_thread_self()->irql == 0)
        return true;
    finding_report("INIT-5", "%s at IRQL %u; configuration is read at PASSIVE_LEVEL", what,
                   nt_thread_self()->irql);
    return false;
}

static struct ndis_config *config_new(struct reg_key *key)
{
    struct ndis_config *c = nt_may_allocate() ? calloc(1, sizeof(*c)) : NULL;

    if (!c)
        return NULL;
    c->key = key;
    nt_ledger_add(NT_RES_HANDLE, c, sizeof(*c), 0);
    ndis_handle_register(&c->handle, NDIS_H_CONFIGURATION);
    return c;
}

static struct reg_key *service_key(const char *service)
{
    struct registry *r = registry_system();
    char path[256];

    snprintf(path, sizeof(path),
             "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\%s\\Parameters", service);
    return r ? registry_open(r, path, true) : NULL;
}

/* Driver handles lead to Services\<driver>\Parameters, adapters to their own key, and so do
 * bindings of it. */
static struct reg_key *key_of(NDIS_HANDLE h)
{
    const struct ndis_handle *any = h;

    if (!h || !ndis_handle_is_any(h, "NdisOpenConfigurationEx"))
        return NULL;
    switch (any->kind) {
    case NDIS_H_ADAPTER:
        return ((struct ndis_adapter *)h)->key;
    case NDIS_H_BINDING:
        return ((struct ndis_binding *)h)->adapter ? ((struct ndis_binding *)h)->adapter->key
                                                   : NULL;
    case NDIS_H_MINIPORT_DRIVER:
        return service_key(nt_owner_name(((struct ndis_driver *)h)->owner));
    default:
        return service_key(((struct ndis_protocol *)h)->name);
    }
}

NDIS_STATUS NTAPI NdisOpenConfigurationEx(PNDIS_CONFIGURATION_OBJECT ConfigObject,
                                          PNDIS_HANDLE ConfigurationHandle)
{
    struct ndis_config *c;
    struct reg_key *key;

    if (!passive(__func__) || !ConfigObject || !ConfigurationHandle ||
        ConfigObject->Header.Type != NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT ||
        ConfigObject->Header.Size < NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1)
        return NDIS_STATUS_FAILURE;
    *ConfigurationHandle = NULL;
    key = key_of(ConfigObject->NdisHandle);
    if (!key)
        return NDIS_STATUS_FAILURE;
    c = config_new(key);
    if (!c)
        return NDIS_STATUS_RESOURCES;
    *ConfigurationHandle = c;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisOpenConfigurationEx);

static void open_sub(PNDIS_STATUS status, struct reg_key *key, PNDIS_HANDLE handle)
{
    struct ndis_config *c = key ? config_new(key) : NULL;

    *status = c ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
    *handle = c;
}

VOID NTAPI NdisOpenConfigurationKeyByName(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
                                          PNDIS_STRING SubKeyName, PNDIS_HANDLE SubKeyHandle)
{
    struct ndis_config *c;
    char name[NAME_MAX_BYTES];

    *Status = NDIS_STATUS_FAILURE;
    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    if (c && name_of(SubKeyName, name, sizeof(name)))
        open_sub(Status, reg_key_sub(c->key, name, false), SubKeyHandle);
}
NT_EXPORT(NdisOpenConfigurationKeyByName);

VOID NTAPI NdisOpenConfigurationKeyByIndex(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
                                           ULONG Index, PNDIS_STRING KeyName,
                                           PNDIS_HANDLE KeyHandle)
{
    WCHAR wide[NAME_MAX_BYTES];
    struct ndis_config *c;
    struct reg_key *key;
    size_t units;

    *Status = NDIS_STATUS_FAILURE;
    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    key = c ? reg_key_child(c->key, Index) : NULL;
    if (!key || strlen(reg_key_name(key)) >= NAME_MAX_BYTES)
        return;
    units = widen(reg_key_name(key), strlen(reg_key_name(key)), wide, NAME_MAX_BYTES);
    if (KeyName && KeyName->Buffer && KeyName->MaximumLength >= units * sizeof(WCHAR)) {
        memcpy(KeyName->Buffer, wide, units * sizeof(WCHAR));
        KeyName->Length = (USHORT)(units * sizeof(WCHAR));
    }
    open_sub(Status, key, KeyHandle);
}
NT_EXPORT(NdisOpenConfigurationKeyByIndex);

VOID NTAPI NdisCloseConfiguration(NDIS_HANDLE ConfigurationHandle)
{
    struct ndis_config *c;

    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    if (!c)
        return;
    nt_ledger_remove(NT_RES_HANDLE, c);
    ndis_handle_retire(&c->handle);
    while (c->blocks) {
        struct block *b = c->blocks;

        c->blocks = b->next;
        free(b);
    }
    free(c);
}
NT_EXPORT(NdisCloseConfiguration);

static struct block *block_new(struct ndis_config *c, size_t bytes)
{
    struct block *b = nt_may_allocate() ? calloc(1, sizeof(*b) + bytes) : NULL;

    if (!b)
        return NULL;
    b->next = c->blocks;
    c->blocks = b;
    return b;
}

/* Text to a number as RtlUnicodeStringToInteger does it with base 10 or 16: blanks, sign, digits,
 * rest ignored. False without a digit. */
static bool parse(const char *text, unsigned base, ULONG *value)
{
    bool negative = false, any = false;
    ULONG n = 0;

    while (*text && (unsigned char)*text <= ' ')
        text++;
    if (*text == '-' || *text == '+')
        negative = *text++ == '-';
    if (base == 16 && text[0] == '0' && (text[1] | 0x20) == 'x')
        text += 2;
    for (;; text++) {
        unsigned c = (unsigned char)*text;
        unsigned digit = c >= '0' && c <= '9'                     ? c - '0'
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                  : 99;

        if (digit >= base)
            break;
        n = n * base + digit;
        any = true;
    }
    *value = negative ? 0 - n : n;
    return any;
}

static void give_string(struct block *b, NDIS_PARAMETER_TYPE type, const char *text, size_t bytes)
{
    size_t units = widen(text, bytes, (WCHAR *)(void *)b->data, bytes);

    b->parameter.ParameterType = type;
    b->parameter.ParameterData.StringData.Buffer = (PWSTR)(void *)b->data;
    b->parameter.ParameterData.StringData.Length =
        (USHORT)MIN_OF(units * sizeof(WCHAR), (size_t)0xfffe);
    b->parameter.ParameterData.StringData.MaximumLength =
        (USHORT)MIN_OF((units + 1) * sizeof(WCHAR), (size_t)0xfffe);
}

static bool wants_number(NDIS_PARAMETER_TYPE type)
{
    return type == NdisParameterInteger || type == NdisParameterHexInteger;
}

static NDIS_STATUS give_number(struct ndis_config *c, NDIS_PARAMETER_TYPE type, ULONG value,
                               struct block **out)
{
    char text[16];
    struct block *b = block_new(c, 2 * sizeof(text));

    if (!b)
        return NDIS_STATUS_RESOURCES;
    if (wants_number(type)) { /* a hexadecimal one is returned as an integer:
                                 NDIS_CONFIGURATION_PARAMETER page */
        b->parameter.ParameterType = NdisParameterInteger;
        b->parameter.ParameterData.IntegerData = value;
    } else {
        snprintf(text, sizeof(text), "%u", value);
        give_string(b, NdisParameterString, text, strlen(text));
    }
    *out = b;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS give_text(struct ndis_config *c, NDIS_PARAMETER_TYPE type, bool multi,
                             const char *text, size_t bytes, struct block **out)
{
    struct block *b;
    ULONG value;

    if (wants_number(type)) {
        if (!parse(text, type == NdisParameterHexInteger ? 16 : 10, &value))
            return NDIS_STATUS_FAILURE;
        return give_number(c, type, value, out);
    }
    b = block_new(c, (bytes + 1) * sizeof(WCHAR));
    if (!b)
        return NDIS_STATUS_RESOURCES;
    give_string(b, multi ? NdisParameterMultiString : NdisParameterString, text, bytes);
    *out = b;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS give_binary(struct ndis_config *c, const char *data, size_t bytes,
                               struct block **out)
{
    struct block *b = block_new(c, bytes);

    if (!b)
        return NDIS_STATUS_RESOURCES;
    memcpy(b->data, data, bytes);
    b->parameter.ParameterType = NdisParameterBinary;
    b->parameter.ParameterData.BinaryData.Buffer = b->data;
    b->parameter.ParameterData.BinaryData.Length = (USHORT)MIN_OF(bytes, (size_t)0xffff);
    *out = b;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS read_value(struct ndis_config *c, const char *name, NDIS_PARAMETER_TYPE type,
                              struct block **out)
{
    cleanup_free char *value = NULL;
    enum reg_type stored;
    int bytes;
    ULONG number;

    if (!strcasecmp(name, "NdisVersion"))
        return give_number(c, NdisParameterInteger, NDIS_RUNTIME_VERSION_630, out);
    bytes = reg_get(c->key, name, &stored, NULL, 0);
    if (bytes < 0 || bytes > VALUE_MAX)
        return NDIS_STATUS_FAILURE;
    value = calloc(1, (size_t)bytes + 1);
    if (!value)
        return NDIS_STATUS_RESOURCES;
    if (reg_get(c->key, name, &stored, value, (size_t)bytes) < 0)
        return NDIS_STATUS_FAILURE;
    switch (stored) {
    case REG_T_SZ:
    case REG_T_EXPAND_SZ:
        return give_text(c, type, false, value, strlen(value), out);
    case REG_T_MULTI_SZ:
        return wants_number(type) ? NDIS_STATUS_FAILURE
                                  : give_text(c, type, true, value, (size_t)bytes, out);
    case REG_T_DWORD:
        if (bytes < (int)sizeof(number))
            return NDIS_STATUS_FAILURE;
        memcpy(&number, value, sizeof(number));
        return give_number(c, type, number, out);
    case REG_T_BINARY:
        return wants_number(type) ? NDIS_STATUS_FAILURE : give_binary(c, value, (size_t)bytes, out);
    default:
        return NDIS_STATUS_FAILURE;
    }
}

VOID NTAPI NdisReadConfiguration(PNDIS_STATUS Status, PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                 NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                 NDIS_PARAMETER_TYPE ParameterType)
{
    char name[NAME_MAX_BYTES];
    struct block *b = NULL;
    struct ndis_config *c;

    *ParameterValue = NULL;
    *Status = NDIS_STATUS_FAILURE;
    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    if (!c || !name_of(Keyword, name, sizeof(name)))
        return;
    *Status = read_value(c, name, ParameterType, &b);
    if (b && *Status == NDIS_STATUS_SUCCESS)
        *ParameterValue = &b->parameter;
    if (ndis_observer_ && ndis_observer_->keyword)
        ndis_observer_->keyword(ndis_observer_->arg, name, *Status);
}
NT_EXPORT(NdisReadConfiguration);

static NDIS_STATUS write_string(struct ndis_config *c, const char *name, enum reg_type type,
                                const NDIS_STRING *s)
{
    size_t room = (size_t)s->Length * 2 + 8, bytes;
    cleanup_free char *text = malloc(room);

    if (!text)
        return NDIS_STATUS_RESOURCES;
    if (!s->Buffer || !narrow(s->Buffer, s->Length / sizeof(WCHAR), text, room, &bytes))
        return NDIS_STATUS_FAILURE;
    return reg_set(c->key, name, type, text, bytes + 1) ? NDIS_STATUS_RESOURCES
                                                        : NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS write_value(struct ndis_config *c, const char *name,
                               const NDIS_CONFIGURATION_PARAMETER *p)
{
    switch (p->ParameterType) {
    case NdisParameterInteger:
    case NdisParameterHexInteger:
        return reg_set_dword(c->key, name, p->ParameterData.IntegerData) ? NDIS_STATUS_RESOURCES
                                                                         : NDIS_STATUS_SUCCESS;
    case NdisParameterString:
        return write_string(c, name, REG_T_SZ, &p->ParameterData.StringData);
    case NdisParameterMultiString:
        return write_string(c, name, REG_T_MULTI_SZ, &p->ParameterData.StringData);
    case NdisParameterBinary:
        return reg_set(c->key, name, REG_T_BINARY, p->ParameterData.BinaryData.Buffer,
                       p->ParameterData.BinaryData.Length)
                   ? NDIS_STATUS_RESOURCES
                   : NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

VOID NTAPI NdisWriteConfiguration(PNDIS_STATUS Status, NDIS_HANDLE ConfigurationHandle,
                                  PNDIS_STRING Keyword,
                                  PNDIS_CONFIGURATION_PARAMETER ParameterValue)
{
    char name[NAME_MAX_BYTES];
    struct ndis_config *c;

    *Status = NDIS_STATUS_FAILURE;
    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    if (!c || !ParameterValue || !name_of(Keyword, name, sizeof(name)))
        return;
    *Status = nt_may_allocate() ? write_value(c, name, ParameterValue) : NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisWriteConfiguration);

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of hexadecimal digits; hyphens between them are skipped. */
static UINT parse_address(const char *text, UCHAR *to, UINT room)
{
    UINT n = 0;

    while (*text && n < room) {
        int high, low;

        if (*text == '-' || *text == ':') {
            text++;
            continue;
        }
        high = hex_digit(text[0]);
        low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            break;
        to[n++] = (UCHAR)(high << 4 | low);
        text += 2;
    }
    return n;
}

VOID NTAPI NdisReadNetworkAddress(PNDIS_STATUS Status, PVOID *NetworkAddress,
                                  PUINT NetworkAddressLength, NDIS_HANDLE ConfigurationHandle)
{
    enum reg_type type;
    struct ndis_config *c;
    struct block *b;
    char text[128] = "";

    *Status = NDIS_STATUS_FAILURE;
    *NetworkAddress = NULL;
    *NetworkAddressLength = 0;
    if (!passive(__func__))
        return;
    c = ndis_handle_get(ConfigurationHandle, NDIS_H_CONFIGURATION, __func__);
    if (!c || reg_get(c->key, "NetworkAddress", &type, text, sizeof(text) - 1) <= 1 ||
        type != REG_T_SZ)
        return;
    b = block_new(c, sizeof(text) / 2);
    if (!b) {
        *Status = NDIS_STATUS_RESOURCES;
        return;
    }
    *NetworkAddressLength = parse_address(text, b->data, sizeof(text) / 2);
    if (!*NetworkAddressLength)
        return;
    *NetworkAddress = b->data;
    *Status = NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisReadNetworkAddress);
