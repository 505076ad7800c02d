// Inputs of blocks that wait for their backward outside memory (`offload`). On a processor they go
// to a file of the run: the kernel writes it back when it likes, and drops written pages when
// memory is short. A step writes and reads each input once: `T * H` values for a block and
// sequence, which costs little beside the block's products.
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isStorageFull, TerminalError } from '../../crds/failures/errors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { readValues, type Tensor, writeValues } from '../tensor/tensor.ts';

export interface ActivationOffload {
  /** Copies the values; the tensor stays the caller's. */
  put(x: Tensor): OffloadedInput;
  /** Forgets all inputs. Each step begins with it, since the step before may have failed. */
  clear(): void;
}

export interface OffloadedInput {
  /** Reads the tensor back, bit for bit; may be called once. */
  take(): Tensor;
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
