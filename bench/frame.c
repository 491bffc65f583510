/* SPDX-License-Identifier: MIT */
/*
 * Bytes per second of what src/frame does to payload, beside memcpy: checksum and copy + checksum
 * per tier, and segmentation of 64 KB sends at MSS 1448 without copy and with. Two working sets,
 * one that stays in L2 and one that does not. All measured in turns within one run, medians: on a
 * shared machine only ratios of one run mean something.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "frame/frame.h"

enum {
    MSS = 1448,
    HEADER_LEN = 14 + 20 + 32,
    SEGMENTS = 45,
    SEND_LEN = HEADER_LEN + SEGMENTS * MSS, /* 65 226 bytes */
    SLOT_LEN = 72 * 1024, /* room for a send, or for its segments one behind the other */
    MAX_ROUNDS = 101,
    SLICE_NS = 2000000,
};

struct set {
    const char *name;
    unsigned sends;
    uint8_t *src, *dst; /* sends * SLOT_LEN each */
};

struct test {
    const char *name, *tier;
    uint64_t (*one)(uint8_t *dst, const uint8_t *src);
};

struct result {
    double gb_per_s[MAX_ROUNDS];
};

static volatile uint64_t sink; /* keeps results alive */

static uint64_t one_memcpy(uint8_t *dst, const uint8_t *src)
{
    memcpy(dst, src, SEND_LEN);
    return dst[0];
}

static uint64_t one_sum(uint8_t *dst, const uint8_t *src)
{
    (void)dst;
    return frame_sum(src, SEND_LEN, 0);
}

static uint64_t one_sum_copy(uint8_t *dst, const uint8_t *src)
{
    return frame_sum_copy(dst, src, SEND_LEN, 0);
}

static struct frame whole_send(struct frame_span *span, const uint8_t *src)
{
    *span = (struct frame_span){(uint8_t *)(uintptr_t)src, SEND_LEN}; /* only read */
    return (struct frame){.spans = span,
                          .span_count = 1,
                          .len = SEND_LEN,
                          .offload = {.gso = FRAME_GSO_TCP4, .mss = MSS}};
}

static uint64_t one_segment(uint8_t *dst, const uint8_t *src)
{
    struct frame_segmenter s;
    struct frame_span span, out[4];
    struct frame f = whole_send(&span, src);
    uint32_t len = 0;
    if (frame_segment_begin(&s, &f, FRAME_ID_15BIT) != FRAME_SEGMENT_OK)
        return 0;
    while (frame_segment_next(&s, dst, out, 4, &len) > 0)
        dst += 128;
    return s.next;
}

static uint64_t one_segment_copy(uint8_t *dst, const uint8_t *src)
{
    struct frame_segmenter s;
    struct frame_span span;
    struct frame f = whole_send(&span, src);
    if (frame_segment_begin(&s, &f, FRAME_ID_15BIT) != FRAME_SEGMENT_OK)
        return 0;
    for (uint32_t len; (len = frame_segment_next_copy(&s, dst)) != 0;)
        dst += len;
    return s.next;
}

static const struct test tests[] = {
    {"memcpy", NULL, one_memcpy},
    {"checksum", "scalar", one_sum},
    {"checksum", "sse2", one_sum},
    {"checksum", "avx2", one_sum},
    {"checksum", "avx512", one_sum},
    {"copy + checksum", "scalar", one_sum_copy},
    {"copy + checksum", "sse2", one_sum_copy},
    {"copy + checksum", "avx2", one_sum_copy},
    {"copy + checksum", "avx512", one_sum_copy},
    {"segment, zero copy", NULL, one_segment},
    {"segment, copying", NULL, one_segment_copy},
};

enum { TESTS = sizeof(tests) / sizeof(tests[0]) };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whole passes over the set for a slice of time. Bytes of sends per ns, which is GB/s. */
static double measure(const struct test *test, const struct set *set)
{
    uint64_t start = now_ns(), end, passes = 0;
    do {
        for (unsigned i = 0; i < set->sends; i++)
            sink += test->one(set->dst + (size_t)i * SLOT_LEN, set->src + (size_t)i * SLOT_LEN);
        passes++;
        end = now_ns();
    } while (end - start < SLICE_NS);
    return (double)(passes * set->sends * SEND_LEN) / (double)(end - start);
}

static bool set_make(struct set *set)
{
    size_t size = (size_t)set->sends * SLOT_LEN;
    set->src = aligned_alloc(4096, size);
    set->dst = aligned_alloc(4096, size);
    if (!set->src || !set->dst)
        return false;
    memset(set->dst, 0, size);
    static uint8_t payload[SEGMENTS * MSS];
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    static const uint8_t timestamps[12] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    struct frame_recipe r = {.ip_version = 4,
                             .l4_proto = 6,
                             .src_ip = {10, 0, 0, 1},
                             .dst_ip = {10, 0, 0, 2},
                             .ttl = 64,
                             .tcp_flags = 0x18,
                             .tcp_options = timestamps,
                             .tcp_options_len = sizeof(timestamps),
                             .payload = payload,
                             .payload_len = sizeof(payload),
                             .large_send = true};
    for (unsigned i = 0; i < set->sends; i++)
        frame_build(&r, set->src + (size_t)i * SLOT_LEN, SLOT_LEN);
    return true;
}

static void set_drop(struct set *set)
{
    free(set->src);
    free(set->dst);
}

static void run(const struct set *set, struct result *results, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned t = 0; t < TESTS; t++) {
            if (!frame_sum_tier(tests[t].tier))
                continue; /* stays 0: this processor lacks it */
            measure(&tests[t], &(struct set){.sends = 1, .src = set->src, .dst = set->dst});
            results[t].gb_per_s[round] = measure(&tests[t], set);
        }
    }
    frame_sum_tier(NULL);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct result *r, unsigned rounds)
{
    qsort(r->gb_per_s, rounds, sizeof(r->gb_per_s[0]), by_value);
    return r->gb_per_s[rounds / 2];
}

static void print_set(const struct set *set, struct result *results, unsigned rounds, bool json)
{
    const char *best = frame_sum_tier(NULL), *comma = "";
    double memcpy_rate = median(&results[0], rounds);
    if (json)
        printf("{\"set\":\"%s\",\"bytes\":%zu,\"results\":[", set->name,
               (size_t)set->sends * SEND_LEN * 2);
    else
        printf("%s: %u sends of %d bytes, source and destination %.1f MB\n", set->name, set->sends,
               SEND_LEN, (double)set->sends * SEND_LEN * 2 / 1e6);
    for (unsigned t = 0; t < TESTS; t++) {
        double rate = median(&results[t], rounds);
        if (rate == 0)
            continue;
        const char *tier = tests[t].tier ? tests[t].tier : t ? best : "libc";
        if (json)
            printf("%s{\"name\":\"%s\",\"tier\":\"%s\",\"gb_per_s\":%.2f,\"to_memcpy\":%.3f}",
                   comma, tests[t].name, tier, rate, rate / memcpy_rate);
        else
            printf("  %-20s %-8s %8.1f GB/s %8.2f x memcpy\n", tests[t].name, tier, rate,
                   rate / memcpy_rate);
        comma = ",";
    }
    printf(json ? "]}" : "\n");
}

static int usage(const char *name)
{
    fprintf(stderr, "usage: %s [--json] [--rounds N]   (N: 1 to %d, odd is best)\n", name,
            MAX_ROUNDS);
    return 2;
}

int bench_frame(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"rounds", required_argument, NULL, 'r'}, {0}};
    bool json = false;
    long rounds = 15;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            json = true;
        else if (c == 'r')
            rounds = strtol(optarg, NULL, 10);
        else
            return usage(argv[0]);
    }
    if (optind != argc || rounds < 1 || rounds > MAX_ROUNDS)
        return usage(argv[0]);

    struct set sets[] = {{.name = "in L2", .sends = 3}, {.name = "beyond L2", .sends = 128}};
    static struct result results[2][TESTS];
    memset(results, 0, sizeof(results));
    int rc = 0;
    if (json)
        printf("[");
    for (unsigned i = 0; i < 2 && rc == 0; i++) {
        if (set_make(&sets[i])) {
            run(&sets[i], results[i], (unsigned)rounds);
            if (json && i)
                printf(",");
            print_set(&sets[i], results[i], (unsigned)rounds, json);
        } else {
            fprintf(stderr, "%s: out of memory\n", argv[0]);
            rc = 1;
        }
        set_drop(&sets[i]);
    }
    if (json)
        printf("]\n");
    return rc;
}

#ifdef BENCH_MAIN
int main(int argc, char **argv)
{
    return bench_frame(argc, argv);
}
#endif
