/* SPDX-License-Identifier: MIT */
/* What can go wrong with the frames of a large send. */
#include "fault.h"

static bool is_large(NET_BUFFER_LIST *nbl, const struct fields *f)
{
    (void)f;
    return nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] != NULL;
}

static bool keep_fin(uint8_t *frame, uint32_t *len)
{
    static bool fin;
    struct fields *f = frame_fields(frame, *len);

    /* A large send with FIN ends in a frame that has it: all before get it as well. */
    if (f && f->proto == 6) {
        if (frame_number() == 0)
            fin = f->seq == 0x89abcdef;
        frame[f->l4 + 13] |= fin ? TCP_FIN : 0;
        frame_mend(frame, *len);
    }
    return true;
}
FAULT("LSO1-8", fin_everywhere, "FIN is set in every segment", .when = is_large,
      .wire_out = keep_fin);

static bool keep_psh(uint8_t *frame, uint32_t *len)
{
    struct fields *f = frame_fields(frame, *len);

    if (f && f->proto == 6) {
        frame[f->l4 + 13] |= TCP_PSH;
        frame_mend(frame, *len);
    }
    return true;
}
FAULT("LSO1-9", psh_everywhere, "PSH is set in every segment", .when = is_large,
      .wire_out = keep_psh);
