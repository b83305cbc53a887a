// SPDX-License-Identifier: Apache-2.0
//
// A TCP segment of a frame without IP options, its checksums, and how it is
// turned round into an answer.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum flag { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct segment {
	__u8 to[6], from[6];
	__be16 type;
	__u8 version_length, tos;
	__be16 total_length, id, fragment;
	__u8 ttl, protocol;
	__u16 ip_sum;
	__be32 src, dst;
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window;
	__u16 tcp_sum, urgent;
} __attribute__((packed, aligned(2)));

#define HEADERS sizeof(struct segment)
#define IP_BYTES 20
#define TCP_BYTES 20

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

// add sums up an even number of bytes.
static __always_inline __u64 add(const void *p, int bytes)
{
	const __u16 *w = p;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < bytes / 2; i++)
		sum += w[i];
	return sum;
}

// pseudo is what TCP's checksum covers beside the segment.
static __always_inline __u64 pseudo(const struct segment *s, __u32 bytes)
{
	return add(&s->src, 8) + bpf_htons(IPPROTO_TCP) + bpf_htons(bytes);
}

// fit makes the frame's length that of a segment with so many bytes of options
// and payload. The frame moves.
static __always_inline struct segment *fit(struct xdp_md *ctx, __u32 bytes)
{
	__u64 length = (__u64)(long)ctx->data_end - (__u64)(long)ctx->data;
	void *data;

	// The verifier lets nothing be added to the end of a packet.
	asm volatile("" : "+r"(length));
	if (bpf_xdp_adjust_tail(ctx, (int)(HEADERS + bytes) - (int)length))
		return NULL;
	data = (void *)(long)ctx->data;
	return data + HEADERS > (void *)(long)ctx->data_end ? NULL : data;
}

// turn makes the headers those of an answer to themselves. sum is that of what
// follows them, of so many bytes: a SYN-ACK's options, and of others payload.
static __always_inline void turn(struct segment *s, __u8 flags, __u32 seq, __u32 ack, __u32 bytes, __u64 sum)
{
	__u8 mac[6];
	__be16 port = s->sport;
	__be32 ip = s->src;

	__builtin_memcpy(mac, s->to, 6);
	__builtin_memcpy(s->to, s->from, 6);
	__builtin_memcpy(s->from, mac, 6);
	s->src = s->dst;
	s->dst = ip;
	s->sport = s->dport;
	s->dport = port;
	s->tos = 0;
	s->total_length = bpf_htons(IP_BYTES + TCP_BYTES + bytes);
	s->id = 0;
	s->fragment = bpf_htons(0x4000);
	s->ttl = 64;
	s->ip_sum = 0;
	s->ip_sum = fold(add(&s->version_length, IP_BYTES));
	s->seq = bpf_htonl(seq);
	s->ack = bpf_htonl(ack);
	s->offset = (TCP_BYTES + (flags & SYN ? bytes : 0)) << 2;
	s->flags = flags;
	s->window = bpf_htons(flags & RST ? 0 : 65535);
	s->tcp_sum = s->urgent = 0;
	s->tcp_sum = fold(pseudo(s, TCP_BYTES + bytes) + add(&s->sport, TCP_BYTES) + sum);
}
