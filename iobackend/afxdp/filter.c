//go:build ignore

// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// The in-kernel filter. It redirects to our sockets what is sent to our
// addresses: IPv4 TCP, UDP and ICMP, fragments and packets with options too,
// and ARP that asks or answers about them. Of an address that we share with
// the kernel, TCP to a range of ports is ours. Everything else is the kernel's:
// IPv6 and tagged frames for now as well.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "live.h"

// The kernel lets only programs under the GPL read device timestamps.
char program_license[] SEC("license") = "GPL";

// Few prefixes are constants of the loaded program and cost a compare each;
// many are looked up in the trie. prefixes and filter.go know the 8 both.
#define PREFIXES_MAX 8

struct prefix {
	__be32 net;
	__be32 mask;
};

const volatile struct prefix prefixes[PREFIXES_MAX] = {};
const volatile __u32 prefix_count = 0;
const volatile __u32 use_trie = 0;

// An address shared with the kernel, 0 = none, and the ports on it that are
// ours, in host order.
const volatile __be32 shared_addr = 0;
const volatile __u16 shared_min = 0, shared_max = 0;

struct trie_key {
	__u32 bits;
	__be32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct trie_key);
	__type(value, __u32);
	__uint(max_entries, 1); // set by the loader
	__uint(map_flags, BPF_F_NO_PREALLOC);
} trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1); // set by the loader: one for each receive queue
} sockets SEC(".maps");

// ipv4 is the part of the header that is looked at.
struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 src, dst;
};

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
};

static __always_inline int ours(__be32 addr)
{
#pragma unroll
	for (int i = 0; i < PREFIXES_MAX; i++) {
		if (i >= prefix_count)
			break;
		if ((addr & prefixes[i].mask) == prefixes[i].net)
			return 1;
	}
	if (use_trie) {
		struct trie_key key = { .bits = 32, .addr = addr };
		return bpf_map_lookup_elem(&trie, &key) != NULL;
	}
	return 0;
}

// shared tells whether a packet to the shared address is TCP to one of our
// ports. A fragment is the kernel's: only the first has ports.
static __always_inline int shared(struct ipv4 *ip, void *end)
{
	__u32 header = (ip->version_ihl & 15) * 4;
	__be16 *ports = (void *)ip + header;
	__u16 port;

	if (ip->protocol != IPPROTO_TCP || ip->fragment & bpf_htons(0x3fff) ||
	    header < sizeof(*ip) || (void *)(ports + 2) > end)
		return 0;
	port = bpf_ntohs(ports[1]);
	return port >= shared_min && port <= shared_max;
}

static __always_inline int wanted(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct ipv4 *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->version_ihl >> 4 != 4)
			return 0;
		if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP &&
		    ip->protocol != IPPROTO_ICMP)
			return 0;
		if (shared_addr && ip->dst == shared_addr)
			return shared(ip, end);
		return ours(ip->dst);
	}
	if (eth->h_proto == bpf_htons(ETH_P_ARP)) {
		struct arp *arp = (void *)(eth + 1);
		__be32 target;

		if ((void *)(arp + 1) > end)
			return 0;
		if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
		    arp->hardware_len != 6 || arp->protocol_len != 4)
			return 0;
		__builtin_memcpy(&target, arp->target_ip, sizeof(target));
		return ours(target);
	}
	return 0;
}

// A frame for us on a queue without a socket is dropped: the kernel, which
// knows nothing of our connections, would answer it with a reset.
static __always_inline int deliver(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_DROP);
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	return wanted(ctx) ? deliver(ctx) : XDP_PASS;
}

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;

// The same, with the device's receive timestamp in the 8 bytes before the
// frame; 0 when the device has none for it.
SEC("xdp")
int filter_timestamp(struct xdp_md *ctx)
{
	__u64 timestamp = 0;
	__u64 *meta;

	if (!wanted(ctx))
		return XDP_PASS;
	if (bpf_xdp_metadata_rx_timestamp(ctx, &timestamp))
		timestamp = 0;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_DROP;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_DROP;
	*meta = timestamp;
	return deliver(ctx);
}

// The same, run by us, too, to send: what then comes is no frame of the
// device's.
SEC("xdp")
int filter_live(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex != live_device)
		return live_send(ctx);
	return wanted(ctx) ? deliver(ctx) : XDP_PASS;
}
