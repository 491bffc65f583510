/* SPDX-License-Identifier: MIT */
/* What the files that let faults in share. */
#pragma once

#include "fault.h"

/* The image of the driver under test, before any is loaded: faults concern no other. */
void edge_under_test(const char *image);
/* NdisReadConfiguration as a driver with fault->keyword gets it. */
VOID NTAPI edge_read_configuration(PNDIS_STATUS Status,
                                   PNDIS_CONFIGURATION_PARAMETER *ParameterValue,
                                   NDIS_HANDLE ConfigurationHandle, PNDIS_STRING Keyword,
                                   NDIS_PARAMETER_TYPE ParameterType);
