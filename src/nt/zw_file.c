/* SPDX-License-Identifier: MIT */
/* Files. The simulated machine has none: opening fails as for a file that is absent, making one as
 * on a disk that cannot be written. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/processor.h"

#include <wdk/ntddk.h>

static NTSTATUS refuse(PIO_STATUS_BLOCK block, NTSTATUS status)
{
    if (block) {
        block->Status = status;
        block->Information = 0;
    }
    return status;
}

NTSTATUS NTAPI ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                            POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                            PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
                            ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
                            ULONG EaLength)
{
    (void)DesiredAccess, (void)ObjectAttributes, (void)AllocationSize, (void)FileAttributes;
    (void)ShareAccess, (void)CreateOptions, (void)EaBuffer, (void)EaLength;
    NT_PASSIVE_ONLY();
    *FileHandle = NULL;
    return refuse(IoStatusBlock,
                  CreateDisposition == FILE_OPEN || CreateDisposition == FILE_OVERWRITE
                      ? STATUS_OBJECT_NAME_NOT_FOUND
                      : STATUS_MEDIA_WRITE_PROTECTED);
}
NT_EXPORT(ZwCreateFile);

NTSTATUS NTAPI ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                          POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                          ULONG ShareAccess, ULONG OpenOptions)
{
    return ZwCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0,
                        ShareAccess, FILE_OPEN, OpenOptions, NULL, 0);
}
NT_EXPORT(ZwOpenFile);

static NTSTATUS no_such_file(HANDLE handle, PIO_STATUS_BLOCK block, const char *what)
{
    NT_PASSIVE_ONLY();
    finding_report("NT-HANDLE", "%s: %p is no open file", what, handle);
    return refuse(block, STATUS_INVALID_HANDLE);
}

NTSTATUS NTAPI ZwReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                          PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer,
                          ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    (void)Event, (void)ApcRoutine, (void)ApcContext, (void)Buffer, (void)Length, (void)ByteOffset;
    (void)Key;
    return no_such_file(FileHandle, IoStatusBlock, "ZwReadFile");
}
NT_EXPORT(ZwReadFile);

NTSTATUS NTAPI ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                           PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer,
                           ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    (void)Event, (void)ApcRoutine, (void)ApcContext, (void)Buffer, (void)Length, (void)ByteOffset;
    (void)Key;
    return no_such_file(FileHandle, IoStatusBlock, "ZwWriteFile");
}
NT_EXPORT(ZwWriteFile);

NTSTATUS NTAPI ZwQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock,
                                      PVOID FileInformation, ULONG Length,
                                      FILE_INFORMATION_CLASS FileInformationClass)
{
    (void)FileInformation, (void)Length, (void)FileInformationClass;
    return no_such_file(FileHandle, IoStatusBlock, "ZwQueryInformationFile");
}
NT_EXPORT(ZwQueryInformationFile);
