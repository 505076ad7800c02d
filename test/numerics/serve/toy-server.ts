// A server on a toy in a folder, asked without HTTP, and what it says.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import type { Composition } from '../../../crds/serve/compositions.ts';
import type { ServedQuestion, ServeMessage } from '../../../crds/serve/messages.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { textsOf } from '../../../worker/serve/questions.ts';
import { Server } from '../../../worker/serve/server.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { writeToyJob } from '../../toy/toy-job.ts';
import { digest } from './toy-serving.ts';

interface ToyServerOptions {
  readonly pages?: number;
  readonly together?: number;
  readonly compositions?: readonly Composition[];
  /** Bytes that adapters may take. @default all */
  readonly adapterBytes?: number;
}

export async function aServer(
  t: ExecutionContext,
  { pages = 64, together = 8, compositions = [], adapterBytes = 2 ** 40 }: ToyServerOptions = {},
) {
  const folder = await temporaryFolder();
  await writeToyJob(folder.path, { name: 'served', method: { preset: 'LoRA' } });
  const files = openModel(join(folder.path, 'model'));
  const options = { dtype: 'float32', adapter: null, trains: () => false } as const;
  const model = buildModel(modelSource(files), { ...options, sequenceLength: 64 });
  t.teardown(async () => {
    model.parameters[Symbol.dispose]();
    files[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const budget = {
    require(bytes: number, name: string): void {
      if (bytes <= adapterBytes) return;
      throw new UserError({ code: 'E_DOES_NOT_FIT', message: `${name} does not fit` });
    },
  };
  const said: ServeMessage[] = [];
  const server = new Server({
    ...{ name: 'base', pages, together, context: 64, maxTokens: 12, now: () => 5 },
    base: { model, digest, acceptsUnnamed: false },
    ...{ compositions, budget },
    texts: await textsOf(files.headers),
    say: (message) => said.push(message),
  });
  t.teardown(() => server[Symbol.dispose]());
  const write = (name: string, seed: number) =>
    writePeftFolder(join(folder.path, name), model, {
      rank: 4,
      seed,
      baseDigest: digest,
      size: 0.3,
    });
  const textOf = (id: number): string =>
    said
      .flatMap((message) => (message.serve === 'Step' ? message.texts : []))
      .filter((one) => one.id === id)
      .map(({ text }) => text)
      .join('');
  const endOf = (id: number) =>
    said
      .flatMap((message) => (message.serve === 'Step' ? message.ends : []))
      .find((one) => one.id === id);
  const finish = (): void => {
    while (!server.isIdle) server.step();
  };
  return { server, said, write, textOf, endOf, finish };
}

export function askedOf(model: string, more: Partial<ServedQuestion> = {}): ServedQuestion {
  const prompt = { type: 'Text', text: 'what is 3 and 5' } as const;
  return { model, prompt, maxTokens: 10, temperature: 0, topP: 1, seed: 1, stop: [], ...more };
}
