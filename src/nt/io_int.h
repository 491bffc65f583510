/* SPDX-License-Identifier: MIT */
/* Between driver.c and the I/O manager's files. */
#pragma once

#include <wdk/ntddk.h>

/* Every dispatch entry answers STATUS_INVALID_DEVICE_REQUEST until the driver sets its own. */
void nt_io_driver_init(DRIVER_OBJECT *o);
/* Frees the device objects, links and extensions that the driver left. */
void nt_io_driver_fini(DRIVER_OBJECT *o);
