// Finds and loads the addon, once in each process or worker thread. All native calls go through
// `native`.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TerminalError } from '../../crds/failures/errors.ts';
import { fixWorkspaces, holdToLevel, letIdleThreadsSleep, nativeOverride } from './config.ts';
import { requireLevel } from './cpu-level.ts';
import type { Device } from './device.ts';
import { toNativeError } from './native-error.ts';

/** Bytes of a device. */
export interface DeviceMemory {
  readonly total: number;
  readonly free: number;
  /** What libtorch's allocator holds, and its peak since the last reset. */
  readonly reserved: number;
  readonly reservedPeak: number;
  /** The part of it that tensors use. */
  readonly allocated: number;
  readonly allocatedPeak: number;
}

/**
 * The exports of `worker/native/addon`. A handle is a positive integer that identifies a tensor.
 */
interface Native {
  op(name: string, overload: string): number;
  call(operator: number, ...values: unknown[]): unknown;
  schema(name: string, overload: string): string | undefined;
  schemas(): string[];
  loadLibrary(path: string): void;
  scopeBegin(device?: Device): void;
  scopeEnd(kept?: readonly number[]): void;
  keep(handle: number): void;
  release(handle: number): void;
  live(): number;
  grad(
    outputs: readonly number[],
    inputs: readonly number[],
    seeds: readonly number[],
  ): (number | null)[];
  setGrad(on: boolean): boolean;
  leaf(handle: number): number;
  describe(handle: number): number[];
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: number, as: number): number;
  toBytes(handle: number, as: number): ArrayBuffer;
  item(handle: number): number;
  map(path: string): number;
  releasePages(handle: number): number;
  /** 0, or the negative errno. */
  writeValues(handle: number, file: number, position: number): number;
  readValues(handle: number, file: number, position: number): void;
  memory(): { readonly held: number; readonly peak: number; readonly reported: number };
  resetPeak(): void;
  trim(): void;
  resizeStorage(handle: number, bytes: number): void;
  moveStorage(to: number, from: number): void;
  deviceCount(): number;
  deviceMemory(index: number): DeviceMemory;
  resetDevicePeak(index: number): void;
  requireDeterministicOperators(): void;
  roundProducts(on: boolean): void;
  toDevice(handle: number, device: Device): number;
  offload(handle: number): number;
  fetch(handle: number, device: Device): number;
  joinCopies(device: Device): void;
  threads(): number;
  setThreads(count: number): void;
  groupJoin(
    name: string,
    rank: number,
    size: number,
    host: string,
    port: number,
    timeoutMs: number,
    address: string,
    device: Device,
    wantsNccl: boolean,
  ): { readonly group: number; readonly nccl: string; readonly whyNot: string };
  groupAllReduce(group: number, tensor: number): number;
  groupAllGather(group: number, output: number, input: number): number;
  groupReduceScatter(group: number, output: number, input: number): number;
  groupBroadcast(group: number, tensor: number, root: number): number;
  groupBarrier(group: number): number;
  workWait(work: number): void;
  groupMissing(group: number, waitMs: number): number[];
  groupLeave(group: number): void;
  onError(
    make: (operator: string, message: string, detail: string, outOfMemory: boolean) => Error,
  ): void;
}

export const native: Native = load();

function load(): Native {
  const path =
    nativeOverride() ?? fileURLToPath(new URL('../native/dist/anneal.node', import.meta.url));
  if (!existsSync(path)) throw missing(`${path} does not exist`);
  letIdleThreadsSleep();
  fixWorkspaces();
  const level = holdToLevel();
  const addon = open(path);
  addon.onError(toNativeError);
  addon.loadLibrary(kernels(path, 'anneal_kernels'));
  requireLevel(level, String(addon.call(addon.op('anneal::choose_isa', ''), null)));
  // Built only with a CUDA toolkit; it brings ATen's CUDA kernels with it.
  const cuda = kernels(path, 'anneal_kernels_cuda');
  if (existsSync(cuda)) addon.loadLibrary(cuda);
  return addon;
}

function open(path: string): Native {
  try {
    // The addon is built from the sources beside this file: its exports are the interface above.
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw missing(
      `${path} cannot be loaded: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
}

function kernels(addon: string, name: string): string {
  return join(dirname(addon), `lib${name}.${process.platform === 'darwin' ? 'dylib' : 'so'}`);
}

function missing(message: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'E_NATIVE_MISSING', message, cause });
}
