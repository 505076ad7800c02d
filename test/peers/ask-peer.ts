// Runs one of the Python scripts beside this file with the peers' interpreter and returns what it
// prints.
import { fileURLToPath } from 'node:url';
import { pipError } from '../../cli/setup/pip.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { ensureLlama } from '../setup/llama.ts';
import { ensureLmEval } from '../setup/lm-eval.ts';
import { ensurePeers } from '../setup/peers.ts';
import { mustRun } from '../setup/python.ts';
import { askPeerServer, peerEnv, peerServerVariable } from './peer-server.ts';

/** transformers, PEFT, TRL, gguf. */
export function askPeer(script: string, args: readonly string[]): Promise<string> {
  const socket = process.env[peerServerVariable];
  return socket === undefined ? ask(ensurePeers, script, args) : askFork(socket, script, args);
}

/** For a script that chooses, before it imports a package, what that does. */
export function askPeerAlone(script: string, args: readonly string[]): Promise<string> {
  return ask(ensurePeers, script, args);
}

/** llama.cpp. */
export function askLlama(script: string, args: readonly string[]): Promise<string> {
  return ask(ensureLlama, script, args);
}

/** lm-eval, and the peers of `askPeer`. */
export function askLmEval(script: string, args: readonly string[]): Promise<string> {
  return ask(ensureLmEval, script, args);
}

async function ask(
  ensure: (setup: Setup) => Promise<{ readonly python: string; readonly packages?: string }>,
  script: string,
  args: readonly string[],
): Promise<string> {
  const setup = thisSetup(new AbortController().signal);
  const { python, packages } = await ensure(setup);
  const env = { ...peerEnv, ...(packages === undefined ? {} : { PYTHONPATH: packages }) };
  return await mustRun(setup, python, [pathOf(script), ...args], { env });
}

/** No peer takes longer. */
const limitMs = 20 * 60_000;

async function askFork(socket: string, script: string, args: readonly string[]): Promise<string> {
  const asked = { args: [pathOf(script), ...args], env: {} };
  const ran = await askPeerServer(socket, asked, AbortSignal.timeout(limitMs));
  if (ran.code === 0) return ran.stdout;
  throw new Error(`${script} did not succeed: ${pipError({ kind: 'ended', ok: false, ...ran })}`);
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
