// Inputs of blocks that wait for their backward outside memory (`offload`). A step writes and reads
// each input once: `T * H` values for a block and sequence, which costs little beside the block's
// products. From a processor they go to a file of the run: the kernel writes it back when it likes,
// and drops written pages when memory is short. From a device they go to pinned memory of the host,
// copied beside the products: those of a block while the next block computes, and back while the
// block after it does.
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isStorageFull, TerminalError } from '../../crds/failures/errors.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import {
  copyFromHost,
  copyToHost,
  joinCopies,
  readValues,
  type Tensor,
  writeValues,
} from '../tensor/tensor.ts';

export interface ActivationOffload {
  /** Copies the values; the tensor stays the caller's. */
  put(x: Tensor): OffloadedInput;
  /** Forgets all inputs. Each step begins with it, since the step before may have failed. */
  clear(): void;
}

export interface OffloadedInput {
  /** Its block comes next: reading it back may begin. */
  prefetch(): void;
  /** Reads the tensor back, bit for bit; may be called once. */
  take(): Tensor;
}

/** Inputs of blocks on `device`: to memory of the host, or to a file in `folder`. */
export function activationOffload(device: Device, folder: string): ActivationOffload & Disposable {
  return device === 'cpu' ? new FileActivationOffload(folder) : new HostActivationOffload();
}

class HostActivationOffload implements ActivationOffload, Disposable {
  put(x: Tensor): OffloadedInput {
    const { device } = x;
    const host = copyToHost(x);
    let begun: Tensor | undefined;
    const begin = (): Tensor => {
      if (begun !== undefined) return begun;
      begun = copyFromHost(host, device);
      host.dispose();
      return begun;
    };
    return {
      prefetch: () => {
        begin();
      },
      take() {
        const taken = begin();
        joinCopies(device);
        return taken;
      },
    };
  }

  /** The scope of a step owns the copies. */
  clear(): void {}

  [Symbol.dispose](): void {}
}

/** Uses an unlinked file, so that nothing is left however the process ends. */
export class FileActivationOffload implements ActivationOffload, Disposable {
  readonly #folder: string;
  readonly #open: (folder: string) => number;
  #file: number | undefined;
  /** Offset at which the next tensor is written. */
  #end = 0;

  constructor(folder: string, open = openUnnamed) {
    this.#folder = folder;
    this.#open = open;
  }

  put(x: Tensor): OffloadedInput {
    const { shape, dtype, bytes } = x;
    const start = this.#end;
    this.#write(x, start);
    this.#end += bytes;
    return {
      prefetch: () => {},
      take: () => {
        const taken = ops.empty(shape, { dtype });
        readValues(taken, this.#opened(), start);
        return taken;
      },
    };
  }

  clear(): void {
    this.#end = 0;
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #write(x: Tensor, start: number): void {
    try {
      writeValues(x, this.#opened(), start);
    } catch (error) {
      throw isStorageFull(error) ? noSpace(this.#folder, start, error) : error;
    }
  }

  #opened(): number {
    this.#file ??= this.#open(this.#folder);
    return this.#file;
  }
}

function noSpace(folder: string, written: number, cause: unknown): TerminalError {
  return new TerminalError({
    code: 'E_STORAGE_FULL',
    message: `${folder} has no space for the inputs of blocks: the disk is full after ${written} bytes`,
    hint: 'spec.parallelism.activationRecomputation: Full keeps them in memory',
    cause,
  });
}

function openUnnamed(folder: string): number {
  const path = join(folder, `.inputs-${process.pid}`);
  const file = openSync(path, 'w+', 0o600);
  unlinkSync(path);
  return file;
}
