/* SPDX-License-Identifier: MIT */
/* Where faults come in on the way from the registry to the driver. */
#include "edge.h"

#include "nt/inf.h"

static struct reg_key *adapter_key;

VOID NTAPI __real_NdisReadConfiguration(PNDIS_STATUS Status,
                                        PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                        NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                        NDIS_PARAMETER_TYPE ParameterType);
VOID NTAPI __wrap_NdisReadConfiguration(PNDIS_STATUS Status,
                                        PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                        NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                        NDIS_PARAMETER_TYPE ParameterType);
int __real_inf_apply(const struct inf *inf, const struct inf_model *model, struct reg_key *adapter,
                     struct why *why);
int __wrap_inf_apply(const struct inf *inf, const struct inf_model *model, struct reg_key *adapter,
                     struct why *why);
NDIS_STATUS __real_ndis_adapter_initialize(struct ndis_adapter *a);
NDIS_STATUS __wrap_ndis_adapter_initialize(struct ndis_adapter *a);

static void change(bool (*hook)(const char *name, bool there, ULONG *value),
                   const NDIS_STRING *keyword, PNDIS_STATUS status,
                   PNDIS_CONFIGURATION_PARAMETER *out)
{
    static NDIS_CONFIGURATION_PARAMETER number;
    bool there = *status == NDIS_STATUS_SUCCESS;
    char name[64] = "";

    if (there && (*out)->ParameterType != NdisParameterInteger)
        return;
    for (size_t i = 0; i < keyword->Length / sizeof(WCHAR) && i < sizeof name - 1; i++)
        name[i] = (char)keyword->Buffer[i];
    number.ParameterType = NdisParameterInteger;
    number.ParameterData.IntegerData = there ? (*out)->ParameterData.IntegerData : 0;
    there = hook(name, there, &number.ParameterData.IntegerData);
    *status = there ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
    *out = there ? &number : NULL;
}

VOID NTAPI edge_read_configuration(PNDIS_STATUS Status,
                                   PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                   NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                   NDIS_PARAMETER_TYPE ParameterType)
{
    __real_NdisReadConfiguration(Status, ParameterValue, ConfigurationHandle, Keyword,
                                 ParameterType);
    change(fault->keyword, Keyword, Status, ParameterValue);
}

VOID NTAPI __wrap_NdisReadConfiguration(PNDIS_STATUS Status,
                                        PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                        NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                        NDIS_PARAMETER_TYPE ParameterType)
{
    __real_NdisReadConfiguration(Status, ParameterValue, ConfigurationHandle, Keyword,
                                 ParameterType);
    if (fault && fault->host_keyword)
        change(fault->host_keyword, Keyword, Status, ParameterValue);
}

int __wrap_inf_apply(const struct inf *inf, const struct inf_model *model, struct reg_key *adapter,
                     struct why *why)
{
    int r = __real_inf_apply(inf, model, adapter, why);

    adapter_key = adapter;
    if (r == 0 && fault && fault->installed)
        fault->installed(adapter);
    return r;
}

NDIS_STATUS __wrap_ndis_adapter_initialize(struct ndis_adapter *a)
{
    if (fault && fault->before_initialize)
        fault->before_initialize();
    return __real_ndis_adapter_initialize(a);
}

struct reg_key *fault_key(void)
{
    return adapter_key;
}

long fault_keyword(const char *name)
{
    char text[32] = "";
    enum reg_type type;
    uint32_t number;
    char *end;
    long v;

    if (!adapter_key || reg_get(adapter_key, name, &type, text, sizeof text - 1) < 0)
        return -1;
    if (type == REG_T_DWORD) {
        memcpy(&number, text, sizeof number);
        return (long)number;
    }
    v = strtol(text, &end, 10);
    return end > text ? v : -1;
}
