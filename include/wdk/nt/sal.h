/* SPDX-License-Identifier: MIT */
/* Words of the WDK that mean something to its static analysis and nothing to a compiler: all are
 * empty, so that driver sources which carry them compile unchanged. */
#pragma once

#define IN
#define OUT
#define OPTIONAL
#define NOTHING
#define CONST const
#if !defined(UNALIGNED)
#define UNALIGNED
#endif
#define RESTRICTED_POINTER
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#define _Acquires_lock_(x)
#define _Analysis_assume_(x)
#define _Analysis_assume_lock_held_(x)
#define _Analysis_assume_lock_not_held_(x)
#define _Analysis_mode_(x)
#define _At_(target, anno)
#define _Check_return_
#define _Const_
#define _Dispatch_type_(x)
#define _Enum_is_bitflag_
#define _Fallthrough_
#define _Field_range_(lo, hi)
#define _Field_size_(x)
#define _Field_size_bytes_(x)
#define _Field_size_bytes_opt_(x)
#define _Field_size_bytes_part_(size, part)
#define _Field_size_full_(x)
#define _Field_size_opt_(x)
#define _Function_class_(x)
#define _Guarded_by_(x)
#define _In_
#define _In_bytecount_(x)
#define _In_opt_
#define _In_opt_z_
#define _In_range_(lo, hi)
#define _In_reads_(x)
#define _In_reads_bytes_(x)
#define _In_reads_bytes_opt_(x)
#define _In_reads_opt_(x)
#define _In_z_
#define _Inout_
#define _Inout_opt_
#define _Inout_updates_(x)
#define _Inout_updates_all_(x)
#define _Inout_updates_bytes_(x)
#define _Inout_updates_bytes_all_(x)
#define _Inout_updates_bytes_opt_(x)
#define _Inout_updates_bytes_to_(size, count)
#define _Inout_updates_opt_(x)
#define _Interlocked_
#define _Interlocked_operand_
#define _IRQL_always_function_max_(x)
#define _IRQL_always_function_min_(x)
#define _IRQL_raises_(x)
#define _IRQL_requires_(x)
#define _IRQL_requires_max_(x)
#define _IRQL_requires_min_(x)
#define _IRQL_requires_same_
#define _IRQL_restores_
#define _IRQL_restores_global_(kind, param)
#define _IRQL_saves_
#define _IRQL_saves_global_(kind, param)
#define _Kernel_clear_do_init_(x)
#define _Maybe_raises_SEH_exception_
#define _Must_inspect_result_
#define _Notnull_
#define _Null_terminated_
#define _Out_
#define _Out_opt_
#define _Out_range_(lo, hi)
#define _Out_writes_(x)
#define _Out_writes_all_(x)
#define _Out_writes_bytes_(x)
#define _Out_writes_bytes_all_(x)
#define _Out_writes_bytes_opt_(x)
#define _Out_writes_bytes_to_(size, count)
#define _Out_writes_bytes_to_opt_(size, count)
#define _Out_writes_opt_(x)
#define _Out_writes_to_(size, count)
#define _Out_writes_z_(x)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_opt_result_maybenull_
#define _Outptr_result_buffer_(x)
#define _Outptr_result_bytebuffer_(x)
#define _Outptr_result_maybenull_
#define _Points_to_data_
#define _Post_
#define _Post_equal_to_(x)
#define _Post_invalid_
#define _Post_maybenull_
#define _Post_notnull_
#define _Post_ptr_invalid_
#define _Post_satisfies_(x)
#define _Post_writable_byte_size_(x)
#define _Pre_maybenull_
#define _Pre_notnull_
#define _Pre_satisfies_(x)
#define _Printf_format_string_
#define _Prepost_z_
#define _Releases_lock_(x)
#define _Requires_lock_held_(x)
#define _Requires_lock_not_held_(x)
#define _Requires_no_locks_held_
#define _Reserved_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Ret_range_(lo, hi)
#define _Return_type_success_(x)
#define _Struct_size_bytes_(x)
#define _Success_(x)
#define _Unchanged_(x)
#define _Use_decl_annotations_
#define _When_(cond, anno)
#define _Write_guarded_by_(x)
#define __drv_aliasesMem
#define __drv_allocatesMem(x)
#define __drv_dispatchType(x)
#define __drv_freesMem(x)
#define __drv_strictTypeMatch(x)
#define __analysis_assume(x)
#define __fallthrough
