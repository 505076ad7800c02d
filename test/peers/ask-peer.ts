// Runs one of the Python scripts beside this file with the peers' interpreter and returns what it prints.
import { fileURLToPath } from 'node:url';
import { thisSetup } from '../../cli/setup/setup.ts';
import { ensurePeers } from '../setup/peers.ts';
import { mustRun } from '../setup/python.ts';

export async function askPeer(script: string, args: readonly string[]): Promise<string> {
  const setup = thisSetup(new AbortController().signal);
  const { python } = await ensurePeers(setup);
  const path = fileURLToPath(new URL(script, import.meta.url));
  // Everything a peer loads is on this disk; without this it asks the network first.
  const env = { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
  return await mustRun(setup, python, [path, ...args], env);
}
