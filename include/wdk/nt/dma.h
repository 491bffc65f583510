/* SPDX-License-Identifier: MIT */
/* DMA: device description, adapter object and its operations, scatter/gather lists. Addresses in a
 * scatter/gather list are logical (what the device puts on the bus), lengths are bytes. */
#pragma once

#include "../ntdef.h"
#include "irp.h"
#include "resource.h"

typedef enum _DMA_WIDTH {
    Width8Bits,
    Width16Bits,
    Width32Bits,
    Width64Bits,
    WidthNoWrap,
    MaximumDmaWidth
} DMA_WIDTH;

typedef enum _DMA_SPEED {
    Compatible,
    TypeA,
    TypeB,
    TypeC,
    TypeF,
    MaximumDmaSpeed
} DMA_SPEED;

#define DEVICE_DESCRIPTION_VERSION 0
#define DEVICE_DESCRIPTION_VERSION1 1
#define DEVICE_DESCRIPTION_VERSION2 2
#define DEVICE_DESCRIPTION_VERSION3 3

typedef struct _DEVICE_DESCRIPTION {
    ULONG Version;
    BOOLEAN Master;
    BOOLEAN ScatterGather;
    BOOLEAN DemandMode;
    BOOLEAN AutoInitialize;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN IgnoreCount;
    BOOLEAN Reserved1;
    BOOLEAN Dma64BitAddresses;
    ULONG BusNumber;
    ULONG DmaChannel;
    INTERFACE_TYPE InterfaceType;
    DMA_WIDTH DmaWidth;
    DMA_SPEED DmaSpeed;
    ULONG MaximumLength;
    ULONG DmaPort;
    ULONG DmaAddressWidth;
    ULONG DmaControllerInstance;
    ULONG DmaRequestLine;
    PHYSICAL_ADDRESS DeviceAddress;
} DEVICE_DESCRIPTION, *PDEVICE_DESCRIPTION;

typedef struct _SCATTER_GATHER_ELEMENT {
    PHYSICAL_ADDRESS Address;
    ULONG Length;
    ULONG_PTR Reserved;
} SCATTER_GATHER_ELEMENT, *PSCATTER_GATHER_ELEMENT;

typedef struct _SCATTER_GATHER_LIST {
    ULONG NumberOfElements;
    ULONG_PTR Reserved;
    SCATTER_GATHER_ELEMENT Elements[];
} SCATTER_GATHER_LIST, *PSCATTER_GATHER_LIST;

typedef struct _DMA_ADAPTER {
    USHORT Version;
    USHORT Size;
    struct _DMA_OPERATIONS *DmaOperations;
} DMA_ADAPTER, *PDMA_ADAPTER;

typedef VOID(NTAPI DRIVER_LIST_CONTROL)(PDEVICE_OBJECT DeviceObject, PIRP Irp,
                                        PSCATTER_GATHER_LIST ScatterGather, PVOID Context);
typedef DRIVER_LIST_CONTROL *PDRIVER_LIST_CONTROL;

typedef VOID(NTAPI *PPUT_DMA_ADAPTER)(PDMA_ADAPTER DmaAdapter);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER)(PDMA_ADAPTER DmaAdapter, ULONG Length,
                                              PPHYSICAL_ADDRESS LogicalAddress,
                                              BOOLEAN CacheEnabled);
typedef VOID(NTAPI *PFREE_COMMON_BUFFER)(PDMA_ADAPTER DmaAdapter, ULONG Length,
                                         PHYSICAL_ADDRESS LogicalAddress, PVOID VirtualAddress,
                                         BOOLEAN CacheEnabled);
typedef NTSTATUS(NTAPI *PALLOCATE_ADAPTER_CHANNEL)(PDMA_ADAPTER DmaAdapter,
                                                   PDEVICE_OBJECT DeviceObject,
                                                   ULONG NumberOfMapRegisters,
                                                   PDRIVER_CONTROL ExecutionRoutine,
                                                   PVOID Context);
typedef BOOLEAN(NTAPI *PFLUSH_ADAPTER_BUFFERS)(PDMA_ADAPTER DmaAdapter, PMDL Mdl,
                                               PVOID MapRegisterBase, PVOID CurrentVa,
                                               ULONG Length, BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PFREE_ADAPTER_CHANNEL)(PDMA_ADAPTER DmaAdapter);
typedef VOID(NTAPI *PFREE_MAP_REGISTERS)(PDMA_ADAPTER DmaAdapter, PVOID MapRegisterBase,
                                         ULONG NumberOfMapRegisters);
typedef PHYSICAL_ADDRESS(NTAPI *PMAP_TRANSFER)(PDMA_ADAPTER DmaAdapter, PMDL Mdl,
                                               PVOID MapRegisterBase, PVOID CurrentVa,
                                               PULONG Length, BOOLEAN WriteToDevice);
typedef ULONG(NTAPI *PGET_DMA_ALIGNMENT)(PDMA_ADAPTER DmaAdapter);
typedef ULONG(NTAPI *PREAD_DMA_COUNTER)(PDMA_ADAPTER DmaAdapter);
typedef NTSTATUS(NTAPI *PGET_SCATTER_GATHER_LIST)(PDMA_ADAPTER DmaAdapter,
                                                  PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                                  PVOID CurrentVa, ULONG Length,
                                                  PDRIVER_LIST_CONTROL ExecutionRoutine,
                                                  PVOID Context, BOOLEAN WriteToDevice);
typedef VOID(NTAPI *PPUT_SCATTER_GATHER_LIST)(PDMA_ADAPTER DmaAdapter,
                                              PSCATTER_GATHER_LIST ScatterGather,
                                              BOOLEAN WriteToDevice);
typedef NTSTATUS(NTAPI *PCALCULATE_SCATTER_GATHER_LIST_SIZE)(PDMA_ADAPTER DmaAdapter, PMDL Mdl,
                                                             PVOID CurrentVa, ULONG Length,
                                                             PULONG ScatterGatherListSize,
                                                             PULONG pNumberOfMapRegisters);
typedef NTSTATUS(NTAPI *PBUILD_SCATTER_GATHER_LIST)(PDMA_ADAPTER DmaAdapter,
                                                    PDEVICE_OBJECT DeviceObject, PMDL Mdl,
                                                    PVOID CurrentVa, ULONG Length,
                                                    PDRIVER_LIST_CONTROL ExecutionRoutine,
                                                    PVOID Context, BOOLEAN WriteToDevice,
                                                    PVOID ScatterGatherBuffer,
                                                    ULONG ScatterGatherLength);
typedef NTSTATUS(NTAPI *PBUILD_MDL_FROM_SCATTER_GATHER_LIST)(PDMA_ADAPTER DmaAdapter,
                                                             PSCATTER_GATHER_LIST ScatterGather,
                                                             PMDL OriginalMdl, PMDL *TargetMdl);
typedef PVOID(NTAPI *PALLOCATE_COMMON_BUFFER_EX)(PDMA_ADAPTER DmaAdapter,
                                                 PPHYSICAL_ADDRESS MaximumAddress, ULONG Length,
                                                 PPHYSICAL_ADDRESS LogicalAddress,
                                                 BOOLEAN CacheEnabled,
                                                 NODE_REQUIREMENT PreferredNode);
/* A version 3 operation that network drivers do not call: only its slot is described. */
typedef NTSTATUS(NTAPI *PDMA_OPERATION_SLOT)(PDMA_ADAPTER DmaAdapter);

typedef struct _DMA_OPERATIONS {
    ULONG Size; /* tells how many of the members are there */
    PPUT_DMA_ADAPTER PutDmaAdapter;
    PALLOCATE_COMMON_BUFFER AllocateCommonBuffer;
    PFREE_COMMON_BUFFER FreeCommonBuffer;
    PALLOCATE_ADAPTER_CHANNEL AllocateAdapterChannel;
    PFLUSH_ADAPTER_BUFFERS FlushAdapterBuffers;
    PFREE_ADAPTER_CHANNEL FreeAdapterChannel;
    PFREE_MAP_REGISTERS FreeMapRegisters;
    PMAP_TRANSFER MapTransfer;
    PGET_DMA_ALIGNMENT GetDmaAlignment;
    PREAD_DMA_COUNTER ReadDmaCounter;
    PGET_SCATTER_GATHER_LIST GetScatterGatherList;
    PPUT_SCATTER_GATHER_LIST PutScatterGatherList;
    PCALCULATE_SCATTER_GATHER_LIST_SIZE CalculateScatterGatherList;
    PBUILD_SCATTER_GATHER_LIST BuildScatterGatherList;
    PBUILD_MDL_FROM_SCATTER_GATHER_LIST BuildMdlFromScatterGatherList;
    PDMA_OPERATION_SLOT GetDmaAdapterInfo;
    PDMA_OPERATION_SLOT GetDmaTransferInfo;
    PDMA_OPERATION_SLOT InitializeDmaTransferContext;
    PALLOCATE_COMMON_BUFFER_EX AllocateCommonBufferEx;
    PDMA_OPERATION_SLOT AllocateAdapterChannelEx;
    PDMA_OPERATION_SLOT ConfigureAdapterChannel;
    PDMA_OPERATION_SLOT CancelAdapterChannel;
    PDMA_OPERATION_SLOT MapTransferEx;
    PDMA_OPERATION_SLOT GetScatterGatherListEx;
    PDMA_OPERATION_SLOT BuildScatterGatherListEx;
    PDMA_OPERATION_SLOT FlushAdapterBuffersEx;
    PDMA_OPERATION_SLOT FreeAdapterObject;
    PDMA_OPERATION_SLOT CancelMappedTransfer;
    PDMA_OPERATION_SLOT AllocateDomainCommonBuffer;
    PDMA_OPERATION_SLOT FlushDmaBuffer;
    PDMA_OPERATION_SLOT JoinDmaDomain;
    PDMA_OPERATION_SLOT LeaveDmaDomain;
    PDMA_OPERATION_SLOT GetDmaDomain;
    PDMA_OPERATION_SLOT AllocateCommonBufferWithBounds;
    PDMA_OPERATION_SLOT AllocateCommonBufferVector;
    PDMA_OPERATION_SLOT GetCommonBufferFromVectorByIndex;
    PDMA_OPERATION_SLOT FreeCommonBufferFromVector;
    PDMA_OPERATION_SLOT FreeCommonBufferVector;
    PDMA_OPERATION_SLOT CreateCommonBufferFromMdl;
} DMA_OPERATIONS, *PDMA_OPERATIONS;

NTKERNELAPI PDMA_ADAPTER NTAPI IoGetDmaAdapter(PDEVICE_OBJECT PhysicalDeviceObject,
                                               PDEVICE_DESCRIPTION DeviceDescription,
                                               PULONG NumberOfMapRegisters);
/* x64 DMA is cache coherent. */
#define KeFlushIoBuffers(mdl, read_operation, dma_operation) ((void)(mdl))
