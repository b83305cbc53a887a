//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The far end of DNS measurements: all servers of a made-up tree, without state.
//
//	a question to the root's address   referral: the last label is a zone, with
//	                                   one server, whose address is a hash of it
//	a question to any other address    authoritative: one A record, a hash of the
//	                                   name without regard to case
//	ARP for the target                 reply with our address
//	anything else                      dropped and counted, or the kernel's
//
// The question stays where it is in the frame, its case and ID with it; what
// follows it (EDNS) gives way to the records. UDP checksums are left out, as IPv4
// allows.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// NAME_MAX is the longest name that is looked through, in bytes with its end.
#define NAME_MAX 64

struct ether {
	__u8 dst[6], src[6];
	__be16 type;
} __attribute__((packed));

struct ipv4 {
	__u8 version_length, tos;
	__be16 total_length, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__be32 src, dst;
} __attribute__((packed));

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__be32 sender;
	__u8 target_mac[6];
	__be32 target;
} __attribute__((packed));

struct query {
	struct ether eth;
	struct ipv4 ip;
	__be16 sport, dport, length;
	__u16 checksum;
	__be16 id, flags, questions, answers, authorities, additional;
} __attribute__((packed));

// record is what is alike in every record.
struct record {
	__be16 name, type, class;
	__be32 ttl;
	__be16 length;
} __attribute__((packed));

struct answer {
	struct record head;
	__be32 address;
} __attribute__((packed));

struct referral {
	struct record ns;
	__u8 label[3]; // ns.
	__be16 zone;
	struct record a;
	__be32 address;
} __attribute__((packed));

struct counters {
	__u64 referrals;
	__u64 answers;
	__u64 malformed; // dropped
	__u64 no_room;   // dropped: the reply did not fit into the frame
	__u64 arp;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

const volatile __be32 target_net;
const volatile __be32 target_mask;
const volatile __be32 root;
const volatile __u8 mac[6];

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int answer_arp(struct xdp_md *ctx, struct counters *count)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *eth = data;
	struct arp *arp = data + sizeof(*eth);
	__be32 asked;

	if ((void *)(arp + 1) > end)
		return XDP_PASS;
	if (arp->operation != bpf_htons(1) || (arp->target & target_mask) != target_net)
		return XDP_PASS;
	count->arp++;
	asked = arp->target;
	for (int i = 0; i < 6; i++) {
		eth->dst[i] = arp->target_mac[i] = arp->sender_mac[i];
		eth->src[i] = arp->sender_mac[i] = mac[i];
	}
	arp->operation = bpf_htons(2);
	arp->target = arp->sender;
	arp->sender = asked;
	return XDP_TX;
}

static __always_inline int answer_query(struct xdp_md *ctx, struct counters *count)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct query *q = data;
	__u32 at = 0, last = 0, left = 0, whole = 2166136261u, label = 2166136261u;
	__u32 question, records, total;
	__u8 *name, swap[6], asked[128];
	struct query head;
	__be32 address;
	__be16 port;

	if ((void *)(q + 1) > end || q->ip.version_length != 0x45 || q->ip.protocol != IPPROTO_UDP ||
	    q->dport != bpf_htons(53) || q->ip.fragment & bpf_htons(0x3fff) || q->questions != bpf_htons(1)) {
		count->malformed++;
		return XDP_DROP;
	}
	name = (__u8 *)(q + 1);
	for (at = 0; at < NAME_MAX; at++) {
		__u8 c;

		if ((void *)(name + at + 1) > end)
			break;
		c = name[at];
		if (!left) {
			if (!c)
				break;
			left = c;
			last = at;
			label = 2166136261u;
		} else {
			left--;
			if (c >= 'A' && c <= 'Z')
				c |= 0x20;
		}
		whole = (whole ^ c) * 16777619u;
		label = (label ^ c) * 16777619u;
	}
	question = at + 5; // the end of the name, type, class
	if (at >= NAME_MAX || left || !at || (void *)(name + question) > end) {
		count->malformed++;
		return XDP_DROP;
	}
	records = q->ip.dst == root ? sizeof(struct referral) : sizeof(struct answer);
	total = sizeof(*q) + question + records;
	// There is always room at the front of a frame, and not always at its end: so
	// everything moves forward.
	head = *q;
	question &= 127; // changes nothing, and bounds it for the verifier
	if (!question || bpf_xdp_load_bytes(ctx, sizeof(*q), asked, question) ||
	    bpf_xdp_adjust_head(ctx, (int)(end - data) - (int)total) ||
	    bpf_xdp_store_bytes(ctx, sizeof(*q), asked, question)) {
		count->no_room++;
		return XDP_DROP;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	q = data;
	if ((void *)(q + 1) > end)
		return XDP_DROP;
	*q = head;

	__builtin_memcpy(swap, q->eth.src, 6);
	for (int i = 0; i < 6; i++)
		q->eth.src[i] = mac[i];
	__builtin_memcpy(q->eth.dst, swap, 6);
	address = q->ip.src;
	q->ip.src = q->ip.dst;
	q->ip.dst = address;
	q->ip.total_length = bpf_htons(total - sizeof(struct ether));
	q->ip.checksum = 0;
	{
		__u16 *w = (__u16 *)&q->ip;
		__u32 sum = 0;

#pragma unroll
		for (int i = 0; i < 10; i++)
			sum += w[i];
		q->ip.checksum = fold(sum);
	}
	port = q->sport;
	q->sport = q->dport;
	q->dport = port;
	q->length = bpf_htons(total - offsetof(struct query, sport));
	q->checksum = 0;

	if (records == sizeof(struct answer)) {
		struct answer *a = (void *)(q + 1) + question;

		if ((void *)(a + 1) > end)
			return XDP_DROP;
		q->flags = bpf_htons(0x8400);
		q->answers = bpf_htons(1);
		q->authorities = q->additional = 0;
		*a = (struct answer){
			.head = { bpf_htons(0xc00c), bpf_htons(1), bpf_htons(1), bpf_htonl(60), bpf_htons(4) },
			.address = bpf_htonl(0x0b000000 | (whole & 0xffffff)),
		};
		count->answers++;
	} else {
		struct referral *r = (void *)(q + 1) + question;
		__be16 zone = bpf_htons(0xc000 | (12 + last));
		// Behind the name of the NS record.
		__be16 server = bpf_htons(0xc000 | (12 + question + sizeof(struct record)));

		if ((void *)(r + 1) > end)
			return XDP_DROP;
		q->flags = bpf_htons(0x8000);
		q->answers = 0;
		q->authorities = q->additional = bpf_htons(1);
		address = target_net | (bpf_htonl(label) & ~target_mask);
		if (address == root)
			address ^= bpf_htonl(1);
		*r = (struct referral){
			.ns = { zone, bpf_htons(2), bpf_htons(1), bpf_htonl(86400), bpf_htons(5) },
			.label = { 2, 'n', 's' },
			.zone = zone,
			.a = { server, bpf_htons(1), bpf_htons(1), bpf_htonl(86400), bpf_htons(4) },
			.address = address,
		};
		count->referrals++;
	}
	return XDP_TX;
}

SEC("xdp")
int dnsend(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *eth = data;
	struct ipv4 *ip = data + sizeof(*eth);
	struct counters *count;
	__u32 zero = 0;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	count = bpf_map_lookup_elem(&counts, &zero);
	if (!count)
		return XDP_PASS;
	if (eth->type == bpf_htons(ETH_P_ARP))
		return answer_arp(ctx, count);
	if (eth->type != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end ||
	    (ip->dst & target_mask) != target_net)
		return XDP_PASS;
	return answer_query(ctx, count);
}

char _license[] SEC("license") = "Apache-2.0";
