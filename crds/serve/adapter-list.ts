// The adapters that a server is to have, in a file that changes while it runs: in a pod, the
// operator's list of them.
import * as z from 'zod';
import { servedName } from './served-name.ts';

export const listedAdapter = z.object({
  name: servedName,
  folder: z.string().min(1).max(4096),
});

export const adapterList = z.object({ adapters: z.array(listedAdapter).max(4096) });

export type AdapterList = z.output<typeof adapterList>;
