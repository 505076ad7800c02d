// What tests of sources share: a network whose waits pass at once, an environment in a temporary
// folder, bytes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FetchEvent } from '../../worker/remote/fetch-tools.ts';
import { fileDigests } from '../../worker/remote/file-digests.ts';
import { gate } from '../../worker/remote/gate.ts';
import type { Network } from '../../worker/remote/http.ts';
import type { SourceEnvironment } from '../../worker/remote/source-environment.ts';
import { FakeClock } from './clock.ts';

export interface Folder extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'anneal-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface TestNetwork extends Network {
  readonly clock: FakeClock;
  /** Waits between tries, in order. */
  readonly waits: number[];
}

/** Each wait between tries is passed by moving the clock as soon as it is announced. */
export function testNetwork(
  options: { readonly connections?: number; readonly stallMs?: number } = {},
): TestNetwork {
  const clock = new FakeClock();
  const waits: number[] = [];
  return {
    clock,
    waits,
    fetch,
    rng: () => 1,
    policy: { firstMs: 1000, longestMs: 60_000, budgetMs: 30 * 60_000 },
    // So long that passing the waits above never looks like a stall.
    stallMs: options.stallMs ?? 1e9,
    connections: gate(options.connections ?? 4),
    onRetry: (_, waitMs) => {
      waits.push(waitMs);
      setImmediate(() => clock.advance(waitMs));
    },
  };
}

export interface TestEnvironment extends SourceEnvironment {
  readonly network: TestNetwork;
  readonly events: FetchEvent[];
}

export function testEnvironment(
  cache: string,
  facts: Partial<Omit<SourceEnvironment, 'network'>> & { readonly network?: TestNetwork },
): TestEnvironment {
  const events: FetchEvent[] = [];
  const network = facts.network ?? testNetwork();
  return {
    cache,
    jobFolder: cache,
    volumes: new Map(),
    images: new Map(),
    hubEndpoint: 'http://127.0.0.1:1',
    offline: false,
    hubToken: undefined,
    bucketCredentials: undefined,
    region: undefined,
    secret: () => undefined,
    report: (event) => void events.push(event),
    digests: fileDigests(cache, network.clock),
    ...facts,
    network,
    events,
  };
}

/** Bytes that differ everywhere, the same for the same seed: a 32-bit xorshift. */
export function someBytes(count: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(count);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < count; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
