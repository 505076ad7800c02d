// The configuration of a worker process from its environment; parsed once in main.ts and passed
// down.
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { jsonLimits, parseJson } from '../crds/text/json.ts';
import { type CopiesPlan, copiesPlan, copiesVariable } from '../crds/wire/copies.ts';
import { type MemberRecord, memberRecord, memberVariable } from '../crds/wire/member.ts';

const schema = z.object({
  ANNEAL_CACHE: z.string().min(1).optional(),
  XDG_CACHE_HOME: z.string().min(1).optional(),
  [memberVariable]: z.string().optional(),
  [copiesVariable]: z.string().optional(),
});

export interface WorkerConfig {
  /** Folder of downloads, token stores, runs, and volumes in place of claims. */
  readonly cache: string;
  /** Its rank among the trainers of a run; undefined for a single process. */
  readonly member?: MemberRecord;
  /** Undefined where the job keeps no copies of the state. */
  readonly copies?: CopiesPlan;
  /** The whole environment, for what libraries read themselves (tokens, endpoints). */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

export function workerConfig(
  variables: Readonly<Record<string, string | undefined>>,
): WorkerConfig {
  const { ANNEAL_CACHE, XDG_CACHE_HOME, ANNEAL_MEMBER, ANNEAL_COPIES } = schema.parse(variables);
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  return {
    ...{ cache, variables },
    ...(ANNEAL_MEMBER === undefined
      ? {}
      : { member: memberRecord.parse(parseJson(ANNEAL_MEMBER, jsonLimits.message)) }),
    ...(ANNEAL_COPIES === undefined
      ? {}
      : { copies: copiesPlan.parse(parseJson(ANNEAL_COPIES, jsonLimits.message)) }),
  };
}
