// What fetching works with, and what it reports.
import type { FileDigests } from './file-digests.ts';
import type { Network } from './http.ts';

export type FetchEvent =
  | { readonly type: 'Start'; readonly path: string; readonly held: number; readonly bytes: number }
  | { readonly type: 'Bytes'; readonly path: string; readonly count: number }
  | {
      readonly type: 'Retry';
      readonly path: string;
      readonly reason: string;
      readonly waitMs: number;
    }
  | { readonly type: 'Waiting'; readonly path: string }
  | { readonly type: 'Verify'; readonly path: string }
  | { readonly type: 'Done'; readonly path: string };

export interface FetchTools {
  readonly network: Network;
  readonly digests: FileDigests;
  readonly report: (event: FetchEvent) => void;
}
