/** Between a process of the worker that leaves its work to another one, and that one. */
import { join } from 'node:path';

/** Main file of the worker. */
export const workerMain = join(import.meta.dirname, '../../worker/main.ts');

/** Names the socket of the hosts. */
export const hostsVariable = 'ANNEAL_TEST_HOSTS';

export interface Begin {
  readonly type: 'begin';
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ToHost =
  | Begin
  | { readonly type: 'order'; readonly order: unknown }
  | { readonly type: 'event'; readonly name: 'disconnect' | 'SIGTERM' | 'SIGINT' };

export type FromHost =
  | { readonly type: 'said'; readonly message: object }
  | { readonly type: 'stderr'; readonly text: string }
  | { readonly type: 'ended'; readonly code: number };
