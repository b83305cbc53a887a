// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Live frames: the program is run by BPF_PROG_TEST_RUN, as often as a queue has
// frames to send, each time with a page of the kernel's that shall become the
// next of them. The frame is copied out of the UMEM, which is the memory of
// live_frames, and redirected to the device.
//
// Nothing here runs at the same time as the user's side of a queue: that is in
// the system call which runs this.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

// The page comes with LIVE_TEMPLATE + k bytes in it for queue k; live_linux.go
// knows that, too.
#define LIVE_TEMPLATE 64

// LIVE_FRAME is the least memory of a frame.
#define LIVE_FRAME 2048

const volatile __u32 live_device = 0; // the interface's index
const volatile __u32 live_count = 0;  // send frames, and descriptors, of a queue
const volatile __u32 live_max = 0;    // length of the longest frame

// live_list is how far a queue's descriptors are sent. Each has a cache line.
struct live_list {
	__u32 next, count;
	__u32 refused; // did not become a frame
	__u32 unused[13];
};

struct live_descriptor {
	__u32 frame; // its number in the UMEM
	__u32 length;
};

struct live_frame {
	__u8 data[LIVE_FRAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct live_list);
	__uint(max_entries, 1); // set by the loader, as the others
} live_lists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct live_descriptor);
	__uint(max_entries, 1);
} live_descriptors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct live_frame);
	__uint(max_entries, 1);
} live_frames SEC(".maps");

// The device, whatever network namespace the program is run in.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} live_out SEC(".maps");

// live_bytes is how long the page's content is. The verifier lets nothing be
// added to the end of a packet, so nothing may be folded into this.
static __always_inline __u32 live_bytes(struct xdp_md *ctx)
{
	__u64 bytes = (__u64)(long)ctx->data_end - (__u64)(long)ctx->data;

	asm volatile("" : "+r"(bytes));
	return bytes;
}

static __always_inline int live_copy(struct xdp_md *ctx, struct live_descriptor *d)
{
	__u32 key = d->frame, length = d->length;
	struct live_frame *f = bpf_map_lookup_elem(&live_frames, &key);

	if (!f || length < ETH_HLEN || length > live_max)
		return -1;
	if (bpf_xdp_adjust_tail(ctx, (int)length - (int)live_bytes(ctx)))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, f->data, length);
}

static __always_inline int live_send(struct xdp_md *ctx)
{
	__u32 queue = live_bytes(ctx) - LIVE_TEMPLATE, key;
	struct live_list *list = bpf_map_lookup_elem(&live_lists, &queue);
	struct live_descriptor *d;

	if (!list || list->next >= list->count)
		return XDP_DROP;
	key = queue * live_count + list->next++;
	d = bpf_map_lookup_elem(&live_descriptors, &key);
	if (!d || live_copy(ctx, d)) {
		list->refused++;
		return XDP_DROP;
	}
	return bpf_redirect_map(&live_out, 0, XDP_DROP);
}
