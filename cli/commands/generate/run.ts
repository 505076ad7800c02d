// `anneal generate FILE`: trains a generator of adapters on this machine, and makes those that the
// file asks for.
import { join } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseGenerator } from '../../../crds/manifest/adapter-generator.ts';
import { type GeneratorRun, generatorFiles, generatorRun } from '../../../crds/wire/generator.ts';
import { chooseStored, type StoredKind } from '../../client/numbered-store.ts';
import { readText } from '../../client/read-job.ts';
import { runGenerator } from '../../generator/run-generator.ts';
import { taskJob } from '../../generator/task-job.ts';
import type { CliConfig } from '../../process/config.ts';
import { perform } from '../local-work/perform.ts';
import { checkout, placeOf } from '../local-work/place.ts';
import type { GenerateFlags } from './command.ts';
import { generatorJson, generatorLines } from './text.ts';

const generators: StoredKind<GeneratorRun> = {
  ...{ kind: 'generators', file: generatorFiles.run, schema: generatorRun },
};

export async function generateFromTerminal(
  file: string,
  flags: GenerateFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const { spec, metadata } = parseGenerator(await readText(file), file);
  const job = taskJob(spec, spec.tasks[0]?.records ?? {});
  const { place, variables } = await placeOf(file, job, flags, config);
  const { destination: _to, ...decisive } = spec;
  const record: GeneratorRun = {
    ...{ version: 1, name: metadata.name ?? 'generator', ...place, spec },
    ...{ namespace: metadata.namespace ?? 'default', digest: digestOf(decisive) },
  };
  using chosen = await chooseStored(generators, record, flags.fresh ?? false);
  const { stored } = chosen;
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const view = (flags.output === 'json' ? generatorJson : generatorLines)(write, stored);
  return await perform(chosen, view, (signals) =>
    runGenerator(stored, { worker, variables, view, ...signals }),
  );
}
