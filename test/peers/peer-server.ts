// One Python process for all scripts of peers: it has imported transformers and PEFT, which takes
// seven seconds of processor time, and each script runs in a fork of it.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import type { Setup } from '../../cli/setup/setup.ts';
import { processorSecondsOf } from '../report/processor-time.ts';
import type { Tally } from '../report/tally.ts';
import { ensurePeers } from '../setup/peers.ts';

/** Names the socket where scripts are run; without it each is a process of its own. */
export const peerServerVariable = 'ANNEAL_TEST_PEER_SERVER';

export const peerEnv = {
  // Everything a peer loads is on this disk; without this it asks the network first.
  HF_HUB_OFFLINE: '1',
  TOKENIZERS_PARALLELISM: 'false',
  // Threads wait for each other at full speed, beside tests that want the processors.
  OMP_NUM_THREADS: '1',
} as const;

export interface PeerServer extends AsyncDisposable {
  readonly socket: string;
  /** So far, of all scripts that have ended. */
  processorTime(): Pick<Tally, 'processorSeconds'>;
}

/** Ends with its disposal, and with the process that started it. */
export async function startPeerServer(setup: Setup): Promise<PeerServer> {
  const { python } = await ensurePeers(setup);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-peers-'));
  const socket = join(folder, 'socket');
  const script = join(import.meta.dirname, 'peer_server.py');
  const child = execa(python, [script, socket], {
    ...{
      env: peerEnv,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
      reject: false,
      buffer: false,
    },
    ...{ cancelSignal: setup.signal },
  });
  const first = await Promise.race([once(child.stdout, 'data'), child]);
  if (!Array.isArray(first)) {
    await rm(folder, { recursive: true, force: true });
    setup.signal.throwIfAborted();
    throw new Error(`the Python peers cannot be imported; ${python} ${script} ${socket} says why`);
  }
  return {
    socket,
    processorTime: () => {
      const processorSeconds = processorSecondsOf(child.pid ?? 0);
      return processorSeconds === undefined ? {} : { processorSeconds };
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await child;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Asked {
  /** The script and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ends the script when the signal is aborted. */
export async function askPeerServer(
  socket: string,
  { args, env }: Asked,
  signal: AbortSignal,
): Promise<Answered> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-peer-'));
  try {
    const [out, err] = [join(folder, 'out'), join(folder, 'err')];
    const connection = createConnection({ path: socket, signal });
    // Written and not ended: a connection that is ended ends the script.
    connection.write(`${JSON.stringify({ args, env, out, err })}\n`);
    const code = await text(connection);
    const [stdout, stderr] = await Promise.all(
      [out, err].map((file) => readFile(file, 'utf8').catch(() => '')), // it was killed before
    );
    return { code: code === '' ? 1 : Number(code), stdout: stdout ?? '', stderr: stderr ?? '' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
