// The most memory that the process with the model held while as many requests as it takes together
// were answered, all as long as there may be.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ServeOrder, serveMessage } from '../../../crds/serve/messages.ts';
import { type ServeSettings, serveFile } from '../../../crds/serve/settings.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { compiledCode } from '../../builders/compiled-code.ts';
import { tellsPeak } from '../../builders/tells-peak.ts';

const program = join(import.meta.dirname, '../../../worker/main.ts');

/** `models`: names that the requests use in turn; `made`: tokens that each makes. */
export async function peakOfServer(
  folder: string,
  settings: ServeSettings,
  { models, made }: { readonly models: readonly string[]; readonly made: number },
): Promise<number> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, serveFile), JSON.stringify(settings));
  await writeFile(join(folder, 'peak.mjs'), tellsPeak);
  const peakFile = join(folder, 'peak');
  const { together, context } = settings.limits;
  const compiled = await compiledCode();
  const child = fork(program, ['serve', folder], {
    execArgv: [...workerNodeArguments('serve'), '--import', join(folder, 'peak.mjs')],
    env: { ...process.env, ...compiled, PEAK_FILE: peakFile },
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const open = new Set<number>();
  const refused: string[] = [];
  const ask = (): void => {
    for (let id = 0; id < together; id += 1) {
      const ids = Array.from({ length: context - made }, (_, at) => 5 + ((at * 7 + id) % 40));
      const question = {
        ...{ model: models[id % models.length] ?? '', prompt: { type: 'Tokens', ids } as const },
        ...{ maxTokens: made, temperature: 0, topP: 1, seed: id, stop: [] },
        // All that can be asked of a prompt: its logits, some rows at a time.
        ...{ echo: true, logprobs: 5 },
      };
      open.add(id);
      child.send({ serve: 'Ask', id, question } satisfies ServeOrder);
    }
  };
  child.on('message', (raw) => {
    const { data } = serveMessage.safeParse(raw);
    if (data?.serve === 'Models') {
      refused.push(...data.refused.map(({ reason }) => reason));
      ask();
    }
    if (data?.serve === 'Refused') refused.push(data.message);
    if (data?.serve === 'Refused') open.delete(data.id);
    if (data?.serve === 'Step') for (const { id } of data.ends) open.delete(id);
    if (data !== undefined && data.serve !== 'Models' && open.size === 0) child.send('stop');
  });
  const [code] = await once(child, 'exit');
  if (refused.length > 0 || code !== 0) throw new Error(`exit ${code}: ${refused.join('; ')}`);
  return Number(await readFile(peakFile, 'utf8'));
}
