// The adapters that a server is to have, in a file that changes while it runs: in a pod, the
// operator's list of them.
import * as z from 'zod';
import { s3 } from '../api/source.ts';
import { servedName } from './served-name.ts';

/** In a folder that the process sees. */
export const listedAdapter = z.object({
  name: servedName,
  folder: z.string().min(1).max(4096),
});

/** In a bucket, from which it is fetched. */
const inBucket = z.object({ name: servedName, s3 });

export const placedAdapter = z.union([listedAdapter, inBucket]);
export type PlacedAdapter = z.output<typeof placedAdapter>;

/** Where it is, in a word that both sides compare. */
export function placeOf(adapter: PlacedAdapter): string {
  return 'folder' in adapter ? adapter.folder : adapter.s3.uri;
}

export const adapterList = z.object({ adapters: z.array(placedAdapter).max(4096) });

export type AdapterList = z.output<typeof adapterList>;
