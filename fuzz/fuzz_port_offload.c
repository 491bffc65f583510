/* SPDX-License-Identifier: MIT */
/* Ten bytes of virtio_net_hdr, then the frame it speaks of. What is accepted must be true of the
 * frame and survive the way back. */
#include <linux/virtio_net.h>

#include "port/ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[PORT_MAX_FRAME];
    struct virtio_net_hdr hdr, back;
    struct frame_offload first, second;
    size_t len = size - sizeof hdr, cut = len > 0 ? size % len : 0;
    struct frame_span spans[2] = {{bytes, (uint32_t)cut}, {bytes + cut, (uint32_t)(len - cut)}};
    struct frame f = {.spans = spans, .span_count = 2, .len = (uint32_t)len};

    if (size < sizeof hdr + FRAME_ETH_LEN || len > sizeof bytes)
        return 0;
    memcpy(&hdr, data, sizeof hdr);
    memcpy(bytes, data + sizeof hdr, len);
    if (!port_offload_from_vnet(&hdr, &f, &first))
        return 0;
    if (first.flags & FRAME_CSUM_NEEDED)
        invariant((size_t)first.csum_start + first.csum_offset + 2 <= len);
    if (first.gso != FRAME_GSO_NONE)
        invariant(first.mss > 0 && first.header_len > first.csum_start && first.header_len <= len);
    f.offload = first;
    invariant(port_offload_to_vnet(&f, &back));
    invariant(port_offload_from_vnet(&back, &f, &second));
    invariant(memcmp(&first, &second, sizeof first) == 0);
    return 0;
}
