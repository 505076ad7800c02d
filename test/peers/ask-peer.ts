// Runs one of the Python scripts beside this file with the peers' interpreter and returns what it
// prints.
import { fileURLToPath } from 'node:url';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { ensureLlama } from '../setup/llama.ts';
import { ensureLmEval } from '../setup/lm-eval.ts';
import { ensurePeers } from '../setup/peers.ts';
import { mustRun } from '../setup/python.ts';

/** transformers, PEFT, TRL, gguf. */
export function askPeer(script: string, args: readonly string[]): Promise<string> {
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
  const path = fileURLToPath(new URL(script, import.meta.url));
  const env = {
    // Everything a peer loads is on this disk; without this it asks the network first.
    HF_HUB_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    // Threads wait for each other at full speed, beside tests that want the processors.
    OMP_NUM_THREADS: '1',
    ...(packages === undefined ? {} : { PYTHONPATH: packages }),
  };
  return await mustRun(setup, python, [path, ...args], { env });
}
