// Constants of the memory plan on CUDA devices. Each has its source, and none has been measured on
// a GPU with this engine: `anneal estimate` says so until one is. Change one together with a
// measurement, and mark it.

export interface CudaConstant {
  /** For people: `anneal estimate` names what was not measured. */
  readonly name: string;
  /** Bytes; of fragmentation a share. */
  readonly value: number;
  readonly source: string;
  readonly isMeasured: boolean;
}

const mib = 2 ** 20;

export const cudaConstants = {
  context: {
    name: 'CUDA context',
    value: 600 * mib,
    source:
      'common for libtorch on Hopper, where kernels are loaded when they are first used; the caching allocator does not count it',
    isMeasured: false,
  },
  cublas: {
    name: 'cuBLAS workspace',
    // A handle of the thread that computes forward, and one of the thread of the backward.
    value: 2 * 32 * mib,
    source:
      'CUBLAS_WORKSPACE_CONFIG=:4096:8, which the worker sets: eight buffers of 4 MiB for each handle and stream',
    isMeasured: false,
  },
  segments: {
    name: 'allocator segments',
    value: 2 * mib + 20 * mib,
    source:
      'c10/cuda/CUDACachingAllocator.cpp: segments of 2 MiB for tensors up to 1 MiB, of 20 MiB for those below 10 MiB',
    isMeasured: false,
  },
  nccl: {
    name: 'NCCL buffers',
    value: 16 * 4 * mib,
    source:
      'for each other rank: 4 MiB (the default of NCCL_BUFFSIZE) for each of the 16 channels that worker/native/addon/communicator.cc allows',
    isMeasured: false,
  },
  slack: {
    name: 'fragmentation',
    value: 0.05,
    source:
      'an assumption: this share of all but weights, since freed segments are reused for tensors of other sizes',
    isMeasured: false,
  },
  host: {
    name: 'host libraries',
    value: 1024 * mib,
    source: 'an assumption: pages of the CUDA libraries that are in use, beside those of libtorch',
    isMeasured: false,
  },
  staging: {
    name: 'pinned buffers',
    value: 2 * 32 * mib,
    source:
      'two pieces of to_device (worker/native/addon/device.cc): one is filled while the other is copied',
    isMeasured: false,
  },
} as const satisfies Record<string, CudaConstant>;

/** How the caching allocator of libtorch rounds (c10/cuda/CUDACachingAllocator.cpp). */
const allocator = {
  smallest: 512,
  small: mib,
  large: 10 * mib,
  segment: 20 * mib,
  round: 2 * mib,
} as const;

/** Bytes that a tensor takes of the allocator's segments, with its share of what is left over. */
export function reservedFor(bytes: number): number {
  const { smallest, small, large, segment, round } = allocator;
  if (bytes <= 0) return 0;
  if (bytes <= small) return Math.ceil(bytes / smallest) * smallest;
  if (bytes < large) return segment / Math.floor(segment / bytes);
  return Math.ceil(bytes / round) * round;
}

/** Ranks of a machine have all channels between them; those of others are reached by a network. */
const neighbours = 7;
/** A channel that sends and one that receives. */
const networkBuffers = 2 * 4 * mib;

/** Bytes that NCCL takes of a device, one of so many. */
export function ncclBuffers(ranks: number): number {
  const others = Math.max(0, ranks - 1);
  const near = Math.min(others, neighbours);
  return near * cudaConstants.nccl.value + (others - near) * networkBuffers;
}

/** What a plan for a CUDA device rests on and nobody measured. */
export function unmeasured(): readonly CudaConstant[] {
  const all: readonly CudaConstant[] = Object.values(cudaConstants);
  return all.filter(({ isMeasured }) => !isMeasured);
}
