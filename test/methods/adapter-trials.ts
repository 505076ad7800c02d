// All files of adapters/.
import { readdirSync } from 'node:fs';
import type { AdapterTrial } from './adapter-trial.ts';

const folder = new URL('adapters/', import.meta.url);

const trials = await Promise.all(
  readdirSync(folder).map(async (name) => {
    // Each of them declares its type.
    const { trial } = (await import(new URL(name, folder).href)) as { trial: AdapterTrial };
    return trial;
  }),
);

type Kind = keyof AdapterTrial;

/** The rows that all adapters have for a test. */
export function rowsOf<K extends Kind>(kind: K): Required<AdapterTrial>[K] {
  const rows = trials.flatMap((trial) => Object.entries(trial[kind] ?? {}));
  const twice = rows.find(([name], at) => rows.findIndex(([other]) => other === name) !== at);
  if (twice !== undefined) throw new Error(`two rows are called ${twice[0]}`);
  // Each row is one of this kind.
  return Object.fromEntries(rows) as Required<AdapterTrial>[K];
}
