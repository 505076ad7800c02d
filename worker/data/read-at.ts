import { readSync } from 'node:fs';
import { Bug } from '../../crds/failures/errors.ts';

/** Fills `target` from a place of a store's file, which is as long as its index says. */
export function readAt(file: number, target: Uint8Array, position: number): void {
  for (let filled = 0; filled < target.length; ) {
    const read = readSync(file, target, filled, target.length - filled, position + filled);
    if (read === 0) throw new Bug('a file of the prepared data ends before its index says');
    filled += read;
  }
}
