/* SPDX-License-Identifier: MIT */
/* The report as Markdown: what a driver lists and what of it was seen to hold, group by group. It
 * says nothing that differs from run to run, so that it can be kept beside the driver. */
#include "conform/report.h"

static const char *word(enum verdict v)
{
    static const char *const words[VERDICT_COUNT] = {
        "holds",   "holds, with a warning",    "**does not hold**", "**could not be checked**",
        "skipped", "a host cannot observe it", "no check",          "left out"};

    return words[v];
}

static const char *yes(unsigned bit)
{
    return bit == NDIS_OFFLOAD_SUPPORTED ? "yes" : "-";
}

static void encapsulations(FILE *to, ULONG e)
{
    static const struct {
        ULONG flag;
        const char *name;
    } names[] = {{NDIS_ENCAPSULATION_IEEE_802_3, "802.3"},
                 {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q, "tag in the frame"},
                 {NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB, "tag out of band"},
                 {NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED, "LLC/SNAP"}};
    const char *comma = "";

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (e & names[i].flag) {
            fprintf(to, "%s%s", comma, names[i].name);
            comma = ", ";
        }
    }
    fputs(*comma ? " |\n" : "- |\n", to);
}

static void checksums(FILE *to, const NDIS_OFFLOAD *o)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;

    fputs("| Checksum | IP header | TCP | UDP | IP options or extensions | TCP options | With |\n"
          "|---|---|---|---|---|---|---|\n",
          to);
    fprintf(to, "| IPv4 transmit | %s | %s | %s | %s | %s | ", yes(c->IPv4Transmit.IpChecksum),
            yes(c->IPv4Transmit.TcpChecksum), yes(c->IPv4Transmit.UdpChecksum),
            yes(c->IPv4Transmit.IpOptionsSupported), yes(c->IPv4Transmit.TcpOptionsSupported));
    encapsulations(to, c->IPv4Transmit.Encapsulation);
    fprintf(to, "| IPv4 receive | %s | %s | %s | %s | %s | ", yes(c->IPv4Receive.IpChecksum),
            yes(c->IPv4Receive.TcpChecksum), yes(c->IPv4Receive.UdpChecksum),
            yes(c->IPv4Receive.IpOptionsSupported), yes(c->IPv4Receive.TcpOptionsSupported));
    encapsulations(to, c->IPv4Receive.Encapsulation);
    fprintf(to, "| IPv6 transmit | - | %s | %s | %s | %s | ", yes(c->IPv6Transmit.TcpChecksum),
            yes(c->IPv6Transmit.UdpChecksum), yes(c->IPv6Transmit.IpExtensionHeadersSupported),
            yes(c->IPv6Transmit.TcpOptionsSupported));
    encapsulations(to, c->IPv6Transmit.Encapsulation);
    fprintf(to, "| IPv6 receive | - | %s | %s | %s | %s | ", yes(c->IPv6Receive.TcpChecksum),
            yes(c->IPv6Receive.UdpChecksum), yes(c->IPv6Receive.IpExtensionHeadersSupported),
            yes(c->IPv6Receive.TcpOptionsSupported));
    encapsulations(to, c->IPv6Receive.Encapsulation);
}

static void large(FILE *to, const char *name, ULONG size, ULONG least, ULONG encapsulation)
{
    if (!encapsulation)
        fprintf(to, "| %s | - | - | - |\n", name);
    else {
        fprintf(to, "| %s | %u | %u | ", name, size, least);
        encapsulations(to, encapsulation);
    }
}

static void listed(FILE *to, const NDIS_OFFLOAD *o)
{
    fputs("## What it lists\n\n", to);
    checksums(to, o);
    fputs("\n| Large send | MaxOffLoadSize | MinSegmentCount | With |\n|---|---|---|---|\n", to);
    large(to, "version 1, IPv4", o->LsoV1.IPv4.MaxOffLoadSize, o->LsoV1.IPv4.MinSegmentCount,
          o->LsoV1.IPv4.Encapsulation);
    large(to, "version 2, IPv4", o->LsoV2.IPv4.MaxOffLoadSize, o->LsoV2.IPv4.MinSegmentCount,
          o->LsoV2.IPv4.Encapsulation);
    large(to, "version 2, IPv6", o->LsoV2.IPv6.MaxOffLoadSize, o->LsoV2.IPv6.MinSegmentCount,
          o->LsoV2.IPv6.Encapsulation);
}

static void group_rows(FILE *to, const struct suite_result *s, const struct requirement_group *g)
{
    fprintf(to, "\n## %s: %s\n\n| ID | Requirement | |\n|---|---|---|\n", g->name, g->title);
    for (unsigned i = g->first; i < g->first + g->count; i++) {
        const struct suite_row *row = &s->rows[i];

        if (row->verdict == VERDICT_NONE || row->verdict == VERDICT_LEFT_OUT)
            continue;
        fprintf(to, "| %s | ", row->q->id);
        report_cell(to, row->q->text);
        fprintf(to, " | %s |\n", word(row->verdict));
    }
}

void report_markdown(FILE *to, const struct suite_result *s)
{
    unsigned held = s->verdicts[VERDICT_PASS] + s->verdicts[VERDICT_WARN];

    fprintf(to,
            "# %s: what it offloads\n\nWritten by `longshore test DRIVER.inf --markdown`; do "
            "not edit.\n\n",
            s->adapter);
    fprintf(to,
            "%u of %u requirements that were checked hold; %u concern what it does not "
            "advertise, %u cannot be observed by a host.\n\n",
            held, held + s->verdicts[VERDICT_FAIL] + s->verdicts[VERDICT_ERROR],
            s->verdicts[VERDICT_SKIP], s->verdicts[VERDICT_NOT_SEEN]);
    if (s->has_offload)
        listed(to, &s->hardware_offload);
    else
        fputs("It lists no task offload.\n", to);
    for (unsigned g = 0; g < catalogue_group_count(); g++) {
        const struct requirement_group *group = catalogue_group_at(g);
        bool any = false;

        for (unsigned i = group->first; i < group->first + group->count; i++)
            any |= s->rows[i].verdict <= VERDICT_NOT_SEEN;
        if (any)
            group_rows(to, s, group);
    }
}
