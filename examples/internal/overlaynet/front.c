//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The far end in the kernel. Everything that an answer needs is in the segment
// that is answered, or computed from the network's seed as the overlay package
// does, or lies in the texts that were written before.
//
//	SYN to an ultrapeer that is here   SYN-ACK
//	SYN to anybody else                RST
//	the request                        the reply
//	the handshake's third leg, FIN     FIN-ACK
//	RST; an ACK of nothing or all      counted, nothing
//	everything else                    left to the program behind
//
// Checksums of headers are computed from nothing, those of texts are known. Of a
// request they are verified.
#include "segment.h"
#include "network.h"
#include "reply.h"

// MSS 1460, two NOPs, SACK permitted.
#define OPTION_BYTES 8
#define LEG_BYTES 23
#define REQUEST_MAX 512

// counters are the frames that were answered or ended here; Go's Counts names
// them likewise.
struct counters {
	__u64 syns, refused, requests, swapped, segments, bytes, legs, fins, rsts, acks;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} behind SEC(".maps");

// Set before loading.
const volatile __u8 leg[LEG_BYTES];
const volatile __u8 request[REQUEST_MAX];
const volatile __u32 request_bytes;
const volatile __u16 request_sum;

// plain answers with headers alone.
static __always_inline int plain(struct xdp_md *ctx, __u8 flags, __u32 seq, __u32 ack)
{
	struct segment *s = fit(ctx, 0);

	if (!s)
		return XDP_DROP;
	turn(s, flags, seq, ack, 0, 0);
	return XDP_TX;
}

// accept answers a SYN.
static __always_inline int accept(struct xdp_md *ctx, __u32 seq, __u32 ack)
{
	struct segment *s = fit(ctx, OPTION_BYTES);
	__u16 *o;

	if (!s)
		return XDP_DROP;
	o = (void *)(s + 1);
	if ((void *)o + OPTION_BYTES > (void *)(long)ctx->data_end)
		return XDP_DROP;
	o[0] = bpf_htons(0x0204);
	o[1] = bpf_htons(1460);
	o[2] = bpf_htons(0x0101);
	o[3] = bpf_htons(0x0402);
	turn(s, SYN | ACK, seq, ack, OPTION_BYTES, add(o, OPTION_BYTES));
	return XDP_TX;
}

// is_leg reports whether the payload is the handshake's third leg.
static __always_inline int is_leg(const __u8 *payload, const void *end)
{
	if ((void *)(payload + LEG_BYTES) > end)
		return 0;
#pragma unroll
	for (int i = 0; i < LEG_BYTES; i++)
		if (payload[i] != leg[i])
			return 0;
	return 1;
}

// is_request reports whether a segment without options is the request, word
// for word and with the right checksums, on a connection that was answered here.
static __always_inline int is_request(const struct segment *s, const void *end)
{
	const __u8 *payload = (void *)(s + 1);
	__u32 at = 0;

	if (request_bytes < 8 || request_bytes > REQUEST_MAX || (void *)(payload + request_bytes) > end)
		return 0;
	if (bpf_ntohl(s->ack) != isn(s) + 1 || fold(add(&s->version_length, IP_BYTES)) ||
	    fold(pseudo(s, TCP_BYTES + request_bytes) + add(&s->sport, TCP_BYTES) + request_sum))
		return 0;
	for (int i = 0; i < REQUEST_MAX / 8 && at + 8 < request_bytes; i++, at += 8)
		if (*(__u64 *)(payload + at) != *(__u64 *)(request + at))
			return 0;
	at = request_bytes - 8; // the last ones, some of them once more
	return *(__u64 *)(payload + at) == *(__u64 *)(request + at);
}

// ask takes a request; -1 leaves it to the program behind.
static __always_inline int ask(struct xdp_md *ctx, struct segment *s, void *end, struct counters *count)
{
	__u32 node = node_of(s), parts;
	struct text *t = bpf_map_lookup_elem(&texts, &node);

	if (!t || state_of(s) == ABSENT || !is_request(s, end))
		return -1;
	parts = (t->length + SEGMENT - 1) / SEGMENT;
	count->requests++;
	count->segments += parts;
	count->bytes += t->length;
	if (parts > 1 && is_swapped(bpf_ntohl(s->ack)))
		count->swapped++;
	return copy(ctx, s, t);
}

// is_content reports whether a bare ACK without options acknowledges no part
// of a reply, or all of it.
static __always_inline int is_content(const struct segment *s)
{
	__u32 node = node_of(s), have = bpf_ntohl(s->ack) - isn(s) - 1;
	struct text *t = bpf_map_lookup_elem(&texts, &node);

	return t && (have == 0 || have >= t->length);
}

// take handles a TCP segment; -1 leaves it to the program behind.
static __always_inline int take(struct xdp_md *ctx, struct segment *s, void *end, struct counters *count)
{
	__u32 total = bpf_ntohs(s->total_length), header = IP_BYTES + (s->offset >> 4) * 4;
	__u32 seq = bpf_ntohl(s->seq), ack = bpf_ntohl(s->ack), length;
	__u8 flags = s->flags;

	if (header < IP_BYTES + TCP_BYTES || header > IP_BYTES + 60 || total < header || total > 1500)
		return -1;
	length = total - header;
	if (flags & RST) {
		count->rsts++;
		return XDP_DROP;
	}
	if (flags & SYN) {
		if (state_of(s) != ABSENT) {
			count->syns++;
			return accept(ctx, isn(s), seq + 1);
		}
		count->refused++;
		return plain(ctx, RST | ACK, 0, seq + 1);
	}
	if (length == 0 && flags & FIN) {
		count->fins++;
		return plain(ctx, FIN | ACK, ack, seq + 1);
	}
	if (length == LEG_BYTES && is_leg((__u8 *)s + ETH_HLEN + header, end)) {
		count->legs++;
		return plain(ctx, FIN | ACK, ack, seq + LEG_BYTES + !!(flags & FIN));
	}
	if (header != IP_BYTES + TCP_BYTES || (flags & ~PSH) != ACK)
		return -1;
	if (length == request_bytes)
		return ask(ctx, s, end, count);
	if (length == 0 && is_content(s)) {
		count->acks++;
		return XDP_DROP;
	}
	return -1;
}

SEC("xdp")
int front(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct segment *s = data;
	struct counters *count;
	__u32 zero = 0;
	int verdict;

	if (data + HEADERS > end || s->type != bpf_htons(ETH_P_IP) || s->version_length != 0x45 ||
	    s->protocol != IPPROTO_TCP || s->fragment & bpf_htons(0x3fff))
		goto leave;
	count = bpf_map_lookup_elem(&counts, &zero);
	if (!count)
		goto leave;
	verdict = take(ctx, s, end, count);
	if (verdict >= 0)
		return verdict;
leave:
	bpf_tail_call(ctx, &behind, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Apache-2.0";
